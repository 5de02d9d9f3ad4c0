//! What an aligner may be told, with the settings its authors published.

use super::Model;
use crate::error::{Code, Error, Result};
use crate::ops::spec::Variant;
use crate::train::{AdamOptions, Schedule, Shape};

/// How pairs that a model itself finds join the training pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Iterate {
    /// Epochs before the first look for pairs.
    pub from: u64,
    /// Epochs between two looks.
    pub every: u64,
    /// Looks of a round: a pair joins at its end if it was mutually nearest at each of them. `None`: a
    /// pair joins at its second look, at which its left entity had the same partner (PCMEA's calibration).
    pub round: Option<u64>,
}

/// The parts of MPSEA that its ablations take away, and which of its vectors are the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    /// Keys and values of structure and image before those of text (Eq. 6).
    pub pre_fusion: bool,
    /// Outlook attention in the visual feed-forward network.
    pub outlook: bool,
    /// The policy and its loss (Eq. 10–13).
    pub policy: bool,
    /// Separate maps of an entity and its neighbours (Eq. 1), or one map of both.
    pub separate: bool,
    /// Whether the early joint vectors are the result, or the late ones, which pre-synergistic fusion,
    /// outlook and policy shape.
    pub early_joint: bool,
}

impl Default for Parts {
    fn default() -> Self {
        Parts { pre_fusion: true, outlook: true, policy: true, separate: true, early_joint: true }
    }
}

/// Options of a training run; start from [`Options::of`].
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// The architecture.
    pub model: Model,
    /// Reference: the quirks of the authors' code, named at each model. Paper: what the text says.
    pub variant: Variant,
    /// Epochs that the schedule is made for; the caller decides how many to run.
    pub epochs: u64,
    /// Learning rate.
    pub rate: f32,
    /// Width of the entity vectors and of hidden graph layers.
    pub hidden: usize,
    /// Width of each modality's vectors.
    pub width: usize,
    /// Most pairs of a batch.
    pub batch: usize,
    /// Temperature of the contrastive losses.
    pub tau: f32,
    /// Temperature of the alignment loss (MCLEA, PCMEA).
    pub alignment_tau: f32,
    /// Layers of the graph network.
    pub layers: usize,
    /// Heads of graph attention.
    pub heads: usize,
    /// Heads of attention among modalities (MEAformer, MPSEA).
    pub fusion_heads: usize,
    /// Width of MEAformer's feed-forward network; `None` leaves it out.
    pub feed_forward: Option<usize>,
    /// Decoupled weight decay.
    pub weight_decay: f32,
    /// Largest norm of the gradients, if they are to be clipped.
    pub clip: Option<f32>,
    /// Course of the learning rate over the optimiser's steps.
    pub schedule: Schedule,
    /// Random seed of parameters, order and held-out pairs.
    pub seed: u64,
    /// Iterative learning, if wanted.
    pub iterate: Option<Iterate>,
    /// Hold out a tenth of the pairs and stop when their loss has not fallen for so many epochs.
    pub patience: Option<u32>,
    /// Whether entities have learned vectors that graph layers spread: the modality `structure`.
    pub structure: bool,
    /// Epoch from which PCMEA contrasts with its momentum copy, and pairs are no longer picked by
    /// curriculum.
    pub momentum_from: u64,
    /// Share of its old self in each step of the momentum copy.
    pub momentum: f32,
    /// Parts of MPSEA.
    pub parts: Parts,
}

impl Options {
    /// The published settings: see [`super::registry`]. Iterative learning is off.
    pub fn of(model: Model) -> Self {
        let base = Options {
            model,
            variant: Variant::Paper,
            epochs: 500,
            rate: 5e-4,
            hidden: 300,
            width: 300,
            batch: 3500,
            tau: 0.1,
            alignment_tau: 4.0,
            layers: 2,
            heads: 2,
            fusion_heads: 1,
            feed_forward: Some(400),
            weight_decay: 0.01,
            clip: None,
            schedule: Schedule::default(),
            seed: 42,
            iterate: None,
            patience: None,
            structure: true,
            momentum_from: 500,
            momentum: 0.999,
            parts: Parts::default(),
        };
        match model {
            Model::Eva => Options { epochs: 1000, hidden: 400, width: 200, batch: 7500, ..base },
            Model::Mclea => Options { epochs: 1000, ..base },
            Model::Meaformer => {
                let shape = Shape::Cosine { total: 500, floor: 0.0 };
                Options { schedule: Schedule { shape, warm_up: 0 }, clip: Some(1.1), ..base }
            }
            Model::Pcmea => Options { epochs: 1000, ..base },
            Model::Mpsea => Options { fusion_heads: 5, ..base },
        }
    }

    /// Iterative learning as the model's authors have it.
    pub fn iterate_as_published(&self) -> Iterate {
        let round = (self.model != Model::Pcmea).then_some(10);
        Iterate { from: 500, every: 5, round }
    }

    /// Iterative learning within so many epochs: as published where they are as many, else from their
    /// middle on, with looks so close that at least two rounds end.
    pub fn iterate_within(&self, epochs: u64) -> Iterate {
        let published = self.iterate_as_published();
        let from = published.from.min(epochs / 2);
        let left = epochs - from;
        let looks = 2 * published.round.unwrap_or(1);
        let every = (left / (2 * looks)).clamp(1, published.every);
        let round = published.round.map(|round| round.min(left / (2 * every)).max(1));
        Iterate { from, every, round }
    }

    /// The epoch from which PCMEA contrasts with its momentum copy within so many epochs: as published where
    /// they are as many, else their middle.
    pub fn momentum_within(&self, epochs: u64) -> u64 {
        self.momentum_from.min(epochs / 2)
    }

    /// Parts that an ablation may leave out or turn, besides modalities.
    pub fn parts(model: Model) -> &'static [&'static str] {
        match model {
            Model::Mpsea => {
                &["structure", "numeric", "pre-fusion", "outlook", "policy", "multi-weight", "early-joint"]
            }
            _ => &["structure"],
        }
    }

    /// Leaves out one of [`Options::parts`]; whether there is such a part.
    pub fn leave_out(&mut self, part: &str) -> bool {
        if !Options::parts(self.model).contains(&part) {
            return false;
        }
        match part {
            "structure" => self.structure = false,
            // Left out of the inputs.
            "numeric" => {}
            "pre-fusion" => self.parts.pre_fusion = false,
            "outlook" => self.parts.outlook = false,
            "policy" => self.parts.policy = false,
            "early-joint" => self.parts.early_joint = false,
            "multi-weight" => self.parts.separate = false,
            _ => return false,
        }
        true
    }

    /// The optimiser's part.
    pub(super) fn adam(&self) -> AdamOptions {
        AdamOptions { weight_decay: self.weight_decay, clip: self.clip, ..AdamOptions::default() }
    }

    /// Whether the authors' quirks are wanted.
    pub(super) fn quirks(&self) -> bool {
        self.variant == Variant::Reference
    }

    /// Fails with [`Code::OutOfRange`], naming the option.
    pub(crate) fn check(&self) -> Result<()> {
        let above = |name: &'static str, x: f32| (name, x.is_finite() && x > 0.0, "above 0");
        let some = |name: &'static str, n: usize| (name, n > 0, "1 or more");
        let tau = crate::train::modal_contrast::LEAST_TAU;
        let attends = matches!(self.model, Model::Meaformer | Model::Mpsea);
        let square = self.model == Model::Eva || self.hidden == self.width;
        let rules = [
            above("lr", self.rate),
            above("clip", self.clip.unwrap_or(1.0)),
            ("temperature", self.tau.is_finite() && self.tau >= tau, "0.025 or more"),
            ("alignment_tau", self.alignment_tau.is_finite() && self.alignment_tau >= tau, "0.025 or more"),
            some("batch", self.batch),
            some("dims", self.width.min(self.hidden)),
            ("dims", square, "as large as hidden: graph attention keeps the width"),
            some("layers", self.layers),
            some("heads", self.heads),
            some("fusion_heads", self.fusion_heads),
            some("feed_forward", self.feed_forward.unwrap_or(1)),
            (
                "fusion_heads",
                !attends || self.width.is_multiple_of(self.fusion_heads.max(1)),
                "a divisor of dims",
            ),
            ("weight_decay", self.weight_decay.is_finite() && self.weight_decay >= 0.0, "0 or more"),
            ("momentum", (0.0..1.0).contains(&self.momentum), "from 0 to below 1"),
            ("patience", self.patience != Some(0), "1 or more"),
            ("every", self.iterate.is_none_or(|it| it.every > 0 && it.round != Some(0)), "1 or more"),
        ];
        match rules.iter().find(|rule| !rule.1) {
            Some((name, _, range)) => Err(Error::new(Code::OutOfRange, format!("{name} must be {range}"))),
            None => Ok(()),
        }
    }
}
