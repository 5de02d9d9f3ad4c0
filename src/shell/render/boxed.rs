//! Box mode: a drawn table, fitted to the terminal.

use std::io::Write;

use seedbed::ops::{Column, ColumnKind, Row};

use super::text::{pad, printable, tail, width, wrap};
use super::{Counts, Look, Stream, cell, line};
use crate::shell::halt::Halt;
use crate::shell::terminal::{Style, paint};

/// Rows whose cells decide the widths; the rest are printed in the widths these need.
const SAMPLE: usize = 1000;
/// The least width a text column is squeezed to before the table gives way to line mode.
const LEAST: usize = 8;
/// Lines a cell may take on a terminal.
const LINES: usize = 3;
/// Rows that a table turned on its side has at most.
const SIDEWAYS: usize = 6;

pub fn rows(mut rows: Stream<'_>, look: &Look, out: &mut dyn Write) -> Result<Counts, Halt> {
    let limit = look.max_rows.unwrap_or(usize::MAX);
    let columns = rows.columns().to_vec();
    let sample = rows.by_ref().take(limit.min(SAMPLE)).collect::<Result<Vec<_>, _>>()?;
    if columns.is_empty() {
        return count(rows, Counts { total: sample.len() as u64, shown: 0 });
    }
    let natural = natural_widths(&columns, &sample);
    let Some(widths) = fit(&natural, &columns, look.width) else {
        if sample.len() <= SIDEWAYS && sideways(&columns, &sample, look, out)? {
            let shown = sample.len() as u64;
            return count(rows, Counts { total: shown, shown });
        }
        let mut counts = line::some(&columns, &sample, 0, look, out)?;
        for row in rows.by_ref().take(limit - sample.len()) {
            counts.shown += line::some(&columns, &[row?], counts.shown, look, out)?.shown;
        }
        if counts.shown > 0 {
            writeln!(out)?;
        }
        return count(rows, Counts { total: counts.shown, ..counts });
    };
    let table = Table { columns: &columns, widths, look };
    table.rule(["┌", "┬", "┐"], out)?;
    table.header(out)?;
    table.rule(["├", "┼", "┤"], out)?;
    let mut shown = 0;
    for row in &sample {
        table.row(row, out)?;
        shown += 1;
    }
    for row in rows.by_ref().take(limit - sample.len()) {
        table.row(&row?, out)?;
        shown += 1;
    }
    table.rule(["└", "┴", "┘"], out)?;
    count(rows, Counts { total: shown, shown })
}

/// Counts the rows that are not shown.
fn count(rows: Stream<'_>, mut counts: Counts) -> Result<Counts, Halt> {
    for row in rows {
        row?;
        counts.total += 1;
    }
    Ok(counts)
}

fn natural_widths(columns: &[Column], sample: &[Row]) -> Vec<usize> {
    let mut widths: Vec<_> = columns.iter().map(|column| width(&printable(&column.name)).max(1)).collect();
    for row in sample {
        for (columns, value) in widths.iter_mut().zip(row.values()) {
            *columns = (*columns).max(width(&cell(value)));
        }
    }
    widths
}

/// Widths that fit: text columns are squeezed to a common cap, the widest first; other columns and
/// those below the cap keep what they need. `None` if even the least widths do not fit.
fn fit(natural: &[usize], columns: &[Column], terminal: Option<usize>) -> Option<Vec<usize>> {
    let Some(terminal) = terminal else { return Some(natural.to_vec()) };
    let room = terminal.checked_sub(3 * natural.len() + 1)?;
    let capped = |cap: usize| -> Vec<usize> {
        natural
            .iter()
            .zip(columns)
            .map(|(&width, column)| if column.kind == ColumnKind::Text { width.min(cap) } else { width })
            .collect()
    };
    let widest = natural.iter().copied().max().unwrap_or(0).max(LEAST);
    let fits = |widths: &[usize]| widths.iter().sum::<usize>() <= room;
    if fits(natural) {
        return Some(natural.to_vec());
    }
    let cap = (LEAST..=widest).rev().find(|&cap| fits(&capped(cap)))?;
    let mut widths = capped(cap);
    // What the common cap leaves over goes to the first columns that want it.
    let mut spare = room - widths.iter().sum::<usize>();
    for (width, &wanted) in widths.iter_mut().zip(natural) {
        if *width < wanted && spare > 0 {
            *width += 1;
            spare -= 1;
        }
    }
    Some(widths)
}

/// Draws a table with its columns as rows; says whether that fits.
fn sideways(columns: &[Column], rows: &[Row], look: &Look, out: &mut dyn Write) -> Result<bool, Halt> {
    let turned: Vec<_> = (0..=rows.len()).map(|_| Column::new("", ColumnKind::Text)).collect();
    let lines: Vec<Vec<_>> = columns
        .iter()
        .enumerate()
        .map(|(at, column)| {
            let values = rows.iter().map(|row| cell(&row.values()[at]));
            std::iter::once(printable(&column.name).into_owned()).chain(values).collect()
        })
        .collect();
    let widest = |at: usize| lines.iter().map(|line| width(&line[at])).max().unwrap_or(1);
    let natural: Vec<_> = (0..turned.len()).map(widest).collect();
    let Some(mut widths) = fit(&natural, &turned, look.width) else { return Ok(false) };
    // The names are what a reader looks for: they keep their width where the values can spare it.
    let spare: usize = widths[1..].iter().map(|width| width.saturating_sub(LEAST)).sum();
    if widths[0] < natural[0] && spare < natural[0] - widths[0] {
        return Ok(false);
    }
    while widths[0] < natural[0] {
        let Some(widest) = widths[1..].iter_mut().max() else { return Ok(false) };
        *widest -= 1;
        widths[0] += 1;
    }
    let table = Table { columns: &turned, widths, look };
    table.rule(["┌", "┬", "┐"], out)?;
    for (at, line) in lines.iter().enumerate() {
        let missing = |i: usize| i > 0 && rows[i - 1].values()[at].is_null();
        let style = |i| if i == 0 { Some(Style::Bold) } else { missing(i).then_some(Style::Dim) };
        table.cells(line, style, out)?;
    }
    table.rule(["└", "┴", "┘"], out)?;
    Ok(true)
}

struct Table<'a> {
    columns: &'a [Column],
    widths: Vec<usize>,
    look: &'a Look,
}

impl Table<'_> {
    fn rule(&self, [left, middle, right]: [&str; 3], out: &mut dyn Write) -> std::io::Result<()> {
        let bars: Vec<_> = self.widths.iter().map(|width| "─".repeat(width + 2)).collect();
        let rule = format!("{left}{}{right}", bars.join(middle));
        writeln!(out, "{}", paint(self.look.color, Style::Dim, &rule))
    }

    fn header(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let names: Vec<_> = self.columns.iter().map(|column| printable(&column.name).into_owned()).collect();
        self.cells(&names, |_| Some(Style::Bold), out)
    }

    fn row(&self, row: &Row, out: &mut dyn Write) -> std::io::Result<()> {
        let cells: Vec<_> = row.values().iter().map(cell).collect();
        self.cells(&cells, |i| row.values()[i].is_null().then_some(Style::Dim), out)
    }

    fn cells<'a>(
        &self,
        cells: &'a [String],
        style: impl Fn(usize) -> Option<Style>,
        out: &mut dyn Write,
    ) -> std::io::Result<()> {
        let lines = if self.look.width.is_some() { LINES } else { usize::MAX };
        let fitted = |(cell, &width): (&'a String, &usize)| match cell.contains("://") && lines == LINES {
            true => vec![tail(cell, width)],
            false => wrap(cell, width, lines),
        };
        let wrapped: Vec<_> = cells.iter().zip(&self.widths).map(fitted).collect();
        let bar = paint(self.look.color, Style::Dim, "│").to_string();
        let height = wrapped.iter().map(Vec::len).max().unwrap_or(1);
        for i in 0..height {
            let mut text = bar.clone();
            for (at, (lines, &width)) in wrapped.iter().zip(&self.widths).enumerate() {
                let right = matches!(self.columns[at].kind, ColumnKind::Int | ColumnKind::Float);
                let padded = pad(lines.get(i).map_or("", |line| line), width, right);
                match style(at).filter(|_| self.look.color) {
                    Some(style) => text += &format!(" {} {bar}", paint(true, style, &padded)),
                    None => text += &format!(" {padded} {bar}"),
                }
            }
            writeln!(out, "{text}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_widest_texts_are_squeezed() {
        let columns = [
            Column::new("a", ColumnKind::Text),
            Column::new("b", ColumnKind::Text),
            Column::new("n", ColumnKind::Float),
        ];
        let widths = fit(&[60, 10, 6], &columns, Some(60)).unwrap();
        assert_eq!(widths, [34, 10, 6]);
        assert_eq!(widths.iter().sum::<usize>() + 10, 60);
        assert_eq!(fit(&[60, 10, 6], &columns, None).unwrap(), [60, 10, 6]);
        assert_eq!(fit(&[60, 10, 6], &columns, Some(30)), None);
    }
}
