//! Where k-means begins: k-means++ in its greedy form, or centres given.
//!
//! Source: Arthur and Vassilvitskii 2007; of 2 + ⌊ln k⌋ draws the one that lowers the sum of squared
//! distances most is taken, as scikit-learn does.
//!
//! Only rows that lack no block are drawn. A row that stands at the mean of a block is nearer to most
//! rows than they are to each other: as a centre it would take nearly all of them, and the other centres,
//! single rows, would stay alone.

use rayon::prelude::*;

use crate::error::Result;
use crate::linalg::fused::Fused;
use crate::rng::Rng;
use crate::task::Task;

/// Complete rows for each centre, below which all rows may be drawn.
const ENOUGH: usize = 10;

/// Centres to begin with and the squared distance of every row to each of them, `rows × k`.
pub(crate) struct Beginning {
    pub centres: Vec<f32>,
    pub distances: Vec<f64>,
}

impl Beginning {
    /// Distances to centres that were given.
    pub fn given(fused: &Fused<'_>, centres: &[f32]) -> Self {
        let distances = distances(fused, centres.to_vec());
        Beginning { centres: centres.to_vec(), distances }
    }

    /// Draws `k` rows by k-means++, of those that lack no block where there are as many.
    pub fn draw(fused: &Fused<'_>, k: usize, rng: &mut Rng, task: &Task) -> Result<Self> {
        let n = fused.rows;
        let trials = 2 + (k as f64).ln() as usize;
        let mut centres = Vec::with_capacity(k * fused.width);
        let mut columns: Vec<Vec<f64>> = Vec::with_capacity(k);
        let drawable = fused.complete(ENOUGH * k);
        let weight = |row: usize, nearest: f64| if drawable[row] { nearest } else { 0.0 };
        let ones: Vec<f64> = (0..n).map(|row| weight(row, 1.0)).collect();
        let first = rng.f64() * ones.iter().sum::<f64>();
        fused.expand(pick(&ones, first), &mut centres);
        columns.push(distances(fused, centres.clone()));
        let mut nearest = columns[0].clone();
        while columns.len() < k {
            task.check()?;
            let mut candidates = Vec::with_capacity(trials * fused.width);
            let chances: Vec<f64> = nearest.iter().enumerate().map(|(row, &d)| weight(row, d)).collect();
            // If all of those stand on centres already, any row may be drawn.
            let chances = if chances.iter().any(|&d| d > 0.0) { chances } else { nearest.clone() };
            let total: f64 = chances.iter().sum();
            for _ in 0..trials {
                fused.expand(pick(&chances, rng.f64() * total), &mut candidates);
            }
            let found = distances(fused, candidates.clone());
            let sum = |t: usize| {
                let each = found.chunks_exact(trials).zip(&nearest);
                each.map(|(to, nearest)| to[t].min(*nearest)).sum::<f64>()
            };
            let sums: Vec<f64> = (0..trials).into_par_iter().map(sum).collect();
            let best = (0..trials).min_by(|&a, &b| sums[a].total_cmp(&sums[b])).unwrap_or(0);
            centres.extend_from_slice(&candidates[best * fused.width..(best + 1) * fused.width]);
            let column: Vec<f64> = found.chunks_exact(trials).map(|to| to[best]).collect();
            nearest.iter_mut().zip(&column).for_each(|(nearest, to)| *nearest = nearest.min(*to));
            columns.push(column);
        }
        let distances = (0..n).flat_map(|i| columns.iter().map(move |column| column[i])).collect();
        Ok(Beginning { centres, distances })
    }
}

/// Squared distances of every row to `points`, `rows × points`.
fn distances(fused: &Fused<'_>, points: Vec<f32>) -> Vec<f64> {
    let points = fused.points(points);
    let count = points.data.len() / fused.width;
    let mut out = vec![0f64; fused.rows * count];
    out.par_chunks_mut(count).enumerate().for_each(|(i, out)| fused.squared_distances(i, &points, out));
    out
}

/// The first place where the running sum passes `at`, among the positive numbers.
fn pick(weights: &[f64], at: f64) -> usize {
    let mut sum = 0.0;
    let mut last = 0;
    for (place, weight) in weights.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
        sum += weight;
        last = place;
        if sum > at {
            break;
        }
    }
    last
}
