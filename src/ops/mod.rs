//! Operations: from a request to stored artifacts, with keys, lineage and a journal.
//!
//! A [`spec::Request`] says what to do; [`run`] does it on an [`Engine`]. A request that makes an
//! artifact is a pure function of its canonical text, the digests of its inputs and the random seed:
//! their hash is the operation's key, and the same key gives the stored result back at once. Nothing
//! here parses text or draws on a terminal.

mod align;
mod artifact;
mod basis;
mod bench;
mod canonical;
mod catalog;
mod cells;
mod describe;
mod diff;
mod dump;
mod edit;
mod embed;
mod encoded;
mod engine;
mod entities;
mod entry;
mod entry_old;
mod evaluate;
mod explain;
mod export;
mod filter;
mod generate;
mod import;
mod index;
mod lineage;
mod living;
mod maintain;
mod make;
mod modalities;
mod near;
mod picture;
mod plan;
mod psqe;
mod reach;
mod recent;
mod refresh;
mod review;
mod rows;
mod runs;
mod search;
mod seed;
mod seeds_explained;
mod seen;
mod select;
mod settings;
mod show;
mod size;
mod sources;
pub mod spec;
mod train;
mod tune;
mod upkeep;
mod verdict;
mod words;

#[cfg(any(test, fuzzing))]
pub(crate) use {
    artifact::{DroppedBlock, RowBlock, UnmatchedBlock},
    bench::Figures,
    catalog::Logged,
    encoded::{Encoded, Vectors},
    entry::Entry,
    near::{NearEntry, NearObject},
    runs::Run,
    seen::Seen,
};

pub use canonical::canonical;
pub use engine::{Engine, names, require_pair};
pub use export::refuse_inside;
pub use reach::Reach;
pub use review::Case;
pub use rows::{Column, ColumnKind, FromValue, Outcome, Row, Rows, Value};
pub use settings::{Device, Settings};

use crate::error::{Code, Error, Result};
use crate::task::Task;
use engine::Context;
use spec::Request;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Does what a request says.
///
/// # Errors
/// Whatever the statement's documentation names; the store is then as it was.
pub fn run(engine: &Engine, request: &Request, settings: &mut Settings, task: &Task) -> Result<Outcome> {
    task.check()?;
    let started = std::time::Instant::now();
    if let Request::Set(setting) = request {
        settings.set(setting)?;
        let mut outcome = Outcome::message("set", settings.to_string());
        if let spec::Setting::Device(text) = setting {
            outcome.notes.extend(settings.device.choice(text));
        }
        return Ok(outcome);
    }
    let settings = &*settings;
    settings.check_reach(request)?;
    let task = &task.limited(settings.limits());
    let context = Context { settings, task, former: None, epochs: None };
    // A defect of ours must not take the host down: the statement fails, nothing of it is committed.
    let work = AssertUnwindSafe(|| dispatch(engine, request, &context));
    let mut outcome = catch_unwind(work).unwrap_or_else(|panic| Err(defect(&*panic)))?;
    if settings.memory.is_some() || settings.timeout.is_some() {
        // Rows come when they are asked for: within the limits, too.
        outcome.rows = outcome.rows.map(|rows| rows.within(task.clone()));
    }
    outcome.seconds = started.elapsed().as_secs_f64();
    Ok(outcome)
}

/// The pair of an alignment, and its links that nobody has judged yet, for a person to judge.
///
/// # Errors
/// [`Code::UnknownName`], [`Code::WrongType`] for what has no links.
pub fn review_queue(engine: &Engine, spec: &spec::Review, task: &Task) -> Result<(String, Vec<Case>)> {
    let engine = &engine.view()?;
    let settings = Settings::default();
    let context = Context { settings: &settings, task, former: None, epochs: None };
    let pair = catalog::artifact(&engine.db, &spec.name, None)?.pair;
    Ok((pair, review::queue(engine, spec, &context)?))
}

fn defect(panic: &(dyn std::any::Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
    Error::new(
        Code::Internal,
        format!("the statement met a defect of Seedbed: {}", text.unwrap_or("no message")),
    )
    .help("the store is as it was; please report the statement and this message")
}

/// How often a reader begins again when what it reads is dropped under its eyes.
const READ_AGAIN: usize = 8;

/// Rights are waited for here, not on the session's threads: a thread that lends a hand while its own work waits
/// must not wait for another statement.
fn dispatch(engine: &Engine, request: &Request, context: &Context) -> Result<Outcome> {
    let go_on = || context.task.check();
    let on_threads = |engine: &Engine| context.settings.run(|| run_made(engine, request, context));
    if request.only_reads() {
        for _ in 0..READ_AGAIN {
            let view = engine.view()?;
            match on_threads(&view) {
                Err(error) if is_of_what_goes(&error) && view.db.is_behind() => go_on()?,
                done => return done,
            }
        }
        return on_threads(&engine.view()?);
    }
    match request {
        Request::Drop(_)
        | Request::Check { .. }
        | Request::Backup(_)
        | Request::Dump(_)
        | Request::Compact => {
            let _alone = engine.upkeep.alone(go_on)?;
            on_threads(engine)
        }
        // It lasts for hours: each of its runs is a statement of its own.
        Request::Bench(_) => on_threads(engine),
        _ => {
            let _making = engine.upkeep.making(go_on)?;
            on_threads(engine)
        }
    }
}

/// Whether an error may be that of a reader whose pair was dropped under its eyes.
fn is_of_what_goes(error: &Error) -> bool {
    matches!(error.code(), Code::Corrupt | Code::NotFound | Code::UnknownName)
}

/// Does a request; who may not work beside it is kept away already.
fn run_made(engine: &Engine, request: &Request, context: &Context) -> Result<Outcome> {
    match request {
        Request::Import(spec) => import::import(engine, spec, context),
        Request::ImportLinks(spec) => import::import_links(engine, spec, context),
        Request::ImportFeatures(spec) => import::import_features(engine, spec, context),
        Request::UpdateFeatures(spec) => import::update_features(engine, spec, context),
        Request::ImportInto(spec) => edit::import_into(engine, spec, context),
        Request::Edit(spec) => edit::edit(engine, spec, context),
        Request::ApplyDiff(spec) => edit::apply_diff(engine, spec, context),
        Request::Judge(spec) => verdict::judge(engine, spec, context),
        Request::Undo(spec) => verdict::undo(engine, spec, context),
        Request::ImportVerdicts(spec) => verdict::import(engine, spec, context),
        Request::ExportVerdicts(spec) => verdict::export(engine, spec, context),
        Request::Review(spec) => review::review(engine, spec, context),
        Request::ExplainPair(spec) => review::explain(engine, spec, context),
        Request::Refresh(spec) => refresh::refresh(engine, spec, context),
        Request::Lineage(name) => living::lineage_of(engine, name),
        Request::Diff(first, second) => diff::diff(engine, first, second, context),
        Request::Embed(spec) => embed::embed(engine, spec, context),
        Request::Generate(spec) => generate::generate(engine, spec, context),
        Request::Seed(spec) => seed::seed(engine, spec, context),
        Request::Tune(spec) => tune::tune(engine, spec, context),
        Request::Train(spec) => train::train(engine, spec, context),
        Request::Correct(spec) => seed::correct(engine, spec, context),
        Request::Expand(spec) => seed::expand(engine, spec, context),
        Request::Psqe(spec) => psqe::psqe(engine, spec, context),
        Request::Align(spec) => align::align(engine, spec, context),
        Request::CreateIndex(spec) => index::create(engine, spec, context),
        Request::Evaluate(spec) => evaluate::evaluate(engine, spec, context),
        Request::Bench(spec) => bench::bench(engine, spec, context),
        Request::Match(spec) => search::search(engine, spec, context),
        Request::Select(spec) => select::select(engine, spec, context),
        Request::Export(spec) => export::export(engine, spec, context),
        Request::Show(what) => show::show(engine, what, context),
        Request::Describe(name) => describe::describe(engine, name, context),
        Request::DescribeModel(model) => Ok(describe::model(*model)),
        Request::Drop(name) => maintain::drop_entry(engine, name),
        Request::Set(_) => Ok(Outcome::message("set", context.settings.to_string())),
        Request::Check { full } => maintain::check(engine, *full, context),
        Request::Backup(to) => maintain::backup(engine, to, context),
        Request::Dump(to) => dump::dump(engine, to, context),
        Request::Load(from) => dump::load(engine, from, context),
        Request::Compact => maintain::compact(engine, context),
        Request::ExplainSeeds(spec) => seeds_explained::explain(engine, spec, context),
        Request::ExplainModalities(pair) => modalities::explain(engine, pair, context),
        Request::ExplainRun(name) => runs::explain(engine, name),
        Request::Explain(request) => explain::explain(engine, request, context),
    }
}
