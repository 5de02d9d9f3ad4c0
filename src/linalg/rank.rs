//! Where the right answer stands among all candidates.

use std::sync::atomic::{AtomicU32, Ordering};

use rayon::prelude::*;

use crate::error::Result;
use crate::linalg::kernel::Kernel;
use crate::linalg::score::Scorer;
use crate::linalg::tiles::{Shape, for_each_tile};
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
    let (lefts, rights): (Vec<u32>, Vec<u32>) = queries.iter().copied().unzip();
    let mut pool = candidates.map(<[u32]>::to_vec);
    if let Some(pool) = &mut pool {
        pool.sort_unstable();
        pool.dedup();
    }
    let (rows, cols) =
        if reverse { (pool.as_deref(), Some(&rights[..])) } else { (Some(&lefts[..]), pool.as_deref()) };
    let options = TopKOptions { left_rows: rows, right_rows: cols, mask: None, ..*options };
    let scorer = Scorer::new(channels, &options)?;
    check_ids(&lefts, channels[0].left.present.len(), "left")?;
    check_ids(&rights, channels[0].right.present.len(), "right")?;
    let own: Vec<f32> = queries.par_iter().map(|&(i, j)| scorer.score(i, j)).collect();

    // Counts of whole numbers: the order in which threads add them does not matter.
    let better: Vec<AtomicU32> = own.iter().map(|_| AtomicU32::new(0)).collect();
    let equal: Vec<AtomicU32> = own.iter().map(|_| AtomicU32::new(0)).collect();
    let kernel = Kernel::best();
    for_each_tile(&scorer, &kernel, Shape::new(&scorer, &kernel), task, |tile| {
        if reverse {
            let own = &own[tile.cols.clone()];
            let (mut above, mut level) = (vec![0u32; own.len()], vec![0u32; own.len()]);
            for r in 0..tile.rows.len() {
                for (((score, own), above), level) in
                    tile.row(r).iter().zip(own).zip(&mut above).zip(&mut level)
                {
                    *above += u32::from(score > own);
                    *level += u32::from(score == own);
                }
            }
            for (c, query) in tile.cols.clone().enumerate() {
                better[query].fetch_add(above[c], Ordering::Relaxed);
                equal[query].fetch_add(level[c], Ordering::Relaxed);
            }
        } else {
            for (r, query) in tile.rows.clone().enumerate() {
                let own = own[query];
                let row = tile.row(r);
                let above = row.iter().map(|score| u32::from(*score > own)).sum();
                let level = row.iter().map(|score| u32::from(*score == own)).sum();
                better[query].fetch_add(above, Ordering::Relaxed);
                equal[query].fetch_add(level, Ordering::Relaxed);
            }
        }
    })?;

    let size = if reverse { scorer.left_ids.len() } else { scorer.right_ids.len() } as u32;
    let rank = |(query, &(i, j)): (usize, &(u32, u32))| {
        let target = if reverse { i } else { j };
        let inside = u32::from(pool.as_ref().is_none_or(|pool| pool.binary_search(&target).is_ok()));
        let score = own[query];
        if score == f32::NEG_INFINITY {
            return Rank { better: size - inside, equal: 0, score };
        }
        let equal = equal[query].load(Ordering::Relaxed).saturating_sub(inside);
        Rank { better: better[query].load(Ordering::Relaxed), equal, score }
    };
    Ok(queries.iter().enumerate().map(rank).collect())
}
