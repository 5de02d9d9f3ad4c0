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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_is_held_out_and_every_pair_has_its_place() {
        let pairs: Pairs = (0..40).map(|i| (i, 100 + i)).collect();
        let draw = || Some(Rng::stream(3, "a test"));
        let (kept, out) = hold_out(&pairs, "pairs", draw()).unwrap();
        assert_eq!((kept.len(), out.len()), (36, 4));
        assert!(kept.is_sorted() && out.is_sorted());
        let mut all = [kept.clone(), out].concat();
        all.sort_unstable();
        assert_eq!(all, pairs);
        assert_eq!(hold_out(&pairs, "pairs", draw()).unwrap().0, kept);
        assert_eq!(hold_out(&pairs, "pairs", None).unwrap(), (pairs.clone(), Vec::new()));
        for (count, draw) in [(1, None), (19, draw())] {
            let error = hold_out(&pairs[..count], "seeds", draw).unwrap_err();
            assert_eq!(error.code(), Code::MissingData);
            assert!(error.to_string().contains(&format!("{count} seeds are too few")), "{error}");
        }
    }

    #[test]
    fn epochs_count_since_the_lowest_loss() {
        let best = Best { epoch: 4, loss: 1.0, parameters: Vec::new() };
        assert_eq!(Best::stalled(None, 1, 9.0), None);
        assert_eq!(Best::stalled(Some(&best), 5, 0.9), None);
        // As low as before is no gain.
        assert_eq!(Best::stalled(Some(&best), 7, 1.0), Some(3));
    }
}
