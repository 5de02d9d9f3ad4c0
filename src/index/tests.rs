//! The index against exact search: what it finds, what it costs, what it does with bad bytes.

use proptest::prelude::*;

use super::build::{Rough, build_by};
use super::graph::OwnedGraph;
use super::hnsw::HnswRs;
use super::points::Points;
use super::*;
use crate::error::{Code, Result};
use crate::features::{Matrix, OwnedFeature, Presence};
use crate::linalg::{Channel, TopKOptions, top_k};
use crate::rng::Rng;
use crate::store::{Db, Record};
use crate::task::{CancelToken, Task};

/// One modality of both sides.
struct Modal {
    weight: f32,
    sides: [OwnedFeature; 2],
}

fn channels(modals: &[Modal]) -> Vec<Channel<'_>> {
    fn channel(modal: &Modal) -> Channel<'_> {
        Channel { weight: modal.weight, left: modal.sides[0].view(), right: modal.sides[1].view() }
    }
    modals.iter().map(channel).collect()
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Uniform,
    Clustered,
    /// Two modalities; 30 % of the rows of each are missing.
    Missing,
}

/// Right rows of a kind, and left ones that are the same but for some noise.
fn data(kind: Kind, rows: usize, cols: usize, seed: u64) -> Vec<Modal> {
    let mut rng = Rng::new(seed);
    let clusters = (rows as f64).sqrt() as usize;
    let parts: &[f32] = if matches!(kind, Kind::Missing) { &[0.7, 0.3] } else { &[1.0] };
    let modal = |&weight: &f32| {
        let mut normal = |scale: f64| (rng.normal() * scale) as f32;
        let centres: Vec<f32> = (0..clusters * cols).map(|_| normal(1.0)).collect();
        let mut right = Vec::with_capacity(rows * cols);
        for row in 0..rows {
            let centre = &centres[row % clusters * cols..][..cols];
            right.extend(centre.iter().map(|&x| match kind {
                Kind::Uniform => normal(1.0),
                Kind::Clustered | Kind::Missing => x + normal(0.5),
            }));
        }
        let left = right.iter().map(|&x| x + normal(0.2)).collect();
        let sides = [left, right].map(|data| {
            let some = |_| !matches!(kind, Kind::Missing) || rng.f64() >= 0.3;
            let present = (0..rows).map(some).collect();
            OwnedFeature { rows: Matrix::Dense { data, cols }, present }
        });
        Modal { weight, sides }
    };
    parts.iter().map(modal).collect()
}

const OPTIONS: IndexOptions = IndexOptions { m: 12, ef: 64 };

fn built(modals: &[Modal]) -> IndexData {
    build(&channels(modals), &OPTIONS, &Task::quiet()).unwrap()
}

/// By points inserted one by one, and by comparing them within cells.
fn built_both_ways(modals: &[Modal]) -> [IndexData; 2] {
    let by = |inserted| build_by(&HnswRs, inserted, &channels(modals), &OPTIONS, &Task::quiet()).unwrap();
    [usize::MAX, 0].map(by)
}

/// The exact `k` best among the rows that are let through.
fn exact(modals: &[Modal], row: u32, k: usize, allowed: &Presence) -> Vec<(u32, f32)> {
    let rows: Vec<u32> = allowed.iter().map(|row| row as u32).collect();
    let options = TopKOptions {
        k,
        left_rows: Some(&[row]),
        right_rows: Some(&rows),
        renormalise: false,
        ..TopKOptions::default()
    };
    top_k(&channels(modals), &options, &Task::quiet()).unwrap().left.row(0).collect()
}

/// Searches every so many left rows through the graph; gives the share found of what exact search finds,
/// having held each score against exact search's.
fn recall(data: &IndexData, changes: &Changes, modals: &[Modal], allowed: &Presence) -> f64 {
    let index = data.view().unwrap();
    let ask = Ask { k: 10, recall: 0.98, exact: Some(false), allowed: Some(allowed) };
    let (mut hits, mut wanted) = (0, 0);
    for row in (0..modals[0].sides[0].present.len() as u32).step_by(17) {
        let found = search(&index, changes, &channels(modals), row, &ask, &Task::quiet()).unwrap();
        assert!(matches!(found.path, Path::Graph { .. }) || found.rows.is_empty(), "{}", found.path);
        let exact = exact(modals, row, allowed.len(), allowed);
        for &(id, score) in &found.rows {
            let place = exact.iter().position(|&(other, _)| other == id).unwrap();
            assert_eq!(exact[place].1.to_bits(), score.to_bits());
            hits += usize::from(score >= exact[exact.len().min(10) - 1].1);
        }
        wanted += exact.len().min(10);
    }
    hits as f64 / wanted as f64
}

#[test]
fn walks_find_what_exact_search_finds_and_reach_every_point() {
    for (kind, cols) in [(Kind::Uniform, 12), (Kind::Clustered, 24), (Kind::Missing, 16)] {
        let modals = data(kind, 1500, cols, 1);
        for data in built_both_ways(&modals) {
            let index = data.view().unwrap();
            assert_eq!(index.reached(), index.points());
            assert!(index.measured().iter().any(|measured| measured.recall >= 0.98));
            for share in [0.01, 0.1, 0.5, 1.0] {
                let mut rng = Rng::new(2);
                let allowed = (0..1500).map(|_| rng.f64() < share).collect();
                let recall = recall(&data, &Changes::default(), &modals, &allowed);
                assert!(recall >= 0.98, "{kind:?}, {share} wanted: {recall}");
            }
        }
    }
}

#[test]
fn the_planner_compares_few_rows_one_by_one() {
    let modals = data(Kind::Clustered, 1500, 24, 1);
    let data = built(&modals);
    let index = data.view().unwrap();
    let ask = Ask { k: 10, recall: 0.9, exact: None, allowed: None };
    assert_eq!(index.plan(&ask, 15), Path::Exact(Reason::Few(15)));
    assert!(matches!(index.plan(&Ask { exact: Some(false), ..ask }, 15), Path::Graph { .. }));
    assert_eq!(index.plan(&Ask { exact: Some(true), ..ask }, 15), Path::Exact(Reason::Asked));
    assert!(matches!(index.plan(&Ask { recall: 1.1, ..ask }, 15), Path::Exact(Reason::Recall(_))));
}

#[test]
fn equal_rows_are_one_point_and_hide_nothing() {
    let mut modals = data(Kind::Clustered, 600, 24, 3);
    let Matrix::Dense { data, .. } = &mut modals[0].sides[1].rows else { panic!("dense") };
    let filler = data[..24].to_vec();
    data[24..500 * 24].chunks_exact_mut(24).for_each(|row| row.copy_from_slice(&filler));
    let built = built(&modals);
    let index = built.view().unwrap();
    assert_eq!((index.points(), index.indexed(), index.reached()), (101, 600, 101));
    let ask = Ask { k: 3, recall: 0.0, exact: Some(false), allowed: None };
    let found = |row| search(&index, &Changes::default(), &channels(&modals), row, &ask, &Task::quiet());
    for row in 500..600 {
        assert_eq!(found(row).unwrap().rows[0].0, exact(&modals, row, 1, &Presence::filled(600, true))[0].0);
    }
    assert_eq!(found(0).unwrap().rows.iter().map(|&(row, _)| row).collect::<Vec<_>>(), [0, 1, 2]);
}

#[test]
fn what_changed_since_a_build_is_told_by_the_rows_themselves() {
    let mut modals = data(Kind::Clustered, 600, 24, 3);
    let rows = |modals: &mut Vec<Modal>, edit: &mut dyn FnMut(&mut [f32])| {
        let Matrix::Dense { data, .. } = &mut modals[0].sides[1].rows else { panic!("dense") };
        edit(data);
    };
    // Rows 0 to 199 are one point, which row 0 stands for.
    rows(&mut modals, &mut |data| {
        let filler = data[..24].to_vec();
        data[24..200 * 24].chunks_exact_mut(24).for_each(|row| row.copy_from_slice(&filler));
    });
    let built = built(&modals);
    let index = built.view().unwrap();
    assert!(index.changes(&channels(&modals)).is_empty());
    // That very row changes, another too, and one goes.
    rows(&mut modals, &mut |data| {
        data[..24].iter_mut().for_each(|x| *x *= -1e3);
        data[300 * 24..301 * 24].iter_mut().for_each(|x| *x += 0.3);
    });
    modals[0].sides[1].present.set(400, false);
    let changes = index.changes(&channels(&modals));
    assert_eq!(changes.len(), 202);
    let mut alive = Presence::filled(600, true);
    alive.set(400, false);
    let recall = recall(&built, &changes, &modals, &alive);
    assert!(recall >= 0.98, "{recall}");
}

#[test]
fn insertions_and_deletions_are_seen_at_once() {
    let mut modals = data(Kind::Clustered, 1200, 16, 4);
    let whole = data(Kind::Clustered, 1500, 16, 5);
    let before = built(&modals);
    // The side grows by 300 rows, and some of the old ones change.
    let (mut changes, mut rng) = (Changes::default(), Rng::new(6));
    let (Matrix::Dense { data: to, .. }, Matrix::Dense { data: from, .. }) =
        (&mut modals[0].sides[1].rows, &whole[0].sides[1].rows)
    else {
        panic!("dense")
    };
    to.extend_from_slice(&from[1200 * 16..]);
    let mut alive = Presence::filled(1500, true);
    for _ in 0..600 {
        let row = rng.below(1500);
        let place = row * 16..(row + 1) * 16;
        if rng.below(2) == 0 {
            changes.delete(row as u32);
            alive.set(row, false);
        } else {
            to[place.clone()].copy_from_slice(&from[place]);
            changes.put(row as u32);
            alive.set(row, true);
        }
    }
    modals[0].sides[1].present = Presence::filled(1500, true);
    assert!(changes.wants_rebuild(1200) && !changes.wants_rebuild(5000));
    let recall = recall(&before, &changes, &modals, &alive);
    assert!(recall >= 0.98, "{recall}");
    let index = before.view().unwrap();
    let ask = Ask { k: 10, recall: 0.98, exact: Some(true), allowed: None };
    let found = search(&index, &changes, &channels(&modals), 7, &ask, &Task::quiet()).unwrap();
    assert_eq!(found.rows, exact(&modals, 7, 10, &alive));
}

#[test]
fn the_same_input_gives_the_same_bytes_whatever_the_threads() {
    let db = Db::in_memory();
    let modals = data(Kind::Missing, 600, 16, 7);
    let digest = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        db.put_object(&pool.install(|| built(&modals))).unwrap()
    };
    let first = digest(1);
    assert_eq!(first, digest(4));
    let stored = StoredIndex::load(&db, &first).unwrap();
    let ask = Ask { k: 5, recall: 0.9, exact: Some(false), allowed: None };
    let of = |index: &Index<'_>| {
        search(index, &Changes::default(), &channels(&modals), 3, &ask, &Task::quiet()).unwrap()
    };
    assert_eq!(of(&stored.view()), of(&built(&modals).view().unwrap()));
}

#[test]
fn bad_rows_and_options_are_refused_before_anything_is_built() {
    let code = |modals: &[Modal], options: IndexOptions| {
        build(&channels(modals), &options, &Task::quiet()).unwrap_err().code()
    };
    for bad in [f32::NAN, f32::INFINITY] {
        let mut modals = data(Kind::Uniform, 40, 4, 8);
        let Matrix::Dense { data, .. } = &mut modals[0].sides[1].rows else { panic!("dense") };
        data[17] = bad;
        assert_eq!(code(&modals, OPTIONS), Code::BadValue);
    }
    let modals = data(Kind::Uniform, 40, 4, 8);
    assert_eq!(code(&modals, IndexOptions { m: 300, ef: 64 }), Code::OutOfRange);
    let rows = Matrix::Sparse { indptr: vec![0; 41], indices: Vec::new(), values: Vec::new(), cols: 4 };
    let sparse = OwnedFeature { rows, present: Presence::filled(40, true) };
    let modals = [Modal { weight: 1.0, sides: [sparse.clone(), sparse] }];
    assert_eq!(code(&modals, OPTIONS), Code::Unsupported);
    let token = CancelToken::new();
    token.cancel();
    let task = Task::new(token, None);
    let error = build(&channels(&data(Kind::Uniform, 40, 4, 8)), &OPTIONS, &task).unwrap_err();
    assert_eq!(error.code(), Code::Cancelled);
}

#[test]
fn an_index_of_no_rows_or_one_is_searched_like_any() {
    for rows in [1, 2] {
        let mut modals = data(Kind::Uniform, rows, 4, 9);
        modals[0].sides[1].present.set(0, false);
        let built = built(&modals);
        let index = built.view().unwrap();
        assert_eq!(index.points(), rows - 1);
        let ask = Ask { k: 5, recall: 0.9, exact: Some(false), allowed: None };
        let found = search(&index, &Changes::default(), &channels(&modals), 0, &ask, &Task::quiet()).unwrap();
        assert_eq!(found.rows, exact(&modals, 0, 5, &Presence::filled(rows, true)));
        assert_eq!(found.rows.len(), rows - 1);
    }
}

#[test]
fn a_walk_as_wide_as_the_index_finds_everything() {
    let modals = data(Kind::Clustered, 500, 16, 13);
    let options = IndexOptions { m: 4, ef: 16 };
    for inserted in [usize::MAX, 0] {
        let built = build_by(&HnswRs, inserted, &channels(&modals), &options, &Task::quiet()).unwrap();
        let index = built.view().unwrap();
        for row in (0..500).step_by(50) {
            let ask = Ask { k: 500, recall: 0.0, exact: Some(false), allowed: None };
            let found = search(&index, &Changes::default(), &channels(&modals), row, &ask, &Task::quiet());
            assert!(found.unwrap().rows == exact(&modals, row, 500, &Presence::filled(500, true)));
        }
    }
}

#[test]
fn what_weighs_nothing_takes_no_part_and_widths_must_agree() {
    let mut modals = data(Kind::Missing, 300, 8, 14);
    modals[1].weight = 0.0;
    let built = built(&modals);
    let index = built.view().unwrap();
    let ask = Ask { k: 5, recall: 0.0, exact: Some(false), allowed: None };
    let row = modals[0].sides[0].present.iter().next().unwrap() as u32;
    let found =
        |channels: &[Channel<'_>]| search(&index, &Changes::default(), channels, row, &ask, &Task::quiet());
    let whole = channels(&modals);
    assert_eq!(found(&whole).unwrap().rows.len(), 5);
    let narrow = data(Kind::Clustered, 300, 4, 15);
    let other = Channel { left: narrow[0].sides[0].view(), ..whole[0] };
    assert_eq!(found(&[other]).unwrap_err().code(), Code::BadValue);
}

/// Makers of first graphs that fail in a way each.
struct Alone;
struct Malformed;
struct Panics;

impl Rough for Alone {
    fn graph(&self, points: &Points, _: usize, _: usize, _: &Task) -> Result<OwnedGraph> {
        Ok(OwnedGraph::new(&vec![Vec::new(); points.len()]))
    }
}

impl Rough for Malformed {
    fn graph(&self, points: &Points, _: usize, _: usize, _: &Task) -> Result<OwnedGraph> {
        Ok(OwnedGraph::new(&vec![vec![points.len() as u32]; points.len()]))
    }
}

impl Rough for Panics {
    fn graph(&self, _: &Points, _: usize, _: usize, _: &Task) -> Result<OwnedGraph> {
        panic!("as a dependency might")
    }
}

#[test]
fn a_poor_first_graph_is_mended_or_told_of() {
    let modals = data(Kind::Clustered, 400, 16, 10);
    let channels = channels(&modals);
    let data = build_by(&Alone, usize::MAX, &channels, &OPTIONS, &Task::quiet()).unwrap();
    let index = data.view().unwrap();
    assert_eq!(index.reached(), 400);
    for failing in [
        build_by(&Malformed, usize::MAX, &channels, &OPTIONS, &Task::quiet()),
        build_by(&Panics, usize::MAX, &channels, &OPTIONS, &Task::quiet()),
    ] {
        assert_eq!(failing.unwrap_err().code(), Code::Internal);
    }
}

#[test]
fn damaged_bytes_are_told_of() {
    let db = Db::in_memory();
    let modals = data(Kind::Clustered, 200, 8, 11);
    let whole = built(&modals);
    let broken: [fn(&mut IndexData); 9] = [
        |data| data.rows += 1,
        |data| data.scales[3] = f32::NAN,
        |data| data.groups.rows[5] = 200,
        |data| data.groups.starts[2] = 900,
        |data| _ = data.groups.starts.pop(),
        |data| data.graph.links[9] = 200,
        |data| data.graph.starts[4] = u64::MAX,
        |data| data.entrances.points[0] = 1_000_000,
        |data| data.entrances.centres[1] = f32::INFINITY,
    ];
    for change in broken {
        let mut data = whole.clone();
        change(&mut data);
        assert_eq!(data.view().unwrap_err().code(), Code::Corrupt);
        let digest = db.put_object(&data).unwrap();
        assert_eq!(StoredIndex::load(&db, &digest).unwrap_err().code(), Code::Corrupt);
    }
    assert_eq!(IndexData::KIND, *b"hnsw");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever numbers an object holds, it is refused or searched; it never ends the process.
    #[test]
    fn altered_numbers_are_refused_or_harmless(at in 0usize..1000, to in any::<u32>(), what in 0..10) {
        let modals = data(Kind::Clustered, 60, 4, 12);
        let mut data = built(&modals);
        match what {
            0 => { let n = data.groups.rows.len(); data.groups.rows[at % n] = to % 90; }
            1 => { let n = data.groups.starts.len(); data.groups.starts[at % n] = u64::from(to % 90); }
            2 => { let n = data.graph.links.len(); data.graph.links[at % n] = to % 90; }
            3 => { let n = data.graph.starts.len(); data.graph.starts[at % n] = u64::from(to % 900); }
            4 => { let n = data.entrances.starts.len(); data.entrances.starts[at % n] = u64::from(to % 900); }
            5 => { let n = data.entrances.points.len(); data.entrances.points[at % n] = to % 90; }
            6 => { let n = data.measured.len(); data.measured[at % n].ef = to; }
            7 => { data.entrances.centres.truncate(at); }
            8 => { data.scales[at % 60] = f32::from_bits(to); }
            _ => { data.rows = u64::from(to % 90); }
        }
        if let Ok(index) = data.view() {
            let ask = Ask { k: 30, recall: 0.0, exact: Some(false), allowed: None };
            let _ = search(&index, &Changes::default(), &channels(&modals), 1, &ask, &Task::quiet());
        }
    }

    /// A walk wide enough for all rows finds what exact search finds, ties and missing rows included.
    #[test]
    fn few_rows_are_all_found(seed in any::<u64>(), rows in 1usize..16, k in 1usize..20) {
        let mut rng = Rng::new(seed);
        let modal = |weight| Modal {
            weight,
            sides: [0; 2].map(|_| crate::linalg::tests::random_feature(&mut rng, rows, 3, false)),
        };
        let modals: Vec<Modal> = [0.25, 1.0].map(modal).into_iter().collect();
        for built in built_both_ways(&modals) {
            let index = built.view().unwrap();
            for (row, way) in (0..rows as u32).flat_map(|row| [(row, false), (row, true)]) {
                let ask = Ask { k, recall: 0.0, exact: Some(way), allowed: None };
                let found = search(&index, &Changes::default(), &channels(&modals), row, &ask, &Task::quiet());
                prop_assert_eq!(found.unwrap().rows, exact(&modals, row, k, &Presence::filled(rows, true)));
            }
        }
    }
}
