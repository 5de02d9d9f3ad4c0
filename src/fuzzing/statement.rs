//! Statements: what the shell and the binder ask of a text that anybody may type.

use super::judge;
use crate::error::{Error, Place};
use crate::ops::canonical;
use crate::ql::{self, Params, Statement};

/// A text of SeedQL, or one that is none. What parses prints to a text of the same tree, and what binds
/// has a canonical text that stands for itself.
pub fn statement(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    look(text);
    let statements = match ql::parse(text) {
        Ok(statements) => statements,
        Err(error) => return judge_query(&error, text),
    };
    let printed = print(&statements);
    let again = ql::parse(&printed).unwrap_or_else(|error| panic!("{error:?}\n{printed}"));
    assert_eq!(statements, again, "{printed}");
    assert_eq!(print(&again), printed);
    let params = Params::new().with("name", "x").with("number", 5).with("share", 0.5).with("truth", true);
    for statement in &statements {
        let request = match ql::bind(statement, &params) {
            Ok(request) => request,
            Err(error) => {
                judge_query(&error, text);
                continue;
            }
        };
        let line = canonical(&request);
        if line.is_empty() {
            continue;
        }
        let parsed = ql::parse(&line).unwrap_or_else(|error| panic!("{error:?}\n{line}"));
        let [parsed] = parsed.as_slice() else { panic!("{} statements in {line}", parsed.len()) };
        let bound = ql::bind(parsed, &Params::new()).unwrap_or_else(|error| panic!("{error:?}\n{line}"));
        assert_eq!(canonical(&bound), line);
    }
}

fn print(statements: &[Statement]) -> String {
    statements.iter().map(Statement::to_string).collect::<Vec<_>>().join(";\n")
}

/// What the shell asks while a text is typed.
fn look(text: &str) {
    ql::completeness(text);
    let mut end = 0;
    for lexeme in ql::tokens(text) {
        let span = lexeme.span;
        assert!(span.start >= end && span.end > span.start && text.get(span.start..span.end).is_some());
        end = span.end;
    }
    for cursor in [end / 2, end, text.len()] {
        let completion = ql::complete(text, cursor);
        assert!(completion.start <= cursor + 1 && completion.start <= text.len());
        assert!(text.is_char_boundary(completion.start), "{} in {text:?}", completion.start);
        assert!(completion.candidates.iter().all(|candidate| !candidate.text.is_empty()));
    }
    if let Err(error) = ql::help(Some(text)) {
        judge(&error, "");
    }
}

/// What holds of an error of the language besides: it points into the text, and has a remedy.
fn judge_query(error: &Error, text: &str) {
    judge(error, text);
    assert!(error.help_text().is_some(), "no remedy: {error:?}");
    match error.place() {
        Some(Place::Query(span)) => {
            assert!(text.get(span.start..span.end).is_some(), "{span:?} is no part of {text:?}: {error:?}");
        }
        place => panic!("{place:?}: {error:?}"),
    }
}
