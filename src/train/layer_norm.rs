//! Layer normalisation (Ba, Kiros and Hinton): one operation with its own gradient.

use candle_core::{CpuStorage, CustomOp3, Layout, Result as Candle, Shape, Tensor};
use rayon::prelude::*;

use super::real::{Real, dot};
use super::tape;
use super::wide::wide;

/// Rows one task takes.
const PIECE: usize = 128;

/// y = γ ⊙ (x − mean x)/√(var x + ε) + β on the tape, row by row; the variance is that of the row itself
/// (divided by the width).
#[derive(Clone, Copy, Debug)]
pub struct LayerNorm {
    epsilon: f64,
}

/// The centred row over its deviation, written to `unit`; gives one over the deviation.
#[inline(always)]
fn standardise<T: Real>(row: &[T], epsilon: f64, unit: &mut [T]) -> T {
    let share = T::of(1.0 / row.len() as f64);
    let mut mean = T::ZERO;
    row.iter().for_each(|&x| mean += x);
    let mean = mean * share;
    unit.iter_mut().zip(row).for_each(|(unit, &x)| *unit = x - mean);
    let inverse = T::ONE / (dot(unit, unit) * share + T::of(epsilon)).root();
    unit.iter_mut().for_each(|unit| *unit *= inverse);
    inverse
}

/// The normalised rows of `x`, as wide as `gamma` and `beta`.
pub fn forward<T: Real>(x: &[T], gamma: &[T], beta: &[T], epsilon: f64, out: &mut [T]) {
    let width = gamma.len().max(1);
    out.par_chunks_mut(PIECE * width).zip(x.par_chunks(PIECE * width)).for_each(|(out, x)| {
        wide(|| {
            for (out, x) in out.chunks_exact_mut(width).zip(x.chunks_exact(width)) {
                standardise(x, epsilon, out);
                for ((out, &gamma), &beta) in out.iter_mut().zip(gamma).zip(beta) {
                    *out = *out * gamma + beta;
                }
            }
        });
    });
}

/// The gradients of Σ grad⊙y by `x`, `gamma` and `beta`.
///
/// With u = (x − mean)/σ and g = grad⊙γ: dx = (g − mean g − u·mean(g⊙u))/σ.
pub fn backward<T: Real>(x: &[T], gamma: &[T], epsilon: f64, grad: &[T]) -> [Vec<T>; 3] {
    let width = gamma.len().max(1);
    let mut dx = vec![T::ZERO; x.len()];
    let share = T::of(1.0 / width as f64);
    let pieces = dx.par_chunks_mut(PIECE * width).zip(x.par_chunks(PIECE * width));
    let sums: Vec<Vec<T>> = pieces
        .zip(grad.par_chunks(PIECE * width))
        .map(|((dx, x), grad)| {
            wide(|| {
                let (mut unit, mut sums) = (vec![T::ZERO; width], vec![T::ZERO; 2 * width]);
                let (by_gamma, by_beta) = sums.split_at_mut(width);
                let rows = dx.chunks_exact_mut(width).zip(x.chunks_exact(width));
                for ((dx, x), grad) in rows.zip(grad.chunks_exact(width)) {
                    let inverse = standardise(x, epsilon, &mut unit);
                    let mut mean = T::ZERO;
                    for c in 0..width {
                        by_gamma[c] += grad[c] * unit[c];
                        by_beta[c] += grad[c];
                        dx[c] = grad[c] * gamma[c];
                        mean += dx[c];
                    }
                    let (mean, along) = (mean * share, dot(dx, &unit) * share);
                    for (dx, &unit) in dx.iter_mut().zip(&unit) {
                        *dx = (*dx - mean - unit * along) * inverse;
                    }
                }
                sums
            })
        })
        .collect();
    let mut total = vec![T::ZERO; 2 * width];
    for part in &sums {
        total.iter_mut().zip(part).for_each(|(total, &part)| *total += part);
    }
    let by_beta = total.split_off(width);
    [dx, total, by_beta]
}

impl LayerNorm {
    /// `x` `[rows, width]`, `gamma` and `beta` `[width]`, f32, give `[rows, width]`.
    pub fn apply(x: &Tensor, gamma: &Tensor, beta: &Tensor, epsilon: f64) -> Candle<Tensor> {
        if x.device().is_cuda() {
            let centred = x.broadcast_sub(&x.mean_keepdim(1)?)?;
            let deviation = centred.sqr()?.mean_keepdim(1)?.affine(1.0, epsilon)?.sqrt()?;
            return centred.broadcast_div(&deviation)?.broadcast_mul(gamma)?.broadcast_add(beta);
        }
        x.contiguous()?.apply_op3(&gamma.contiguous()?, &beta.contiguous()?, LayerNorm { epsilon })
    }
}

impl CustomOp3 for LayerNorm {
    fn name(&self) -> &'static str {
        "layer-norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        gamma: &CpuStorage,
        lg: &Layout,
        beta: &CpuStorage,
        lb: &Layout,
    ) -> Candle<(CpuStorage, Shape)> {
        let (_, width) = lx.shape().dims2()?;
        let x = tape::slice::<f32>(self.name(), x, lx)?;
        let (gamma, beta) = (tape::slice(self.name(), gamma, lg)?, tape::slice(self.name(), beta, lb)?);
        if gamma.len() != width || beta.len() != width {
            candle_core::bail!("layer-norm: rows of {width} with weights of {}", gamma.len())
        }
        let mut out = vec![0.0; x.len()];
        forward(x, gamma, beta, self.epsilon, &mut out);
        Ok((CpuStorage::F32(out), lx.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        gamma: &Tensor,
        beta: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Candle<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let [dx, dg, db] = tape::lend([x, gamma, grad], |[x, gamma, grad]: [&[f32]; 3]| {
            Ok(backward(x, gamma, self.epsilon, grad))
        })?;
        Ok((
            Some(tape::tensor(dx, x.dims(), x)?),
            Some(tape::tensor(dg, gamma.dims(), gamma)?),
            Some(tape::tensor(db, beta.dims(), beta)?),
        ))
    }
}
