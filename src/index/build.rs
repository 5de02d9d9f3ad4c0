//! From rows to an index: grouped, parted, linked, measured.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::embedding::Embedding;
use super::entrances::OwnedEntrances;
use super::graph::{OwnedGraph, Walk, key};
use super::hnsw::HnswRs;
use super::measure::measure;
use super::persist::IndexData;
use super::points::{Groups, Points};
use super::refine::{From, link, reach_all, reached};
use crate::error::{Code, Error, Result};
use crate::linalg::{Cells, Centres, Channel, Neighbours, TopKOptions, check_channels, top_k, usual_cells};
use crate::rng::Rng;
use crate::task::Task;

/// Points up to which they are inserted one by one; above, they are compared within cells, which grows with
/// n·√n but runs in tiles on all threads.
const INSERTED: usize = 10_000;

/// Cells that a point stands in where points are compared within cells.
const NEAREST: usize = 3;

/// Most candidates of a point that are kept there.
const CANDIDATES: usize = 64;

/// How an index is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexOptions {
    /// Neighbours chosen for a point (M of the paper); a list holds at most twice as many, and those that
    /// keep others reachable. From 4 to 64.
    pub m: usize,
    /// Candidates looked at for the neighbours of a point (efConstruction), at most 64 of them among more
    /// than 10,000 points. From 16 to 2,000.
    pub ef: usize,
}

impl Default for IndexOptions {
    fn default() -> Self {
        IndexOptions { m: 16, ef: 128 }
    }
}

/// Makes a first graph.
pub(crate) trait Rough {
    /// A graph over all points: `links` neighbours a point, searched at width `ef`.
    fn graph(&self, points: &Points, links: usize, ef: usize, task: &Task) -> Result<OwnedGraph>;
}

/// Builds an index over the right side, to be searched with rows of the left one.
///
/// The result is a pure function of the arguments. Memory: one dense row an entity, and the lists.
///
/// # Errors
/// [`Code::OutOfRange`] for options out of range; [`Code::Unsupported`] for sparse modalities;
/// [`Code::BadValue`] for numbers that are not finite or features that do not fit each other;
/// [`Code::Cancelled`].
pub fn build(channels: &[Channel<'_>], options: &IndexOptions, task: &Task) -> Result<IndexData> {
    build_by(&HnswRs, INSERTED, channels, options, task)
}

/// [`build`] with the maker of the first graph, and the points up to which it is used, chosen by the caller.
pub(crate) fn build_by(
    rough: &impl Rough,
    inserted: usize,
    channels: &[Channel<'_>],
    options: &IndexOptions,
    task: &Task,
) -> Result<IndexData> {
    let IndexOptions { m, ef } = *options;
    if !(4..=64).contains(&m) || !(16..=2000).contains(&ef) {
        return Err(Error::new(Code::OutOfRange, format!("an index of m={m} ef={ef}"))
            .help("m is from 4 to 64, ef from 16 to 2000"));
    }
    check_channels(channels)?;
    let embedding = Embedding::new(channels.iter().map(|channel| (channel.weight, channel.right)))?;
    let scales = embedding.scales()?;
    let groups = Groups::new(&embedding, &scales);
    let rows = groups.representatives();
    let parted = Parted::new(channels, &rows, task)?;
    let points = Points::new(&embedding, &scales, &rows);
    let (mut entrances, cells) = OwnedEntrances::new(&parted.centres, &parted.near, &rows, &points);
    let graph = if points.len() <= inserted {
        let work = AssertUnwindSafe(|| match points.len() {
            0 => Ok(OwnedGraph::new::<Vec<u32>>(&[])),
            // It needs to lead somewhere, no more: half the neighbours, searched with little effort.
            _ => rough.graph(&points, m / 2, m, task),
        });
        let rough = catch_unwind(work).unwrap_or_else(|_| Err(useless()))?;
        rough.view().check(points.len()).map_err(|_| useless())?;
        let searched = |walk: &mut Walk, point: u32| {
            let own = rough.view().neighbours(point);
            let mut starts = own.to_vec();
            if let Some(query) = embedding.query(rows[point as usize])? {
                starts.extend(entrances.view().near(&query, ef, 1.0));
            }
            let mut met =
                walk.nearest(&rough.view(), &starts, &From(&points, point), ef, |other| other != point);
            met.extend(own.iter().map(|&other| key(points.distance(point, other), other)));
            Ok(met)
        };
        link(&points, m, searched, task)?
    } else {
        let near = parted.neighbours(channels, &rows, ef.min(CANDIDATES), task)?;
        let listed = |_: &mut Walk, point: u32| {
            let others = near.row(point as usize).filter_map(|(row, _)| rows.binary_search(&row).ok());
            let others = others.map(|other| other as u32).filter(|&other| other != point);
            Ok(others.map(|other| key(points.distance(point, other), other)).collect())
        };
        link(&points, m, listed, task)?
    };
    let repaired = reach_all(&graph, &mut entrances, &cells) as u64;
    let reached = reached(&graph, &entrances) as u64;
    drop(points);
    let rows = embedding.len() as u64;
    let mut data =
        IndexData { rows, scales, groups, entrances, graph, measured: Vec::new(), reached, repaired };
    data.measured = measure(&data.view()?, channels, task)?;
    Ok(data)
}

/// The rows of the right side in cells.
struct Parted {
    centres: Centres,
    /// The nearest cells of every row.
    near: Neighbours,
}

/// The rows of the right side on both sides.
fn own<'a>(channels: &[Channel<'a>]) -> Vec<Channel<'a>> {
    channels.iter().map(|channel| Channel { left: channel.right, ..*channel }).collect()
}

impl Parted {
    fn new(channels: &[Channel<'_>], rows: &[u32], task: &Task) -> Result<Self> {
        let own = own(channels);
        let count = usual_cells(rows.len()).min(rows.len()).max(1);
        let plain = TopKOptions { k: NEAREST.min(count), renormalise: false, ..TopKOptions::default() };
        let mut rng = Rng::stream(0, "cells of an index");
        let centres = Centres::find(&own, &plain, rows.to_vec(), count, &mut rng, task)?;
        let near = centres.nearest(&own, |channel| channel.left, &plain, task)?;
        Ok(Parted { centres, near })
    }

    /// The `k` best others of some rows among those they share a cell with, and themselves.
    fn neighbours(
        &self,
        channels: &[Channel<'_>],
        rows: &[u32],
        k: usize,
        task: &Task,
    ) -> Result<Neighbours> {
        let count = self.centres.features().first().map_or(0, |centres| centres.present.len());
        let cells = Cells::new(count, &self.near, &self.near, NEAREST);
        let options = TopKOptions {
            k: k + 1,
            renormalise: false,
            left_rows: Some(rows),
            right_rows: Some(rows),
            cells: Some(&cells),
            ..TopKOptions::default()
        };
        Ok(top_k(&own(channels), &options, task)?.left)
    }
}

fn useless() -> Error {
    Error::new(Code::Internal, "the first graph of the index could not be made")
        .help("please report this; exact search needs no index")
}
