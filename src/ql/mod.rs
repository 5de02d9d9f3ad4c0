//! SeedQL: text to requests.
//!
//! Three steps anyone can draw: a lexer cuts text into tokens, [`parse`] makes a tree with spans,
//! [`bind`] turns a statement of the tree into a typed [`Request`](crate::ops::spec::Request) with
//! parameters filled in and ranges checked. The language is defined by `grammar/seedql.ebnf`; options,
//! defaults and one-line docs come from one table, [`catalog`], which also feeds [`complete`], [`help`]
//! and the reference page. This layer knows no store: names are passed on as they stand.

pub mod ast;
mod bind;
pub mod catalog;
mod complete;
mod diagnose;
pub mod edits;
mod help;
mod highlight;
mod input;
mod lexer;
mod options;
mod params;
mod parser;
mod print;
mod report;
mod slips;
mod suggest;

pub use ast::Statement;
pub use bind::bind;
pub use complete::{Candidate, Completeness, Completion, complete, completeness};
pub use help::{help, reference};
pub use highlight::{Lexeme, LexemeKind, tokens};
pub use params::Params;
pub use parser::parse;
pub use print::quoted_name;
pub use report::report;

/// Kinds of names that may stand at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum NameKind {
    /// A pair of graphs.
    Pair,
    /// A seed set.
    Seeds,
    /// An alignment.
    Alignment,
    /// A seed set or an alignment.
    Scored,
    /// Any pair or artifact.
    Any,
    /// A model.
    Model,
    /// A modality.
    Modality,
    /// A column of a row source.
    Column,
    /// A file or directory, inside single quotes.
    Path,
    /// A new name, made up by the user.
    New,
}
