//! The first graph, by the crate `hnsw_rs`: the only file that names it.
//!
//! Only its insertion is used. It is given the numbers of points in place of vectors, and asks back for
//! their distances: it holds no second copy of the rows, and none of what it fails on (a wrong width, a norm
//! a hair above 1, a number that is none) can reach it. Insertion goes point by point, since in parallel it
//! is a race; levels come from a generator that the crate seeds itself. Its files are not used: it ends the
//! process on malformed ones.

use hnsw_rs::prelude::{Distance, Hnsw};

use super::build::Rough;
use super::graph::OwnedGraph;
use super::points::Points;
use crate::error::Result;
use crate::task::Task;

/// Points between two looks at the task.
const STEP: usize = 256;

/// The crate as a maker of first graphs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HnswRs;

/// Distances of points that are named by their number.
struct Between<'p>(&'p Points);

impl Distance<u32> for Between<'_> {
    fn eval(&self, a: &[u32], b: &[u32]) -> f32 {
        match (a, b) {
            ([a], [b]) => self.0.distance(*a, *b),
            _ => f32::MAX,
        }
    }
}

impl Rough for HnswRs {
    fn graph(&self, points: &Points, links: usize, ef: usize, task: &Task) -> Result<OwnedGraph> {
        /// Most layers it can make.
        const LAYERS: usize = 16;
        let hnsw = Hnsw::new(links, points.len(), LAYERS, ef, Between(points));
        task.phase("inserting into the index", Some(points.len() as u64));
        for point in 0..points.len() as u32 {
            if (point as usize).is_multiple_of(STEP) {
                task.check()?;
                task.advance(u64::from(point));
            }
            hnsw.insert((&[point], point as usize));
        }
        let mut lists = vec![Vec::new(); points.len()];
        let indexation = hnsw.get_point_indexation();
        for level in 0..=usize::from(hnsw.get_max_level_observed()) {
            for point in indexation.get_layer_iterator(level) {
                // The neighbours of all layers: those of the higher ones are the long ways.
                let own = point.get_origin_id();
                let layers = point.get_neighborhood_id();
                let others = layers.iter().flatten().map(|neighbour| neighbour.get_origin_id() as u32);
                if let Some(list) = lists.get_mut(own) {
                    list.extend(others.filter(|&other| other as usize != own));
                    list.sort_unstable();
                    list.dedup();
                }
            }
        }
        Ok(OwnedGraph::new(&lists))
    }
}
