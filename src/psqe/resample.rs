//! Seeds sampled anew over all entities, corrected and expanded, on the evidence of modalities and
//! structure together: our way through PSQE's stages II and III.
//!
//! The reference samples by tuned similarity alone and passes over pairs that touch a seed, so that it
//! shrinks where it should grow. Here each round takes the mutual best pairs under all evidence, lets the
//! structure around them speak, and looks again; a pair that no longer is the best of both its ends goes.

use crate::error::Result;
use crate::kg::EntityId;
use crate::ops::spec::Auto;
use crate::psqe::candidates::Candidates;
use crate::psqe::structure::{Neighbourhood, Structure};
use crate::psqe::weights::Resolved;
use crate::psqe::{Dropped, Evidence, Reason, Seed, SeedSet, Stage};
use crate::task::Task;

/// Partners of an entity that are looked at.
const PARTNERS: usize = 10;
/// Rounds of sampling in stage II, and in stage III after new pairs were proposed.
const ROUNDS: (usize, usize) = (6, 2);
/// Support below which a pair is not proposed, and how many are of an entity.
const PROPOSED: (f32, usize) = (0.5, 5);
/// Kinds of evidence without any one of which a pair must still be the best of both its ends.
const VOTES: usize = 2;

/// How many seeds are wanted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wanted {
    /// So many, or as many as keep the precision.
    pub count: Auto<usize>,
    /// Least estimated precision, where the count is left to the data.
    pub precision: f64,
}

impl Wanted {
    /// The first places that are wanted, of so many at most.
    fn of(self, (mut places, wrong): (Vec<usize>, Vec<f64>), most: usize) -> Vec<usize> {
        let good = match self.count {
            Auto::Fixed(_) => places.len(),
            Auto::Auto => wrong.partition_point(|&share| share <= 1.0 - self.precision),
        };
        places.truncate(good.min(most));
        places
    }

    fn most(self) -> usize {
        match self.count {
            Auto::Fixed(count) => count,
            Auto::Auto => usize::MAX,
        }
    }
}

/// The entities of both sides with their neighbours.
#[derive(Clone, Debug)]
pub struct Graphs {
    /// Of the left graph.
    pub left: Neighbourhood,
    /// Of the right graph.
    pub right: Neighbourhood,
}

/// Stage II: begins with `set` and samples in rounds, ever more seeds up to those wanted.
pub fn resample(
    set: &SeedSet,
    evidence: &Evidence<'_>,
    graphs: &Graphs,
    weights: &Resolved,
    wanted: Wanted,
    task: &Task,
) -> Result<SeedSet> {
    let mut candidates = Candidates::new(evidence, weights, PARTNERS, task)?;
    let mut seeds = set.pairs();
    let mut places = Vec::new();
    task.phase("sampling over all entities", Some(ROUNDS.0 as u64));
    for round in 0..ROUNDS.0 {
        task.check()?;
        candidates.hear(&Structure::new(&graphs.left, &graphs.right, &seeds));
        // Few at first, so that wrong seeds do not bring in their like.
        let share = (0.5 + 0.5 * (round + 1) as f64 / (ROUNDS.0 - 2) as f64).min(1.0);
        let most = (wanted.most() as f64 * share) as usize;
        places = wanted.of(candidates.best(), most.max(1));
        seeds = candidates.at(&places);
        task.advance(round as u64 + 1);
    }
    admitted(&candidates, &places, evidence, &|_| Stage::Global)
}

/// Stage III: pairs whose neighbours are seeds of each other join the candidates, and all is weighed
/// again. Seeds keep the stage that admitted them.
pub fn expand(
    set: &SeedSet,
    evidence: &Evidence<'_>,
    graphs: &Graphs,
    weights: &Resolved,
    wanted: Wanted,
    task: &Task,
) -> Result<SeedSet> {
    let mut candidates = Candidates::new(evidence, weights, PARTNERS, task)?;
    let mut seeds = set.pairs();
    let mut places = Vec::new();
    task.phase("expanding to neighbours", Some(ROUNDS.1 as u64));
    for round in 0..ROUNDS.1 {
        task.check()?;
        let structure = Structure::new(&graphs.left, &graphs.right, &seeds);
        let mut pairs = structure.proposals(PROPOSED.0, PROPOSED.1);
        pairs.extend(&seeds);
        candidates.add(pairs, evidence, weights)?;
        candidates.hear(&structure);
        places = wanted.of(candidates.best(), wanted.most());
        seeds = candidates.at(&places);
        task.advance(round as u64 + 1);
    }
    let known: std::collections::HashMap<(EntityId, EntityId), &Stage> =
        set.seeds.iter().map(|seed| ((seed.left, seed.right), &seed.stage)).collect();
    admitted(&candidates, &places, evidence, &|pair| {
        known.get(&pair).map_or(Stage::Neighbours, |s| (*s).clone())
    })
}

/// A seed stays if, without at least two of the kinds of evidence (each left out alone), it still
/// is the best of both its ends among all entities' candidates. No kind of evidence is judge in its own
/// cause.
pub fn agreed(
    set: &SeedSet,
    evidence: &Evidence<'_>,
    graphs: &Graphs,
    weights: &Resolved,
    task: &Task,
) -> Result<SeedSet> {
    let mut candidates = Candidates::new(evidence, weights, PARTNERS, task)?;
    let seeds = set.pairs();
    candidates.add(seeds.clone(), evidence, weights)?;
    candidates.hear(&Structure::new(&graphs.left, &graphs.right, &seeds));
    task.phase(format!("checking {} seeds", seeds.len()), None);
    let places: Vec<usize> =
        seeds.iter().map(|pair| candidates.pairs.binary_search(pair).unwrap_or_else(|place| place)).collect();
    let (votes, kinds) = (candidates.votes(&places), candidates.kinds());
    let rivals = candidates.rivals(&places);
    let mut out = set.under(evidence)?;
    let seeds = std::mem::take(&mut out.seeds);
    for (((seed, votes), place), (rival, rival_score)) in seeds.into_iter().zip(votes).zip(places).zip(rivals)
    {
        let seed = Seed { score: candidates.scores[place], ..seed };
        if votes >= VOTES {
            out.seeds.push(seed);
        } else {
            let (score, reason) = (seed.score, Reason::Votes(votes as u32, kinds as u32));
            out.dropped.push(Dropped { seed, reason, rival, score, rival_score, round: 1 });
        }
    }
    Ok(out)
}

/// What can be said of seeds without a label.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Estimated share of wrong ones; proved pessimistic.
    pub wrong: f64,
    /// Its interval at 95 %.
    pub interval: (f64, f64),
    /// Share that are each other's best under all evidence.
    pub mutual: f64,
    /// Share that stay so whichever kind of evidence is left out.
    pub unanimous: f64,
}

/// An estimate from the decoys around each seed's score (see `Candidates::best`), and how far the kinds
/// of evidence agree.
pub fn estimated(
    seeds: &[(EntityId, EntityId)],
    evidence: &Evidence<'_>,
    graphs: &Graphs,
    weights: &Resolved,
    task: &Task,
) -> Result<Estimate> {
    let mut candidates = Candidates::new(evidence, weights, PARTNERS, task)?;
    candidates.add(seeds.to_vec(), evidence, weights)?;
    candidates.hear(&Structure::new(&graphs.left, &graphs.right, seeds));
    let places: Vec<usize> =
        seeds.iter().filter_map(|pair| candidates.pairs.binary_search(pair).ok()).collect();
    let doubts = candidates.doubts(&places);
    let count = seeds.len().max(1) as f64;
    let share = (doubts.iter().sum::<f64>() / count).min(1.0);
    let mutual = doubts.iter().filter(|doubt| **doubt < 1.0).count() as f64;
    let (votes, kinds) = (candidates.votes(&places), candidates.kinds());
    Ok(Estimate {
        wrong: share,
        interval: wilson(share * count, count),
        mutual: mutual / count,
        unanimous: votes.iter().filter(|&&votes| votes == kinds).count() as f64 / count,
    })
}

/// Wilson's interval, at 95 %, of the share of `part` in `whole`.
pub fn wilson(part: f64, whole: f64) -> (f64, f64) {
    if whole <= 0.0 {
        return (0.0, 1.0);
    }
    let (z, p) = (1.959_964, part / whole);
    let (square, scale) = (z * z / whole, 1.0 + z * z / whole);
    let middle = (p + square / 2.0) / scale;
    let half = z * (p * (1.0 - p) / whole + square / (4.0 * whole)).sqrt() / scale;
    ((middle - half).max(0.0), (middle + half).min(1.0))
}

fn admitted(
    candidates: &Candidates,
    places: &[usize],
    evidence: &Evidence<'_>,
    stage: &dyn Fn((EntityId, EntityId)) -> Stage,
) -> Result<SeedSet> {
    let admit = |&place: &usize| {
        let (left, right) = candidates.pairs[place];
        (left, right, candidates.scores[place], stage((left, right)))
    };
    SeedSet::admitted(evidence, places.iter().map(admit).collect())
}

/// How many one-to-one seeds the evidence carries at the precision wanted: for stages that are told
/// `n=auto`.
pub fn carried(evidence: &Evidence<'_>, weights: &Resolved, precision: f64, task: &Task) -> Result<usize> {
    let candidates = Candidates::new(evidence, weights, PARTNERS, task)?;
    let wanted = Wanted { count: Auto::Auto, precision };
    Ok(wanted.of(candidates.best(), usize::MAX).len())
}
