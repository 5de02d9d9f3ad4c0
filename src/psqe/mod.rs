//! PSQE: pseudo-seeds from modalities, without labels.
//!
//! Purpose: pairs of entities that are very probably the same thing, found from how alike their
//! modalities are (pivots, stage I), and the weights and corrections that go with them. Invariants: no
//! label is ever read; every order is total (score falling, left rising, right rising), so that a
//! result is a pure function of features, options and random seed; no entity is in two seeds. This
//! layer sees features, graphs and numbers; it must not know the store, operations or the language.

mod candidates;
mod cluster;
mod correct;
mod decided;
mod diagnose;
mod evidence;
mod pivots;
mod reference;
mod resample;
mod seeds;
mod structure;
#[cfg(test)]
pub(crate) mod tests;
pub mod tune;
pub mod weights;

pub use cluster::{ClusterOptions, Clustering, cluster, fits, labels};
pub use correct::{CorrectOptions, correct};
pub use diagnose::{Cell, Cells, Spread, spread};
pub use evidence::Evidence;
pub use pivots::pivots;
pub use reference::{NeighbourOptions, neighbours, sample};
pub use resample::{Estimate, Graphs, Wanted, agreed, carried, estimated, expand, resample, wilson};
pub use seeds::{Dropped, Reason, Seed, SeedSet, Stage};
pub use structure::Neighbourhood;
