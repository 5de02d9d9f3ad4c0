//! Outlook attention (Yuan et al., VOLO) over a vector seen as a sequence of groups.
//!
//! The place i of a sequence gives, by one affine map, the attention of the places of its window among
//! each other; the window's values are mixed by it, and each place sums what all windows say of it.
//! MPSEA applies it in the visual feed-forward network and says no more; a sequence of groups of a vector
//! and a window of three are ours.

use candle_core::{D, Tensor};

use super::Candle;
use super::fusion::{Net, add_affine};
use crate::train::Parameter;

/// Places of a window.
const WINDOW: usize = 3;
/// Most groups of a vector.
const MOST_GROUPS: usize = 10;

/// Groups that a vector of this width is cut into.
fn groups(width: usize) -> usize {
    (1..=MOST_GROUPS.min(width)).rev().find(|count| width.is_multiple_of(*count)).unwrap_or(1)
}

/// Fresh parameters of the maps.
pub(super) fn parameters(into: &mut Vec<Parameter>, name: &str, width: usize, seed: u64) {
    let size = width / groups(width);
    add_affine(into, &format!("{name}.attention"), WINDOW * WINDOW, size, seed);
    add_affine(into, &format!("{name}.value"), size, size, seed);
    add_affine(into, &format!("{name}.output"), size, size, seed);
}

/// `x` moved by so many places along the sequence, zeros following.
fn shifted(x: &Tensor, by: isize) -> Candle<Tensor> {
    let (rows, places, size) = x.dims3()?;
    let gap = by.unsigned_abs().min(places);
    if gap == 0 {
        return Ok(x.clone());
    }
    let zeros = Tensor::zeros((rows, gap, size), x.dtype(), x.device())?;
    match by > 0 {
        true => Tensor::cat(&[&zeros, &x.narrow(1, 0, places - gap)?], 1),
        false => Tensor::cat(&[&x.narrow(1, gap, places - gap)?, &zeros], 1),
    }
}

/// `[rows, width]` to `[rows, width]`.
pub(super) fn apply(net: Net<'_>, name: &str, x: &Tensor) -> Candle<Tensor> {
    let (rows, width) = x.dims2()?;
    let places = groups(width);
    let size = width / places;
    let flat = x.reshape((rows * places, size))?;
    let scores = net.affine(&format!("{name}.attention"), &flat)?.reshape((rows, places, WINDOW, WINDOW))?;
    let powers = scores.broadcast_sub(&scores.detach().max_keepdim(D::Minus1)?)?.exp()?;
    let attention = powers.broadcast_div(&powers.sum_keepdim(D::Minus1)?)?;
    let value = net.affine(&format!("{name}.value"), &flat)?.reshape((rows, places, size))?;
    let reach = (WINDOW / 2) as isize;
    let offset = |at: usize| at as isize - reach;
    let mut sum = None::<Tensor>;
    for to in 0..WINDOW {
        let mut mixed = None::<Tensor>;
        for from in 0..WINDOW {
            let weight = attention.narrow(2, to, 1)?.narrow(3, from, 1)?.reshape((rows, places, 1))?;
            // What stands at i + offset comes to i.
            let part = shifted(&value, -offset(from))?.broadcast_mul(&weight)?;
            mixed = Some(match mixed {
                Some(mixed) => mixed.add(&part)?,
                None => part,
            });
        }
        if let Some(mixed) = mixed {
            let part = shifted(&mixed, offset(to))?;
            sum = Some(match sum {
                Some(sum) => sum.add(&part)?,
                None => part,
            });
        }
    }
    let out = sum.unwrap_or(value).reshape((rows * places, size))?;
    net.affine(&format!("{name}.output"), &out)?.reshape((rows, width))
}
