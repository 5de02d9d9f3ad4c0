//! What makes models: `TUNE`.

use super::{Missing, Variant, Weights};

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
