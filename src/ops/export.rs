//! `EXPORT`: the rows of an artifact as a file others read.

use std::collections::HashMap;
use std::path::Path;

use super::align::MEASURE;
use super::artifact;
use super::catalog::{self, ArtifactEntry, ArtifactKind};
use super::engine::{Context, Engine};
use super::lineage;
use super::maintain::{bytes, count};
use super::rows::Outcome;
use super::runs;
use super::spec::{Architecture, Export, ExportFormat};
use super::train::{ARCHITECTURE, JOINT};
use crate::clock;
use crate::error::{Code, Error, Result};
use crate::formats::export::{ExportMeta, ExportRow, Justification, format_of, whole_file, write_rows};
use crate::fs::parent;
use crate::models::{names, tensors};
use crate::store::Digest;

/// Writes the artifact's rows.
pub(crate) fn export(engine: &Engine, spec: &Export, context: &Context) -> Result<Outcome> {
    let entry = catalog::with_rows(&engine.db, &spec.target)?;
    refuse_inside(engine.db.path(), &spec.path)?;
    let format = spec.format.map_or_else(|| format_of(&spec.path), Ok)?;
    if entry.kind == ArtifactKind::Model && format == ExportFormat::Safetensors {
        return parameters(engine, &entry, spec);
    }
    let [left, right] = engine.graphs_of(&entry.pair, context.task)?;
    let measure = entry.fact(MEASURE).unwrap_or("cosine similarity").to_string();
    let stale = lineage::stale(&engine.db, &entry)?;
    let used: Vec<&str> = entry
        .modalities
        .iter()
        .zip(&entry.weights)
        .filter(|(_, weight)| **weight > 0.0)
        .map(|(modality, _)| modality.as_str())
        .collect();
    let one = used.len() == 1;
    let by_name = used == ["text"];
    let stages = entry.stages.clone();
    let mut ranks = HashMap::new();
    let rows = artifact::rows(&engine.db, &entry, (left.len(), right.len())).map(|row| {
        let row = row?;
        let rank = ranks.entry(row.left).or_insert(0u32);
        *rank += 1;
        let (left_label, right_label) = (left.label(row.left), right.label(row.right));
        let justification = match one {
            true if by_name && left_label == right_label => Justification::Lexical,
            true => Justification::Similarity,
            false => Justification::Composite,
        };
        Ok(ExportRow {
            left_iri: left.entities.get(row.left as usize).to_string(),
            right_iri: right.entities.get(row.right as usize).to_string(),
            left_label,
            right_label,
            left_source_id: left.source_id(row.left),
            right_source_id: right.source_id(row.right),
            score: row
                .score
                .is_finite()
                .then(|| row.score.to_string().parse().unwrap_or(f64::from(row.score))),
            rank: *rank,
            stage: stages.get(usize::from(row.stage)).cloned(),
            justification,
            measure: Some(measure.clone()),
            reviewed: None,
        })
    });
    let meta = ExportMeta {
        pair: entry.pair.clone(),
        artifact: entry.name.clone(),
        digest: Digest(entry.digest).to_string(),
        tool_version: env!("CARGO_PKG_VERSION").to_string(),
        date: clock::day(entry.created),
        subject_source: String::new(),
        object_source: String::new(),
        reviewed: false,
    };
    let report = write_rows(&*engine.outside, spec, rows, &meta, context.task)?;
    let what = if entry.kind == ArtifactKind::Alignment { "link" } else { "seed" };
    let line = format!(
        "{} to {} as {}, {}",
        count(report.rows as usize, what),
        spec.path.display(),
        report.format.as_str(),
        bytes(report.bytes)
    );
    let mut outcome = Outcome::message("export", line);
    outcome.notes = report.notes;
    if !stale.is_empty() {
        outcome.notes.push(format!("`{}` is stale: {}", entry.name, stale.join(", ")));
    }
    Ok(outcome)
}

/// Writes the parameters of a model: of an aligner under its authors' names and in their shapes.
fn parameters(engine: &Engine, entry: &ArtifactEntry, spec: &Export) -> Result<Outcome> {
    let known = runs::parameters(&engine.db, entry)?;
    let modalities = entry.modalities.iter().filter(|name| *name != JOINT).cloned().collect::<Vec<_>>();
    let known = match entry.fact(ARCHITECTURE).and_then(Architecture::from_word) {
        Some(model) => names::export(model, &modalities, known),
        None => known,
    };
    let file = tensors::to_bytes(&known)?;
    let written = whole_file(&*engine.outside, &spec.path, spec.overwrite, |writer| writer.write_all(&file))?;
    let line = format!(
        "{} of {} to {} as safetensors, {}",
        count(known.len(), "tensor"),
        entry.name,
        spec.path.display(),
        bytes(written)
    );
    Ok(Outcome::message("export", line))
}

/// Fails for a file inside the store: it would be taken for damage, or be it.
pub fn refuse_inside(store: &Path, path: &Path) -> Result<()> {
    match (store.canonicalize(), parent(path).canonicalize()) {
        (Ok(store), Ok(parent)) if parent.starts_with(&store) => {
            Err(Error::new(Code::Conflict, "nothing can be written into the store's own directory")
                .help("name a file elsewhere")
                .path(path))
        }
        _ => Ok(()),
    }
}
