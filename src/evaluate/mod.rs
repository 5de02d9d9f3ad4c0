//! How good seeds and alignments are.
//!
//! Purpose: figures against reference links, and what can be said without any. Invariants: nothing
//! here changes or chooses anything; every share comes with the counts behind it; a share of nothing
//! is NaN, never 0 or 1. It sees features, links and numbers; it must not know the store or the language.

mod links;
mod published;
mod ranking;
mod seeds;
mod unlabelled;

pub use links::{LinkQuality, links};
pub use published::{PublishedFigure, dataset, dataset_of, published};
pub use ranking::{Metrics, Ranking, RankingOptions, Sample, rankings, test_links};
pub use seeds::{SeedQuality, seeds};
pub use unlabelled::{Unlabelled, unlabelled};

/// `part / whole`; NaN if there is no whole.
pub(crate) fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { f64::NAN } else { part as f64 / whole as f64 }
}
