//! `PSQE … FROM p AS s`: the stages one after the other, each a result of its own.

use super::catalog;
use super::engine::{Context, Engine};
use super::explain;
use super::rows::{Column, ColumnKind, Outcome, Rows, Value};
use super::seed;
use super::spec::{Auto, Correct, Direction, Expand, Psqe, Request, Seed, SeedMethod, Tune, Variant};
use super::tune;
use crate::error::Result;
use crate::evaluate;
use crate::kg::Link;

/// Fewer seeds than one for so many entities are worth a word.
const SPARSE: u64 = 100;

/// Seeds of stage I where paper or reference leave the number to nobody.
const USUAL: usize = 1000;

/// The stages as requests of their own, in order, with what each is.
pub(crate) fn stages(spec: &Psqe) -> Vec<(&'static str, Request)> {
    let own = spec.variant == Variant::Seedbed;
    let name = |suffix: &str| format!("{}_{suffix}", spec.name);
    let count = if own { spec.count } else { Auto::Fixed(fixed(spec.count)) };
    // Half of what is wanted at first, so that wrong seeds do not bring in their like.
    let first = match count {
        Auto::Fixed(count) if own => Auto::Fixed(count.div_ceil(2)),
        count => count,
    };
    // Clusters and tuning are the paper's unless the reference is asked for: there is no third way.
    let theirs = if spec.variant == Variant::Reference { Variant::Reference } else { Variant::Paper };
    let method = SeedMethod::Cluster { k: spec.k, variant: theirs };
    let common = |method, from: &str, name: String, count| Seed {
        count,
        precision: spec.precision,
        weights: spec.weights.clone(),
        missing: spec.missing,
        search: spec.search,
        seed: spec.seed,
        ..Seed::new(method, from, &name)
    };
    // More than are wanted up to the end: corrections take some away.
    let wide = match count {
        Auto::Fixed(count) if own => Auto::Fixed(count + count / 2),
        count => count,
    };
    let most = match count {
        Auto::Fixed(count) if own => Some(count),
        _ => None,
    };
    let correct = |seeds: String, name: String, most: Option<usize>| {
        Request::Correct(Correct {
            count: most,
            direction: Direction::Row,
            variant: spec.variant,
            weights: spec.weights.clone(),
            missing: spec.missing,
            search: spec.search,
            seed: spec.seed,
            ..Correct::new(&seeds, &name)
        })
    };
    let mut stages = vec![("I: cluster", Request::Seed(common(method, &spec.pair, name("cluster"), first)))];
    let tuned = spec.tune || !own;
    if tuned {
        stages.push((
            "II: tune",
            Request::Tune(Tune {
                epochs: spec.epochs,
                lr: spec.lr,
                batch: spec.batch,
                temperature: if theirs == Variant::Reference { 1.0 } else { 0.1 },
                variant: theirs,
                weights: spec.weights.clone(),
                missing: spec.missing,
                device: spec.device.clone(),
                dtype: spec.dtype,
                seed: spec.seed,
                ..Tune::new(&name("cluster"), &name("tuned"))
            }),
        ));
    }
    let from = if tuned { name("tuned") } else { name("cluster") };
    let method = SeedMethod::Global { variant: spec.variant };
    stages.push(("II: sample", Request::Seed(common(method, &from, name("global"), wide))));
    stages.push(("II: correct", correct(name("global"), name("corrected"), None)));
    stages.push((
        "III: expand",
        Request::Expand(Expand {
            model: (tuned && !own).then(|| name("tuned")),
            count: wide,
            precision: spec.precision,
            variant: spec.variant,
            weights: spec.weights.clone(),
            missing: spec.missing,
            search: spec.search,
            seed: spec.seed,
            ..Expand::new(&name("corrected"), &name("expanded"))
        }),
    ));
    stages.push(("III: correct", correct(name("expanded"), spec.name.clone(), most)));
    stages
}

fn fixed(count: Auto<usize>) -> usize {
    match count {
        Auto::Fixed(count) => count,
        Auto::Auto => USUAL,
    }
}

/// Runs the stages. Those whose results are stored are passed over.
pub(crate) fn psqe(engine: &Engine, spec: &Psqe, context: &Context) -> Result<Outcome> {
    let pair = catalog::pair(&engine.db, &spec.pair)?;
    let links = engine.links(&pair, context.task)?;
    let mut rows = Vec::new();
    let mut notes = Vec::new();
    for (stage, request) in stages(spec) {
        context.task.check()?;
        let (outcome, name) = match &request {
            Request::Seed(spec) => (seed::seed(engine, spec, context)?, &spec.name),
            Request::Tune(spec) => (tune::tune(engine, spec, context)?, &spec.name),
            Request::Correct(spec) => (seed::correct(engine, spec, context)?, &spec.name),
            Request::Expand(spec) => (seed::expand(engine, spec, context)?, &spec.name),
            _ => continue,
        };
        notes.extend(outcome.notes);
        rows.push(row(engine, stage, name, &links)?);
    }
    let columns = vec![
        Column::new("stage", ColumnKind::Text),
        Column::new("result", ColumnKind::Text),
        Column::new("seeds", ColumnKind::Int),
        Column::new("dropped", ColumnKind::Int),
        Column::new("precision", ColumnKind::Float),
        Column::new("precision_judged", ColumnKind::Float),
        Column::new("seconds", ColumnKind::Float),
    ];
    let entry = catalog::artifact(&engine.db, &spec.name, None)?;
    let line = format!("{}: {} seeds", entry.name, entry.rows);
    let mut outcome = Outcome::message("psqe", line).with_rows(Rows::ready(columns, rows));
    outcome.notes = notes;
    let [left, right] = pair.graphs.each_ref().map(|graph| graph.entities);
    if spec.count == Auto::Auto && entry.rows * SPARSE < left.min(right) {
        let (found, least) = (entry.rows, spec.precision);
        outcome = outcome.note(format!(
            "the evidence carries no more than {found} seeds at an estimated precision of {least}; the estimate errs on \
             the safe side: n= asks for so many as you say, EXPLAIN SEEDS tells how good they seem"
        ));
    }
    if links.is_empty() {
        outcome = outcome.note("there are no reference links, so that no precision can be told");
    }
    Ok(outcome)
}

fn row(engine: &Engine, stage: &str, name: &str, links: &[Link]) -> Result<Vec<Value>> {
    let entry = catalog::artifact(&engine.db, name, None)?;
    let pair = catalog::pair(&engine.db, &entry.pair)?;
    let mut quality = (f64::NAN, f64::NAN);
    if !links.is_empty() {
        let set = seed::load(engine, &entry, &pair)?;
        let found = evaluate::seeds(&set.pairs(), links, links, (&[], &[]));
        quality = (found.precision, found.precision_judged);
    }
    Ok(vec![
        stage.into(),
        name.into(),
        entry.rows.into(),
        entry.dropped.into(),
        quality.0.into(),
        quality.1.into(),
        entry.seconds.into(),
    ])
}

/// `EXPLAIN PSQE …`: the stages with their state.
pub(crate) fn explained(engine: &Engine, spec: &Psqe, context: &Context) -> Result<Vec<Vec<Value>>> {
    catalog::pair(&engine.db, &spec.pair)?;
    let mut spec = spec.clone();
    if spec.name.is_empty() {
        spec.name = "seeds".to_string();
    }
    stages(&spec).iter().map(|(stage, request)| explain::stage(engine, stage, request, context)).collect()
}
