//! Pairs that a model finds itself and goes on training with (iterative learning).
//!
//! At a look, the candidates are the mutually nearest entities of both sides among those that are in no
//! training pair. Under EVA's rule (also MCLEA's and MEAformer's) a round of looks goes by, and what was a
//! candidate at each of them joins at its end. Under PCMEA's calibration a candidate joins if its left
//! entity had the same partner when it last was a candidate.

use std::collections::{BTreeMap, BTreeSet};

use super::inputs::Inputs;
use super::options::Iterate;
use super::state::Found;
use crate::error::Result;
use crate::features::{DenseRows, Feature, Presence, Rows};
use crate::linalg::{Channel, TopKOptions, top_k};
use crate::task::Task;
use crate::train::Embedding;

impl Found {
    /// Takes the candidates of one look; pairs that join are appended to `pairs`.
    pub(super) fn look(&mut self, candidates: Vec<(u32, u32)>, rule: &Iterate) {
        self.looks += 1;
        match rule.round {
            None => {
                let mut known: BTreeMap<u32, u32> = self.candidates.iter().copied().collect();
                let accepted = calibrate(&mut known, &candidates);
                self.candidates = known.into_iter().collect();
                self.pairs.extend(accepted);
            }
            Some(round) => {
                if (self.looks - 1).is_multiple_of(round) {
                    self.candidates = candidates;
                } else {
                    let now: BTreeSet<(u32, u32)> = candidates.into_iter().collect();
                    self.candidates.retain(|pair| now.contains(pair));
                }
                if self.looks.is_multiple_of(round) {
                    self.pairs.append(&mut self.candidates);
                }
            }
        }
    }
}

/// The candidates whose left entity is remembered with this very partner; all others are remembered.
pub(super) fn calibrate(known: &mut BTreeMap<u32, u32>, candidates: &[(u32, u32)]) -> Vec<(u32, u32)> {
    let mut accepted = Vec::new();
    for &(left, right) in candidates {
        if known.get(&left) == Some(&right) {
            accepted.push((left, right));
        } else {
            known.insert(left, right);
        }
    }
    accepted
}

/// Rows of vectors as a feature.
pub(super) fn side<'a>(data: &'a [f32], cols: usize, present: &'a Presence) -> Feature<'a> {
    Feature { rows: Rows::Dense(DenseRows { data, cols }), present, norms: None }
}

/// Mutually nearest entities by cosine among those in none of the pairs, by rising left entity; neither
/// deleted ones nor those that are decided otherwise.
pub(super) fn mutual(
    joint: &Embedding,
    inputs: &Inputs,
    taken: &[(u32, u32)],
    task: &Task,
) -> Result<Vec<(u32, u32)>> {
    let &Inputs { split, ref decided, ref deleted, .. } = inputs;
    let rows = joint.values.len() / joint.width.max(1);
    let (left, right) = joint.values.split_at(split * joint.width);
    let all = |data: &[f32]| Presence::filled(data.len() / joint.width.max(1), true);
    let (left_all, right_all) = (all(left), all(right));
    let channel = Channel {
        weight: 1.0,
        left: side(left, joint.width, &left_all),
        right: side(right, joint.width, &right_all),
    };
    let free = |count: usize, end: fn(&(u32, u32)) -> u32, deleted: &[u32]| -> Vec<u32> {
        let taken: BTreeSet<u32> = taken.iter().map(end).chain(deleted.iter().copied()).collect();
        (0..count as u32).filter(|row| !taken.contains(row)).collect()
    };
    let lefts = free(split, |pair| pair.0, &deleted[0]);
    let rights = free(rows - split, |pair| pair.1, &deleted[1]);
    if lefts.is_empty() || rights.is_empty() {
        return Ok(Vec::new());
    }
    let options = TopKOptions {
        k: 1,
        left_rows: Some(&lefts),
        right_rows: Some(&rights),
        both: true,
        mask: Some(decided),
        ..TopKOptions::default()
    };
    let near = top_k(&[channel], &options, task)?;
    let back = near.right.unwrap_or_default();
    let partner = |right: u32| back.best(rights.binary_search(&right).ok()?).map(|(left, _)| left);
    let pairs = lefts.iter().enumerate().filter_map(|(at, &left)| {
        let (right, _) = near.left.best(at)?;
        (partner(right) == Some(left)).then_some((left, right))
    });
    Ok(pairs.collect())
}
