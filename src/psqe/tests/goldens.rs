//! What the reference systems were observed to give.

use super::data::{Owned, evidence};
use crate::evaluate::Metrics;
use crate::features::Modality;
use crate::golden::Golden;
use crate::kg::Triple;
use crate::linalg::{Similarity, TopKOptions, ranks};
use crate::matching::{AlignOptions, LocalMeans, OneToOne, align};
use crate::ops::spec::{Auto, Direction, Missing, Rescale, Variant, Weights};
use crate::psqe::weights::{Resolved, resolve};
use crate::psqe::{
    ClusterOptions, CorrectOptions, Graphs, NeighbourOptions, Neighbourhood, Seed, SeedSet, Stage, cluster,
    correct, neighbours, sample,
};
use crate::task::Task;

const WIDTH: usize = 32;

/// The small graph's modalities: image, attribute, relation.
fn small() -> Option<Vec<Owned>> {
    let file = Golden::open("graph_small")?;
    let part = |name: &str, tensor: &str| Owned::stacked(name, file.floats(tensor), 320, WIDTH);
    Some(vec![part("visual", "img"), part("attribute", "attr"), part("relation", "rel")])
}

fn named(modalities: &[Owned], weights: [f32; 3]) -> Resolved {
    let names = ["visual", "attribute", "relation"].map(|name| Modality::new(name).unwrap());
    let wanted = Weights::Named(names.into_iter().zip(weights).collect());
    resolve(&wanted, &evidence(modalities, Missing::Neutral), &Task::quiet()).unwrap()
}

#[test]
fn stage_one_gives_the_reference_seeds_in_order() {
    let (Some(parts), Some(golden)) = (small(), Golden::open("psqe_stage1")) else { return };
    let evidence = evidence(&parts, Missing::Neutral);
    let weights = named(&parts, [0.8, 0.1, 0.1]);
    let init = golden.floats("init_centroids");
    let options = ClusterOptions {
        k: Auto::Fixed(3),
        count: golden.ints("k")[0] as usize,
        variant: Variant::Reference,
        seed: 42,
        init: Some(&init),
    };
    let (set, clustering) = cluster(&evidence, &weights, &options, &Task::quiet()).unwrap();
    assert_eq!(clustering.labels, golden.ints("labels"));
    assert_eq!(set.pairs(), golden.pairs("seeds", 320));
    assert_eq!(set.seeds.len(), 59);
}

#[test]
fn correction_drops_the_rows_that_the_reference_drops() {
    let (Some(parts), Some(golden)) = (small(), Golden::open("psqe_stage2_seeds")) else { return };
    let evidence = evidence(&parts, Missing::Neutral);
    let before = golden.pairs("before_correction", 320);
    let stage = || Stage::Pivots(Modality::new("visual").unwrap());
    let seed = |&(left, right): &(u32, u32)| Seed { left, right, score: 0.0, stage: stage(), modal: vec![] };
    let set = SeedSet { seeds: before.iter().map(seed).collect(), ..SeedSet::default() };
    let options = CorrectOptions {
        direction: Direction::Row,
        iterate: false,
        all_rivals: false,
        variant: Variant::Reference,
    };
    let weights = named(&parts, [0.8, 0.1, 0.1]);
    let after = correct(&set, &evidence, &weights, &options, &Task::quiet()).unwrap();
    assert_eq!(after.pairs(), golden.pairs("after_correction", 320));
    let incorrect: Vec<_> = golden.ints("incorrect_rows").iter().map(|&row| before[row as usize]).collect();
    let mut dropped: Vec<_> = after.dropped.iter().map(|d| (d.seed.left, d.seed.right)).collect();
    let mut expected = incorrect.clone();
    dropped.sort_unstable();
    expected.sort_unstable();
    assert_eq!(dropped, expected);
    let sim = golden.floats("correction_sim");
    for d in &after.dropped {
        let row = before.iter().position(|&pair| pair == (d.seed.left, d.seed.right)).unwrap();
        let column = before.iter().position(|pair| pair.1 == d.rival).unwrap();
        assert!((sim[row * before.len() + row] - d.score).abs() < 1e-5);
        assert!((sim[row * before.len() + column] - d.rival_score).abs() < 1e-5);
    }
}

fn bare(pairs: &[(u32, u32)]) -> SeedSet {
    let seed = |&(left, right): &(u32, u32)| Seed {
        left,
        right,
        score: 0.0,
        stage: Stage::Cluster(0),
        modal: vec![],
    };
    SeedSet { seeds: pairs.iter().map(seed).collect(), ..SeedSet::default() }
}

/// The embeddings after fifty steps of tuning.
fn tuned() -> Option<Vec<Owned>> {
    let file = Golden::open("psqe_stage2_train")?;
    let part = |name: &str, tensor: &str| Owned::stacked(name, file.floats(tensor), 320, 24);
    Some(vec![part("visual", "emb_gat50"), part("attribute", "emb_attr50"), part("relation", "emb_rel50")])
}

#[test]
fn stage_two_samples_what_the_reference_samples() {
    let (Some(parts), Some(golden), Some(first)) =
        (tuned(), Golden::open("psqe_stage2_seeds"), Golden::open("psqe_stage1"))
    else {
        return;
    };
    let set = bare(&first.pairs("seeds", 320));
    let (weights, evidence) = (named(&parts, [0.8, 0.1, 0.1]), evidence(&parts, Missing::Neutral));
    let found = sample(&set, &evidence, &weights, 60, Variant::Reference, &Task::quiet()).unwrap();
    assert_eq!(found.pairs(), golden.pairs("before_correction", 320));
    let sim = golden.floats("global_sim");
    for seed in &found.seeds[59..] {
        assert_eq!(seed.stage, Stage::Global);
        assert!((sim[seed.left as usize * 320 + seed.right as usize] - seed.score).abs() < 1e-5);
    }
}

#[test]
fn stage_three_adds_what_the_reference_adds() {
    let (Some(parts), Some(tuned), Some(file)) = (small(), tuned(), Golden::open("graph_small")) else {
        return;
    };
    let (Some(second), Some(third)) = (Golden::open("psqe_stage2_seeds"), Golden::open("psqe_stage3")) else {
        return;
    };
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for &[head, relation, tail] in file.ints("triples").as_chunks::<3>().0 {
        match head < 320 {
            true => left.push(Triple { head, relation, tail }),
            false => right.push(Triple { head: head - 320, relation, tail: tail - 320 }),
        }
    }
    let graphs = Graphs { left: Neighbourhood::new(&left, 320), right: Neighbourhood::new(&right, 320) };
    let set = bare(&second.pairs("after_correction", 320));
    let options = NeighbourOptions { threshold: 0.8, ramp: 0.1, cap: 6, variant: Variant::Reference };
    let (raw, tuned) = (evidence(&parts, Missing::Neutral), evidence(&tuned, Missing::Neutral));
    let weights = named(&parts, [0.8, 0.1, 0.1]);
    let found = neighbours(&set, &raw, Some(&tuned), &graphs, &weights, &options, &Task::quiet()).unwrap();
    assert_eq!(found.pairs(), third.pairs("before_correction", 320));
    assert_eq!(found.seeds[46].stage, Stage::Neighbours);
}

/// One modality named `text` from a file with `left` and `right`, 8 wide.
fn text(file: &Golden) -> Vec<Owned> {
    vec![Owned::dense("text", file.floats("left"), file.floats("right"), 8)]
}

#[test]
fn pivots_and_mutual_neighbours_are_the_reference_s() {
    let Some(golden) = Golden::open("uvp_and_mutual_nn") else { return };
    let parts = text(&golden);
    let evidence = evidence(&parts, Missing::Neutral);
    let modality = Modality::new("text").unwrap();
    let set = crate::psqe::pivots(&evidence, &modality, 20, &Task::quiet()).unwrap();
    assert_eq!(set.pairs(), golden.pairs("uvp20", 0));
    let weights = resolve(&Weights::Equal, &evidence, &Task::quiet()).unwrap();
    let options = AlignOptions { rescale: Rescale::None, ..AlignOptions::default() };
    let links = align(&evidence, &weights, &options, &Task::quiet()).unwrap().links;
    let mut found: Vec<(u32, u32)> = links.left.iter().copied().zip(links.right.iter().copied()).collect();
    found.sort_unstable();
    let mut expected = golden.pairs("mutual", 0);
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn ranks_are_the_reference_s_plain_and_under_csls() {
    let Some(golden) = Golden::open("inference") else { return };
    let parts = text(&golden);
    let evidence = evidence(&parts, Missing::Neutral);
    let channels = evidence.channels(&[1.0]);
    let queries: Vec<(u32, u32)> = (0..50).map(|i| (i, i)).collect();
    let task = Task::quiet();
    let plain = TopKOptions { similarity: Similarity::Cosine, ..evidence.options() };
    let local = LocalMeans::new(&channels, &plain, 3, &task).unwrap();
    for (options, name) in [(plain, "plain"), (local.options(&plain), "csls")] {
        for (reverse, direction) in [(false, "l2r"), (true, "r2l")] {
            let found = ranks(&channels, &options, &queries, None, reverse, &task).unwrap();
            let places: Vec<u32> = found.iter().map(|rank| rank.better).collect();
            let expected = golden.ints(&format!("rank_{direction}_{name}"));
            assert_eq!(places, expected, "{direction} {name}");
            let metrics = Metrics::of(&found, 50);
            let first = expected.iter().filter(|&&place| place == 0).count();
            assert_eq!(metrics.hits_1, first as f64 / 50.0);
        }
    }
}

#[test]
fn a_greedy_matching_of_all_takes_every_row_once() {
    let Some(golden) = Golden::open("uvp_and_mutual_nn") else { return };
    let parts = text(&golden);
    let evidence = evidence(&parts, Missing::Neutral);
    for depth in [1, 2, 7, 50] {
        let all = OneToOne { depth, ..OneToOne::default() };
        let pairs = all.pairs(&evidence.channels(&[1.0]), &evidence.options(), &Task::quiet()).unwrap();
        assert_eq!(pairs.len(), 50);
        let first: Vec<_> = pairs[..20].iter().map(|pair| (pair.left, pair.right)).collect();
        assert_eq!(first, golden.pairs("uvp20", 0));
    }
}
