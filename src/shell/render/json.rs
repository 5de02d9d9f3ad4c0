//! JSON: one document a statement, and JSON lines: one object a row.
//!
//! Keys are the names of the columns. Numbers have full precision; JSON has no NaN and no infinity,
//! so these are null. A document is written as its rows come, on one line.

use std::io::{self, Write};

use seedbed::Error;
use seedbed::ops::{Row, Value};
use serde_json::{Map, Value as Json, json};

use super::{Counts, Stream};
use crate::shell::halt::Halt;

/// `{"statement":…,"message":…,"rows":[…],"notes":[…],"seconds":…}`. `rows` is null where the
/// statement gives none. Rows that fail half-way end in an `error` beside them.
pub fn document(
    verb: &str,
    message: &str,
    rows: Option<Stream<'_>>,
    notes: &[String],
    seconds: f64,
    out: &mut dyn Write,
) -> Result<(), Halt> {
    write!(out, r#"{{"statement":{},"message":{},"rows":"#, json!(verb), json!(message))?;
    match rows {
        None => write!(out, "null")?,
        Some(rows) => {
            write!(out, "[")?;
            for (i, row) in rows.enumerate() {
                match row {
                    Ok(row) => {
                        out.write_all(if i == 0 { b"" } else { b"," })?;
                        object(&row, out)?;
                    }
                    Err(halt) => {
                        if let Halt::Failed(error) = &halt {
                            writeln!(out, r#"],"error":{}}}"#, describe(error, None))?;
                        }
                        return Err(halt);
                    }
                }
            }
            write!(out, "]")?;
        }
    }
    writeln!(out, r#","notes":{},"seconds":{}}}"#, json!(notes), json!(seconds))?;
    Ok(())
}

/// The document of a statement that failed: `{"statement":…,"error":{…}}`.
pub fn failure(verb: &str, error: &Error, line: Option<usize>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, r#"{{"statement":{},"error":{}}}"#, json!(verb), describe(error, line))
}

/// Code, message and help of an error, with the line of the script it is about.
fn describe(error: &Error, line: Option<usize>) -> Json {
    let mut map = Map::new();
    map.insert("code".into(), json!(error.code().as_str()));
    map.insert("message".into(), json!(error.to_string()));
    if let Some(help) = error.help_text() {
        map.insert("help".into(), json!(help));
    }
    if let Some(line) = line {
        map.insert("line".into(), json!(line));
    }
    Json::Object(map)
}

pub fn lines(rows: Stream<'_>, out: &mut dyn Write) -> Result<Counts, Halt> {
    let mut shown = 0;
    for row in rows {
        object(&row?, out)?;
        writeln!(out)?;
        shown += 1;
    }
    Ok(Counts { total: shown, shown })
}

fn object(row: &Row, out: &mut dyn Write) -> io::Result<()> {
    let fields = row.columns().iter().zip(row.values());
    let map: Map<String, Json> =
        fields.map(|(column, value)| (column.name.clone(), value_of(value))).collect();
    serde_json::to_writer(&mut *out, &map).map_err(io::Error::from)
}

fn value_of(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => json!(value),
        Value::Int(value) => json!(value),
        Value::Float(value) => json!(value),
        Value::Text(value) => json!(value),
    }
}
