//! Learning, resuming, cancelling, stopping, finding pairs: what the trainer promises of every model.

use std::collections::BTreeMap;

use super::toy::{inputs, modality, options, seeds, trainer};
use crate::error::Code;
use crate::models::pseudo::{calibrate, mutual};
use crate::models::{Iterate, Model, Options, TrainState, Trainer};
use crate::ops::spec::Variant;
use crate::task::{CancelToken, Task};
use crate::train::Shape;
use crate::train::tests::data::on_all_pools;

fn run(trainer: &mut Trainer, epochs: usize) -> TrainState {
    (0..epochs).for_each(|_| drop(trainer.epoch(&Task::quiet()).unwrap()));
    trainer.state().unwrap()
}

/// The share of pairs (i, i) of no seed whose ends are nearest to each other from the left.
fn hits(trainer: &Trainer) -> f64 {
    let joint = trainer.embeddings(&Task::quiet()).unwrap().joint;
    let (left, right) = joint.values.split_at(120 * joint.width);
    let row = |side: &[f32], i: usize| side[i * joint.width..(i + 1) * joint.width].to_vec();
    let cosine = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let hit = |&i: &usize| {
        let own = row(left, i);
        let scores: Vec<f32> = (0..120).map(|j| cosine(&own, &row(right, j))).collect();
        scores.iter().all(|&score| score <= scores[i])
    };
    (0..120).filter(|i| i % 2 == 1).filter(hit).count() as f64 / 60.0
}

#[test]
fn every_model_learns_and_does_not_depend_on_threads() {
    for &model in Model::ALL {
        for variant in [Variant::Paper, Variant::Reference] {
            let options = Options { variant, ..options(model) };
            let mut learner = trainer(options.clone());
            assert_eq!(learner.epoch(&Task::quiet()).unwrap().loss.parts.len(), learner.parts().len());
            let curve = run(&mut learner, 30).curve;
            let (first, last, hits) = (curve[0].total, curve[30].total, hits(&learner));
            assert!(last < first && hits > 0.6, "{model:?} {variant:?}: {first} {last}, {hits} found");
            on_all_pools(|| {
                let mut trainer = trainer(options.clone());
                (run(&mut trainer, 2), trainer.embeddings(&Task::quiet()).unwrap())
            });
        }
    }
}

#[test]
fn short_runs_have_all_that_long_ones_have() {
    let options = Options::of(Model::Pcmea);
    assert_eq!([0, 1, 60, 1000, 2000].map(|epochs| options.momentum_within(epochs)), [0, 0, 30, 500, 500]);
}

#[test]
fn no_pair_is_found_with_a_deleted_entity() {
    let mut learner = trainer(options(Model::Mclea));
    run(&mut learner, 20);
    let joint = learner.embeddings(&Task::quiet()).unwrap().joint;
    let mut inputs = inputs();
    let all = mutual(&joint, &inputs, &seeds(), &Task::quiet()).unwrap();
    let &(left, right) = all.first().unwrap();
    inputs.deleted = [vec![left], vec![right]];
    let found = mutual(&joint, &inputs, &seeds(), &Task::quiet()).unwrap();
    assert!(found.len() + 3 >= all.len() && found.iter().all(|&(l, r)| l != left && r != right));
}

#[test]
fn the_late_vectors_of_mpsea_are_the_result_where_it_is_told_so() {
    let result = |part: Option<&str>| {
        let mut options = options(Model::Mpsea);
        assert!(part.is_none_or(|part| options.leave_out(part)));
        trainer(options).embeddings(&Task::quiet()).unwrap()
    };
    let (early, late) = (result(None), result(Some("early-joint")));
    // The parameters are the same, so that the weights are; what pre-fusion shapes is the late ones.
    assert_eq!(early.weights, late.weights);
    for (early, late) in early.modalities.iter().zip(&late.modalities) {
        assert!(early.name == late.name && early.values != late.values, "{}", early.name);
    }
}

#[test]
fn the_learning_rate_falls_to_the_end_even_if_pairs_join() {
    let mut options = options(Model::Meaformer);
    let (epochs, batch) = (12, seeds().len());
    options.schedule.shape = Shape::Cosine { total: epochs, floor: 0.0 };
    let iterate = Some(Iterate { from: 2, every: 1, round: Some(1) });
    let mut learner = trainer(Options { epochs, batch, iterate, ..options });
    run(&mut learner, epochs as usize - 1);
    // More pairs than a batch: more steps than the schedule was made for.
    assert!(!learner.found().is_empty());
    let before = learner.parameters().unwrap();
    run(&mut learner, 1);
    assert!(learner.parameters().unwrap() != before);
}

#[test]
fn a_resumed_trainer_goes_on_with_the_same_bytes() {
    for &model in Model::ALL {
        let iterate = Some(Iterate { from: 1, every: 1, round: Some(2) });
        let options = Options { iterate, patience: Some(9), momentum_from: 2, ..options(model) };
        let expected = run(&mut trainer(options.clone()), 6);
        assert!(!expected.found.pairs.is_empty(), "{model:?}");
        let half = run(&mut trainer(options.clone()), 3);
        let bytes = rkyv::to_bytes::<rkyv::rancor::Error>(&half).unwrap();
        let half = rkyv::from_bytes::<TrainState, rkyv::rancor::Error>(&bytes).unwrap();
        let mut other = trainer(options);
        other.resume(half).unwrap();
        assert!(run(&mut other, 3) == expected, "{model:?}");
    }
}

#[test]
fn a_cancelled_epoch_leaves_the_trainer_as_it_was() {
    for &model in Model::ALL {
        let mut trainer = trainer(options(model));
        let before = run(&mut trainer, 1);
        let token = CancelToken::new();
        token.cancel();
        let task = Task::new(token.clone(), None);
        assert_eq!(trainer.epoch(&task).unwrap_err().code(), Code::Cancelled);
        assert!(trainer.state().unwrap() == before);
        // From another thread, in the middle of a step.
        token.reset();
        let cancelled = std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(std::time::Duration::from_millis(5));
                token.cancel();
            });
            (0..50).map(|_| trainer.epoch(&task)).find_map(Result::err)
        });
        assert_eq!(cancelled.unwrap().code(), Code::Cancelled);
        assert_eq!(trainer.state().unwrap().curve.len() as u64, trainer.state().unwrap().epoch);
    }
}

#[test]
fn held_out_pairs_say_when_to_stop() {
    let mut trainer = trainer(Options { patience: Some(3), rate: 0.2, ..options(Model::Mclea) });
    let stopped = (0..200).any(|_| trainer.epoch(&Task::quiet()).unwrap().stop);
    let state = trainer.state().unwrap();
    let best = state.best.clone().unwrap();
    assert!(stopped && state.epoch == best.epoch + 3);
    assert!(trainer.restore_best().unwrap());
    assert!(trainer.parameters().unwrap() == best.parameters);
}

#[test]
fn calibration_is_the_reference_s() {
    let Some(dir) = crate::shared::data_dir() else { return };
    let Some(path) = dir.parent().map(|dir| dir.join("golden/pcmea_calibration.json")) else { return };
    let Ok(text) = std::fs::read_to_string(path) else { return };
    let file: serde_json::Value = serde_json::from_str(&text).unwrap();
    let looks = |name: &str| -> Vec<Vec<(u32, u32)>> { serde_json::from_value(file[name].clone()).unwrap() };
    let mut known = BTreeMap::new();
    for (candidates, accepted) in looks("candidates").iter().zip(looks("accepted")) {
        assert_eq!(calibrate(&mut known, candidates), accepted);
    }
}

#[test]
fn inputs_that_do_not_fit_are_refused() {
    let code = |inputs, pairs: &[(u32, u32)], options| {
        Trainer::new(inputs, pairs, options).err().map(|error| error.code())
    };
    let toy = options(Model::Meaformer);
    assert_eq!(code(inputs(), &[(0, 120), (1, 1)], toy.clone()), Some(Code::OutOfRange));
    assert_eq!(code(inputs(), &[(0, 0)], toy.clone()), Some(Code::MissingData));
    assert_eq!(code(inputs(), &seeds(), Options { tau: 0.0, ..toy.clone() }), Some(Code::OutOfRange));
    assert_eq!(code(inputs(), &seeds(), Options { fusion_heads: 3, ..toy.clone() }), Some(Code::OutOfRange));
    let mut twice = inputs();
    twice.modalities.push(twice.modalities[0].clone());
    assert_eq!(code(twice, &seeds(), toy.clone()), Some(Code::Conflict));
    let mut short = inputs();
    short.modalities.push(modality("text", vec![0.0; 100], 10, 5, |_| true));
    assert_eq!(code(short, &seeds(), toy.clone()), Some(Code::BadValue));
    let mut none = inputs();
    none.modalities.clear();
    assert_eq!(code(none, &seeds(), Options { structure: false, ..toy }), Some(Code::MissingData));
}
