//! Operands of matrix products, packed for the register kernels of [`crate::linalg`].
//!
//! A product is `C[l, r] = Σ_p L[l, p] · R[r, p]`: two sets of *lanes* (rows of the result, columns of
//! the result) over a shared *depth*. An operand is packed from rows that run *along* the depth (one
//! source row a lane) or *across* it (one source row a depth), so that `A·Bᵀ`, `A·B` and `Aᵀ·B` are one
//! product. Every number of a result is the same chain of sums whatever the tile or the thread.

use rayon::prelude::*;

use crate::error::Result;
pub(crate) use crate::linalg::kernel::{DEPTH, Kernel};
use crate::task::Task;

/// Rows of a product that one task computes.
const BAND: usize = 96;

/// Packs lanes whose numbers stand one after the other: lane `i` is `row(i)`, `depth` numbers long.
///
/// `out` holds `lanes` rounded up to whole panels of `width`, times `depth`; lanes past the last are 0.
pub(crate) fn pack_along<'a>(
    row: impl Fn(usize) -> &'a [f32],
    lanes: usize,
    width: usize,
    depth: usize,
    out: &mut [f32],
) {
    for (number, panel) in out.chunks_exact_mut(width * depth).enumerate() {
        let first = number * width;
        let count = width.min(lanes.saturating_sub(first));
        if count < width {
            panel.fill(0.0);
        }
        // Eight numbers of each lane at a time: whole cache lines are used while they are near.
        for start in (0..depth).step_by(8) {
            let end = (start + 8).min(depth);
            for lane in 0..count {
                let places = panel[start * width + lane..].iter_mut().step_by(width);
                for (place, x) in places.zip(&row(first + lane)[start..end]) {
                    *place = *x;
                }
            }
        }
    }
}

/// Packs lanes that stand side by side: lane `i` at depth `p` is `row(p)[i]`.
pub(crate) fn pack_across<'a>(
    row: impl Fn(usize) -> &'a [f32],
    lanes: usize,
    width: usize,
    depth: usize,
    out: &mut [f32],
) {
    for p in 0..depth {
        let row = &row(p)[..lanes];
        for (number, part) in row.chunks(width).enumerate() {
            let at = (number * depth + p) * width;
            out[at..at + part.len()].copy_from_slice(part);
            out[at + part.len()..at + width].fill(0.0);
        }
    }
}

/// A whole operand, packed once and met many times; cut along its depth into blocks.
pub(crate) struct Packed {
    data: Vec<f32>,
    width: usize,
    /// Lanes, rounded up to whole panels.
    pub lanes: usize,
    depth: usize,
    /// Depth of all blocks but the last.
    step: usize,
}

impl Packed {
    /// Memory for an operand.
    fn empty(lanes: usize, width: usize, depth: usize, step: usize) -> Packed {
        let padded = lanes.next_multiple_of(width);
        Packed { data: vec![0.0; padded * depth], width, lanes: padded, depth, step }
    }

    /// Lanes along the source rows, in groups of panels side by side on all threads.
    pub fn along<'a>(
        row: impl Fn(usize) -> &'a [f32] + Sync,
        lanes: usize,
        width: usize,
        depth: usize,
        step: usize,
    ) -> Packed {
        let mut packed = Packed::empty(lanes, width, depth, step);
        let group = 4 * width;
        for (number, block) in packed.data.chunks_mut((packed.lanes * step).max(1)).enumerate() {
            let (start, deep) = (number * step, block.len() / packed.lanes);
            block.par_chunks_mut(group * deep).enumerate().for_each(|(g, part)| {
                let first = g * group;
                let row = |i: usize| &row(first + i)[start..start + deep];
                pack_along(row, lanes.saturating_sub(first), width, deep, part);
            });
        }
        packed
    }

    /// Lanes across the source rows, block by block on all threads.
    pub fn across<'a>(
        row: impl Fn(usize) -> &'a [f32] + Sync,
        lanes: usize,
        width: usize,
        depth: usize,
        step: usize,
    ) -> Packed {
        let mut packed = Packed::empty(lanes, width, depth, step);
        let padded = packed.lanes;
        packed.data.par_chunks_mut((padded * step).max(1)).enumerate().for_each(|(number, block)| {
            let start = number * step;
            pack_across(|p| row(start + p), lanes, width, block.len() / padded, block);
        });
        packed
    }

    /// Number of blocks.
    pub fn blocks(&self) -> usize {
        self.depth.div_ceil(self.step)
    }

    /// Lanes `first..first + count` of a block and its depth; both bounds whole panels.
    pub fn part(&self, block: usize, first: usize, count: usize) -> (&[f32], usize) {
        let deep = self.step.min(self.depth - block * self.step);
        let start = block * self.step * self.lanes;
        debug_assert!(first.is_multiple_of(self.width) && count.is_multiple_of(self.width));
        (&self.data[start + first * deep..start + (first + count) * deep], deep)
    }
}

/// A whole operand as it lies in memory.
#[derive(Clone, Copy)]
pub(crate) enum Lanes<'a> {
    /// Lane `i` is row `i`.
    Along(&'a [f32]),
    /// Lane `i` is column `i`.
    Across(&'a [f32]),
}

/// Sizes of a product: `rows × cols` sums over `depth`.
#[derive(Clone, Copy)]
pub(crate) struct Sizes {
    /// Lanes of the left operand.
    pub rows: usize,
    /// Lanes of the right operand.
    pub cols: usize,
    /// Numbers of a lane.
    pub depth: usize,
}

/// `out[l, r] += Σ_p left[l, p] · right[r, p]`, on all threads; the caller has checked the sizes.
///
/// Fails with [`Code::Cancelled`](crate::Code::Cancelled) only.
pub(crate) fn product(
    left: Lanes<'_>,
    right: Lanes<'_>,
    sizes: Sizes,
    out: &mut [f32],
    task: &Task,
) -> Result<()> {
    let Sizes { rows, cols, depth } = sizes;
    if rows * cols * depth == 0 {
        return Ok(());
    }
    let kernel = Kernel::best();
    let right = match right {
        Lanes::Along(data) => {
            Packed::along(|i| &data[i * depth..(i + 1) * depth], cols, kernel.right, depth, DEPTH)
        }
        Lanes::Across(data) => {
            Packed::across(|p| &data[p * cols..(p + 1) * cols], cols, kernel.right, depth, DEPTH)
        }
    };
    // Narrow products are cut finer, so that there is work for all threads.
    let band = if rows >= 16 * BAND { BAND } else { BAND / 2 };
    out.par_chunks_mut(band * cols).enumerate().try_for_each_init(Vec::new, |scratch, (number, out)| {
        let (first, count) = (number * band, out.len() / cols);
        let lanes = count.next_multiple_of(kernel.left);
        let scratch = sized(scratch, lanes * (right.lanes + DEPTH));
        let (tile, panels) = scratch.split_at_mut(lanes * right.lanes);
        tile.fill(0.0);
        for block in 0..right.blocks() {
            task.check()?;
            let (columns, deep) = right.part(block, 0, right.lanes);
            let (start, panels) = (block * DEPTH, &mut panels[..lanes * deep]);
            match left {
                Lanes::Along(data) => {
                    let row = |i: usize| &data[(first + i) * depth + start..][..deep];
                    pack_along(row, count, kernel.left, deep, panels);
                }
                Lanes::Across(data) => {
                    let row = |p: usize| &data[(start + p) * rows + first..][..count];
                    pack_across(row, count, kernel.left, deep, panels);
                }
            }
            kernel.multiply(deep, panels, columns, tile, right.lanes);
        }
        for (out, sums) in out.chunks_exact_mut(cols).zip(tile.chunks_exact(right.lanes)) {
            out.iter_mut().zip(sums).for_each(|(out, sum)| *out += sum);
        }
        Ok(())
    })
}

/// Makes `buffer` `len` long without keeping what was in it.
pub(crate) fn sized(buffer: &mut Vec<f32>, len: usize) -> &mut [f32] {
    if buffer.len() < len {
        buffer.resize(len, 0.0);
    }
    &mut buffer[..len]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_three_products_are_products() {
        let kernel = Kernel::best();
        let (m, n, k) = (29, 37, 301);
        let number = |i: usize| ((i * 7919) % 1013) as f32 / 1013.0 - 0.5;
        let a: Vec<f32> = (0..m * k).map(number).collect();
        let b: Vec<f32> = (0..n * k).map(|i| number(i + 5)).collect();
        let turned = |x: &[f32], rows: usize| -> Vec<f32> {
            (0..k).flat_map(|p| (0..rows).map(move |i| (p, i))).map(|(p, i)| x[i * k + p]).collect()
        };
        let (at, bt) = (turned(&a, m), turned(&b, n));
        let lefts = [
            Packed::along(|i| &a[i * k..(i + 1) * k], m, kernel.left, k, DEPTH),
            Packed::across(|p| &at[p * m..(p + 1) * m], m, kernel.left, k, DEPTH),
        ];
        let rights = [
            Packed::along(|i| &b[i * k..(i + 1) * k], n, kernel.right, k, DEPTH),
            Packed::across(|p| &bt[p * n..(p + 1) * n], n, kernel.right, k, DEPTH),
        ];
        let mut results = Vec::new();
        for (left, right) in lefts.iter().flat_map(|l| rights.iter().map(move |r| (l, r))) {
            let mut tile = vec![0.0; left.lanes * right.lanes];
            for block in 0..left.blocks() {
                let (l, deep) = left.part(block, 0, left.lanes);
                let (r, _) = right.part(block, 0, right.lanes);
                kernel.multiply(deep, l, r, &mut tile, right.lanes);
            }
            for (i, j) in (0..m).flat_map(|i| (0..n).map(move |j| (i, j))) {
                let exact: f64 = (0..k).map(|p| f64::from(a[i * k + p]) * f64::from(b[j * k + p])).sum();
                assert!((f64::from(tile[i * right.lanes + j]) - exact).abs() < 1e-4);
            }
            results.push(tile);
        }
        assert!(results.windows(2).all(|pair| pair[0] == pair[1]));
        let mut found = vec![1.0; m * n];
        let sizes = Sizes { rows: m, cols: n, depth: k };
        product(Lanes::Across(&at), Lanes::Along(&b), sizes, &mut found, &Task::quiet()).unwrap();
        let lanes = results[0].len() / m.next_multiple_of(kernel.left);
        for (i, j) in (0..m).flat_map(|i| (0..n).map(move |j| (i, j))) {
            assert_eq!(found[i * n + j], 1.0 + results[0][i * lanes + j]);
        }
    }
}
