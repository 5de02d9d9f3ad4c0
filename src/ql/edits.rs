//! Statements that change graphs row by row, judge pairs, and bring results up to date: as trees, and as
//! they are printed.

use std::fmt::{Display, Formatter, Result};

use super::ast::{Name, Node, OptionItem, Value};
use super::catalog::{REVIEW_ORDERS, word_for};
use super::print::{Ident, Options, list, optional};
use crate::kg::Side;
use crate::ops::spec::ReviewOrder;

/// `name.side`
#[derive(Clone, Debug, PartialEq)]
pub struct GraphName {
    /// The pair.
    pub pair: Name,
    /// Which of its graphs.
    pub side: Node<Side>,
}

/// What is inserted or deleted.
#[derive(Clone, Debug, PartialEq)]
pub enum Row {
    /// `ENTITY 'a'`
    Entity(Node<Value>),
    /// `TRIPLE ('a', 'r', 'b')`
    Triple([Node<Value>; 3]),
    /// `ATTRIBUTE ('a', 'x', '1')`; the value may be left out of a deletion.
    Attribute(Node<Value>, Node<Value>, Option<Node<Value>>),
}

/// A pair of entities.
pub type Couple = (Node<Value>, Node<Value>);

/// The statements.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum EditStatement {
    /// `INSERT … INTO p.left`
    Insert { row: Row, options: Vec<OptionItem>, graph: GraphName },
    /// `DELETE … FROM p.left`
    Delete { row: Row, graph: GraphName },
    /// `APPLY DIFF 'changes.nt' TO p.left`
    ApplyDiff { path: Node<Value>, options: Vec<OptionItem>, graph: GraphName },
    /// `IMPORT rdf 'more.nt' INTO p.left`
    ImportInto { path: Node<Value>, options: Vec<OptionItem>, graph: GraphName },
    /// `UPDATE FEATURES visual FROM 'file' INTO p`
    UpdateFeatures { modality: Name, paths: Vec<Node<Value>>, options: Vec<OptionItem>, pair: Name },
    /// `ACCEPT ('a', 'b') IN p` and `REJECT …`
    Judge { accept: bool, couples: Vec<Couple>, options: Vec<OptionItem>, pair: Name },
    /// `UNDO ('a', 'b') IN p`
    Undo { couples: Vec<Couple>, pair: Name },
    /// `IMPORT VERDICTS 'file' INTO p`
    ImportVerdicts { path: Node<Value>, options: Vec<OptionItem>, pair: Name },
    /// `EXPORT VERDICTS FROM p TO 'file'`
    ExportVerdicts { pair: Name, path: Node<Value>, options: Vec<OptionItem> },
    /// `REFRESH a AS b`
    Refresh { name: Name, options: Vec<OptionItem>, result: Option<Name> },
    /// `DIFF a, b`
    Diff(Name, Name),
    /// `REVIEW a ORDER BY uncertainty LIMIT 50`
    Review { name: Name, order: Option<Node<ReviewOrder>>, limit: Option<Node<Value>> },
}

impl Display for EditStatement {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            EditStatement::Insert { row, options, graph } => {
                write!(f, "INSERT {row}{} INTO {graph}", Options(options))
            }
            EditStatement::Delete { row, graph } => write!(f, "DELETE {row} FROM {graph}"),
            EditStatement::ApplyDiff { path, options, graph } => {
                write!(f, "APPLY DIFF {}{} TO {graph}", path.value, Options(options))
            }
            EditStatement::ImportInto { path, options, graph } => {
                write!(f, "IMPORT rdf {}{} INTO {graph}", path.value, Options(options))
            }
            EditStatement::UpdateFeatures { modality, paths, options, pair } => {
                write!(f, "UPDATE FEATURES {} FROM ", Ident(modality))?;
                list(f, paths.iter().map(|path| &path.value))?;
                write!(f, "{} INTO {}", Options(options), Ident(pair))
            }
            EditStatement::Judge { accept, couples, options, pair } => {
                f.write_str(if *accept { "ACCEPT " } else { "REJECT " })?;
                list(f, couples.iter().map(Shown))?;
                write!(f, "{} IN {}", Options(options), Ident(pair))
            }
            EditStatement::Undo { couples, pair } => {
                f.write_str("UNDO ")?;
                list(f, couples.iter().map(Shown))?;
                write!(f, "{}IN {}", if couples.is_empty() { "" } else { " " }, Ident(pair))
            }
            EditStatement::ImportVerdicts { path, options, pair } => {
                write!(f, "IMPORT VERDICTS {}{} INTO {}", path.value, Options(options), Ident(pair))
            }
            EditStatement::ExportVerdicts { pair, path, options } => {
                write!(f, "EXPORT VERDICTS FROM {} TO {}{}", Ident(pair), path.value, Options(options))
            }
            EditStatement::Refresh { name, options, result } => {
                write!(f, "REFRESH {}{}", Ident(name), Options(options))?;
                optional(f, " AS ", result.as_ref().map(Ident))
            }
            EditStatement::Review { name, order, limit } => {
                write!(f, "REVIEW {}", Ident(name))?;
                optional(f, " ORDER BY ", order.as_ref().map(|order| word_for(REVIEW_ORDERS, &order.value)))?;
                optional(f, " LIMIT ", limit.as_ref().map(|limit| &limit.value))
            }
            EditStatement::Diff(first, second) => write!(f, "DIFF {}, {}", Ident(first), Ident(second)),
        }
    }
}

impl Display for GraphName {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}.{}", Ident(&self.pair), self.side.value.as_str())
    }
}

impl Display for Row {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Row::Entity(entity) => write!(f, "ENTITY {}", entity.value),
            Row::Triple([head, relation, tail]) => {
                write!(f, "TRIPLE ({}, {}, {})", head.value, relation.value, tail.value)
            }
            Row::Attribute(entity, attribute, value) => {
                write!(f, "ATTRIBUTE ({}, {}", entity.value, attribute.value)?;
                optional(f, ", ", value.as_ref().map(|value| &value.value))?;
                f.write_str(")")
            }
        }
    }
}

struct Shown<'a>(&'a Couple);

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "({}, {})", self.0.0.value, self.0.1.value)
    }
}
