//! Fused vectors without storing them: blocks side by side, scaled as they are read.
//!
//! Distances to dense points are sums over the blocks: by differences where the rows are dense (no
//! cancellation far from the origin), by ‖x‖² + ‖c‖² − 2 x·c where they are sparse. A row missing in a
//! block stands there at the mean of the block's rows, so that absence draws no cluster of its own.

use rayon::prelude::*;

use crate::error::{Code, Error, Result};
use crate::features::Rows;
use crate::linalg::{Block, check_feature};

/// Partial sums of a distance.
const LANES: usize = 16;

/// Columns that one thread sums at a time.
const STRIP: usize = 256;

/// The rows of both sides, left ones first.
pub(crate) struct Fused<'a> {
    parts: Vec<Part<'a>>,
    /// Number of rows.
    pub rows: usize,
    /// Columns of a fused vector.
    pub width: usize,
}

/// One block: where its columns begin, a factor for each row (NaN where it is missing), and the mean.
struct Part<'a> {
    left: Rows<'a>,
    right: Rows<'a>,
    split: usize,
    start: usize,
    cols: usize,
    scales: Vec<f32>,
    /// Mean of the scaled rows that are there; empty if none is missing.
    mean: Vec<f32>,
}

/// What a block holds of one row.
enum Numbers<'a> {
    Missing,
    Dense(&'a [f32], f32),
    Sparse(&'a [u32], &'a [f32], f32),
}

impl<'a> Part<'a> {
    fn numbers(&self, i: usize) -> Numbers<'a> {
        let scale = self.scales[i];
        let (rows, i) = if i < self.split { (&self.left, i) } else { (&self.right, i - self.split) };
        match rows {
            _ if scale.is_nan() => Numbers::Missing,
            Rows::Dense(rows) => Numbers::Dense(&rows.data[i * rows.cols..(i + 1) * rows.cols], scale),
            Rows::Sparse(rows) => {
                let range = rows.indptr[i] as usize..rows.indptr[i + 1] as usize;
                Numbers::Sparse(&rows.indices[range.clone()], &rows.values[range], scale)
            }
        }
    }
}

/// Dense points of the fused space, with what distances to them need.
pub(crate) struct Points {
    /// `count × width`.
    pub data: Vec<f32>,
    count: usize,
    /// Squared norm of each point's stretch of each block, `count × blocks`.
    norms: Vec<f64>,
    /// Squared distance of it from the block's mean.
    gaps: Vec<f64>,
}

/// Rows that enter (`to`) or leave (`from`) a cluster.
#[derive(Clone, Copy)]
pub(crate) struct Move {
    pub row: usize,
    pub from: Option<usize>,
    pub to: usize,
}

/// Sums of rows by cluster, kept in strips of columns so that threads add rows in the same order.
pub(crate) struct Sums {
    strips: Vec<Strip>,
    k: usize,
}

struct Strip {
    part: usize,
    /// First column within the block.
    start: usize,
    cols: usize,
    /// `k × cols`.
    sums: Vec<f64>,
    /// For each cluster the number of rows that are missing in the block.
    missing: Vec<i64>,
}

impl<'a> Fused<'a> {
    /// Checks the blocks and computes norms and means.
    pub fn new(blocks: &[Block<'a>]) -> Result<Self> {
        let Some(first) = blocks.first() else {
            return Err(Error::new(Code::MissingData, "no modality to cluster by")
                .help("name at least one modality of the pair"));
        };
        let (split, others) = (first.left.present.len(), first.right.present.len());
        let rows = split + others;
        let mut fused = Fused { parts: Vec::new(), rows, width: 0 };
        for (number, block) in blocks.iter().enumerate() {
            check_feature(&block.left, split, number)?;
            check_feature(&block.right, others, number)?;
            let cols = block.left.rows.cols();
            if cols != block.right.rows.cols() || !block.weight.is_finite() {
                let right = block.right.rows.cols();
                return Err(Error::new(
                    Code::BadValue,
                    format!(
                        "modality {}: {cols} columns on the left, {right} on the right, weight {}",
                        number + 1,
                        block.weight
                    ),
                )
                .help("both sides need the same columns, and the weight must be finite"));
            }
            let squares = [&block.left, &block.right].map(|side| block.normalise.then(|| side.squares()));
            let scale = |i: usize| {
                let (side, squares, i) = match i < split {
                    true => (&block.left, &squares[0], i),
                    false => (&block.right, &squares[1], i - split),
                };
                if !side.present.get(i) {
                    return f32::NAN;
                }
                let norm = squares.as_ref().map_or(1.0, |squares| squares[i].sqrt());
                if norm < 1e-30 { block.weight } else { (f64::from(block.weight) / norm) as f32 }
            };
            let scales: Vec<f32> = (0..rows).into_par_iter().map(scale).collect();
            let (left, right) = (block.left.rows, block.right.rows);
            let start = fused.width;
            fused.parts.push(Part { left, right, split, start, cols, scales, mean: Vec::new() });
            fused.width += cols;
        }
        if fused.width == 0 {
            return Err(Error::new(Code::MissingData, "the modalities to cluster by have no columns"));
        }
        fused.find_means();
        Ok(fused)
    }

    fn find_means(&mut self) {
        let there: Vec<usize> =
            self.parts.iter().map(|p| p.scales.iter().filter(|s| !s.is_nan()).count()).collect();
        if there.iter().all(|&count| count == self.rows) {
            return;
        }
        let mut sums = Sums::new(self, 1);
        let all: Vec<Move> = (0..self.rows).map(|row| Move { row, from: None, to: 0 }).collect();
        sums.apply(self, &all);
        for strip in sums.strips {
            let count = there[strip.part];
            if count < self.rows {
                let mean = strip.sums.iter().map(|sum| (sum / count.max(1) as f64) as f32);
                self.parts[strip.part].mean.extend(mean);
            }
        }
    }

    /// Rows that lack no block, or all rows if those are fewer than `least`.
    pub fn complete(&self, least: usize) -> Vec<bool> {
        let complete = |i: usize| self.parts.iter().all(|part| !part.scales[i].is_nan());
        let rows: Vec<bool> = (0..self.rows).map(complete).collect();
        if rows.iter().filter(|&&row| row).count() < least { vec![true; self.rows] } else { rows }
    }

    /// Points given by their numbers, `count × width`.
    pub fn points(&self, data: Vec<f32>) -> Points {
        let count = data.len() / self.width;
        let (mut norms, mut gaps) = (Vec::new(), Vec::new());
        for point in data.chunks_exact(self.width) {
            for part in &self.parts {
                let stretch = &point[part.start..part.start + part.cols];
                norms.push(stretch.iter().map(|x| f64::from(*x).powi(2)).sum());
                gaps.push(stretch.iter().zip(&part.mean).map(|(x, m)| f64::from(x - m).powi(2)).sum());
            }
        }
        Points { data, count, norms, gaps }
    }

    /// Appends row `i`, written out, to `data`.
    pub fn expand(&self, i: usize, data: &mut Vec<f32>) {
        for part in &self.parts {
            match part.numbers(i) {
                Numbers::Missing => data.extend(&part.mean),
                Numbers::Dense(row, scale) => data.extend(row.iter().map(|x| x * scale)),
                Numbers::Sparse(indices, values, scale) => {
                    let start = data.len();
                    data.resize(start + part.cols, 0.0);
                    for (&column, x) in indices.iter().zip(values) {
                        data[start + column as usize] += x * scale;
                    }
                }
            }
        }
    }

    /// Squared distances of row `i` to all points.
    pub fn squared_distances(&self, i: usize, points: &Points, out: &mut [f64]) {
        out.fill(0.0);
        for (number, part) in self.parts.iter().enumerate() {
            let stretch = |c: usize| &points.data[c * self.width + part.start..][..part.cols];
            let cached = |c: usize| c * self.parts.len() + number;
            match part.numbers(i) {
                Numbers::Missing => {
                    out.iter_mut().enumerate().for_each(|(c, out)| *out += points.gaps[cached(c)]);
                }
                Numbers::Dense(row, scale) => {
                    let mut c = 0;
                    while c + 4 <= points.count {
                        let four = [stretch(c), stretch(c + 1), stretch(c + 2), stretch(c + 3)];
                        let found = differences(row, scale, four);
                        out[c..c + 4].iter_mut().zip(found).for_each(|(out, d)| *out += f64::from(d));
                        c += 4;
                    }
                    for (c, out) in out.iter_mut().enumerate().skip(c) {
                        *out += f64::from(differences(row, scale, [stretch(c)])[0]);
                    }
                }
                Numbers::Sparse(indices, values, scale) => {
                    let scaled = |x: &f32| f64::from(x * scale);
                    let norm: f64 = values.iter().map(|x| scaled(x).powi(2)).sum();
                    for (c, out) in out.iter_mut().enumerate() {
                        let point = stretch(c);
                        let entries = indices.iter().zip(values);
                        let dot: f64 =
                            entries.map(|(&column, x)| scaled(x) * f64::from(point[column as usize])).sum();
                        *out += (norm + points.norms[cached(c)] - 2.0 * dot).max(0.0);
                    }
                }
            }
        }
    }
}

impl Sums {
    /// All zero, for `k` clusters.
    pub fn new(fused: &Fused<'_>, k: usize) -> Self {
        let mut strips = Vec::new();
        for (number, part) in fused.parts.iter().enumerate() {
            let dense = matches!((part.left, part.right), (Rows::Dense(_), Rows::Dense(_)));
            // The stretch of a sparse row is not at hand without a search: one strip for all of it.
            let step = if dense { STRIP } else { part.cols.max(1) };
            for start in (0..part.cols).step_by(step) {
                let cols = step.min(part.cols - start);
                strips.push(Strip {
                    part: number,
                    start,
                    cols,
                    sums: vec![0.0; k * cols],
                    missing: vec![0; k],
                });
            }
        }
        Sums { strips, k }
    }

    /// Adds and subtracts rows, in the order given.
    pub fn apply(&mut self, fused: &Fused<'_>, moves: &[Move]) {
        self.strips.par_iter_mut().for_each(|strip| {
            let part = &fused.parts[strip.part];
            for &Move { row, from, to } in moves {
                for (cluster, sign) in from.map(|c| (c, -1.0)).into_iter().chain([(to, 1.0)]) {
                    let sums = &mut strip.sums[cluster * strip.cols..(cluster + 1) * strip.cols];
                    match part.numbers(row) {
                        Numbers::Missing => strip.missing[cluster] += sign as i64,
                        Numbers::Dense(row, scale) => {
                            add(sums, &row[strip.start..strip.start + strip.cols], scale, sign);
                        }
                        Numbers::Sparse(indices, values, scale) => {
                            for (&column, x) in indices.iter().zip(values) {
                                sums[column as usize] += sign * f64::from(x * scale);
                            }
                        }
                    }
                }
            }
        });
    }

    /// Sum of the rows of cluster `c`, `width` numbers.
    pub fn of(&self, fused: &Fused<'_>, c: usize) -> Vec<f64> {
        debug_assert!(c < self.k);
        let mut out = Vec::with_capacity(fused.width);
        for strip in &self.strips {
            let mean = &fused.parts[strip.part].mean;
            let missing = strip.missing[c] as f64;
            let sums = strip.sums[c * strip.cols..(c + 1) * strip.cols].iter().enumerate();
            out.extend(sums.map(|(q, sum)| {
                let filled = if missing == 0.0 { 0.0 } else { missing * f64::from(mean[strip.start + q]) };
                sum + filled
            }));
        }
        out
    }
}

/// Σ (x·scale − c)² for some points at once, in 16 lanes summed in a fixed order.
fn differences<const N: usize>(row: &[f32], scale: f32, points: [&[f32]; N]) -> [f32; N] {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
        // SAFETY: the processor has both.
        return unsafe { differences_fast(row, scale, points) };
    }
    differences_body(row, scale, points)
}

/// The body in registers: left to itself the compiler spills four points' lanes and goes number by number.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn differences_fast<const N: usize>(row: &[f32], scale: f32, points: [&[f32]; N]) -> [f32; N] {
    use std::arch::x86_64::*;
    let (rows, tail) = row.as_chunks::<LANES>();
    let points = points.map(|point| point[..row.len()].as_chunks::<LANES>());
    let factor = _mm256_set1_ps(scale);
    let mut sums = [[_mm256_setzero_ps(); 2]; N];
    // SAFETY: a chunk is sixteen numbers; loads need no alignment.
    let load = |chunk: &[f32; LANES], half: usize| unsafe { _mm256_loadu_ps(chunk.as_ptr().add(8 * half)) };
    for (at, x) in rows.iter().enumerate() {
        let x = [load(x, 0), load(x, 1)];
        for (sums, (point, _)) in sums.iter_mut().zip(&points) {
            for half in 0..2 {
                let d = _mm256_fmsub_ps(x[half], factor, load(&point[at], half));
                sums[half] = _mm256_fmadd_ps(d, d, sums[half]);
            }
        }
    }
    let mut out = [0f32; N];
    for ((out, sums), (_, rest)) in out.iter_mut().zip(&sums).zip(&points) {
        let mut lanes = [0f32; LANES];
        // SAFETY: the array holds two registers.
        unsafe {
            _mm256_storeu_ps(lanes.as_mut_ptr(), sums[0]);
            _mm256_storeu_ps(lanes.as_mut_ptr().add(8), sums[1]);
        }
        *out = lanes.iter().sum::<f32>() + difference_tail(tail, scale, rest);
    }
    out
}

/// What is left after whole chunks.
#[inline(always)]
fn difference_tail(row: &[f32], scale: f32, point: &[f32]) -> f32 {
    row.iter().zip(point).map(|(x, c)| x.mul_add(scale, -c).powi(2)).sum()
}

#[inline(always)]
fn differences_body<const N: usize>(row: &[f32], scale: f32, points: [&[f32]; N]) -> [f32; N] {
    let (rows, tail) = row.as_chunks::<LANES>();
    let points = points.map(|point| point[..row.len()].as_chunks::<LANES>());
    let mut lanes = [[0f32; LANES]; N];
    for (at, x) in rows.iter().enumerate() {
        for (lanes, (point, _)) in lanes.iter_mut().zip(&points) {
            for ((lane, x), c) in lanes.iter_mut().zip(x).zip(&point[at]) {
                let d = x.mul_add(scale, -c);
                *lane = d.mul_add(d, *lane);
            }
        }
    }
    let mut out = [0f32; N];
    for ((out, lanes), (_, rest)) in out.iter_mut().zip(&lanes).zip(&points) {
        *out = lanes.iter().sum::<f32>() + difference_tail(tail, scale, rest);
    }
    out
}

/// `sums += sign · row · scale`, each product rounded to `f32` as everywhere.
fn add(sums: &mut [f64], row: &[f32], scale: f32, sign: f64) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has it.
        return unsafe { add_fast(sums, row, scale, sign) };
    }
    add_body(sums, row, scale, sign);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn add_fast(sums: &mut [f64], row: &[f32], scale: f32, sign: f64) {
    add_body(sums, row, scale, sign);
}

#[inline(always)]
fn add_body(sums: &mut [f64], row: &[f32], scale: f32, sign: f64) {
    for (sum, x) in sums.iter_mut().zip(row) {
        *sum += sign * f64::from(x * scale);
    }
}
