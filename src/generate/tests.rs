//! What the knobs do, measured; and that no knob breaks it.

use proptest::prelude::*;

use super::*;
use crate::error::Code;
use crate::features::{Matrix, NgramOptions, ngrams};

fn quiet(spec: &Generate, seed: u64) -> Planted {
    pair(spec, seed, &Task::quiet()).unwrap()
}

/// Dense unit rows of a feature, zero where missing.
fn unit(feature: &OwnedFeature) -> Vec<Vec<(usize, f32)>> {
    let rows = feature.present.len();
    let row = |i: usize| -> Vec<(usize, f32)> {
        if !feature.present.get(i) {
            return Vec::new();
        }
        match &feature.rows {
            Matrix::Dense { data, cols } => {
                data[i * cols..(i + 1) * cols].iter().copied().enumerate().collect()
            }
            Matrix::Sparse { indptr, indices, values, .. } => {
                let range = indptr[i] as usize..indptr[i + 1] as usize;
                range.map(|k| (indices[k] as usize, values[k])).collect()
            }
        }
    };
    let scaled = |row: Vec<(usize, f32)>| {
        let norm = row.iter().map(|(_, x)| x * x).sum::<f32>().sqrt().max(1e-12);
        row.into_iter().map(|(c, x)| (c, x / norm)).collect()
    };
    (0..rows).map(|i| scaled(row(i))).collect()
}

/// Cosines of all left against all right rows; a missing row has cosine zero with all.
fn cosines(left: &OwnedFeature, right: &OwnedFeature) -> Vec<Vec<f32>> {
    let right = unit(right);
    let mut inverted: Vec<Vec<(usize, f32)>> = vec![Vec::new(); left.rows.view().cols()];
    for (j, row) in right.iter().enumerate() {
        row.iter().for_each(|&(c, x)| inverted[c].push((j, x)));
    }
    let score = |row: Vec<(usize, f32)>| {
        let mut scores = vec![0f32; right.len()];
        for (c, x) in row {
            inverted[c].iter().for_each(|&(j, y)| scores[j] += x * y);
        }
        scores
    };
    unit(left).into_iter().map(score).collect()
}

/// Share of links whose right end is nearest among all right entities.
fn hits(scores: &[Vec<f32>], links: &[Link]) -> f64 {
    let hit = |link: &&Link| {
        let row = &scores[link.left as usize];
        let own = row[link.right as usize];
        own > 0.0 && row.iter().enumerate().all(|(j, &s)| j == link.right as usize || s < own)
    };
    links.iter().filter(hit).count() as f64 / links.len() as f64
}

/// Share of right ones among the `n` best one-to-one pairs: the visual pivots.
fn pivots(scores: &[Vec<f32>], links: &[Link], n: usize) -> f64 {
    let mut cells: Vec<(f32, usize, usize)> = Vec::new();
    for (i, row) in scores.iter().enumerate() {
        let mut best: Vec<(f32, usize, usize)> = row.iter().enumerate().map(|(j, &s)| (s, i, j)).collect();
        best.sort_by(|a, b| b.0.total_cmp(&a.0));
        cells.extend(best.into_iter().take(50));
    }
    cells.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let (mut left, mut right) = (vec![false; scores.len()], vec![false; scores[0].len()]);
    let (mut taken, mut good) = (0, 0);
    for (_, i, j) in cells {
        if taken < n && !left[i] && !right[j] {
            (left[i], right[j]) = (true, true);
            taken += 1;
            good += usize::from(links.iter().any(|l| (l.left as usize, l.right as usize) == (i, j)));
        }
    }
    good as f64 / taken as f64
}

fn names(planted: &Planted) -> Vec<Vec<f32>> {
    let options = NgramOptions { dims: 1 << 16, ..NgramOptions::default() };
    let (l, r) = ngrams(&planted.left, &planted.right, options, &Task::quiet()).unwrap();
    cosines(&l, &r)
}

fn looks(planted: &Planted) -> Vec<Vec<f32>> {
    let (_, l, r) = &planted.features[0];
    cosines(l, r)
}

/// Share of left triples between linked entities whose ends are also joined on the right.
fn agreement(planted: &Planted) -> f64 {
    let to: std::collections::HashMap<u32, u32> = planted.links.iter().map(|l| (l.left, l.right)).collect();
    let right: std::collections::HashSet<(u32, u32)> =
        planted.right.triples.iter().map(|t| (t.head, t.tail)).collect();
    let ends = planted.left.triples.iter().filter_map(|t| Some((*to.get(&t.head)?, *to.get(&t.tail)?)));
    let found: Vec<bool> = ends.map(|ends| right.contains(&ends)).collect();
    found.iter().filter(|&&x| x).count() as f64 / found.len() as f64
}

#[test]
fn the_demo_tells_a_story() {
    for seed in [42, 7] {
        let planted = quiet(&Generate::default(), seed);
        let (text, visual) = (names(&planted), looks(&planted));
        let both: Vec<Vec<f32>> =
            text.iter().zip(&visual).map(|(t, v)| t.iter().zip(v).map(|(t, v)| t + v).collect()).collect();
        let n = planted.links.len() / 4;
        let (pivots, visual) = (pivots(&visual, &planted.links, n), hits(&visual, &planted.links));
        let (text, both) = (hits(&text, &planted.links), hits(&both, &planted.links));
        eprintln!(
            "seed {seed}: {n} pivots {pivots:.3}, Hits@1 visual {visual:.3}, names {text:.3}, both {both:.3}; \
             edges agree {:.3}; triples {} {}, values {}",
            agreement(&planted),
            planted.left.triples.len(),
            planted.right.triples.len(),
            planted.left.attribute_triples.len(),
        );
        assert!((0.70..=0.85).contains(&pivots) && visual < 0.6);
        assert!((0.65..=0.92).contains(&text) && both > text + 0.04);
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_any_number_of_threads() {
    let spec = Generate { entities: 300, ..Generate::default() };
    let with = |threads, seed| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| quiet(&spec, seed))
    };
    assert_eq!(with(1, 1), with(3, 1));
    assert_ne!(with(1, 1).left, with(1, 2).left);
}

#[test]
fn more_noise_means_less_agreement() {
    let base = Generate { entities: 600, ..Generate::default() };
    let falling = |what: &str, values: Vec<f64>| {
        eprintln!("{what}: {values:.3?}");
        assert!(values.windows(2).all(|w| w[0] > w[1]), "{what}: {values:?}");
    };
    let name = |name_noise| {
        let planted = quiet(&Generate { name_noise, ..base.clone() }, 3);
        hits(&names(&planted), &planted.links)
    };
    falling("name_noise", vec![name(0.0), name(0.15), name(0.3), name(0.6)]);
    let visual = |visual_noise| {
        let planted = quiet(&Generate { visual_noise, ..base.clone() }, 3);
        hits(&looks(&planted), &planted.links)
    };
    falling("visual_noise", vec![visual(0.0), visual(0.8), visual(1.6), visual(3.0)]);
    let edges = |edge_noise| agreement(&quiet(&Generate { edge_noise, ..base.clone() }, 3));
    falling("edge_noise", vec![edges(0.0), edges(0.1), edges(0.5), edges(1.0)]);
    let linked = |overlap| quiet(&Generate { overlap, ..base.clone() }, 3).links.len() as f64;
    falling("overlap", vec![linked(1.0), linked(0.8), linked(0.2), linked(0.0)]);
}

#[test]
fn without_noise_the_sides_agree_in_full() {
    let spec = Generate {
        entities: 400,
        overlap: 1.0,
        edge_noise: 0.0,
        name_noise: 0.0,
        missing_names: 0.0,
        ..Generate::default()
    };
    let planted = quiet(&spec, 1);
    assert_eq!(agreement(&planted), 1.0);
    assert!(planted.links.iter().all(|l| planted.left.label(l.left) == planted.right.label(l.right)));
}

#[test]
fn degrees_follow_the_power_law_and_meet_the_mean() {
    for exponent in [2.2, 2.5, 3.5] {
        let spec = Generate { entities: 20_000, exponent, overlap: 1.0, ..Generate::default() };
        let graph = quiet(&Generate { attributes: 0, visual_dims: 1, ..spec }, 5).left;
        let mut degree = vec![0usize; graph.len()];
        for t in &graph.triples {
            degree[t.head as usize] += 1;
            degree[t.tail as usize] += 1;
        }
        let mean = degree.iter().sum::<usize>() as f64 / graph.len() as f64;
        assert!((mean - 6.0).abs() < 0.3, "mean degree {mean}");
        // Hill's estimator over the 1 % of highest degree.
        degree.sort_unstable_by_key(|&d| std::cmp::Reverse(d));
        let top = &degree[..graph.len() / 100];
        let floor = *top.last().unwrap() as f64;
        let hill = 1.0 + top.len() as f64 / top.iter().map(|&d| (d as f64 / floor).ln()).sum::<f64>();
        eprintln!("exponent {exponent}: Hill {hill:.2}, largest {}, mean {mean:.2}", degree[0]);
        assert!((hill - exponent).abs() < 0.6, "asked {exponent}, got {hill}");
    }
}

#[test]
fn vocabularies_differ_and_share_some_words() {
    let planted = quiet(&Generate::default(), 42);
    let words = |graph: &Graph| {
        let words = graph.relations.iter().map(|iri| {
            let last = crate::kg::readable(iri);
            last.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>()
        });
        words.collect::<std::collections::HashSet<String>>()
    };
    assert!(!planted.left.relations.iter().any(|iri| planted.right.relations.iter().any(|r| r == iri)));
    let common = words(&planted.left).intersection(&words(&planted.right)).count();
    assert!((15..45).contains(&common), "{common} of 60 in common");
}

#[test]
fn splits_are_two_one_seven_unless_told() {
    let count = |planted: &Planted| {
        [Split::Train, Split::Valid, Split::Test]
            .map(|split| planted.links.iter().filter(|l| l.split == Some(split)).count())
    };
    for (test, splits) in [(0.2, [854, 426, 320]), (0.0, [1067, 533, 0]), (1.0, [0, 0, 1600])] {
        assert_eq!(count(&quiet(&Generate { test, ..Generate::default() }, 42)), splits);
    }
    let planted = quiet(&Generate::default(), 42);
    assert_eq!(count(&planted), [320, 160, 1120]);
    assert!(planted.notes[0].starts_with("synthetic"));
}

#[test]
fn knobs_out_of_range_are_named() {
    let d = Generate::default;
    let cases = [
        ("entities", Generate { entities: 0, ..d() }),
        ("overlap", Generate { overlap: 1.1, ..d() }),
        ("overlap", Generate { overlap: f64::NAN, ..d() }),
        ("degree", Generate { degree: -1.0, ..d() }),
        ("exponent", Generate { exponent: 1.9, ..d() }),
        ("edge_noise", Generate { edge_noise: 2.0, ..d() }),
        ("relations", Generate { relations: 0, ..d() }),
        ("name_noise", Generate { name_noise: -0.1, ..d() }),
        ("visual_noise", Generate { visual_noise: f64::INFINITY, ..d() }),
        ("visual_dims", Generate { visual_dims: 0, ..d() }),
        ("missing_visual", Generate { missing_visual: 1.5, ..d() }),
        ("missing_names", Generate { missing_names: -1.0, ..d() }),
        ("test", Generate { test: 1.1, ..d() }),
        ("missing_attributes", Generate { missing_attributes: 7.0, ..d() }),
        ("entities=1 with overlap=0", Generate { entities: 1, overlap: 0.0, ..d() }),
    ];
    for (name, spec) in cases {
        let error = pair(&spec, 1, &Task::quiet()).unwrap_err();
        assert_eq!(error.code(), Code::OutOfRange);
        assert!(error.message().starts_with(name), "{error}");
    }
}

#[test]
fn a_cancelled_task_stops() {
    let token = crate::CancelToken::new();
    token.cancel();
    let error = pair(&Generate::default(), 1, &Task::new(token, None)).unwrap_err();
    assert_eq!(error.code(), Code::Cancelled);
}

fn specs() -> impl Strategy<Value = Generate> {
    let share = || prop_oneof![Just(0.0), Just(1.0), 0.0..=1.0];
    let sizes = (1usize..120, 1usize..20, 0usize..20, 1usize..8);
    let laws = (0.0..12.0, 2.0..=4.0, 0.0..4.0);
    (sizes, laws, prop::collection::vec(share(), 6)).prop_map(|(sizes, laws, shares)| Generate {
        entities: sizes.0,
        relations: sizes.1,
        attributes: sizes.2,
        visual_dims: sizes.3,
        degree: laws.0,
        exponent: laws.1,
        visual_noise: laws.2,
        overlap: shares[0],
        edge_noise: shares[1],
        name_noise: shares[2],
        missing_visual: shares[3],
        missing_names: shares[4],
        missing_attributes: shares[5],
        ..Generate::default()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn whatever_the_knobs_the_pair_is_sound(spec in specs(), seed in any::<u64>()) {
        let planted = match pair(&spec, seed, &Task::quiet()) {
            Ok(planted) => planted,
            Err(error) => {
                prop_assert!(spec.entities == 1 && spec.overlap < 0.5, "{}", error);
                return Ok(());
            }
        };
        let shared = (spec.overlap * spec.entities as f64).round() as usize;
        prop_assert_eq!(planted.links.len(), shared);
        prop_assert_eq!(planted.left.len() + planted.right.len(), spec.entities + shared);
        for graph in [&planted.left, &planted.right] {
            let n = graph.len() as u32;
            prop_assert!(n > 0 && graph.names.len() == n as usize);
            prop_assert!(graph.triples.is_sorted() && graph.attribute_triples.is_sorted());
            prop_assert!(graph.triples.windows(2).all(|w| w[0] != w[1]));
            let ok = |t: &crate::kg::Triple| {
                t.head < n && t.tail < n && t.head != t.tail && (t.relation as usize) < graph.relations.len()
            };
            prop_assert!(graph.triples.iter().all(ok));
            let ok = |t: &crate::kg::AttributeTriple| {
                t.entity < n && (t.attribute as usize) < graph.attributes.len()
            };
            prop_assert!(graph.attribute_triples.iter().all(ok));
            let iris: std::collections::HashSet<&str> = graph.entities.iter().collect();
            prop_assert_eq!(iris.len(), n as usize);
            let terms: std::collections::HashSet<&str> = graph.relations.iter().collect();
            prop_assert_eq!(terms.len(), graph.relations.len());
        }
        prop_assert!(planted.links.windows(2).all(|w| w[0].left < w[1].left));
        for (_, left, right) in &planted.features {
            prop_assert_eq!(left.rows.view().len(), planted.left.len());
            prop_assert_eq!(right.rows.view().len(), planted.right.len());
            let Matrix::Dense { data, .. } = &left.rows else { panic!("dense") };
            prop_assert!(data.iter().all(|x| x.is_finite()));
        }
    }
}
