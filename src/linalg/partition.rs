//! Cells over both sides by k-means, and how much of exact search they keep.
//!
//! Rows and centres are compared as pairs are: by Σ w·cos over the modalities that both have, so that a row
//! without a modality is placed by those it has. A row stands in its nearest cells, in as many as it takes
//! for a sample of rows to meet the best partners that exact search finds for them.

use rayon::prelude::*;

use super::{Cells, Channel, Neighbours, TopKOptions, check_channels, top_k};
use crate::error::Result;
use crate::features::{Feature, Matrix, OwnedFeature, Presence, Rows, gathered};
use crate::rng::Rng;
use crate::task::Task;

/// Most cells that a row stands in.
const MOST_NEAREST: usize = 16;

/// Cells for each square root of the rows of a side: with a row in four cells, finding its cells costs about
/// as much as comparing it within them.
const CELLS: f64 = 4.0;

/// Most cells.
const MOST_CELLS: usize = 8192;

/// Rows that a centre is the mean of, on the whole.
const SAMPLED: usize = 32;

/// Rounds of k-means.
const ROUNDS: usize = 6;

/// Largest numbers of a sparse centre that are kept.
const SPARSE: usize = 256;

/// Left rows whose exact partners are compared with.
const JUDGED: usize = 500;

/// Best partners of each that are looked at.
const BEST: usize = 10;

/// How [`partition`] proceeds.
#[derive(Clone, Copy, Debug)]
pub struct PartitionOptions {
    /// Share of the ten best partners that should meet.
    pub recall: f64,
    /// Number of cells; by the number of rows without.
    pub cells: Option<usize>,
    /// Random seed of the samples.
    pub seed: u64,
}

/// Overlapping cells, with what was measured of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Partition {
    /// The cells.
    pub cells: Cells,
    /// Cells that a row stands in.
    pub nearest: usize,
    /// Rows whose exact partners were looked for.
    pub judged: usize,
    /// Share of their ten best partners that they meet.
    pub recall: f64,
    /// Share of them that meet their best partner.
    pub best: f64,
}

/// Parts the rows of both sides by k-means and puts each into its nearest cells: the fewest in which the asked
/// recall is reached, or the most there may be, 16.
///
/// Of `options` of the search the similarity and the rule for missing rows count. Memory: 32 rows for each of
/// up to 8192 centres, and 16 cells for every row.
pub fn partition(
    channels: &[Channel<'_>],
    search: &TopKOptions<'_>,
    options: &PartitionOptions,
    task: &Task,
) -> Result<Partition> {
    let (n, m) = check_channels(channels)?;
    let mut rng = Rng::stream(options.seed, "cells");
    let usual = (CELLS * (((n + m) / 2) as f64).sqrt()) as usize;
    let count = options.cells.unwrap_or(usual).clamp(1, MOST_CELLS.min(n + m).max(1));
    let plain = TopKOptions {
        similarity: search.similarity,
        renormalise: search.renormalise,
        k: MOST_NEAREST.min(count),
        ..TopKOptions::default()
    };
    let centres = centres(channels, &plain, count, &mut rng, task)?;
    task.phase("putting rows into cells", None);
    let near = |side: for<'a> fn(&Channel<'a>) -> Feature<'a>| -> Result<Neighbours> {
        let views: Vec<Channel<'_>> = channels
            .iter()
            .zip(&centres)
            .map(|(channel, centres)| Channel { left: side(channel), right: centres.view(), ..*channel })
            .collect();
        Ok(top_k(&views, &plain, task)?.left)
    };
    let (left, right) = (near(|channel| channel.left)?, near(|channel| channel.right)?);
    let (judged, meetings) = meetings(channels, &plain, (&left, &right), &mut rng, task)?;
    let met = |of: &[Vec<usize>], nearest: usize, depth: usize| {
        let pairs = of.iter().flat_map(|row| row.iter().take(depth));
        let (met, all) = pairs.fold((0, 0), |(met, all), at| (met + usize::from(*at <= nearest), all + 1));
        if all == 0 { 1.0 } else { met as f64 / f64::from(all) }
    };
    let enough = (1..plain.k).find(|&nearest| met(&meetings, nearest, BEST) >= options.recall);
    let nearest = enough.unwrap_or(plain.k);
    Ok(Partition {
        cells: Cells::new(count, &left, &right, nearest),
        nearest,
        judged,
        recall: met(&meetings, nearest, BEST),
        best: met(&meetings, nearest, 1),
    })
}

/// Centres by k-means over a sample of the rows of both sides, one feature a modality.
fn centres(
    channels: &[Channel<'_>],
    plain: &TopKOptions<'_>,
    count: usize,
    rng: &mut Rng,
    task: &Task,
) -> Result<Vec<OwnedFeature>> {
    let (n, m) = check_channels(channels)?;
    let there = |i: usize| {
        let has = |channel: &Channel<'_>| match i < n {
            true => channel.left.present.get(i),
            false => channel.right.present.get(i - n),
        };
        channels.iter().any(|channel| channel.weight > 0.0 && has(channel))
    };
    let mut rows: Vec<u32> = (0..n + m).filter(|&i| there(i)).map(|i| i as u32).collect();
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
    let mut centres: Vec<OwnedFeature> = sample.iter().map(|rows| rows.view().copied(&begin)).collect();
    task.phase("finding cells", Some(ROUNDS as u64));
    for round in 0..ROUNDS {
        let views: Vec<Channel<'_>> = channels
            .iter()
            .zip(sample.iter().zip(&centres))
            .map(|(channel, (rows, centres))| Channel {
                left: rows.view(),
                right: centres.view(),
                ..*channel
            })
            .collect();
        let found = top_k(&views, &TopKOptions { k: 1, ..*plain }, &task.silent())?.left;
        let mut members: Vec<Vec<u32>> = vec![Vec::new(); begin.len()];
        for row in 0..found.len() {
            if let Some((cell, _)) = found.best(row) {
                members[cell as usize].push(row as u32);
            }
        }
        centres = sample.iter().zip(&centres).map(|(rows, old)| means(rows, old, &members)).collect();
        task.advance(round as u64 + 1);
    }
    Ok(centres)
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
            let scale = 1.0 / rows.rows.square(row as usize).sqrt().max(super::SMALLEST_NORM);
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

/// For a sample of left rows and each of their best partners, best first: the least number of nearest cells
/// with which the two meet.
fn meetings(
    channels: &[Channel<'_>],
    plain: &TopKOptions<'_>,
    (left, right): (&Neighbours, &Neighbours),
    rng: &mut Rng,
    task: &Task,
) -> Result<(usize, Vec<Vec<usize>>)> {
    let mut sample: Vec<u32> =
        (0..left.len() as u32).filter(|&row| left.best(row as usize).is_some()).collect();
    rng.shuffle(&mut sample);
    sample.truncate(JUDGED);
    sample.sort_unstable();
    let exact = TopKOptions { k: BEST, left_rows: Some(&sample), ..*plain };
    let exact = top_k(channels, &exact, &task.within("measuring recall"))?.left;
    let meeting = |i: usize, j: usize| {
        let at = |cell: u32| right.row(j).position(|(other, _)| other == cell);
        let meet = |(place, (cell, _)): (usize, (u32, f32))| Some(at(cell)?.max(place) + 1);
        left.row(i).enumerate().filter_map(meet).min().unwrap_or(usize::MAX)
    };
    let of = |(at, &row): (usize, &u32)| -> Vec<usize> {
        exact.row(at).map(|(partner, _)| meeting(row as usize, partner as usize)).collect()
    };
    Ok((sample.len(), sample.iter().enumerate().map(of).collect()))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Case, random_data};
    use super::*;

    /// Rows around a few centres, the same on both sides but for noise; every so many-th is missing.
    fn clustered(rows: usize, cols: usize, sparse: bool, rng: &mut Rng) -> [OwnedFeature; 2] {
        let centres: Vec<Vec<f64>> =
            (0..8).map(|_| (0..cols).map(|_| 2.0 * rng.normal()).collect()).collect();
        let own: Vec<Vec<f64>> =
            (0..rows).map(|row| centres[row % 8].iter().map(|x| x + rng.normal()).collect()).collect();
        [0, 1].map(|_| {
            let data: Vec<f32> = own.iter().flatten().map(|x| (x + 0.2 * rng.normal()) as f32).collect();
            let present = (0..rows).map(|_| rng.below(10) > 0).collect();
            let rows = match sparse {
                false => Matrix::Dense { data, cols },
                true => {
                    let indptr = (0..=rows).map(|row| (row * cols) as u64).collect();
                    let indices = (0..rows).flat_map(|_| 0..cols as u32).collect();
                    Matrix::Sparse { indptr, indices, values: data, cols }
                }
            };
            OwnedFeature { rows, present }
        })
    }

    #[test]
    fn few_cells_of_many_keep_the_best_partners_and_the_estimate_is_what_a_search_finds() {
        let mut rng = Rng::new(5);
        let dense = clustered(1200, 24, false, &mut rng);
        let sparse = clustered(1200, 12, true, &mut rng);
        let channels: Vec<Channel<'_>> = [&dense, &sparse]
            .iter()
            .map(|[left, right]| Channel { weight: 0.5, left: left.view(), right: right.view() })
            .collect();
        let task = Task::quiet();
        let plain = TopKOptions::default();
        let options = PartitionOptions { recall: 0.95, cells: Some(24), seed: 1 };
        let found = partition(&channels, &plain, &options, &task).unwrap();
        assert!(found.recall >= 0.95 && found.nearest < 16, "{} in {}", found.recall, found.nearest);
        assert!(found.cells.pairs() < 1200 * 1200 / 2, "{}", found.cells.pairs());
        let exact = top_k(&channels, &plain, &task).unwrap().left;
        let near = top_k(&channels, &TopKOptions { cells: Some(&found.cells), ..plain }, &task).unwrap().left;
        let (mut kept, mut all) = (0, 0);
        for row in 0..exact.len() {
            let list: Vec<u32> = near.row(row).map(|(id, _)| id).collect();
            all += exact.row(row).count();
            kept += exact.row(row).filter(|(id, _)| list.contains(id)).count();
        }
        let kept = kept as f64 / all as f64;
        assert!((kept - found.recall).abs() < 0.02, "{kept}, estimated {}", found.recall);
        let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let again = one.install(|| partition(&channels, &plain, &options, &task).unwrap());
        assert_eq!(again, found);
    }

    #[test]
    fn any_rows_can_be_parted_and_all_cells_together_are_all_pairs() {
        let mut rng = Rng::new(9);
        let task = Task::quiet();
        for (n, m) in [(1, 1), (1, 7), (9, 2), (40, 33)] {
            let data = random_data(&mut rng, n, m);
            let channels: Vec<_> = data.iter().map(|data| data.channel()).collect();
            let case = Case::new(&mut rng, n, m);
            let plain = TopKOptions { left_rows: None, right_rows: None, ..case.options(&mut rng) };
            for recall in [0.0, 1.0] {
                let options = PartitionOptions { recall, cells: None, seed: 3 };
                let found = partition(&channels, &plain, &options, &task).unwrap();
                assert!((1..=found.cells.len()).contains(&found.nearest));
                let whole = PartitionOptions { cells: Some(1), ..options };
                let one = partition(&channels, &plain, &whole, &task).unwrap();
                let within = top_k(&channels, &TopKOptions { cells: Some(&one.cells), ..plain }, &task);
                assert_eq!((one.recall, one.best), (1.0, 1.0));
                assert_eq!(within.unwrap(), top_k(&channels, &plain, &task).unwrap());
            }
        }
    }
}
