//! The exponential linear unit between two attention layers: in place, and on the tape.

use candle_core::{CpuStorage, CustomOp1, Layout, Result as Candle, Shape, Tensor};
use rayon::prelude::*;

use super::exp::exp;
use super::tape;
use super::wide::wide;

/// Numbers one task takes.
const PIECE: usize = 1 << 14;

/// `x` where it is above zero, `eˣ − 1` elsewhere.
pub fn forward(x: &mut [f32]) {
    x.par_chunks_mut(PIECE).for_each(|x| {
        wide(|| {
            for x in x {
                let below = exp(*x) - 1.0;
                *x = if *x > 0.0 { *x } else { below };
            }
        });
    });
}

/// From the gradient by the result `y` to that by the argument, in place: times 1 or `y + 1`.
pub fn backward(y: &[f32], grad: &mut [f32]) {
    grad.par_chunks_mut(PIECE).zip(y.par_chunks(PIECE)).for_each(|(grad, y)| {
        for (grad, &y) in grad.iter_mut().zip(y) {
            *grad *= if y > 0.0 { 1.0 } else { y + 1.0 };
        }
    });
}

/// The unit on the tape, element by element, f32.
#[derive(Clone, Copy, Debug)]
pub struct Elu;

impl Elu {
    /// `x` where it is above zero, `eˣ − 1` elsewhere.
    pub fn apply(x: &Tensor) -> Candle<Tensor> {
        if x.device().is_cuda() {
            return x.elu(1.0);
        }
        x.contiguous()?.apply_op1(Elu)
    }
}

impl CustomOp1 for Elu {
    fn name(&self) -> &'static str {
        "elu"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Candle<(CpuStorage, Shape)> {
        let mut out = tape::slice::<f32>(self.name(), x, layout)?.to_vec();
        forward(&mut out);
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, y: &Tensor, grad: &Tensor) -> Candle<Option<Tensor>> {
        let mut out = tape::numbers::<f32>(grad)?;
        tape::lend([y], |[y]| {
            backward(y, &mut out);
            Ok(())
        })?;
        tape::tensor(out, x.dims(), x).map(Some)
    }
}
