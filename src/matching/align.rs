//! Links straight from fused similarities.

use std::collections::HashSet;

use crate::error::Result;
use crate::linalg::{Channel, TopK, TopKOptions, scores_of};
use crate::matching::links::unmatched;
use crate::matching::{
    Candidates, Cut, Floor, Links, LocalMeans, OneToOne, Pair, Rule, SinkhornOptions, Unmatched, assign,
    assign_among, cut, rinf, sinkhorn,
};
use crate::ops::spec::{Auto, Matching, PRECISION, Rescale};
use crate::psqe::Evidence;
use crate::psqe::weights::Resolved;
use crate::task::Task;

/// Up to so many pairs all of them are candidates for [`Matching::Sinkhorn`] and [`Rescale::Rinf`].
pub(crate) const ALL_PAIRS: usize = 1 << 20;

/// How [`align`] proceeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AlignOptions {
    /// How scores become links.
    pub matching: Matching,
    /// Whether a right entity is linked once at most; only [`Matching::Best`] and [`Matching::Sinkhorn`]
    /// can do without.
    pub one_to_one: bool,
    /// What becomes of similarities before.
    pub rescale: Rescale,
    /// Candidates kept per entity, at least 2.
    pub candidates: usize,
    /// Least score of a link.
    pub threshold: Option<Auto<f32>>,
    /// Least estimated precision, where the threshold is left to the data.
    pub precision: f64,
    /// For [`Matching::Sinkhorn`].
    pub sinkhorn: SinkhornOptions,
}

impl Default for AlignOptions {
    fn default() -> Self {
        AlignOptions {
            matching: Matching::Mutual,
            one_to_one: true,
            rescale: Rescale::Csls(10),
            candidates: 10,
            threshold: None,
            precision: PRECISION,
            sinkhorn: SinkhornOptions::default(),
        }
    }
}

/// What [`align`] gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Alignment {
    /// The links.
    pub links: Links,
    /// Left and right entities without a link, by id.
    pub unmatched: [Vec<Unmatched>; 2],
    /// Where similarities were cut, if that was left to the data.
    pub cut: Option<Cut>,
    /// What the links are among all that could have been made.
    pub guarantee: Guarantee,
}

/// What a matching's links are among all that could have been made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Guarantee {
    /// Those that the rule gives over all pairs.
    AllPairs,
    /// Those that the rule gives over the candidates of both sides.
    Candidates,
    /// A total that is at most so much below the greatest, after so many looks over all pairs.
    Total {
        /// 0 where it is the greatest, but for rounding of about 10⁻⁶ a link.
        gap: f64,
        /// Looks over all pairs.
        looks: usize,
    },
    /// Those that the rule gives over the shares of candidates.
    Shares {
        /// Whether all pairs were candidates.
        all: bool,
        /// Iterations done.
        iterations: usize,
        /// Whether the last one changed next to nothing.
        converged: bool,
    },
}

/// An alignment from fused features: Σ w·cos over the modalities under the evidence's rule for missing
/// rows, over all entities of both sides.
///
/// Similarities are [rescaled](Rescale) first: with CSLS a score is 2·s(x, y) − r(x) − r(y), r the mean of
/// the k largest similarities of an entity (Lample et al. 2018, eq. 3), exact from a second pass. Then
/// [`Matching`] says what the links are. A threshold is the least score of a link; left to the data
/// ([`Auto::Auto`]), links are cut at the least similarity at which the estimated precision holds: the same
/// rule, over the candidates that are not links, gives links that are nearly all wrong, and as many are
/// expected among the links of their score. The estimate is by similarity (under CSLS by its score) whatever
/// the matching went by. What people accepted is linked whatever it scores, what they rejected never is.
///
/// Equal scores go to the lower left, then the lower right entity. Memory is lists of candidates of both
/// sides, and tiles; never all pairs beyond a million.
pub fn align(
    evidence: &Evidence<'_>,
    weights: &Resolved,
    options: &AlignOptions,
    task: &Task,
) -> Result<Alignment> {
    let factors = weights.factors();
    let channels = evidence.channels(&factors);
    let search = |wanted: &TopKOptions<'_>| evidence.top_k(&factors, wanted, task);
    let local = match options.rescale {
        Rescale::Csls(k) => Some(LocalMeans::found_by(&channels, &evidence.options(), k, task, &search)?),
        Rescale::None | Rescale::Rinf => None,
    };
    let base = local.as_ref().map_or(evidence.options(), |local| local.options(&evidence.options()));
    // Halved biases order pairs as CSLS does; reported scores are on its own scale.
    let similar = if local.is_some() { 2.0 } else { 1.0 };
    let scale = if options.matching == Matching::Sinkhorn { 1.0 } else { similar };
    let least = match options.threshold {
        Some(Auto::Fixed(least)) => Some(least / scale),
        _ => None,
    };
    let floor = least.map_or(Floor::Zero, Floor::AtLeast);
    let sides = (evidence.left_len(), evidence.right_len());
    let scored = Scored::new(&channels, &base, options, sides, &search, task)?;
    let candidates = &scored.candidates;
    let reached = |pair: &Pair| least.is_none_or(|least| pair.score >= least);
    task.phase("matching", None);
    let (mut pairs, guarantee) = match (options.matching, &scored.near) {
        (Matching::Greedy | Matching::Stable, Some(near)) => {
            let greedy = OneToOne { threshold: least, ..OneToOne::default() };
            (greedy.pairs_from(Some(&near.left), &channels, &base, task)?, Guarantee::AllPairs)
        }
        (Matching::Hungarian, Some(_)) => {
            let found = assign(&channels, &base, candidates, floor, task)?;
            (found.pairs, Guarantee::Total { gap: f64::from(scale) * found.gap, looks: found.looks })
        }
        (Matching::Hungarian, None) => (assign_among(candidates, floor, task)?, scored.guarantee),
        _ => (candidates.pick(options.rule(), &reached), scored.guarantee),
    };
    let accepted = accepted(evidence, &channels, &base, candidates, scored.similarities.is_some())?;
    let ends: HashSet<u32> = accepted.iter().map(|pair| pair.left).collect();
    pairs.retain(|pair| !ends.contains(&pair.left));
    let similarity = |pair: &Pair| match &scored.similarities {
        Some(similarities) => {
            candidates.place(pair.left, pair.right).map_or(pair.score, |place| similarities[place])
        }
        None => pair.score,
    };
    let found = (options.threshold == Some(Auto::Auto)).then(|| {
        let decoys = scored.decoys(&pairs, options.rule());
        let mut found: Vec<f32> = pairs.iter().map(similarity).collect();
        found.sort_unstable_by(|a, b| b.total_cmp(a));
        cut(&found, &decoys, options.precision)
    });
    let enough = |pair: &Pair| found.is_none_or(|cut| similarity(pair) >= cut.threshold);
    pairs.retain(enough);
    pairs.extend(accepted);
    pairs.sort_by(Pair::order);
    let good = |pair: &Pair| {
        let admitted = options.matching != Matching::Hungarian || floor.admits(pair.score);
        reached(pair) && enough(pair) && admitted
    };
    Ok(Alignment {
        links: Links::new(evidence, &pairs, candidates, scale, scored.depth)?,
        unmatched: unmatched(&pairs, candidates, scale, &good),
        cut: found.map(|cut| Cut { threshold: similar * cut.threshold, ..cut }),
        guarantee,
    })
}

/// The pairs that people accepted: links whatever they score. NaN where the two have no modality in common, and,
/// if the candidates' scores are `rescaled`, where they are no candidates: a similarity is none of those.
fn accepted(
    evidence: &Evidence<'_>,
    channels: &[Channel<'_>],
    base: &TopKOptions<'_>,
    candidates: &Candidates,
    rescaled: bool,
) -> Result<Vec<Pair>> {
    if evidence.accepted().is_empty() {
        return Ok(Vec::new());
    }
    let scores = scores_of(channels, base, evidence.accepted())?;
    let scored = evidence.accepted().iter().zip(scores).map(|(&(left, right), score)| {
        let score = match candidates.place(left, right) {
            Some(place) => candidates.scores[place],
            None if rescaled => f32::NAN,
            None => score,
        };
        Pair { left, right, score: if score.is_finite() { score } else { f32::NAN } }
    });
    Ok(scored.collect())
}

impl AlignOptions {
    /// The rule by which pairs are picked from candidates; for decoys, what comes closest.
    fn rule(&self) -> Rule {
        match (self.matching, self.one_to_one) {
            (Matching::Mutual, _) => Rule::Mutual,
            (Matching::Best, true) => Rule::BestOnce,
            (Matching::Best | Matching::Sinkhorn, false) => Rule::Best,
            (Matching::Greedy | Matching::Stable | Matching::Hungarian | Matching::Sinkhorn, _) => {
                Rule::Greedy
            }
        }
    }
}

/// Candidates with the scores that matching goes by.
struct Scored {
    candidates: Candidates,
    /// Similarity of each candidate, where scores are not that.
    similarities: Option<Vec<f32>>,
    /// The lists of similarities, where scores are that.
    near: Option<TopK>,
    /// Length of the lists.
    depth: usize,
    guarantee: Guarantee,
}

impl Scored {
    fn new(
        channels: &[Channel<'_>],
        base: &TopKOptions<'_>,
        options: &AlignOptions,
        sides: (usize, usize),
        search: &dyn Fn(&TopKOptions<'_>) -> Result<TopK>,
        task: &Task,
    ) -> Result<Self> {
        let all = sides.0.saturating_mul(sides.1) <= ALL_PAIRS;
        let most = sides.0.max(sides.1).max(2);
        let partial = options.rescale == Rescale::Rinf || options.matching == Matching::Sinkhorn;
        let depth = if all && partial { most } else { options.candidates.clamp(2, most) };
        if options.rescale == Rescale::Rinf {
            let found = rinf(channels, base, depth, sides, task)?;
            return Ok(Scored {
                candidates: found.candidates,
                similarities: Some(found.similarities),
                near: None,
                depth,
                guarantee: if all { Guarantee::AllPairs } else { Guarantee::Candidates },
            });
        }
        task.phase("comparing all entities", None);
        let near = search(&TopKOptions { k: depth, means: None, both: true, ..*base })?;
        let mut candidates = Candidates::new(&near, sides);
        if options.matching != Matching::Sinkhorn {
            let guarantee = Guarantee::AllPairs;
            return Ok(Scored { candidates, similarities: None, near: Some(near), depth, guarantee });
        }
        let found = sinkhorn(&candidates, &options.sinkhorn, task)?;
        let (iterations, converged) = (found.iterations, found.converged);
        let similarities = std::mem::replace(&mut candidates.scores, found.shares);
        Ok(Scored {
            candidates,
            similarities: Some(similarities),
            near: None,
            depth,
            guarantee: Guarantee::Shares { all, iterations, converged },
        })
    }

    /// Similarities of the links that the rule makes of candidates that are not `linked`, falling.
    fn decoys(&self, linked: &[Pair], rule: Rule) -> Vec<f32> {
        let linked: HashSet<(u32, u32)> = linked.iter().map(|pair| (pair.left, pair.right)).collect();
        let open = |pair: &Pair| !linked.contains(&(pair.left, pair.right));
        let picked = match &self.similarities {
            Some(similarities) => self.candidates.scored(similarities.clone()).pick(rule, &open),
            None => self.candidates.pick(rule, &open),
        };
        picked.iter().map(|pair| pair.score).collect()
    }
}
