//! Some rows of a matrix, with a gradient that needs no atomics and no order of threads.

use candle_core::{CpuStorage, CudaStorage, CustomOp1, Device, Layout, Result, Shape, Tensor};

use super::tape;

/// Where a row is picked more often than this, its gradient is summed by candle's slower operation.
const MOST: usize = 8;

/// Picks rows on the tape: `apply(x)` with `x` `[rows, width]` gives `[places.len(), width]`.
#[derive(Clone, Debug)]
pub struct Pick {
    places: Tensor,
    rows: usize,
    /// For each turn and row one of the row's places, or `places.len()` where it has no more; empty
    /// where that would be too many turns.
    turns: Vec<Tensor>,
}

impl Pick {
    /// The rows at these places of a matrix of so many rows. Fails on a place that is not there.
    pub fn new(places: &[u32], rows: usize, device: &Device) -> Result<Self> {
        let none = places.len() as u32;
        let mut seen = vec![0usize; rows];
        let mut turns: Vec<Vec<u32>> = Vec::new();
        for (at, &place) in (0u32..).zip(places) {
            let Some(seen) = seen.get_mut(place as usize) else {
                candle_core::bail!("row {place} does not exist: there are {rows}")
            };
            if *seen < MOST {
                if turns.len() == *seen {
                    turns.push(vec![none; rows]);
                }
                turns[*seen][place as usize] = at;
            }
            *seen += 1;
        }
        if seen.iter().any(|&seen| seen > MOST) {
            turns.clear();
        }
        let put = |numbers: &[u32]| Tensor::from_slice(numbers, numbers.len(), device);
        let turns = turns.iter().map(|turn| put(turn)).collect::<Result<_>>()?;
        Ok(Pick { places: put(places)?, rows, turns })
    }

    /// The rows; see [`Pick`].
    pub fn apply(&self, x: &Tensor) -> Result<Tensor> {
        if x.dim(0)? != self.rows {
            candle_core::bail!("pick: {} rows where {} were expected", x.dim(0)?, self.rows)
        }
        let picked = x.detach().contiguous()?.index_select(&self.places, 0)?;
        x.apply_op1(Picked { picked, pick: self.clone() })
    }
}

/// [`Pick`], done.
struct Picked {
    picked: Tensor,
    pick: Pick,
}

impl CustomOp1 for Picked {
    fn name(&self) -> &'static str {
        "pick"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        tape::done(&self.picked)
    }

    fn cuda_fwd(&self, _: &CudaStorage, _: &Layout) -> Result<(CudaStorage, Shape)> {
        tape::done_cuda(&self.picked)
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let Pick { places, turns, .. } = &self.pick;
        let grad = grad.contiguous()?;
        let zeros = Tensor::zeros(x.shape(), grad.dtype(), grad.device())?;
        if turns.is_empty() {
            return Ok(Some(zeros.index_add(places, &grad, 0)?));
        }
        let width = grad.dim(1)?;
        let nothing = Tensor::zeros((1, width), grad.dtype(), grad.device())?;
        let padded = Tensor::cat(&[grad, nothing], 0)?;
        let mut sum = padded.index_select(&turns[0], 0)?;
        for turn in &turns[1..] {
            sum = sum.add(&padded.index_select(turn, 0)?)?;
        }
        Ok(Some(sum))
    }
}
