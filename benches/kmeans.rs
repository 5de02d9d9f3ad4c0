//! k-means, k = 4, over 39,000 rows of 3,584 `f32` (three blocks: 2,048 + 768 + 768), against
//! scikit-learn's `KMeans(n_clusters=4, random_state=0)` on the same numbers in one array.
//!
//! The count: the rows are 559 MB. A pass of distances to four centres is 2 · 39,000 · 3,584 · 4 =
//! 1.1 GFMA, 35 ms on two AVX2 cores, and reads the rows once, 30–40 ms at 15–20 GB/s: both ceilings lie
//! close together, at some 40 ms a pass. k-means++ takes four passes, the first sums one, the final
//! inertia one; Lloyd's iterations read only the rows that Hamerly's bounds do not settle: 10 to 25 passes,
//! 0.4–1 s. Two beginnings are compared after four iterations each (one alone can stop 2 % above the best
//! inertia here).
//!
//! Run by `benches/run.sh kmeans`. Arguments: rows, repetitions. Writes the rows to the file that
//! `KMEANS_DATA` names, if it does, for the yardstick to read.

#[path = "support/mod.rs"]
mod support;

use std::time::Instant;

use seedbed::features::{DenseRows, Feature, Presence, Rows};
use seedbed::linalg::{Block, KMeansOptions, kmeans};
use seedbed::{Rng, Task};

/// Columns of the three blocks.
const WIDTHS: [usize; 3] = [2048, 768, 768];

fn main() {
    let [rows, times] = support::arguments([39_000, 3]);
    let blocks: Vec<Vec<f32>> = WIDTHS.iter().enumerate().map(|(b, &cols)| planted(b, rows, cols)).collect();
    if let Ok(path) = std::env::var("KMEANS_DATA") {
        write_side_by_side(&blocks, rows, &path).expect("writing the rows");
    }
    let left = rows / 2;
    let (here, there) = (Presence::filled(left, true), Presence::filled(rows - left, true));
    let blocks: Vec<Block<'_>> = blocks
        .iter()
        .zip(&WIDTHS)
        .map(|(data, &cols)| {
            let (a, b) = data.split_at(left * cols);
            let rows = |data| Rows::Dense(DenseRows { data, cols });
            Block {
                weight: 1.0,
                normalise: false,
                left: Feature { rows: rows(a), present: &here, norms: None },
                right: Feature { rows: rows(b), present: &there, norms: None },
            }
        })
        .collect();
    let before = support::peak_mib();
    for _ in 0..times {
        let start = Instant::now();
        let options = KMeansOptions { k: 4, seed: 42, ..KMeansOptions::default() };
        let found = kmeans(&blocks, &options, &Task::quiet()).expect("kmeans");
        let seconds = start.elapsed().as_secs_f64();
        println!("kmeans seconds={seconds:.3} inertia={:.6e} iterations={}", found.inertia, found.iterations);
    }
    println!("kmeans beyond_inputs_mib={:.0}", support::peak_mib() - before);
}

/// Rows near a 16-dimensional subspace, in twelve uneven clusters that overlap.
fn planted(block: usize, rows: usize, cols: usize) -> Vec<f32> {
    const LATENT: usize = 16;
    let mut which = Rng::new(1);
    let mut speck = Rng::new(12 + block as u64);
    let mut rng = Rng::new(2 + block as u64);
    let mut draw =
        |count: usize, size: f64| -> Vec<f32> { (0..count).map(|_| (size * rng.normal()) as f32).collect() };
    let basis = draw(LATENT * cols, 1.0 / (cols as f64).sqrt());
    let centres = draw(12 * LATENT, 1.0);
    let mut out = Vec::with_capacity(rows * cols);
    for _ in 0..rows {
        let cluster = which.below(12).min(which.below(12));
        let latent = draw(LATENT, 0.7);
        let noise = 0.6 / (cols as f32).sqrt();
        let start = out.len();
        // Uniform noise: cheap to draw, and k-means cannot tell.
        out.extend((0..cols).map(|_| (speck.f32() - 0.5) * noise));
        for (q, z) in latent.iter().enumerate() {
            let z = z + centres[cluster * LATENT + q];
            let row = out[start..].iter_mut().zip(&basis[q * cols..(q + 1) * cols]);
            row.for_each(|(x, b)| *x += z * b);
        }
    }
    out
}

/// Raw little-endian rows, the blocks side by side.
fn write_side_by_side(blocks: &[Vec<f32>], rows: usize, path: &str) -> std::io::Result<()> {
    use std::io::Write;
    let mut out = std::io::BufWriter::new(std::fs::File::create(path)?);
    for i in 0..rows {
        for (block, cols) in blocks.iter().zip(WIDTHS) {
            for x in &block[i * cols..(i + 1) * cols] {
                out.write_all(&x.to_le_bytes())?;
            }
        }
    }
    out.flush()
}
