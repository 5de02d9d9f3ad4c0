//! The Gaussian error linear unit (Hendrycks and Gimpel), exact form: x·Φ(x).

use candle_core::{CpuStorage, CustomOp1, Layout, Result as Candle, Shape, Tensor};
use rayon::prelude::*;

use super::exp::exp;
use super::tape;
use super::wide::wide;

/// Numbers one task takes.
const PIECE: usize = 1 << 14;

/// Φ(x) and φ(x), the normal distribution and its density.
///
/// By Abramowitz and Stegun 7.1.26, to 10⁻⁷ of 1: near 0 a float has no more, far below it what is lost is
/// nothing to x·Φ(x).
#[inline(always)]
fn normal(x: f32) -> (f32, f32) {
    let power = exp(-0.5 * x * x);
    let y = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * y);
    let p = 1.061_405_4 * t - 1.453_152;
    let p = p * t + 1.421_413_7;
    let p = p * t - 0.284_496_74;
    let p = p * t + 0.254_829_6;
    let tail = 0.5 * p * t * power;
    (if x < 0.0 { tail } else { 1.0 - tail }, power * 0.398_942_3)
}

/// GELU on the tape, element by element, f32.
#[derive(Clone, Copy, Debug)]
pub struct Gelu;

impl Gelu {
    /// x·Φ(x).
    pub fn apply(x: &Tensor) -> Candle<Tensor> {
        if x.device().is_cuda() {
            return x.gelu_erf();
        }
        x.contiguous()?.apply_op1(Gelu)
    }
}

impl CustomOp1 for Gelu {
    fn name(&self) -> &'static str {
        "gelu"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Candle<(CpuStorage, Shape)> {
        let x = tape::slice::<f32>(self.name(), x, layout)?;
        let mut out = vec![0.0; x.len()];
        out.par_chunks_mut(PIECE).zip(x.par_chunks(PIECE)).for_each(|(out, x)| {
            wide(|| out.iter_mut().zip(x).for_each(|(out, &x)| *out = x * normal(x).0));
        });
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Candle<Option<Tensor>> {
        let mut out = tape::numbers::<f32>(grad)?;
        tape::lend([x], |[x]| {
            out.par_chunks_mut(PIECE).zip(x.par_chunks(PIECE)).for_each(|(out, x)| {
                wide(|| {
                    for (out, &x) in out.iter_mut().zip(x) {
                        let (below, density) = normal(x);
                        *out *= below + x * density;
                    }
                });
            });
            Ok(())
        })?;
        tape::tensor(out, x.dims(), x).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distribution_is_the_library_s() {
        for i in -800..800 {
            let x = i as f32 * 0.01;
            let exact = 0.5 * (1.0 + candle_core::cpu::erf::erf_f64(f64::from(x) / 2f64.sqrt()));
            assert!((f64::from(normal(x).0) - exact).abs() < 3e-7, "{x}");
        }
    }
}
