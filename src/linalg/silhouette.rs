//! How well rows sit in their clusters, on a sample.

use rayon::prelude::*;

use crate::error::Result;
use crate::linalg::Block;
use crate::linalg::fused::Fused;
use crate::rng::Rng;
use crate::task::Task;

/// Numbers of rows written out at a time.
const EXPANDED: usize = 1 << 22;

/// Distances among a sample of fused rows, computed once and asked for several clusterings.
#[derive(Clone, Debug)]
pub struct SilhouetteSample {
    rows: Vec<usize>,
    distances: Vec<f32>,
}

impl SilhouetteSample {
    /// Draws at most `sample` rows without replacement and computes their mutual distances.
    pub fn new(blocks: &[Block<'_>], sample: usize, seed: u64, task: &Task) -> Result<Self> {
        let fused = Fused::new(blocks)?;
        let mut rows: Vec<usize> = (0..fused.rows).collect();
        Rng::stream(seed, "silhouette").shuffle(&mut rows);
        rows.truncate(sample);
        rows.sort_unstable();
        let n = rows.len();
        let mut distances = vec![0f32; n * n];
        let batch = (EXPANDED / fused.width).clamp(1, 64);
        for (number, some) in rows.chunks(batch).enumerate() {
            task.check()?;
            let mut data = Vec::with_capacity(some.len() * fused.width);
            some.iter().for_each(|&row| fused.expand(row, &mut data));
            let points = fused.points(data);
            distances.par_chunks_mut(n).zip(&rows).for_each_init(
                || vec![0f64; some.len()],
                |squares, (out, &row)| {
                    fused.squared_distances(row, &points, squares);
                    let places = out[number * batch..].iter_mut();
                    places.zip(squares).for_each(|(place, square)| *place = square.sqrt() as f32);
                },
            );
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
