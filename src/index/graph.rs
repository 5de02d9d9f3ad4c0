//! A navigable small world in layers, and the walk through it.
//!
//! After Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using Hierarchical
//! Navigable Small World graphs" (2018), algorithms 2 and 5. Layer 0 holds all points, each higher layer
//! fewer of them; a search goes down from the first point of the highest layer and then keeps the `ef` nearest
//! points of layer 0. Where the paper comes down from a layer with one point, we keep [`DESCENT`]: among
//! clusters that lie apart, the nearest of the few points of a layer is often of another cluster than the
//! nearest of all. Points are compared by distance and then by number, so that a search is a pure function of
//! the graph and the distances.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rkyv::{Archive, Deserialize, Serialize};

use crate::error::{Code, Error, Result};

/// Points kept in each layer above the lowest.
const DESCENT: usize = 16;

/// One layer: its points, each at a place, with the lists of their neighbours one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layer<'a> {
    /// The points of the layer, ascending; empty in layer 0, where a point is at the place of its number.
    pub points: &'a [u32],
    /// Where the list of each place begins in `links`, and the end of the last.
    pub starts: &'a [u64],
    /// Places.
    pub links: &'a [u32],
}

impl<'a> Layer<'a> {
    /// Number of places.
    pub fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// Places of the neighbours of a place.
    pub fn neighbours(&self, place: u32) -> &'a [u32] {
        let place = place as usize;
        &self.links[self.starts[place] as usize..self.starts[place + 1] as usize]
    }

    /// The point at a place.
    pub fn point(&self, place: u32) -> u32 {
        if self.points.is_empty() { place } else { self.points[place as usize] }
    }

    fn place(&self, point: u32) -> Option<u32> {
        match self.points.is_empty() {
            true => Some(point).filter(|&point| (point as usize) < self.len()),
            false => self.points.binary_search(&point).ok().map(|place| place as u32),
        }
    }

    /// Whether lists lie in their array and name places, and points are as many as lists.
    fn is_whole(&self) -> bool {
        self.starts.first() == Some(&0)
            && self.starts.last() == Some(&(self.links.len() as u64))
            && self.starts.is_sorted()
            && self.links.iter().all(|&place| (place as usize) < self.len())
            && (self.points.is_empty() || self.points.len() == self.len())
            && self.points.is_sorted_by(|a, b| a < b)
    }
}

/// A layer that owns its lists.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub(crate) struct OwnedLayer {
    pub points: Vec<u32>,
    pub starts: Vec<u64>,
    pub links: Vec<u32>,
}

impl OwnedLayer {
    /// A layer of `points` (ascending; empty for layer 0) with the list of each.
    pub fn new<L: AsRef<[u32]>>(points: Vec<u32>, lists: &[L]) -> Self {
        let mut starts = vec![0];
        let mut links = Vec::with_capacity(lists.iter().map(|list| list.as_ref().len()).sum());
        for list in lists {
            links.extend_from_slice(list.as_ref());
            starts.push(links.len() as u64);
        }
        OwnedLayer { points, starts, links }
    }

    pub fn view(&self) -> Layer<'_> {
        Layer { points: &self.points, starts: &self.starts, links: &self.links }
    }
}

/// The layers, the lowest first.
#[derive(Clone, Debug)]
pub(crate) struct Graph<'a> {
    layers: Vec<Layer<'a>>,
}

impl<'a> Graph<'a> {
    /// Layers as they are: [`Graph::check`] tells whether a walk may rely on them.
    pub fn new(layers: Vec<Layer<'a>>) -> Self {
        Graph { layers }
    }

    /// Checks that lists lie in their arrays and name places, that layer 0 has `points` of them, and that
    /// each layer is part of the one below.
    pub fn check(&self, points: usize) -> Result<()> {
        let nested = |pair: &[Layer<'_>]| {
            let upper = &pair[1];
            !upper.points.is_empty() && upper.points.iter().all(|&point| pair[0].place(point).is_some())
        };
        let fits = self.layers.iter().all(Layer::is_whole)
            && self.layers.windows(2).all(nested)
            && self.base().map_or(points == 0, |base| base.len() == points && base.points.is_empty());
        match fits {
            true => Ok(()),
            false => Err(Error::new(Code::Corrupt, "the graph of an index does not fit its own counts")
                .help("run CHECK FULL; make the index again")),
        }
    }

    /// The lowest layer.
    pub fn base(&self) -> Option<Layer<'a>> {
        self.layers.first().copied()
    }

    /// Number of layers.
    pub fn height(&self) -> usize {
        self.layers.len()
    }

    /// Places of the lowest layer that a walk may come down to first: those of the layer above, or the
    /// first place.
    pub fn entries(&self) -> Vec<u32> {
        match &self.layers[..] {
            [] => Vec::new(),
            [_] => vec![0],
            [base, above, ..] => above.points.iter().filter_map(|&point| base.place(point)).collect(),
        }
    }
}

/// How far points are from what is looked for.
pub(crate) trait Distances {
    /// The smaller, the nearer; never NaN.
    fn to(&self, point: u32) -> f32;

    /// The point will be asked for soon.
    fn prefetch(&self, _point: u32) {}
}

/// Distance and place as one number, ordered by both.
pub(crate) fn key(distance: f32, place: u32) -> u64 {
    // −0 counts as 0; negative numbers have all bits turned, others the sign, so that bits order as numbers.
    let bits = (distance + 0.0).to_bits();
    let ordered = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
    u64::from(ordered) << 32 | u64::from(place)
}

/// The place of a [`key`].
pub(crate) fn place_of(key: u64) -> u32 {
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
    /// The `ef` nearest of those places of the lowest layer that `allowed` lets through, nearest first, as
    /// keys.
    ///
    /// What is not allowed is walked through, but not kept.
    pub fn nearest(
        &mut self,
        graph: &Graph<'_>,
        distances: &impl Distances,
        ef: usize,
        allowed: impl Fn(u32) -> bool,
    ) -> Vec<u64> {
        self.visited = 0;
        let mut starts = vec![0];
        for pair in graph.layers.windows(2).rev() {
            let (below, layer) = (&pair[0], &pair[1]);
            let found = self.layer(layer, &starts, distances, DESCENT, |_| true);
            let down = found.into_iter().filter_map(|key| below.place(layer.point(place_of(key))));
            starts = down.collect();
        }
        graph.base().map_or(Vec::new(), |base| self.layer(&base, &starts, distances, ef, allowed))
    }

    /// The nearest places of one layer, from some of its places on.
    fn layer(
        &mut self,
        layer: &Layer<'_>,
        starts: &[u32],
        distances: &impl Distances,
        ef: usize,
        allowed: impl Fn(u32) -> bool,
    ) -> Vec<u64> {
        self.seen.clear();
        self.seen.resize(layer.len().div_ceil(64), 0);
        self.frontier.clear();
        self.found.clear();
        self.meet(layer, starts, distances, ef, &allowed);
        while let Some(Reverse(nearest)) = self.frontier.pop() {
            if self.found.len() >= ef && self.found.peek().is_some_and(|&worst| nearest > worst) {
                break;
            }
            self.meet(layer, layer.neighbours(place_of(nearest)), distances, ef, &allowed);
        }
        let mut found = std::mem::take(&mut self.found).into_vec();
        found.sort_unstable();
        found
    }

    /// Compares those of the places that were not yet seen.
    fn meet(
        &mut self,
        layer: &Layer<'_>,
        places: &[u32],
        distances: &impl Distances,
        ef: usize,
        allowed: impl Fn(u32) -> bool,
    ) {
        /// Rows asked for before they are compared.
        const AHEAD: usize = 2;
        let mut fresh = std::mem::take(&mut self.fresh);
        fresh.clear();
        fresh.extend(places.iter().filter(|&&place| self.see(place)));
        fresh.iter().take(AHEAD).for_each(|&place| distances.prefetch(layer.point(place)));
        for (i, &place) in fresh.iter().enumerate() {
            if let Some(&ahead) = fresh.get(i + AHEAD) {
                distances.prefetch(layer.point(ahead));
            }
            self.offer(key(distances.to(layer.point(place)), place), ef, &allowed);
        }
        self.visited += fresh.len();
        self.fresh = fresh;
    }

    /// Marks a place; tells whether it was not yet seen.
    fn see(&mut self, place: u32) -> bool {
        let (word, bit) = (&mut self.seen[place as usize / 64], 1 << (place % 64));
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
        if allowed(place_of(key)) {
            self.found.push(key);
            if full {
                self.found.pop();
            }
        }
    }
}
