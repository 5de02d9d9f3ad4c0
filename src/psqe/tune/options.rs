//! What tuning may be told.

use crate::error::{Code, Error, Result};
use crate::ops::spec::Variant;
use crate::train::{AdamOptions, Schedule};

/// Options of stage II's tuning; start from [`TuneOptions::of`].
#[derive(Clone, Debug, PartialEq)]
pub struct TuneOptions {
    /// Reference: vectors as they are, the gradients of all batches accumulated and one step an epoch,
    /// seeds in their order. Paper: unit vectors, a step a batch, seeds shuffled each epoch.
    pub variant: Variant,
    /// Temperature τ of the loss.
    pub tau: f32,
    /// Epochs that the schedule is made for; the caller decides how many to run.
    pub epochs: u64,
    /// Learning rate.
    pub rate: f32,
    /// Most pairs of a batch.
    pub batch: usize,
    /// Width of the tuned vectors.
    pub hidden: usize,
    /// Attention heads.
    pub heads: usize,
    /// Attention layers of a structural modality.
    pub layers: usize,
    /// Decoupled weight decay.
    pub weight_decay: f32,
    /// Largest norm of the gradients, if they are to be clipped.
    pub clip: Option<f32>,
    /// Course of the learning rate over the optimiser's steps.
    pub schedule: Schedule,
    /// Random seed of parameters, order and held-out pairs.
    pub seed: u64,
    /// Hold out a tenth of the pairs and stop when their loss has not fallen for so many epochs.
    pub patience: Option<u32>,
}

impl TuneOptions {
    /// The defaults of a variant: τ = 1 for the reference, 0.1 for the paper; 300 epochs, learning rate
    /// 0.01, batches of 2,000, width 300, 2 heads, 2 layers, weight decay 0.01, seed 42.
    pub fn of(variant: Variant) -> Self {
        TuneOptions {
            variant,
            tau: if variant == Variant::Reference { 1.0 } else { 0.1 },
            epochs: 300,
            rate: 0.01,
            batch: 2000,
            hidden: 300,
            heads: 2,
            layers: 2,
            weight_decay: 0.01,
            clip: None,
            schedule: Schedule::default(),
            seed: 42,
            patience: None,
        }
    }

    /// Whether vectors are made unit before the loss.
    pub(crate) fn normalise(&self) -> bool {
        self.variant == Variant::Paper
    }

    /// The optimiser's part.
    pub(crate) fn adam(&self) -> AdamOptions {
        AdamOptions { weight_decay: self.weight_decay, clip: self.clip, ..AdamOptions::default() }
    }

    /// Fails with [`Code::OutOfRange`], naming the option.
    pub(crate) fn check(&self) -> Result<()> {
        let above = |name: &'static str, x: f32| (name, x.is_finite() && x > 0.0, "above 0");
        let some = |name: &'static str, n: usize| (name, n > 0, "1 or more");
        let rules = [
            above("tau", self.tau),
            above("lr", self.rate),
            above("clip", self.clip.unwrap_or(1.0)),
            some("batch", self.batch),
            some("hidden", self.hidden),
            some("heads", self.heads),
            some("layers", self.layers),
            ("weight_decay", self.weight_decay.is_finite() && self.weight_decay >= 0.0, "0 or more"),
            ("patience", self.patience != Some(0), "1 or more"),
        ];
        match rules.iter().find(|rule| !rule.1) {
            Some((name, _, range)) => Err(Error::new(Code::OutOfRange, format!("{name} must be {range}"))),
            None => Ok(()),
        }
    }
}
