//! What makes models: `TUNE` and `TRAIN`.

use std::path::PathBuf;

use super::{Missing, Variant, Weights};
use crate::kg::Split;

/// The type of number that products are made of; everything kept is f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dtype {
    /// 32 bits.
    F32,
    /// The upper 16 of them; on a GPU only.
    Bf16,
}

/// Tunes embeddings contrastively on seeds: PSQE stage II.
#[derive(Clone, Debug, PartialEq)]
pub struct Tune {
    /// The seed set.
    pub seeds: String,
    /// Passes over the seeds.
    pub epochs: usize,
    /// Learning rate of AdamW.
    pub lr: f64,
    /// Pairs of a batch.
    pub batch: usize,
    /// Width of the embeddings.
    pub dims: usize,
    /// Divides similarities; the reference has 1.
    pub temperature: f64,
    /// Epochs without gain on held-out seeds after which tuning stops.
    pub patience: Option<usize>,
    /// Normalised vectors and a step a batch, or plain ones and a step an epoch.
    pub variant: Variant,
    /// Which modalities are tuned: those named, else all. Each has a network of its own, so that the
    /// sizes of the weights do not matter.
    pub weights: Weights,
    /// Missing rows.
    pub missing: Missing,
    /// Where it runs: `cpu`, `cuda:0`, `auto`; empty takes the setting.
    pub device: String,
    /// What the affine maps are multiplied in.
    pub dtype: Dtype,
    /// Name of the result.
    pub name: String,
    /// Random seed; `None` takes the setting.
    pub seed: Option<u64>,
}

impl Tune {
    /// The tuning on a seed set with the defaults.
    pub fn new(seeds: &str, name: &str) -> Self {
        Tune {
            seeds: seeds.to_string(),
            epochs: 300,
            lr: 0.01,
            batch: 2000,
            dims: 300,
            temperature: 0.1,
            patience: None,
            variant: Variant::Paper,
            weights: Weights::Auto,
            missing: Missing::Neutral,
            device: String::new(),
            dtype: Dtype::F32,
            name: name.to_string(),
            seed: None,
        }
    }
}

/// The aligners that can be trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Architecture {
    /// Liu et al. 2021.
    Eva,
    /// Lin et al. 2022.
    Mclea,
    /// Chen et al. 2023.
    Meaformer,
    /// PCMEA.
    Pcmea,
    /// MPSEA.
    Mpsea,
}

/// What a model learns from.
#[derive(Clone, Debug, PartialEq)]
pub enum Lesson {
    /// A seed set.
    Seeds(String),
    /// The reference links of a split.
    Split(Split),
    /// A share of all reference links that are not of the test split, drawn at random.
    Share(f64),
}

/// Trains an aligner.
#[derive(Clone, Debug, PartialEq)]
pub struct Train {
    /// The aligner.
    pub model: Architecture,
    /// The pair.
    pub pair: String,
    /// What it learns from; at least one.
    pub lessons: Vec<Lesson>,
    /// Passes over the seeds; `None` takes the model's, as do the others.
    pub epochs: Option<usize>,
    /// Learning rate of AdamW.
    pub lr: Option<f64>,
    /// Pairs of a batch.
    pub batch: Option<usize>,
    /// Width of a modality's embedding.
    pub dims: Option<usize>,
    /// Divides similarities.
    pub temperature: Option<f64>,
    /// Whether mutual nearest neighbours join the pairs while it trains.
    pub iterative: bool,
    /// Epochs without gain on held-out seeds after which training stops.
    pub patience: Option<usize>,
    /// Parts of the model to leave out: its ablations.
    pub without: Vec<String>,
    /// A safetensors file of parameters to begin with, under the names of the model's authors; `None`
    /// draws them.
    pub init: Option<PathBuf>,
    /// As it should be, or with the reference's quirks.
    pub variant: Variant,
    /// Which modalities take part: those named, else all; sizes do not matter.
    pub weights: Weights,
    /// Where it runs: `cpu`, `cuda:0`, `auto`; empty takes the setting.
    pub device: String,
    /// Name of the result.
    pub name: String,
    /// Random seed; `None` takes the setting.
    pub seed: Option<u64>,
}

impl Train {
    /// The training of an aligner on a seed set with the model's defaults.
    pub fn new(model: Architecture, pair: &str, seeds: &str, name: &str) -> Self {
        Train {
            model,
            pair: pair.to_string(),
            lessons: vec![Lesson::Seeds(seeds.to_string())],
            epochs: None,
            lr: None,
            batch: None,
            dims: None,
            temperature: None,
            iterative: false,
            patience: None,
            without: Vec::new(),
            init: None,
            variant: Variant::Paper,
            weights: Weights::Auto,
            device: String::new(),
            name: name.to_string(),
            seed: None,
        }
    }
}
