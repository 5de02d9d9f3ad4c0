//! Comma- and tab-separated tables with a header line, record by record.
//!
//! In a comma-separated table a field may stand in double quotes, hold commas and line ends, and
//! doubles a quote inside (RFC 4180). In a tab-separated one nothing is quoted. What a file is goes by
//! its name, `.csv` or `.tsv`, also with `.gz` or `.zst` after it.

use std::path::Path;

use crate::error::{Code, Error, Result};

use super::lines::Lines;
use super::reading::{Reading, Tally};

/// The longest record that quotes may spread over lines, in bytes: a quote that is never closed
/// should not swallow the file.
const RECORD_LIMIT: usize = 1 << 20;

/// The columns a table must have and those it may have; names are compared without case.
pub(super) struct Columns<'a> {
    pub needed: &'a [&'a str],
    pub optional: &'a [&'a str],
}

/// Hands every record to `take`: its needed fields, then its optional ones, `""` for those that the
/// table does not have.
pub(super) fn each_record(
    reading: &mut Reading<'_>,
    path: &Path,
    columns: &Columns<'_>,
    mut take: impl FnMut(&mut Tally, &[&str]) -> Result<()>,
) -> Result<Vec<bool>> {
    reading.phase(path)?;
    let mut sheet = Sheet::open(path)?;
    let places = sheet.places(columns)?;
    let width = sheet.ends.len();
    while sheet.advance(reading)? {
        if sheet.lines.number().is_multiple_of(4096) {
            reading.task.check()?;
            reading.task.advance(sheet.lines.number());
        }
        let result = if sheet.ends.len() == width {
            let fields: Vec<&str> =
                places.iter().map(|place| place.map_or("", |place| sheet.field(place).trim())).collect();
            take(&mut reading.tally, &fields)
        } else {
            Err(Error::new(
                Code::BadFile,
                format!("expected {width} fields as in the header, found {}", sheet.ends.len()),
            ))
        };
        if let Err(error) = result {
            reading.broken(error.file(path, sheet.start, &sheet.lines.lossy()))?;
        }
    }
    Ok(places.iter().map(Option::is_some).collect())
}

struct Sheet {
    lines: Lines,
    quoted: bool,
    /// The fields of the current record, one after the other.
    text: String,
    ends: Vec<usize>,
    /// Line on which the record starts.
    start: u64,
}

impl Sheet {
    /// Opens a table and reads its header.
    fn open(path: &Path) -> Result<Self> {
        let name = path.to_string_lossy().to_ascii_lowercase();
        let name = name.strip_suffix(".gz").or(name.strip_suffix(".zst")).unwrap_or(&name).to_string();
        let mut sheet = Sheet {
            lines: Lines::open(path)?,
            quoted: !name.ends_with(".tsv"),
            text: String::new(),
            ends: Vec::new(),
            start: 0,
        };
        loop {
            if !sheet.lines.advance()? {
                return Err(Error::new(Code::BadFile, "the file is empty, expected a header line")
                    .help("write a first line that names the columns, or remove the file")
                    .path(path));
            }
            if !sheet.lines.text()?.trim().is_empty() {
                break;
            }
        }
        sheet.split().map_err(|error| error.file(path, sheet.lines.number(), &sheet.lines.lossy()))?;
        Ok(sheet)
    }

    fn field(&self, i: usize) -> &str {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        &self.text[start..self.ends[i]]
    }

    /// Where the columns stand in the header.
    fn places(&self, columns: &Columns<'_>) -> Result<Vec<Option<usize>>> {
        let header: Vec<String> =
            (0..self.ends.len()).map(|i| self.field(i).trim().to_ascii_lowercase()).collect();
        let place = |name: &&str| header.iter().position(|column| column == *name);
        let absent: Vec<&str> = columns.needed.iter().copied().filter(|name| place(name).is_none()).collect();
        if !absent.is_empty() {
            return Err(Error::new(
                Code::BadFile,
                format!(
                    "the header has no column {}; its columns are {}",
                    absent.join(", "),
                    header.join(", ")
                ),
            )
            .help(format!("the first line names the columns: {}", columns.needed.join(", ")))
            .file(self.lines.path(), self.lines.number(), &self.lines.lossy()));
        }
        Ok(columns.needed.iter().chain(columns.optional).map(place).collect())
    }

    /// Reads the next record that is not broken; `false` at the end.
    fn advance(&mut self, reading: &mut Reading<'_>) -> Result<bool> {
        while self.lines.advance()? {
            self.start = self.lines.number();
            let result = match self.lines.text() {
                Ok(text) if text.trim().is_empty() => continue,
                Ok(_) => self.split(),
                Err(error) => Err(error),
            };
            match result {
                Ok(()) => return Ok(true),
                Err(error) => {
                    reading.broken(error.file(self.lines.path(), self.start, &self.lines.lossy()))?
                }
            }
        }
        Ok(false)
    }

    /// Splits the current line, and those after it while a quote is open.
    fn split(&mut self) -> Result<()> {
        self.text.clear();
        self.ends.clear();
        if !self.quoted {
            for field in self.lines.text()?.split('\t') {
                self.text.push_str(field);
                self.ends.push(self.text.len());
            }
            return Ok(());
        }
        let mut open = false;
        let mut closed = false;
        loop {
            let mut field_start = self.ends.last().copied().unwrap_or(0);
            let mut characters = self.lines.text()?.chars().peekable();
            while let Some(character) = characters.next() {
                match character {
                    '"' if open && characters.peek() == Some(&'"') => {
                        characters.next();
                        self.text.push('"');
                    }
                    '"' if open => (open, closed) = (false, true),
                    _ if open => self.text.push(character),
                    ',' => {
                        self.ends.push(self.text.len());
                        field_start = self.text.len();
                        closed = false;
                    }
                    '"' if self.text[field_start..].trim().is_empty() && !closed => {
                        self.text.truncate(field_start);
                        open = true;
                    }
                    _ if closed && !character.is_whitespace() => {
                        return Err(Error::new(
                            Code::BadFile,
                            format!("found '{character}' after a closing quote, expected a comma"),
                        )
                        .help("double the quotes inside a quoted field"));
                    }
                    _ if closed => {}
                    _ => self.text.push(character),
                }
            }
            if !open {
                self.ends.push(self.text.len());
                return Ok(());
            }
            self.text.push('\n');
            if self.text.len() > RECORD_LIMIT || !self.lines.advance()? {
                return Err(Error::new(Code::BadFile, "a quote opens and is never closed")
                    .help("double the quotes inside a quoted field, and close it"));
            }
        }
    }
}
