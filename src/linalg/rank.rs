//! Where the right answer stands among all candidates.

use crate::error::Result;
use crate::linalg::topk::score;
use crate::linalg::{Channel, TopKOptions, check_channels, check_ids};
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
/// the renormalisation and the biases matter.
pub fn ranks(
    channels: &[Channel<'_>],
    options: &TopKOptions<'_>,
    queries: &[(u32, u32)],
    candidates: Option<&[u32]>,
    reverse: bool,
    task: &Task,
) -> Result<Vec<Rank>> {
    let (n, m) = check_channels(channels)?;
    let (ls, rs): (Vec<u32>, Vec<u32>) = queries.iter().copied().unzip();
    check_ids(&ls, n, "left")?;
    check_ids(&rs, m, "right")?;
    let size = if reverse { n } else { m };
    let all: Vec<u32> = candidates.map_or_else(|| (0..size as u32).collect(), <[u32]>::to_vec);
    check_ids(&all, size, if reverse { "left" } else { "right" })?;
    let mut ranks = Vec::with_capacity(queries.len());
    for &(i, j) in queries {
        task.check()?;
        let own = score(channels, options, i as usize, j as usize);
        let mut rank = Rank { better: 0, equal: 0, score: own };
        for &c in &all {
            let (a, b) = if reverse { (c, j) } else { (i, c) };
            if (a, b) == (i, j) {
                continue;
            }
            let s = score(channels, options, a as usize, b as usize);
            if s > own || own == f32::NEG_INFINITY {
                rank.better += 1;
            } else if s == own {
                rank.equal += 1;
            }
        }
        ranks.push(rank);
    }
    Ok(ranks)
}
