//! Correction: a seed falls if an end of it looks more like something else.

use std::collections::HashMap;

use crate::error::Result;
use crate::linalg::{Channel, Similarity, TopKOptions, ranks, top_k};
use crate::ops::spec::{Direction, Variant};
use crate::psqe::weights::Resolved;
use crate::psqe::{Dropped, Evidence, Reason, Seed, SeedSet};
use crate::task::Task;

/// How [`correct`] proceeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CorrectOptions {
    /// Rows only, or columns as well.
    pub direction: Direction,
    /// Repeat until nothing falls; matters when rivals are seeds, which may fall themselves.
    pub iterate: bool,
    /// Rivals are all entities of the other side, not only those of other seeds.
    pub all_rivals: bool,
    /// [`Variant::Reference`] takes plain dot products of the rows as given and leaves out what is
    /// missing; else cosines are taken, with the evidence's rule for missing rows.
    pub variant: Variant,
}

/// The seeds that no rival contradicts, in their order, with their scores under this evidence; those
/// dropped are added to the set's list.
///
/// A seed is dropped if its left entity is more similar to another right entity among the rivals
/// (row), or, with [`Direction::Both`], its right entity to another left one (column). Equal is not
/// more similar. Similarity is Σ w·cos over the modalities (PSQE, section 4.2, whose code checks rows
/// once, against the other seeds). A seed without any common modality is contradicted by every rival.
pub fn correct(
    set: &SeedSet,
    evidence: &Evidence<'_>,
    weights: &Resolved,
    options: &CorrectOptions,
    task: &Task,
) -> Result<SeedSet> {
    let channels = evidence.channels(&weights.factors());
    let base = match options.variant {
        Variant::Paper | Variant::Seedbed => evidence.options(),
        Variant::Reference => {
            TopKOptions { similarity: Similarity::Dot, renormalise: false, ..evidence.options() }
        }
    };
    let mut out = set.under(evidence)?;
    // A pair's own similarity is the same in every round.
    let ranks = ranks(&channels, &base, &set.pairs(), Some(&[]), false, task)?;
    let mut own: Vec<f32> = ranks.iter().map(|rank| rank.score).collect();
    let scored = out.seeds.iter_mut().zip(&own).filter(|(_, own)| own.is_finite());
    scored.for_each(|(seed, own)| seed.score = *own);
    for round in 1.. {
        task.phase(format!("checking {} seeds", out.seeds.len()), None);
        let fallen = contradicted(&out.seeds, &own, &channels, &base, options, task)?;
        if fallen.is_empty() {
            break;
        }
        let mut kept = Vec::with_capacity(out.seeds.len() - fallen.len());
        for (place, seed) in out.seeds.into_iter().enumerate() {
            match fallen.get(&place) {
                Some(&(reason, rival, score, rival_score)) => {
                    out.dropped.push(Dropped { seed, reason, rival, score, rival_score, round });
                }
                None => kept.push(seed),
            }
        }
        out.seeds = kept;
        let mut places = 0..;
        own.retain(|_| places.next().is_none_or(|place| !fallen.contains_key(&place)));
        if !options.iterate || options.all_rivals {
            break;
        }
    }
    Ok(out)
}

/// Which way a seed is contradicted, the rival, the seed's own similarity and the rival's.
type Contradiction = (Reason, u32, f32, f32);

/// Places of the seeds that a rival contradicts. A row's contradiction goes before a column's.
fn contradicted(
    seeds: &[Seed],
    own: &[f32],
    channels: &[Channel<'_>],
    base: &TopKOptions<'_>,
    options: &CorrectOptions,
    task: &Task,
) -> Result<HashMap<usize, Contradiction>> {
    let pairs: Vec<(u32, u32)> = seeds.iter().map(|seed| (seed.left, seed.right)).collect();
    let (lefts, rights): (Vec<u32>, Vec<u32>) = pairs.iter().copied().unzip();
    let mut fallen = HashMap::new();
    if pairs.is_empty() {
        return Ok(fallen);
    }
    let rivals = !options.all_rivals;
    let rows = TopKOptions {
        k: 1,
        left_rows: Some(&lefts),
        right_rows: rivals.then_some(rights.as_slice()),
        ..*base
    };
    let best = top_k(channels, &rows, task)?.left;
    for (place, &(_, right)) in pairs.iter().enumerate() {
        if let Some((rival, score)) = best.best(place)
            && rival != right
            && score > own[place]
        {
            fallen.insert(place, (Reason::Row, rival, own[place], score));
        }
    }
    if options.direction == Direction::Both {
        let columns = TopKOptions {
            k: 1,
            left_rows: rivals.then_some(lefts.as_slice()),
            right_rows: Some(&rights),
            both: true,
            ..*base
        };
        if let Some(best) = top_k(channels, &columns, task)?.right {
            for (place, &(left, _)) in pairs.iter().enumerate() {
                if let Some((rival, score)) = best.best(place)
                    && rival != left
                    && score > own[place]
                {
                    fallen.entry(place).or_insert((Reason::Column, rival, own[place], score));
                }
            }
        }
    }
    Ok(fallen)
}
