//! The order in which PCMEA meets its pairs before its momentum copy sets in (its curriculum).
//!
//! Each pair is followed by those most like it, so that a batch holds the rivals hardest to tell from each
//! other. The text is silent on it. The authors' code builds a list that repeats pairs, which makes a pair
//! its own rival within a batch, and takes places in the list for entities: [`reference`]. Here each pair
//! stands once: [`alike`].

use std::collections::BTreeMap;

use super::pseudo::side;
use crate::error::Result;
use crate::features::Presence;
use crate::linalg::{Channel, TopKOptions, top_k};
use crate::task::Task;
use crate::train::Embedding;

/// Pairs that follow a pair.
pub(super) const FOLLOWERS: usize = 3;

/// For each of the `rows` its `k` nearest by cosine among `candidates` (rising), nearest
/// first.
fn nearest(
    vectors: &Embedding,
    rows: &[u32],
    candidates: &[u32],
    k: usize,
    task: &Task,
) -> Result<Vec<Vec<u32>>> {
    let present = Presence::filled(vectors.values.len() / vectors.width.max(1), true);
    let side = side(&vectors.values, vectors.width, &present);
    let channel = Channel { weight: 1.0, left: side, right: side };
    let options =
        TopKOptions { k, left_rows: Some(rows), right_rows: Some(candidates), ..TopKOptions::default() };
    let near = top_k(&[channel], &options, task)?.left;
    Ok((0..rows.len()).map(|row| near.row(row).map(|(other, _)| other).collect()).collect())
}

/// The pairs in their order, but each of those not met yet followed by the [`FOLLOWERS`] others nearest to
/// it that were not met either. `vectors` are those of their left ends, a row a pair.
pub(super) fn alike(pairs: &[(u32, u32)], vectors: &Embedding, task: &Task) -> Result<Vec<(u32, u32)>> {
    let all: Vec<u32> = (0..pairs.len() as u32).collect();
    let near = nearest(vectors, &all, &all, FOLLOWERS + 1, task)?;
    let (mut met, mut order) = (vec![false; pairs.len()], Vec::with_capacity(pairs.len()));
    for (own, near) in near.iter().enumerate() {
        if met[own] {
            continue;
        }
        for at in std::iter::once(own).chain(near.iter().map(|&at| at as usize)) {
            if !std::mem::replace(&mut met[at], true) {
                order.push(pairs[at]);
            }
        }
    }
    Ok(order)
}

/// The list of the authors' code. `links` are rows of the stacked `vectors` (right rows after left ones).
///
/// The link at place i is followed by up to `k` links, by falling likeness to the *row* i of one of their
/// ends, counted from 1.
pub(super) fn reference(
    links: &[(u32, u32)],
    vectors: &Embedding,
    k: usize,
    task: &Task,
) -> Result<Vec<(u32, u32)>> {
    let mut of_end = BTreeMap::new();
    for &(left, right) in links {
        for end in [left, right] {
            if let Some(before) = end.checked_sub(1) {
                of_end.entry(before).or_insert((left, right));
            }
        }
    }
    let ends: Vec<u32> = of_end.keys().copied().collect();
    let rows: Vec<u32> = (0..links.len() as u32).collect();
    // A link may come by both of its ends, and the row itself is skipped.
    let near = nearest(vectors, &rows, &ends, 2 * k + 3, task)?;
    let mut list = Vec::new();
    for ((row, link), near) in (0u32..).zip(links).zip(near) {
        let start = list.len();
        list.push(*link);
        for end in near.iter().filter(|end| **end != row) {
            let follower = of_end[end];
            if list.len() <= start + k && !list[start..].contains(&follower) {
                list.push(follower);
            }
        }
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::Golden;

    #[test]
    fn the_reference_s_list_is_met() {
        let Some(golden) = Golden::open("pcmea_curriculum_k3") else { return };
        let vectors = Embedding { name: "joint".into(), values: golden.floats("emb"), width: 8 };
        let list = reference(&golden.pairs("links", 0), &vectors, 3, &Task::quiet()).unwrap();
        assert_eq!(list, golden.pairs("out", 0));
    }

    #[test]
    fn each_pair_stands_once_beside_those_like_it() {
        // Pairs of four directions, met in turns.
        let pairs: Vec<(u32, u32)> = (0..16).map(|at| (at, 20 - at)).collect();
        let mut vectors = Embedding { name: "joint".into(), values: vec![0.0; 16 * 4], width: 4 };
        (0..16).for_each(|row| vectors.values[row * 4 + row % 4] = 1.0);
        let order = alike(&pairs, &vectors, &Task::quiet()).unwrap();
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, pairs);
        let direction: Vec<u32> = order.iter().map(|pair| pair.0 % 4).collect();
        for group in direction.chunks_exact(4) {
            assert!(group.iter().all(|d| *d == group[0]), "{direction:?}");
        }
    }
}
