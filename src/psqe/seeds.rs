//! Seeds: what a stage gives.

use std::fmt;
use std::str::FromStr;

use crate::error::{Code, Error, Result};
use crate::features::Modality;
use crate::kg::EntityId;
use crate::psqe::Evidence;

/// Which stage admitted a seed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Unsupervised pivots on one modality.
    Pivots(Modality),
    /// Stage I, in the cluster of this number.
    Cluster(u32),
    /// Stage II, over all entities.
    Global,
    /// Stage III, from neighbours of seeds.
    Neighbours,
    /// None: an aligner learned it.
    Learned,
    /// None: a person accepted it.
    Accepted,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stage::Pivots(modality) => write!(f, "pivots({modality})"),
            Stage::Cluster(number) => write!(f, "cluster({number})"),
            Stage::Global => f.write_str("global"),
            Stage::Neighbours => f.write_str("neighbours"),
            Stage::Learned => f.write_str("learned"),
            Stage::Accepted => f.write_str("accepted"),
        }
    }
}

/// Reads what [`Display`](fmt::Display) writes.
impl FromStr for Stage {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts = text.strip_suffix(')').and_then(|text| text.split_once('('));
        let stage = match parts {
            None if text == "global" => Some(Stage::Global),
            None if text == "neighbours" => Some(Stage::Neighbours),
            None if text == "learned" => Some(Stage::Learned),
            None if text == "accepted" => Some(Stage::Accepted),
            Some(("pivots", modality)) => Modality::new(modality).ok().map(Stage::Pivots),
            Some(("cluster", number)) => number.parse().ok().map(Stage::Cluster),
            _ => None,
        };
        stage.ok_or_else(|| Error::new(Code::BadValue, format!("`{text}` is no stage")))
    }
}

/// A pair taken to be the same thing.
#[derive(Clone, Debug, PartialEq)]
pub struct Seed {
    /// Entity of the left graph.
    pub left: EntityId,
    /// Entity of the right graph.
    pub right: EntityId,
    /// The similarity it was chosen by; comparable within one stage of one set.
    pub score: f32,
    /// The stage that admitted it.
    pub stage: Stage,
    /// Cosine in each modality of the set, NaN where an entity lacks it.
    pub modal: Vec<f32>,
}

/// A seed that a correction dropped, and what contradicted it.
#[derive(Clone, Debug, PartialEq)]
pub struct Dropped {
    /// The seed as it was.
    pub seed: Seed,
    /// Whose partner looked better elsewhere.
    pub reason: Reason,
    /// The entity that looked better: of the right graph for [`Reason::Row`], of the left for
    /// [`Reason::Column`]; for [`Reason::Votes`] the nearest other partner of either end.
    pub rival: EntityId,
    /// Similarity of the seed in the correction.
    pub score: f32,
    /// Similarity with the rival.
    pub rival_score: f32,
    /// Round of the iteration, from 1.
    pub round: u32,
}

/// Why a correction dropped a seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The left entity is more similar to another right entity.
    Row,
    /// The right entity is more similar to another left entity.
    Column,
    /// It stays best of both its ends without so few kinds of evidence of so many, each left out alone.
    Votes(u32, u32),
}

impl Reason {
    /// `row`, `column` or `votes`.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Row => "row",
            Reason::Column => "column",
            Reason::Votes(..) => "votes",
        }
    }
}

/// Seeds in the order of admission, with the modalities behind their scores.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct SeedSet {
    /// Modalities of [`Seed::modal`], in order.
    pub modalities: Vec<Modality>,
    /// The seeds; no entity twice.
    pub seeds: Vec<Seed>,
    /// What the correction that made this set left out.
    pub dropped: Vec<Dropped>,
}

impl SeedSet {
    /// The pairs alone, in order.
    pub fn pairs(&self) -> Vec<(EntityId, EntityId)> {
        self.seeds.iter().map(|seed| (seed.left, seed.right)).collect()
    }

    /// Keeps the `most` best by score, best first; gives the number of the others.
    pub fn keep_best(&mut self, most: usize) -> usize {
        let before = self.seeds.len();
        self.seeds.sort_by(|a, b| b.score.total_cmp(&a.score));
        self.seeds.truncate(most);
        before - self.seeds.len()
    }

    /// The same seeds with the modalities of `evidence` behind them; scores stay.
    pub(crate) fn under(&self, evidence: &Evidence<'_>) -> Result<Self> {
        let modal = evidence.modal_scores(&self.pairs())?;
        let seeds = self.seeds.iter().zip(modal).map(|(seed, modal)| Seed { modal, ..seed.clone() });
        let modalities = evidence.modalities().cloned().collect();
        Ok(SeedSet { modalities, seeds: seeds.collect(), dropped: self.dropped.clone() })
    }

    /// A set of admitted pairs with their scores in every modality.
    pub(crate) fn admitted(
        evidence: &Evidence<'_>,
        admitted: Vec<(EntityId, EntityId, f32, Stage)>,
    ) -> Result<Self> {
        let pairs: Vec<_> = admitted.iter().map(|&(left, right, ..)| (left, right)).collect();
        let modal = evidence.modal_scores(&pairs)?;
        let seeds = admitted.into_iter().zip(modal);
        Ok(SeedSet {
            modalities: evidence.modalities().cloned().collect(),
            seeds: seeds
                .map(|((left, right, score, stage), modal)| Seed { left, right, score, stage, modal })
                .collect(),
            dropped: Vec::new(),
        })
    }
}
