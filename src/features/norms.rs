//! Norms of rows, which every comparison by cosine needs.

use std::borrow::Cow;
use std::sync::OnceLock;

use rayon::prelude::*;

use super::{Feature, Rows};

/// Numbers that are summed side by side.
const LANES: usize = 8;

/// Squared norms of the rows of a feature, found when they are first asked for.
#[derive(Clone, Debug, Default)]
pub struct Norms(OnceLock<Vec<f64>>);

impl<'a> Feature<'a> {
    /// Squared norm of every row.
    pub(crate) fn squares(&self) -> Cow<'a, [f64]> {
        let rows = self.rows;
        let count = self.present.len();
        let all = || (0..count).into_par_iter().map(|i| rows.square(i)).collect();
        match self.norms {
            Some(norms) => Cow::Borrowed(norms.0.get_or_init(all)),
            None => Cow::Owned(all()),
        }
    }
}

impl Rows<'_> {
    /// Squared norm of row `i`.
    pub(crate) fn square(&self, i: usize) -> f64 {
        match self {
            Rows::Dense(rows) => {
                let row = &rows.data[i * rows.cols..(i + 1) * rows.cols];
                sum_of_products(row, row)
            }
            Rows::Sparse(rows) => {
                let stored = &rows.values[rows.indptr[i] as usize..rows.indptr[i + 1] as usize];
                stored.iter().map(|x| f64::from(*x) * f64::from(*x)).sum()
            }
        }
    }
}

/// Σ x·y in f64, in eight sums that are added in order: the same bits everywhere, and no chain of additions
/// that waits for itself.
pub(crate) fn sum_of_products(x: &[f32], y: &[f32]) -> f64 {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has it.
        return unsafe { sum_fast(x, y) };
    }
    sum_body(x, y)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn sum_fast(x: &[f32], y: &[f32]) -> f64 {
    sum_body(x, y)
}

#[inline(always)]
fn sum_body(x: &[f32], y: &[f32]) -> f64 {
    let mut sums = [0f64; LANES];
    let ((x, x_rest), (y, y_rest)) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
    for (x, y) in x.iter().zip(y) {
        for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
            *sum += f64::from(*x) * f64::from(*y);
        }
    }
    let tail: f64 = x_rest.iter().zip(y_rest).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum();
    sums.iter().sum::<f64>() + tail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_has_the_same_bits_on_every_processor() {
        let numbers =
            |count: usize, step: f32| (0..count).map(|i| (i as f32 * step).sin()).collect::<Vec<_>>();
        for count in [0, 1, 7, 8, 9, 300, 1031] {
            let (x, y) = (numbers(count, 0.7), numbers(count, 1.3));
            assert_eq!(sum_of_products(&x, &y).to_bits(), sum_body(&x, &y).to_bits());
        }
    }
}
