//! Rows to unit length, with the gradient.

use candle_core::{CpuStorage, CudaStorage, CustomOp1, Layout, Result as Candle, Shape, Tensor};
use rayon::prelude::*;

use super::real::dot;
use super::tape;

/// A row shorter than this is divided by this.
const FLOOR: f32 = 1e-12;
/// Rows one task takes.
const PIECE: usize = 256;

/// `out = x / max(‖x‖, 10⁻¹²)`, row by row of `width`.
pub fn forward(x: &[f32], width: usize, out: &mut [f32]) {
    let width = width.max(1);
    out.par_chunks_mut(PIECE * width).zip(x.par_chunks(PIECE * width)).for_each(|(out, x)| {
        for (out, x) in out.chunks_exact_mut(width).zip(x.chunks_exact(width)) {
            let scale = 1.0 / length(x);
            out.iter_mut().zip(x).for_each(|(out, x)| *out = x * scale);
        }
    });
}

/// From the gradient by the unit rows to that by `x`, in place: (g − y (y·g)) / ‖x‖ with y = x/‖x‖.
pub fn backward(x: &[f32], width: usize, grad: &mut [f32]) {
    let width = width.max(1);
    grad.par_chunks_mut(PIECE * width).zip(x.par_chunks(PIECE * width)).for_each(|(grad, x)| {
        for (grad, x) in grad.chunks_exact_mut(width).zip(x.chunks_exact(width)) {
            let length = length(x);
            // Below the floor the divisor is constant.
            let along = if length > FLOOR { dot(x, grad) / (length * length) } else { 0.0 };
            grad.iter_mut().zip(x).for_each(|(g, x)| *g = (*g - x * along) / length);
        }
    });
}

fn length(x: &[f32]) -> f32 {
    dot(x, x).sqrt().max(FLOOR)
}

/// Unit rows on the tape: `apply(x)` with `x` `[rows, width]`, f32.
#[derive(Clone, Copy, Debug)]
pub struct Normalise;

impl Normalise {
    /// `x / max(‖x‖, 10⁻¹²)`, row by row.
    pub fn apply(x: &Tensor) -> Candle<Tensor> {
        if x.device().is_cuda() {
            return Normalise::with_tensors(x);
        }
        x.contiguous()?.apply_op1(Normalise)
    }

    /// The same with tensor operations, for any device.
    pub(crate) fn with_tensors(x: &Tensor) -> Candle<Tensor> {
        // The floor is under the square: the root's slope at 0 would be infinite.
        let floor = f64::from(FLOOR) * f64::from(FLOOR);
        let lengths = x.sqr()?.sum_keepdim(1)?.maximum(floor)?.sqrt()?;
        x.broadcast_div(&lengths)
    }
}

impl CustomOp1 for Normalise {
    fn name(&self) -> &'static str {
        "normalise"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Candle<(CpuStorage, Shape)> {
        let (_, width) = layout.shape().dims2()?;
        let x = tape::slice::<f32>(self.name(), x, layout)?;
        let mut out = vec![0.0; x.len()];
        forward(x, width, &mut out);
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }

    fn cuda_fwd(&self, _: &CudaStorage, _: &Layout) -> Candle<(CudaStorage, Shape)> {
        tape::cpu_only(self.name())
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Candle<Option<Tensor>> {
        let mut numbers = tape::numbers::<f32>(grad)?;
        let width = x.dim(1)?;
        tape::lend([x], |[x]| {
            backward(x, width, &mut numbers);
            Ok(())
        })?;
        Ok(Some(tape::tensor(numbers, x.dims(), x)?))
    }
}
