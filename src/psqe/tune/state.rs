//! The state of tuning between two epochs, as plain data.

use crate::train::{AdamState, Parameter};

/// The losses of one epoch.
#[derive(Clone, Debug, PartialEq, Default, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct EpochLoss {
    /// Sum over the modalities.
    pub total: f64,
    /// One a modality, in the order in which they were given; 0 where no pair has it.
    pub modalities: Vec<f64>,
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

/// All that a tuner needs to go on, besides its inputs and options.
#[derive(Clone, Debug, PartialEq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct TuneState {
    /// The parameters.
    pub parameters: Vec<Parameter>,
    /// Moments and steps of the optimiser.
    pub optimiser: AdamState,
    /// Epochs run.
    pub epoch: u64,
    /// State of the random numbers that shuffle the pairs.
    pub rng: [u64; 4],
    /// The losses of each epoch.
    pub curve: Vec<EpochLoss>,
    /// The best parameters so far, if pairs are held out.
    pub best: Option<Best>,
}
