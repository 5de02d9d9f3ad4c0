//! A search: through the graph where that pays and finds enough, else by comparing all.

use std::fmt;

use super::changes::Changes;
use super::embedding::{Embedding, Query};
use super::entrances::Entrances;
use super::graph::{Distances, Graph, Walk, point_of};
use super::measure::{Measured, RECALL_AT};
use super::scan::contenders;
use crate::error::{Code, Error, Result};
use crate::features::{OwnedFeature, Presence};
use crate::linalg::{Channel, TopKOptions, check_channels, check_ids, row_marks, top_k};
use crate::task::Task;

/// Rows that exact search compares in the time in which a walk compares one point.
///
/// Measured with 300 columns by `benches/run.sh index`: a point of a walk, whose row lies anywhere, costs 0.34 µs;
/// a row of exact search 0.09 µs on two cores, and less on more. It is a constant, not a matter of the threads
/// at hand, since the way taken may change what is found.
const STEP_COST: usize = 4;

/// Candidates are copied where they are at most one row in so many.
const COPIED: usize = 4;

/// An index over the rows of one side, without the rows.
#[derive(Clone, Debug)]
pub struct Index<'a> {
    pub(super) rows: usize,
    pub(super) scales: &'a [f32],
    pub(super) marks: &'a [u64],
    pub(super) starts: &'a [u64],
    pub(super) members: &'a [u32],
    pub(super) entrances: Entrances<'a>,
    pub(super) graph: Graph<'a>,
    pub(super) measured: Vec<Measured>,
    pub(super) reached: usize,
    pub(super) repaired: usize,
}

/// What is asked of a search.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// Partners wanted.
    pub k: usize,
    /// Recall that the graph must have shown, its standard error taken off; below it all rows are compared.
    pub recall: f32,
    /// Compare all rows (`true`), or go through the graph even if that costs more (`false`).
    pub exact: Option<bool>,
    /// Only these rows are wanted.
    pub allowed: Option<&'a Presence>,
}

/// The way a search went.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Path {
    /// Through the graph.
    Graph {
        /// Points kept during the walk.
        ef: usize,
        /// Recall at ten that walks of this width have shown.
        recall: f32,
        /// Points this one compared.
        visited: usize,
    },
    /// By comparing all wanted rows.
    Exact(Reason),
}

/// Why all wanted rows are compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reason {
    /// It was asked for.
    Asked,
    /// So few rows are wanted that it costs less than a walk.
    Few(usize),
    /// The graph does not find as many as asked; it finds this share.
    Recall(f32),
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Graph { ef, recall, visited } => {
                write!(
                    f,
                    "through the index: ef {ef}, {visited} points compared, recall@10 {recall:.3} measured"
                )
            }
            Path::Exact(Reason::Asked) => f.write_str("exact, as asked"),
            Path::Exact(Reason::Few(rows)) => write!(f, "exact: {rows} rows cost less than a walk"),
            Path::Exact(Reason::Recall(recall)) => {
                write!(f, "exact: the index finds {recall:.3} of the ten best, less than asked")
            }
        }
    }
}

/// What a search found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Rows with the scores of exact search, best first, equal scores by rising row.
    pub rows: Vec<(u32, f32)>,
    /// How.
    pub path: Path,
}

impl Index<'_> {
    /// Rows of the side when the index was built.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Rows that can be found: those with a modality.
    pub fn indexed(&self) -> usize {
        self.members.len()
    }

    /// Those of them that are as they were.
    pub fn standing(&self, changes: &Changes) -> usize {
        self.indexed().saturating_sub(changes.len())
    }

    /// Whether it was built over modalities of the same widths.
    pub fn fits(&self, channels: &[Channel<'_>]) -> bool {
        let taking_part = channels.iter().filter(|channel| channel.weight > 0.0);
        let (parts, columns) = taking_part
            .fold((0, 0), |(parts, columns), channel| (parts + 1, columns + channel.right.rows.cols()));
        self.scales.len() == self.rows * parts && (self.cells() == 0 || self.entrances.columns() == columns)
    }

    /// Points of the graph: rows that are equal are one.
    pub fn points(&self) -> usize {
        self.starts.len() - 1
    }

    /// Links between points.
    pub fn links(&self) -> usize {
        self.graph.links.len()
    }

    /// Cells that points are parted in, to begin walks there.
    pub fn cells(&self) -> usize {
        self.entrances.len()
    }

    /// Points that links lead to from where walks begin.
    pub fn reached(&self) -> usize {
        self.reached
    }

    /// Of these, points that walks begin at because no links lead to them.
    pub fn repaired(&self) -> usize {
        self.repaired
    }

    /// What walks found, by rising width.
    pub fn measured(&self) -> &[Measured] {
        &self.measured
    }

    /// What has happened since the index was built to the right rows of the channels it was built with.
    ///
    /// Rows that came later need no word: [`search`] compares them one by one.
    pub fn changes(&self, channels: &[Channel<'_>]) -> Changes {
        let channels: Vec<Channel<'_>> =
            channels.iter().filter(|channel| channel.weight > 0.0).copied().collect();
        let mut changes = Changes::default();
        for (row, (now, then)) in
            row_marks(&channels, |channel| channel.right).iter().zip(self.marks).enumerate()
        {
            if now != then {
                match channels.iter().any(|channel| channel.right.present.get(row)) {
                    true => changes.put(row as u32),
                    false => changes.delete(row as u32),
                }
            }
        }
        // A point is met by its first row. Where that has changed, its other rows are compared one by one.
        for point in self.starts.windows(2) {
            let rows = &self.members[point[0] as usize..point[1] as usize];
            if rows.first().is_some_and(|&first| changes.is_stale(first)) {
                for &row in rows {
                    if !changes.is_stale(row) {
                        changes.put(row);
                    }
                }
            }
        }
        changes
    }

    /// The way a search for `k` of `wanted` rows goes; [`Path::Graph`] with the visits to be expected.
    pub fn plan(&self, ask: &Ask<'_>, wanted: usize) -> Path {
        if ask.exact == Some(true) {
            return Path::Exact(Reason::Asked);
        }
        let best = self.measured.iter().map(|measured| measured.recall).fold(0.0, f32::max);
        let Some(enough) = self.measured.iter().find(|measured| measured.assured() >= ask.recall) else {
            return Path::Exact(Reason::Recall(best));
        };
        // Recall was measured for ten; more are as easily found by a walk that is as much wider.
        let widen = |n: usize| n.saturating_mul(ask.k.max(RECALL_AT)) / RECALL_AT;
        // What is not wanted is walked through.
        let visited = (widen(enough.visited as usize) as f64 / self.share(wanted)) as usize;
        // Centres lie beside each other, as the rows of exact search do.
        if ask.exact.is_none() && visited.saturating_mul(STEP_COST).saturating_add(self.cells()) > wanted {
            return Path::Exact(Reason::Few(wanted));
        }
        Path::Graph { ef: widen(enough.ef as usize), recall: enough.recall, visited }
    }

    /// So many rows among those that can be found; not 0.
    fn share(&self, wanted: usize) -> f64 {
        (wanted as f64 / self.members.len().max(1) as f64).max(1e-9)
    }

    /// Rows that a walk finds, those of equal points together, the nearest points first. About `wanted` rows
    /// are allowed.
    pub(super) fn walk(
        &self,
        walk: &mut Walk,
        rows: &Embedding<'_>,
        query: &Query,
        (ef, wanted): (usize, usize),
        changes: &Changes,
        allowed: impl Fn(u32) -> bool,
    ) -> Vec<u32> {
        let members = |point: u32| {
            let point = point as usize;
            &self.members[self.starts[point] as usize..self.starts[point + 1] as usize]
        };
        let parts = rows.parts();
        let to = InPlace { index: self, rows, query, parts, changes };
        let starts = self.entrances.near(query, (ef, self.points()), self.share(wanted));
        let points = walk
            .nearest(&self.graph, &starts, &to, ef, |point| members(point).iter().any(|&row| allowed(row)));
        let mut found = Vec::with_capacity(points.len());
        for point in points {
            if found.len() >= ef {
                break;
            }
            found.extend(members(point_of(point)).iter().filter(|&&row| allowed(row)).take(ef));
        }
        found
    }
}

/// Distances from a query to points, by the rows that stand for them.
struct InPlace<'s, 'a> {
    index: &'s Index<'s>,
    rows: &'s Embedding<'a>,
    query: &'s Query,
    parts: usize,
    changes: &'s Changes,
}

impl InPlace<'_, '_> {
    fn row(&self, point: u32) -> u32 {
        self.index.members[self.index.starts[point as usize] as usize]
    }
}

impl Distances for InPlace<'_, '_> {
    fn to(&self, point: u32) -> f32 {
        let row = self.row(point);
        if self.changes.is_stale(row) {
            let scales = self.rows.rough_scale(row);
            return scales.map_or(f32::MAX, |scales| -self.rows.similarity(row, &scales, self.query));
        }
        let at = row as usize * self.parts;
        -self.rows.similarity(row, &self.index.scales[at..at + self.parts], self.query)
    }

    fn prefetch(&self, point: u32) {
        self.rows.prefetch(self.row(point));
    }
}

/// The best partners of left row `row`, with the very scores of exact search.
///
/// `channels` are those the index was built with, their right side as it is now: rows past
/// [`Index::rows`], and rows that `changes` names, are compared one by one.
///
/// # Errors
/// [`Code::OutOfRange`] for a row that does not exist; [`Code::Conflict`] if the index was built over
/// other modalities; [`Code::BadValue`] and [`Code::Unsupported`] as [`super::build`]; [`Code::Cancelled`].
pub fn search(
    index: &Index<'_>,
    changes: &Changes,
    channels: &[Channel<'_>],
    row: u32,
    ask: &Ask<'_>,
    task: &Task,
) -> Result<Found> {
    check_channels(channels)?;
    let queries = Embedding::new(channels.iter().map(|channel| (channel.weight, channel.left)))?;
    let rows = Embedding::new(channels.iter().map(|channel| (channel.weight, channel.right)))?;
    check_ids(&[row], queries.len(), "left")?;
    if index.rows > rows.len() || !index.fits(channels) {
        return Err(Error::new(Code::Conflict, "the index is over other rows or other modalities")
            .help("make it again"));
    }
    let wanted = |row: u32| {
        let alive = !changes.is_stale(row);
        alive && ask.allowed.is_none_or(|allowed| allowed.get(row as usize))
    };
    let fresh = (index.rows as u32..rows.len() as u32).filter(|&row| wanted(row));
    let tail = changes.tail().filter(|&row| {
        (row as usize) < rows.len() && ask.allowed.is_none_or(|allowed| allowed.get(row as usize))
    });
    let tail: Vec<u32> = tail.chain(fresh).collect();
    let indexed = match ask.allowed {
        Some(allowed) => allowed.count().min(index.standing(changes)),
        None => index.standing(changes),
    };
    let Some(query) = queries.query(row)? else {
        return Ok(Found { rows: Vec::new(), path: Path::Exact(Reason::Few(0)) });
    };
    let mut candidates = contenders(&rows, &query, &tail, |row| rows.rough_scale(row), ask.k)?;
    let mut path = index.plan(ask, indexed);
    if let Path::Graph { ef, visited, .. } = &mut path {
        let mut walk = Walk::default();
        candidates.extend(index.walk(&mut walk, &rows, &query, (*ef, indexed), changes, wanted));
        *visited = walk.visited;
    } else {
        let all: Vec<u32> = (0..index.rows as u32).filter(|&row| wanted(row)).collect();
        let parts = rows.parts();
        let scales = |row: u32| Ok(&index.scales[row as usize * parts..(row as usize + 1) * parts]);
        candidates.extend(contenders(&rows, &query, &all, scales, ask.k)?);
    }
    task.check()?;
    Ok(Found { rows: rescored(channels, row, &candidates, ask.k)?, path })
}

/// The best `k` of the candidates for a left row, with the scores of exact search.
pub(super) fn rescored(
    channels: &[Channel<'_>],
    row: u32,
    candidates: &[u32],
    k: usize,
) -> Result<Vec<(u32, f32)>> {
    let mut candidates = candidates.to_vec();
    candidates.sort_unstable();
    candidates.dedup();
    let rows = channels.first().map_or(0, |channel| channel.right.present.len());
    let options = TopKOptions { k, renormalise: false, ..TopKOptions::default() };
    // Exact search looks at every row for its norm. A few rows are copied, so that it sees no others: the
    // score of a pair depends on nothing but its rows.
    if candidates.len() > rows / COPIED {
        let options = TopKOptions { left_rows: Some(&[row]), right_rows: Some(&candidates), ..options };
        return Ok(top_k(channels, &options, &Task::quiet())?.left.row(0).collect());
    }
    let taking_part = channels.iter().filter(|channel| channel.weight > 0.0);
    let copies: Vec<(f32, OwnedFeature, OwnedFeature)> = taking_part
        .map(|channel| (channel.weight, channel.left.copied(&[row]), channel.right.copied(&candidates)))
        .collect();
    let channels: Vec<Channel<'_>> = copies
        .iter()
        .map(|(weight, left, right)| Channel { weight: *weight, left: left.view(), right: right.view() })
        .collect();
    let found = top_k(&channels, &options, &Task::quiet())?.left;
    Ok(found.row(0).map(|(place, score)| (candidates[place as usize], score)).collect())
}
