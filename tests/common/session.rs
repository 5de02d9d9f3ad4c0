//! Statements in tests: what they give, or a panic that names the statement.
#![allow(dead_code)]

use seedbed::{Outcome, Params, Result, Session, Task, Value};

/// Runs a statement.
pub fn attempt(session: &mut Session, statement: &str) -> Result<Outcome> {
    session.execute(statement, &Params::new(), &Task::quiet())
}

/// Runs a statement that must go through.
pub fn execute(session: &mut Session, statement: &str) -> Outcome {
    attempt(session, statement).unwrap_or_else(|error| panic!("{statement}: {error:?}"))
}

/// The rows of an outcome.
pub fn rows_of(outcome: Outcome) -> Vec<Vec<Value>> {
    outcome.rows.into_iter().flatten().map(|row| row.unwrap().values().to_vec()).collect()
}

/// The rows of a statement that must go through.
pub fn rows(session: &mut Session, statement: &str) -> Vec<Vec<Value>> {
    rows_of(execute(session, statement))
}

/// A text, and nothing else.
pub fn text(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        other => panic!("{other:?} is no text"),
    }
}
