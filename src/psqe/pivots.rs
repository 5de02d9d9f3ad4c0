//! Unsupervised visual pivots, on any one modality: the most similar pairs, one-to-one.

use crate::error::{Code, Error, Result};
use crate::features::Modality;
use crate::matching::OneToOne;
use crate::psqe::{Evidence, SeedSet, Stage};
use crate::task::Task;

/// The first `count` pairs by falling cosine in one modality, each taken if neither entity is taken
/// yet (EVA's UVP); fewer if the entities run out. Exact: the order is that of all pairs.
///
/// Source: `Liu et al., Visual Pivoting for Unsupervised Entity Alignment`, section 3.3.
pub fn pivots(evidence: &Evidence<'_>, modality: &Modality, count: usize, task: &Task) -> Result<SeedSet> {
    if count == 0 {
        return Err(Error::new(Code::OutOfRange, "0 seeds were asked for").help("give n=1000, say"));
    }
    let place = evidence.position(modality)?;
    let mut factors = vec![0.0; evidence.len()];
    factors[place] = 1.0;
    task.phase(format!("pairing by {modality}"), Some(count as u64));
    let channels = evidence.channels(&factors);
    let pairs = OneToOne { count, ..OneToOne::default() }.pairs(&channels, &evidence.options(), task)?;
    let stage = Stage::Pivots(modality.clone());
    let admitted = pairs.into_iter().map(|p| (p.left, p.right, p.score, stage.clone())).collect();
    SeedSet::admitted(evidence, admitted)
}
