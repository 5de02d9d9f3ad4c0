//! Markdown mode: a table for pasting into a document.

use std::io::Write;

use seedbed::formats::markdown_text;
use seedbed::ops::{ColumnKind, Value};

use super::{Counts, Stream, cell, text};
use crate::shell::halt::Halt;

pub fn rows(rows: Stream<'_>, out: &mut dyn Write) -> Result<Counts, Halt> {
    let names: Vec<_> = rows.columns().iter().map(|column| escape(&column.name)).collect();
    writeln!(out, "| {} |", names.join(" | "))?;
    let rules: Vec<_> = rows
        .columns()
        .iter()
        .map(|column| if matches!(column.kind, ColumnKind::Int | ColumnKind::Float) { "---:" } else { "---" })
        .collect();
    writeln!(out, "| {} |", rules.join(" | "))?;
    let mut shown = 0;
    for row in rows {
        let cells: Vec<_> = row?
            .values()
            .iter()
            .map(|value| match value {
                Value::Null => String::new(),
                Value::Text(value) => escape(value),
                other => cell(other),
            })
            .collect();
        writeln!(out, "| {} |", cells.join(" | "))?;
        shown += 1;
    }
    Ok(Counts { total: shown, shown })
}

/// Keeps a text inside its cell and free of accidental markup.
fn escape(value: &str) -> String {
    markdown_text(&text::printable(value))
}
