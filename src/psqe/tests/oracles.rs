//! The plain way, on small random inputs.

use proptest::prelude::*;

use super::data::{Owned, evidence};
use crate::evaluate;
use crate::features::Presence;
use crate::kg::{Link, Split, Triple};
use crate::linalg::{Channel, TopKOptions, top_k};
use crate::matching::{AlignOptions, OneToOne, align};
use crate::ops::spec::{Auto, Direction, Matching, Missing, Protocol, Rescale, Variant, Weights};
use crate::psqe::weights::{auto, resolve};
use crate::psqe::{ClusterOptions, CorrectOptions, cluster, correct, pivots};
use crate::rng::Rng;
use crate::task::Task;

/// Rows of small whole numbers, so that ties abound; some rows missing.
fn gridded(name: &str, n: usize, m: usize, seed: u64) -> Owned {
    let mut rng = Rng::stream(seed, name);
    let mut rows = |count: usize| (0..count * 3).map(|_| rng.below(5) as f32 - 2.0).collect::<Vec<f32>>();
    let owned = Owned::dense(name, rows(n), rows(m), 3);
    let mut some = |count: usize| (0..count).map(|_| rng.below(5) > 0).collect::<Presence>();
    owned.keep((some(n), some(m)))
}

/// All pairs with their scores, by falling score, then left, then right.
fn all_pairs(channels: &[Channel<'_>], options: &TopKOptions<'_>, m: usize) -> Vec<(u32, u32, f32)> {
    let found = top_k(channels, &TopKOptions { k: m, ..*options }, &Task::quiet()).unwrap().left;
    let row = |i: usize| found.row(i).map(move |(j, s)| (i as u32, j, s + 0.0));
    let mut pairs: Vec<_> = (0..found.len()).flat_map(row).collect();
    pairs.sort_by(|a, b| b.2.total_cmp(&a.2).then(a.0.cmp(&b.0)).then(a.1.cmp(&b.1)));
    pairs
}

fn greedy(pairs: &[(u32, u32, f32)], count: usize) -> Vec<(u32, u32)> {
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for &(i, j, _) in pairs {
        if left.len() < count && !left.contains(&i) && !right.contains(&j) {
            left.push(i);
            right.push(j);
        }
    }
    left.into_iter().zip(right).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn greedy_is_that_of_all_pairs(
        n in 1usize..40, m in 1usize..40, depth in 1usize..6, count in 1usize..50, seed in any::<u64>(),
    ) {
        let parts = [gridded("text", n, m, seed), gridded("visual", n, m, seed)];
        for missing in [Missing::Neutral, Missing::Renormalise] {
            let evidence = evidence(&parts, missing);
            let channels = evidence.channels(&[0.7, 0.3]);
            let sorted = all_pairs(&channels, &evidence.options(), m);
            let of = OneToOne { count, depth, threshold: None };
            let found = of.pairs(&channels, &evidence.options(), &Task::quiet()).unwrap();
            let found: Vec<_> = found.iter().map(|pair| (pair.left, pair.right)).collect();
            prop_assert_eq!(&found, &greedy(&sorted, count));
            let links = align(
                &evidence,
                &resolve(&Weights::Equal, &evidence, &Task::quiet()).unwrap(),
                &AlignOptions {
                    matching: Matching::Greedy,
                    rescale: Rescale::None,
                    candidates: depth,
                    threshold: Some(Auto::Fixed(0.1)),
                    ..AlignOptions::default()
                },
                &Task::quiet(),
            ).unwrap().links;
            let sorted = all_pairs(&evidence.channels(&[0.5, 0.5]), &evidence.options(), m);
            let kept = sorted.iter().filter(|pair| pair.2 >= 0.1).copied().collect::<Vec<_>>();
            let pairs: Vec<_> = links.left.iter().copied().zip(links.right.iter().copied()).collect();
            prop_assert_eq!(pairs, greedy(&kept, usize::MAX));
        }
    }

    #[test]
    fn the_reference_s_stage_one_looks_at_its_best_pairs_only(
        n in 1usize..60, m in 1usize..60, count in 1usize..8, seed in any::<u64>(),
    ) {
        let parts = [gridded("text", n, m, seed), gridded("relation", n, m, seed)];
        let evidence = evidence(&parts, Missing::Neutral);
        let weights = resolve(&Weights::Equal, &evidence, &Task::quiet()).unwrap();
        let options = ClusterOptions {
            k: Auto::Fixed(1), count, variant: Variant::Reference, seed: 1, init: None,
        };
        let (set, clustering) = cluster(&evidence, &weights, &options, &Task::quiet()).unwrap();
        let plain = TopKOptions {
            similarity: crate::linalg::Similarity::Dot, renormalise: false, ..TopKOptions::default()
        };
        let mut sorted = all_pairs(&evidence.channels(&[1.0, 1.0]), &plain, m);
        sorted.truncate(100 * count);
        prop_assert_eq!(set.pairs(), greedy(&sorted, count));
        prop_assert_eq!(clustering.clusters, vec![(n, m, count, set.seeds.len())]);
    }

    #[test]
    fn correction_and_mutual_and_csls_match_the_plain_way(
        n in 2usize..30, m in 2usize..30, seed in any::<u64>(), both in any::<bool>(), iterate in any::<bool>(),
    ) {
        let parts = [gridded("text", n, m, seed), gridded("visual", n, m, seed)];
        let evidence = evidence(&parts, Missing::Neutral);
        let task = Task::quiet();
        let weights = resolve(&Weights::Equal, &evidence, &task).unwrap();
        let sorted = all_pairs(&evidence.channels(&[0.5, 0.5]), &evidence.options(), m);
        let score = |i: u32, j: u32| {
            sorted.iter().find(|p| (p.0, p.1) == (i, j)).map_or(f32::NEG_INFINITY, |p| p.2)
        };
        let set = pivots(&evidence, &parts[0].modality, 12, &task).unwrap();
        let direction = if both { Direction::Both } else { Direction::Row };
        let options = CorrectOptions { direction, iterate, all_rivals: false, variant: Variant::Paper };
        let corrected = correct(&set, &evidence, &weights, &options, &task).unwrap();
        let mut kept = set.pairs();
        loop {
            let before = kept.clone();
            kept.retain(|&(i, j)| {
                before.iter().all(|&(a, b)| {
                    score(i, b) <= score(i, j) && (!both || score(a, j) <= score(i, j))
                })
            });
            if !iterate || kept == before {
                break;
            }
        }
        prop_assert_eq!(corrected.pairs(), kept);
        prop_assert_eq!(corrected.seeds.len() + corrected.dropped.len(), set.seeds.len());

        // CSLS from the whole matrix.
        let mean = |mut scores: Vec<f32>| {
            scores.retain(|s| s.is_finite());
            scores.sort_by(|a, b| b.total_cmp(a));
            scores.truncate(3);
            if scores.is_empty() { 0.0 } else { scores.iter().sum::<f32>() / scores.len() as f32 }
        };
        let rows: Vec<f32> =
            (0..n as u32).map(|i| mean((0..m as u32).map(|j| score(i, j)).collect())).collect();
        let columns: Vec<f32> =
            (0..m as u32).map(|j| mean((0..n as u32).map(|i| score(i, j)).collect())).collect();
        let how = AlignOptions {
            matching: Matching::Best,
            one_to_one: false,
            rescale: Rescale::Csls(3),
            candidates: 4,
            ..AlignOptions::default()
        };
        let links = align(&evidence, &weights, &how, &task).unwrap().links;
        for (at, (&i, &j)) in links.left.iter().zip(&links.right).enumerate() {
            let csls = |j: u32| 2.0 * score(i, j) - rows[i as usize] - columns[j as usize];
            prop_assert!((csls(j) - links.score[at]).abs() < 1e-5);
            let best = (0..m as u32).map(csls).fold(f32::NEG_INFINITY, f32::max);
            prop_assert!((best - links.score[at]).abs() < 1e-5);
            prop_assert_eq!(links.rank[at], 1);
        }
    }

    #[test]
    fn ranking_matches_the_plain_way(n in 2usize..25, m in 2usize..25, seed in any::<u64>()) {
        let parts = [gridded("text", n, m, seed)];
        let evidence = evidence(&parts, Missing::Neutral);
        let task = Task::quiet();
        let weights = resolve(&Weights::Equal, &evidence, &task).unwrap();
        let size = n.min(m) as u32;
        let links: Vec<Link> = (0..size).map(|i| Link { left: i, right: i, split: None }).collect();
        let sorted = all_pairs(&evidence.channels(&[1.0]), &evidence.options(), m);
        let score = |i: u32, j: u32| sorted.iter().find(|p| (p.0, p.1) == (i, j)).map(|p| p.2);
        for (protocol, last, width) in
            [(Protocol::Paper, Some(size as usize), size), (Protocol::Strict, None, m as u32)]
        {
            let options = evaluate::RankingOptions { protocol, split: None, last, sample: None };
            let found = evaluate::rankings(&evidence, &weights, &links, &options, &[None], &task).unwrap();
            let found = &found[0];
            let mut sum = 0.0;
            for i in 0..size {
                let own = score(i, i);
                let others = (0..width).filter(|&j| j != i).map(|j| score(i, j));
                let (mut better, mut equal) = (0.0, 0.0);
                for other in others {
                    match (own, other) {
                        (None, _) => better += 1.0,
                        (Some(own), Some(other)) if other > own => better += 1.0,
                        (Some(own), Some(other)) if other == own => equal += 1.0,
                        _ => {}
                    }
                }
                sum += 1.0 / (1.0 + better + equal / 2.0);
            }
            prop_assert!((found.left_to_right.mrr - sum / f64::from(size)).abs() < 1e-9);
            prop_assert_eq!(found.left_to_right.candidates, width as usize);
        }
    }
}

/// A planted pair: `shared` latents, each modality a noisy view of them.
fn planted(names: &[(&str, f64)], entities: usize, seed: u64) -> Vec<Owned> {
    let width = 24;
    let mut rng = Rng::stream(seed, "latents");
    let latent: Vec<f64> = (0..entities * width).map(|_| rng.normal()).collect();
    let view = |&(name, noise): &(&str, f64)| {
        let mut rng = Rng::stream(seed, name);
        let mut map: Vec<f64> = (0..width).map(|_| if rng.f64() < 0.5 { 1.0 } else { -1.0 }).collect();
        rng.shuffle(&mut map);
        let side = |rng: &mut Rng| -> Vec<f32> {
            latent
                .iter()
                .enumerate()
                .map(|(i, x)| (x * map[i % width] + noise * rng.normal()) as f32)
                .collect()
        };
        Owned::dense(name, side(&mut rng), side(&mut rng), width)
    };
    names.iter().map(view).collect()
}

/// Gaussian rows that know nothing.
fn noise(name: &str, entities: usize, seed: u64) -> Owned {
    let mut rng = Rng::stream(seed, name);
    let mut side = || (0..entities * 16).map(|_| rng.normal() as f32).collect::<Vec<f32>>();
    Owned::dense(name, side(), side(), 16)
}

#[test]
fn useless_modalities_get_no_weight() {
    let n = 600;
    let mut parts = planted(&[("visual", 1.2), ("text", 0.7)], n, 3);
    parts.push(noise("noise", n, 3));
    parts.push(Owned::dense("constant", vec![1.0; n * 4], vec![1.0; n * 4], 4));
    // A copy of the noise would vouch for it, if copies were heard.
    let mut copy = parts[2].clone();
    copy.modality = crate::features::Modality::new("copy").unwrap();
    parts.push(copy);
    // Five stock pictures for all.
    let mut rng = Rng::new(9);
    let mut side = || {
        let mut rows = vec![0f32; n * 5];
        (0..n).for_each(|i| rows[i * 5 + rng.below(5)] = 1.0);
        rows
    };
    parts.push(Owned::dense("stock", side(), side(), 5));
    // One row in twenty.
    let mut rng = Rng::new(10);
    let mut few = || (0..n).map(|_| rng.below(20) == 0).collect::<Presence>();
    let mut sparse = parts[1].clone().keep((few(), few()));
    sparse.modality = crate::features::Modality::new("sparse").unwrap();
    parts.push(sparse);
    let all = evidence(&parts, Missing::Neutral);
    let found = auto(&all, &Task::quiet()).unwrap();
    let weight = |i: usize| found.weights[i].1;
    // With one good modality there is nobody to agree with; noise is found out all the same.
    for bad in [2, 3, 5] {
        let two = [parts[1].clone(), parts[bad].clone()];
        let two = evidence(&two, Missing::Neutral);
        let found = auto(&two, &Task::quiet()).unwrap();
        assert!(found.fallback && found.weights[0].1 > 0.98, "{found:#?}");
    }
    assert!(weight(0) > 0.15 && weight(1) > 0.4, "{found:#?}");
    assert!((2..7).all(|i| weight(i) < 0.02), "{found:#?}");
    assert!(!found.fallback);
    assert!(found.diagnoses[1].precision > 0.8 && found.diagnoses[2].precision < 0.1, "{found:#?}");
    assert_eq!(found, auto(&all, &Task::quiet()).unwrap());
}

#[test]
fn one_modality_has_all_the_weight_and_strangers_share_it() {
    let n = 300;
    let parts = planted(&[("text", 0.5)], n, 1);
    let alone = auto(&evidence(&parts, Missing::Neutral), &Task::quiet()).unwrap();
    assert_eq!((alone.weights[0].1, alone.fallback), (1.0, false));
    let parts = [noise("a", n, 1), noise("b", n, 2)];
    let strangers = auto(&evidence(&parts, Missing::Neutral), &Task::quiet()).unwrap();
    assert!(strangers.fallback);
    assert_eq!(strangers.weights[0].1, 0.5);
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let mut parts = planted(&[("visual", 1.0), ("text", 0.8)], 500, 5);
    parts[0] = parts[0]
        .clone()
        .keep(((0..500).map(|i| i % 7 != 0).collect(), (0..500).map(|i| i % 5 != 0).collect()));
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let task = Task::quiet();
            let mut out = Vec::new();
            for missing in [Missing::Neutral, Missing::Renormalise, Missing::Random] {
                let evidence = evidence(&parts, missing);
                let weights = resolve(&Weights::Auto, &evidence, &task).unwrap();
                let options = ClusterOptions {
                    k: Auto::Auto,
                    count: 200,
                    variant: Variant::Paper,
                    seed: 42,
                    init: None,
                };
                let (set, clustering) = cluster(&evidence, &weights, &options, &task).unwrap();
                out.push(format!("{weights:?} {set:?} {clustering:?}"));
                for &matching in Matching::ALL {
                    for rescale in [Rescale::None, Rescale::Csls(10), Rescale::Rinf] {
                        let threshold = Some(Auto::Auto);
                        let how = AlignOptions { matching, rescale, threshold, ..AlignOptions::default() };
                        let found = align(&evidence, &weights, &how, &task).unwrap();
                        out.push(format!("{matching:?} {rescale:?} {found:?}"));
                    }
                }
            }
            out
        })
    };
    assert_eq!(run(1), run(3));
}

#[test]
fn random_rows_follow_the_known_ones_and_the_seed() {
    let parts = vec![gridded("text", 2000, 10, 1)];
    let a = evidence(&parts, Missing::Random);
    let b = evidence(&parts, Missing::Random);
    assert_eq!(format!("{:?}", a.features(0)), format!("{:?}", b.features(0)));
    assert_eq!(a.features(0).0.present.count(), 2000);
    let scores = a.modal_scores(&[(0, 0), (1, 0), (2, 0), (3, 0), (4, 0), (5, 1)]).unwrap();
    let known = parts[0].left.present.get(0) && parts[0].right.present.get(0);
    assert_eq!(scores[0][0].is_nan(), !known);
}

#[test]
fn shares_of_links_count_what_nobody_judged() {
    let link = |left, right| Link { left, right, split: Some(Split::Test) };
    let links = [link(0, 0), link(1, 1), link(2, 2)];
    let triple = |head, tail| Triple { head, relation: 0, tail };
    let triples = ([triple(0, 5), triple(5, 6), triple(6, 9)], [triple(0, 1), triple(4, 9)]);
    // Right; a wrong one with an end in a link; two that nothing tells of.
    let pairs = [(0, 0), (1, 7), (8, 9), (9, 8)];
    let found = evaluate::seeds(&pairs, &links, &links, (&triples.0, &triples.1));
    assert_eq!((found.correct, found.unjudged, found.covered_edges, found.edges), (1, 2, 4, 5));
    assert_eq!((found.precision, found.precision_judged, found.recall), (0.25, 0.5, 1.0 / 3.0));
    let none = evaluate::links(&[], &links, &links);
    assert!(none.precision.is_nan() && none.recall == 0.0);
    let (test, text) = evaluate::test_links(&links, Protocol::Paper, None, None).unwrap();
    assert_eq!((test.len(), text.as_str()), (3, "test split, 3 of 3 links"));
}
