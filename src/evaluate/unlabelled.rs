//! What can be said of an alignment without reference links.

use crate::error::Result;
use crate::features::Modality;
use crate::matching::Links;
use crate::psqe::Evidence;
use crate::psqe::weights::Resolved;
use crate::task::Task;

/// Figures that need no links. None of them is a precision.
#[derive(Clone, Debug, PartialEq)]
pub struct Unlabelled {
    /// Links.
    pub links: usize,
    /// Share of the links whose ends are each other's nearest under the fused similarity.
    pub mutual: f64,
    /// Quartiles of the margins (25, 50, 75 %), of links that have one.
    pub margin_quartiles: [f64; 3],
    /// Per modality: links in which both ends have it, and in how many of them the right end is the
    /// left's nearest by this modality alone.
    pub agreement: Vec<(Modality, usize, usize)>,
    /// Links by the number of modalities that agree with them, from 0.
    pub supported_by: Vec<usize>,
}

/// Figures of `links` that need no labels.
pub fn unlabelled(
    _evidence: &Evidence<'_>,
    _weights: &Resolved,
    _links: &Links,
    _task: &Task,
) -> Result<Unlabelled> {
    todo!()
}
