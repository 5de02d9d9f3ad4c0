//! An epoch of an aligner at the size of DBP15K zh_en: its graph, random features (visual 2048 dense, relation and
//! attribute bags of 1,000 with eight numbers a row), 3,500 pairs in one batch, else the published settings.
//!
//! `train MODEL [EPOCHS]`; `pcmea-momentum` is PCMEA with its momentum contrast, which the published settings have
//! from epoch 500 on; `parts` times the contrastive losses alone. Run by `benches/run.sh train` beside MEAformer
//! in PyTorch, each model in a process of its own, for the peak; needs `SEEDBED_DATA` or `../shared/data`.

#[path = "support/mod.rs"]
mod support;

#[path = "../tests/common/mod.rs"]
mod common;

use std::sync::Arc;

use seedbed::features::{Feature, Matrix, OwnedFeature, Presence};
use seedbed::models::{Inputs, ModalInput, Model, Options, Trainer};
use seedbed::train::{FeaturePair, ModalContrast};
use seedbed::{Rng, Task};

use support::dbp15k::Pair;

const PAIRS: usize = 3500;

/// Both sides of a modality.
struct Sides(OwnedFeature, OwnedFeature);

impl FeaturePair for Sides {
    fn left(&self) -> Feature<'_> {
        self.0.view()
    }

    fn right(&self) -> Feature<'_> {
        self.1.view()
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let name = arguments.next().unwrap_or_else(|| "meaformer".into());
    let [epochs] = support::arguments([3]);
    if name == "parts" {
        return parts();
    }
    let Some(model) = Model::ALL.iter().copied().find(|model| name.split('-').next() == Some(model.as_str()))
    else {
        eprintln!("no model named {name}");
        std::process::exit(2)
    };
    let Some(data) = common::data_dir() else { return };
    let mut options = Options { batch: PAIRS, ..Options::of(model) };
    if name.ends_with("-momentum") {
        options.momentum_from = 0;
    }
    let pair = Pair::read(&data);
    let (seeds, inputs) = (pair.seeds(PAIRS), inputs(pair));
    let mut trainer = Trainer::new(inputs, &seeds, options).expect("a trainer");
    for _ in 0..epochs {
        let report = trainer.epoch(&Task::quiet()).expect("an epoch");
        println!(
            "train model={name} seconds={:.3} loss={:.4} peak_mib={:.0}",
            report.seconds,
            report.loss.total,
            support::peak_mib()
        );
    }
}

fn inputs(pair: Pair) -> Inputs {
    let counts = [pair.left_rows, pair.right_rows];
    let modality = |name: &str, matrix: &mut dyn FnMut(usize) -> Matrix| {
        let [left, right] =
            counts.map(|rows| OwnedFeature { rows: matrix(rows), present: Presence::filled(rows, true) });
        ModalInput { name: name.into(), features: Arc::new(Sides(left, right)) }
    };
    let mut rng = Rng::new(1);
    let mut dense = |rows: usize| Matrix::Dense {
        data: (0..rows * 2048).map(|_| (rng.normal() / 2048f64.sqrt()) as f32).collect(),
        cols: 2048,
    };
    let visual = modality("visual", &mut dense);
    let mut rng = Rng::new(2);
    let mut bag = |rows: usize| {
        // One column in each eighth of the bag: ascending, and no column twice.
        let indices: Vec<u32> = (0..8 * rows).map(|at| (125 * (at % 8) + rng.below(125)) as u32).collect();
        let values = vec![8f32.sqrt().recip(); indices.len()];
        Matrix::Sparse { indptr: (0..=rows as u64).map(|row| 8 * row).collect(), indices, values, cols: 1000 }
    };
    let modalities = vec![visual, modality("relation", &mut bag), modality("attribute", &mut bag)];
    Inputs {
        graph: Arc::new(pair.graph),
        split: pair.left_rows,
        modalities,
        numbers: None,
        decided: Default::default(),
        deleted: Default::default(),
    }
}

/// The losses of four spaces 300 wide, forward and with gradients.
fn parts() {
    const WIDTHS: [usize; 4] = [300; 4];
    let width = WIDTHS.iter().sum::<usize>();
    let mut z = support::normals(5, 2 * PAIRS * width);
    for row in z.chunks_exact_mut(300) {
        let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        row.iter_mut().for_each(|x| *x /= norm);
    }
    let v = vec![0.5; 2 * PAIRS * WIDTHS.len()];
    let gflop = 4e-9 * (PAIRS * PAIRS * width) as f64;
    for (name, joint, alignment) in
        [("modal", false, None), ("with joint", true, None), ("with alignment", true, Some(4.0))]
    {
        let present = None;
        let op =
            ModalContrast { widths: WIDTHS.into(), tau: 0.1, inversion: false, joint, alignment, present };
        let upstream = vec![1.0; op.losses()];
        let run = |upstream| op.run(&z, &v, upstream, &Task::quiet()).map(drop);
        support::part(&format!("{name}, forward"), gflop, || run(None));
        support::part(&format!("{name}, forward and backward"), 4.0 * gflop, || run(Some(&upstream)));
    }
}
