//! Candidate pairs with what speaks for each: the modalities, and the structure around seeds.

use rayon::prelude::*;

use crate::error::Result;
use crate::kg::EntityId;
use crate::linalg::{TopKOptions, merged, missing, picked};
use crate::matching::wrong_shares;
use crate::psqe::Evidence;
use crate::psqe::structure::Structure;
use crate::psqe::weights::Resolved;
use crate::task::Task;

/// Support at which structure speaks with (1 − 1/e) of its voice.
const SATURATION: f32 = 1.0;

/// Pairs before and behind one, by score, whose decoys tell how doubtful it is.
const AROUND: usize = 100;

/// Scores no farther apart than this are equal.
const EQUAL: f32 = 1e-6;

/// The best pair of an entity so far, and the score of the second.
#[derive(Clone, Copy, Debug)]
struct Best {
    place: Option<usize>,
    score: f32,
    second: f32,
}

impl Default for Best {
    fn default() -> Self {
        Best { place: None, score: f32::NEG_INFINITY, second: f32::NEG_INFINITY }
    }
}

impl Best {
    fn offer(&mut self, place: usize, score: f32) {
        if score > self.score {
            *self = Best { place: Some(place), score, second: self.score };
        } else {
            self.second = self.second.max(score);
        }
    }
}

/// Pairs that may be seeds. A pair's score is Σ_m w_m cos_m + w̄ (1 − e^{−support/κ}): structure speaks
/// as loudly as a modality of mean weight w̄, and the more seeds two neighbourhoods share, the less
/// another one adds.
pub(crate) struct Candidates {
    /// The pairs, ascending.
    pub pairs: Vec<(EntityId, EntityId)>,
    /// What each modality adds to the score of each pair, 0 where a row is missing; structure last.
    parts: Vec<Vec<f32>>,
    /// Their sums.
    pub scores: Vec<f32>,
    sizes: (usize, usize),
    mean_weight: f32,
}

impl Candidates {
    /// The best `k` partners of every entity of either side.
    pub fn new(evidence: &Evidence<'_>, weights: &Resolved, k: usize, task: &Task) -> Result<Self> {
        task.phase("looking for candidates", None);
        let sizes = (evidence.left_len(), evidence.right_len());
        let factors = weights.factors();
        let options = TopKOptions { k, both: true, ..evidence.options() };
        let found = evidence.top_k(&factors, &options, task)?;
        let mut pairs = Vec::new();
        for left in 0..sizes.0 {
            pairs.extend(found.left.row(left).map(|(right, _)| (left as u32, right)));
        }
        let back = found.right.unwrap_or_default();
        for right in 0..sizes.1.min(back.len()) {
            pairs.extend(back.row(right).map(|(left, _)| (left, right as u32)));
        }
        let on = factors.iter().filter(|&&factor| factor > 0.0).count();
        let mean_weight = factors.iter().sum::<f32>() / on.max(1) as f32;
        let mut candidates = Candidates {
            pairs: Vec::new(),
            parts: vec![Vec::new(); factors.len() + 1],
            scores: Vec::new(),
            sizes,
            mean_weight,
        };
        candidates.add(pairs, evidence, weights)?;
        Ok(candidates)
    }

    /// Adds pairs; those that are there already stay.
    pub fn add(
        &mut self,
        mut pairs: Vec<(EntityId, EntityId)>,
        evidence: &Evidence<'_>,
        weights: &Resolved,
    ) -> Result<()> {
        pairs.par_sort_unstable();
        pairs.dedup();
        let pairs = missing(&self.pairs, &pairs);
        let mut new = parts(&pairs, evidence, weights)?;
        new.push(vec![0.0; pairs.len()]);
        let order = merged(&self.pairs, &pairs);
        self.pairs = picked(&order, &self.pairs, &pairs);
        self.parts.par_iter_mut().zip(new).for_each(|(part, new)| *part = picked(&order, part, &new));
        self.sum();
        Ok(())
    }

    /// Lets the structure around seeds speak.
    pub fn hear(&mut self, structure: &Structure) {
        let voice = |support: f32| self.mean_weight * (1.0 - (-support / SATURATION).exp());
        let heard = structure.support(&self.pairs).into_iter().map(voice).collect();
        if let Some(last) = self.parts.last_mut() {
            *last = heard;
        }
        self.sum();
    }

    fn sum(&mut self) {
        let sum = |i: usize| self.parts.iter().map(|part| part[i]).sum();
        self.scores = (0..self.pairs.len()).into_par_iter().map(sum).collect();
    }

    /// The pairs at these places.
    pub fn at(&self, places: &[usize]) -> Vec<(EntityId, EntityId)> {
        places.iter().map(|&place| self.pairs[place]).collect()
    }

    /// Places of the pairs that are each other's best by these scores, best first. A pair that a rival of
    /// either end equals is nobody's best: a stock picture says nothing.
    fn mutual(&self, scores: &[f32], of: impl Fn(usize) -> bool) -> Vec<usize> {
        let (mut lefts, mut rights) =
            (vec![Best::default(); self.sizes.0], vec![Best::default(); self.sizes.1]);
        for (place, &(left, right)) in self.pairs.iter().enumerate().filter(|(place, _)| of(*place)) {
            lefts[left as usize].offer(place, scores[place]);
            rights[right as usize].offer(place, scores[place]);
        }
        let place = |best: &Best| best.place.filter(|_| best.score > best.second + EQUAL);
        let is_mutual = |found: &usize| place(&rights[self.pairs[*found].1 as usize]) == Some(*found);
        let mut found: Vec<usize> = lefts.iter().filter_map(place).filter(is_mutual).collect();
        found.sort_unstable_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
        found
    }

    /// Mutual best pairs, best first, with the estimated share of wrong ones among the first so many.
    ///
    /// The estimate needs no label: the decoys of [`wrong_shares`] are the mutual best pairs of what is left.
    /// It has proved pessimistic.
    pub fn best(&self) -> (Vec<usize>, Vec<f64>) {
        let (found, decoys) = self.found_and_decoys();
        let scores = |places: &[usize]| places.iter().map(|&place| self.scores[place]).collect::<Vec<_>>();
        let wrong = wrong_shares(&scores(&found), &scores(&decoys));
        (found, wrong)
    }

    /// Of the other partners of either end of each of `places` the one that scores most: of the right
    /// graph, or where a left entity scores more, of the left; with its score.
    pub fn rivals(&self, places: &[usize]) -> Vec<(EntityId, f32)> {
        let (mut lefts, mut rights) = (vec![Vec::new(); self.sizes.0], vec![Vec::new(); self.sizes.1]);
        for (place, &(left, right)) in self.pairs.iter().enumerate() {
            lefts[left as usize].push(place);
            rights[right as usize].push(place);
        }
        let best = |of: &[usize], place: usize| {
            let others = of.iter().copied().filter(|other| *other != place);
            others.max_by(|&a, &b| self.scores[a].total_cmp(&self.scores[b]).then(b.cmp(&a)))
        };
        let rival = |&place: &usize| {
            let (left, right) = self.pairs[place];
            let (row, column) = (best(&lefts[left as usize], place), best(&rights[right as usize], place));
            let score = |place: Option<usize>| place.map_or(f32::NEG_INFINITY, |place| self.scores[place]);
            match (row, column) {
                (Some(rival), _) if score(row) >= score(column) => (self.pairs[rival].1, score(row)),
                (_, Some(rival)) => (self.pairs[rival].0, score(column)),
                _ => (right, f32::NEG_INFINITY),
            }
        };
        places.iter().map(rival).collect()
    }

    fn found_and_decoys(&self) -> (Vec<usize>, Vec<usize>) {
        let found = self.mutual(&self.scores, |_| true);
        let mut taken = vec![false; self.pairs.len()];
        found.iter().for_each(|&place| taken[place] = true);
        let decoys = self.mutual(&self.scores, |place| !taken[place]);
        (found, decoys)
    }

    /// For each of `places` the estimated probability that it is wrong, by the decoys around its score; 1
    /// for a pair that is not mutual best.
    pub fn doubts(&self, places: &[usize]) -> Vec<f64> {
        let (found, decoys) = self.found_and_decoys();
        let mut number = vec![None; self.pairs.len()];
        found.iter().enumerate().for_each(|(at, &place)| number[place] = Some(at));
        let above = |score: f32| decoys.partition_point(|&decoy| self.scores[decoy] >= score);
        let doubt = |&place: &usize| {
            let Some(at) = number[place] else { return 1.0 };
            let (first, last) = (at.saturating_sub(AROUND), (at + AROUND).min(found.len() - 1));
            let between = above(self.scores[found[last]]) - above(self.scores[found[first]]);
            (between as f64 / (last - first + 1) as f64).min(1.0)
        };
        places.iter().map(doubt).collect()
    }

    /// Kinds of evidence that say anything.
    pub fn kinds(&self) -> usize {
        self.parts.iter().filter(|part| part.iter().any(|x| *x != 0.0)).count()
    }

    /// For every modality and the structure, whether each of `places` stays mutual best without it.
    pub fn votes(&self, places: &[usize]) -> Vec<usize> {
        let mut votes = vec![0; places.len()];
        for part in self.parts.iter().filter(|part| part.iter().any(|x| *x != 0.0)) {
            let without: Vec<f32> = self.scores.iter().zip(part).map(|(score, x)| score - x).collect();
            let mut stays = vec![false; self.pairs.len()];
            self.mutual(&without, |_| true).into_iter().for_each(|place| stays[place] = true);
            votes.iter_mut().zip(places).for_each(|(votes, &place)| *votes += usize::from(stays[place]));
        }
        votes
    }
}

/// What each modality adds to the score of each pair.
fn parts(
    pairs: &[(EntityId, EntityId)],
    evidence: &Evidence<'_>,
    weights: &Resolved,
) -> Result<Vec<Vec<f32>>> {
    let factors = weights.factors();
    let total: f32 = factors.iter().sum();
    let mut parts = evidence.cosines(pairs)?;
    let renormalise = evidence.options().renormalise;
    for place in 0..pairs.len() {
        let known: f32 =
            parts.iter().zip(&factors).filter(|(part, _)| !part[place].is_nan()).map(|(_, w)| w).sum();
        let scale = if renormalise && known > 0.0 { total / known } else { 1.0 };
        for (part, factor) in parts.iter_mut().zip(&factors) {
            let score = part[place];
            part[place] = if score.is_nan() { 0.0 } else { score * factor * scale };
        }
    }
    Ok(parts)
}
