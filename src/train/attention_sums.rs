//! The last step of attention's gradient on a GPU: from sums over rows to the weights, as tensors.

use candle_core::{Result, Tensor};

/// Gradients of `w` `[heads, width]` and `a` `[heads, 2·width]` from the sums that `attention_by_read`
/// leaves: `sums` `[pieces, 3·heads·width]`, whose thirds are Σ flow⊙h, Σ by_row·h and Σ slopes·h.
pub(super) fn weights(sums: &Tensor, w: &Tensor, a: &Tensor) -> Result<(Tensor, Tensor)> {
    let (heads, width) = w.dims2()?;
    let total = sums.sum(0)?.reshape((3, heads, width))?;
    let (by_w, by_own, by_other) = (total.get(0)?, total.get(1)?, total.get(2)?);
    let halves = a.reshape((heads, 2, width))?;
    let half = |which: usize| halves.narrow(1, which, 1)?.squeeze(1);
    let dw = by_w.add(&half(0)?.mul(&by_own)?)?.add(&half(1)?.mul(&by_other)?)?;
    let da = Tensor::stack(&[w.mul(&by_own)?, w.mul(&by_other)?], 1)?.reshape((heads, 2 * width))?;
    Ok((dw, da))
}
