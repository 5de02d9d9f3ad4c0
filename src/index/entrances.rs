//! Where walks begin: points spread over cells, those of the cells nearest to what is looked for.
//!
//! Among clusters that lie apart nothing leads a walk from one to the next, and a hierarchy of random points
//! misses those that none of its points fell into. So rows are parted by k-means, a query is compared with all
//! centres — 4√n rows that lie beside each other, at most 8192 — and the walk begins at points of the nearest
//! cells. The wider the walk, the more cells it begins in; one wide enough for all points begins in all.

use rayon::prelude::*;
use rkyv::{Archive, Deserialize, Serialize};

use super::embedding::Query;
use super::graph::{are_lists, key, point_of};
use super::points::Points;
use crate::error::{Code, Error, Result};
use crate::features::Feature;
use crate::linalg::{Centres, Neighbours, SMALLEST_NORM};
use crate::task::Task;

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
    pub fn new(
        centres: &Centres,
        near: &Neighbours,
        rows: &[u32],
        points: &Points,
        task: &Task,
    ) -> Result<(Self, Vec<u32>)> {
        let features: Vec<Feature<'_>> = centres.features().iter().map(|feature| feature.view()).collect();
        let count = features.first().map_or(0, |feature| feature.present.len());
        let mut members: Vec<Vec<u64>> = vec![Vec::new(); count];
        for (point, &row) in (0..).zip(rows) {
            // A row that is like no centre at all is put into the first cell.
            let (cell, score) = near.best(row as usize).unwrap_or((0, f32::MIN));
            members[cell as usize].push(key(-score, point));
        }
        let spread: Vec<Vec<u32>> = members
            .par_iter()
            .map(|members| task.check().map(|()| spread(members, points)))
            .collect::<Result<_>>()?;
        let mut entrances = OwnedEntrances { starts: vec![0], ..OwnedEntrances::default() };
        let mut cells = vec![0; points.len()];
        let filled = members.iter().zip(spread).enumerate().filter(|(_, (members, _))| !members.is_empty());
        for (centre, (members, spread)) in filled {
            let cell = entrances.starts.len() as u32 - 1;
            members.iter().for_each(|&member| cells[point_of(member) as usize] = cell);
            entrances.centres.extend(features.iter().flat_map(|feature| unit(feature, centre)));
            entrances.points.extend(spread);
            entrances.starts.push(entrances.points.len() as u64);
        }
        Ok((entrances, cells))
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
    let mut nearest = vec![f32::INFINITY; members.len()];
    let mut taken: Vec<u32> = Vec::new();
    let mut next = (0..members.len()).min_by_key(|&at| members[at]);
    while let Some(at) = next.filter(|_| taken.len() < SPREAD) {
        let point = point_of(members[at]);
        taken.push(point);
        for (nearest, &member) in nearest.iter_mut().zip(members) {
            *nearest = nearest.min(points.distance(point, point_of(member)));
        }
        nearest[at] = f32::NEG_INFINITY;
        // Among equally far ones the first.
        let far = (0..members.len()).max_by(|&a, &b| nearest[a].total_cmp(&nearest[b]).then(b.cmp(&a)));
        next = far.filter(|&far| nearest[far] > 0.0);
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

    /// The points that a walk of width `ef` through so many begins at, if this share of them is wanted.
    pub fn near(&self, query: &Query, (ef, points): (usize, usize), share: f64) -> Vec<u32> {
        let to = |(cell, centre)| key(-query.of(centre), cell);
        let mut cells: Vec<u64> =
            (0..).zip(self.centres.chunks_exact(query.columns().max(1))).map(to).collect();
        let doors = (DOORS.max(ef / WIDTH_A_DOOR) as f64 / share) as usize;
        if doors < cells.len() && ef < points {
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
        let fits = are_lists(self.starts, self.points, points)
            && self.centres.len() == self.len() * self.columns()
            && self.centres.iter().all(|x| x.is_finite());
        match fits {
            true => Ok(()),
            false => Err(Error::new(Code::Corrupt, "the entrances of an index do not fit its own counts")
                .help("run CHECK FULL; make the index again")),
        }
    }
}
