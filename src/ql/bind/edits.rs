//! What changes graphs row by row, judges pairs, and brings results up to date.

use super::Binder;
use crate::error::{Code, Error, Result};
use crate::ops::spec::Scalar;
use crate::ops::spec::{self, Change, Request};
use crate::ql::ast::{Node, Value};
use crate::ql::catalog;
use crate::ql::edits::{Couple, EditStatement, GraphName, Row};
use crate::ql::options::{Options, resolve};

/// Links of a review, unless told otherwise.
const REVIEWED: usize = 50;

/// What messages call it.
const ENTITY: &str = "an entity";

impl Binder<'_> {
    pub(super) fn edit(&self, statement: &EditStatement) -> Result<Request> {
        use EditStatement as E;
        Ok(match statement {
            E::Insert { row, options, graph } => {
                let options = self.options(&catalog::INSERT, options)?;
                self.edited(graph, self.inserted(row, &options)?)
            }
            E::Delete { row, graph } => self.edited(graph, self.deleted(row)?),
            E::ApplyDiff { path, options, graph } => {
                let options = self.options(&catalog::APPLY_DIFF, options)?;
                Request::ApplyDiff(spec::ApplyDiff {
                    path: self.path(path)?,
                    removed: options.path("removed"),
                    pair: graph.pair.value.clone(),
                    side: graph.side.value,
                    prune: options.flag("prune"),
                    lenient: options.flag("lenient"),
                })
            }
            E::ImportInto { path, options, graph } => {
                let options = self.options(&catalog::IMPORT_INTO, options)?;
                Request::ImportInto(spec::ImportInto {
                    path: self.path(path)?,
                    pair: graph.pair.value.clone(),
                    side: graph.side.value,
                    lenient: options.flag("lenient"),
                })
            }
            E::UpdateFeatures { modality, paths, options, pair } => Request::UpdateFeatures(self.features(
                &catalog::UPDATE_FEATURES,
                modality,
                paths,
                options,
                pair,
            )?),
            E::Judge { accept, couples, options, pair } => {
                let form = if *accept { &catalog::ACCEPT } else { &catalog::REJECT };
                let options = self.options(form, options)?;
                Request::Judge(spec::Judge {
                    pair: pair.value.clone(),
                    accept: *accept,
                    pairs: self.couples(couples)?,
                    comment: options.text("comment"),
                    author: options.text("author"),
                })
            }
            E::Undo { couples, pair } => {
                Request::Undo(spec::Undo { pair: pair.value.clone(), pairs: self.couples(couples)? })
            }
            E::ImportVerdicts { path, options, pair } => {
                let options = self.options(&catalog::IMPORT_VERDICTS, options)?;
                Request::ImportVerdicts(spec::ImportVerdicts {
                    path: self.path(path)?,
                    pair: pair.value.clone(),
                    lenient: options.flag("lenient"),
                })
            }
            E::ExportVerdicts { pair, path, options } => {
                let options = self.options(&catalog::EXPORT_VERDICTS, options)?;
                Request::ExportVerdicts(spec::ExportVerdicts {
                    pair: pair.value.clone(),
                    path: self.path(path)?,
                    overwrite: options.flag("overwrite"),
                })
            }
            E::Refresh { name, options, result } => {
                let options = self.options(&catalog::REFRESH, options)?;
                Request::Refresh(spec::Refresh {
                    name: name.value.clone(),
                    full: options.flag("full"),
                    epochs: options.maybe_size("epochs"),
                    result: result.as_ref().map(|result| result.value.clone()),
                })
            }
            E::Review { name, order, limit } => Request::Review(spec::Review {
                name: name.value.clone(),
                order: order.as_ref().map(|order| order.value).unwrap_or_default(),
                limit: self.count(limit.as_ref(), "LIMIT", 1)?.unwrap_or(REVIEWED),
            }),
            E::Diff(first, second) => Request::Diff(first.value.clone(), second.value.clone()),
        })
    }

    fn edited(&self, graph: &GraphName, change: Change) -> Request {
        Request::Edit(spec::Edit { pair: graph.pair.value.clone(), side: graph.side.value, change })
    }

    fn inserted(&self, row: &Row, options: &Options) -> Result<Change> {
        let fits: &[&str] = match row {
            Row::Entity(_) => &["name"],
            Row::Triple(_) => &[],
            Row::Attribute(..) => &["datatype", "language"],
        };
        for option in ["name", "datatype", "language"] {
            if let (Some(span), false) = (options.span(option), fits.contains(&option)) {
                let what = if option == "name" { "entities" } else { "attributes" };
                return Err(Error::new(Code::Conflict, format!("`{option}` is for {what} only"))
                    .span(span)
                    .help("leave it out"));
            }
        }
        Ok(match row {
            Row::Entity(entity) => {
                Change::InsertEntity { entity: self.text(entity, ENTITY)?, name: options.text("name") }
            }
            Row::Triple(parts) => Change::InsertTriple(self.statement(parts)?),
            Row::Attribute(entity, attribute, value) => {
                let value = value.as_ref().unwrap_or(attribute);
                let (object, datatype) = self.literal(value)?;
                Change::InsertAttribute {
                    statement: spec::Statement {
                        subject: self.text(entity, ENTITY)?,
                        predicate: self.text(attribute, "an attribute")?,
                        object,
                    },
                    datatype: options.text("datatype").or(datatype.map(str::to_string)),
                    language: options.text("language"),
                }
            }
        })
    }

    fn deleted(&self, row: &Row) -> Result<Change> {
        Ok(match row {
            Row::Entity(entity) => Change::DeleteEntity { entity: self.text(entity, ENTITY)? },
            Row::Triple(parts) => Change::DeleteTriple(self.statement(parts)?),
            Row::Attribute(entity, attribute, value) => Change::DeleteAttribute {
                entity: self.text(entity, ENTITY)?,
                attribute: self.text(attribute, "an attribute")?,
                value: value.as_ref().map(|value| Ok::<_, Error>(self.literal(value)?.0)).transpose()?,
            },
        })
    }

    fn statement(&self, [subject, predicate, object]: &[Node<Value>; 3]) -> Result<spec::Statement> {
        Ok(spec::Statement {
            subject: self.text(subject, ENTITY)?,
            predicate: self.text(predicate, "a relation")?,
            object: self.text(object, ENTITY)?,
        })
    }

    fn couples(&self, couples: &[Couple]) -> Result<Vec<(String, String)>> {
        couples
            .iter()
            .map(|(left, right)| Ok((self.text(left, ENTITY)?, self.text(right, ENTITY)?)))
            .collect()
    }

    /// A value as text, and the datatype that it bears by itself.
    fn literal(&self, value: &Node<Value>) -> Result<(String, Option<&'static str>)> {
        Ok(match resolve(value, self.params)?.scalar {
            Scalar::Int(number) => (number.to_string(), Some("integer")),
            Scalar::Float(number) => (number.to_string(), Some("double")),
            Scalar::Bool(truth) => (truth.to_string(), Some("boolean")),
            _ => (self.text(value, "a value")?, None),
        })
    }
}
