//! What people have said of pairs, from SSSOM: a mapping accepts, one with `predicate_modifier` `Not`
//! rejects.

use std::path::Path;

use super::{Resolver, sssom};
use crate::error::{Code, Error, Result};
use crate::kg::{EntityId, Graph};
use crate::ops::spec::{ImportLinks, LinkFormat};
use crate::task::Task;

/// A verdict as a file states it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadVerdict {
    /// Left entity.
    pub left: EntityId,
    /// Right entity.
    pub right: EntityId,
    /// Whether the pair is rejected.
    pub denied: bool,
    /// Who says so; may be empty.
    pub author: String,
    /// Why; may be empty.
    pub comment: String,
    /// The day, as `2026-11-21`; may be empty.
    pub date: String,
}

/// Reads verdicts on pairs of `left` and `right`, in the order of the file, with what to tell of it.
///
/// Errors: [`Code::NotFound`]; [`Code::BadFile`] and [`Code::BadValue`] with file and line;
/// [`Code::MissingData`] for a file without verdicts; [`Code::Cancelled`].
pub fn read_verdicts(
    path: &Path,
    left: &Graph,
    right: &Graph,
    lenient: bool,
    task: &Task,
) -> Result<(Vec<ReadVerdict>, Vec<String>)> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    task.phase(format!("reading {name}"), None);
    let format = Some(LinkFormat::Sssom);
    let spec = ImportLinks { format, path: path.to_path_buf(), pair: String::new(), split: None, lenient };
    let mut resolver = Resolver::new(&spec, LinkFormat::Sssom, left, right, task);
    let mut verdicts = Vec::new();
    sssom::each(path, &mut resolver, |resolver, mapping| {
        if let Some((left, right)) = resolver.find(mapping.left, mapping.right, mapping.at)? {
            verdicts.push(ReadVerdict {
                left,
                right,
                denied: mapping.denied,
                author: mapping.author.to_string(),
                comment: mapping.comment.to_string(),
                date: mapping.date.to_string(),
            });
        }
        Ok(())
    })?;
    let report = resolver.report;
    if verdicts.is_empty() {
        return Err(Error::new(Code::MissingData, "the file holds no verdict on entities of both graphs")
            .help("verdicts are read from SSSOM/TSV; is the file of this pair?")
            .path(path));
    }
    let mut notes = Vec::new();
    if report.unknown > 0 {
        let first = report.unknown_first.join("; ");
        notes
            .push(format!("verdicts on unknown entities were left out: {} (first: {first})", report.unknown));
    }
    if report.other > 0 {
        notes.push(format!("mappings of another relation than equality were left out: {}", report.other));
    }
    notes.extend(report.skipped.note());
    Ok((verdicts, notes))
}
