//! One door to all readers of whole pairs.

use std::path::Path;

use crate::error::{Code, Error, Result};
use crate::kg::{Graph, Link};
use crate::ops::spec::{Import, PairFormat};
use crate::task::Task;

use super::report::ImportReport;
use super::{dbp15k, jape, mmkg, openea, rdf, tables};

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
    match spec.format {
        PairFormat::Dbp15k => dbp15k::read(spec, task, one_folder(spec)?),
        PairFormat::Jape => jape::read(spec, task, one_folder(spec)?),
        PairFormat::Openea => openea::read(spec, task, one_folder(spec)?),
        PairFormat::Rdf => rdf::read(spec, task),
        PairFormat::Mmkg => mmkg::read(spec, task),
        PairFormat::Csv => tables::read(spec, task, one_folder(spec)?),
    }
}

/// The one folder of a layout that has both sides in one.
fn one_folder(spec: &Import) -> Result<&Path> {
    match spec.paths.as_slice() {
        [path] => Ok(path),
        paths => Err(Error::new(
            Code::Conflict,
            format!("this layout is one folder, {} paths are given", paths.len()),
        )
        .help("give the folder that holds both sides")),
    }
}
