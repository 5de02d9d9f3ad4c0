//! The intra-modal contrastive loss (ICL) of PSQE, stage II, and of MCLEA: one operation with its own
//! gradient that never holds the matrix of similarities.
//!
//! With B pairs stacked as 2B rows z (all left ones, then all right ones), row i's partner p(i) = i ± B
//! and logits l_ij = z_i·z_j/τ, both directions together are
//!
//! L = 1/2B Σ_i ( log Σ_{j≠i} exp l_ij − l_ip(i) ),
//!
//! for a left row's candidates are all right rows and all other left rows, and the reverse. The matrix
//! l is symmetric, so only blocks on and above its diagonal are multiplied. Its gradient by z is H·z/τ
//! with H_ij = (exp(l_ij − s_i) + exp(l_ij − s_j) − 2[j = p(i)]) / 2B, where s are the logarithms of the
//! sums: the forward pass leaves s, the backward pass computes one strip of blocks of H at a time.

use std::sync::OnceLock;

use candle_core::{CpuStorage, CudaStorage, CustomOp1, Layout, Result as Candle, Shape, Tensor};
use rayon::prelude::*;

use super::exp::exp;
use super::gemm::{DEPTH, Kernel, Packed, pack_across, pack_along};
use super::tape;
use super::wide::wide;
use crate::error::{Code, Error, Result};
use crate::task::Task;

/// Rows of a block: a multiple of every kernel's panels, and a tile fills a third of a second-level
/// cache.
const BLOCK: usize = 192;
/// Rows of a block whose gradient one task sums.
const BAND: usize = 48;

/// The loss and what its gradient needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Contrasted {
    /// The loss: a mean over all rows, both directions.
    pub loss: f64,
    /// For each row the logarithm of the sum over its candidates.
    pub log_sums: Vec<f32>,
}

/// Stacked rows, packed for the products with themselves.
struct Stack {
    kernel: Kernel,
    rows: usize,
    blocks: usize,
    left: Packed,
    right: Packed,
}

impl Stack {
    fn new(z: &[f32], width: usize, tau: f32) -> Result<Stack> {
        let rows = z.len() / width.max(1);
        if width == 0 || rows * width != z.len() || !rows.is_multiple_of(2) || rows == 0 {
            return Err(Error::new(Code::Internal, "contrast: rows that are no stack of pairs"));
        }
        if !(tau.is_finite() && tau > 0.0) {
            return Err(Error::new(Code::OutOfRange, format!("temperature {tau} is not above zero")));
        }
        let kernel = Kernel::best();
        let row = |i: usize| -> &[f32] { z.get(i * width..(i + 1) * width).unwrap_or(&[]) };
        let blocks = rows.div_ceil(BLOCK);
        // Rounded up to whole blocks of zero rows.
        let zeros = vec![0.0; width];
        let lane = |i: usize| if i < rows { row(i) } else { &zeros };
        let packed = |panel: usize| Packed::along(lane, blocks * BLOCK, panel, width, DEPTH);
        Ok(Stack { kernel, rows, blocks, left: packed(kernel.left), right: packed(kernel.right) })
    }

    /// Logits of block `i` against block `j`, `BLOCK × BLOCK`; −∞ where a row meets itself or no row.
    fn logits(&self, i: usize, j: usize, tau: f32, tile: &mut [f32]) {
        tile.fill(0.0);
        for block in 0..self.left.blocks() {
            let (left, deep) = self.left.part(block, i * BLOCK, BLOCK);
            let (right, _) = self.right.part(block, j * BLOCK, BLOCK);
            self.kernel.multiply(deep, left, right, tile, BLOCK);
        }
        let scale = 1.0 / tau;
        tile.iter_mut().for_each(|x| *x *= scale);
        let (rows, cols) = (self.real(i), self.real(j));
        for (r, line) in tile.chunks_exact_mut(BLOCK).enumerate() {
            line[if r < rows { cols } else { 0 }..].fill(f32::NEG_INFINITY);
            if i == j {
                line[r] = f32::NEG_INFINITY;
            }
        }
    }

    /// Rows of a block that exist.
    fn real(&self, block: usize) -> usize {
        BLOCK.min(self.rows - block * BLOCK)
    }

    /// Where rows of block `i` meet their partners in block `j`: (row, column) within the tile.
    fn partners(&self, i: usize, j: usize) -> impl Iterator<Item = (usize, usize)> {
        let (half, start) = (self.rows / 2, j * BLOCK);
        let range = start..start + self.real(j);
        (0..self.real(i)).filter_map(move |r| {
            let row = i * BLOCK + r;
            let partner = if row < half { row + half } else { row - half };
            range.contains(&partner).then(|| (r, partner - start))
        })
    }
}

/// A maximum and the sum of the powers above it, for one row and one block of its candidates.
type Part = (f32, f32);

/// Parts of the rows of a tile and of its columns.
#[inline(always)]
fn parts(tile: &[f32]) -> (Vec<Part>, Vec<Part>) {
    // A row of −∞ has the lowest finite number for its top, so that its powers are 0 and not NaN.
    let mut tops = vec![f32::MIN; BLOCK];
    let mut rows = Vec::with_capacity(BLOCK);
    for line in tile.chunks_exact(BLOCK) {
        let mut lanes = [f32::MIN; 16];
        for (chunk, tops) in line.as_chunks::<16>().0.iter().zip(tops.as_chunks_mut::<16>().0) {
            for ((lane, top), &x) in lanes.iter_mut().zip(tops).zip(chunk) {
                *lane = if x > *lane { x } else { *lane };
                *top = if x > *top { x } else { *top };
            }
        }
        rows.push((lanes.iter().copied().fold(f32::MIN, f32::max), 0.0));
    }
    let mut sums = vec![0f32; BLOCK];
    for (line, row) in tile.chunks_exact(BLOCK).zip(&mut rows) {
        let mut lanes = [0f32; 16];
        let columns = sums.as_chunks_mut::<16>().0.iter_mut().zip(tops.as_chunks::<16>().0);
        for (chunk, (sums, tops)) in line.as_chunks::<16>().0.iter().zip(columns) {
            for (((lane, sum), &top), &x) in lanes.iter_mut().zip(sums).zip(tops).zip(chunk) {
                *lane += exp(x - row.0);
                *sum += exp(x - top);
            }
        }
        row.1 = lanes.iter().sum();
    }
    (rows, tops.into_iter().zip(sums).collect())
}

/// The loss of `z`, 2B rows of `width` numbers with temperature `tau`; see the module.
///
/// Fails with [`Code::Internal`] on an odd number of rows, [`Code::OutOfRange`] on a temperature not
/// above zero, [`Code::Cancelled`].
pub fn forward(z: &[f32], width: usize, tau: f32, task: &Task) -> Result<Contrasted> {
    let stack = Stack::new(z, width, tau)?;
    let tiles: Vec<(usize, usize)> =
        (0..stack.blocks).flat_map(|i| (i..stack.blocks).map(move |j| (i, j))).collect();
    let found: Vec<_> = tiles
        .par_iter()
        .map_init(
            || vec![0.0; BLOCK * BLOCK],
            |tile, &(i, j)| {
                task.check()?;
                stack.logits(i, j, tau, tile);
                let (rows, columns) = wide(|| parts(tile));
                let positives: Vec<(usize, f32)> =
                    stack.partners(i, j).map(|(r, c)| (i * BLOCK + r, tile[r * BLOCK + c])).collect();
                Ok((rows, columns, positives))
            },
        )
        .collect::<Result<_>>()?;
    // Tiles by rising i, then j: every row meets its blocks in one order.
    let mut tops = vec![f32::MIN; stack.blocks * BLOCK];
    let mut sums = vec![0f64; stack.blocks * BLOCK];
    let mut add = |block: usize, parts: &[Part]| {
        for (at, &(top, sum)) in (block * BLOCK..).zip(parts) {
            let higher = tops[at].max(top);
            let keep = |top: f32| f64::from(top - higher).exp();
            sums[at] = sums[at] * keep(tops[at]) + f64::from(sum) * keep(top);
            tops[at] = higher;
        }
    };
    let mut positives = vec![0f32; stack.rows];
    let half = stack.rows / 2;
    for (&(i, j), (rows, columns, found)) in tiles.iter().zip(&found) {
        add(i, rows);
        if i != j {
            add(j, columns);
        }
        for &(row, logit) in found {
            positives[row] = logit;
            positives[if row < half { row + half } else { row - half }] = logit;
        }
    }
    let exact = tops.iter().zip(&sums).map(|(&top, sum)| f64::from(top) + sum.ln());
    let exact: Vec<f64> = exact.take(stack.rows).collect();
    let loss = exact.iter().zip(&positives).map(|(sum, &logit)| sum - f64::from(logit)).sum::<f64>();
    let log_sums = exact.iter().map(|&sum| sum as f32).collect();
    Ok(Contrasted { loss: loss / stack.rows as f64, log_sums })
}

/// Adds `upstream` times the gradient of the loss by `z` to `out`, which is as long as `z`.
///
/// Fails as [`forward`] does.
pub fn backward(
    z: &[f32],
    width: usize,
    tau: f32,
    log_sums: &[f32],
    upstream: f32,
    out: &mut [f32],
    task: &Task,
) -> Result<()> {
    let stack = Stack::new(z, width, tau)?;
    if log_sums.len() != stack.rows || out.len() != z.len() {
        return Err(Error::new(Code::Internal, "contrast: a gradient that does not fit its rows"));
    }
    let kernel = stack.kernel;
    let padded = stack.blocks * BLOCK;
    let zeros = vec![0.0; width];
    let line = |i: usize| z.get(i * width..(i + 1) * width).unwrap_or(&zeros);
    // Each block of rows as the right operand of H·z: lanes are the columns of z.
    let values = Packed::across(line, width, kernel.right, padded, BLOCK);
    let lanes = values.lanes;
    let mut logs = log_sums.to_vec();
    logs.resize(padded, f32::INFINITY);
    let scale = upstream / (stack.rows as f32 * tau);
    let mut sums = vec![0.0; padded * lanes];
    let mut strip = vec![0.0; padded * BLOCK];
    for i in 0..stack.blocks {
        task.check()?;
        // One strip of H: block i against itself and all later blocks; these get their part at once.
        let tiles = strip[..(stack.blocks - i) * BLOCK * BLOCK].par_chunks_exact_mut(BLOCK * BLOCK);
        let later = sums[i * BLOCK * lanes..].par_chunks_exact_mut(BLOCK * lanes);
        tiles.zip(later).enumerate().for_each_init(
            Vec::new,
            |panels: &mut Vec<f32>, (step, (tile, sums))| {
                let j = i + step;
                stack.logits(i, j, tau, tile);
                let (rows, columns) = (&logs[i * BLOCK..][..BLOCK], &logs[j * BLOCK..][..BLOCK]);
                wide(|| weigh(tile, rows, columns, scale));
                for (r, c) in stack.partners(i, j) {
                    tile[r * BLOCK + c] -= 2.0 * scale;
                }
                if step > 0 {
                    panels.resize(BLOCK * BLOCK, 0.0);
                    pack_across(|p| &tile[p * BLOCK..(p + 1) * BLOCK], BLOCK, kernel.left, BLOCK, panels);
                    kernel.multiply(BLOCK, panels, values.part(i, 0, lanes).0, sums, lanes);
                }
            },
        );
        // Then block i's own part, from the whole strip.
        let own = sums[i * BLOCK * lanes..][..BLOCK * lanes].par_chunks_mut(BAND * lanes);
        own.enumerate().for_each_init(
            || vec![0.0; BAND * BLOCK],
            |panels, (band, sums)| {
                for (step, tile) in
                    strip[..(stack.blocks - i) * BLOCK * BLOCK].chunks_exact(BLOCK * BLOCK).enumerate()
                {
                    let row = |r: usize| &tile[(band * BAND + r) * BLOCK..][..BLOCK];
                    pack_along(row, BAND, kernel.left, BLOCK, panels);
                    kernel.multiply(BLOCK, panels, values.part(i + step, 0, lanes).0, sums, lanes);
                }
            },
        );
    }
    for (out, sums) in out.chunks_exact_mut(width).zip(sums.chunks_exact(lanes)) {
        out.iter_mut().zip(sums).for_each(|(out, sum)| *out += sum);
    }
    Ok(())
}

/// From logits to H, but for the partners.
#[inline(always)]
fn weigh(tile: &mut [f32], rows: &[f32], columns: &[f32], scale: f32) {
    for (line, &row) in tile.chunks_exact_mut(BLOCK).zip(rows) {
        for (x, &column) in line.iter_mut().zip(columns) {
            *x = (exp(*x - row) + exp(*x - column)) * scale;
        }
    }
}

/// The loss on the tape: `apply(z)` with `z` `[2B, width]`, f32, gives a scalar.
#[derive(Debug)]
pub struct Contrast {
    tau: f32,
    log_sums: OnceLock<Vec<f32>>,
}

impl Contrast {
    /// The loss of one batch of pairs, left rows first, with temperature `tau`; τ = 1 and rows as they
    /// are is PSQE's reference, τ = 0.1 and unit rows (see [`super::Normalise`]) is MCLEA's.
    pub fn apply(z: &Tensor, tau: f32) -> Candle<Tensor> {
        if z.device().is_cuda() {
            return super::StripContrast::apply(z, tau);
        }
        z.contiguous()?.apply_op1(Contrast { tau, log_sums: OnceLock::new() })
    }
}

impl CustomOp1 for Contrast {
    fn name(&self) -> &'static str {
        "contrast"
    }

    fn cpu_fwd(&self, z: &CpuStorage, layout: &Layout) -> Candle<(CpuStorage, Shape)> {
        let (_, width) = layout.shape().dims2()?;
        let z = tape::slice::<f32>(self.name(), z, layout)?;
        let found = forward(z, width, self.tau, &Task::quiet()).map_err(candle_core::Error::wrap)?;
        let _ = self.log_sums.set(found.log_sums);
        Ok((CpuStorage::F32(vec![found.loss as f32]), Shape::from(())))
    }

    fn cuda_fwd(&self, _: &CudaStorage, _: &Layout) -> Candle<(CudaStorage, Shape)> {
        tape::cpu_only(self.name())
    }

    fn bwd(&self, z: &Tensor, _: &Tensor, grad: &Tensor) -> Candle<Option<Tensor>> {
        let Some(log_sums) = self.log_sums.get() else {
            candle_core::bail!("contrast: the backward pass came before the forward pass")
        };
        let upstream = grad.to_scalar::<f32>()?;
        let (mut out, width) = (vec![0.0; z.elem_count()], z.dim(1)?);
        tape::lend([z], |[z]| {
            backward(z, width, self.tau, log_sums, upstream, &mut out, &Task::quiet())
                .map_err(candle_core::Error::wrap)
        })?;
        Ok(Some(tape::tensor(out, z.dims(), z)?))
    }
}
