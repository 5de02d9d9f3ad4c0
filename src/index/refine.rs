//! From a first graph to a good one: neighbours searched again, chosen for diversity, all reached.
//!
//! The first graph is made point by point with little effort. Here every point searches its neighbours once
//! more, in the finished graph and in parallel; of what it meets it keeps those that are nearer to it than to
//! one another (Malkov and Yashunin 2018, algorithm 4), and they are linked back. Rounds read one graph and
//! write another, so that threads change nothing.

use rayon::prelude::*;

use super::graph::{Distances, Graph, OwnedLayer, Walk, distance_of, key, place_of};
use super::points::Points;
use crate::error::Result;
use crate::task::Task;

/// Points between two looks at the task.
const STEP: usize = 4096;

/// Distances from one of the points.
struct From<'p>(&'p Points, u32);

impl Distances for From<'_> {
    fn to(&self, point: u32) -> f32 {
        self.0.distance(self.1, point)
    }

    fn prefetch(&self, point: u32) {
        self.0.prefetch(point);
    }
}

/// The layers anew, from the highest down: `links` neighbours searched at width `ef` for each point, at most
/// twice as many kept, and then one more for each point that would not be reached. Gives how many those were.
pub(crate) fn refine(
    layers: &mut [OwnedLayer],
    points: &Points,
    links: usize,
    ef: usize,
    task: &Task,
) -> Result<usize> {
    let mut repaired = 0;
    for lowest in (0..layers.len()).rev() {
        layers[lowest] = relink(&graph(&layers[lowest..]), points, links, ef, task)?;
        repaired += reach_all(&mut layers[lowest..], points, ef, task)?;
    }
    Ok(repaired)
}

fn graph(layers: &[OwnedLayer]) -> Graph<'_> {
    Graph::new(layers.iter().map(OwnedLayer::view).collect())
}

/// The lowest layer of a graph anew.
fn relink(graph: &Graph<'_>, points: &Points, links: usize, ef: usize, task: &Task) -> Result<OwnedLayer> {
    let Some(layer) = graph.base() else { return Ok(OwnedLayer::default()) };
    let apart = |a: u32, b: u32| points.distance(layer.point(a), layer.point(b));
    let places: Vec<u32> = (0..layer.len() as u32).collect();
    task.phase("searching neighbours for the index", Some(places.len() as u64));
    let mut forward: Vec<Vec<u64>> = Vec::with_capacity(places.len());
    for step in places.chunks(STEP) {
        task.check()?;
        let searched = step.par_iter().map_init(Walk::default, |walk, &place| {
            let mut met = walk.nearest(graph, &From(points, layer.point(place)), ef, |other| other != place);
            met.extend(layer.neighbours(place).iter().map(|&other| key(apart(place, other), other)));
            diverse(met, links, apart)
        });
        forward.par_extend(searched);
        task.advance(forward.len() as u64);
    }
    let both = forward.par_iter().zip(reversed(&forward)).map(|(forward, mut back)| {
        back.extend(forward);
        diverse(back, 2 * links, apart).into_iter().map(place_of).collect()
    });
    let lists: Vec<Vec<u32>> = both.collect();
    Ok(OwnedLayer::new(layer.points.to_vec(), &lists))
}

/// For every point who has it in its list, with the same distances.
fn reversed(forward: &[Vec<u64>]) -> Vec<Vec<u64>> {
    let mut back = vec![Vec::new(); forward.len()];
    for (point, list) in forward.iter().enumerate() {
        for &other in list {
            back[place_of(other) as usize].push(key(distance_of(other), point as u32));
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
        let near = |&other: &u64| apart(place_of(candidate), place_of(other)) <= distance_of(candidate);
        if kept.iter().any(near) { rest.push(candidate) } else { kept.push(candidate) }
    }
    rest.truncate(count - kept.len());
    kept.extend(rest);
    kept.sort_unstable();
    kept
}

/// Links to every place of the lowest layer that none lead to from where walks enter it, each from the
/// nearest place that some do lead to; gives how many were missing.
fn reach_all(layers: &mut [OwnedLayer], points: &Points, ef: usize, task: &Task) -> Result<usize> {
    let mut missing = 0;
    loop {
        task.check()?;
        let graph = graph(layers);
        let Some(layer) = graph.base() else { return Ok(missing) };
        let reached = reached(&graph);
        let lost: Vec<u32> = (0..layer.len() as u32).filter(|&place| !reached[place as usize]).collect();
        if lost.is_empty() {
            return Ok(missing);
        }
        missing += lost.len();
        let nearest = |walk: &mut Walk, &place: &u32| {
            let from = From(points, layer.point(place));
            let near = walk.nearest(&graph, &from, ef, |other| reached[other as usize]);
            near.first().map_or(0, |&near| place_of(near))
        };
        let found: Vec<u32> = lost.par_iter().map_init(Walk::default, nearest).collect();
        let mut lists: Vec<Vec<u32>> =
            (0..layer.len() as u32).map(|place| layer.neighbours(place).to_vec()).collect();
        for (&near, &place) in found.iter().zip(&lost) {
            lists[near as usize].push(place);
        }
        layers[0] = OwnedLayer::new(layer.points.to_vec(), &lists);
    }
}

/// Which places of the lowest layer links lead to from each place that a walk may enter it by.
pub(crate) fn reached(graph: &Graph<'_>) -> Vec<bool> {
    let Some(layer) = graph.base() else { return Vec::new() };
    let mut reached = vec![false; layer.len()];
    let mut open: Vec<u32> = graph.entries().into_iter().take(1).collect();
    while let Some(place) = open.pop() {
        if !std::mem::replace(&mut reached[place as usize], true) {
            open.extend(layer.neighbours(place));
        }
    }
    reached
}
