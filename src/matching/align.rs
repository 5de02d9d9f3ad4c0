//! Links straight from fused similarities.

use crate::error::{Code, Error, Result};
use crate::features::Modality;
use crate::kg::EntityId;
use crate::linalg::{Channel, TopKOptions, top_k};
use crate::matching::{OneToOne, Pair};
use crate::ops::spec::Matching;
use crate::psqe::Evidence;
use crate::psqe::weights::Resolved;
use crate::task::Task;

/// How [`align`] proceeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AlignOptions {
    /// How scores become links.
    pub matching: Matching,
    /// Neighbours of the local means of CSLS; `None` leaves the plain similarity.
    pub csls: Option<usize>,
    /// Candidates kept per entity, at least 2.
    pub candidates: usize,
    /// Least score of a link.
    pub threshold: Option<f32>,
}

/// Links by falling score; all columns are equally long.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Links {
    /// Modalities of `modal`, in order.
    pub modalities: Vec<Modality>,
    /// Left entities.
    pub left: Vec<EntityId>,
    /// Right entities.
    pub right: Vec<EntityId>,
    /// Fused similarity, under CSLS 2·s minus the two local means.
    pub score: Vec<f32>,
    /// Score less that of the left entity's best other candidate; NaN if there is none. Negative where
    /// a one-to-one matching had to take a lesser candidate.
    pub margin: Vec<f32>,
    /// Place of the right entity among the left's candidates, from 1; 0 if beyond those kept.
    pub rank: Vec<u32>,
    /// Cosines in every modality, `links × modalities`, NaN where an entity lacks it.
    pub modal: Vec<Vec<f32>>,
}

/// An alignment from fused features: Σ w·cos over the modalities under the evidence's rule for missing
/// rows, over all entities of both sides.
///
/// - [`Matching::Greedy`]: pairs by falling score, each taken if neither entity is taken yet.
/// - [`Matching::Mutual`]: pairs whose ends are each other's nearest.
/// - [`Matching::Best`]: the nearest of every left entity; a right entity may come more than once.
///
/// With `csls=k` the score is 2·s(x, y) − r(x) − r(y), r the mean of the k largest similarities of an
/// entity (Lample et al. 2018, eq. 3), exact from a second pass.
pub fn align(
    evidence: &Evidence<'_>,
    weights: &Resolved,
    options: &AlignOptions,
    task: &Task,
) -> Result<Links> {
    let channels = evidence.channels(&weights.factors());
    let local = match options.csls {
        Some(k) => Some(LocalMeans::new(&channels, &evidence.options(), k, task)?),
        None => None,
    };
    let base = local.as_ref().map_or(evidence.options(), |local| local.options(&evidence.options()));
    // Halved biases order pairs as CSLS does; reported scores are on its own scale.
    let scale = if local.is_some() { 2.0 } else { 1.0 };
    task.phase("comparing all entities", None);
    let wanted = TopKOptions {
        k: options.candidates.max(2),
        both: options.matching == Matching::Mutual,
        means: None,
        ..base
    };
    let near = top_k(&channels, &wanted, task)?;
    let least = options.threshold.map(|threshold| threshold / scale);
    let reached = |score: f32| least.is_none_or(|least| score >= least);
    let bests = || {
        let best = |left: usize| near.left.best(left).map(|(right, score)| (left as u32, right, score));
        (0..near.left.len()).filter_map(best).filter(|&(_, _, score)| reached(score))
    };
    task.phase("matching", None);
    let mut pairs: Vec<Pair> = match (options.matching, &near.right) {
        (Matching::Greedy, _) => OneToOne { threshold: least, ..OneToOne::default() }.pairs_from(
            Some(&near.left),
            &channels,
            &base,
            task,
        )?,
        (Matching::Mutual, Some(back)) => bests()
            .filter(|&(left, right, _)| back.best(right as usize).is_some_and(|(best, _)| best == left))
            .map(|(left, right, score)| Pair { left, right, score })
            .collect(),
        (Matching::Mutual | Matching::Best, _) => {
            bests().map(|(left, right, score)| Pair { left, right, score }).collect()
        }
    };
    let order = |a: &Pair, b: &Pair| {
        b.score.total_cmp(&a.score).then(a.left.cmp(&b.left)).then(a.right.cmp(&b.right))
    };
    pairs.sort_by(order);
    let ends: Vec<(u32, u32)> = pairs.iter().map(|pair| (pair.left, pair.right)).collect();
    let margin = |pair: &Pair| {
        let mut others = near.left.row(pair.left as usize).filter(|&(right, _)| right != pair.right);
        others.next().map_or(f32::NAN, |(_, other)| scale * (pair.score - other))
    };
    let rank = |pair: &Pair| {
        let mut row = near.left.row(pair.left as usize);
        row.position(|(right, _)| right == pair.right).map_or(0, |place| place as u32 + 1)
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

/// What CSLS takes off: half the mean of the k largest similarities of each row.
pub(crate) struct LocalMeans {
    left: Vec<f32>,
    right: Vec<f32>,
}

impl LocalMeans {
    /// Over the rows that take part under `options`; others get 0. Fails on k = 0.
    pub(crate) fn new(
        channels: &[Channel<'_>],
        options: &TopKOptions<'_>,
        k: usize,
        task: &Task,
    ) -> Result<Self> {
        if k == 0 {
            return Err(Error::new(Code::OutOfRange, "csls=0 has no neighbours to take a mean of")
                .help("give csls=3 or csls=10, or leave it out for the plain similarity"));
        }
        task.phase("local means", None);
        let found = top_k(channels, &TopKOptions { k: 1, means: Some(k), both: true, ..*options }, task)?;
        let halves = |means: Option<Vec<f32>>, rows: Option<&[u32]>, len: usize| {
            let means = means.unwrap_or_default();
            let mut out = vec![0.0; len];
            for (place, mean) in means.iter().enumerate() {
                out[rows.map_or(place, |rows| rows[place] as usize)] = -0.5 * mean;
            }
            out
        };
        let (n, m) = channels.first().map_or((0, 0), |c| (c.left.present.len(), c.right.present.len()));
        Ok(LocalMeans {
            left: halves(found.left_means, options.left_rows, n),
            right: halves(found.right_means, options.right_rows, m),
        })
    }

    /// `options` with the biases in place.
    pub(crate) fn options<'a>(&'a self, options: &TopKOptions<'a>) -> TopKOptions<'a> {
        TopKOptions { left_bias: Some(&self.left), right_bias: Some(&self.right), ..*options }
    }
}
