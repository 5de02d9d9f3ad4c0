//! One epoch of PSQE's stage II at the size of DBP15K zh_en: its graph, random features (visual 2048, relation
//! and attribute 768), 300 hidden, 2,000 pairs, variant=reference. It prints the count of operations and the rate,
//! and the parts of an epoch each alone; the yardstick prints the rate of its best product, the ceiling.
//!
//! Run by `benches/run.sh tune` beside the same epoch in PyTorch; needs `SEEDBED_DATA` or `../shared/data`.

#[path = "support/mod.rs"]
mod support;

#[path = "../tests/common/mod.rs"]
mod common;

use seedbed::Task;
use seedbed::features::{DenseRows, Feature, Presence, Rows};
use seedbed::ops::spec::Variant;
use seedbed::psqe::tune::{TuneModality, TuneOptions, Tuner};
use seedbed::train::attention::{self, Gradients, Weights};
use seedbed::train::{ConstantRows, Fill, Neighbourhoods, contrast};

use support::dbp15k::Pair;

fn main() {
    let [epochs] = support::arguments([3]);
    let Some(data) = common::data_dir() else { return };
    let pair = Pair::read(&data);
    let (graph, lefts, rights, seeds) = (&pair.graph, pair.left_rows, pair.right_rows, pair.seeds(2000));
    let unit = |seed: u64, rows: usize, cols: usize| {
        let mut data = support::normals(seed, rows * cols);
        for row in data.chunks_exact_mut(cols) {
            let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt();
            row.iter_mut().for_each(|x| *x /= norm);
        }
        data
    };
    let widths = [("visual", 2048), ("relation", 768), ("attribute", 768)];
    let parts: Vec<_> = (1u64..)
        .zip(widths)
        .map(|(seed, (name, cols))| (name, cols, unit(seed, lefts, cols), unit(seed + 100, rights, cols)))
        .collect();
    let present = (Presence::filled(lefts, true), Presence::filled(rights, true));
    let modalities: Vec<TuneModality<'_>> = parts
        .iter()
        .map(|(name, cols, left, right)| TuneModality {
            name,
            left: Feature {
                rows: Rows::Dense(DenseRows { data: left, cols: *cols }),
                present: &present.0,
                norms: None,
            },
            right: Feature {
                rows: Rows::Dense(DenseRows { data: right, cols: *cols }),
                present: &present.1,
                norms: None,
            },
            structural: *name == "visual",
        })
        .collect();
    let options = TuneOptions::of(Variant::Reference);
    let mut tuner = Tuner::new(&modalities, graph, &seeds, options).expect("a tuner");
    let operations = tuner.work().expect("a count").operations;
    for _ in 0..epochs {
        let report = tuner.epoch(&Task::quiet()).expect("an epoch");
        println!(
            "tune seconds={:.3} loss={:.4} peak_mib={:.0} gflop={:.0} rate={:.0}",
            report.seconds,
            report.loss.total,
            support::peak_mib(),
            operations / 1e9,
            operations / 1e9 / report.seconds
        );
    }
    profile(&modalities, graph, &seeds);
}

/// Seconds of the parts of an epoch, each alone, with the rate of those that are products.
fn profile(modalities: &[TuneModality<'_>], graph: &Neighbourhoods, seeds: &[(u32, u32)]) {
    const HIDDEN: usize = 300;
    let task = Task::quiet();
    let split = modalities[0].left.present.len() as u32;
    let both: Vec<u32> = seeds.iter().map(|s| s.0).chain(seeds.iter().map(|s| s.1 + split)).collect();
    let field = graph.field(&both, 2).expect("a field");
    for modality in modalities {
        let constant = ConstantRows::new(modality.left, modality.right, Fill::Mean).expect("rows");
        let rows = if modality.structural { &field.rows } else { &both };
        let weight = support::normals(1, HIDDEN * constant.cols());
        let (mut out, mut dw, mut db) =
            (vec![0.1; rows.len() * HIDDEN], vec![0.0; weight.len()], vec![0.0; HIDDEN]);
        let gflop = 2e-9 * (rows.len() * constant.cols() * HIDDEN) as f64;
        let name = modality.name;
        support::part(&format!("{name} affine"), gflop, || {
            constant.forward(rows, &weight, None, &mut out, &task)
        });
        support::part(&format!("{name} affine backward"), gflop, || {
            constant.backward(rows, &out, &mut dw, &mut db, &task)
        });
    }
    let weights = (support::normals(2, 2 * HIDDEN), support::normals(3, 4 * HIDDEN));
    let weights = Weights { w: &weights.0, a: &weights.1, heads: 2, width: HIDDEN };
    for edges in &field.layers {
        let h = support::normals(4, edges.read * HIDDEN);
        let mut out = vec![0.1; edges.written * HIDDEN];
        let name = format!("attention over {} edges", edges.sources.len());
        support::part(&name, 0.0, || attention::forward(edges, &h, &weights, &mut out));
        let (mut dh, mut dw, mut da) = (vec![0.0; h.len()], vec![0.0; 2 * HIDDEN], vec![0.0; 4 * HIDDEN]);
        support::part(&format!("{name} backward"), 0.0, || {
            let into = Gradients { h: &mut dh, w: &mut dw, a: &mut da };
            attention::backward(edges, &h, &weights, &out, into)
        });
    }
    let z = support::normals(5, both.len() * HIDDEN);
    let tiles = 2e-9 * (both.len() * both.len() * HIDDEN) as f64;
    let mut log_sums = Vec::new();
    support::part("contrast, one of three", tiles / 2.0, || {
        log_sums = contrast::forward(&z, HIDDEN, 30.0, &task)?.log_sums;
        Ok(())
    });
    let mut dz = vec![0.0; z.len()];
    support::part("contrast backward, one of three", 1.5 * tiles, || {
        contrast::backward(&z, HIDDEN, 30.0, &log_sums, 1.0, &mut dz, &task)
    });
}
