//! Tokens as an input of nom, with a trace of what would have been understood where.
//!
//! Parsing is silent and cheap: a rule that fails says nothing but that. Only when the whole fails
//! (or somebody asks what may follow) it runs again with a [`Trace`], and every terminal that does
//! not match notes itself at its place; the furthest place is where the text went wrong.

use std::cell::RefCell;
use std::iter::{Copied, Enumerate};
use std::slice::Iter;

use nom::error::{ErrorKind, ParseError};
use nom::{Input, Needed};

use super::NameKind;
use super::catalog::{Form, Opt};
use super::lexer::Token;

/// What a rule would have understood.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expected {
    /// A word of the language with its one-line doc.
    Word(&'static str, &'static str),
    /// A literal made of signs.
    Sign(&'static str),
    /// A name.
    Name(NameKind),
    /// A value, in words: "a number".
    Value(&'static str),
    /// The path of a file or directory in single quotes.
    Path,
    /// An option of the form.
    Option(&'static Form),
    /// A value of the option.
    OptionValue(&'static Opt),
    /// The end of the statement.
    End,
}

/// What a token turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// A word of the language.
    Keyword,
    /// A name.
    Name,
    /// The name of an option.
    Option,
}

/// What was expected at the furthest place, and the roles of words on the way.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    /// Index of the token there.
    pub furthest: usize,
    /// What would have been understood there, in the order of the rules.
    pub expected: Vec<Expected>,
    /// Roles of the tokens that matched as words, by index; later rules overrule earlier ones.
    pub roles: Vec<Option<Role>>,
    /// The form of the last statement begun, and the place from which on it was known.
    pub form: Option<(usize, &'static Form)>,
}

/// The tokens from some place on.
#[derive(Clone, Copy)]
pub(crate) struct Tokens<'a> {
    /// The text they were cut from.
    pub source: &'a str,
    /// Those that are left.
    pub rest: &'a [Token],
    /// Index of the first one left, over the whole text.
    pub at: usize,
    /// Where to note what was expected, if anybody wants to know.
    pub trace: Option<&'a RefCell<Trace>>,
}

impl<'a> Tokens<'a> {
    /// All of them.
    pub fn new(source: &'a str, tokens: &'a [Token], trace: Option<&'a RefCell<Trace>>) -> Self {
        if let Some(trace) = trace {
            trace.borrow_mut().roles.resize(tokens.len(), None);
        }
        Tokens { source, rest: tokens, at: 0, trace }
    }

    /// The first token left.
    pub fn first(&self) -> Option<Token> {
        self.rest.first().copied()
    }

    /// Notes that `expected` did not match here.
    pub fn note(&self, expected: Expected) {
        if let Some(trace) = self.trace {
            let mut trace = trace.borrow_mut();
            if self.at > trace.furthest {
                trace.furthest = self.at;
                trace.expected.clear();
            }
            if self.at == trace.furthest {
                trace.expected.push(expected);
            }
        }
    }

    /// Notes the role of the first token left.
    pub fn role(&self, role: Role) {
        if let Some(trace) = self.trace
            && let Some(slot) = trace.borrow_mut().roles.get_mut(self.at)
        {
            *slot = Some(role);
        }
    }

    /// Notes the form of the statement that is being read.
    pub fn form(&self, form: &'static Form) {
        if let Some(trace) = self.trace {
            let mut trace = trace.borrow_mut();
            if trace.form.is_none_or(|(at, _)| at <= self.at) {
                trace.form = Some((self.at, form));
            }
        }
    }
}

/// A rule did not match; what was expected is in the trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failed;

impl<I> ParseError<I> for Failed {
    fn from_error_kind(_: I, _: ErrorKind) -> Self {
        Failed
    }

    fn append(_: I, _: ErrorKind, _: Self) -> Self {
        Failed
    }
}

impl<'a> Input for Tokens<'a> {
    type Item = Token;
    type Iter = Copied<Iter<'a, Token>>;
    type IterIndices = Enumerate<Self::Iter>;

    fn input_len(&self) -> usize {
        self.rest.len()
    }

    fn take(&self, index: usize) -> Self {
        Tokens { rest: &self.rest[..index], ..*self }
    }

    fn take_from(&self, index: usize) -> Self {
        Tokens { rest: &self.rest[index..], at: self.at + index, ..*self }
    }

    fn take_split(&self, index: usize) -> (Self, Self) {
        (self.take_from(index), self.take(index))
    }

    fn position<P: Fn(Token) -> bool>(&self, predicate: P) -> Option<usize> {
        self.rest.iter().position(|token| predicate(*token))
    }

    fn iter_elements(&self) -> Self::Iter {
        self.rest.iter().copied()
    }

    fn iter_indices(&self) -> Self::IterIndices {
        self.iter_elements().enumerate()
    }

    fn slice_index(&self, count: usize) -> Result<usize, Needed> {
        match self.rest.len().checked_sub(count) {
            Some(_) => Ok(count),
            None => Err(Needed::new(count - self.rest.len())),
        }
    }
}
