//! `EXPLAIN <statement>`: what it would do, what is there already, and what it costs.

use super::canonical::canonical;
use super::catalog::{self, ArtifactKind, Entry, Input};
use super::engine::{Context, Engine, LoadedPair};
use super::lineage;
use super::maintain::bytes;
use super::rows::{Column, ColumnKind, Outcome, Rows, Value};
use super::spec::{Align, Correct, Matching, Request, Seed, SeedMethod, Weights};
use crate::error::Result;

type Steps = Vec<Vec<Value>>;

/// Steps with their state, the reason for it, and an estimate of multiply-adds and memory.
pub(crate) fn explain(engine: &Engine, request: &Request, context: &Context) -> Result<Outcome> {
    let steps = match request {
        Request::Seed(spec) => {
            let spec = Seed { seed: Some(spec.seed.unwrap_or(context.settings.seed)), ..spec.clone() };
            let pair = engine.load_pair(&spec.pair, context.task)?;
            let weights = match spec.method {
                SeedMethod::Pivots(_) => Weights::Equal,
                SeedMethod::Cluster { .. } => spec.weights.clone(),
            };
            let modalities = pair.wanted(&weights)?;
            let what = match &spec.method {
                SeedMethod::Pivots(modality) => format!("pair by {modality}, one to one"),
                SeedMethod::Cluster { .. } => "cluster, then pair within clusters".to_string(),
            };
            let mut steps = input_steps(&pair, &modalities);
            steps.push(work_step(&pair, &modalities, &what, 1));
            let unnamed = canonical(&Request::Seed(Seed { name: String::new(), ..spec.clone() }));
            steps.push(result_step(engine, &spec.name, &unnamed, &pair.inputs(&weights, &modalities))?);
            steps
        }
        Request::Correct(spec) => {
            let spec = Correct { seed: Some(spec.seed.unwrap_or(context.settings.seed)), ..spec.clone() };
            let source = catalog::artifact(&engine.db, &spec.seeds, Some(ArtifactKind::Seeds))?;
            let pair = engine.load_pair(&source.pair, context.task)?;
            let modalities = pair.wanted(&spec.weights)?;
            let stale = lineage::stale(&engine.db, &source)?;
            let mut steps = vec![step(
                &format!("read {} seeds of {}", source.rows, source.name),
                if stale.is_empty() { "fresh" } else { "stale" },
                &stale.join(", "),
                "",
            )];
            steps.extend(input_steps(&pair, &modalities));
            steps.push(step("compare every seed with its rivals", "to do", "", ""));
            let mut inputs = vec![lineage::artifact_input(&source)];
            inputs.extend(pair.inputs(&spec.weights, &modalities));
            let unnamed = canonical(&Request::Correct(Correct { name: String::new(), ..spec.clone() }));
            steps.push(result_step(engine, &spec.name, &unnamed, &inputs)?);
            steps
        }
        Request::Align(spec) => {
            let spec = Align { seed: Some(spec.seed.unwrap_or(context.settings.seed)), ..spec.clone() };
            let pair = engine.load_pair(&spec.pair, context.task)?;
            let modalities = pair.wanted(&spec.weights)?;
            let passes = if spec.csls.is_some() { 2 } else { 1 };
            let what = match spec.matching {
                Matching::Greedy => "top-k both ways, then one to one by falling score",
                Matching::Mutual => "top-k both ways, then mutual nearest",
                Matching::Best => "top-k, then each left entity's best",
            };
            let mut steps = input_steps(&pair, &modalities);
            steps.push(work_step(&pair, &modalities, what, passes));
            let unnamed = canonical(&Request::Align(Align { name: String::new(), ..spec.clone() }));
            steps.push(result_step(engine, &spec.name, &unnamed, &pair.inputs(&spec.weights, &modalities))?);
            steps
        }
        _ => vec![step("run the statement", "to do", "its result is not stored as an artifact", "")],
    };
    let columns =
        ["step", "state", "because", "cost"].map(|name| Column::new(name, ColumnKind::Text)).to_vec();
    Ok(Outcome::rows("explain", Rows::ready(columns, steps)))
}

fn step(what: &str, state: &str, because: &str, cost: &str) -> Vec<Value> {
    vec![what.into(), state.into(), because.into(), cost.into()]
}

fn input_steps(pair: &LoadedPair, modalities: &[String]) -> Steps {
    let entry = &pair.entry;
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
fn work_step(pair: &LoadedPair, modalities: &[String], what: &str, passes: u64) -> Vec<Value> {
    let dense: u64 =
        modalities.iter().filter_map(|m| pair.entry.feature(m)).filter(|f| !f.sparse).map(|f| f.cols).sum();
    let (left, right) = (pair.left.len() as u64, pair.right.len() as u64);
    let operations = 2.0 * (left * right) as f64 * dense as f64 * passes as f64;
    let copied = (left + right) * dense * 4;
    let cost = format!(
        "{:.2} TFLOP exact, at most {} beside the inputs",
        operations / 1e12,
        bytes(copied + (64 << 20))
    );
    step(what, "to do", "", &cost)
}

fn result_step(engine: &Engine, name: &str, recipe: &str, inputs: &[Input]) -> Result<Vec<Value>> {
    let key = lineage::key(recipe, inputs);
    let stored = catalog::all(&engine.db)?.into_iter().find_map(|entry| match entry {
        Entry::Artifact(artifact) if artifact.key == key => Some(artifact),
        _ => None,
    });
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
