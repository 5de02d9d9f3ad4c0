//! One epoch of PSQE's stage II at the size of DBP15K zh_en: its graph, random features (visual 2048, relation
//! and attribute 768), 300 hidden, 2,000 pairs, variant=reference. The count: 154 GFLOP an epoch, of which the
//! visual map over the field of the seeds is the largest part.
//!
//! Run by `benches/run.sh tune` beside the same epoch in PyTorch; needs `SEEDBED_DATA` or `../shared/data`.

#[path = "support/mod.rs"]
mod support;

#[path = "../tests/common/mod.rs"]
mod common;

use seedbed::features::{DenseRows, Feature, Presence, Rows};
use seedbed::kg::Triple;
use seedbed::ops::spec::Variant;
use seedbed::psqe::tune::{TuneModality, TuneOptions, Tuner};
use seedbed::train::Neighbourhoods;
use seedbed::{Rng, Task};

fn main() {
    let [epochs] = support::arguments([3]);
    let Some(data) = common::data_dir() else { return };
    let ints = |name: &str| {
        let bytes = std::fs::read(data.join("inputs/zh_en").join(name)).expect("an array file");
        let header = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        let numbers = bytes[header..].as_chunks::<4>().0.iter();
        numbers.map(|b| u32::from_le_bytes(*b)).collect::<Vec<u32>>()
    };
    let (triples, lefts) = (ints("triples.npy"), ints("left_ids.npy"));
    let rows =
        1 + *triples.as_chunks::<3>().0.iter().flat_map(|[h, _, t]| [h, t]).max().expect("triples") as usize;
    let mut is_left = vec![false; rows];
    lefts.iter().for_each(|&id| is_left[id as usize] = true);
    let (mut place, mut counts) = (vec![0; rows], [0u32; 2]);
    for (id, &left) in is_left.iter().enumerate() {
        let count = &mut counts[usize::from(!left)];
        place[id] = *count;
        *count += 1;
    }
    let mut sides = [Vec::new(), Vec::new()];
    for &[head, relation, tail] in triples.as_chunks::<3>().0 {
        let triple = Triple { head: place[head as usize], relation, tail: place[tail as usize] };
        sides[usize::from(!is_left[head as usize])].push(triple);
    }
    let [lefts, rights] = counts.map(|count| count as usize);
    let graph = Neighbourhoods::new(&sides[0], lefts, &sides[1], rights).expect("a graph");
    let mut rng = Rng::new(7);
    let mut picks = |count: usize| {
        let mut all: Vec<u32> = (0..count as u32).collect();
        rng.shuffle(&mut all);
        all.truncate(2000);
        all
    };
    let seeds: Vec<(u32, u32)> = picks(lefts).into_iter().zip(picks(rights)).collect();
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
            left: Feature { rows: Rows::Dense(DenseRows { data: left, cols: *cols }), present: &present.0 },
            right: Feature { rows: Rows::Dense(DenseRows { data: right, cols: *cols }), present: &present.1 },
            structural: *name == "visual",
        })
        .collect();
    let options = TuneOptions::of(Variant::Reference);
    let mut tuner = Tuner::new(&modalities, &graph, &seeds, options).expect("a tuner");
    for _ in 0..epochs {
        let report = tuner.epoch(&Task::quiet()).expect("an epoch");
        println!(
            "tune seconds={:.3} loss={:.4} peak_mib={:.0}",
            report.seconds,
            report.loss.total,
            support::peak_mib()
        );
    }
}
