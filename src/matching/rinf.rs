//! Reciprocal inference: pairs scored by how each end ranks the other.

use crate::error::Result;
use crate::linalg::{Channel, Neighbours, TopKOptions, top_k};
use crate::matching::{Candidates, Pair};
use crate::task::Task;

/// The part of a greatest similarity that is taken off. All of it would make everybody whose favourite is
/// the same equal in that one's eyes; so they are ranked by similarity.
const TAKEN_OFF: f32 = 1.0 - 1.0 / 4096.0;

/// Candidates scored by reciprocal preference, and the plain similarity of each.
pub(crate) struct Reciprocal {
    /// The reciprocal of the mean rank: 1 for pairs that prefer each other, falling towards 0.
    pub candidates: Candidates,
    /// Similarity of each pair, by place.
    pub similarities: Vec<f32>,
}

/// Reciprocal inference (Zeng et al. 2021, RInf): an entity prefers another by their similarity less the
/// most that the other has with anybody, p(u→v) = s(u, v) − max_u' s(u', v) + 1; the preferences of
/// either side are turned into ranks, and a pair's mean rank is what counts. (Without the ranks it is CSLS
/// with one neighbour.) Unlike there, equal preferences are not given their mean rank: see [`TAKEN_OFF`].
///
/// Candidates are the `k` that each entity of either side prefers. A rank beyond them is taken for k + 1,
/// so a pair whose two ranks sum to at most k + 1 is placed as among all pairs. Two passes of [`top_k`];
/// memory is lists and tiles. What is equal even so ranks by lower row.
pub(crate) fn rinf(
    channels: &[Channel<'_>],
    options: &TopKOptions<'_>,
    k: usize,
    sides: (usize, usize),
    task: &Task,
) -> Result<Reciprocal> {
    task.phase("greatest similarities", None);
    let most = top_k(channels, &TopKOptions { k: 1, means: None, both: true, ..*options }, task)?;
    let less =
        |of: &Neighbours| (0..of.len()).map(|i| of.best(i).map_or(0.0, |best| -TAKEN_OFF * best.1)).collect();
    let left_bias: Vec<f32> = less(&most.left);
    let right_bias: Vec<f32> = most.right.as_ref().map(less).unwrap_or_default();
    task.phase("preferences", None);
    // What is taken off all pairs of an entity does not change whom it prefers: one pass serves both sides.
    let preferred = TopKOptions {
        k,
        left_bias: Some(&left_bias),
        right_bias: Some(&right_bias),
        means: None,
        both: true,
        ..*options
    };
    let found = top_k(channels, &preferred, task)?;
    let mut candidates = Candidates::new(&found, sides);
    let plain = |pair: Pair| pair.score - left_bias[pair.left as usize] - right_bias[pair.right as usize];
    let similarities = candidates.pairs().map(plain).collect();
    let mut ranks = vec![2 * (k + 1); candidates.len()];
    for left in 0..found.left.len() {
        for (rank, (right, _)) in found.left.row(left).enumerate() {
            candidates.place(left as u32, right).into_iter().for_each(|place| ranks[place] -= k - rank);
        }
    }
    let back = found.right.unwrap_or_default();
    for right in 0..back.len() {
        for (rank, (left, _)) in back.row(right).enumerate() {
            candidates.place(left, right as u32).into_iter().for_each(|place| ranks[place] -= k - rank);
        }
    }
    candidates.scores = ranks.iter().map(|&sum| 2.0 / sum as f32).collect();
    Ok(Reciprocal { candidates, similarities })
}
