//! Outcomes as text: one file a mode.
//!
//! Box, line and markdown are for people: they show the statement's message, its rows and its notes.
//! CSV, TSV and JSON lines are for programs: they hold rows and nothing else; JSON holds everything
//! in one document a statement. Rows are streamed: no mode holds more than a screenful or a batch of
//! them. Nothing here knows where the text goes or what made the rows.

use std::io::Write;
use std::time::Instant;

use clap::ValueEnum;
use seedbed::CancelToken;
use seedbed::ops::spec::Scalar;
use seedbed::ops::{Column, Outcome, Row, Rows, Value};

use super::halt::Halt;
use super::terminal::{Style, paint};

mod boxed;
mod delimited;
pub mod json;
mod line;
mod markdown;
pub mod number;
pub mod text;

/// A way to print outcomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, ValueEnum)]
pub enum Mode {
    /// A table drawn with lines, fitted to the terminal
    #[default]
    Box,
    /// One `column = value` a line
    Line,
    /// Comma-separated values with a header
    Csv,
    /// Tab-separated values with a header
    Tsv,
    /// One JSON document a statement
    Json,
    /// One JSON object a row
    Jsonl,
    /// A Markdown table
    Markdown,
}

impl Mode {
    /// The name a user types.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Box => "box",
            Mode::Line => "line",
            Mode::Csv => "csv",
            Mode::Tsv => "tsv",
            Mode::Json => "json",
            Mode::Jsonl => "jsonl",
            Mode::Markdown => "markdown",
        }
    }

    /// Whether messages and notes are part of the output.
    pub fn is_for_people(self) -> bool {
        matches!(self, Mode::Box | Mode::Line | Mode::Markdown)
    }
}

/// How outcomes look, whatever the mode.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// Whether escape sequences may be used.
    pub color: bool,
    /// Columns of the terminal; `None` never wraps.
    pub width: Option<usize>,
    /// Rows shown in a box; `None` shows all.
    pub max_rows: Option<usize>,
    /// Whether the time a statement took is shown.
    pub timer: bool,
    /// Whether messages and notes are left out.
    pub quiet: bool,
}

/// Writes an outcome in a mode. Stops between rows once `cancel` is raised.
pub fn render(
    mode: Mode,
    outcome: Outcome,
    look: &Look,
    cancel: &CancelToken,
    out: &mut dyn Write,
) -> Result<(), Halt> {
    let begun = Instant::now();
    let Outcome { verb, message, rows, notes, seconds } = outcome;
    let rows = rows.map(|rows| Stream { rows, cancel });
    if mode == Mode::Json {
        return json::document(verb, &message, rows, &notes, seconds, out);
    }
    let people = mode.is_for_people() && !look.quiet;
    let timer = look.timer && people;
    if people && !message.is_empty() {
        out.write_all(fill(&message, 0, look).as_bytes())?;
        if rows.is_none() && timer {
            write!(out, " {}", paint(look.color, Style::Dim, &format!("({})", duration(seconds))))?;
        }
        writeln!(out)?;
        if rows.is_some() && mode == Mode::Markdown {
            writeln!(out)?;
        }
    }
    if let Some(rows) = rows {
        let counts = match mode {
            Mode::Box => boxed::rows(rows, look, out)?,
            Mode::Line => line::rows(rows, look, out)?,
            Mode::Csv => delimited::rows(rows, b',', out)?,
            Mode::Tsv => delimited::rows(rows, b'\t', out)?,
            Mode::Markdown => markdown::rows(rows, out)?,
            Mode::Jsonl | Mode::Json => json::lines(rows, out)?,
        };
        if matches!(mode, Mode::Box | Mode::Line) && !look.quiet {
            // Rows are made while they are printed, so the time counts that too.
            let seconds = seconds + begun.elapsed().as_secs_f64();
            let footer = if timer { format!(" · {}", duration(seconds)) } else { String::new() };
            if mode == Mode::Line && counts.shown > 0 {
                writeln!(out)?;
            }
            writeln!(out, "{}", paint(look.color, Style::Dim, &format!("{counts}{footer}")))?;
        }
    } else if timer && message.is_empty() {
        writeln!(out, "{}", paint(look.color, Style::Dim, &duration(seconds)))?;
    }
    if people {
        for note in &notes {
            match mode {
                Mode::Markdown => writeln!(out, "\n> {}", text::printable(note))?,
                _ => {
                    let note = format!("note: {}", fill(note, 6, look));
                    writeln!(out, "{}", paint(look.color, Style::Dim, &note))?;
                }
            }
        }
    }
    Ok(())
}

/// A sentence in lines that fit the terminal; all but the first stand `indent` columns to the right.
fn fill(sentence: &str, indent: usize, look: &Look) -> String {
    let sentence = text::printable(sentence);
    match look.width {
        Some(width) => {
            let lines = text::wrap(&sentence, width.saturating_sub(indent), usize::MAX);
            lines.join(&format!("\n{}", " ".repeat(indent)))
        }
        None => sentence.into_owned(),
    }
}

/// How many rows there were and how many of them were printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub total: u64,
    pub shown: u64,
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let noun = if self.total == 1 { "row" } else { "rows" };
        write!(f, "{} {noun}", self.total)?;
        if self.shown < self.total {
            write!(f, ", {} shown", self.shown)?;
        }
        Ok(())
    }
}

/// Rows that end with an error once the user cancels.
pub struct Stream<'a> {
    rows: Rows,
    cancel: &'a CancelToken,
}

impl Stream<'_> {
    fn columns(&self) -> &[Column] {
        self.rows.columns()
    }
}

impl Iterator for Stream<'_> {
    type Item = Result<Row, Halt>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.cancel.is_cancelled() {
            let error = seedbed::Error::new(seedbed::Code::Cancelled, "cancelled while printing rows");
            return Some(Err(error.into()));
        }
        self.rows.next().map(|row| row.map_err(Halt::Failed))
    }
}

/// A value for people: four significant digits, `NULL`, control characters shown as pictures.
pub fn cell(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_string(),
        Value::Float(value) => number::four_digits(*value),
        Value::Text(value) => text::printable(value).into_owned(),
        other => other.to_string(),
    }
}

/// A parameter's value as it would be written in a statement.
pub fn scalar(value: &Scalar) -> String {
    match value {
        Scalar::Null => "NULL".to_string(),
        Scalar::Bool(value) => value.to_string(),
        Scalar::Int(value) => value.to_string(),
        Scalar::Float(value) => number::exact(*value),
        Scalar::Text(value) => format!("'{}'", text::printable(value).replace('\'', "''")),
    }
}

/// A time for people: `87 ms`, `1.42 s`, `2 min 5 s`.
pub fn duration(seconds: f64) -> String {
    if seconds < 0.9995 {
        format!("{:.0} ms", (seconds * 1000.0).max(0.0))
    } else if seconds < 10.0 {
        format!("{seconds:.2} s")
    } else if seconds < 60.0 {
        format!("{seconds:.1} s")
    } else {
        let whole = seconds.round() as u64;
        match whole / 3600 {
            0 => format!("{} min {} s", whole / 60, whole % 60),
            hours => format!("{hours} h {} min", whole % 3600 / 60),
        }
    }
}

#[cfg(test)]
mod tests;
