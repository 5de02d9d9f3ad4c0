//! Figures on real data: `cargo test --release --lib psqe_figures -- --ignored --nocapture`.

use std::time::Instant;

use super::data::{Inputs, Owned, evidence};
use crate::evaluate::{self, RankingOptions, SeedQuality};
use crate::features::{Modality, Presence};
use crate::kg::{Link, Triple};
use crate::matching::{AlignOptions, Links, align};
use crate::ops::spec::{Auto, Direction, Matching, Missing, Protocol, Rescale, Variant, Weights};
use crate::psqe::weights::{Resolved, resolve};
use crate::psqe::{ClusterOptions, CorrectOptions, cluster, correct, pivots};
use crate::rng::Rng;
use crate::task::Task;

struct Bench {
    links: Vec<Link>,
    triples: (Vec<Triple>, Vec<Triple>),
}

impl Bench {
    fn judge(&self, pairs: &[(u32, u32)]) -> SeedQuality {
        evaluate::seeds(pairs, &self.links, &self.links, (&self.triples.0, &self.triples.1))
    }

    fn say(&self, what: &str, pairs: &[(u32, u32)]) -> SeedQuality {
        let q = self.judge(pairs);
        println!(
            "{what}: {} pairs, {} right, {:.2} %, judged {:.2} % ({} unjudged), edges {:.1} %",
            q.seeds,
            q.correct,
            100.0 * q.precision,
            100.0 * q.precision_judged,
            q.unjudged,
            100.0 * q.edge_coverage
        );
        q
    }
}

fn named(list: &[(&str, f32)]) -> Weights {
    Weights::Named(list.iter().map(|(name, w)| (Modality::new(name).unwrap(), *w)).collect())
}

fn pairs(links: &Links) -> Vec<(u32, u32)> {
    links.left.iter().copied().zip(links.right.iter().copied()).collect()
}

/// One-to-one pairs by falling similarity over all entities, judged at several lengths.
fn greedy(
    bench: &Bench,
    what: &str,
    parts: &[Owned],
    weights: &Weights,
    at: &[usize],
) -> (Vec<f64>, Resolved) {
    let (task, start) = (Task::quiet(), Instant::now());
    let evidence = evidence(parts, Missing::Neutral);
    let resolved = resolve(weights, &evidence, &task).unwrap();
    let weighed = start.elapsed().as_secs_f64();
    let how = AlignOptions {
        matching: Matching::Greedy,
        rescale: Rescale::None,
        candidates: 16,
        ..AlignOptions::default()
    };
    let found = pairs(&align(&evidence, &resolved, &how, &task).unwrap().links);
    let named: Vec<String> = resolved.weights.iter().map(|(m, w)| format!("{m} {w:.3}")).collect();
    println!(
        "-- {what}: {} (weights {weighed:.1} s, all {:.1} s)",
        named.join(", "),
        start.elapsed().as_secs_f64()
    );
    if let Some(auto) = &resolved.auto {
        for ((m, _), d) in auto.weights.iter().zip(&auto.diagnoses) {
            println!(
                "   {m}: presence {:.3} mutual {:.3} margin {:.3} hubness {:.3} precision {:.3} slope {:.2} gain {:.2} by {} of {} rows",
                d.presence,
                d.mutual,
                d.margin,
                d.hubness,
                d.precision,
                d.slope,
                d.gain,
                d.witnesses,
                auto.sample
            );
        }
    }
    let shares = at
        .iter()
        .map(|&n| bench.say(&format!("   first {n}"), &found[..n.min(found.len())]).precision)
        .collect();
    (shares, resolved)
}

fn extra(
    name: &str,
    (n, m): (usize, usize),
    cols: usize,
    mut draw: impl FnMut(&mut Rng, &mut [f32]),
) -> Owned {
    let mut rng = Rng::stream(7, name);
    let mut side = |rows: usize| {
        let mut data = vec![0f32; rows * cols];
        data.chunks_exact_mut(cols).for_each(|row| draw(&mut rng, row));
        data
    };
    let left = side(n);
    Owned::dense(name, left, side(m), cols)
}

#[test]
#[ignore = "minutes; needs shared data"]
fn psqe_figures_weights() {
    let Some(inputs) = Inputs::open() else { return };
    let mut links = inputs.links("pairs.npy");
    links.extend(inputs.links("twins.npy"));
    let bench = Bench { links, triples: inputs.triples() };
    let visual = inputs.modality("visual", "visual_sim_twins.npy", Some("has_image_twins.npy"));
    let text = inputs.modality("text", "name_minilm.npy", None);
    let relation = inputs.modality("relation", "rel_text.npy", None);
    let names = vec![visual.clone(), text.clone(), relation.clone()];
    let at = [1000, 3000, 5000, 8000];
    let paper = named(&[("visual", 0.8), ("text", 0.1), ("relation", 0.1)]);
    greedy(&bench, "names, .8/.1/.1", &names, &paper, &at);
    greedy(&bench, "names, equal", &names, &Weights::Equal, &at);
    let (auto, _) = greedy(&bench, "names, auto", &names, &Weights::Auto, &at);
    assert!(auto[1] >= 0.999 && auto[2] >= 0.98, "{auto:?}");
    let bare = vec![visual.clone(), relation.clone()];
    let at = [1000, 2000, 4000];
    greedy(&bench, "no names, equal", &bare, &Weights::Equal, &at);
    let (auto, _) = greedy(&bench, "no names, auto", &bare, &Weights::Auto, &at);
    assert!(auto[0] >= 0.987 && auto[2] >= 0.918, "{auto:?}");
    let size = (inputs.left.len(), inputs.right.len());
    let gaussian = |name: &str, cols| {
        extra(name, size, cols, |rng, row| row.iter_mut().for_each(|x| *x = rng.normal() as f32))
    };
    let noise = gaussian("noise", 64);
    let mut rng = Rng::new(5);
    let mut few = |rows: usize| (0..rows).map(|_| rng.below(20) == 0).collect::<Presence>();
    let mut sparse = text.clone();
    sparse.modality = Modality::new("sparse").unwrap();
    let useless = [
        noise.clone(),
        gaussian("noise8", 8),
        extra("constant", size, 4, |_, row| row.fill(1.0)),
        extra("stock", size, 20, |rng, row| row[rng.below(20)] = 1.0),
        sparse.keep((few(size.0), few(size.1))),
    ];
    for one in useless {
        for (track, parts) in [("names", &names), ("no names", &bare)] {
            let what = format!("{track} + {}, auto", one.modality);
            let parts: Vec<Owned> = parts.iter().cloned().chain([one.clone()]).collect();
            let (found, weights) = greedy(&bench, &what, &parts, &Weights::Auto, &[1000, 3000, 4000, 5000]);
            assert!(weights.weights.last().is_some_and(|last| last.1 < 0.02), "{what}: {weights:?}");
            let least = if track == "names" { [0.999, 0.98] } else { [0.987, 0.915] };
            assert!(found[0] >= least[0] && found[2] >= least[1], "{what}: {found:?}");
        }
    }
}

#[test]
#[ignore = "a minute; needs shared data"]
fn psqe_figures_stage_one() {
    let Some(inputs) = Inputs::open() else { return };
    let bench = Bench { links: inputs.links("pairs.npy"), triples: inputs.triples() };
    let parts = vec![
        inputs.modality("visual", "visual_sim.npy", Some("has_image.npy")),
        inputs.modality("attribute", "name_minilm.npy", None),
        inputs.modality("relation", "rel_text.npy", None),
    ];
    let task = Task::quiet();
    let paper = named(&[("visual", 0.8), ("attribute", 0.1), ("relation", 0.1)]);
    for missing in [Missing::Neutral, Missing::Random] {
        let evidence = evidence(&parts, missing);
        let start = Instant::now();
        let set = pivots(&evidence, &parts[0].modality, 1000, &task).unwrap();
        let found = bench.say(&format!("pivots, {missing:?}"), &set.pairs());
        println!("   {:.1} s", start.elapsed().as_secs_f64());
        assert!(found.correct.abs_diff(779) <= 10 && (found.edge_coverage - 0.112).abs() < 0.005);
        for (variant, weights) in [
            (Variant::Reference, &paper),
            (Variant::Paper, &paper),
            (Variant::Paper, &Weights::Equal),
            (Variant::Paper, &Weights::Auto),
        ] {
            let weights_text =
                if let Weights::Named(_) = weights { ".8/.1/.1".into() } else { format!("{weights:?}") };
            let weights = resolve(weights, &evidence, &task).unwrap();
            let start = Instant::now();
            let options = ClusterOptions { k: Auto::Fixed(4), count: 1000, variant, seed: 42, init: None };
            let (set, clustering) = cluster(&evidence, &weights, &options, &task).unwrap();
            let found = bench.say(&format!("stage I {variant:?} {weights_text} {missing:?}"), &set.pairs());
            println!("   {:.1} s, {:?}", start.elapsed().as_secs_f64(), clustering.clusters);
            if variant == Variant::Reference {
                assert!(found.seeds >= 990 && found.correct.abs_diff(801) <= 40);
            }
            for (direction, all_rivals) in
                [(Direction::Row, false), (Direction::Both, false), (Direction::Both, true)]
            {
                let options = CorrectOptions { direction, iterate: true, all_rivals, variant };
                let after = correct(&set, &evidence, &weights, &options, &task).unwrap();
                bench.say(&format!("   corrected {direction:?} all_rivals={all_rivals}"), &after.pairs());
            }
        }
    }
}

#[test]
#[ignore = "minutes; needs shared data"]
fn psqe_figures_alignment() {
    let Some(inputs) = Inputs::open() else { return };
    let links = inputs.links("pairs.npy");
    let bench = Bench { links: links.clone(), triples: inputs.triples() };
    let parts = vec![
        inputs.modality("visual", "visual_sim_twins.npy", Some("has_image_twins.npy")),
        inputs.modality("text", "name_minilm.npy", None),
        inputs.modality("relation", "rel_text.npy", None),
    ];
    let task = Task::quiet();
    let bare = vec![parts[0].clone(), parts[2].clone()];
    let no_names = named(&[("visual", 0.75), ("relation", 0.25)]);
    for (what, parts, weights) in [
        ("names, equal", &parts, &Weights::Equal),
        ("names, auto", &parts, &Weights::Auto),
        ("no names, .75/.25", &bare, &no_names),
        ("no names, auto", &bare, &Weights::Auto),
    ] {
        let evidence = evidence(parts, Missing::Neutral);
        let weights = resolve(weights, &evidence, &task).unwrap();
        for protocol in [Protocol::Paper, Protocol::Strict] {
            let options = RankingOptions { protocol, split: None, last: None, sample: None };
            let both = [None, Some(3)];
            let found = evaluate::rankings(&evidence, &weights, &links, &options, &both, &task).unwrap();
            for (csls, r) in both.iter().zip(found) {
                let m = r.left_to_right;
                println!(
                    "{what} {protocol:?} csls {csls:?}: hits@1 {:.4} @10 {:.4} mrr {:.4}, back {:.4} ({})",
                    m.hits_1, m.hits_10, m.mrr, r.right_to_left.hits_1, r.judged
                );
            }
        }
        for (matching, rescale) in [
            (Matching::Greedy, Rescale::None),
            (Matching::Mutual, Rescale::Csls(10)),
            (Matching::Best, Rescale::Csls(10)),
            (Matching::Hungarian, Rescale::Csls(10)),
            (Matching::Sinkhorn, Rescale::None),
            (Matching::Greedy, Rescale::Rinf),
        ] {
            let start = Instant::now();
            let one_to_one = matching.is_one_to_one();
            let how =
                AlignOptions { matching, one_to_one, rescale, candidates: 16, ..AlignOptions::default() };
            let found = align(&evidence, &weights, &how, &task).unwrap().links;
            let q = evaluate::links(&pairs(&found), &links, &links);
            println!(
                "{what} {matching:?} {rescale:?}: {} links, precision {:.3} judged {:.3} recall {:.3} f1 {:.3}, {:.1} s",
                q.found,
                q.precision,
                q.precision_judged,
                q.recall,
                q.f1,
                start.elapsed().as_secs_f64()
            );
            if matching == Matching::Mutual {
                bench.say("   first 5000", &pairs(&found)[..5000.min(found.left.len())]);
                println!("   {:?}", evaluate::unlabelled(&evidence, &weights, &found, &task).unwrap());
            }
        }
    }
}
