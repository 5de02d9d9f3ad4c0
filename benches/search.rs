//! Blocked top-10, both directions, 15,000 × 15,000 × 3,584 `f32`, against numpy's product alone.
//!
//! The count: 2 · 15,000² · 3,584 = 1.61 TFLOP. An AVX2 core does 2 FMA × 8 lanes = 32 FLOP a cycle, so
//! 3.2 GHz give a ceiling of 102 GFLOP/s a core and 7.9 s on two. Memory is no limit: a band of 240 rows
//! meets 59 MB of packed block, 120 FLOP a byte, some 1.7 GB/s at full speed. Beside the product, each of
//! 2.25 · 10⁸ scores is finished once and compared twice with a bound: 2.7 GB through the caches, 1–2 %.
//! The product alone leaves 900 MB of scores in memory in numpy; here it is tiles.
//!
//! Run by `benches/run.sh search`, which starts the yardstick with as many threads and prints the ratio.
//! Arguments: rows, columns, repetitions.

#[path = "support/mod.rs"]
mod support;

use std::time::Instant;

use seedbed::Task;
use seedbed::features::{DenseRows, Feature, Presence, Rows};
use seedbed::linalg::{Channel, TopKOptions, top_k};

fn main() {
    let [rows, cols, times] = support::arguments([15_000, 3_584, 3]);
    let left = support::normals(1, rows * cols);
    let right = support::normals(2, rows * cols);
    let present = Presence::filled(rows, true);
    let feature =
        |data| Feature { rows: Rows::Dense(DenseRows { data, cols }), present: &present, norms: None };
    let channels = [Channel { weight: 1.0, left: feature(&left), right: feature(&right) }];
    let options = TopKOptions { k: 10, both: true, ..TopKOptions::default() };
    let before = support::peak_mib();
    for _ in 0..times {
        let start = Instant::now();
        let found = top_k(&channels, &options, &Task::quiet()).expect("top_k");
        let seconds = start.elapsed().as_secs_f64();
        std::hint::black_box(found);
        println!("search seconds={seconds:.3} gflops={:.1}", 2e-9 * (rows * rows * cols) as f64 / seconds);
    }
    println!("search beyond_inputs_mib={:.0}", support::peak_mib() - before);
}
