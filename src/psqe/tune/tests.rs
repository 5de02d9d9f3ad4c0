//! The reference's training, step by step; resuming, cancelling, stopping; an epoch at full size.

use super::{TuneModality, TuneOptions, TuneState, Tuner};
use crate::error::Code;
use crate::features::{Matrix, OwnedFeature, Presence};
use crate::golden::Golden;
use crate::ops::spec::Variant;
use crate::task::{CancelToken, Task};
use crate::train::tests::data::{close, normals, on_all_pools, parameter, random_graph, small_graph};
use crate::train::{Neighbourhoods, Parameter};

/// Both sides of a modality that a test owns.
pub(super) struct Owned {
    name: &'static str,
    pub(super) sides: [OwnedFeature; 2],
}

impl Owned {
    pub(super) fn new(
        name: &'static str,
        mut data: Vec<f32>,
        left: usize,
        cols: usize,
        present: impl Fn(usize) -> bool,
    ) -> Self {
        let total = data.len() / cols;
        let right = data.split_off(left * cols);
        let side = |data: Vec<f32>, rows: std::ops::Range<usize>| OwnedFeature {
            rows: Matrix::Dense { data, cols },
            present: rows.map(&present).collect::<Presence>(),
        };
        Owned { name, sides: [side(data, 0..left), side(right, left..total)] }
    }

    fn view(&self) -> TuneModality<'_> {
        let [left, right] = [&self.sides[0], &self.sides[1]].map(OwnedFeature::view);
        TuneModality { name: self.name, left, right, structural: self.name == "visual" }
    }
}

/// Names of the reference's parameters, ours, and their shapes at width 24.
fn names() -> Vec<(String, String, Vec<usize>)> {
    let mut names = Vec::new();
    for (theirs, ours) in
        [("stru_gat.linear", "visual"), ("Rel_linear", "relation"), ("Att_linear", "attribute")]
    {
        names.push((format!("{theirs}.weight"), format!("{ours}.linear.weight"), vec![24, 32]));
        names.push((format!("{theirs}.bias"), format!("{ours}.linear.bias"), vec![24]));
    }
    for layer in 0..2 {
        let theirs = format!("stru_gat.layer_stack.{layer}");
        names.push((format!("{theirs}.w"), format!("visual.attention.{layer}.w"), vec![2, 24]));
        names.push((format!("{theirs}.a_src_dst"), format!("visual.attention.{layer}.a"), vec![2, 48]));
    }
    names
}

#[test]
fn fifty_steps_are_the_reference_s() {
    fifty_steps(|tuner| tuner);
}

/// The reference's fifty steps, by a tuner that `place` puts somewhere.
pub(super) fn fifty_steps(place: impl for<'a> Fn(Tuner<'a>) -> Tuner<'a>) {
    let (Some(golden), Some((small, graph))) = (Golden::open("psqe_stage2_train"), small_graph()) else {
        return;
    };
    let part = |name, tensor: &str| Owned::new(name, small.floats(tensor), 320, 32, |_| true);
    let parts = [part("visual", "img"), part("relation", "rel"), part("attribute", "attr")];
    let seeds: Vec<(u32, u32)> =
        golden.ints("seeds").as_chunks::<2>().0.iter().map(|&[l, r]| (l, r - 320)).collect();
    let options = TuneOptions { hidden: 24, ..TuneOptions::of(Variant::Reference) };
    let mut tuner = place(Tuner::new(&parts.each_ref().map(Owned::view), &graph, &seeds, options).unwrap());
    let stored = |stage: &str| -> Vec<Parameter> {
        names()
            .iter()
            .map(|(theirs, ours, shape)| parameter(&golden, &format!("{stage}.{theirs}"), ours, shape))
            .collect()
    };
    tuner.import(&stored("init")).unwrap();
    let embeddings = |tuner: &Tuner<'_>, step: &str, tolerance: f32| {
        let found = tuner.embeddings(&Task::quiet()).unwrap();
        for (embedding, name) in found.iter().zip(["gat", "rel", "attr"]) {
            close(name, &embedding.values, &golden.floats(&format!("emb_{name}{step}")), tolerance);
        }
    };
    embeddings(&tuner, "0", 1e-5);
    let curve = golden.floats("loss_curve");
    for (step, &expected) in curve.iter().enumerate() {
        // What the file calls the parameters after 1 and 10 steps is, bit for bit, those after 50.
        if step == 50 {
            for expected in stored("param_after50") {
                let found = tuner.parameters().iter().find(|p| p.name == expected.name).unwrap();
                let worst =
                    found.values.iter().zip(&expected.values).fold(0f32, |w, (a, b)| w.max((a - b).abs()));
                assert!(worst < 5e-4, "{} after {step}: differs by {worst:e}", expected.name);
            }
            embeddings(&tuner, "50", 1e-3);
        }
        let report = tuner.epoch(&Task::quiet()).unwrap();
        let tolerance = if step == 0 { 1e-5 } else { 1e-4 };
        let expected = f64::from(expected);
        assert!(
            (report.loss.total / expected - 1.0).abs() < tolerance,
            "{step}: {} {expected}",
            report.loss.total
        );
        if step == 0 {
            for (loss, name) in report.loss.parts.iter().zip(["img", "rel", "attr"]) {
                close(name, &[*loss as f32], &golden.floats(&format!("loss_{name}0")), 1e-5);
            }
            // After one step the first moment is a tenth of the gradient.
            for (theirs, ours, _) in names() {
                let state = tuner.state().optimiser;
                let moments = state.moments.iter().find(|moments| moments.name == ours).unwrap();
                let found: Vec<f32> = moments.first.iter().map(|m| m * 10.0).collect();
                close(&ours, &found, &golden.floats(&format!("grad0.{theirs}")), 1e-4);
            }
        }
    }
}

/// A small pair whose two sides are noisy copies of each other.
pub(super) struct Toy {
    pub(super) parts: Vec<Owned>,
    graph: Neighbourhoods,
    seeds: Vec<(u32, u32)>,
}

impl Toy {
    pub(super) fn new() -> Toy {
        let (side, cols) = (120, 20);
        let modality = |name, seed: u64, gap: usize| {
            let truth = normals(side * cols, seed);
            let noise = normals(2 * side * cols, seed + 1);
            let data = noise.iter().enumerate().map(|(i, n)| truth[i % truth.len()] + 0.3 * n);
            Owned::new(name, data.collect(), side, cols, |row| row % gap != 0)
        };
        let parts =
            vec![modality("visual", 1, 7), modality("relation", 5, 1000), modality("attribute", 9, 5)];
        let seeds = (0..side as u32).step_by(2).map(|i| (i, i)).collect();
        Toy { parts, graph: random_graph(side, side, 150, 4), seeds }
    }

    pub(super) fn tuner(&self, options: TuneOptions) -> Tuner<'_> {
        let views: Vec<_> = self.parts.iter().map(Owned::view).collect();
        Tuner::new(&views, &self.graph, &self.seeds, options).unwrap()
    }
}

pub(super) fn options(variant: Variant) -> TuneOptions {
    TuneOptions { hidden: 16, batch: 25, ..TuneOptions::of(variant) }
}

/// State and vectors after some epochs.
fn after(toy: &Toy, options: &TuneOptions, epochs: usize) -> (TuneState, Vec<Vec<f32>>) {
    let mut tuner = toy.tuner(options.clone());
    (0..epochs).for_each(|_| drop(tuner.epoch(&Task::quiet()).unwrap()));
    let vectors = tuner.embeddings(&Task::quiet()).unwrap().into_iter().map(|e| e.values).collect();
    (tuner.state(), vectors)
}

#[test]
fn both_variants_learn_and_do_not_depend_on_threads() {
    let toy = Toy::new();
    for variant in [Variant::Reference, Variant::Paper] {
        let (state, vectors) = on_all_pools(|| after(&toy, &options(variant), 8));
        let losses: Vec<f64> = state.curve.iter().map(|loss| loss.total).collect();
        assert!(losses[7] < 0.9 * losses[0], "{variant:?}: {losses:?}");
        assert!(vectors.iter().all(|v| v.len() == 240 * 16 && v.iter().all(|x| x.is_finite())));
        let steps = if variant == Variant::Paper { 8 * 3 } else { 8 };
        assert_eq!(state.optimiser.step, steps);
    }
}

#[test]
fn a_resumed_tuner_goes_on_with_the_same_bytes() {
    let toy = Toy::new();
    for (variant, patience) in [(Variant::Reference, None), (Variant::Paper, None), (Variant::Paper, Some(3))]
    {
        let options = TuneOptions { patience, ..options(variant) };
        let (state, vectors) = after(&toy, &options, 5);
        let (early, _) = after(&toy, &options, 2);
        let mut tuner = toy.tuner(options);
        tuner.resume(early).unwrap();
        (0..3).for_each(|_| drop(tuner.epoch(&Task::quiet()).unwrap()));
        assert!(tuner.state() == state);
        assert!(tuner.embeddings(&Task::quiet()).unwrap().into_iter().map(|e| e.values).eq(vectors));
    }
    let mut narrow = toy.tuner(TuneOptions { hidden: 8, ..options(Variant::Paper) });
    let (state, _) = after(&toy, &options(Variant::Paper), 1);
    assert_eq!(narrow.resume(state).unwrap_err().code(), Code::BadValue);
}

#[test]
fn a_cancelled_epoch_leaves_the_tuner_as_it_was() {
    let toy = Toy::new();
    let mut tuner = toy.tuner(options(Variant::Paper));
    tuner.epoch(&Task::quiet()).unwrap();
    let before = tuner.state();
    // From another thread, so that it falls somewhere within an epoch.
    for wait in [0, 200, 1000, 3000] {
        let token = CancelToken::new();
        let task = Task::new(token.clone(), None);
        let mut found = Ok(());
        std::thread::scope(|scope| {
            scope.spawn(move || {
                std::thread::sleep(std::time::Duration::from_micros(wait));
                token.cancel();
            });
            while found.is_ok() {
                found = tuner.epoch(&task).map(drop);
                if found.is_ok() {
                    tuner.resume(before.clone()).unwrap();
                }
            }
        });
        assert_eq!(found.unwrap_err().code(), Code::Cancelled);
        assert!(tuner.state() == before);
    }
}

#[test]
fn held_out_pairs_say_when_to_stop() {
    let toy = Toy::new();
    let options = TuneOptions { patience: Some(2), rate: 0.05, ..options(Variant::Paper) };
    let mut tuner = toy.tuner(options);
    let mut reports = Vec::new();
    while reports.len() < 200 {
        reports.push(tuner.epoch(&Task::quiet()).unwrap());
        if reports.last().unwrap().stop {
            break;
        }
    }
    let losses: Vec<f64> = reports.iter().map(|r| r.loss.held_out.unwrap()).collect();
    assert!(reports.len() < 200 && reports.iter().filter(|r| r.stop).count() == 1, "{losses:?}");
    let best = tuner.state().best.unwrap();
    assert_eq!(best.epoch as usize, losses.len() - 2);
    assert!(losses.iter().all(|&loss| loss >= best.loss));
    assert!(tuner.restore_best().unwrap() && tuner.parameters() == best.parameters);
}

#[test]
fn inputs_that_do_not_fit_are_refused() {
    let toy = Toy::new();
    let views: Vec<_> = toy.parts.iter().map(Owned::view).collect();
    let code = |views: &[TuneModality<'_>], seeds: &[(u32, u32)], options| {
        Tuner::new(views, &toy.graph, seeds, options).map(|_| ()).unwrap_err().code()
    };
    let usual = options(Variant::Paper);
    assert_eq!(code(&[], &toy.seeds, usual.clone()), Code::MissingData);
    assert_eq!(code(&views, &[(0, 0)], usual.clone()), Code::MissingData);
    assert_eq!(code(&views, &[(0, 0), (120, 1)], usual.clone()), Code::OutOfRange);
    assert_eq!(code(&[views[0], views[0]], &toy.seeds, usual.clone()), Code::Conflict);
    assert_eq!(code(&views, &toy.seeds, TuneOptions { tau: 0.0, ..usual }), Code::OutOfRange);
}
