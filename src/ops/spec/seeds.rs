//! What makes seed sets: `SEED`, `CORRECT`, `EXPAND`, `PSQE`, and the words they share with others.

use super::{Dtype, Search};
use crate::features::Modality;

/// A number, or left to the data.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Auto<T> {
    /// Chosen from the data.
    Auto,
    /// As given.
    Fixed(T),
}

/// Weights of modalities.
#[derive(Clone, Debug, PartialEq)]
pub enum Weights {
    /// Set without labels from how well the modalities agree.
    Auto,
    /// All present modalities alike.
    Equal,
    /// As given; modalities not named do not take part.
    Named(Vec<(Modality, f32)>),
}

impl Weights {
    /// Which modalities are chosen, whatever they weigh: each of those above zero at 1, in order.
    pub fn chosen(&self) -> Weights {
        let Weights::Named(named) = self else { return self.clone() };
        let above = named.iter().filter(|(_, weight)| *weight > 0.0);
        let mut chosen: Vec<_> = above.map(|(modality, _)| (modality.clone(), 1.0)).collect();
        chosen.sort_by(|(a, _), (b, _)| a.cmp(b));
        Weights::Named(chosen)
    }
}

/// Whose formulas are followed where text and code differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Variant {
    /// The paper's text.
    Paper,
    /// The authors' public code.
    Reference,
    /// Our own: shared seed neighbours are evidence beside the modalities.
    Seedbed,
}

/// How seeds are found.
#[derive(Clone, Debug, PartialEq)]
pub enum SeedMethod {
    /// Unsupervised pivots on one modality.
    Pivots(Modality),
    /// PSQE stage I.
    Cluster {
        /// Number of clusters.
        k: Auto<usize>,
        /// Text or code.
        variant: Variant,
    },
    /// PSQE stage II: over all entities, from tuned embeddings or from a seed set's evidence.
    Global {
        /// Text, code or ours.
        variant: Variant,
    },
}

/// Rows without a modality.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Missing {
    /// A modality that a pair lacks says nothing: it adds no evidence for or against. Pairs are then
    /// ranked by how much speaks for them, so that one good modality does not outrank three.
    Neutral,
    /// Weights are renormalised over the modalities both rows have.
    Renormalise,
    /// The row is drawn from N(mean, std) of the known rows, as the reference systems do.
    Random,
}

/// Makes a seed set.
#[derive(Clone, Debug, PartialEq)]
pub struct Seed {
    /// How.
    pub method: SeedMethod,
    /// Number of seeds asked for; `Auto` stops where the estimated precision falls under `precision`.
    pub count: Auto<usize>,
    /// Least estimated precision, where the count is left to the data.
    pub precision: f64,
    /// Weights of the fused vectors; pivots ignore them.
    pub weights: Weights,
    /// Missing rows.
    pub missing: Missing,
    /// Which pairs are compared.
    pub search: Search,
    /// The pair; for [`SeedMethod::Global`] the model or the seed set to start from.
    pub from: String,
    /// Name of the result.
    pub name: String,
    /// Random seed; `None` takes the setting.
    pub seed: Option<u64>,
}

/// Which rivals a correction looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The right ends of the other seeds.
    Row,
    /// The left ends as well.
    Both,
}

/// Drops seeds that another seed's end contradicts.
#[derive(Clone, Debug, PartialEq)]
pub struct Correct {
    /// The seed set.
    pub seeds: String,
    /// Keep at most so many, best first.
    pub count: Option<usize>,
    /// Rows only, or columns as well.
    pub direction: Direction,
    /// Repeat until nothing falls.
    pub iterate: bool,
    /// Rivals are all entities of the other side, not only seed entities.
    pub all_rivals: bool,
    /// Cosines, the plain products of the raw features as the authors' code has them, or votes.
    pub variant: Variant,
    /// Weights of the similarity.
    pub weights: Weights,
    /// Missing rows.
    pub missing: Missing,
    /// Which pairs are compared.
    pub search: Search,
    /// Name of the result.
    pub name: String,
    /// Random seed; `None` takes the setting.
    pub seed: Option<u64>,
}

impl Seed {
    /// Seeds of a pair with the defaults: 1,000 of them, weights by agreement.
    pub fn new(method: SeedMethod, from: &str, name: &str) -> Self {
        Seed {
            method,
            count: Auto::Fixed(1000),
            precision: PRECISION,
            weights: Weights::Auto,
            missing: Missing::Neutral,
            search: Search::default(),
            from: from.to_string(),
            name: name.to_string(),
            seed: None,
        }
    }
}

impl Correct {
    /// The correction of a seed set with the defaults: rows, against the other seeds, once.
    pub fn new(seeds: &str, name: &str) -> Self {
        Correct {
            seeds: seeds.to_string(),
            count: None,
            direction: Direction::Row,
            iterate: false,
            all_rivals: false,
            variant: Variant::Paper,
            weights: Weights::Auto,
            missing: Missing::Neutral,
            search: Search::default(),
            name: name.to_string(),
            seed: None,
        }
    }
}

/// The estimated precision down to which seeds are taken where nobody says.
pub const PRECISION: f64 = 0.9;

/// Adds pairs of the seeds' neighbours: PSQE stage III.
#[derive(Clone, Debug, PartialEq)]
pub struct Expand {
    /// The seed set.
    pub seeds: String,
    /// The tuned model whose embeddings take part, if any.
    pub model: Option<String>,
    /// Most seeds in all; `Auto` stops where the estimated precision falls under `precision`.
    pub count: Auto<usize>,
    /// Least estimated precision, where the count is left to the data.
    pub precision: f64,
    /// Least similarity of a new pair ([`Variant::Paper`], [`Variant::Reference`]).
    pub threshold: f32,
    /// Rise of the threshold from the first seed to the last ([`Variant::Reference`]).
    pub ramp: f32,
    /// Most new pairs of the first seed, falling to half for the last ([`Variant::Reference`]).
    pub cap: usize,
    /// Text, code or ours.
    pub variant: Variant,
    /// Weights of the similarity.
    pub weights: Weights,
    /// Missing rows.
    pub missing: Missing,
    /// Which pairs are compared.
    pub search: Search,
    /// Name of the result.
    pub name: String,
    /// Random seed; `None` takes the setting.
    pub seed: Option<u64>,
}

impl Expand {
    /// The expansion of a seed set with the defaults.
    pub fn new(seeds: &str, name: &str) -> Self {
        Expand {
            seeds: seeds.to_string(),
            model: None,
            count: Auto::Auto,
            precision: PRECISION,
            threshold: 0.8,
            ramp: 0.1,
            cap: 6,
            variant: Variant::Seedbed,
            weights: Weights::Auto,
            missing: Missing::Neutral,
            search: Search::default(),
            name: name.to_string(),
            seed: None,
        }
    }
}

/// All stages of seeding, each a result of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Psqe {
    /// The pair.
    pub pair: String,
    /// Number of clusters of stage I.
    pub k: Auto<usize>,
    /// Number of seeds asked for in stages I and II.
    pub count: Auto<usize>,
    /// Least estimated precision, where the count is left to the data.
    pub precision: f64,
    /// Whether stage II tunes embeddings; paper and reference always do.
    pub tune: bool,
    /// Passes over the seeds.
    pub epochs: usize,
    /// Learning rate.
    pub lr: f64,
    /// Pairs of a batch.
    pub batch: usize,
    /// Text, code or ours.
    pub variant: Variant,
    /// Weights of the modalities.
    pub weights: Weights,
    /// Missing rows.
    pub missing: Missing,
    /// Which pairs are compared.
    pub search: Search,
    /// Where stage II tunes: `cpu`, `cuda:0`, `auto`; empty takes the setting.
    pub device: String,
    /// What stage II's affine maps are multiplied in.
    pub dtype: Dtype,
    /// Name of the result; those of the stages are made from it.
    pub name: String,
    /// Random seed; `None` takes the setting.
    pub seed: Option<u64>,
}

impl Psqe {
    /// All stages over a pair with the defaults.
    pub fn new(pair: &str, name: &str) -> Self {
        Psqe {
            pair: pair.to_string(),
            k: Auto::Fixed(4),
            count: Auto::Auto,
            precision: PRECISION,
            tune: false,
            epochs: 300,
            lr: 0.01,
            batch: 2000,
            variant: Variant::Seedbed,
            weights: Weights::Auto,
            missing: Missing::Neutral,
            search: Search::default(),
            device: String::new(),
            dtype: Dtype::F32,
            name: name.to_string(),
            seed: None,
        }
    }
}
