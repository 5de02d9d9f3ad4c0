//! PSQE's stages II (sampling) and III as the paper's text and its authors' code have them.

use std::collections::HashSet;

use crate::error::Result;
use crate::features::Rows;
use crate::kg::EntityId;
use crate::linalg::{Channel, Similarity, TopKOptions, pair_scores};
use crate::matching::{OneToOne, Pair};
use crate::ops::spec::Variant;
use crate::psqe::cluster::{REFERENCE_PAIRS, best_pairs, one_to_one};
use crate::psqe::resample::Graphs;
use crate::psqe::weights::Resolved;
use crate::psqe::{Evidence, Neighbourhood, SeedSet, Stage};
use crate::task::Task;

/// Stage II, sampling over all entities by the product of fused vectors of (tuned) unit rows; new pairs
/// follow the seeds of `set`.
///
/// - [`Variant::Reference`]: the best `count` pairs one to one, among the 100 · `count` best of all; those
///   that touch no seed are added.
/// - Else (section 4.2): the best `count` pairs one to one among the entities that are in no seed.
pub fn sample(
    set: &SeedSet,
    evidence: &Evidence<'_>,
    weights: &Resolved,
    count: usize,
    variant: Variant,
    task: &Task,
) -> Result<SeedSet> {
    let squares: Vec<f32> = weights.vector_factors().iter().map(|factor| factor * factor).collect();
    let (channels, options) = (evidence.channels(&squares), evidence.options());
    let (mut used_left, mut used_right): (HashSet<_>, HashSet<_>) = set.pairs().into_iter().unzip();
    let all = |rows: usize| (0..rows as u32).collect::<Vec<u32>>();
    task.phase("sampling over all entities", None);
    let found = if variant == Variant::Reference {
        let (left, right) = (all(evidence.left_len()), all(evidence.right_len()));
        let rows = TopKOptions { left_rows: Some(&left), right_rows: Some(&right), ..options };
        one_to_one(best_pairs(&channels, &rows, count.saturating_mul(REFERENCE_PAIRS), task)?, count)
    } else {
        let (mut left, mut right) = (all(evidence.left_len()), all(evidence.right_len()));
        left.retain(|entity| !used_left.contains(entity));
        right.retain(|entity| !used_right.contains(entity));
        let rows = TopKOptions { left_rows: Some(&left), right_rows: Some(&right), ..options };
        OneToOne { count, ..OneToOne::default() }.pairs(&channels, &rows, task)?
    };
    let new = |pair: &Pair| {
        let new = !used_left.contains(&pair.left) && !used_right.contains(&pair.right);
        new && used_left.insert(pair.left) && used_right.insert(pair.right)
    };
    let added: Vec<Pair> = found.into_iter().filter(new).collect();
    joined(set, added, evidence, Stage::Global)
}

/// How [`neighbours`] proceeds.
#[derive(Clone, Copy, Debug)]
pub struct NeighbourOptions {
    /// Least similarity of a new pair.
    pub threshold: f32,
    /// Rise of it from the first seed to the last ([`Variant::Reference`]).
    pub ramp: f32,
    /// Most new pairs of the first seed, falling to half of it ([`Variant::Reference`]).
    pub cap: usize,
    /// Text or code.
    pub variant: Variant,
}

/// Stage III: for each seed in order, its left neighbours with its right ones (an entity without
/// neighbours stands for itself); pairs above the threshold whose entities are in no seed yet join, best
/// first. The similarity of a modality is the cosine of [raw ‖ tuned at norm 1], or of the raw rows where
/// there is no model.
pub fn neighbours(
    set: &SeedSet,
    raw: &Evidence<'_>,
    tuned: Option<&Evidence<'_>>,
    graphs: &Graphs,
    weights: &Resolved,
    options: &NeighbourOptions,
    task: &Task,
) -> Result<SeedSet> {
    let factors = weights.factors();
    let (mut used_left, mut used_right): (HashSet<_>, HashSet<_>) = set.pairs().into_iter().unzip();
    let scorer = Scorer { raw: raw.channels(&factors), tuned: tuned.map(|t| t.channels(&factors)) };
    let mut added = Vec::new();
    task.phase("expanding to neighbours", Some(set.seeds.len() as u64));
    for (number, seed) in set.seeds.iter().enumerate() {
        task.check()?;
        task.advance(number as u64);
        let around = |neighbourhood: &Neighbourhood, entity: EntityId| {
            let found: Vec<EntityId> = neighbourhood.of(entity).collect();
            if found.is_empty() { vec![entity] } else { found }
        };
        let (left, right) = (around(&graphs.left, seed.left), around(&graphs.right, seed.right));
        let position = number as f64 / set.seeds.len() as f64;
        let (mut threshold, mut most) = (options.threshold, usize::MAX);
        if options.variant == Variant::Reference {
            threshold = (f64::from(threshold) + f64::from(options.ramp) * position) as f32;
            most = (options.cap as f64 - 0.5 * options.cap as f64 * position) as usize;
            if left.len() * right.len() < most {
                most = 1;
            }
        }
        let mut cells = scorer.cells(&left, &right)?;
        cells.sort_by(|a, b| b.score.total_cmp(&a.score));
        cells.truncate(most);
        for cell in cells.into_iter().take_while(|cell| cell.score > threshold) {
            if !used_left.contains(&cell.left) && !used_right.contains(&cell.right) {
                used_left.insert(cell.left);
                used_right.insert(cell.right);
                added.push(cell);
            }
        }
    }
    joined(set, added, raw, Stage::Neighbours)
}

/// Similarities of stage III.
struct Scorer<'a> {
    raw: Vec<Channel<'a>>,
    tuned: Option<Vec<Channel<'a>>>,
}

impl Scorer<'_> {
    /// All pairs of the two lists, left ones slowest; a missing row adds nothing.
    fn cells(&self, left: &[EntityId], right: &[EntityId]) -> Result<Vec<Pair>> {
        let pairs: Vec<(u32, u32)> = left.iter().flat_map(|&l| right.iter().map(move |&r| (l, r))).collect();
        let mut sums = vec![0f32; pairs.len()];
        let Some(tuned) = &self.tuned else {
            for (channel, scores) in self.raw.iter().zip(pair_scores(&self.raw, &pairs, Similarity::Cosine)?)
            {
                add(&mut sums, channel.weight, &scores);
            }
            return Ok(cells(&pairs, &sums));
        };
        let dots = pair_scores(&self.raw, &pairs, Similarity::Dot)?;
        let cosines = pair_scores(tuned, &pairs, Similarity::Cosine)?;
        for ((channel, dots), cosines) in self.raw.iter().zip(dots).zip(cosines) {
            // The norm of [raw ‖ tuned at norm 1].
            let norm = |rows: &Rows<'_>, i: u32| (rows.square(i as usize) + 1.0).sqrt();
            let norms =
                |rows: &Rows<'_>, ids: &[u32]| -> Vec<f64> { ids.iter().map(|&i| norm(rows, i)).collect() };
            let (a, b) = (norms(&channel.left.rows, left), norms(&channel.right.rows, right));
            let both = |(place, (dot, cosine)): (usize, (&f32, &f32))| {
                let scale = a[place / right.len()] * b[place % right.len()];
                ((f64::from(*dot) + f64::from(*cosine)) / scale) as f32
            };
            let scores: Vec<f32> = dots.iter().zip(&cosines).enumerate().map(both).collect();
            add(&mut sums, channel.weight, &scores);
        }
        Ok(cells(&pairs, &sums))
    }
}

fn add(sums: &mut [f32], weight: f32, scores: &[f32]) {
    for (sum, score) in sums.iter_mut().zip(scores).filter(|(_, score)| !score.is_nan()) {
        *sum += weight * score;
    }
}

fn cells(pairs: &[(u32, u32)], sums: &[f32]) -> Vec<Pair> {
    pairs.iter().zip(sums).map(|(&(left, right), &score)| Pair { left, right, score }).collect()
}

/// The seeds of `set` and behind them the pairs that were added.
fn joined(set: &SeedSet, added: Vec<Pair>, evidence: &Evidence<'_>, stage: Stage) -> Result<SeedSet> {
    let new = added.into_iter().map(|pair| (pair.left, pair.right, pair.score, stage.clone())).collect();
    let new = SeedSet::admitted(evidence, new)?;
    let mut all = set.under(evidence)?;
    all.seeds.extend(new.seeds);
    Ok(SeedSet { dropped: Vec::new(), ..all })
}
