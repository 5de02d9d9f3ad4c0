//! Links and seeds to files: csv, tsv, jsonl, SSSOM/TSV, `owl:sameAs`, Alignment API RDF, dbp15k ids.
//!
//! Rows are streamed to a temporary file beside the target, which is made durable and then renamed: the
//! target is either as it was or whole. An existing target is refused unless asked for. Nothing here
//! knows of the store; what is written, our readers read back to the same links.

mod rdf;
mod sssom;
mod tables;
mod tabular;
mod target;

use std::path::Path;

use crate::error::{Code, Error, Result};
use crate::fs::FileSystem;
use crate::ops::spec::{Export, ExportFormat};
use crate::task::Task;

use target::Target;

pub(crate) use tabular::{Tabular, table_format, write_table};

/// Why a pair is believed, in the terms of the Semantic Mapping Vocabulary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Justification {
    /// Several modalities together.
    Composite,
    /// Similarity of one embedded modality.
    Similarity,
    /// Equal or similar names.
    Lexical,
    /// Matched neighbours.
    Structural,
    /// A person stated the pair.
    Curation,
    /// A person accepted a proposed pair.
    Review,
}

impl Justification {
    /// The CURIE of the term.
    pub fn curie(self) -> &'static str {
        match self {
            Justification::Composite => "semapv:CompositeMatching",
            Justification::Similarity => "semapv:SemanticSimilarityThresholdMatching",
            Justification::Lexical => "semapv:LexicalMatching",
            Justification::Structural => "semapv:StructuralMatching",
            Justification::Curation => "semapv:ManualMappingCuration",
            Justification::Review => "semapv:MappingReview",
        }
    }
}

/// One pair to write.
#[derive(Clone, Debug, PartialEq)]
pub struct ExportRow {
    /// IRI of the left entity.
    pub left_iri: String,
    /// IRI of the right entity.
    pub right_iri: String,
    /// What a person calls the left entity.
    pub left_label: String,
    /// What a person calls the right entity.
    pub right_label: String,
    /// The source's id of the left entity, where it has one.
    pub left_source_id: Option<u32>,
    /// The source's id of the right entity, where it has one.
    pub right_source_id: Option<u32>,
    /// Score of the pair.
    pub score: Option<f64>,
    /// Rank among the left entity's candidates, from 1.
    pub rank: u32,
    /// The stage that admitted the pair.
    pub stage: Option<String>,
    /// Why the pair is believed.
    pub justification: Justification,
    /// What the score measures: "cosine", "csls", …
    pub measure: Option<String>,
    /// What a person said of it, in a set of verdicts.
    pub reviewed: Option<Reviewed>,
}

/// What a person said of a pair.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Reviewed {
    /// Whether the two are not the same thing.
    pub denied: bool,
    /// Who said so.
    pub author: String,
    /// The day, as `2026-11-21`.
    pub date: String,
    /// Why.
    pub comment: String,
}

/// What is told of the whole file, in formats that have a place for it.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ExportMeta {
    /// Name of the pair.
    pub pair: String,
    /// Name of the artifact.
    pub artifact: String,
    /// Digest of the artifact, hexadecimal.
    pub digest: String,
    /// Version of Seedbed.
    pub tool_version: String,
    /// The day, as `2026-11-21`.
    pub date: String,
    /// Where the left entities come from: an IRI, or empty.
    pub subject_source: String,
    /// Where the right entities come from: an IRI, or empty.
    pub object_source: String,
    /// Whether the rows are verdicts of people.
    pub reviewed: bool,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportReport {
    /// The format.
    pub format: ExportFormat,
    /// Number of pairs.
    pub rows: u64,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// What a person should know and that is no error.
    pub notes: Vec<String>,
}

/// Writes rows to `spec.path`, in `spec.format` or the format that the file name tells.
///
/// Of `spec` the path, format, `overwrite`, `auto_prefixes`, `exact_match` and `license` are used.
/// Errors: what `rows` gives; [`Code::Conflict`] for an existing target; [`Code::NotFound`] for a
/// parent that does not exist; [`Code::BadValue`] for an IRI that the format cannot carry;
/// [`Code::MissingData`] for dbp15k without source ids; errors of the operating system;
/// [`Code::Cancelled`]. After an error the target is as it was.
pub(crate) fn write_rows(
    fs: &dyn FileSystem,
    spec: &Export,
    rows: impl Iterator<Item = Result<ExportRow>>,
    meta: &ExportMeta,
    task: &Task,
) -> Result<ExportReport> {
    task.check()?;
    let format = match spec.format {
        Some(format) => format,
        None => format_of(&spec.path)?,
    };
    let mut target = Target::create(fs, &spec.path, spec.overwrite)?;
    let mut report = ExportReport { format, rows: 0, bytes: 0, notes: Vec::new() };
    let written = write_body(spec, format, rows, meta, task, &mut target, &mut report);
    written.map_err(|error| error.path(&spec.path))?;
    task.check()?;
    report.bytes = target.finish()?;
    Ok(report)
}

/// Writes a file of another kind as exports are written: whole, durable, then named; gives its length.
///
/// Errors are those of the target and of the operating system; after one the target is as it was.
pub(crate) fn whole_file(
    fs: &dyn FileSystem,
    path: &Path,
    overwrite: bool,
    write: impl FnOnce(&mut dyn std::io::Write) -> std::io::Result<()>,
) -> Result<u64> {
    let mut target = Target::create(fs, path, overwrite)?;
    let written = write(&mut target);
    written.map_err(|cause| target.failed(cause))?;
    target.finish()
}

/// Fails as writing the file would before its first byte: if it exists and is not to be overwritten, or if it
/// cannot be a file.
pub(crate) fn check_target(path: &Path, overwrite: bool) -> Result<()> {
    target::check(path, overwrite).map(drop)
}

/// A format that takes rows one by one.
trait Sheet {
    /// Writes a row.
    fn row(&mut self, row: &ExportRow) -> Result<()>;

    /// Writes what comes after the last row.
    fn end(&mut self) -> Result<()> {
        Ok(())
    }
}

fn write_body(
    spec: &Export,
    format: ExportFormat,
    rows: impl Iterator<Item = Result<ExportRow>>,
    meta: &ExportMeta,
    task: &Task,
    target: &mut Target,
    report: &mut ExportReport,
) -> Result<()> {
    if format == ExportFormat::Sssom {
        let scratch = target.scratch()?;
        let mut set = sssom::Sssom::new(scratch, spec.auto_prefixes, spec.exact_match, meta.reviewed);
        report.rows = each_row(rows, task, |row| set.row(row))?;
        if set.outside > 0 {
            let n = set.outside;
            report.notes.push(format!(
                "scores outside 0..1 stand in the comments, as SSSOM has no place for them: {n}"
            ));
        }
        return set.finish(target, meta, &spec.license);
    }
    let mut sheet: Box<dyn Sheet + '_> = match format {
        ExportFormat::Csv => Box::new(tables::Table::new(target, b',')?),
        ExportFormat::Tsv => Box::new(tables::Table::new(target, b'\t')?),
        ExportFormat::Jsonl => Box::new(tables::JsonLines(target)),
        ExportFormat::Dbp15k => Box::new(tables::Ids(target)),
        ExportFormat::SameAs => Box::new(rdf::SameAs::new(target, spec.exact_match)),
        ExportFormat::Alignment => Box::new(rdf::Alignment::new(target, meta)?),
        ExportFormat::Sssom => return Err(Error::new(Code::Internal, "SSSOM has a writer of its own")),
        ExportFormat::Safetensors => {
            return Err(Error::new(Code::Conflict, "links and seeds have no parameters to write")
                .help("name a model, or another format"));
        }
    };
    report.rows = each_row(rows, task, |row| sheet.row(row))?;
    sheet.end()
}

/// Hands every row to `take`, with scores that are no numbers left out, and counts them.
fn each_row(
    rows: impl Iterator<Item = Result<ExportRow>>,
    task: &Task,
    mut take: impl FnMut(&ExportRow) -> Result<()>,
) -> Result<u64> {
    task.phase("exporting", rows.size_hint().1.map(|count| count as u64));
    let mut count = 0u64;
    for row in rows {
        if count.is_multiple_of(4096) {
            task.check()?;
            task.advance(count);
        }
        let mut row = row?;
        row.score = row.score.filter(|score| score.is_finite());
        take(&row)?;
        count += 1;
    }
    Ok(count)
}

/// The format that a file name tells.
pub fn format_of(path: &Path) -> Result<ExportFormat> {
    let name = lower_name(path);
    let endings = [
        (".sssom.tsv", ExportFormat::Sssom),
        (".sssom", ExportFormat::Sssom),
        (".safetensors", ExportFormat::Safetensors),
        (".tsv", ExportFormat::Tsv),
        (".csv", ExportFormat::Csv),
        (".jsonl", ExportFormat::Jsonl),
        (".ndjson", ExportFormat::Jsonl),
        (".nt", ExportFormat::SameAs),
        (".rdf", ExportFormat::Alignment),
        (".xml", ExportFormat::Alignment),
        ("_ent_ids", ExportFormat::Dbp15k),
    ];
    for columnar in ["parquet", "arrow", "feather"] {
        if name.ends_with(&format!(".{columnar}")) {
            return Err(Error::new(Code::Unsupported, format!("{columnar} is not written by this version"))
                .help("export as csv, tsv or jsonl")
                .path(path));
        }
    }
    ending_of(path, &endings)
        .ok_or_else(|| untold(path, "csv, tsv, jsonl, sssom, sameas, alignment, dbp15k, safetensors"))
}

/// What the ending of a file name stands for, in any case.
fn ending_of<T: Copy>(path: &Path, endings: &[(&str, T)]) -> Option<T> {
    let name = lower_name(path);
    endings.iter().find(|(ending, _)| name.ends_with(ending)).map(|(_, meant)| *meant)
}

fn lower_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase()
}

fn untold(path: &Path, formats: &str) -> Error {
    Error::new(Code::Conflict, format!("the name `{}` does not tell the format", lower_name(path)))
        .help(format!("add format=, one of {formats}"))
        .path(path)
}

#[cfg(test)]
mod tests;
