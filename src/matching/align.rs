//! Links straight from fused similarities.

use crate::error::Result;
use crate::features::Modality;
use crate::kg::EntityId;
use crate::ops::spec::Matching;
use crate::psqe::Evidence;
use crate::psqe::weights::Resolved;
use crate::task::Task;

/// How [`align`] proceeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AlignOptions {
    /// How scores become links.
    pub matching: Matching,
    /// Neighbours of the local means of CSLS; `None` leaves the plain similarity.
    pub csls: Option<usize>,
    /// Candidates kept per entity, at least 2.
    pub candidates: usize,
    /// Least score of a link.
    pub threshold: Option<f32>,
}

/// Links by falling score; all columns are equally long.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Links {
    /// Modalities of `modal`, in order.
    pub modalities: Vec<Modality>,
    /// Left entities.
    pub left: Vec<EntityId>,
    /// Right entities.
    pub right: Vec<EntityId>,
    /// Fused similarity, under CSLS 2·s minus the two local means.
    pub score: Vec<f32>,
    /// Score less that of the left entity's best other candidate; NaN if there is none. Negative where
    /// a one-to-one matching had to take a lesser candidate.
    pub margin: Vec<f32>,
    /// Place of the right entity among the left's candidates, from 1; 0 if beyond those kept.
    pub rank: Vec<u32>,
    /// Cosines in every modality, `links × modalities`, NaN where an entity lacks it.
    pub modal: Vec<Vec<f32>>,
}

/// An alignment from fused features.
pub fn align(
    _evidence: &Evidence<'_>,
    _weights: &Resolved,
    _options: &AlignOptions,
    _task: &Task,
) -> Result<Links> {
    todo!()
}
