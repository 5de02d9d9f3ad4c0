//! From rows to an index: grouped, parted, linked, measured.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::embedding::{Embedding, Query};
use super::entrances::OwnedEntrances;
use super::graph::{OwnedGraph, Walk, key};
use super::hnsw::HnswRs;
use super::measure::measure;
use super::persist::IndexData;
use super::points::{Groups, Points};
use super::refine::{FromPoint, link, reach_all};
use crate::error::{Code, Error, Result};
use crate::linalg::{
    Cells, Centres, Channel, Neighbours, TopKOptions, check_channels, row_marks, top_k, usual_cells,
};
use crate::rng::Rng;
use crate::task::Task;

/// Points up to which they are inserted one by one; above, they are compared within cells, which grows with
/// n·√n (with n² where cells are as many as they may be) but runs in tiles on all threads.
const INSERTED: usize = 10_000;

/// Cells that a point stands in where points are compared within cells.
const NEAREST: usize = 3;

/// Most candidates of a point that are kept there.
const CANDIDATES: usize = 64;

/// How an index is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexOptions {
    /// Neighbours chosen for a point (M of the paper); a list holds at most twice as many. From 4 to 64.
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
/// The result is a pure function of the arguments. Memory: one dense row an entity, and lists of up to 65
/// candidates.
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
    let channels: Vec<Channel<'_>> =
        channels.iter().filter(|channel| channel.weight > 0.0).copied().collect();
    let embedding = Embedding::new(channels.iter().map(|channel| (channel.weight, channel.right)))?;
    let scales = embedding.scales()?;
    let groups = Groups::new(&embedding, &scales);
    let rows = groups.representatives();
    let grouped = InCells::new(&channels, &rows, task)?;
    // Before the points are copied, so that the two do not lie in memory together.
    let candidates = match rows.len() > inserted {
        true => Some(grouped.neighbours(&rows, ef.min(CANDIDATES), task)?),
        false => None,
    };
    let points = Points::new(&embedding, &scales, &rows);
    let (mut entrances, cells) = OwnedEntrances::new(&grouped.centres, &grouped.near, &rows, &points, task)?;
    drop(grouped);
    let graph = match candidates {
        Some(near) => linked_to(&near, &rows, &points, m, task)?,
        None => {
            let query = |point: u32| embedding.query(rows[point as usize]);
            searched(&first_graph(rough, &points, m, task)?, &entrances, &query, &points, options, task)?
        }
    };
    let (reached, repaired) = reach_all(&graph, &mut entrances, &cells, task)?;
    drop(points);
    let rows = embedding.len() as u64;
    let marks = row_marks(&channels, |channel| channel.right);
    let measured = Vec::new();
    let mut data = IndexData { rows, scales, marks, groups, entrances, graph, measured, reached, repaired };
    data.measured = measure(&data.view()?, &channels, task)?;
    Ok(data)
}

/// A graph that leads somewhere, no more: half the neighbours, searched with little effort.
fn first_graph(rough: &impl Rough, points: &Points, m: usize, task: &Task) -> Result<OwnedGraph> {
    if points.len() == 0 {
        return Ok(OwnedGraph::new::<Vec<u32>>(&[]));
    }
    let work = AssertUnwindSafe(|| rough.graph(points, m / 2, m, task));
    let graph = catch_unwind(work).unwrap_or_else(|_| Err(useless()))?;
    graph.view().check(points.len()).map_err(|_| useless())?;
    Ok(graph)
}

/// The graph of neighbours among those that walks through a first graph meet.
fn searched(
    first: &OwnedGraph,
    entrances: &OwnedEntrances,
    query: &(impl Fn(u32) -> Result<Option<Query>> + Sync),
    points: &Points,
    options: &IndexOptions,
    task: &Task,
) -> Result<OwnedGraph> {
    let (first, ef) = (first.view(), options.ef);
    let candidates = |walk: &mut Walk, point: u32| {
        let own = first.neighbours(point);
        let mut starts = own.to_vec();
        if let Some(query) = query(point)? {
            starts.extend(entrances.view().near(&query, (ef, points.len()), 1.0));
        }
        let mut met = walk.nearest(&first, &starts, &FromPoint(points, point), ef, |other| other != point);
        met.extend(own.iter().map(|&other| key(points.distance(point, other), other)));
        Ok(met)
    };
    link(points, options.m, candidates, task)
}

/// The graph of neighbours among those listed for the row of each point.
fn linked_to(near: &Neighbours, rows: &[u32], points: &Points, m: usize, task: &Task) -> Result<OwnedGraph> {
    let candidates = |_: &mut Walk, point: u32| {
        let others = near.row(point as usize).filter_map(|(row, _)| rows.binary_search(&row).ok());
        let others = others.map(|other| other as u32).filter(|&other| other != point);
        Ok(others.map(|other| key(points.distance(point, other), other)).collect())
    };
    link(points, m, candidates, task)
}

/// The rows of the right side in cells.
struct InCells<'a> {
    /// The right side on both sides.
    channels: Vec<Channel<'a>>,
    centres: Centres,
    /// The nearest cells of every row.
    near: Neighbours,
}

impl<'a> InCells<'a> {
    fn new(channels: &[Channel<'a>], rows: &[u32], task: &Task) -> Result<Self> {
        let channels: Vec<Channel<'a>> =
            channels.iter().map(|channel| Channel { left: channel.right, ..*channel }).collect();
        let count = usual_cells(rows.len()).min(rows.len()).max(1);
        let plain = TopKOptions { k: NEAREST.min(count), renormalise: false, ..TopKOptions::default() };
        let mut rng = Rng::stream(0, "cells of an index");
        let centres = Centres::find(&channels, &plain, rows.to_vec(), count, &mut rng, task)?;
        let near = centres.nearest(&channels, |channel| channel.left, &plain, task)?;
        Ok(InCells { channels, centres, near })
    }

    /// The `k` best others of some rows among those they share a cell with, and themselves.
    fn neighbours(&self, rows: &[u32], k: usize, task: &Task) -> Result<Neighbours> {
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
        Ok(top_k(&self.channels, &options, task)?.left)
    }
}

fn useless() -> Error {
    Error::new(Code::Internal, "the first graph of the index could not be made")
        .help("please report this; exact search needs no index")
}
