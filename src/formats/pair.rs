//! One door to all readers of whole pairs.

use crate::error::{Code, Error, Result};
use crate::kg::{Graph, Link};
use crate::ops::spec::Import;
use crate::task::Task;

use super::report::ImportReport;

/// What an import found: two graphs, the links between them, and a report.
#[derive(Clone, Debug, Default)]
pub struct PairSource {
    /// The left graph.
    pub left: Graph,
    /// The right graph.
    pub right: Graph,
    /// Reference links in the order of their file, without repeats; the split where the source names one.
    pub links: Vec<Link>,
    /// Counts, lints and notes.
    pub report: ImportReport,
}

/// Reads a pair of graphs in the layout that `spec.format` names.
///
/// Errors: [`Code::NotFound`] for missing files, [`Code::BadFile`] and [`Code::BadValue`] with file and
/// line for broken ones, [`Code::MissingData`] for a side without entities, [`Code::Limit`] for lines
/// past the bound, [`Code::Cancelled`].
pub fn read_pair(spec: &Import, task: &Task) -> Result<PairSource> {
    task.check()?;
    Err(Error::new(Code::Unsupported, format!("the layout {:?} cannot be read yet", spec.format)))
}
