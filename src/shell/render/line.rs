//! Line mode: one `column = value` a line, for rows that are wide or few.

use std::io::Write;

use seedbed::{Column, Row};

use super::text::{pad, printable, width};
use super::{Counts, Look, Stream, cell};
use crate::shell::halt::Halt;
use crate::shell::terminal::{Style, paint};

pub fn rows(rows: Stream<'_>, look: &Look, out: &mut dyn Write) -> Result<Counts, Halt> {
    let columns = rows.columns().to_vec();
    let mut shown = 0;
    for row in rows {
        shown += some(&columns, &[row?], shown, look, out)?.shown;
    }
    Ok(Counts { total: shown, shown })
}

/// Writes rows after `before` others, with a blank line between any two.
pub fn some(
    columns: &[Column],
    rows: &[Row],
    before: u64,
    look: &Look,
    out: &mut dyn Write,
) -> Result<Counts, Halt> {
    let names: Vec<_> = columns.iter().map(|column| printable(&column.name)).collect();
    let widest = names.iter().map(|name| width(name)).max().unwrap_or(0);
    for (i, row) in rows.iter().enumerate() {
        if before > 0 || i > 0 {
            writeln!(out)?;
        }
        for (name, value) in names.iter().zip(row.values()) {
            let name = pad(name, widest, true);
            let value = cell(value);
            writeln!(out, "{} = {value}", paint(look.color, Style::Bold, &name))?;
        }
    }
    let shown = rows.len() as u64;
    Ok(Counts { total: shown, shown })
}
