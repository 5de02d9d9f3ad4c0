//! Hits@k and MRR: where the true counterpart stands among the candidates.

use std::collections::BTreeSet;

use super::share;
use crate::error::{Code, Error, Result};
use crate::kg::{EntityId, Link, Split};
use crate::linalg::{Biases, Rank, TopKOptions, ranks_under};
use crate::matching::LocalMeans;
use crate::ops::spec::Protocol;
use crate::psqe::Evidence;
use crate::psqe::weights::Resolved;
use crate::rng::Rng;
use crate::task::Task;

/// How [`rankings`] proceeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RankingOptions {
    /// Who the candidates are.
    pub protocol: Protocol,
    /// Links of this split are judged.
    pub split: Option<Split>,
    /// The last so many links are judged; excludes `split`.
    pub last: Option<usize>,
    /// When only some of the links are ranked, drawn at random; the candidates stay those of all.
    pub sample: Option<Sample>,
}

/// A sample of links, where ranking all is too much.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Pairs of a link and a candidate up to which all links are ranked.
    pub above: u64,
    /// Links that are ranked else.
    pub links: usize,
}

/// Ranking figures of one direction. A rank is 1 + better candidates + half of the equal ones.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Metrics {
    /// Links judged.
    pub queries: usize,
    /// Candidates of each.
    pub candidates: usize,
    /// Share of ranks up to 1.
    pub hits_1: f64,
    /// Share of ranks up to 5.
    pub hits_5: f64,
    /// Share of ranks up to 10.
    pub hits_10: f64,
    /// Mean of 1/rank.
    pub mrr: f64,
    /// Mean rank.
    pub mean_rank: f64,
}

/// Ranking figures both ways.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranking {
    /// Left entities look for right ones.
    pub left_to_right: Metrics,
    /// Right entities look for left ones.
    pub right_to_left: Metrics,
    /// Which links were judged, in words: "test split", "last 10,500 of 15,000".
    pub judged: String,
}

/// Ranking figures of fused similarities, both ways, by streaming.
///
/// - [`Protocol::Paper`]: the candidates are the entities of the judged links on the other side, and
///   CSLS takes its means among them.
/// - [`Protocol::Strict`]: the candidates are all entities of the other side.
///
/// Links are those of [`test_links`]. A link whose two entities have no modality in common stands
/// behind all candidates.
///
/// One for each of `similarities`: CSLS with so many neighbours for its local means, or without any the plain
/// similarity.
pub fn rankings(
    evidence: &Evidence<'_>,
    weights: &Resolved,
    links: &[Link],
    options: &RankingOptions,
    similarities: &[Option<usize>],
    task: &Task,
) -> Result<Vec<Ranking>> {
    let (mut queries, mut judged) = test_links(links, options.protocol, options.split, options.last)?;
    let channels = evidence.channels(&weights.factors());
    let ends = |side: fn(&(u32, u32)) -> u32| -> Vec<u32> {
        queries.iter().map(side).collect::<BTreeSet<u32>>().into_iter().collect()
    };
    let paper = options.protocol == Protocol::Paper;
    let (lefts, rights) = (ends(|query| query.0), ends(|query| query.1));
    let (lefts, rights) = (paper.then_some(lefts.as_slice()), paper.then_some(rights.as_slice()));
    let candidates = match paper {
        true => queries.len(),
        false => evidence.left_len().max(evidence.right_len()),
    };
    let pairs = (queries.len() as u64).saturating_mul(candidates as u64);
    if let Some(Sample { links, .. }) = options.sample.filter(|sample| pairs > sample.above)
        && links < queries.len()
    {
        Rng::stream(0, "links that are ranked").shuffle(&mut queries);
        queries.truncate(links);
        queries.sort_unstable();
        judged += &format!(", {links} of them drawn at random");
    }
    let base = TopKOptions { mask: None, ..evidence.options() };
    let rows = TopKOptions { left_rows: lefts, right_rows: rights, ..base };
    let local = |k: &Option<usize>| k.map(|k| LocalMeans::new(&channels, &rows, k, task)).transpose();
    let local: Vec<Option<LocalMeans>> = similarities.iter().map(local).collect::<Result<_>>()?;
    let biases: Vec<Biases<'_>> =
        local.iter().map(|local| local.as_ref().map(LocalMeans::biases).unwrap_or_default()).collect();
    let figures = |candidates: Option<&[u32]>, reverse: bool, all: usize| -> Result<Vec<Metrics>> {
        task.phase("ranking", None);
        let found = ranks_under(&channels, &base, &biases, &queries, candidates, reverse, task)?;
        let count = candidates.map_or(all, <[u32]>::len);
        Ok(found.iter().map(|ranks| Metrics::of(ranks, count)).collect())
    };
    let left_to_right = figures(rights, false, evidence.right_len())?;
    let right_to_left = figures(lefts, true, evidence.left_len())?;
    let ranking =
        |(left_to_right, right_to_left)| Ranking { left_to_right, right_to_left, judged: judged.clone() };
    Ok(left_to_right.into_iter().zip(right_to_left).map(ranking).collect())
}

impl Metrics {
    /// Figures of ranks among so many candidates; all NaN if there are no ranks.
    pub fn of(ranks: &[Rank], candidates: usize) -> Self {
        let places: Vec<f64> =
            ranks.iter().map(|rank| 1.0 + f64::from(rank.better) + 0.5 * f64::from(rank.equal)).collect();
        let hits = |k: f64| share(places.iter().filter(|&&place| place <= k).count(), places.len());
        let mean =
            |f: fn(f64) -> f64| places.iter().map(|&place| f(place)).sum::<f64>() / places.len() as f64;
        Metrics {
            queries: places.len(),
            candidates,
            hits_1: hits(1.0),
            hits_5: hits(5.0),
            hits_10: hits(10.0),
            mrr: mean(|place| 1.0 / place),
            mean_rank: mean(|place| place),
        }
    }
}

/// The links that a protocol judges, in order, and which they are in words: the last `last`; else the
/// split named; else the test split; else, where no split is named at all, all links under
/// [`Protocol::Strict`] and under [`Protocol::Paper`] the last 70 %, as the reference systems do.
///
/// Fails without links, without links of the split, if more are asked for than there are, and if both
/// `split` and `last` are given.
pub fn test_links(
    links: &[Link],
    protocol: Protocol,
    split: Option<Split>,
    last: Option<usize>,
) -> Result<(Vec<(EntityId, EntityId)>, String)> {
    if links.is_empty() {
        return Err(Error::new(Code::MissingData, "the pair has no reference links to rank by")
            .help("import some with IMPORT LINKS, or judge what can be known without them"));
    }
    let tail = |count: usize| {
        let links = links[links.len() - count..].iter().map(|link| (link.left, link.right)).collect();
        (links, count)
    };
    let of = |split: Split| -> Vec<(EntityId, EntityId)> {
        let those = links.iter().filter(|link| link.split == Some(split));
        those.map(|link| (link.left, link.right)).collect()
    };
    let all = links.len();
    match (split, last) {
        (Some(_), Some(_)) => Err(Error::new(Code::Conflict, "split and last exclude each other")),
        (None, Some(count)) if count == 0 || count > all => {
            Err(Error::new(Code::OutOfRange, format!("last={count}, but there are {all} links")))
        }
        (None, Some(count)) => Ok((tail(count).0, format!("last {count} of {all} links"))),
        (Some(split), None) => {
            let found = of(split);
            if found.is_empty() {
                return Err(Error::new(
                    Code::MissingData,
                    format!("no reference link is in the {} split", split.as_str()),
                ));
            }
            let text = format!("{} split, {} of {all} links", split.as_str(), found.len());
            Ok((found, text))
        }
        (None, None) => {
            let test = of(Split::Test);
            if !test.is_empty() {
                let text = format!("test split, {} of {all} links", test.len());
                return Ok((test, text));
            }
            let count = if protocol == Protocol::Paper { (all * 7).div_ceil(10) } else { all };
            let (links, count) = tail(count);
            let text = if count == all {
                format!("all {all} links")
            } else {
                format!("last {count} of {all} links")
            };
            Ok((links, text))
        }
    }
}
