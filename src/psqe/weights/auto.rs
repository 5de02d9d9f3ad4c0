//! Weights without labels: every modality is judged by pairs that the others chose.

use crate::error::Result;
use crate::features::Modality;
use crate::psqe::Evidence;
use crate::task::Task;

/// What is known of one modality without labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnosis {
    /// Its weight in the fused similarity.
    pub weight: f32,
    /// Share of the sampled rows that have the modality.
    pub presence: f32,
    /// Share of those whose nearest partner has them as its nearest.
    pub mutual: f32,
    /// Mean distance of the best to the second-best cosine of a row.
    pub margin: f32,
    /// Hubness: share of the rows whose nearest partner is also nearest to ten others or more.
    pub hubness: f32,
    /// Estimated precision of its mutual pairs, as the other modalities see them; NaN without witness.
    pub precision: f32,
    /// Pairs chosen by other modalities that it was judged by.
    pub witnesses: usize,
    /// Evidence in nats that it gives, on average, for a pair that the others chose; 0 if useless.
    pub gain: f32,
}

/// Weights set from agreement, with what led to them.
#[derive(Clone, Debug, PartialEq)]
pub struct AutoWeights {
    /// Of every modality of the evidence, in its order; they sum to 1.
    pub weights: Vec<(Modality, f32)>,
    /// In the same order.
    pub diagnoses: Vec<Diagnosis>,
    /// Left rows looked at.
    pub sample: usize,
    /// Whether no two modalities agreed, so that the weights are merely equal.
    pub fallback: bool,
}

/// Weights of the modalities from how well they agree.
pub fn auto(_evidence: &Evidence<'_>, _task: &Task) -> Result<AutoWeights> {
    todo!()
}
