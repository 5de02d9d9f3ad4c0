//! A small pair whose two sides are noisy copies of each other.

use std::sync::Arc;

use crate::features::{Feature, Matrix, OwnedFeature, Presence};
use crate::models::{Inputs, ModalInput, Model, Numbers, Options, Trainer};
use crate::rng::Rng;
use crate::train::tests::data::normals;
use crate::train::{FeaturePair, Neighbourhoods};

/// Both sides of a modality that a test owns.
pub(super) struct Sides(pub OwnedFeature, pub OwnedFeature);

impl FeaturePair for Sides {
    fn left(&self) -> Feature<'_> {
        self.0.view()
    }

    fn right(&self) -> Feature<'_> {
        self.1.view()
    }
}

/// A dense modality of both sides, left rows first.
pub(super) fn modality(
    name: &str,
    mut data: Vec<f32>,
    split: usize,
    cols: usize,
    present: impl Fn(usize) -> bool,
) -> ModalInput {
    let rows = data.len() / cols;
    let right = data.split_off(split * cols);
    let side = |data: Vec<f32>, rows: std::ops::Range<usize>| OwnedFeature {
        rows: Matrix::Dense { data, cols },
        present: rows.map(&present).collect::<Presence>(),
    };
    let sides = Sides(side(data, 0..split), side(right, split..rows));
    ModalInput { name: name.into(), features: Arc::new(sides) }
}

/// 120 entities a side, the same graph on both but for a tenth of its triples.
pub(super) fn inputs() -> Inputs {
    let (side, cols) = (120, 20);
    let make = |name: &str, seed: u64, gap: usize| {
        let truth = normals(side * cols, seed);
        let noise = normals(2 * side * cols, seed + 1);
        let data = noise.iter().enumerate().map(|(i, n)| truth[i % truth.len()] + 0.5 * n).collect();
        modality(name, data, side, cols, move |row| row % gap != 0)
    };
    let mut rng = Rng::new(8);
    let triple = |rng: &mut Rng| crate::kg::Triple {
        head: rng.below(side) as u32,
        relation: 0,
        tail: rng.below(side) as u32,
    };
    let left: Vec<_> = (0..300).map(|_| triple(&mut rng)).collect();
    let right: Vec<_> = left.iter().map(|t| if rng.below(10) == 0 { triple(&mut rng) } else { *t }).collect();
    let values = normals(2 * side, 77);
    let numbers = Numbers {
        indptr: (0..=2 * side as u32).map(|row| row - row / 5).collect(),
        attributes: (0..2 * side as u32 - 2 * side as u32 / 5).map(|k| k % 3).collect(),
        values: values[..2 * side - 2 * side / 5].to_vec(),
        count: 3,
    };
    Inputs {
        decided: Default::default(),
        deleted: Default::default(),
        graph: Arc::new(Neighbourhoods::new(&left, side, &right, side).unwrap()),
        split: side,
        modalities: vec![make("visual", 1, 7), make("relation", 5, 1000), make("attribute", 9, 5)],
        numbers: Some(Arc::new(numbers)),
    }
}

pub(super) fn seeds() -> Vec<(u32, u32)> {
    (0..60).map(|at| (2 * at, 2 * at)).collect()
}

pub(super) fn options(model: Model) -> Options {
    Options {
        hidden: 20,
        width: 20,
        momentum_from: 1,
        feed_forward: Some(24),
        rate: 5e-3,
        batch: 25,
        ..Options::of(model)
    }
}

pub(super) fn trainer(options: Options) -> Trainer {
    Trainer::new(inputs(), &seeds(), options).unwrap()
}
