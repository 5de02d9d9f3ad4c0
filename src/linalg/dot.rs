//! The dot product of two rows that lie anywhere: what a walk through a graph is made of.
//!
//! Thirty-two chains of fused multiply-adds, added up in a fixed order: the same bits on every machine.
//! They are not the bits of a tile, which has one chain a pair.

/// Chains that run beside each other.
const LANES: usize = 32;

/// A dot product, chosen for this processor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dot(unsafe fn(&[f32], &[f32]) -> f32);

impl Dot {
    /// The widest this processor runs.
    pub fn best() -> Dot {
        #[cfg(target_arch = "x86_64")]
        {
            if std::arch::is_x86_feature_detected!("avx512f") {
                return Dot(x86::avx512);
            }
            if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
                return Dot(x86::avx2);
            }
        }
        Dot(plain)
    }

    /// Σ `x[i]·y[i]` over the shorter of the two.
    pub fn of(self, x: &[f32], y: &[f32]) -> f32 {
        // SAFETY: `best` chose a function that the processor runs.
        unsafe { (self.0)(x, y) }
    }
}

/// Asks for the first lines of a row that will soon be needed.
#[inline(always)]
pub(crate) fn prefetch(row: &[f32]) {
    #[cfg(target_arch = "x86_64")]
    for line in row.chunks(16).take(4) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: SSE is part of x86-64, and a prefetch reads nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = row;
}

#[inline(always)]
fn chains(x: &[f32], y: &[f32]) -> f32 {
    let shared = x.len().min(y.len());
    let (x, x_rest) = x[..shared].as_chunks::<LANES>();
    let (y, y_rest) = y[..shared].as_chunks::<LANES>();
    let mut sums = [0f32; LANES];
    for (x, y) in x.iter().zip(y) {
        for lane in 0..LANES {
            sums[lane] = x[lane].mul_add(y[lane], sums[lane]);
        }
    }
    for (sum, (x, y)) in sums.iter_mut().zip(x_rest.iter().zip(y_rest)) {
        *sum = x.mul_add(*y, *sum);
    }
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
        width /= 2;
    }
    sums[0]
}

unsafe fn plain(x: &[f32], y: &[f32]) -> f32 {
    chains(x, y)
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    #[target_feature(enable = "avx512f")]
    pub(super) unsafe fn avx512(x: &[f32], y: &[f32]) -> f32 {
        super::chains(x, y)
    }

    #[target_feature(enable = "avx2,fma")]
    pub(super) unsafe fn avx2(x: &[f32], y: &[f32]) -> f32 {
        super::chains(x, y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn all_kernels_give_the_same_bits_close_to_the_product_in_f64() {
        let mut rng = Rng::new(3);
        for width in [0, 1, 31, 32, 33, 300, 301] {
            let [x, y] = [0; 2].map(|_| (0..width).map(|_| rng.normal() as f32).collect::<Vec<_>>());
            let exact: f64 = x.iter().zip(&y).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum();
            let best = Dot::best().of(&x, &y);
            assert_eq!(best.to_bits(), Dot(plain).of(&x, &y).to_bits());
            assert!((f64::from(best) - exact).abs() < 1e-4, "{width}: {best} {exact}");
        }
    }
}
