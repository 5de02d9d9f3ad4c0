//! `TUNE s AS t`: PSQE's stage II tuning, with checkpoints.

use candle_core::DType;

use super::engine::{Context, Engine, LoadedPair};
use super::maintain::{bytes, count};
use super::make::{Made, make};
use super::plan::Plan;
use super::rows::{Outcome, Rows};
use super::runs;
use super::seed::stored;
use super::seen::Seen;
use super::settings::Device;
use super::spec::{Dtype, Missing, Request, Tune, Variant};
use crate::error::Result;
use crate::features::{Matrix, Modality, OwnedFeature, Presence, save_feature};
use crate::psqe::Evidence;
use crate::psqe::tune::{Embedding, EpochLoss, TuneModality, TuneOptions, TuneState, Tuner};
use crate::task::Task;
use crate::train::Neighbourhoods;

/// Tunes embeddings on the seeds of a set.
pub(crate) fn tune(engine: &Engine, spec: &Tune, context: &Context) -> Result<Outcome> {
    let plan = Plan::new(engine, &Request::Tune(spec.clone()), context)?;
    let product = make(engine, &plan.order, || work(engine, spec, &plan, context))?;
    let entry = &product.entry;
    let line = format!("{}: tuned on {}", entry.name, count(entry.rows as usize, "seed")) + stored(&product);
    let mut outcome = Outcome::message("tune", line).with_rows(Rows::facts(&entry.facts));
    outcome.notes = product.notes;
    outcome.notes.extend(plan.notes);
    Ok(outcome)
}

fn work(engine: &Engine, spec: &Tune, plan: &Plan, context: &Context) -> Result<Made> {
    let (db, task, seed) = (&engine.db, context.task, plan.order.seed);
    let pair = engine.load_pair(&plan.pair.name, task)?;
    let evidence = pair.evidence(&plan.modalities, spec.missing, seed)?;
    let mut set = plan.seeds(engine, &pair)?;
    set.decide(&evidence, &vec![1.0; evidence.len()])?;
    let graph = graph(&pair)?;
    let structural = structural(&evidence);
    let former = plan.former.as_ref();
    let left_in = former.map(|former| runs::left_in::<TuneState>(db, former)).transpose()?.flatten();
    let goes_on = left_in.as_ref().and(plan.epochs);
    let epochs = goes_on.unwrap_or(spec.epochs);
    let options = TuneOptions { epochs: epochs as u64, ..options(spec, seed) };
    let mut tuner = Tuner::new(&modalities(&evidence), &graph, &set.pairs(), options)?;
    if plan.device != Device::Cpu {
        let dtype = if spec.dtype == Dtype::Bf16 { DType::BF16 } else { DType::F32 };
        tuner = tuner.on(&plan.device.open()?, dtype)?;
    }
    if let Some(state) = left_in {
        tuner.begin(&state);
    }
    let digest = runs::run(engine, &plan.order, epochs as u64, &plan.modalities, &mut tuner, task)?;
    let state = tuner.state();
    let mut made = Made { missing: spec.missing.as_str().to_string(), ..Made::default() };
    made.take(&set);
    made.modalities = plan.modalities.clone();
    made.facts =
        facts(&state.curve, tuner.restore_best()?.then_some(()).and(state.best.as_ref()).map(|b| b.epoch));
    made.objects.push((runs::STATE.to_string(), digest));
    task.phase("embedding all entities", None);
    for (at, embedding) in tuner.embeddings(task)?.into_iter().enumerate() {
        let known = evidence.known(at);
        let filled = at == structural || spec.missing == Missing::Random;
        let sides = sides(embedding, known, filled);
        for (side, feature) in ["left", "right"].into_iter().zip(sides) {
            let digest = save_feature(db, feature)?;
            made.objects.push((format!("{}.{side}", plan.modalities[at]), digest.0));
        }
    }
    for (row, modal) in made.rows.iter_mut().zip(evidence.modal_scores(&set.pairs())?) {
        row.modal = modal;
    }
    Seen::inherit(db, plan, &pair, &mut made)?;
    Ok(made)
}

fn graph(pair: &LoadedPair) -> Result<Neighbourhoods> {
    Neighbourhoods::new(&pair.left.triples, pair.left.len(), &pair.right.triples, pair.right.len())
}

/// The paper tunes the visual modality over the graph; without one, the first takes its place.
fn structural(evidence: &Evidence<'_>) -> usize {
    evidence.modalities().position(|m| m.as_str() == "visual").unwrap_or(0)
}

fn modalities<'e>(evidence: &'e Evidence<'_>) -> Vec<TuneModality<'e>> {
    let structural = structural(evidence);
    let one = |(at, modality): (usize, &'e Modality)| {
        let (left, right) = evidence.features(at);
        TuneModality { name: modality.as_str(), left, right, structural: at == structural }
    };
    evidence.modalities().enumerate().map(one).collect()
}

fn options(spec: &Tune, seed: u64) -> TuneOptions {
    let variant = if spec.variant == Variant::Reference { Variant::Reference } else { Variant::Paper };
    TuneOptions {
        tau: spec.temperature as f32,
        epochs: spec.epochs as u64,
        rate: spec.lr as f32,
        batch: spec.batch,
        hidden: spec.dims,
        seed,
        patience: spec.patience.map(|patience| patience.try_into().unwrap_or(u32::MAX)),
        ..TuneOptions::of(variant)
    }
}

/// What an epoch looks at and costs, for EXPLAIN: a line on the field, and one on the cost.
pub(crate) fn cost(engine: &Engine, spec: &Tune, plan: &Plan, task: &Task) -> Result<(String, String)> {
    let pair = engine.load_pair(&plan.pair.name, task)?;
    let evidence = pair.evidence(&plan.modalities, spec.missing, plan.order.seed)?;
    let graph = graph(&pair)?;
    let pairs = plan.seeds(engine, &pair)?.pairs();
    let tuner = Tuner::new(&modalities(&evidence), &graph, &pairs, options(spec, plan.order.seed))?;
    let work = tuner.work()?;
    let name = &plan.modalities[structural(&evidence)];
    let field = format!(
        "a batch of {} reads {} of all {} entities for {name}, as far as two edges away, and its own {} for the rest",
        count(work.pairs, "pair"),
        work.read,
        graph.rows(),
        2 * work.pairs,
    );
    let cost = format!(
        "{:.0} GFLOP an epoch, at most {} beside the inputs",
        work.operations / 1e9,
        bytes(work.bytes)
    );
    Ok((field, cost))
}

/// The rows of both sides. Where neighbours or random numbers filled a row it is there; else it is
/// there if the feature was.
fn sides(embedding: Embedding, (left, right): (&Presence, &Presence), filled: bool) -> [OwnedFeature; 2] {
    let cols = embedding.width;
    let (mut first, split) = (embedding.values, left.len() * cols);
    let second = first.split_off(split);
    let there = |known: &Presence| if filled { Presence::filled(known.len(), true) } else { known.clone() };
    let owned = |data, known| OwnedFeature { rows: Matrix::Dense { data, cols }, present: there(known) };
    [owned(first, left), owned(second, right)]
}

fn facts(curve: &[EpochLoss], best: Option<u64>) -> Vec<(String, String)> {
    let mut facts = vec![("epochs".to_string(), curve.len().to_string())];
    if let (Some(first), Some(last)) = (curve.first(), curve.last()) {
        facts.push(("loss".to_string(), format!("{:.4} at first, {:.4} at last", first.total, last.total)));
    }
    if let Some(best) = best {
        facts.push(("best epoch".to_string(), format!("{best} by held-out seeds; its parameters are kept")));
    }
    facts
}
