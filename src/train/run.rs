//! What a training run begins with, keeps and gives, whatever is trained.

use super::params::Parameter;
use crate::error::{Code, Error, Result};
use crate::rng::Rng;

/// Rows of each side that are the same thing, counted from 0.
type Pairs = Vec<(u32, u32)>;

/// Pairs to train on, and a tenth held out if there are random numbers to draw it by, each in the order
/// given. `what` names the pairs in errors.
///
/// Fails with [`Code::MissingData`] with fewer than two pairs, or 20 if some are to be held out.
pub fn hold_out(pairs: &[(u32, u32)], what: &str, draw: Option<Rng>) -> Result<(Pairs, Pairs)> {
    let least = if draw.is_some() { 20 } else { 2 };
    if pairs.len() < least {
        let message = format!("{} {what} are too few to train on: {least} are needed", pairs.len());
        return Err(Error::new(Code::MissingData, message).help("make more seeds first"));
    }
    let Some(mut rng) = draw else { return Ok((pairs.to_vec(), Vec::new())) };
    let mut order: Vec<usize> = (0..pairs.len()).collect();
    rng.shuffle(&mut order);
    let (out, kept) = order.split_at_mut(pairs.len() / 10);
    out.sort_unstable();
    kept.sort_unstable();
    let those = |rows: &[usize]| rows.iter().map(|&at| pairs[at]).collect();
    Ok((those(kept), those(out)))
}

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

impl Best {
    /// Epochs since the best one, or `None` where `loss`, after `epoch`, is lower than any before: its
    /// parameters are then the best.
    pub fn stalled(best: Option<&Best>, epoch: u64, loss: f64) -> Option<u64> {
        best.filter(|best| best.loss <= loss).map(|best| epoch - best.epoch)
    }
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
