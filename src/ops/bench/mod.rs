//! `BENCH PAIRS … MODELS … SEEDS …`: every model trained several times on everything, judged alike, beside
//! what the features say without training and what papers say of their models.
//!
//! What a run gave is kept (`figures`), so that a bench which was stopped goes on with the run it was at,
//! and the same bench again only reads. A model is removed once it is judged, unless it was there before.

mod cases;
mod figures;
mod table;

pub(crate) use figures::{Figures, Judged, all, forget, of_pair, restore};

use super::engine::{Context, Engine};
use super::export::refuse_inside;
use super::maintain::{bytes, count};
use super::rows::{Outcome, Value};
use super::spec::{Bench, TableFormat};
use crate::clock::utc;
use crate::error::Result;
use crate::formats::export::{check_target, table_format, write_table};
use cases::Case;
use figures::{Measured, State};
use table::Block;

/// Trains and judges whatever is not stored, and tells all of it.
pub(crate) fn bench(engine: &Engine, spec: &Bench, context: &Context) -> Result<Outcome> {
    let format = target(engine, spec)?;
    let cases = {
        let _making = engine.making(context.task)?;
        cases::all(engine, spec, context)?
    };
    let published = table::published(engine, spec)?;
    let mut blocks = Vec::new();
    for case in &cases {
        blocks.extend(block(engine, spec, case, context)?);
    }
    let runs = blocks.iter().filter(|block| block.model.is_some()).flat_map(|block| &block.runs);
    let (all, stored) = runs.fold((0, 0), |(all, stored), run| (all + 1, stored + usize::from(run.stored)));
    let lines = table::lines(spec, &cases, &blocks, &published)?;
    let mut line = format!("{}, {stored} of them stored", count(all, "run"));
    if let (Some(file), Some(format)) = (&spec.file, format) {
        let written = write_table(
            &*engine.outside,
            &file.path,
            file.overwrite,
            format,
            &table::tabular(&lines, format),
        )?;
        line += &format!("; {} as {}, {}", file.path.display(), format.as_str(), bytes(written));
    }
    let mut outcome = Outcome::message("bench", line).with_rows(table::rows(&lines));
    outcome.notes = table::notes(spec, &cases, &blocks, &published);
    Ok(outcome)
}

/// The format of the file, which must not be a surprise after hours of work; nor that it exists.
fn target(engine: &Engine, spec: &Bench) -> Result<Option<TableFormat>> {
    let Some(file) = &spec.file else { return Ok(None) };
    refuse_inside(engine.db.path(), &file.path)?;
    let format = file.format.map_or_else(|| table_format(&file.path), Ok)?;
    check_target(&file.path, file.overwrite)?;
    Ok(Some(format))
}

/// All runs of a case: of the features alone, then of each model.
fn block(engine: &Engine, spec: &Bench, case: &Case, context: &Context) -> Result<Vec<Block>> {
    let mut control = Vec::new();
    let mut blocks = Vec::new();
    for (number, &model) in case.models.iter().enumerate() {
        let mut runs: Vec<Measured> = Vec::with_capacity(spec.runs);
        for run in 0..spec.runs {
            let part = format!("{} {} {} of {}", case.pair, model.as_str(), run + 1, spec.runs);
            let task = context.task.within(part);
            task.check()?;
            let context = Context { task: &task, ..*context };
            let training = case.training(spec, model, run, context.settings.seed);
            if number == 0 {
                control.extend(figures::of_features(engine, &training, spec.csls, &context)?);
            }
            runs.push(figures::of_model(engine, &training, spec.csls, &case.bases[number], &context)?);
        }
        blocks.push(Block { case: case.number, model: Some(model), runs });
    }
    blocks.insert(0, Block { case: case.number, model: None, runs: control });
    Ok(blocks)
}

/// `EXPLAIN BENCH …`: the runs, and which of them are stored.
pub(crate) fn explained(engine: &Engine, spec: &Bench, context: &Context) -> Result<Vec<Vec<Value>>> {
    target(engine, spec)?;
    let cases = cases::all(engine, spec, context)?;
    table::published(engine, spec)?;
    let mut steps = Vec::new();
    for case in cases {
        for &model in &case.models {
            for run in 0..spec.runs {
                let training = case.training(spec, model, run, context.settings.seed);
                let seed = training.seed.unwrap_or_default();
                let what =
                    format!("train {} on {} from {}, seed {seed}", model.as_str(), case.pair, case.seeds);
                let (state, because) = match figures::state(engine, &training, spec.csls, context)? {
                    State::Stored(at) => ("fresh", format!("measured {}", utc(at))),
                    State::Trained(name) => ("to do", format!("only to be judged: {name} is that model")),
                    State::Begun { done, epochs } => {
                        ("to do", format!("goes on from epoch {done} of {epochs}"))
                    }
                    State::New => ("to do", "no figures of this training are stored".to_string()),
                };
                steps.push(vec![what.into(), state.into(), because.into(), "".into()]);
            }
        }
    }
    Ok(steps)
}
