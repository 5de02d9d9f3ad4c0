//! `SEED …` and `CORRECT …`: stages that give seed sets.

use super::artifact::{self, ArtifactRow, DroppedRow};
use super::catalog::ArtifactEntry;
use super::engine::{Context, Engine, LoadedPair};
use super::maintain::count;
use super::make::{Made, Product, make};
use super::plan::Plan;
use super::rows::{Column, ColumnKind, Outcome, Rows};
use super::spec::{Correct, Request, Seed, SeedMethod};
use crate::error::{Code, Error, Result};
use crate::features::Modality;
use crate::psqe::weights::{AutoWeights, Resolved};
use crate::psqe::{self, ClusterOptions, Clustering, CorrectOptions, Reason, SeedSet, Stage};

/// `SEED … FROM p AS s`.
pub(crate) fn seed(engine: &Engine, spec: &Seed, context: &Context) -> Result<Outcome> {
    let Plan { order, pair, modalities, .. } = Plan::new(engine, &Request::Seed(spec.clone()), context)?;
    let seed = order.seed;
    let product = make(engine, &order, || {
        let evidence = pair.evidence(&modalities, spec.missing, seed)?;
        let mut made = Made { missing: spec.missing.as_str().to_string(), ..Made::default() };
        match &spec.method {
            SeedMethod::Pivots(modality) => {
                let set = psqe::pivots(&evidence, modality, spec.count, context.task)?;
                let weight = |m: &Modality| if m == modality { 1.0 } else { 0.0 };
                made.weights = evidence.modalities().map(weight).collect();
                fill(&mut made, &set);
            }
            SeedMethod::Cluster { k, variant } => {
                let resolved = engine.weights(&pair, &spec.weights, spec.missing, &evidence, context)?;
                let options =
                    ClusterOptions { k: *k, count: spec.count, variant: *variant, seed, init: None };
                let (set, clustering) = psqe::cluster(&evidence, &resolved, &options, context.task)?;
                made.weights = resolved.factors();
                made.facts = weight_facts(&resolved);
                made.facts.extend(cluster_facts(&clustering));
                fill(&mut made, &set);
            }
        }
        Ok(made)
    })?;
    let mut outcome = summary("seed", &product);
    if product.entry.rows < spec.count as u64 {
        let found = product.entry.rows;
        outcome = outcome.note(format!("{} were asked for; {found} pairs could be found", spec.count));
    }
    Ok(outcome)
}

/// `CORRECT s AS s2`.
pub(crate) fn correct(engine: &Engine, spec: &Correct, context: &Context) -> Result<Outcome> {
    let plan = Plan::new(engine, &Request::Correct(spec.clone()), context)?;
    let pair = &plan.pair;
    let product = make(engine, &plan.order, || {
        let evidence = pair.evidence(&plan.modalities, spec.missing, plan.order.seed)?;
        let set = plan.seeds(engine)?;
        let resolved = engine.weights(pair, &spec.weights, spec.missing, &evidence, context)?;
        let options = CorrectOptions {
            direction: spec.direction,
            iterate: spec.iterate,
            all_rivals: spec.all_rivals,
            variant: spec.variant,
        };
        let corrected = psqe::correct(&set, &evidence, &resolved, &options, context.task)?;
        let mut made = Made { missing: spec.missing.as_str().to_string(), ..Made::default() };
        made.weights = resolved.factors();
        made.facts = weight_facts(&resolved);
        fill(&mut made, &corrected);
        describe_dropped(&mut made, &corrected, pair);
        Ok(made)
    })?;
    let mut outcome = summary("correct", &product);
    outcome.message = format!(
        "{}: kept {} of {}, dropped {}",
        product.entry.name,
        product.entry.rows,
        count((product.entry.rows + product.entry.dropped) as usize, "seed"),
        product.entry.dropped,
    ) + stored(&product);
    Ok(outcome)
}

/// The seed set of an artifact.
pub(crate) fn load(engine: &Engine, entry: &ArtifactEntry, pair: &LoadedPair) -> Result<SeedSet> {
    let stages = entry.stages.iter().map(|text| parse_stage(text)).collect::<Result<Vec<Stage>>>()?;
    let mut set = SeedSet::default();
    for modality in &entry.modalities {
        set.modalities.push(Modality::new(modality)?);
    }
    for row in artifact::rows(&engine.db, entry, (pair.left.len(), pair.right.len())) {
        let row = row?;
        let stage = stages.get(usize::from(row.stage)).cloned().ok_or_else(|| damaged(entry))?;
        set.seeds.push(psqe::Seed {
            left: row.left,
            right: row.right,
            score: row.score,
            stage,
            modal: row.modal,
        });
    }
    Ok(set)
}

fn damaged(entry: &ArtifactEntry) -> Error {
    Error::new(Code::Corrupt, format!("seed set `{}` names a stage that it does not list", entry.name))
        .help("run CHECK FULL; make the seed set again or restore a backup")
}

fn parse_stage(text: &str) -> Result<Stage> {
    text.parse().map_err(|_| Error::new(Code::Corrupt, format!("`{text}` is no stage that this build knows")))
}

/// Takes a seed set's rows over.
fn fill(made: &mut Made, set: &SeedSet) {
    made.modalities = set.modalities.iter().map(Modality::to_string).collect();
    for seed in &set.seeds {
        let row = row(made, seed);
        made.rows.push(row);
    }
}

fn row(made: &mut Made, seed: &psqe::Seed) -> ArtifactRow {
    let stage = made.stage(seed.stage.to_string());
    let modal = seed.modal.clone();
    ArtifactRow { left: seed.left, right: seed.right, score: seed.score, margin: f32::NAN, stage, modal }
}

fn describe_dropped(made: &mut Made, set: &SeedSet, pair: &LoadedPair) {
    for dropped in &set.dropped {
        let row = row(made, &dropped.seed);
        let (end, rival) = match dropped.reason {
            Reason::Row => (pair.left.label(dropped.seed.left), pair.right.label(dropped.rival)),
            Reason::Column => (pair.right.label(dropped.seed.right), pair.left.label(dropped.rival)),
        };
        let reason = format!(
            "{end} is more similar to {rival} ({:.4}) than to its partner ({:.4}), round {}",
            dropped.rival_score, dropped.score, dropped.round
        );
        made.dropped.push(DroppedRow { row, reason, rival: Some(dropped.rival) });
    }
}

/// The line and the little table that every seeding statement answers with.
fn summary(verb: &'static str, product: &Product) -> Outcome {
    let entry = &product.entry;
    let line = format!("{}: {}", entry.name, count(entry.rows as usize, "seed")) + stored(product);
    let mut outcome = Outcome::message(verb, line).with_rows(weights_table(entry));
    outcome.notes = product.notes.clone();
    outcome
}

/// What is said of a result that was there already.
pub(crate) fn stored(product: &Product) -> &'static str {
    if product.stored { " (stored result: nothing it was made from has changed)" } else { "" }
}

/// Modalities with their weights.
pub(crate) fn weights_table(entry: &ArtifactEntry) -> Rows {
    let columns = vec![Column::new("modality", ColumnKind::Text), Column::new("weight", ColumnKind::Float)];
    let pairs = entry.modalities.iter().zip(&entry.weights);
    Rows::ready(
        columns,
        pairs.map(|(modality, &weight)| vec![modality.as_str().into(), weight.into()]).collect(),
    )
}

/// What automatic weighting found, as facts of the artifact.
pub(crate) fn weight_facts(resolved: &Resolved) -> Vec<(String, String)> {
    let Some(AutoWeights { diagnoses, sample, fallback, .. }) = &resolved.auto else { return Vec::new() };
    let mut facts = vec![("weights".to_string(), format!("set without labels from {sample} rows"))];
    if *fallback {
        facts.push(("weights note".to_string(), "no two modalities agree; they weigh the same".to_string()));
    }
    for ((modality, _), seen) in resolved.weights.iter().zip(diagnoses) {
        facts.push((
            format!("diagnosis of {modality}"),
            format!(
                "present {:.1} %, mutual nearest {:.1} %, margin {:.4}, hubs {:.2} %, estimated precision {:.1} %",
                100.0 * seen.presence,
                100.0 * seen.mutual,
                seen.margin,
                100.0 * seen.hubness,
                100.0 * seen.precision
            ),
        ));
    }
    facts
}

fn cluster_facts(clustering: &Clustering) -> Vec<(String, String)> {
    let mut facts = vec![
        ("clusters".to_string(), clustering.k.to_string()),
        ("k-means iterations".to_string(), clustering.iterations.to_string()),
    ];
    for (k, silhouette) in &clustering.silhouettes {
        facts.push((format!("silhouette at k={k}"), format!("{silhouette:.4}")));
    }
    for (i, (left, right, quota, found)) in clustering.clusters.iter().enumerate() {
        facts.push((
            format!("cluster {i}"),
            format!("{left} left and {right} right entities, quota {quota}, {found} seeds"),
        ));
    }
    facts
}
