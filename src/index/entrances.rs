//! Where walks begin: points spread over cells, those of the cells nearest to what is looked for.
//!
//! Among clusters that lie apart nothing leads a walk from one to the next, and a hierarchy of random points
//! misses those that none of its points fell into. So rows are parted by k-means, a query is compared with all
//! centres — some 4√n rows that lie beside each other — and the walk begins at points of the nearest cells. The
//! wider the walk, the more cells it begins in, so that one wide enough for all points begins everywhere.

use rkyv::{Archive, Deserialize, Serialize};

use super::embedding::Query;
use super::graph::{key, point_of};
use super::points::Points;
use crate::error::{Code, Error, Result};
use crate::features::Feature;
use crate::linalg::{Centres, Neighbours, SMALLEST_NORM};

/// Cells that a walk begins in at least.
const DOORS: usize = 16;

/// Points kept in a walk for each cell it begins in.
const WIDTH_A_DOOR: usize = 8;

/// Points that a cell is entered by: what is nearest to its centre, and others far from each other.
const SPREAD: usize = 8;

/// Centres and the points that cells are entered by.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub(crate) struct OwnedEntrances {
    /// `cells × columns of all modalities`: unit rows side by side, zeros for what is missing.
    pub centres: Vec<f32>,
    /// Where the points of each cell begin, and the end of the last.
    pub starts: Vec<u64>,
    /// Points.
    pub points: Vec<u32>,
}

impl OwnedEntrances {
    /// Entrances over points, each in the cell that `near` lists first for its row; and these cells.
    pub fn new(centres: &Centres, near: &Neighbours, rows: &[u32], points: &Points) -> (Self, Vec<u32>) {
        let features: Vec<Feature<'_>> = centres.features().iter().map(|feature| feature.view()).collect();
        let count = features.first().map_or(0, |feature| feature.present.len());
        let mut members: Vec<Vec<u64>> = vec![Vec::new(); count];
        for (point, &row) in (0..).zip(rows) {
            // A row that is like no centre at all is put into the first cell.
            let (cell, score) = near.best(row as usize).unwrap_or((0, f32::MIN));
            members[cell as usize].push(key(-score, point));
        }
        let mut entrances = OwnedEntrances { starts: vec![0], ..OwnedEntrances::default() };
        let mut cells = vec![0; points.len()];
        for (centre, members) in members.into_iter().enumerate().filter(|(_, members)| !members.is_empty()) {
            let cell = entrances.starts.len() as u32 - 1;
            members.iter().for_each(|&member| cells[point_of(member) as usize] = cell);
            entrances.centres.extend(features.iter().flat_map(|feature| unit(feature, centre)));
            entrances.points.extend(spread(&members, points));
            entrances.starts.push(entrances.points.len() as u64);
        }
        (entrances, cells)
    }

    pub fn view(&self) -> Entrances<'_> {
        Entrances { centres: &self.centres, starts: &self.starts, points: &self.points }
    }

    /// These points as further entrances, each of its cell.
    pub fn add(&mut self, more: impl IntoIterator<Item = u32>, cells: &[u32]) {
        let all =
            (0..self.view().len()).flat_map(|cell| self.view().of(cell).iter().map(move |&p| (cell, p)));
        let more = more.into_iter().map(|point| (cells[point as usize] as usize, point));
        let mut all: Vec<(usize, u32)> = all.chain(more).collect();
        all.sort_by_key(|&(cell, _)| cell);
        for end in 1..self.starts.len() {
            self.starts[end] = all.partition_point(|&(cell, _)| cell < end) as u64;
        }
        self.points = all.into_iter().map(|(_, point)| point).collect();
    }
}

/// A row of norm 1; zeros where it is missing.
fn unit(feature: &Feature<'_>, row: usize) -> Vec<f32> {
    let mut unit = vec![0f32; feature.rows.cols()];
    if feature.present.get(row) {
        let scale = 1.0 / feature.rows.square(row).sqrt().max(SMALLEST_NORM);
        feature.rows.each(row, |column, x| unit[column] = (f64::from(x) * scale) as f32);
    }
    unit
}

/// Of the members of a cell, as keys by their distance to its centre, the nearest and then whichever is farthest
/// from those taken.
fn spread(members: &[u64], points: &Points) -> Vec<u32> {
    let Some(&first) = members.iter().min() else { return Vec::new() };
    let mut taken = vec![point_of(first)];
    let mut nearest = vec![f32::INFINITY; members.len()];
    while let Some(&last) = taken.last().filter(|_| taken.len() < SPREAD.min(members.len())) {
        for (nearest, &member) in nearest.iter_mut().zip(members) {
            *nearest = nearest.min(points.distance(last, point_of(member)));
        }
        // Among equally far ones the first; those taken are at no distance.
        let far = (0..members.len()).max_by(|&a, &b| nearest[a].total_cmp(&nearest[b]).then(b.cmp(&a)));
        match far.filter(|&far| nearest[far] > 0.0) {
            Some(far) => taken.push(point_of(members[far])),
            None => break,
        }
    }
    taken
}

/// Where walks begin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entrances<'a> {
    pub centres: &'a [f32],
    pub starts: &'a [u64],
    pub points: &'a [u32],
}

impl<'a> Entrances<'a> {
    /// Number of cells.
    pub fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// The entrances of a cell.
    pub fn of(&self, cell: usize) -> &'a [u32] {
        &self.points[self.starts[cell] as usize..self.starts[cell + 1] as usize]
    }

    /// The points that a walk of width `ef` begins at, if this share of all points is wanted.
    pub fn near(&self, query: &Query, ef: usize, share: f64) -> Vec<u32> {
        let to = |(cell, centre)| key(-query.of(centre), cell);
        let mut cells: Vec<u64> =
            (0..).zip(self.centres.chunks_exact(query.columns().max(1))).map(to).collect();
        let doors = (DOORS.max(ef / WIDTH_A_DOOR) as f64 / share) as usize;
        if doors < cells.len() {
            cells.select_nth_unstable(doors);
            cells.truncate(doors);
        }
        cells.sort_unstable();
        cells.into_iter().flat_map(|cell| self.of(point_of(cell) as usize)).copied().collect()
    }

    /// Columns of the rows that queries are compared with.
    pub fn columns(&self) -> usize {
        self.centres.len().checked_div(self.len()).unwrap_or(0)
    }

    /// Checks that centres are as many as cells, and entrances among so many points.
    pub fn check(&self, points: usize) -> Result<()> {
        let fits = self.starts.first() == Some(&0)
            && self.starts.last() == Some(&(self.points.len() as u64))
            && self.starts.is_sorted()
            && self.points.iter().all(|&point| (point as usize) < points)
            && self.centres.len() == self.len() * self.columns()
            && self.centres.iter().all(|x| x.is_finite());
        match fits {
            true => Ok(()),
            false => Err(Error::new(Code::Corrupt, "the entrances of an index do not fit its own counts")
                .help("run CHECK FULL; make the index again")),
        }
    }
}
