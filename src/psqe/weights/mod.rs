//! Weights of modalities: as given, equal, or set without labels from how well they agree.

mod auto;
mod tilt;

pub(crate) use auto::LEAST_EXAMPLES;
pub use auto::{AutoWeights, Diagnosis, auto};

use crate::error::{Code, Error, Result};
use crate::features::Modality;
use crate::ops::spec::Weights;
use crate::psqe::Evidence;
use crate::task::Task;

/// Weights as every later step takes them.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// Of every modality of the evidence, in its order; not negative, at least one positive. 0 means
    /// that the modality takes no part.
    pub weights: Vec<(Modality, f32)>,
    /// How they were found, if they were set without labels.
    pub auto: Option<AutoWeights>,
    /// Whether they weigh similarities, as those do that were set without labels; else vectors.
    pub of_similarity: bool,
}

impl Resolved {
    /// Weights that somebody gave.
    pub fn given(weights: Vec<(Modality, f32)>) -> Self {
        Resolved { weights, auto: None, of_similarity: false }
    }

    /// Weights that were set without labels before, over other rows of the same modalities.
    pub fn settled(weights: Vec<(Modality, f32)>) -> Self {
        Resolved { weights, auto: None, of_similarity: true }
    }

    /// The numbers alone, in the order of the evidence.
    pub fn factors(&self) -> Vec<f32> {
        self.weights.iter().map(|(_, weight)| *weight).collect()
    }

    /// Weights of the similarities of those vectors: squares of the factors.
    pub fn similarity_factors(&self) -> Vec<f32> {
        let square = |weight: f32| if self.of_similarity { weight } else { weight * weight };
        self.weights.iter().map(|(_, weight)| square(*weight)).collect()
    }

    /// Factors of the vectors that stage I puts side by side. The paper's α, β and γ multiply vectors,
    /// so that their squares weigh similarities; weights set without labels weigh similarities, so
    /// their roots multiply the vectors.
    pub fn vector_factors(&self) -> Vec<f32> {
        self.weights
            .iter()
            .map(|(_, weight)| if self.of_similarity { weight.sqrt() } else { *weight })
            .collect()
    }
}

/// Weights of `evidence`'s modalities as `wanted` says: looked up and checked, equal (1/M each), or
/// [`auto`]. Weights given by name are kept as they are, not normalised.
///
/// Fails on a modality that the evidence lacks or that is named twice, on a weight that is negative or
/// not finite, and if all are 0.
pub fn resolve(wanted: &Weights, evidence: &Evidence<'_>, task: &Task) -> Result<Resolved> {
    let alike = 1.0 / evidence.len() as f32;
    match wanted {
        Weights::Auto => {
            let found = auto(evidence, task)?;
            Ok(Resolved { weights: found.weights.clone(), auto: Some(found), of_similarity: true })
        }
        Weights::Equal => Ok(Resolved::given(evidence.modalities().map(|m| (m.clone(), alike)).collect())),
        Weights::Named(named) => {
            let mut weights: Vec<_> = evidence.modalities().map(|m| (m.clone(), 0.0)).collect();
            for (number, (modality, weight)) in named.iter().enumerate() {
                let place = evidence.position(modality)?;
                if named[..number].iter().any(|(earlier, _)| earlier == modality) {
                    return Err(Error::new(Code::Conflict, format!("modality {modality} is named twice")));
                }
                if !(weight.is_finite() && *weight >= 0.0) {
                    return Err(Error::new(
                        Code::OutOfRange,
                        format!("weight {weight} of {modality} is not a number from 0 up"),
                    ));
                }
                weights[place].1 = *weight;
            }
            if weights.iter().all(|(_, weight)| *weight == 0.0) {
                return Err(Error::new(Code::OutOfRange, "all weights are 0")
                    .help("give at least one modality a positive weight, or leave weights=auto"));
            }
            Ok(Resolved::given(weights))
        }
    }
}
