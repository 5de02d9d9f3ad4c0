//! The exponential linear unit between two attention layers, in place.

use rayon::prelude::*;

use super::exp::exp;
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
