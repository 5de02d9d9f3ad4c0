//! Feature matrices from files: npy, npz, safetensors, and pickled dictionaries of image features.
//!
//! A file is streamed into the two sides' matrices; it is never held whole beside them. Which row is
//! whose is settled first (`owners`), then numbers flow through a sink that checks that each is finite
//! and converts it to `f32`. A row that the file does not have, or that the presence array marks as
//! not real, is missing: zeros in memory, absent in the bitmap. Sizes claimed by a file are believed
//! only as far as its length can bear them out. Nothing here executes what a pickle asks for.

use crate::error::{Code, Error, Result};
use crate::features::OwnedFeature;
use crate::kg::Graph;
use crate::ops::spec::ImportFeatures;
use crate::task::Task;

/// The graphs whose entities the rows belong to.
#[derive(Clone, Copy, Debug)]
pub struct PairIds<'a> {
    /// The left graph.
    pub left: &'a Graph,
    /// The right graph.
    pub right: &'a Graph,
}

/// How rows were given to entities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RowOrder {
    /// The row number, or the dictionary's key, is the source's id of the entity.
    SourceIds,
    /// Line i of the companion file names the entity of row i.
    Companion,
    /// One file a side, rows in entity order.
    EntityOrder,
    /// One file, the left graph's entities in order and then the right's.
    LeftThenRight,
}

/// What was found in the files of a modality.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatrixReport {
    /// Rows in the files, together.
    pub rows: u64,
    /// Width of a row.
    pub dims: u64,
    /// Number type in the file: `float16`, `float32`, …
    pub dtype: String,
    /// Whether the matrix is sparse.
    pub sparse: bool,
    /// How rows were given to entities.
    pub order: RowOrder,
    /// Left and right entities with a row.
    pub present: [u64; 2],
    /// Left and right entities without one.
    pub missing: [u64; 2],
    /// Rows that belong to no entity of the pair; they were left out.
    pub unknown: u64,
    /// The first five of those, by id or IRI.
    pub unknown_first: Vec<String>,
    /// Rows the presence array marks as not real.
    pub marked_missing: u64,
    /// Rows taken as real whose numbers are all zero.
    pub zero_rows: u64,
    /// What a person should know and that is no error.
    pub notes: Vec<String>,
}

/// A modality as read: both sides and a report.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureImport {
    /// Rows of the left entities.
    pub left: OwnedFeature,
    /// Rows of the right entities.
    pub right: OwnedFeature,
    /// What was found.
    pub report: MatrixReport,
}

/// Reads a modality from one file over both sides, or from the left's and the right's.
///
/// Rows are `f32`, C order or CSR; a missing row is all zeros and absent from the bitmap. Whose a row
/// is: the row number is the source id where the pair has ids that are unique over both sides; else the
/// companion file says it; else two files, one a side, in entity order; else one file over the left and
/// then the right entities, which the report notes.
///
/// Errors: [`Code::NotFound`]; [`Code::BadFile`] for what is not the format; [`Code::BadValue`] for
/// numbers that are not finite, types that are no floats, and row counts that do not fit;
/// [`Code::Conflict`] for options that exclude each other; [`Code::Limit`] for claimed sizes past what
/// the file can hold; [`Code::Cancelled`].
pub fn read_features(spec: &ImportFeatures, pair: &PairIds<'_>, task: &Task) -> Result<FeatureImport> {
    let _ = (spec, pair);
    task.check()?;
    Err(Error::new(Code::Unsupported, "feature matrices cannot be read yet"))
}
