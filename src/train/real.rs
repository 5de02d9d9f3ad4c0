//! The two float types an operation may be generic over: `f32` to work with, `f64` to check it.

use std::ops::{Add, AddAssign, Div, DivAssign, Mul, Sub};

use candle_core::WithDType;

use super::exp::exp;

/// A float type of a tensor.
pub trait Real:
    WithDType
    + Send
    + Sync
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + AddAssign
    + DivAssign
    + PartialOrd
{
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;

    /// The nearest number of this type.
    fn of(x: f64) -> Self;

    /// `eˣ`.
    fn power(self) -> Self;

    /// `√x`.
    fn root(self) -> Self;
}

impl Real for f32 {
    const ZERO: f32 = 0.0;
    const ONE: f32 = 1.0;

    fn of(x: f64) -> f32 {
        x as f32
    }

    #[inline(always)]
    fn power(self) -> f32 {
        exp(self)
    }

    fn root(self) -> f32 {
        self.sqrt()
    }
}

impl Real for f64 {
    const ZERO: f64 = 0.0;
    const ONE: f64 = 1.0;

    fn of(x: f64) -> f64 {
        x
    }

    fn power(self) -> f64 {
        self.exp()
    }

    fn root(self) -> f64 {
        self.sqrt()
    }
}

/// `Σ a·b` in sixteen lanes, whose order does not depend on where it runs.
#[inline(always)]
pub(crate) fn dot<T: Real>(a: &[T], b: &[T]) -> T {
    let mut lanes = [T::ZERO; 16];
    let ((heads, tail), (others, rest)) = (a.as_chunks::<16>(), b.as_chunks::<16>());
    for (a, b) in heads.iter().zip(others) {
        for ((lane, &a), &b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += a * b;
        }
    }
    for ((lane, &a), &b) in lanes.iter_mut().zip(tail).zip(rest) {
        *lane += a * b;
    }
    let mut width = 8;
    while width > 0 {
        for i in 0..width {
            let upper = lanes[i + width];
            lanes[i] += upper;
        }
        width /= 2;
    }
    lanes[0]
}

/// `y += α·x`.
#[inline(always)]
pub(crate) fn axpy<T: Real>(alpha: T, x: &[T], y: &mut [T]) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y += alpha * x;
    }
}
