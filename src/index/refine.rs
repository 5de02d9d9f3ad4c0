//! From candidates to a graph: neighbours chosen for diversity, linked both ways, all reached.
//!
//! Every point keeps those of its candidates that are nearer to it than to one another (Malkov and Yashunin
//! 2018, algorithm 4), and is linked back by them. Points read one state and write another, so that threads
//! change nothing.

use rayon::prelude::*;

use super::entrances::OwnedEntrances;
use super::graph::{Distances, OwnedGraph, Walk, distance_of, key, point_of};
use super::points::Points;
use crate::error::Result;
use crate::task::Task;

/// Points between two looks at the task.
const STEP: usize = 4096;

/// Distances from one of the points.
pub(crate) struct FromPoint<'p>(pub &'p Points, pub u32);

impl Distances for FromPoint<'_> {
    fn to(&self, point: u32) -> f32 {
        self.0.distance(self.1, point)
    }

    fn prefetch(&self, point: u32) {
        self.0.prefetch(point);
    }
}

/// Every point linked with `links` of those that `candidates` gives for it, as keys, and with some of those
/// that chose it: twice as many at most.
pub(crate) fn link(
    points: &Points,
    links: usize,
    candidates: impl Fn(&mut Walk, u32) -> Result<Vec<u64>> + Sync,
    task: &Task,
) -> Result<OwnedGraph> {
    let apart = |a: u32, b: u32| points.distance(a, b);
    task.phase("choosing neighbours for the index", Some(points.len() as u64));
    let mut forward: Vec<Vec<u64>> = Vec::with_capacity(points.len());
    while forward.len() < points.len() {
        task.check()?;
        let step = forward.len() as u32..points.len().min(forward.len() + STEP) as u32;
        let chosen = step
            .into_par_iter()
            .map_init(Walk::default, |walk, point| Ok(diverse(candidates(walk, point)?, links, apart)));
        forward.extend(chosen.collect::<Result<Vec<Vec<u64>>>>()?);
        task.advance(forward.len() as u64);
    }
    let both = forward.par_iter().zip(reversed(&forward)).map(|(forward, mut back)| {
        back.extend(forward);
        diverse(back, 2 * links, apart).into_iter().map(point_of).collect()
    });
    let lists: Vec<Vec<u32>> = both.collect();
    Ok(OwnedGraph::new(&lists))
}

/// For every point who has it in its list, with the same distances.
fn reversed(forward: &[Vec<u64>]) -> Vec<Vec<u64>> {
    let mut back = vec![Vec::new(); forward.len()];
    for (point, list) in forward.iter().enumerate() {
        for &other in list {
            back[point_of(other) as usize].push(key(distance_of(other), point as u32));
        }
    }
    back
}

/// At most `count` of the candidates: those nearer to their point than to any kept before, then the nearest
/// of the rest.
fn diverse(mut candidates: Vec<u64>, count: usize, apart: impl Fn(u32, u32) -> f32) -> Vec<u64> {
    candidates.sort_unstable();
    candidates.dedup();
    if candidates.len() <= count {
        return candidates;
    }
    let mut kept: Vec<u64> = Vec::with_capacity(count);
    let mut rest = Vec::new();
    for candidate in candidates {
        if kept.len() == count {
            break;
        }
        let near = |&other: &u64| apart(point_of(candidate), point_of(other)) <= distance_of(candidate);
        if kept.iter().any(near) { rest.push(candidate) } else { kept.push(candidate) }
    }
    rest.truncate(count - kept.len());
    kept.extend(rest);
    kept.sort_unstable();
    kept
}

/// Makes entrances of points that no links lead to from the entrances there are; gives how many points are
/// reached then, and how many entrances it took.
pub(crate) fn reach_all(
    graph: &OwnedGraph,
    entrances: &mut OwnedEntrances,
    cells: &[u32],
    task: &Task,
) -> Result<(u64, u64)> {
    let graph = graph.view();
    let mut reached = vec![false; graph.len()];
    let mut count = 0;
    let mut mark = |mut open: Vec<u32>| {
        let mut new = 0;
        while let Some(point) = open.pop() {
            if !std::mem::replace(&mut reached[point as usize], true) {
                open.extend(graph.neighbours(point));
                new += 1;
            }
        }
        count += new;
        new > 0
    };
    mark(entrances.points.clone());
    let mut added = Vec::new();
    for point in 0..graph.len() as u32 {
        if (point as usize).is_multiple_of(STEP) {
            task.check()?;
        }
        if mark(vec![point]) {
            added.push(point);
        }
    }
    let taken = added.len() as u64;
    entrances.add(added, cells);
    Ok((count, taken))
}
