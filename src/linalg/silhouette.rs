//! How well rows sit in their clusters, on a sample.

use crate::error::Result;
use crate::linalg::Block;
use crate::linalg::cluster::fused_rows;
use crate::rng::Rng;
use crate::task::Task;

/// Distances among a sample of fused rows, computed once and asked for several clusterings.
#[derive(Clone, Debug)]
pub struct SilhouetteSample {
    rows: Vec<usize>,
    distances: Vec<f32>,
}

impl SilhouetteSample {
    /// Draws at most `sample` rows without replacement and computes their mutual distances.
    pub fn new(blocks: &[Block<'_>], sample: usize, seed: u64, task: &Task) -> Result<Self> {
        let (x, d) = fused_rows(blocks)?;
        let n = x.len().checked_div(d).unwrap_or(0);
        let mut rows: Vec<usize> = (0..n).collect();
        Rng::stream(seed, "silhouette").shuffle(&mut rows);
        rows.truncate(sample);
        rows.sort_unstable();
        let mut distances = Vec::with_capacity(rows.len() * rows.len());
        for &i in &rows {
            task.check()?;
            for &j in &rows {
                let (a, b) = (&x[i * d..(i + 1) * d], &x[j * d..(j + 1) * d]);
                let sum: f64 = a.iter().zip(b).map(|(x, y)| f64::from(x - y).powi(2)).sum();
                distances.push(sum.sqrt() as f32);
            }
        }
        Ok(SilhouetteSample { rows, distances })
    }

    /// Mean silhouette of the sample under `labels` (one for every row of all, each below `k`), in
    /// −1..=1; 0 if fewer than two clusters occur in the sample. A row alone in its cluster counts 0.
    pub fn score(&self, labels: &[u32], k: usize) -> f64 {
        let n = self.rows.len();
        let own: Vec<usize> = self.rows.iter().map(|&i| labels[i] as usize).collect();
        let mut counts = vec![0usize; k];
        own.iter().for_each(|&c| counts[c] += 1);
        if counts.iter().filter(|&&count| count > 0).count() < 2 {
            return 0.0;
        }
        let mut total = 0.0;
        for i in 0..n {
            let mut sums = vec![0f64; k];
            for j in 0..n {
                sums[own[j]] += f64::from(self.distances[i * n + j]);
            }
            if counts[own[i]] < 2 {
                continue;
            }
            let a = sums[own[i]] / (counts[own[i]] - 1) as f64;
            let others = (0..k).filter(|&c| c != own[i] && counts[c] > 0);
            let b = others.map(|c| sums[c] / counts[c] as f64).fold(f64::INFINITY, f64::min);
            let larger = a.max(b);
            if larger > 0.0 {
                total += (b - a) / larger;
            }
        }
        total / n as f64
    }
}

/// Mean silhouette of a sample of at most `sample` rows under `labels`; see [`SilhouetteSample`].
pub fn silhouette(
    blocks: &[Block<'_>],
    labels: &[u32],
    k: usize,
    sample: usize,
    seed: u64,
    task: &Task,
) -> Result<f64> {
    Ok(SilhouetteSample::new(blocks, sample, seed, task)?.score(labels, k))
}
