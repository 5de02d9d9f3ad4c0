//! `DESCRIBE x`: everything the catalogue knows of one name.

use super::catalog::{self, ArtifactEntry, Entry, Input, PairEntry};
use super::engine::{Context, Engine};
use super::lineage;
use super::rows::{Column, ColumnKind, Outcome, Rows, Value};
use super::spec::Architecture;
use crate::error::Result;
use crate::kg::Side;
use crate::models::registry;
use crate::store::Digest;

/// Rows of `property` and `value`.
pub(crate) fn describe(engine: &Engine, name: &str, context: &Context) -> Result<Outcome> {
    let facts = match catalog::find(&engine.db, name)? {
        Some(Entry::Pair(pair)) => pair_facts(engine, &pair, context)?,
        Some(Entry::Artifact(artifact)) => artifact_facts(engine, &artifact)?,
        None => return Err(catalog::unknown(&engine.db, "pair or artifact", name, |_| true)),
    };
    let columns = vec![Column::new("property", ColumnKind::Text), Column::new("value", ColumnKind::Text)];
    let rows = facts.into_iter().map(|(property, value)| vec![property.into(), value]).collect();
    Ok(Outcome::rows("describe", Rows::ready(columns, rows)))
}

/// An aligner that can be trained: what it is, and its options.
pub(crate) fn model(model: Architecture) -> Outcome {
    let known = registry::entry(model);
    let columns = ["option", "default", "range", "meaning"].map(|name| Column::new(name, ColumnKind::Text));
    let rows = known.settings.into_iter().map(|setting| {
        vec![setting.name.into(), setting.default.into(), setting.range.into(), setting.meaning.into()]
    });
    let mut outcome = Outcome::rows("describe", Rows::ready(columns.to_vec(), rows.collect()));
    outcome.message = format!("{}: {}", model.as_str(), known.summary);
    let published = known.published.iter().map(|(name, value)| format!("{name} {value}"));
    outcome
        .note(known.paper)
        .note(format!("its authors use {}; here any modality may take part", known.modalities.join(", ")))
        .note(format!("as published: {}", published.collect::<Vec<_>>().join("; ")))
        .note(format!("its figures: {}", known.figures))
}

type Facts = Vec<(String, Value)>;

fn add(facts: &mut Facts, name: impl Into<String>, value: impl std::fmt::Display) {
    facts.push((name.into(), Value::Text(value.to_string())));
}

/// The first digits of a digest, for a person.
pub(crate) fn short(digest: &[u8; 32]) -> String {
    Digest(*digest).to_string()[..16].to_string()
}

fn pair_facts(engine: &Engine, pair: &PairEntry, context: &Context) -> Result<Facts> {
    let mut facts = Vec::new();
    add(&mut facts, "kind", "pair");
    add(&mut facts, "origin", &pair.origin);
    add(&mut facts, "version", pair.version);
    for side in Side::BOTH {
        let graph = pair.graph(side);
        let loaded = engine.graph(pair, side, context.task)?;
        let side = side.as_str();
        add(&mut facts, format!("{side}.entities"), graph.entities - graph.deleted);
        add(&mut facts, format!("{side}.relations"), graph.relations);
        add(&mut facts, format!("{side}.triples"), graph.triples);
        add(&mut facts, format!("{side}.attributes"), graph.attributes);
        add(&mut facts, format!("{side}.attribute_triples"), graph.attribute_triples);
        let named = loaded.names.iter().filter(|name| !name.is_empty()).count();
        add(&mut facts, format!("{side}.named"), named);
        add(&mut facts, format!("{side}.digest"), short(&graph.digest));
    }
    if let Some(verdicts) = &pair.verdicts {
        let text = format!("{} accepted, {} rejected", verdicts.accepted, verdicts.rejected);
        add(&mut facts, "verdicts", text);
    }
    match &pair.links {
        Some(links) => {
            let [train, valid, test, none] = links.splits;
            add(&mut facts, "links", links.count);
            add(
                &mut facts,
                "links.splits",
                format!("{train} train, {valid} valid, {test} test, {none} without a split"),
            );
        }
        None => add(&mut facts, "links", 0),
    }
    for feature in &pair.features {
        add(
            &mut facts,
            feature.modality.as_str(),
            format!(
                "{} + {} rows of {} {}; {}; digests {} {}",
                feature.present[0],
                feature.present[1],
                feature.cols,
                if feature.sparse { "sparse columns" } else { "columns" },
                feature.made_by,
                short(&feature.objects[0]),
                short(&feature.objects[1]),
            ),
        );
    }
    let artifacts = catalog::artifacts_of(&engine.db, &pair.name)?;
    add(&mut facts, "artifacts", artifacts.join(", "));
    Ok(facts)
}

fn artifact_facts(engine: &Engine, artifact: &ArtifactEntry) -> Result<Facts> {
    let mut facts = Vec::new();
    add(&mut facts, "kind", artifact.kind.as_str());
    add(&mut facts, "pair", &artifact.pair);
    add(&mut facts, "rows", artifact.rows);
    add(&mut facts, "dropped", artifact.dropped);
    add(&mut facts, "statement", &artifact.statement);
    let stale = lineage::stale(&engine.db, artifact)?;
    add(
        &mut facts,
        "state",
        if stale.is_empty() { "fresh".into() } else { format!("stale: {}", stale.join(", ")) },
    );
    for input in artifact.inputs.iter().filter(|input| input.is_told()) {
        match input {
            Input::Artifact { digest, .. }
            | Input::Feature { digest, .. }
            | Input::Graphs { digest, .. }
            | Input::Links { digest, .. }
            | Input::Entities { digest, .. }
            | Input::Verdicts { digest, .. } => {
                add(&mut facts, format!("made from {}", input.name()), short(digest));
            }
            Input::Modalities { names, .. } => add(&mut facts, input.name(), names.join(", ")),
        }
    }
    for (modality, weight) in artifact.modalities.iter().zip(&artifact.weights) {
        add(&mut facts, format!("weight of {modality}"), format!("{weight:.4}"));
    }
    for (name, value) in &artifact.facts {
        add(&mut facts, name.as_str(), value);
    }
    add(&mut facts, "digest", Digest(artifact.digest));
    add(&mut facts, "key", Digest(artifact.key));
    add(&mut facts, "seconds", format!("{:.3}", artifact.seconds));
    Ok(facts)
}
