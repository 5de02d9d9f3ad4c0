//! `EXPLAIN <statement>`: what it would do, what is there already, and what it costs.

use super::bench;
use super::canonical::canonical;
use super::catalog::{self, Entry, PairEntry};
use super::cells;
use super::engine::{Context, Engine};
use super::lineage;
use super::maintain::bytes;
use super::make::Order;
use super::plan::Plan;
use super::psqe;
use super::refresh;
use super::rows::{Column, ColumnKind, Outcome, Rows, Value};
use super::runs;
use super::search;
use super::spec::{self, Align, Auto, Matching, Request, Rescale, Search, SeedMethod};
use super::tune;
use crate::error::{Code, Result};
use crate::matching::ALL_PAIRS;

type Steps = Vec<Vec<Value>>;

/// Steps with their state, the reason for it, and an estimate of multiply-adds and memory.
pub(crate) fn explain(engine: &Engine, request: &Request, context: &Context) -> Result<Outcome> {
    let steps = match request {
        Request::Seed(_)
        | Request::Tune(_)
        | Request::Train(_)
        | Request::Correct(_)
        | Request::Expand(_)
        | Request::CreateIndex(_)
        | Request::Align(_) => planned(engine, request, &Plan::new(engine, request, context)?, context)?,
        Request::Psqe(spec) => psqe::explained(engine, spec, context)?,
        Request::Refresh(spec) => refresh::explained(engine, spec)?,
        Request::Match(spec) => vec![search::explained(engine, spec, context)?],
        Request::Bench(spec) => bench::explained(engine, spec, context)?,
        Request::Embed(spec::Embed { pair, .. })
        | Request::ImportFeatures(spec::ImportFeatures { pair, .. })
        | Request::ImportLinks(spec::ImportLinks { pair, .. }) => {
            catalog::pair(&engine.db, pair)?;
            vec![step("run the statement", "to do", "what it brings becomes part of the pair", "")]
        }
        _ => vec![step("run the statement", "to do", "its result is not stored as an artifact", "")],
    };
    let columns =
        ["step", "state", "because", "cost"].map(|name| Column::new(name, ColumnKind::Text)).to_vec();
    Ok(Outcome::rows("explain", Rows::ready(columns, steps)))
}

/// One stage of several: what it makes, and whether that is there.
pub(crate) fn stage(engine: &Engine, what: &str, request: &Request, context: &Context) -> Result<Vec<Value>> {
    match Plan::new(engine, request, context) {
        Ok(plan) => {
            let mut row = result_step(engine, &plan.order)?;
            row[0] = format!("{what}: {}", canonical(request)).into();
            Ok(row)
        }
        Err(error) if error.code() == Code::UnknownName => {
            let what = format!("{what}: {}", canonical(request));
            Ok(step(&what, "to do", "what it starts from is still to be made", ""))
        }
        Err(error) => Err(error),
    }
}

/// The steps of a statement that makes an artifact: what is read, the work, the result.
fn planned(engine: &Engine, request: &Request, plan: &Plan, context: &Context) -> Result<Steps> {
    let mut steps = Vec::new();
    for source in &plan.sources {
        let stale = lineage::stale(&engine.db, source)?;
        let state = if stale.is_empty() { "fresh" } else { "stale" };
        let what = format!("read {} seeds of {}", source.rows, source.name);
        steps.push(step(&what, state, &stale.join(", "), ""));
    }
    steps.extend(input_steps(&plan.pair, &plan.modalities));
    let (work, passes) = match request {
        Request::Seed(spec) => match &spec.method {
            SeedMethod::Pivots(modality) => (format!("pair by {modality}, one to one"), 1),
            SeedMethod::Cluster { .. } => ("cluster, then pair within clusters".to_string(), 1),
            SeedMethod::Global { .. } => ("top-k both ways, then mutual best in rounds".to_string(), 1),
        },
        Request::Align(spec) => {
            let passes = if spec.rescale == Rescale::None { 1 } else { 2 };
            (matching_step(spec, plan.pair.graphs.each_ref().map(|graph| graph.entities)), passes)
        }
        Request::Expand(_) => ("top-k both ways, then neighbours of seeds".to_string(), 1),
        Request::Tune(spec) => (format!("tune for {} epochs", spec.epochs), 0),
        Request::Train(spec) => {
            let epochs = spec.clone().filled().epochs.unwrap_or_default();
            (format!("train {} for {epochs} epochs", spec.model.as_str()), 0)
        }
        Request::CreateIndex(spec) => {
            let what = "part the rows of each side in cells, link neighbours, measure recall";
            (format!("{what} (m {}, ef {})", spec.m, spec.ef), 0)
        }
        _ => ("compare every seed with its rivals".to_string(), 0),
    };
    let result = result_step(engine, &plan.order)?;
    let mut work = work_step(&plan.pair, &plan.modalities, &work, passes);
    if result[1] == Value::from("fresh") {
        work[1] = "not needed".into();
    } else if let Request::Tune(spec) = request {
        let (field, cost) = tune::cost(engine, spec, plan, context.task)?;
        (work[2], work[3]) = (field.into(), cost.into());
    }
    let search = match request {
        Request::Seed(spec::Seed { search, .. })
        | Request::Correct(spec::Correct { search, .. })
        | Request::Expand(spec::Expand { search, .. })
        | Request::Align(spec::Align { search, .. }) => Some(search),
        _ => None,
    };
    let search = search.filter(|_| result[1] != Value::from("fresh"));
    steps.extend(search.map(|search| search_step(search, &plan.pair)));
    steps.extend([work, result]);
    Ok(steps)
}

/// Which pairs are compared, and why.
fn search_step(search: &Search, pair: &PairEntry) -> Vec<Value> {
    let [left, right] = pair.graphs.each_ref().map(|graph| graph.entities);
    let pairs = left.saturating_mul(right);
    let because = match search.exact {
        Some(exact) => format!("exact={exact}"),
        None => format!("{pairs} pairs; up to {} all are compared", cells::AFFORDABLE),
    };
    let what = match cells::wanted(search, pairs) {
        false => "compare all pairs".to_string(),
        true => format!(
            "compare pairs in a cell together, or all if cells keep less than recall={}",
            search.recall
        ),
    };
    step(&what, "to do", &because, "")
}

/// What `ALIGN` does between sides of so many entities, and what that guarantees.
fn matching_step(spec: &Align, [left, right]: [u64; 2]) -> String {
    let ranked = spec.rescale == Rescale::Rinf;
    let candidates = match left.saturating_mul(right) <= ALL_PAIRS as u64 {
        true => "all pairs".to_string(),
        false => format!("the {} candidates of each entity", spec.candidates),
    };
    let lists =
        if ranked { format!("mutual ranks over {candidates}") } else { "top-k both ways".to_string() };
    let then = match spec.matching {
        Matching::Greedy => "one to one by falling score",
        Matching::Stable => "one to one by falling score, which is stable",
        Matching::Mutual => "mutual nearest",
        Matching::Best if spec.is_one_to_one() => "each left entity's best, once for a right one",
        Matching::Best => "each left entity's best",
        Matching::Hungarian if ranked => "the greatest total of these",
        Matching::Hungarian => {
            "the greatest total by augmenting paths, proved by passes over all pairs until none finds a \
             better link (usually 1 to 5)"
        }
        Matching::Sinkhorn => {
            let pick =
                if spec.is_one_to_one() { "one to one by falling share" } else { "the greatest share" };
            return format!(
                "{lists}, then {} iterations of Sinkhorn over {candidates}, then {pick}",
                spec.iterations
            );
        }
    };
    let cut = match spec.threshold {
        Some(Auto::Auto) => ", cut where decoys say so",
        _ => "",
    };
    format!("{lists}, then {then}{cut}")
}

pub(super) fn step(what: &str, state: &str, because: &str, cost: &str) -> Vec<Value> {
    vec![what.into(), state.into(), because.into(), cost.into()]
}

fn input_steps(entry: &PairEntry, modalities: &[String]) -> Steps {
    let features = modalities.iter().filter_map(|modality| entry.feature(modality));
    features
        .map(|feature| {
            let what = format!(
                "map {} of {}: {} + {} rows of {}",
                feature.modality, entry.name, feature.present[0], feature.present[1], feature.cols
            );
            step(&what, "fresh", &feature.made_by, "read as it is needed")
        })
        .collect()
}

/// Dense columns cost two operations a pair of entities; sparse ones next to nothing beside them.
fn work_step(pair: &PairEntry, modalities: &[String], what: &str, passes: u64) -> Vec<Value> {
    let dense: u64 =
        modalities.iter().filter_map(|m| pair.feature(m)).filter(|f| !f.sparse).map(|f| f.cols).sum();
    let [left, right] = pair.graphs.each_ref().map(|graph| graph.entities);
    let operations = 2.0 * (left * right) as f64 * dense as f64 * passes as f64;
    let copied = (left + right) * dense * 4;
    let cost = match passes {
        0 => String::new(),
        _ => format!(
            "{:.2} GFLOP for the products, at most {} beside the inputs",
            operations / 1e9,
            bytes(copied + (64 << 20))
        ),
    };
    step(what, "to do", "", &cost)
}

fn result_step(engine: &Engine, order: &Order) -> Result<Vec<Value>> {
    let name = &order.name;
    let key = order.key();
    let stored = catalog::by_key(&engine.db, &key)?;
    if let Some(stored) = stored {
        let what = format!("give {} stored rows as {name}", stored.rows);
        return Ok(step(
            &what,
            "fresh",
            &format!("the same work made {}; nothing above is done", stored.name),
            "",
        ));
    }
    if let Some(run) = runs::of_key(&engine.db, &key)? {
        let done = match run.finished {
            true => format!("it was trained for {} epochs, and is still to be stored", run.curve.len()),
            false => {
                format!("{} of {} epochs are kept, and it goes on from there", run.curve.len(), run.epochs)
            }
        };
        return Ok(step(&format!("store as {name}"), "partial", &done, ""));
    }
    let because = match catalog::find(&engine.db, name)? {
        Some(Entry::Artifact(old)) => {
            let stale = lineage::stale(&engine.db, &old)?;
            let why =
                if stale.is_empty() { String::new() } else { format!(" (stale: {})", stale.join(", ")) };
            format!("replaces the former {name}{why}: {}", old.statement)
        }
        _ => "no result of this work is stored".to_string(),
    };
    Ok(step(&format!("store as {name}"), "to do", &because, ""))
}
