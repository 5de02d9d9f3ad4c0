//! Cells over both sides by k-means, and how much of exact search they keep.
//!
//! Rows and centres are compared as pairs are: by Σ w·cos over the modalities that both have, so that a row
//! without a modality is placed by those it has. A row stands in its nearest cells, in as many as it takes
//! for a sample of rows to meet the best partners that exact search finds for them.

use super::centres::{Centres, MOST_CELLS, usual_cells};
use super::{Cells, Channel, Neighbours, TopKOptions, check_channels, top_k};
use crate::error::Result;
use crate::rng::Rng;
use crate::task::Task;

/// Most cells that a row stands in.
const MOST_NEAREST: usize = 16;

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
    let count = options.cells.unwrap_or(usual_cells((n + m) / 2)).clamp(1, MOST_CELLS.min(n + m).max(1));
    let plain = TopKOptions {
        similarity: search.similarity,
        renormalise: search.renormalise,
        k: MOST_NEAREST.min(count),
        ..TopKOptions::default()
    };
    let there = |i: &u32| {
        let i = *i as usize;
        let has = |channel: &Channel<'_>| match i < n {
            true => channel.left.present.get(i),
            false => channel.right.present.get(i - n),
        };
        channels.iter().any(|channel| channel.weight > 0.0 && has(channel))
    };
    let rows = (0..(n + m) as u32).filter(there).collect();
    let centres = Centres::find(channels, &plain, rows, count, &mut rng, task)?;
    let left = centres.nearest(channels, |channel| channel.left, &plain, task)?;
    let right = centres.nearest(channels, |channel| channel.right, &plain, task)?;
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
    use crate::features::{Matrix, OwnedFeature};

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
