//! Figures on real data: `cargo test --release --lib model_figures -- --ignored --nocapture`.
//!
//! In the environment: `MODELS` names models (all without), `EPOCHS` (60), `HIDDEN` (128), and `SEEDS`, how
//! many of the best visual pivots (1000).

use std::sync::Arc;
use std::time::Instant;

use super::toy::Sides;
use crate::evaluate::{RankingOptions, rankings};
use crate::features::{Matrix, OwnedFeature, Presence};
use crate::kg::{Link, Triple};
use crate::models::{Inputs, ModalInput, Model, Options, Trainer};
use crate::ops::spec::{Missing, Protocol, Weights};
use crate::psqe::tests::data::{Inputs as Files, Owned, evidence};
use crate::psqe::{pivots, weights::resolve};
use crate::task::Task;
use crate::train::Neighbourhoods;

fn setting(name: &str, otherwise: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| otherwise.to_owned())
}

fn input(owned: &Owned) -> ModalInput {
    let sides = Sides(owned.left.clone(), owned.right.clone());
    ModalInput { name: owned.modality.to_string(), features: Arc::new(sides) }
}

/// Counts of the 1,000 most frequent relations at either end of an entity's triples.
fn relations(sides: [(&[Triple], usize); 2]) -> ModalInput {
    let mut counts = std::collections::BTreeMap::new();
    sides.iter().flat_map(|side| side.0).for_each(|t| *counts.entry(t.relation).or_insert(0usize) += 1);
    let mut order: Vec<(u32, usize)> = counts.into_iter().collect();
    order.sort_by_key(|&(relation, count)| (std::cmp::Reverse(count), relation));
    let column: std::collections::BTreeMap<u32, u32> =
        order.iter().take(1000).map(|entry| entry.0).zip(0..).collect();
    let side = |(triples, rows): (&[Triple], usize)| {
        let mut all = vec![std::collections::BTreeMap::new(); rows];
        for t in triples {
            let Some(&column) = column.get(&t.relation) else { continue };
            for end in [t.head, t.tail] {
                *all[end as usize].entry(column).or_insert(0f32) += 1.0;
            }
        }
        let (mut indptr, mut indices, mut values) = (vec![0u64], Vec::new(), Vec::new());
        for row in &all {
            indices.extend(row.keys());
            values.extend(row.values());
            indptr.push(indices.len() as u64);
        }
        let present = all.iter().map(|row| !row.is_empty()).collect::<Presence>();
        OwnedFeature { rows: Matrix::Sparse { indptr, indices, values, cols: 1000 }, present }
    };
    let [left, right] = sides.map(side);
    ModalInput { name: "relation".into(), features: Arc::new(Sides(left, right)) }
}

/// Prints Hits@1, Hits@10 and MRR from left to right of joint vectors.
fn judge(what: &str, joint: &[Owned], links: &[Link], untouched: &[Link]) {
    let task = Task::quiet();
    let evidence = evidence(joint, Missing::Neutral);
    let weights = resolve(&Weights::Equal, &evidence, &task).unwrap();
    for (protocol, links, last) in
        [(Protocol::Paper, links, Some(10_500)), (Protocol::Strict, untouched, None)]
    {
        let (how, both) = (RankingOptions { protocol, split: None, last, sample: None }, [None, Some(3)]);
        let found = rankings(&evidence, &weights, links, &how, &both, &task).unwrap();
        for (csls, found) in both.iter().zip(found) {
            let found = found.left_to_right;
            println!(
                "{what} {protocol:?} csls {csls:?}: {:.3} / {:.3} / {:.3} of {}",
                found.hits_1, found.hits_10, found.mrr, found.queries
            );
        }
    }
}

#[test]
#[ignore = "minutes; needs data; see the module"]
fn model_figures() {
    let Some(files) = Files::open() else { return };
    let task = Task::quiet();
    let visual = files.modality("visual", "visual_sim.npy", Some("has_image.npy"));
    let text = files.modality("text", "name_minilm.npy", None);
    let relation_text = files.modality("relation_text", "rel_text.npy", None);
    let (left, right) = files.triples();
    let (rows, others) = (files.left.len(), files.right.len());
    let links = files.links("pairs.npy");
    let parts = [visual.clone(), text.clone(), relation_text.clone()];
    let found = evidence(&parts, Missing::Neutral);
    let count = setting("SEEDS", "1000").parse().unwrap();
    let seeds = pivots(&found, &visual.modality, count, &task).unwrap().pairs();
    let right_of = |pair: &(u32, u32)| links.iter().any(|link| (link.left, link.right) == *pair);
    println!("{} seeds, {} right", seeds.len(), seeds.iter().filter(|pair| right_of(pair)).count());
    let (lefts, rights): (std::collections::BTreeSet<u32>, std::collections::BTreeSet<u32>) =
        seeds.iter().copied().unzip();
    let untouched: Vec<Link> = links
        .iter()
        .filter(|link| !lefts.contains(&link.left) && !rights.contains(&link.right))
        .copied()
        .collect();
    let graph = Arc::new(Neighbourhoods::new(&left, rows, &right, others).unwrap());
    let hidden = setting("HIDDEN", "128").parse().unwrap();
    let epochs: u64 = setting("EPOCHS", "60").parse().unwrap();
    let wanted = setting("MODELS", "eva,mclea,meaformer,pcmea,mpsea");
    for model in
        Model::ALL.iter().copied().filter(|model| wanted.split(',').any(|name| name == model.as_str()))
    {
        let mut modalities = vec![input(&visual), input(&text), relations([(&left, rows), (&right, others)])];
        if model == Model::Pcmea {
            modalities.push(input(&relation_text));
        }
        let inputs = Inputs {
            graph: graph.clone(),
            split: rows,
            modalities,
            numbers: None,
            decided: Default::default(),
            deleted: Default::default(),
        };
        let base = Options::of(model);
        let fusion_heads = if model == Model::Mpsea { 4 } else { base.fusion_heads };
        let schedule = match base.schedule.shape {
            crate::train::Shape::Cosine { floor, .. } => crate::train::Schedule {
                shape: crate::train::Shape::Cosine { total: epochs, floor },
                ..base.schedule
            },
            _ => base.schedule,
        };
        let options = Options {
            hidden,
            width: hidden,
            rate: 5e-3,
            epochs,
            fusion_heads,
            schedule,
            momentum_from: epochs / 2,
            ..base
        };
        let mut trainer = Trainer::new(inputs, &seeds, options).unwrap();
        let begun = Instant::now();
        for epoch in 0..epochs {
            let report = trainer.epoch(&task).unwrap();
            if epoch < 2 || epoch + 1 == epochs {
                println!(
                    "{} epoch {}: loss {:.3}, {:.2} s",
                    model.as_str(),
                    report.epoch,
                    report.loss.total,
                    report.seconds
                );
            }
        }
        println!("{} {:.1} s for {epochs} epochs", model.as_str(), begun.elapsed().as_secs_f64());
        let begun = Instant::now();
        let found = trainer.embeddings(&task).unwrap();
        println!("{} {:.1} s for the embeddings", model.as_str(), begun.elapsed().as_secs_f64());
        let count = found.modalities.len();
        let joint = [Owned::stacked("joint", found.joint.values, rows, found.joint.width)];
        judge(model.as_str(), &joint, &links, &untouched);
        for (at, part) in found.modalities.into_iter().enumerate() {
            let weights = found.weights.iter().skip(at).step_by(count);
            let share = weights.map(|w| f64::from(w * w)).sum::<f64>() / (rows + others) as f64;
            let vectors = [Owned::stacked("part", part.values, rows, part.width)];
            let what = format!("{} {} (mean share {share:.3})", model.as_str(), part.name);
            judge(&what, &vectors, &links, &untouched);
        }
    }
}
