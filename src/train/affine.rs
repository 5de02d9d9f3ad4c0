//! The affine map X·Wᵀ + b where X is trained too: one operation with its own gradient.
//!
//! candle's own product packs for another instruction set, and its gradient computes that of a constant
//! too; this one is our kernel, which gives the same bytes on any number of threads. For constant X see
//! [`super::ConstantLinear`].

use candle_core::{CpuStorage, CustomOp3, Layout, Result as Candle, Shape, Tensor};
use rayon::prelude::*;

use super::gemm::{Lanes, Sizes, product};
use super::real::axpy;
use super::tape;
use crate::error::{Code, Error, Result};
use crate::task::Task;

/// Rows whose part of the bias' gradient one task sums.
const PIECE: usize = 256;

/// Sizes of `x`, `weight` and the result, `None` where they do not fit.
fn sizes(x: usize, weight: usize, outputs: usize, out: usize) -> Result<(usize, usize)> {
    let inputs = weight.checked_div(outputs).unwrap_or(0);
    let rows = x.checked_div(inputs).unwrap_or(0);
    if inputs * outputs == weight && rows * inputs == x && rows * outputs == out {
        return Ok((rows, inputs));
    }
    Err(Error::new(Code::Internal, "affine: arguments that do not fit each other"))
}

/// `out = x·weightᵀ + bias`: `x` is `rows × inputs`, `weight` `outputs × inputs`, `bias` `outputs`.
///
/// Fails with [`Code::Internal`] on shapes that do not fit, [`Code::Cancelled`].
pub fn forward(x: &[f32], weight: &[f32], bias: &[f32], out: &mut [f32], task: &Task) -> Result<()> {
    let (rows, inputs) = sizes(x.len(), weight.len(), bias.len(), out.len())?;
    out.par_chunks_mut(PIECE * bias.len().max(1)).for_each(|out| {
        out.chunks_exact_mut(bias.len().max(1)).for_each(|out| out.copy_from_slice(bias));
    });
    let sizes = Sizes { rows, cols: bias.len(), depth: inputs };
    product(Lanes::Along(x), Lanes::Along(weight), sizes, out, task)
}

/// Gradients of one map, in the shapes of its arguments; they are added to.
#[derive(Debug)]
pub struct Gradients<'a> {
    /// Of the rows; `None` where nobody wants it.
    pub x: Option<&'a mut [f32]>,
    /// Of the weight.
    pub weight: &'a mut [f32],
    /// Of the bias.
    pub bias: &'a mut [f32],
}

/// Adds the gradients of Σ grad⊙out; fails as [`forward`] does.
pub fn backward(x: &[f32], weight: &[f32], grad: &[f32], into: Gradients<'_>, task: &Task) -> Result<()> {
    let outputs = into.bias.len();
    let (rows, inputs) = sizes(x.len(), weight.len(), outputs, grad.len())?;
    if let Some(dx) = into.x {
        let sizes = Sizes { rows, cols: inputs, depth: outputs };
        product(Lanes::Along(grad), Lanes::Across(weight), sizes, dx, task)?;
    }
    let sizes = Sizes { rows: outputs, cols: inputs, depth: rows };
    product(Lanes::Across(grad), Lanes::Across(x), sizes, into.weight, task)?;
    let piece = |grad: &[f32]| {
        let mut sums = vec![0.0; outputs];
        grad.chunks_exact(outputs.max(1)).for_each(|row| axpy(1.0, row, &mut sums));
        sums
    };
    let parts: Vec<Vec<f32>> = grad.par_chunks(PIECE * outputs.max(1)).map(piece).collect();
    parts.iter().for_each(|part| axpy(1.0, part, into.bias));
    Ok(())
}

/// The map on the tape.
#[derive(Clone)]
pub struct Affine(Task);

impl Affine {
    /// `x` `[rows, inputs]`, `weight` `[outputs, inputs]` and `bias` `[outputs]` give `[rows, outputs]`,
    /// all f32; work on the CPU stops when `task` is cancelled.
    pub fn apply(x: &Tensor, weight: &Tensor, bias: &Tensor, task: &Task) -> Candle<Tensor> {
        if x.device().is_cuda() {
            return x.matmul(&weight.t()?)?.broadcast_add(bias);
        }
        x.contiguous()?.apply_op3(&weight.contiguous()?, &bias.contiguous()?, Affine(task.clone()))
    }
}

impl CustomOp3 for Affine {
    fn name(&self) -> &'static str {
        "affine"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        weight: &CpuStorage,
        lw: &Layout,
        bias: &CpuStorage,
        lb: &Layout,
    ) -> Candle<(CpuStorage, Shape)> {
        let (rows, _) = lx.shape().dims2()?;
        let bias = tape::slice::<f32>(self.name(), bias, lb)?;
        let (x, weight) = (tape::slice(self.name(), x, lx)?, tape::slice(self.name(), weight, lw)?);
        let mut out = vec![0.0; rows * bias.len()];
        forward(x, weight, bias, &mut out, &self.0).map_err(candle_core::Error::wrap)?;
        Ok((CpuStorage::F32(out), Shape::from((rows, bias.len()))))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Candle<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let mut dx = x.track_op().then(|| vec![0.0; x.elem_count()]);
        let (mut dw, mut db) = (vec![0.0; weight.elem_count()], vec![0.0; bias.elem_count()]);
        let into = Gradients { x: dx.as_deref_mut(), weight: &mut dw, bias: &mut db };
        tape::lend([x, weight, grad], |[x, weight, grad]| {
            backward(x, weight, grad, into, &self.0).map_err(candle_core::Error::wrap)
        })?;
        let dx = dx.map(|dx| tape::tensor(dx, x.dims(), x)).transpose()?;
        Ok((dx, Some(tape::tensor(dw, weight.dims(), weight)?), Some(tape::tensor(db, bias.dims(), bias)?)))
    }
}
