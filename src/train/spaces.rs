//! Similarities of pairs in several spaces at once, a tile at a time.
//!
//! B pairs are 2B rows, all left ones first; the columns of a row are cut into spaces, one a modality,
//! in each of which rows are compared by their inner product. Losses over several modalities and over
//! their weighted concatenation look at the same products: v_i ⊙ v_j weighs those of the concatenation,
//! whose own are never multiplied. No matrix of similarities is held: tiles in the forward pass, one
//! strip of tiles in the backward pass.

use rayon::prelude::*;

use super::gemm::{DEPTH, Kernel, Packed, pack_across, pack_along};
use crate::error::{Code, Error, Result};
use crate::task::Task;

/// Rows of a block: whole panels of every kernel; the tiles of six spaces fill a half of a second-level
/// cache.
pub(crate) const BLOCK: usize = 96;
/// Numbers of a tile.
pub(crate) const TILE: usize = BLOCK * BLOCK;
/// Rows of a block whose gradient one task sums: whole panels.
const BAND: usize = 48;
/// Tiles that are visited between two sums of what they gave.
const ROUND: usize = 256;

/// Which similarities a loss looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Walk {
    /// Of all rows with all rows: tiles on and above the diagonal.
    All,
    /// Of left rows with right rows.
    Across,
}

/// Rows of pairs, packed for the products of their spaces.
pub(crate) struct Spaces<'a> {
    kernel: Kernel,
    z: &'a [f32],
    /// Numbers of a row.
    width: usize,
    /// Number of pairs.
    pub pairs: usize,
    /// Blocks of a side.
    pub side: usize,
    walk: Walk,
    list: Vec<Space>,
}

struct Space {
    start: usize,
    width: usize,
    left: Packed,
    right: Packed,
}

impl<'a> Spaces<'a> {
    /// `z` is 2B rows of `widths` side by side.
    ///
    /// Fails with [`Code::Internal`] if that does not come out.
    pub fn new(z: &'a [f32], widths: &[usize], walk: Walk) -> Result<Self> {
        let width: usize = widths.iter().sum();
        let rows = z.len().checked_div(width).unwrap_or(0);
        if rows * width != z.len() || rows == 0 || !rows.is_multiple_of(2) || widths.contains(&0) {
            return Err(Error::new(Code::Internal, "spaces: rows that are no stack of pairs"));
        }
        let (pairs, kernel) = (rows / 2, Kernel::best());
        let side = pairs.div_ceil(BLOCK);
        let mut spaces = Spaces { kernel, z, width, pairs, side, walk, list: Vec::new() };
        let mut start = 0;
        for &width in widths {
            let zeros = vec![0.0; width];
            let lane = |i: usize| spaces.row(i).map_or(zeros.as_slice(), |row| &row[start..start + width]);
            let packed = |panel: usize| Packed::along(lane, 2 * side * BLOCK, panel, width, DEPTH);
            let (left, right) = (packed(kernel.left), packed(kernel.right));
            spaces.list.push(Space { start, width, left, right });
            start += width;
        }
        Ok(spaces)
    }

    /// Number of spaces.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Rows of both sides, each rounded up to whole blocks.
    pub fn padded(&self) -> usize {
        2 * self.side * BLOCK
    }

    /// The row of the stack that stands at a padded place, if one does.
    pub fn real(&self, place: usize) -> Option<usize> {
        let half = self.side * BLOCK;
        let (side, at) = (place / half, place % half);
        (at < self.pairs).then_some(side * self.pairs + at)
    }

    fn row(&self, place: usize) -> Option<&'a [f32]> {
        self.real(place).map(|row| &self.z[row * self.width..(row + 1) * self.width])
    }

    /// Columns of blocks that row `i` of blocks meets.
    fn columns(&self, i: usize) -> std::ops::Range<usize> {
        match self.walk {
            Walk::All => i..2 * self.side,
            Walk::Across => self.side..2 * self.side,
        }
    }

    /// Rows of blocks that meet others.
    fn strips(&self) -> usize {
        if self.walk == Walk::All { 2 * self.side } else { self.side }
    }

    /// Products of block `i` with block `j`, a tile a space.
    fn multiply(&self, i: usize, j: usize, tiles: &mut [f32]) {
        tiles.fill(0.0);
        for (space, tile) in self.list.iter().zip(tiles.chunks_exact_mut(TILE)) {
            for block in 0..space.left.blocks() {
                let (left, deep) = space.left.part(block, i * BLOCK, BLOCK);
                let (right, _) = space.right.part(block, j * BLOCK, BLOCK);
                self.kernel.multiply(deep, left, right, tile, BLOCK);
            }
        }
    }

    /// Calls `visit(i, j, tiles)` for each pair of blocks on all threads and `merge(i, j, found)` with
    /// what it gave, in one order.
    pub fn forward<R: Send>(
        &self,
        task: &Task,
        visit: impl Fn(usize, usize, &mut [f32]) -> R + Sync,
        mut merge: impl FnMut(usize, usize, R),
    ) -> Result<()> {
        let all: Vec<(usize, usize)> =
            (0..self.strips()).flat_map(|i| self.columns(i).map(move |j| (i, j))).collect();
        for round in all.chunks(ROUND) {
            let found: Vec<R> = round
                .par_iter()
                .map_init(
                    || vec![0.0; self.list.len() * TILE],
                    |tiles, &(i, j)| {
                        task.check()?;
                        self.multiply(i, j, tiles);
                        Ok(visit(i, j, tiles))
                    },
                )
                .collect::<Result<_>>()?;
            round.iter().zip(found).for_each(|(&(i, j), found)| merge(i, j, found));
        }
        Ok(())
    }

    /// The gradient by `z` where `weigh(i, j, tiles)` turns the products of two blocks into the loss'
    /// gradient by them; what it gives goes to `merge`, as in [`Spaces::forward`].
    pub fn backward<R: Send>(
        &self,
        task: &Task,
        weigh: impl Fn(usize, usize, &mut [f32]) -> R + Sync,
        mut merge: impl FnMut(usize, usize, R),
    ) -> Result<Vec<f32>> {
        let (kernel, padded) = (self.kernel, self.padded());
        // Blocks of rows as right operands: lanes are the columns of a space.
        let values: Vec<Packed> = self
            .list
            .iter()
            .map(|space| {
                let zeros = vec![0.0; space.width];
                let line = |p: usize| {
                    self.row(p).map_or(zeros.as_slice(), |row| &row[space.start..space.start + space.width])
                };
                Packed::across(line, space.width, kernel.right, padded, BLOCK)
            })
            .collect();
        // Block after block; in each, space after space.
        let lanes: usize = values.iter().map(|value| value.lanes).sum();
        let mut sums = vec![0.0; padded * lanes];
        let size = self.list.len() * TILE;
        let mut strip = vec![0.0; self.columns(0).len() * size];
        for i in 0..self.strips() {
            task.check()?;
            let columns = self.columns(i);
            let tiles = strip[..columns.len() * size].par_chunks_exact_mut(size);
            let later = sums[columns.start * BLOCK * lanes..].par_chunks_exact_mut(BLOCK * lanes);
            let found: Vec<R> = tiles
                .zip(later)
                .enumerate()
                .map_init(
                    || vec![0.0; TILE],
                    |panels, (step, (tiles, sums))| {
                        let j = columns.start + step;
                        self.multiply(i, j, tiles);
                        let found = weigh(i, j, tiles);
                        if i != j {
                            let mut rest = sums;
                            for (tile, value) in tiles.chunks_exact(TILE).zip(&values) {
                                let (sums, others) = rest.split_at_mut(BLOCK * value.lanes);
                                rest = others;
                                let row = |p: usize| &tile[p * BLOCK..(p + 1) * BLOCK];
                                pack_across(row, BLOCK, kernel.left, BLOCK, panels);
                                let (rows, _) = value.part(i, 0, value.lanes);
                                kernel.multiply(BLOCK, panels, rows, sums, value.lanes);
                            }
                        }
                        found
                    },
                )
                .collect();
            found.into_iter().enumerate().for_each(|(step, found)| merge(i, columns.start + step, found));
            // Then block i's own part, from the whole strip.
            let mut rest = &mut sums[i * BLOCK * lanes..][..BLOCK * lanes];
            let mut parts: Vec<(usize, usize, &mut [f32])> = Vec::new();
            for (space, value) in values.iter().enumerate() {
                let (own, others) = rest.split_at_mut(BLOCK * value.lanes);
                rest = others;
                let bands = own.chunks_exact_mut(BAND * value.lanes).enumerate();
                parts.extend(bands.map(|(band, sums)| (space, band, sums)));
            }
            parts.into_par_iter().for_each_init(
                || vec![0.0; BAND * BLOCK],
                |panels, (space, band, sums)| {
                    let value = &values[space];
                    for (step, j) in columns.clone().enumerate() {
                        let tile = &strip[step * size + space * TILE..][..TILE];
                        let row = |r: usize| &tile[(band * BAND + r) * BLOCK..][..BLOCK];
                        pack_along(row, BAND, kernel.left, BLOCK, panels);
                        kernel.multiply(BLOCK, panels, value.part(j, 0, value.lanes).0, sums, value.lanes);
                    }
                },
            );
        }
        let mut out = vec![0.0; self.z.len()];
        for (place, block) in sums.chunks_exact(BLOCK * lanes).enumerate() {
            let mut rest = block;
            for (space, value) in self.list.iter().zip(&values) {
                let (own, others) = rest.split_at(BLOCK * value.lanes);
                rest = others;
                for (r, sums) in own.chunks_exact(value.lanes).enumerate() {
                    if let Some(row) = self.real(place * BLOCK + r) {
                        let start = row * self.width + space.start;
                        out[start..start + space.width].copy_from_slice(&sums[..space.width]);
                    }
                }
            }
        }
        Ok(out)
    }
}
