//! Points with the lists of their neighbours, and the walk along them.
//!
//! The walk is that of Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using
//! Hierarchical Navigable Small World graphs" (2018), algorithm 2, over one layer: where it begins is told by
//! the entrances in place of a hierarchy. Points are compared by distance and then by number, so that a walk
//! is a pure function of the graph, its beginnings and the distances.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rkyv::{Archive, Deserialize, Serialize};

use crate::error::{Code, Error, Result};

/// The lists of neighbours, one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Graph<'a> {
    /// Where the list of each point begins in `links`, and the end of the last.
    pub starts: &'a [u64],
    /// Points.
    pub links: &'a [u32],
}

impl<'a> Graph<'a> {
    /// Number of points.
    pub fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// The neighbours of a point.
    pub fn neighbours(&self, point: u32) -> &'a [u32] {
        let point = point as usize;
        &self.links[self.starts[point] as usize..self.starts[point + 1] as usize]
    }

    /// Checks that lists lie in their array and name points, and that they are of so many points.
    pub fn check(&self, points: usize) -> Result<()> {
        let fits = self.len() == points && are_lists(self.starts, self.links, points);
        match fits {
            true => Ok(()),
            false => Err(Error::new(Code::Corrupt, "the graph of an index does not fit its own counts")
                .help("run CHECK FULL; make the index again")),
        }
    }
}

/// Whether lists that begin at `starts` lie in `items`, and these are numbers below a bound.
pub(super) fn are_lists(starts: &[u64], items: &[u32], below: usize) -> bool {
    starts.first() == Some(&0)
        && starts.last() == Some(&(items.len() as u64))
        && starts.is_sorted()
        && items.iter().all(|&item| (item as usize) < below)
}

/// A graph that owns its lists.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub(crate) struct OwnedGraph {
    pub starts: Vec<u64>,
    pub links: Vec<u32>,
}

impl OwnedGraph {
    /// The graph of points with these neighbours.
    pub fn new<L: AsRef<[u32]>>(lists: &[L]) -> Self {
        let mut starts = vec![0];
        let mut links = Vec::with_capacity(lists.iter().map(|list| list.as_ref().len()).sum());
        for list in lists {
            links.extend_from_slice(list.as_ref());
            starts.push(links.len() as u64);
        }
        OwnedGraph { starts, links }
    }

    pub fn view(&self) -> Graph<'_> {
        Graph { starts: &self.starts, links: &self.links }
    }
}

/// How far points are from what is looked for.
pub(crate) trait Distances {
    /// The smaller, the nearer; never NaN.
    fn to(&self, point: u32) -> f32;

    /// The point will be asked for soon.
    fn prefetch(&self, _point: u32) {}
}

/// Distance and number as one, ordered by both.
pub(crate) fn key(distance: f32, number: u32) -> u64 {
    // −0 counts as 0; negative numbers have all bits turned, others the sign, so that bits order as numbers.
    let bits = (distance + 0.0).to_bits();
    let ordered = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
    u64::from(ordered) << 32 | u64::from(number)
}

/// The number of a [`key`].
pub(crate) fn point_of(key: u64) -> u32 {
    key as u32
}

/// The distance of a [`key`].
pub(crate) fn distance_of(key: u64) -> f32 {
    let ordered = (key >> 32) as u32;
    f32::from_bits(if ordered >> 31 == 1 { ordered & !(1 << 31) } else { !ordered })
}

/// What a walk needs to remember; made once and used for many.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    seen: Vec<u64>,
    frontier: BinaryHeap<Reverse<u64>>,
    found: BinaryHeap<u64>,
    fresh: Vec<u32>,
    /// Points compared by the last walk.
    pub visited: usize,
}

impl Walk {
    /// The `ef` nearest of those points that `allowed` lets through, nearest first, as keys.
    ///
    /// What is not allowed is walked through, but not kept.
    pub fn nearest(
        &mut self,
        graph: &Graph<'_>,
        starts: &[u32],
        distances: &impl Distances,
        ef: usize,
        allowed: impl Fn(u32) -> bool,
    ) -> Vec<u64> {
        self.visited = 0;
        self.seen.clear();
        self.seen.resize(graph.len().div_ceil(64), 0);
        self.frontier.clear();
        self.found.clear();
        self.meet(starts, distances, ef, &allowed);
        while let Some(Reverse(nearest)) = self.frontier.pop() {
            if self.found.len() >= ef && self.found.peek().is_some_and(|&worst| nearest > worst) {
                break;
            }
            self.meet(graph.neighbours(point_of(nearest)), distances, ef, &allowed);
        }
        let mut found = std::mem::take(&mut self.found).into_vec();
        found.sort_unstable();
        found
    }

    /// Compares those of the points that were not yet seen.
    fn meet(&mut self, points: &[u32], distances: &impl Distances, ef: usize, allowed: impl Fn(u32) -> bool) {
        /// Rows asked for before they are compared.
        const AHEAD: usize = 2;
        let mut fresh = std::mem::take(&mut self.fresh);
        fresh.clear();
        fresh.extend(points.iter().filter(|&&point| self.see(point)));
        fresh.iter().take(AHEAD).for_each(|&point| distances.prefetch(point));
        for (i, &point) in fresh.iter().enumerate() {
            if let Some(&ahead) = fresh.get(i + AHEAD) {
                distances.prefetch(ahead);
            }
            self.offer(key(distances.to(point), point), ef, &allowed);
        }
        self.visited += fresh.len();
        self.fresh = fresh;
    }

    /// Marks a point; tells whether it was not yet seen.
    fn see(&mut self, point: u32) -> bool {
        let (word, bit) = (&mut self.seen[point as usize / 64], 1 << (point % 64));
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    fn offer(&mut self, key: u64, ef: usize, allowed: impl Fn(u32) -> bool) {
        let full = self.found.len() >= ef;
        if full && self.found.peek().is_some_and(|&worst| key > worst) {
            return;
        }
        self.frontier.push(Reverse(key));
        if allowed(point_of(key)) {
            self.found.push(key);
            if full {
                self.found.pop();
            }
        }
    }
}
