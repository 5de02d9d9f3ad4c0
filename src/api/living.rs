//! Edits, verdicts and refreshes.

use std::path::PathBuf;

use super::{Pair, Store};
use crate::error::Result;
use crate::kg::Side;
use crate::ops::Outcome;
use crate::ops::spec::{
    ApplyDiff, Change, Edit, ExportVerdicts, ImportInto, ImportVerdicts, Judge, Refresh, Request, Statement,
    Undo,
};
use crate::task::Task;

impl Pair {
    /// Makes one change of a graph; each raises the pair's version.
    pub fn edit(&self, side: Side, change: Change) -> Result<Outcome> {
        self.store().run(&Request::Edit(Edit { pair: self.name().to_string(), side, change }))
    }

    /// Adds a relation triple; entities and relations that are not known become new.
    pub fn insert_triple(&self, side: Side, head: &str, relation: &str, tail: &str) -> Result<Outcome> {
        self.edit(side, Change::InsertTriple(statement(head, relation, tail)))
    }

    /// Deletes a relation triple.
    pub fn delete_triple(&self, side: Side, head: &str, relation: &str, tail: &str) -> Result<Outcome> {
        self.edit(side, Change::DeleteTriple(statement(head, relation, tail)))
    }

    /// Adds an entity, or names one that is there.
    pub fn insert_entity(&self, side: Side, iri: &str, name: Option<&str>) -> Result<Outcome> {
        let name = name.map(str::to_string);
        self.edit(side, Change::InsertEntity { entity: iri.to_string(), name })
    }

    /// Deletes an entity with all that is said of it.
    pub fn delete_entity(&self, side: Side, entity: &str) -> Result<Outcome> {
        self.edit(side, Change::DeleteEntity { entity: entity.to_string() })
    }

    /// Applies a file of N-Triples whose lines begin with `+` or `-`.
    pub fn apply_diff(&self, side: Side, path: impl Into<PathBuf>) -> Result<Outcome> {
        let (path, pair) = (path.into(), self.name().to_string());
        let diff = ApplyDiff { path, removed: None, pair, side, prune: false, lenient: false };
        self.store().run(&Request::ApplyDiff(diff))
    }

    /// Adds the statements of an RDF file to a graph.
    pub fn import_into(&self, side: Side, path: impl Into<PathBuf>) -> Result<Outcome> {
        let (path, pair) = (path.into(), self.name().to_string());
        self.store().run(&Request::ImportInto(ImportInto { path, pair, side, lenient: false }))
    }

    /// Says that a left and a right entity are the same thing, or are not.
    pub fn judge(&self, left: &str, right: &str, same: bool, comment: Option<&str>) -> Result<Outcome> {
        self.store().run(&Request::Judge(Judge {
            pair: self.name().to_string(),
            accept: same,
            pairs: vec![(left.to_string(), right.to_string())],
            comment: comment.map(str::to_string),
            author: None,
        }))
    }

    /// Takes the last verdict back.
    pub fn undo(&self) -> Result<Outcome> {
        self.store().run(&Request::Undo(Undo { pair: self.name().to_string(), pairs: Vec::new() }))
    }

    /// Reads verdicts from an SSSOM file.
    pub fn import_verdicts(&self, path: impl Into<PathBuf>) -> Result<Outcome> {
        let (path, pair) = (path.into(), self.name().to_string());
        self.store().run(&Request::ImportVerdicts(ImportVerdicts { path, pair, lenient: false }))
    }

    /// Writes the verdicts that stand to an SSSOM file, which must not be there.
    pub fn export_verdicts(&self, path: impl Into<PathBuf>) -> Result<Outcome> {
        let (path, pair) = (path.into(), self.name().to_string());
        self.store().run(&Request::ExportVerdicts(ExportVerdicts { pair, path, overwrite: false }))
    }
}

fn statement(subject: &str, predicate: &str, object: &str) -> Statement {
    Statement { subject: subject.to_string(), predicate: predicate.to_string(), object: object.to_string() }
}

impl Store {
    /// Recomputes what edits and verdicts touched, in an artifact or in all of a pair.
    pub fn refresh(&self, name: &str, task: &Task) -> Result<Outcome> {
        let spec = Refresh { name: name.to_string(), full: false, epochs: None, result: None };
        self.run_watched(&Request::Refresh(spec), task)
    }

    /// Tells which links of two alignments or seed sets of a pair differ, and why.
    pub fn diff(&self, first: &str, second: &str) -> Result<Outcome> {
        self.run(&Request::Diff(first.to_string(), second.to_string()))
    }
}
