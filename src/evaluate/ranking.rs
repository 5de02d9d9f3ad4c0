//! Hits@k and MRR: where the true counterpart stands among the candidates.

use crate::error::Result;
use crate::kg::{Link, Split};
use crate::ops::spec::Protocol;
use crate::psqe::Evidence;
use crate::psqe::weights::Resolved;
use crate::task::Task;

/// How [`ranking`] proceeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RankingOptions {
    /// Who the candidates are.
    pub protocol: Protocol,
    /// Links of this split are judged.
    pub split: Option<Split>,
    /// The last so many links are judged; excludes `split`.
    pub last: Option<usize>,
    /// Neighbours of the local means of CSLS; `None` leaves the plain similarity.
    pub csls: Option<usize>,
}

/// Ranking figures of one direction. A rank is 1 + better candidates + half of the equal ones.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Metrics {
    /// Links judged.
    pub queries: usize,
    /// Candidates of each.
    pub candidates: usize,
    /// Share of ranks up to 1.
    pub hits_1: f64,
    /// Share of ranks up to 5.
    pub hits_5: f64,
    /// Share of ranks up to 10.
    pub hits_10: f64,
    /// Mean of 1/rank.
    pub mrr: f64,
    /// Mean rank.
    pub mean_rank: f64,
}

/// Ranking figures both ways.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranking {
    /// Left entities look for right ones.
    pub left_to_right: Metrics,
    /// Right entities look for left ones.
    pub right_to_left: Metrics,
    /// Which links were judged, in words: "test split", "last 10,500 of 15,000".
    pub judged: String,
}

/// Ranking figures of fused similarities.
pub fn ranking(
    _evidence: &Evidence<'_>,
    _weights: &Resolved,
    _links: &[Link],
    _options: &RankingOptions,
    _task: &Task,
) -> Result<Ranking> {
    todo!()
}
