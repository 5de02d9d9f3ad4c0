//! The state of training between two epochs, as plain data.

use crate::train::{AdamState, Best, EpochLoss, Parameter};

/// All that a trainer needs to go on, besides its inputs and options.
#[derive(Clone, Debug, PartialEq, Default, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct TrainState {
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
    /// Pairs that the model found, with what it remembers of its search.
    pub found: Found,
    /// The momentum copy of the parameters; empty before there is one.
    pub momentum: Vec<Parameter>,
}

/// Pairs that a model found itself.
#[derive(Clone, Debug, PartialEq, Default, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Found {
    /// Those that train, in the order in which they joined; each side counted from 0.
    pub pairs: Vec<(u32, u32)>,
    /// Those that may join: of a round, or the last partner of each left entity (calibration).
    pub candidates: Vec<(u32, u32)>,
    /// Looks for pairs so far.
    pub looks: u64,
}
