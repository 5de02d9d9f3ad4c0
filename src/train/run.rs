//! What a training run keeps and gives, whatever is trained.

use super::params::Parameter;

/// The losses of one epoch.
#[derive(Clone, Debug, PartialEq, Default, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct EpochLoss {
    /// What was minimised.
    pub total: f64,
    /// Its parts, in an order that the trainer names: of the tuner one a modality, in the order in which
    /// they were given; 0 where no pair has it.
    pub parts: Vec<f64>,
    /// The total over the held-out pairs, after the epoch.
    pub held_out: Option<f64>,
}

/// The parameters with the lowest loss over the held-out pairs.
#[derive(Clone, Debug, PartialEq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Best {
    /// Epochs that had been run then.
    pub epoch: u64,
    /// The loss over the held-out pairs.
    pub loss: f64,
    /// The parameters.
    pub parameters: Vec<Parameter>,
}

/// Trained vectors of one modality, for all rows of both sides.
#[derive(Clone, Debug, PartialEq)]
pub struct Embedding {
    /// Name of the modality.
    pub name: String,
    /// `rows × width`, left rows first; as they leave the network, not normalised.
    pub values: Vec<f32>,
    /// Width of a row.
    pub width: usize,
}
