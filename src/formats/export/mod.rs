//! Links and seeds to files: csv, tsv, jsonl, SSSOM/TSV, `owl:sameAs`, Alignment API RDF, dbp15k ids.
//!
//! Rows are streamed to a temporary file beside the target, which is made durable and then renamed: the
//! target is either as it was or whole. An existing target is refused unless asked for. Nothing here
//! knows of the store; what is written, our readers read back to the same links.

use crate::error::{Code, Error, Result};
use crate::ops::spec::{Export, ExportFormat};
use crate::task::Task;

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
pub fn write_rows(
    spec: &Export,
    rows: impl Iterator<Item = Result<ExportRow>>,
    meta: &ExportMeta,
    task: &Task,
) -> Result<ExportReport> {
    let _ = (spec, rows.count(), meta);
    task.check()?;
    Err(Error::new(Code::Unsupported, "nothing can be exported yet"))
}
