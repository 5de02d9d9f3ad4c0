//! The index beside exact search and beside hnswlib: build, queries, recall, filters, changes.
//!
//! The count: a walk of width `ef` compares some 10–40 points for each point it keeps, each a row that lies
//! anywhere: 300 numbers are 1,200 bytes, 19 cache lines, of which the first four are asked for ahead. At 100
//! ns a row that is not in a cache, 1,000 rows cost 0.1 ms; 5 ms leave 50,000. Comparing all with one row reads
//! 1.2 GB for 1,000,000 rows: 0.1 s at 10 GB/s.
//!
//! Data: right rows are normal (kind 0), or normal about √n centres (kind 1); left rows are the right ones and
//! noise. Kind 2 is two modalities of kind 1 with 30 % of the rows of each missing, which hnswlib has no word
//! for. Every figure of recall is against exact search, over 200 left rows.
//!
//! Run by `benches/run.sh index`, which starts hnswlib on the same rows and prints ratios.
//! Arguments: kind, rows, columns, changes.

#[path = "support/mod.rs"]
mod support;

use std::time::Instant;

use rayon::prelude::*;
use seedbed::features::{Matrix, OwnedFeature, Presence};
use seedbed::index::{Ask, Changes, Index, IndexOptions, Path, build, search};
use seedbed::linalg::{Channel, TopKOptions, top_k};
use seedbed::{Rng, Task};

const QUERIES: usize = 200;

/// One modality of both sides.
type Modal = [OwnedFeature; 2];

fn main() {
    let [kind, rows, cols, changed] = support::arguments([1, 20_000, 300, 50_000]);
    let name = ["uniform", "clustered", "missing"][kind.min(2)];
    let modals: Vec<Modal> = match kind {
        2 => (0..2).map(|seed| modality(true, 0.3, rows, cols / 2, seed)).collect(),
        _ => vec![modality(kind == 1, 0.0, rows, cols, 0)],
    };
    if let (Some(folder), [modal]) = (std::env::var_os("INDEX_DATA"), &modals[..]) {
        for (side, feature) in ["left", "right"].into_iter().zip(modal) {
            let Matrix::Dense { data, .. } = &feature.rows else { continue };
            let path = std::path::Path::new(&folder).join(side);
            std::fs::write(path, bytemuck::cast_slice::<f32, u8>(data)).expect("rows for the yardstick");
        }
    }
    let channels = channels(&modals);
    let start = Instant::now();
    let data = build(&channels, &IndexOptions::default(), &Task::quiet()).expect("an index");
    println!("index what={name}.build seconds={:.2}", start.elapsed().as_secs_f64());
    let index = data.view().expect("a whole index");
    println!(
        "index what={name}.graph points={} links={} reached={} repaired={} peak_mib={:.0}",
        index.points(),
        index.links(),
        index.reached(),
        index.repaired(),
        support::peak_mib()
    );
    for measured in index.measured() {
        println!(
            "index what={name}.measured ef={} recall={:.4} visited={}",
            measured.ef, measured.recall, measured.visited
        );
    }
    let whole = Presence::filled(rows, true);
    let unchanged = Changes::default();
    for recall in [0.95, 0.98] {
        let asked = (recall * 100.0_f32).round();
        queries(&format!("{name}.query{asked}"), &index, &unchanged, &channels, recall, &whole);
    }
    let mut rng = Rng::new(9);
    for share in [0.01, 0.1, 0.5] {
        let wanted = (0..rows).map(|_| rng.f64() < share).collect();
        let percent = (share * 100.0_f64).round();
        queries(&format!("{name}.filter{percent}"), &index, &unchanged, &channels, 0.98, &wanted);
    }
    everybody(name, &index, &channels, rows);
    edits(name, &index, modals, changed);
}

/// Rows of one modality: right ones, and left ones that are the same but for noise.
fn modality(clustered: bool, missing: f64, rows: usize, cols: usize, seed: u64) -> Modal {
    let centres = (rows as f64).sqrt() as usize;
    let centre = support::normals(seed, centres * cols);
    let (spread, noise) = if clustered { (0.7, 0.3) } else { (1.0, 0.5) };
    let side = |noise: f64, side: u64| {
        let mut data = vec![0f32; rows * cols];
        data.par_chunks_exact_mut(cols).enumerate().for_each(|(row, to)| {
            let mut own = Rng::stream(seed, &format!("row {row}"));
            let mut rng = Rng::stream(seed, &format!("row {row} of side {side}"));
            let centre = &centre[row % centres * cols..][..cols];
            for (x, &c) in to.iter_mut().zip(centre) {
                let at = if clustered { f64::from(c) } else { 0.0 };
                *x = (at + spread * own.normal() + noise * rng.normal()) as f32;
            }
        });
        let mut rng = Rng::stream(seed, &format!("missing of side {side}"));
        let present = (0..rows).map(|_| rng.f64() >= missing).collect();
        OwnedFeature { rows: Matrix::Dense { data, cols }, present }
    };
    [side(noise, 0), side(0.0, 1)]
}

fn channels(modals: &[Modal]) -> Vec<Channel<'_>> {
    let sides = modals.iter().map(|[left, right]| (left.view(), right.view()));
    sides.map(|(left, right)| Channel { weight: 1.0, left, right }).collect()
}

/// Left rows to search, evenly spaced.
fn sample(rows: usize) -> Vec<u32> {
    (0..QUERIES).map(|at| (at * rows / QUERIES) as u32).collect()
}

/// Single queries through the graph and by comparing all: time and recall at ten.
fn queries(
    what: &str,
    index: &Index<'_>,
    changes: &Changes,
    channels: &[Channel<'_>],
    recall: f32,
    wanted: &Presence,
) {
    let rows = sample(channels[0].left.present.len());
    let ids: Vec<u32> = wanted.iter().map(|row| row as u32).collect();
    let options = TopKOptions {
        k: 10,
        left_rows: Some(&rows),
        right_rows: Some(&ids),
        renormalise: false,
        ..TopKOptions::default()
    };
    let exact = top_k(channels, &options, &Task::quiet()).expect("exact").left;
    let ask = Ask { k: 10, recall, exact: None, allowed: Some(wanted) };
    let (mut hits, mut all, mut steps) = (0, 0, Vec::new());
    let mut way = None;
    for (place, &row) in rows.iter().enumerate() {
        let start = Instant::now();
        let found = search(index, changes, channels, row, &ask, &Task::quiet()).expect("a search");
        steps.push(start.elapsed().as_secs_f64());
        let least = exact.row(place).map(|(_, score)| score).last().unwrap_or(f32::INFINITY);
        hits += found.rows.iter().filter(|&&(_, score)| score >= least).count();
        all += exact.row(place).count();
        way = Some(found.path);
    }
    steps.sort_by(f64::total_cmp);
    let start = Instant::now();
    let few = 3;
    for &row in &rows[..few] {
        let ask = Ask { exact: Some(true), ..ask };
        search(index, changes, channels, row, &ask, &Task::quiet()).expect("exact");
    }
    let plainly = start.elapsed().as_secs_f64() / few as f64;
    let ef = if let Some(Path::Graph { ef, .. }) = way { ef.to_string() } else { "exact".into() };
    println!(
        "index what={what} seconds={:.6} p99={:.6} recall={:.4} ef={ef} exact_seconds={plainly:.6}",
        steps[QUERIES / 2],
        steps[QUERIES * 99 / 100],
        hits as f64 / all.max(1) as f64
    );
}

/// The ten best of every left row: all walks in parallel, and exact search of all pairs.
fn everybody(name: &str, index: &Index<'_>, channels: &[Channel<'_>], rows: usize) {
    /// More rows take too long for a bench.
    const MOST: usize = 50_000;
    if rows > MOST {
        return;
    }
    let ask = Ask { k: 10, recall: 0.95, exact: Some(false), allowed: None };
    let start = Instant::now();
    let found = (0..rows as u32).into_par_iter().map(|row| {
        let found = search(index, &Changes::default(), channels, row, &ask, &Task::quiet());
        found.expect("a search").rows.len()
    });
    let found: usize = found.sum();
    let walked = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let options = TopKOptions { renormalise: false, ..TopKOptions::default() };
    std::hint::black_box(top_k(channels, &options, &Task::quiet()).expect("exact"));
    let exact = start.elapsed().as_secs_f64();
    println!("index what={name}.all_rows walked={walked:.2} exact={exact:.2} found={found}");
}

/// Recall after so many deletions, replacements and insertions, mixed.
fn edits(name: &str, index: &Index<'_>, mut modals: Vec<Modal>, count: usize) {
    let rows = modals[0][0].present.len();
    let added = count / 10;
    let (mut changes, mut rng) = (Changes::default(), Rng::new(11));
    let mut alive = Presence::filled(rows + added, true);
    for [_, right] in &mut modals {
        let Matrix::Dense { data, cols } = &mut right.rows else { continue };
        data.extend((0..added * *cols).map(|_| rng.normal() as f32));
        right.present = (0..rows + added).map(|row| row >= rows || right.present.get(row)).collect();
    }
    let start = Instant::now();
    for _ in 0..count {
        let row = rng.below(rows + added);
        if rng.below(2) == 0 {
            changes.delete(row as u32);
            alive.set(row, false);
        } else {
            for [_, right] in &mut modals {
                let Matrix::Dense { data, cols } = &mut right.rows else { continue };
                data[row * *cols..(row + 1) * *cols].fill_with(|| rng.normal() as f32);
            }
            changes.put(row as u32);
            alive.set(row, true);
        }
    }
    println!(
        "index what={name}.edits count={count} seconds={:.3} rebuild={}",
        start.elapsed().as_secs_f64(),
        changes.wants_rebuild(rows)
    );
    queries(&format!("{name}.edited"), index, &changes, &channels(&modals), 0.98, &alive);
}
