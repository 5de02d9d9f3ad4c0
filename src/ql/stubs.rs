//! Signatures; the bodies follow.

use super::Params;
use crate::error::{Error, Result, Span};
use crate::ops::spec::Request;

/// One statement of the tree; `Display` prints it in canonical form.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// Where it stands, without the `;`.
    pub span: Span,
}

impl std::fmt::Display for Statement {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        todo!()
    }
}

/// The statements of a text, in order. The first error ends it.
pub fn parse(text: &str) -> Result<Vec<Statement>> {
    todo!("{text}")
}

/// What a statement asks for, with parameters filled in and every value checked.
///
/// Under `EXPLAIN` the result's name (`AS …`) may be left out and is then empty.
pub fn bind(statement: &Statement, params: &Params) -> Result<Request> {
    todo!("{statement:?} {params:?}")
}

/// Whether what was typed so far is a whole statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completeness {
    /// Nothing but blanks and comments.
    Blank,
    /// It may run (or is wrong in a way that more text does not mend).
    Complete,
    /// It goes on.
    Incomplete,
}

/// Whether the shell should run what was typed so far or ask for more.
pub fn completeness(text: &str) -> Completeness {
    todo!("{text}")
}

/// What a piece of text is, for highlighting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LexemeKind {
    /// A word of the language in its place.
    Keyword,
    /// A name.
    Name,
    /// The name of an option, before its `=`.
    Option,
    /// A string in single quotes.
    String,
    /// An IRI in angle brackets.
    Iri,
    /// A number.
    Number,
    /// A `$parameter`.
    Parameter,
    /// Punctuation and operators.
    Sign,
    /// A comment.
    Comment,
    /// Text that is no token.
    Bad,
}

/// A piece of text with its kind; blanks are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lexeme {
    /// What it is.
    pub kind: LexemeKind,
    /// Where it is.
    pub span: Span,
}

/// The pieces of any text, in order; never fails.
pub fn tokens(text: &str) -> Vec<Lexeme> {
    todo!("{text}")
}

/// Kinds of names that may stand at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NameKind {
    /// A pair of graphs.
    Pair,
    /// A seed set.
    Seeds,
    /// An alignment.
    Alignment,
    /// Any artifact or pair.
    Any,
    /// A modality.
    Modality,
    /// A column of a row source.
    Column,
    /// A file or directory, inside single quotes.
    Path,
    /// A new name, made up by the user.
    New,
}

/// One way to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The text to insert: `FROM`, `n=`, `mutual`.
    pub text: String,
    /// One line on what it is.
    pub doc: String,
}

/// How a text may go on at the cursor.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Completion {
    /// Offset where the replaced text starts (the word before the cursor, or the cursor itself).
    pub start: usize,
    /// Keywords, options and values, those that begin like the word before the cursor.
    pub candidates: Vec<Candidate>,
    /// Kinds of names that may stand here; the caller knows the names.
    pub names: Vec<NameKind>,
}

/// How the text may go on at byte offset `cursor`.
pub fn complete(text: &str, cursor: usize) -> Completion {
    todo!("{text} {cursor}")
}

/// Help on the language (`None`), a verb, an option, or a word of it.
pub fn help(topic: Option<&str>) -> Result<String> {
    todo!("{topic:?}")
}

/// The error as a person sees it: message and code, the line with carets, and the remedy.
/// Ends with a newline. `text` is the text that was parsed.
pub fn report(error: &Error, text: &str, colour: bool) -> String {
    todo!("{error} {text} {colour}")
}
