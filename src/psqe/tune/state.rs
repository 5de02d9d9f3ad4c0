//! The state of tuning between two epochs, as plain data.

use crate::train::{AdamState, Best, EpochLoss, Parameter};

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
