//! Centres of cells: k-means over a sample of rows, in the similarity of pairs.

use rayon::prelude::*;

use super::{Channel, Neighbours, SMALLEST_NORM, TopKOptions, check_channels, top_k};
use crate::error::Result;
use crate::features::{Feature, Matrix, OwnedFeature, Presence, Rows, gathered};
use crate::rng::Rng;
use crate::task::Task;

/// Cells for each square root of the rows of a side: with a row in four cells, finding its cells costs about
/// as much as comparing it within them.
const CELLS: f64 = 4.0;

/// Most cells.
pub(crate) const MOST_CELLS: usize = 8192;

/// Rows that a centre is the mean of, on the whole.
const SAMPLED: usize = 32;

/// Rounds of k-means.
const ROUNDS: usize = 6;

/// Largest numbers of a sparse centre that are kept.
const SPARSE: usize = 256;

/// Cells for so many rows a side.
pub(crate) fn usual_cells(rows: usize) -> usize {
    ((CELLS * (rows as f64).sqrt()) as usize).clamp(1, MOST_CELLS)
}

/// The centres: a row each in every modality, missing where none of its members has one.
pub(crate) struct Centres(Vec<OwnedFeature>);

impl Centres {
    /// `count` centres over a sample of `rows`: left ones by their number, right ones from the number of left
    /// rows on. Of `plain` the similarity and the rule for missing rows count.
    pub fn find(
        channels: &[Channel<'_>],
        plain: &TopKOptions<'_>,
        mut rows: Vec<u32>,
        count: usize,
        rng: &mut Rng,
        task: &Task,
    ) -> Result<Centres> {
        let (n, _) = check_channels(channels)?;
        rng.shuffle(&mut rows);
        rows.truncate(count * SAMPLED);
        let (lefts, rights): (Vec<u32>, Vec<u32>) = rows.iter().partition(|row| (**row as usize) < n);
        let rights: Vec<u32> = rights.into_iter().map(|row| row - n as u32).collect();
        let sample: Vec<OwnedFeature> = channels
            .iter()
            .map(|channel| gathered(&[(channel.left, &lefts), (channel.right, &rights)]))
            .collect();
        // What was drawn is in no order within a side; every so many-th row of the whole is one to begin with.
        let drawn = lefts.len() + rights.len();
        let begin: Vec<u32> = (0..count).map(|c| (c * drawn / count) as u32).collect();
        let begin = if drawn == 0 { Vec::new() } else { begin };
        let mut centres = Centres(sample.iter().map(|rows| rows.view().copied(&begin)).collect());
        task.phase("finding cells", Some(ROUNDS as u64));
        let drawn: Vec<Channel<'_>> = channels
            .iter()
            .zip(&sample)
            .map(|(channel, rows)| Channel { left: rows.view(), ..*channel })
            .collect();
        for round in 0..ROUNDS {
            let (similarity, renormalise) = (plain.similarity, plain.renormalise);
            let one = TopKOptions { k: 1, similarity, renormalise, ..TopKOptions::default() };
            let found = centres.nearest(&drawn, |channel| channel.left, &one, &task.silent())?;
            let mut members: Vec<Vec<u32>> = vec![Vec::new(); begin.len()];
            for row in 0..found.len() {
                if let Some((cell, _)) = found.best(row) {
                    members[cell as usize].push(row as u32);
                }
            }
            let moved = sample.iter().zip(&centres.0).map(|(rows, old)| means(rows, old, &members));
            centres = Centres(moved.collect());
            task.advance(round as u64 + 1);
        }
        Ok(centres)
    }

    /// The centres, one feature a channel.
    pub fn features(&self) -> &[OwnedFeature] {
        &self.0
    }

    /// The `plain.k` nearest centres of every row of one side.
    pub fn nearest(
        &self,
        channels: &[Channel<'_>],
        side: for<'a> fn(&Channel<'a>) -> Feature<'a>,
        plain: &TopKOptions<'_>,
        task: &Task,
    ) -> Result<Neighbours> {
        task.phase("putting rows into cells", None);
        let views: Vec<Channel<'_>> = channels
            .iter()
            .zip(&self.0)
            .map(|(channel, centres)| Channel { left: side(channel), right: centres.view(), ..*channel })
            .collect();
        Ok(top_k(&views, plain, task)?.left)
    }
}

/// The mean of the members' unit rows; a cell that nobody is in stays where it was.
fn means(rows: &OwnedFeature, old: &OwnedFeature, members: &[Vec<u32>]) -> OwnedFeature {
    let (rows, old) = (rows.view(), old.view());
    let cols = rows.rows.cols();
    let of = |(cell, members): (usize, &Vec<u32>)| -> Option<Vec<f32>> {
        let mut sums = vec![0f32; cols];
        if members.is_empty() {
            old.rows.each(cell, |column, x| sums[column] += x);
            return old.present.get(cell).then_some(sums);
        }
        let mut any = false;
        for &row in members.iter().filter(|row| rows.present.get(**row as usize)) {
            any = true;
            let scale = 1.0 / rows.rows.square(row as usize).sqrt().max(SMALLEST_NORM);
            rows.rows.each(row as usize, |column, x| sums[column] += x * scale as f32);
        }
        any.then_some(sums)
    };
    match rows.rows {
        Rows::Dense(_) => {
            let found: Vec<Option<Vec<f32>>> = members.par_iter().enumerate().map(of).collect();
            let present: Presence = found.iter().map(Option::is_some).collect();
            let row = |row: Option<Vec<f32>>| row.unwrap_or_else(|| vec![0.0; cols]);
            OwnedFeature {
                rows: Matrix::Dense { data: found.into_iter().flat_map(row).collect(), cols },
                present,
            }
        }
        Rows::Sparse(_) => {
            let sparse = |found: Vec<f32>| {
                let mut stored: Vec<(u32, f32)> = (0u32..).zip(found).filter(|(_, x)| *x != 0.0).collect();
                let by_size =
                    |a: &(u32, f32), b: &(u32, f32)| b.1.abs().total_cmp(&a.1.abs()).then(a.0.cmp(&b.0));
                stored.sort_unstable_by(by_size);
                stored.truncate(SPARSE);
                stored.sort_unstable_by_key(|(column, _)| *column);
                stored
            };
            let found: Vec<Option<Vec<(u32, f32)>>> =
                members.par_iter().enumerate().map(|cell| of(cell).map(sparse)).collect();
            let present: Presence = found.iter().map(Option::is_some).collect();
            let mut indptr = vec![0u64];
            let mut entries: Vec<(u32, f32)> = Vec::new();
            for row in found {
                entries.extend(row.into_iter().flatten());
                indptr.push(entries.len() as u64);
            }
            let (indices, values) = entries.into_iter().unzip();
            OwnedFeature { rows: Matrix::Sparse { indptr, indices, values, cols }, present }
        }
    }
}
