//! `EXPLAIN <statement>`: what it would do, what is there already, and what it costs.

use super::canonical::canonical;
use super::catalog::{self, Entry, PairEntry};
use super::engine::{Context, Engine};
use super::lineage;
use super::maintain::bytes;
use super::make::Order;
use super::plan::Plan;
use super::psqe;
use super::rows::{Column, ColumnKind, Outcome, Rows, Value};
use super::spec::{self, Matching, Request, SeedMethod};
use super::tune;
use crate::error::{Code, Result};

type Steps = Vec<Vec<Value>>;

/// Steps with their state, the reason for it, and an estimate of multiply-adds and memory.
pub(crate) fn explain(engine: &Engine, request: &Request, context: &Context) -> Result<Outcome> {
    let steps = match request {
        Request::Seed(_)
        | Request::Tune(_)
        | Request::Train(_)
        | Request::Correct(_)
        | Request::Expand(_)
        | Request::Align(_) => planned(engine, request, &Plan::new(engine, request, context)?, context)?,
        Request::Psqe(spec) => psqe::explained(engine, spec, context)?,
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
            let what = match spec.matching {
                Matching::Greedy => "top-k both ways, then one to one by falling score",
                Matching::Mutual => "top-k both ways, then mutual nearest",
                Matching::Best => "top-k, then each left entity's best",
            };
            (what.to_string(), if spec.csls.is_some() { 2 } else { 1 })
        }
        Request::Expand(_) => ("top-k both ways, then neighbours of seeds".to_string(), 1),
        Request::Tune(spec) => (format!("tune for {} epochs", spec.epochs), 0),
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
    steps.extend([work, result]);
    Ok(steps)
}

fn step(what: &str, state: &str, because: &str, cost: &str) -> Vec<Value> {
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
