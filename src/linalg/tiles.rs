//! The pass over all pairs: right rows in blocks, left rows in bands, one tile of scores at a time.
//!
//! A right block is packed (and, for sparse channels, inverted) once and then met by every left band;
//! bands run in parallel. Nothing a visitor sees depends on the sizes chosen here.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use crate::error::Result;
use crate::linalg::kernel::{DEPTH, Kernel, pack};
use crate::linalg::mask::MaskedColumns;
use crate::linalg::score::{Prepared, Scorer};
use crate::task::Task;

/// Most rows of a band: with [`DEPTH`] columns they fill half of a second-level cache.
const BAND: usize = 240;
/// Most columns of a block.
const BLOCK: usize = 4096;
/// Numbers a packed block may hold (64 MiB).
const PACKED: usize = 1 << 24;

/// The sizes of one pass.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Left rows of a band.
    pub band: usize,
    /// Right rows of a block.
    pub block: usize,
}

impl Shape {
    /// Sizes that fit the caches, leave enough bands for all threads, and bound the memory.
    pub fn new(scorer: &Scorer<'_>, kernel: &Kernel) -> Self {
        let width: usize = scorer.channels.iter().flat_map(Prepared::depths).map(|(s, e)| e - s).sum();
        let fitting = (PACKED / width.max(1)).clamp(256, BLOCK);
        let block = fitting.min(scorer.right_ids.len().max(1)).next_multiple_of(kernel.right);
        let share = scorer.left_ids.len() / (4 * rayon::current_num_threads());
        Shape { band: share.clamp(24, BAND).next_multiple_of(kernel.left), block }
    }
}

/// Scores of some left against some right rows.
pub(crate) struct Tile<'t> {
    /// Number of the band.
    pub band: usize,
    /// Places in the scorer's left ids.
    pub rows: Range<usize>,
    /// Places in the scorer's right ids.
    pub cols: Range<usize>,
    scores: &'t [f32],
    stride: usize,
}

impl Tile<'_> {
    /// Scores of the tile's `r`-th row against all its columns; −∞ where there is no candidate.
    pub fn row(&self, r: usize) -> &[f32] {
        &self.scores[r * self.stride..r * self.stride + self.cols.len()]
    }
}

/// Shows every tile to `visit` once; tiles of one band come one after the other, by rising columns.
pub(crate) fn for_each_tile(
    scorer: &Scorer<'_>,
    kernel: &Kernel,
    shape: Shape,
    task: &Task,
    visit: impl Fn(&Tile<'_>) + Sync,
) -> Result<()> {
    let (lefts, rights) = (scorer.left_ids.len(), scorer.right_ids.len());
    let bands: Vec<Range<usize>> =
        (0..lefts).step_by(shape.band).map(|start| start..(start + shape.band).min(lefts)).collect();
    let total = (bands.len() * rights.div_ceil(shape.block)) as u64;
    task.phase("comparing rows", Some(total));
    let done = std::sync::atomic::AtomicU64::new(0);
    let mut block = Block::default();
    for start in (0..rights).step_by(shape.block) {
        task.check()?;
        let cols = start..(start + shape.block).min(rights);
        block.fill(scorer, kernel, cols);
        let block = &block;
        bands.par_iter().enumerate().try_for_each_init(
            Vec::new,
            |scratch: &mut Vec<f32>, (band, rows)| {
                task.check()?;
                let len = shape.band * block.stride;
                scratch.resize(len + shape.band * DEPTH, 0.0);
                let (scores, packed) = scratch.split_at_mut(len);
                let scores = &mut scores[..rows.len().next_multiple_of(kernel.left) * block.stride];
                block.score(scorer, kernel, rows.clone(), scores, packed);
                let cols = block.cols.clone();
                visit(&Tile { band, rows: rows.clone(), cols, scores, stride: block.stride });
                task.advance(done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1);
                Ok(())
            },
        )?;
    }
    Ok(())
}

/// Scores without biases of some left with some right rows, to be shown again under biases.
#[derive(Debug)]
pub(crate) struct Products {
    shape: Shape,
    cols: usize,
    /// By band, its rows one after the other.
    bands: Vec<Mutex<Vec<f32>>>,
}

impl Products {
    /// An empty one, for the rows of a scorer.
    pub fn new(scorer: &Scorer<'_>, shape: Shape) -> Self {
        let (rows, cols) = (scorer.left_ids.len(), scorer.right_ids.len());
        let bands = (0..rows).step_by(shape.band).map(|start| shape.band.min(rows - start) * cols);
        Products { shape, cols, bands: bands.map(|len| Mutex::new(vec![0.0; len])).collect() }
    }

    /// The sizes of the tiles.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Takes in a tile of scores without biases.
    pub fn take(&self, tile: &Tile<'_>) {
        let mut band = self.bands[tile.band].lock().unwrap_or_else(PoisonError::into_inner);
        for (r, row) in band.chunks_exact_mut(self.cols.max(1)).enumerate() {
            row[tile.cols.clone()].copy_from_slice(tile.row(r));
        }
    }

    /// Shows the tiles that [`for_each_tile`] shows for the same rows, under the scorer's biases.
    pub fn for_each_tile(
        &self,
        scorer: &Scorer<'_>,
        task: &Task,
        visit: impl Fn(&Tile<'_>) + Sync,
    ) -> Result<()> {
        let starts: Vec<usize> = (0..scorer.left_ids.len()).step_by(self.shape.band).collect();
        debug_assert!(scorer.mask.is_none(), "pairs are barred where they are compared");
        let biases = scorer.right_biases();
        starts.par_iter().enumerate().try_for_each(|(band, &start)| {
            task.check()?;
            let mut scores = self.bands[band].lock().unwrap_or_else(PoisonError::into_inner).clone();
            let rows = start..start + scores.len() / self.cols.max(1);
            for (row, &i) in scores.chunks_exact_mut(self.cols.max(1)).zip(&scorer.left_ids[rows.clone()]) {
                let bias = scorer.left_bias(i);
                row.iter_mut().zip(&biases).for_each(|(score, right)| *score = *score + right + bias);
            }
            visit(&Tile { band, rows, cols: 0..self.cols, scores: &scores, stride: self.cols });
            Ok(())
        })
    }
}

/// Right rows made ready for the bands.
#[derive(Default)]
struct Block {
    cols: Range<usize>,
    /// Columns rounded up to whole panels.
    stride: usize,
    packed: Vec<f32>,
    inverted: Vec<Inverted>,
    masked: MaskedColumns,
}

impl Block {
    fn fill(&mut self, scorer: &Scorer<'_>, kernel: &Kernel, cols: Range<usize>) {
        let ids = &scorer.right_ids[cols.clone()];
        self.stride = cols.len().next_multiple_of(kernel.right);
        if let Some(mask) = scorer.mask {
            self.masked = MaskedColumns::new(mask, &scorer.right_ids, cols.clone());
        }
        self.cols = cols;
        let width: usize = scorer.channels.iter().flat_map(Prepared::depths).map(|(s, e)| e - s).sum();
        self.packed.resize(width * self.stride, 0.0);
        let mut rest = &mut self.packed[..];
        let mut parts = Vec::new();
        let group = 8 * kernel.right;
        for channel in scorer.channels.iter() {
            for (start, end) in channel.depths() {
                let (part, tail) = rest.split_at_mut((end - start) * self.stride);
                rest = tail;
                let panels = part.chunks_mut(group * (end - start)).zip(ids.chunks(group));
                parts.extend(panels.map(|(panels, ids)| (channel, start, end, panels, ids)));
            }
        }
        parts.into_par_iter().for_each(|(channel, start, end, panels, ids)| {
            let rows: Vec<_> = ids.iter().map(|&j| channel.right.dense_part(j, start, end)).collect();
            pack(&rows, kernel.right, end - start, panels);
        });
        let sparse = scorer.channels.iter().filter(|channel| channel.sparse);
        self.inverted = sparse.map(|channel| Inverted::new(channel, ids)).collect();
    }

    /// Fills a tile with the scores of the band `rows`.
    fn score(
        &self,
        scorer: &Scorer<'_>,
        kernel: &Kernel,
        rows: Range<usize>,
        scores: &mut [f32],
        packed: &mut [f32],
    ) {
        scores.fill(0.0);
        let ids = &scorer.left_ids[rows];
        let mut at = 0;
        for channel in scorer.channels.iter() {
            for (start, end) in channel.depths() {
                let depth = end - start;
                let panels = &mut packed[..ids.len().next_multiple_of(kernel.left) * depth];
                let rows: Vec<_> = ids.iter().map(|&i| channel.left.dense_part(i, start, end)).collect();
                pack(&rows, kernel.left, depth, panels);
                let right = &self.packed[at..at + depth * self.stride];
                kernel.multiply(depth, panels, right, scores, self.stride);
                at += depth * self.stride;
            }
        }
        let sparse = scorer.channels.iter().filter(|channel| channel.sparse);
        for (channel, inverted) in sparse.zip(&self.inverted) {
            for (row, &i) in scores.chunks_mut(self.stride).zip(ids) {
                inverted.add(channel.left.sparse_part(i), row);
            }
        }
        self.finish(scorer, ids, scores);
    }

    /// Turns weighted sums into scores.
    fn finish(&self, scorer: &Scorer<'_>, ids: &[u32], scores: &mut [f32]) {
        let mut known: Vec<(usize, Vec<f32>, Vec<f32>)> = Vec::new();
        for (row, &i) in scores.chunks_mut(self.stride).zip(ids) {
            let pattern = scorer.pattern(i);
            let place = known.iter().position(|(p, _, _)| *p == pattern).unwrap_or_else(|| {
                let rights = scorer.right_ids[self.cols.clone()].iter();
                let (factors, offsets) = rights.map(|&j| scorer.finish(pattern, j)).unzip();
                known.push((pattern, factors, offsets));
                known.len() - 1
            });
            let (_, factors, offsets) = &known[place];
            let bias = scorer.left_bias(i);
            for ((score, factor), offset) in row.iter_mut().zip(factors).zip(offsets) {
                *score = *score * factor + offset + bias;
            }
            if let Some(mask) = scorer.mask {
                self.masked.apply(mask, i, row);
            }
        }
    }
}

/// A block of sparse rows by columns: which rows have a number in a column, and which.
struct Inverted {
    starts: Vec<u32>,
    rows: Vec<u32>,
    values: Vec<f32>,
}

impl Inverted {
    fn new(channel: &Prepared<'_>, ids: &[u32]) -> Self {
        let mut starts = vec![0u32; channel.right.rows.cols() + 2];
        for &j in ids {
            channel.right.sparse_part(j).for_each(|(column, _)| starts[column as usize + 2] += 1);
        }
        for column in 2..starts.len() {
            starts[column] += starts[column - 1];
        }
        let stored = starts.last().copied().unwrap_or(0) as usize;
        let (mut rows, mut values) = (vec![0u32; stored], vec![0f32; stored]);
        for (place, &j) in ids.iter().enumerate() {
            for (column, x) in channel.right.sparse_part(j) {
                let next = &mut starts[column as usize + 1];
                rows[*next as usize] = place as u32;
                values[*next as usize] = x;
                *next += 1;
            }
        }
        Inverted { starts, rows, values }
    }

    /// Adds the products of one left row with every row of the block.
    fn add(&self, row: impl Iterator<Item = (u32, f32)>, sums: &mut [f32]) {
        for (column, x) in row {
            let range = self.starts[column as usize] as usize..self.starts[column as usize + 1] as usize;
            for (&place, y) in self.rows[range.clone()].iter().zip(&self.values[range]) {
                sums[place as usize] += x * y;
            }
        }
    }
}
