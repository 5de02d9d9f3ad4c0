//! CSV and TSV: a header, then rows; full precision.
//!
//! A null is an empty field and an empty text is `""`. A field is quoted if it holds the delimiter, a
//! quote or a line break, as RFC 4180 has it.

use std::borrow::Cow;
use std::io::Write;

use seedbed::ops::Value;

use super::{Counts, Stream, number};
use crate::shell::halt::Halt;

pub fn rows(rows: Stream<'_>, delimiter: u8, out: &mut dyn Write) -> Result<Counts, Halt> {
    let names: Vec<_> = rows.columns().iter().map(|column| quote(&column.name, delimiter)).collect();
    let mut record = Vec::new();
    join(&mut record, names.iter().map(|name| name.as_bytes()), delimiter);
    out.write_all(&record)?;
    let mut shown = 0;
    for row in rows {
        let row = row?;
        record.clear();
        let fields: Vec<_> = row.values().iter().map(|value| field(value, delimiter)).collect();
        join(&mut record, fields.iter().map(|field| field.as_bytes()), delimiter);
        if record == b"\n" {
            // A lone null would read as a blank line, which readers skip.
            record.splice(..0, *b"\"\"");
        }
        out.write_all(&record)?;
        shown += 1;
    }
    Ok(Counts { total: shown, shown })
}

fn join<'a>(record: &mut Vec<u8>, fields: impl Iterator<Item = &'a [u8]>, delimiter: u8) {
    for (i, field) in fields.enumerate() {
        if i > 0 {
            record.push(delimiter);
        }
        record.extend_from_slice(field);
    }
    record.push(b'\n');
}

fn field(value: &Value, delimiter: u8) -> Cow<'_, str> {
    match value {
        Value::Null => Cow::Borrowed(""),
        Value::Float(value) => Cow::Owned(number::exact(*value)),
        Value::Text(value) => quote(value, delimiter),
        other => Cow::Owned(other.to_string()),
    }
}

fn quote(text: &str, delimiter: u8) -> Cow<'_, str> {
    let special = |byte: u8| byte == delimiter || matches!(byte, b'"' | b'\n' | b'\r');
    if text.is_empty() || text.bytes().any(special) {
        return Cow::Owned(format!("\"{}\"", text.replace('"', "\"\"")));
    }
    Cow::Borrowed(text)
}
