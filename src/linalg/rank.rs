//! Where the right answer stands among all candidates.

use std::sync::atomic::{AtomicU32, Ordering};

use rayon::prelude::*;

use crate::error::Result;
use crate::linalg::kernel::Kernel;
use crate::linalg::score::{Scorer, check_bias};
use crate::linalg::tiles::{Shape, Tile, for_each_tile};
use crate::linalg::{Channel, TopKOptions, check_ids};
use crate::task::Task;

/// The standing of one query's target among the candidates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rank {
    /// Candidates that score strictly better.
    pub better: u32,
    /// Other candidates with the very same score.
    pub equal: u32,
    /// The target's score; −∞ if the two rows have no channel in common.
    pub score: f32,
}

/// What is added to scores, by row of the full sides.
#[derive(Clone, Copy, Debug, Default)]
pub struct Biases<'a> {
    /// By left row.
    pub left: Option<&'a [f32]>,
    /// By right row.
    pub right: Option<&'a [f32]>,
}

impl Biases<'_> {
    /// The score of a pair with its biases: the bits that a search under them gives.
    pub(crate) fn score(&self, score: f32, i: u32, j: u32) -> f32 {
        let of = |bias: Option<&[f32]>, row: u32| bias.map_or(0.0, |bias| bias[row as usize]);
        score + of(self.right, j) + of(self.left, i)
    }
}

/// For every query `(left, right)`, the rank of its right row among the right `candidates` (all right
/// rows without); with `reverse`, of its left row among the left `candidates`.
///
/// The target itself is never counted, whether or not it is among the candidates. A target without a
/// common channel stands behind every candidate: `better` counts them all. Of `options` the similarity,
/// the renormalisation and the biases matter; all pairs are compared, whatever is decided of them.
pub fn ranks(
    channels: &[Channel<'_>],
    options: &TopKOptions<'_>,
    queries: &[(u32, u32)],
    candidates: Option<&[u32]>,
    reverse: bool,
    task: &Task,
) -> Result<Vec<Rank>> {
    let biases = [Biases { left: options.left_bias, right: options.right_bias }];
    let found = ranks_under(channels, options, &biases, queries, candidates, reverse, task)?;
    Ok(found.into_iter().next().unwrap_or_default())
}

/// [`ranks`] under each of several `biases` in one pass; those of `options` do not count.
pub fn ranks_under(
    channels: &[Channel<'_>],
    options: &TopKOptions<'_>,
    biases: &[Biases<'_>],
    queries: &[(u32, u32)],
    candidates: Option<&[u32]>,
    reverse: bool,
    task: &Task,
) -> Result<Vec<Vec<Rank>>> {
    let (lefts, rights): (Vec<u32>, Vec<u32>) = queries.iter().copied().unzip();
    let mut pool = candidates.map(<[u32]>::to_vec);
    if let Some(pool) = &mut pool {
        pool.sort_unstable();
        pool.dedup();
    }
    let (rows, cols) =
        if reverse { (pool.as_deref(), Some(&rights[..])) } else { (Some(&lefts[..]), pool.as_deref()) };
    let (left_bias, right_bias) = (None, None);
    let options =
        TopKOptions { left_rows: rows, right_rows: cols, left_bias, right_bias, mask: None, ..*options };
    let scorer = Scorer::new(channels, &options)?;
    let (n, m) = (channels[0].left.present.len(), channels[0].right.present.len());
    check_ids(&lefts, n, "left")?;
    check_ids(&rights, m, "right")?;
    for bias in biases {
        check_bias(bias.left, n, "left")?;
        check_bias(bias.right, m, "right")?;
    }
    let plain: Vec<f32> = queries.par_iter().map(|&(i, j)| scorer.score(i, j)).collect();
    let counts: Vec<Counts<'_>> = biases.iter().map(|bias| Counts::new(bias, queries, &plain)).collect();
    let kernel = Kernel::best();
    for_each_tile(&scorer, &kernel, Shape::new(&scorer, &kernel), task, |tile| {
        counts.iter().for_each(|counts| counts.add(tile, &scorer, reverse));
    })?;

    let size = if reverse { scorer.left_ids.len() } else { scorer.right_ids.len() } as u32;
    let inside = |&(i, j): &(u32, u32)| {
        let target = if reverse { i } else { j };
        u32::from(pool.as_ref().is_none_or(|pool| pool.binary_search(&target).is_ok()))
    };
    Ok(counts.iter().map(|counts| counts.ranks(queries, size, &inside)).collect())
}

/// How many candidates stand before each query's target, and beside it.
struct Counts<'a> {
    biases: &'a Biases<'a>,
    own: Vec<f32>,
    // Counts of whole numbers: the order in which threads add them does not matter.
    better: Vec<AtomicU32>,
    equal: Vec<AtomicU32>,
}

impl<'a> Counts<'a> {
    fn new(biases: &'a Biases<'a>, queries: &[(u32, u32)], plain: &[f32]) -> Self {
        let own = queries.iter().zip(plain).map(|(&(i, j), &score)| biases.score(score, i, j)).collect();
        let none = || queries.iter().map(|_| AtomicU32::new(0)).collect();
        Counts { biases, own, better: none(), equal: none() }
    }

    /// Adds the candidates of a tile: its columns to the queries of its rows, or in `reverse` its rows to those
    /// of its columns.
    fn add(&self, tile: &Tile<'_>, scorer: &Scorer<'_>, reverse: bool) {
        let (lefts, rights) = (&scorer.left_ids[tile.rows.clone()], &scorer.right_ids[tile.cols.clone()]);
        let mut biased = Vec::with_capacity(rights.len());
        if reverse {
            let own = &self.own[tile.cols.clone()];
            let (mut above, mut level) = (vec![0u32; own.len()], vec![0u32; own.len()]);
            for (r, &i) in lefts.iter().enumerate() {
                let row = self.biased(tile.row(r), i, rights, &mut biased);
                for (((score, own), above), level) in row.iter().zip(own).zip(&mut above).zip(&mut level) {
                    *above += u32::from(score > own);
                    *level += u32::from(score == own);
                }
            }
            for (c, query) in tile.cols.clone().enumerate() {
                self.better[query].fetch_add(above[c], Ordering::Relaxed);
                self.equal[query].fetch_add(level[c], Ordering::Relaxed);
            }
        } else {
            for (r, query) in tile.rows.clone().enumerate() {
                let own = self.own[query];
                let row = self.biased(tile.row(r), lefts[r], rights, &mut biased);
                let above = row.iter().map(|score| u32::from(*score > own)).sum();
                let level = row.iter().map(|score| u32::from(*score == own)).sum();
                self.better[query].fetch_add(above, Ordering::Relaxed);
                self.equal[query].fetch_add(level, Ordering::Relaxed);
            }
        }
    }

    /// The scores of left row `i` beside `rights`, with their biases; in the order in which a search adds them.
    fn biased<'s>(&self, row: &'s [f32], i: u32, rights: &[u32], scratch: &'s mut Vec<f32>) -> &'s [f32] {
        if self.biases.left.is_none() && self.biases.right.is_none() {
            return row;
        }
        scratch.clear();
        scratch.extend(row.iter().zip(rights).map(|(&score, &j)| self.biases.score(score, i, j)));
        scratch
    }

    fn ranks(&self, queries: &[(u32, u32)], size: u32, inside: &impl Fn(&(u32, u32)) -> u32) -> Vec<Rank> {
        let rank = |(query, pair): (usize, &(u32, u32))| {
            let (score, inside) = (self.own[query], inside(pair));
            if score == f32::NEG_INFINITY {
                return Rank { better: size - inside, equal: 0, score };
            }
            let equal = self.equal[query].load(Ordering::Relaxed).saturating_sub(inside);
            Rank { better: self.better[query].load(Ordering::Relaxed), equal, score }
        };
        queries.iter().enumerate().map(rank).collect()
    }
}
