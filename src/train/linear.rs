//! Products of constant features with weights: X·Wᵀ + b, and the gradient of W alone.
//!
//! X is never trained, so its gradient is never computed; for features of a whole graph that is half of
//! the work of a general product. Rows are picked by number and need no copy.

use std::borrow::Cow;

use rayon::prelude::*;

use super::gemm::{DEPTH, Kernel, Packed, pack_across, pack_along, sized};
use super::real::axpy;
use crate::error::{Code, Error, Result};
use crate::features::{Feature, Rows, SparseRows};
use crate::task::Task;

/// Rows of a product that one task computes: with [`DEPTH`] columns they fill a quarter of a
/// second-level cache.
const BAND: usize = 96;
/// Columns of a weight gradient that one task computes.
const STRIP: usize = 128;
/// Outputs of a weight gradient that one task computes where X is sparse.
const SPARSE_STRIP: usize = 64;

/// What stands in the place of a row that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Fill {
    /// Zeros.
    Zero,
    /// The mean of the rows of both sides that are there.
    #[default]
    Mean,
}

/// One modality of both sides as one constant matrix, left rows first.
#[derive(Clone, Debug)]
pub struct ConstantRows<'a> {
    left: Feature<'a>,
    right: Feature<'a>,
    cols: usize,
    /// What an absent row is; `None` where that is zero or no row is absent.
    mean: Option<Cow<'a, [f32]>>,
}

/// The rows of one call, by whether they are there.
struct Picked {
    /// Places in the list of rows.
    places: Vec<u32>,
    absent: Vec<u32>,
}

impl<'a> ConstantRows<'a> {
    /// Both sides of a modality; absent rows stand as `fill` says.
    ///
    /// Fails with [`Code::BadValue`] if the sides are not equally wide, if one is dense and the other
    /// sparse, or if rows and presence do not fit each other.
    pub fn new(left: Feature<'a>, right: Feature<'a>, fill: Fill) -> Result<Self> {
        let cols = left.rows.cols();
        let wrong = |what: String| {
            Err(Error::new(Code::BadValue, what).help("make the features of both sides in one run"))
        };
        if right.rows.cols() != cols || cols == 0 {
            return wrong(format!(
                "features are {cols} wide on the left, {} on the right",
                right.rows.cols()
            ));
        }
        if matches!(left.rows, Rows::Dense(_)) != matches!(right.rows, Rows::Dense(_)) {
            return wrong("features are dense on one side and sparse on the other".into());
        }
        for feature in [&left, &right] {
            let fits = match feature.rows {
                Rows::Dense(rows) => feature.present.len() * cols == rows.data.len(),
                Rows::Sparse(rows) => {
                    rows.indptr.len() == feature.present.len() + 1
                        && rows.indptr.is_sorted()
                        && rows.indptr.last().is_some_and(|&end| end as usize == rows.indices.len())
                        && rows.values.len() == rows.indices.len()
                        && rows.indices.iter().all(|&column| (column as usize) < cols)
                }
            };
            if !fits {
                return wrong(format!("features that do not fit {} rows of {cols}", feature.present.len()));
            }
        }
        let mut all = ConstantRows { left, right, cols, mean: None };
        let there = left.present.count() + right.present.count();
        if fill == Fill::Mean && there > 0 && there < all.rows() {
            all.mean = Some(all.means(there).into());
        }
        Ok(all)
    }

    /// Number of rows of both sides.
    pub fn rows(&self) -> usize {
        self.left.present.len() + self.right.present.len()
    }

    /// Number of rows of the left side.
    pub fn split(&self) -> usize {
        self.left.present.len()
    }

    /// Width of a row.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Whether a row is there.
    pub fn present(&self, row: u32) -> bool {
        let (side, at) = self.side(row);
        side.present.get(at)
    }

    fn side(&self, row: u32) -> (&Feature<'a>, usize) {
        let (row, split) = (row as usize, self.split());
        if row < split { (&self.left, row) } else { (&self.right, row - split) }
    }

    fn dense(&self, row: u32) -> &'a [f32] {
        let (side, at) = self.side(row);
        match side.rows {
            Rows::Dense(rows) => &rows.data[at * self.cols..(at + 1) * self.cols],
            Rows::Sparse(_) => &[],
        }
    }

    /// Columns and values of a row of sparse features.
    fn sparse(&self, row: u32) -> (&'a [u32], &'a [f32]) {
        let (side, at) = self.side(row);
        match side.rows {
            Rows::Sparse(SparseRows { indptr, indices, values, .. }) => {
                let range = indptr[at] as usize..indptr[at + 1] as usize;
                (&indices[range.clone()], &values[range])
            }
            Rows::Dense(_) => (&[], &[]),
        }
    }

    /// Whether the features are dense.
    pub(crate) fn is_dense(&self) -> bool {
        !self.is_sparse()
    }

    /// Dense rows one after the other, absent ones filled; zeros of sparse features.
    pub(crate) fn filled(&self, rows: std::ops::Range<u32>) -> Vec<f32> {
        let zeros = vec![0.0; self.cols];
        let absent = self.mean.as_deref().unwrap_or(&zeros);
        let mut out = Vec::with_capacity(rows.len() * self.cols);
        for row in rows {
            let there = self.present(row) && self.is_dense();
            out.extend_from_slice(if there { self.dense(row) } else { absent });
        }
        out
    }

    fn is_sparse(&self) -> bool {
        matches!(self.left.rows, Rows::Sparse(_))
    }

    fn means(&self, there: usize) -> Vec<f32> {
        let mut sums = vec![0f64; self.cols];
        let mut add = |column: usize, x: f32| sums[column] += f64::from(x);
        for row in (0..self.rows() as u32).filter(|&row| self.present(row)) {
            self.dense(row).iter().enumerate().for_each(|(column, &x)| add(column, x));
            let (columns, values) = self.sparse(row);
            columns.iter().zip(values).for_each(|(&column, &x)| add(column as usize, x));
        }
        sums.iter().map(|sum| (sum / there as f64) as f32).collect()
    }

    fn pick(&self, rows: &[u32], weight: usize, numbers: usize) -> Result<(Picked, usize)> {
        let outputs = weight / self.cols;
        if outputs * self.cols != weight || outputs * rows.len() != numbers || outputs == 0 {
            return Err(Error::new(Code::Internal, "linear: arguments that do not fit each other"));
        }
        if let Some(row) = rows.iter().find(|&&row| row as usize >= self.rows()) {
            let message = format!("row {row} does not exist: there are {}", self.rows());
            return Err(Error::new(Code::OutOfRange, message));
        }
        let (places, absent) = (0..rows.len() as u32).partition(|&at| self.present(rows[at as usize]));
        Ok((Picked { places, absent }, outputs))
    }

    /// `out[i] = W·x(rows[i]) + b`: `weight` is `outputs × cols`, `bias` `outputs`, `out`
    /// `rows.len() × outputs`.
    ///
    /// Fails with [`Code::OutOfRange`] on a row that is not there, [`Code::Internal`] on shapes that do
    /// not fit, [`Code::Cancelled`].
    pub fn forward(
        &self,
        rows: &[u32],
        weight: &[f32],
        bias: Option<&[f32]>,
        out: &mut [f32],
        task: &Task,
    ) -> Result<()> {
        let (picked, outputs) = self.pick(rows, weight.len(), out.len())?;
        let zeros = vec![0.0; outputs];
        let bias = bias.filter(|bias| bias.len() == outputs).unwrap_or(&zeros);
        let mut filled = bias.to_vec();
        if let Some(mean) = &self.mean {
            let lanes = filled.par_iter_mut().zip(weight.par_chunks_exact(self.cols));
            lanes.for_each(|(sum, weight)| *sum += super::real::dot(weight, mean));
        }
        for &at in &picked.absent {
            out[at as usize * outputs..(at as usize + 1) * outputs].copy_from_slice(&filled);
        }
        // Each place is given the row of `out` that it fills, so that bands can write side by side.
        let mut places = picked.places.iter().copied().peekable();
        let mut parts: Vec<(&[f32], u32, &mut [f32])> = Vec::new();
        for (at, out) in (0u32..).zip(out.chunks_exact_mut(outputs)) {
            if places.next_if_eq(&at).is_some() {
                let row = rows[at as usize];
                parts.push((self.dense(row), row, out));
            }
        }
        if self.is_sparse() {
            let turned = turn(weight, self.cols);
            return parts.par_chunks_mut(BAND).try_for_each(|parts| {
                for (_, row, out) in parts {
                    out.copy_from_slice(bias);
                    let (columns, values) = self.sparse(*row);
                    for (&column, &x) in columns.iter().zip(values) {
                        axpy(x, &turned[column as usize * outputs..][..outputs], out);
                    }
                }
                task.check()
            });
        }
        let kernel = Kernel::best();
        let right = |i: usize| &weight[i * self.cols..(i + 1) * self.cols];
        let right = Packed::along(right, outputs, kernel.right, self.cols, DEPTH);
        parts.par_chunks_mut(BAND).try_for_each_init(Vec::new, |scratch, parts| {
            task.check()?;
            let lanes = parts.len().next_multiple_of(kernel.left);
            let scratch = sized(scratch, lanes * (right.lanes + DEPTH));
            let (tile, panels) = scratch.split_at_mut(lanes * right.lanes);
            tile.fill(0.0);
            for block in 0..right.blocks() {
                let (columns, deep) = right.part(block, 0, right.lanes);
                let row = |i: usize| &parts[i].0[block * DEPTH..block * DEPTH + deep];
                let panels = &mut panels[..lanes * deep];
                pack_along(row, parts.len(), kernel.left, deep, panels);
                kernel.multiply(deep, panels, columns, tile, right.lanes);
            }
            for ((_, _, out), sums) in parts.iter_mut().zip(tile.chunks_exact(right.lanes)) {
                out.iter_mut().zip(sums).zip(bias).for_each(|((out, sum), bias)| *out = sum + bias);
            }
            Ok(())
        })
    }

    /// Adds the gradients of Σ grad⊙out, where `grad` is `rows.len() × outputs`, to those of the weight
    /// (`outputs × cols`) and of the bias.
    ///
    /// Fails as [`ConstantRows::forward`] does.
    pub fn backward(
        &self,
        rows: &[u32],
        grad: &[f32],
        weight: &mut [f32],
        bias: &mut [f32],
        task: &Task,
    ) -> Result<()> {
        let (picked, outputs) = self.pick(rows, weight.len(), grad.len())?;
        let line = |at: u32| &grad[at as usize * outputs..(at as usize + 1) * outputs];
        let absent = column_sums(&picked.absent, outputs, line);
        let there = column_sums(&picked.places, outputs, line);
        if bias.len() == outputs {
            bias.iter_mut().zip(absent.iter().zip(&there)).for_each(|(bias, (a, b))| *bias += a + b);
        }
        if let Some(mean) = &self.mean {
            let lines = weight.par_chunks_exact_mut(self.cols).zip(&absent);
            lines.for_each(|(weight, &sum)| axpy(sum, mean, weight));
        }
        if self.is_sparse() {
            return self.backward_sparse(rows, &picked.places, grad, weight, task);
        }
        let kernel = Kernel::best();
        let (places, count) = (&picked.places, picked.places.len());
        let left = Packed::across(|p| line(places[p]), outputs, kernel.left, count, DEPTH);
        let strips: Vec<usize> = (0..self.cols).step_by(STRIP).collect();
        let tiles: Vec<Vec<f32>> = strips
            .par_iter()
            .map(|&start| {
                let cols = STRIP.min(self.cols - start);
                let lanes = cols.next_multiple_of(kernel.right);
                let (mut tile, mut panels) = (vec![0.0; left.lanes * lanes], vec![0.0; lanes * DEPTH]);
                for block in 0..left.blocks() {
                    task.check()?;
                    let (lines, deep) = left.part(block, 0, left.lanes);
                    let row =
                        |p: usize| &self.dense(rows[places[block * DEPTH + p] as usize])[start..start + cols];
                    let panels = &mut panels[..lanes * deep];
                    pack_across(row, cols, kernel.right, deep, panels);
                    kernel.multiply(deep, lines, panels, &mut tile, lanes);
                }
                Ok(tile)
            })
            .collect::<Result<_>>()?;
        for (&start, tile) in strips.iter().zip(&tiles) {
            let lanes = tile.len() / left.lanes;
            for (weight, sums) in weight.chunks_exact_mut(self.cols).zip(tile.chunks_exact(lanes)) {
                weight[start..].iter_mut().zip(sums).take(STRIP).for_each(|(weight, sum)| *weight += sum);
            }
        }
        Ok(())
    }

    fn backward_sparse(
        &self,
        rows: &[u32],
        places: &[u32],
        grad: &[f32],
        weight: &mut [f32],
        task: &Task,
    ) -> Result<()> {
        let outputs = weight.len() / self.cols;
        weight.par_chunks_mut(SPARSE_STRIP * self.cols).enumerate().try_for_each(|(strip, weight)| {
            task.check()?;
            let (start, lanes) = (strip * SPARSE_STRIP, weight.len() / self.cols);
            let mut turned = vec![0.0; weight.len()];
            for &at in places {
                let line = &grad[at as usize * outputs + start..][..lanes];
                let (columns, values) = self.sparse(rows[at as usize]);
                for (&column, &x) in columns.iter().zip(values) {
                    axpy(x, line, &mut turned[column as usize * lanes..][..lanes]);
                }
            }
            for (column, lines) in turned.chunks_exact(lanes).enumerate() {
                lines.iter().enumerate().for_each(|(i, x)| weight[i * self.cols + column] += x);
            }
            Ok(())
        })
    }
}

/// Sums of some lines, in pieces of fixed size that are added in order.
fn column_sums<'a>(places: &[u32], width: usize, line: impl Fn(u32) -> &'a [f32] + Sync) -> Vec<f32> {
    let piece = |places: &[u32]| {
        let mut sums = vec![0.0; width];
        places.iter().for_each(|&at| axpy(1.0, line(at), &mut sums));
        sums
    };
    let parts: Vec<Vec<f32>> = places.par_chunks(256).map(piece).collect();
    let mut sums = vec![0.0; width];
    parts.iter().for_each(|part| axpy(1.0, part, &mut sums));
    sums
}

/// The transpose of a matrix `cols` wide.
fn turn(matrix: &[f32], cols: usize) -> Vec<f32> {
    let rows = matrix.len() / cols;
    let mut turned = vec![0.0; matrix.len()];
    for (i, row) in matrix.chunks_exact(cols).enumerate() {
        row.iter().enumerate().for_each(|(j, &x)| turned[j * rows + i] = x);
    }
    turned
}
