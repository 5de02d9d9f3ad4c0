//! What makes seed sets: `SEED`, `CORRECT`, and the words they share with others.

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

/// Whose formulas are followed where text and code differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Variant {
    /// The paper's text.
    Paper,
    /// The authors' public code.
    Reference,
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
    /// Number of seeds asked for.
    pub count: usize,
    /// Weights of the fused vectors; pivots ignore them.
    pub weights: Weights,
    /// Missing rows.
    pub missing: Missing,
    /// The pair.
    pub pair: String,
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
    /// Rows only, or columns as well.
    pub direction: Direction,
    /// Repeat until nothing falls.
    pub iterate: bool,
    /// Rivals are all entities of the other side, not only seed entities.
    pub all_rivals: bool,
    /// Cosines, or the plain products of the raw features as the authors' code has them.
    pub variant: Variant,
    /// Weights of the similarity.
    pub weights: Weights,
    /// Missing rows.
    pub missing: Missing,
    /// Name of the result.
    pub name: String,
    /// Random seed; `None` takes the setting.
    pub seed: Option<u64>,
}

impl Seed {
    /// Seeds of a pair with the defaults: 1,000 of them, weights by agreement.
    pub fn new(method: SeedMethod, pair: &str, name: &str) -> Self {
        Seed {
            method,
            count: 1000,
            weights: Weights::Auto,
            missing: Missing::Neutral,
            pair: pair.to_string(),
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
            direction: Direction::Row,
            iterate: false,
            all_rivals: false,
            variant: Variant::Paper,
            weights: Weights::Auto,
            missing: Missing::Neutral,
            name: name.to_string(),
            seed: None,
        }
    }
}
