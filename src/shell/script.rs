//! Text to statements and dot commands, with the line each stands on.
//!
//! Scripts are read here and not by the line editor, which drops an unfinished last line.

use std::path::{Path, PathBuf};

use seedbed::ql::{self, LexemeKind, Statement};
use seedbed::{Code, Error, Place, Result, Span};

/// Where a text comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Typed at the prompt.
    Prompt,
    /// The argument of `-c`.
    Argument,
    /// Standard input.
    Stdin,
    /// A script.
    File(PathBuf),
}

impl Origin {
    /// `file:line: ` for a place in the text, where that helps to find it.
    pub fn locate(&self, text: &str, at: usize) -> Option<String> {
        let line = line_of(text, at);
        match self {
            Origin::Prompt | Origin::Argument => None,
            Origin::Stdin => Some(format!("standard input:{line}")),
            Origin::File(path) => Some(format!("{}:{line}", path.display())),
        }
    }

    /// Whether what runs is echoed, so that a reader can tell which result is whose.
    pub fn is_echoed(&self) -> bool {
        matches!(self, Origin::File(_))
    }
}

/// The line of an offset, from 1.
pub fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes().iter().take(at).filter(|&&byte| byte == b'\n').count() + 1
}

/// One thing to run.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// A statement of the language.
    Statement(Box<Statement>),
    /// A line that begins with a dot.
    Dot { line: String, at: usize },
}

/// Reads a script.
pub fn read(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).map_err(|cause| Error::io("reading the script", cause).path(path))?;
    decode(bytes, path)
}

/// A script's bytes as text, without a byte order mark and with a `#!` line made a comment.
pub fn decode(bytes: Vec<u8>, path: &Path) -> Result<String> {
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..valid].iter().filter(|&&byte| byte == b'\n').count() + 1;
        Error::new(Code::BadFile, "the script is not UTF-8 text").file(path, line as u64, "")
    })?;
    let text = text.strip_prefix('\u{feff}').map(str::to_string).unwrap_or(text);
    Ok(match text.strip_prefix("#!") {
        Some(rest) => format!("--{rest}"),
        None => text,
    })
}

/// The steps of a text, in order. Spans count from the beginning of `text`.
///
/// # Errors
/// The first syntax error anywhere in the text, so that nothing of a wrong script runs.
pub fn steps(text: &str) -> Result<Vec<Step>> {
    let (rest, mut steps) = take_dots(text);
    steps.extend(ql::parse(&rest)?.into_iter().map(|it| Step::Statement(Box::new(it))));
    steps.sort_by_key(Step::at);
    Ok(steps)
}

/// The same for a reader who wants all that can run: every wrong statement is one of the errors.
pub fn steps_and_errors(text: &str) -> Vec<Result<Step>> {
    let (rest, dots) = take_dots(text);
    let mut found: Vec<_> = dots.into_iter().map(|step| (step.at(), Ok(step))).collect();
    for part in parts(&rest) {
        // The other parts become blanks, so that spans and lines stay what they are.
        let alone = blank(&rest[..part.start]) + &rest[part.start..part.end];
        match ql::parse(&alone) {
            Ok(statements) => {
                found.extend(
                    statements.into_iter().map(|it| (it.span.start, Ok(Step::Statement(Box::new(it))))),
                );
            }
            Err(error) => found.push((part.start, Err(error.span(part)))),
        }
    }
    found.sort_by_key(|(at, _)| *at);
    found.into_iter().map(|(_, step)| step).collect()
}

/// Whether the text ends at a boundary: nothing is left over after its last `;`.
pub fn is_whole(text: &str) -> bool {
    match last_sign(text) {
        Some(end) => &text[end.start..end.end] == ";",
        None => true,
    }
}

impl Step {
    fn at(&self) -> usize {
        match self {
            Step::Statement(statement) => statement.span.start,
            Step::Dot { at, .. } => *at,
        }
    }
}

/// Splits off the lines that begin with a dot where a statement may begin; blanks take their place.
fn take_dots(text: &str) -> (String, Vec<Step>) {
    let (mut rest, mut steps) = (String::with_capacity(text.len()), Vec::new());
    let mut open = 0;
    for line in text.split_inclusive('\n') {
        let command = line.starts_with('.') && line[1..].starts_with(|c: char| c.is_ascii_alphabetic());
        if command && is_whole(&rest[open..]) {
            steps.push(Step::Dot { line: line.trim().to_string(), at: rest.len() });
            rest.push_str(&blank(line));
            open = rest.len();
        } else {
            rest.push_str(line);
        }
    }
    (rest, steps)
}

/// Blanks in place of every byte but line breaks.
fn blank(text: &str) -> String {
    text.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect()
}

/// The stretches between semicolons that hold more than blanks and comments.
fn parts(text: &str) -> Vec<Span> {
    let mut parts = Vec::new();
    let mut open: Option<Span> = None;
    for lexeme in ql::tokens(text).into_iter().filter(|lexeme| lexeme.kind != LexemeKind::Comment) {
        if &text[lexeme.span.start..lexeme.span.end] == ";" {
            parts.extend(open.take());
        } else {
            open = Some(open.map_or(lexeme.span, |span| span.to(lexeme.span)));
        }
    }
    parts.extend(open);
    parts
}

fn last_sign(text: &str) -> Option<Span> {
    ql::tokens(text).iter().rfind(|lexeme| lexeme.kind != LexemeKind::Comment).map(|lexeme| lexeme.span)
}

/// Where in the text an error points, if it points into the text.
pub fn offset_of(error: &Error) -> Option<usize> {
    match error.place() {
        Some(Place::Query(span)) => Some(span.start),
        _ => None,
    }
}
