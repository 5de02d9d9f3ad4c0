//! Links with what is known of each, and the entities left without.

use std::collections::HashMap;

use crate::error::Result;
use crate::features::Modality;
use crate::kg::EntityId;
use crate::matching::{Candidates, Pair};
use crate::psqe::Evidence;

/// Links by falling score; all columns are equally long.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Links {
    /// Modalities of `modal`, in order.
    pub modalities: Vec<Modality>,
    /// Left entities.
    pub left: Vec<EntityId>,
    /// Right entities.
    pub right: Vec<EntityId>,
    /// What the matching went by: fused similarity, under CSLS 2·s minus the two local means, under RInf
    /// the reciprocal of the mean rank, of Sinkhorn the share.
    pub score: Vec<f32>,
    /// Score less that of the left entity's best other candidate; NaN if there is none. Negative where
    /// a one-to-one matching had to take a lesser candidate.
    pub margin: Vec<f32>,
    /// Place of the right entity among the left's candidates, from 1; 0 if beyond those kept.
    pub rank: Vec<u32>,
    /// Cosines in every modality, `links × modalities`, NaN where an entity lacks it.
    pub modal: Vec<Vec<f32>>,
}

/// An entity without a link.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Unmatched {
    /// The entity.
    pub entity: EntityId,
    /// Its best candidate on the other side, if it has any.
    pub candidate: Option<EntityId>,
    /// The score of the two; NaN without a candidate. The higher, the more doubtful that it has no match.
    pub score: f32,
    /// Why the two are not linked.
    pub why: Why,
}

/// Why an entity and its best candidate are not linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// There is no candidate: no entity has a modality in common with it.
    NoCandidate,
    /// They score less than a link must.
    Below,
    /// The candidate is linked to another.
    Taken,
    /// The candidate has a better one itself, to which it is not linked either.
    NotMutual,
}

impl Links {
    /// The links of `pairs`, which are in order; `scale` turns their scores and the candidates' into those
    /// that are reported, and lists were `k` long.
    pub(super) fn new(
        evidence: &Evidence<'_>,
        pairs: &[Pair],
        candidates: &Candidates,
        scale: f32,
        k: usize,
    ) -> Result<Self> {
        let ends: Vec<(u32, u32)> = pairs.iter().map(|pair| (pair.left, pair.right)).collect();
        let others = |pair: &Pair| {
            let others = candidates.row(pair.left as usize);
            let right = pair.right;
            others.filter(move |other| other.right != right)
        };
        let margin = |pair: &Pair| {
            let best = others(pair).map(|other| other.score).reduce(f32::max);
            best.map_or(f32::NAN, |best| scale * (pair.score - best))
        };
        let rank = |pair: &Pair| {
            let better = others(pair).filter(|other| other.order(pair).is_lt()).count();
            let listed = candidates.place(pair.left, pair.right).is_some() && better < k;
            if listed { better as u32 + 1 } else { 0 }
        };
        Ok(Links {
            modalities: evidence.modalities().cloned().collect(),
            left: ends.iter().map(|pair| pair.0).collect(),
            right: ends.iter().map(|pair| pair.1).collect(),
            score: pairs.iter().map(|pair| scale * pair.score).collect(),
            margin: pairs.iter().map(margin).collect(),
            rank: pairs.iter().map(rank).collect(),
            modal: evidence.modal_scores(&ends)?,
        })
    }
}

/// The left and the right entities in none of `pairs`; `reached` tells whether a candidate pair scores as
/// much as a link must.
pub(super) fn unmatched(
    pairs: &[Pair],
    candidates: &Candidates,
    scale: f32,
    reached: &impl Fn(&Pair) -> bool,
) -> [Vec<Unmatched>; 2] {
    let all = |_: &Pair| true;
    let lefts: HashMap<u32, u32> = pairs.iter().map(|pair| (pair.left, pair.right)).collect();
    let rights: HashMap<u32, u32> = pairs.iter().map(|pair| (pair.right, pair.left)).collect();
    let of = |entity: usize, best: Option<Pair>, candidate: fn(&Pair) -> u32, taken: &HashMap<u32, u32>| {
        let why = match best {
            None => Why::NoCandidate,
            Some(pair) if !reached(&pair) => Why::Below,
            Some(pair) if taken.contains_key(&candidate(&pair)) => Why::Taken,
            Some(_) => Why::NotMutual,
        };
        let score = best.map_or(f32::NAN, |pair| scale * pair.score);
        Unmatched { entity: entity as u32, candidate: best.as_ref().map(candidate), score, why }
    };
    let side = |best: Vec<Option<Pair>>,
                own: &HashMap<u32, u32>,
                other: &HashMap<u32, u32>,
                candidate: fn(&Pair) -> u32| {
        let single = best.into_iter().enumerate().filter(|(entity, _)| !own.contains_key(&(*entity as u32)));
        single.map(|(entity, best)| of(entity, best, candidate, other)).collect()
    };
    [
        side(candidates.best_of_left(&all), &lefts, &rights, |pair| pair.right),
        side(candidates.best_of_right(&all), &rights, &lefts, |pair| pair.left),
    ]
}
