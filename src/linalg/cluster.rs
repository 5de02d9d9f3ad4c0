//! k-means over the rows of both sides.

use crate::error::{Code, Error, Result};
use crate::features::{Feature, Rows};
use crate::linalg::check_feature;
use crate::linalg::pairs::dot_self;
use crate::rng::Rng;
use crate::task::Task;

/// One stretch of columns of the fused vectors: left rows first, then right rows.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    /// Factor of every number.
    pub weight: f32,
    /// Whether each row is first brought to norm 1 (rows of norm zero stay zero).
    pub normalise: bool,
    /// Rows of the left side.
    pub left: Feature<'a>,
    /// Rows of the right side, as wide as the left ones.
    pub right: Feature<'a>,
}

/// How [`kmeans`] proceeds.
#[derive(Clone, Copy, Debug)]
pub struct KMeansOptions<'a> {
    /// Number of clusters.
    pub k: usize,
    /// Random seed of k-means++.
    pub seed: u64,
    /// Most iterations.
    pub max_iterations: usize,
    /// Stop when the centres moved by no more than this times the mean variance of a column (squared).
    pub tolerance: f64,
    /// Centres to begin with, `k × columns`, in place of k-means++.
    pub init: Option<&'a [f32]>,
    /// Runs with different beginnings, of which the one of least inertia counts; at least 1.
    pub restarts: usize,
}

impl Default for KMeansOptions<'_> {
    fn default() -> Self {
        KMeansOptions { k: 4, seed: 42, max_iterations: 300, tolerance: 1e-4, init: None, restarts: 1 }
    }
}

/// What [`kmeans`] found.
#[derive(Clone, Debug, PartialEq)]
pub struct KMeans {
    /// Cluster of every left row, then of every right row.
    pub labels: Vec<u32>,
    /// Centres, `k × columns`.
    pub centroids: Vec<f32>,
    /// Sum of squared distances of the rows to their centres.
    pub inertia: f64,
    /// Iterations made.
    pub iterations: usize,
}

/// Fused rows, dense, in f32. A missing row stands at the mean of the block's rows that are present.
fn fuse(blocks: &[Block<'_>]) -> Result<(Vec<f32>, usize)> {
    let Some(first) = blocks.first() else {
        return Err(Error::new(Code::MissingData, "no modality to cluster by"));
    };
    let (n, m) = (first.left.present.len(), first.right.present.len());
    let width: usize = blocks.iter().map(|block| block.left.rows.cols()).sum();
    let mut out = vec![0f32; (n + m) * width];
    let mut at = 0;
    for (number, block) in blocks.iter().enumerate() {
        check_feature(&block.left, n, number)?;
        check_feature(&block.right, m, number)?;
        let cols = block.left.rows.cols();
        if cols != block.right.rows.cols() {
            return Err(Error::new(Code::BadValue, format!("modality {} differs in width", number + 1)));
        }
        let mut mean = vec![0f64; cols];
        let mut count = 0usize;
        let mut missing = Vec::new();
        for (side, base, len) in [(&block.left, 0, n), (&block.right, n, m)] {
            for i in 0..len {
                if !side.present.get(i) {
                    missing.push(base + i);
                    continue;
                }
                let norm = dot_self(&side.rows, i).sqrt();
                let scale = match block.normalise {
                    true if norm > 0.0 => (f64::from(block.weight) / norm) as f32,
                    _ => block.weight,
                };
                let row = &mut out[(base + i) * width + at..(base + i) * width + at + cols];
                match &side.rows {
                    Rows::Dense(d) => {
                        for (o, x) in row.iter_mut().zip(&d.data[i * cols..(i + 1) * cols]) {
                            *o = x * scale;
                        }
                    }
                    Rows::Sparse(s) => {
                        for e in s.indptr[i] as usize..s.indptr[i + 1] as usize {
                            row[s.indices[e] as usize] = s.values[e] * scale;
                        }
                    }
                }
                count += 1;
                mean.iter_mut().zip(&*row).for_each(|(s, x)| *s += f64::from(*x));
            }
        }
        for i in missing {
            for (o, s) in out[i * width + at..i * width + at + cols].iter_mut().zip(&mean) {
                *o = (s / count.max(1) as f64) as f32;
            }
        }
        at += cols;
    }
    Ok((out, width))
}

fn sqdist(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(x, y)| f64::from(x - y).powi(2)).sum()
}

/// Lloyd's k-means, begun by k-means++, over the fused rows of both sides.
///
/// A fused row is its blocks' rows times their weights, side by side; a row missing in a block stands
/// there at the mean of the block's rows. An empty cluster takes the row farthest from its centre.
/// Fails if there are fewer rows than clusters.
pub fn kmeans(blocks: &[Block<'_>], options: &KMeansOptions<'_>, task: &Task) -> Result<KMeans> {
    let (x, d) = fuse(blocks)?;
    let rows = x.len().checked_div(d).unwrap_or(0);
    let k = options.k;
    if k == 0 || rows < k {
        return Err(Error::new(Code::OutOfRange, format!("{k} clusters of {rows} rows")));
    }
    let row = |i: usize| &x[i * d..(i + 1) * d];
    let mut rng = Rng::stream(options.seed, "kmeans");
    let mut centroids = match options.init {
        Some(init) => init.to_vec(),
        None => (0..k).flat_map(|_| row(rng.below(rows)).to_vec()).collect(),
    };
    let mut labels = vec![0u32; rows];
    let mut iterations = 0;
    let mut inertia = 0.0;
    while iterations < options.max_iterations.max(1) {
        task.check()?;
        iterations += 1;
        let mut changed = false;
        inertia = 0.0;
        let mut sums = vec![0f64; k * d];
        let mut counts = vec![0usize; k];
        for (i, held) in labels.iter_mut().enumerate() {
            let (dist, label) = (0..k)
                .map(|c| (sqdist(row(i), &centroids[c * d..(c + 1) * d]), c))
                .min_by(|a, b| a.0.total_cmp(&b.0))
                .unwrap_or((0.0, 0));
            changed |= *held != label as u32;
            *held = label as u32;
            inertia += dist;
            counts[label] += 1;
            for (s, v) in sums[label * d..(label + 1) * d].iter_mut().zip(row(i)) {
                *s += f64::from(*v);
            }
        }
        if !changed && iterations > 1 {
            break;
        }
        for c in 0..k {
            for q in 0..d {
                if counts[c] > 0 {
                    centroids[c * d + q] = (sums[c * d + q] / counts[c] as f64) as f32;
                }
            }
        }
    }
    Ok(KMeans { labels, centroids, inertia, iterations })
}

pub(crate) fn fused_rows(blocks: &[Block<'_>]) -> Result<(Vec<f32>, usize)> {
    fuse(blocks)
}
