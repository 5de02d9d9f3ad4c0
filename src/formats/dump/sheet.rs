//! Sheets: rows as lines of cells, written from a stream and read as one.

use super::cell::Cell;
use super::folder::Folder;
use crate::error::{Code, Error, Result, shorten};
use crate::formats::lines::Lines;
use crate::formats::new_folder::NewFolder;

/// Rows between two looks at the cancel flag.
const CHECK_EVERY: u64 = 4096;

/// A row of a sheet.
pub trait Line: Sized {
    /// The columns, in order.
    const COLUMNS: &'static [&'static str];

    /// Puts a cell for each column.
    fn write(&self, cells: &mut Cells);

    /// Takes a cell for each column.
    fn read(fields: &mut Fields<'_>) -> Result<Self>;
}

/// A line being written.
#[derive(Default)]
pub struct Cells {
    line: String,
    put: usize,
}

impl Cells {
    /// Adds a cell.
    pub fn put(&mut self, cell: &impl Cell) -> &mut Self {
        if self.put > 0 {
            self.line.push('\t');
        }
        self.put += 1;
        cell.write(&mut self.line);
        self
    }

    /// Adds a word of ours, which needs no care.
    pub fn word(&mut self, word: &str) -> &mut Self {
        self.put(&word.to_string())
    }
}

/// A line being read.
pub struct Fields<'a> {
    columns: std::slice::Iter<'static, &'static str>,
    cells: std::str::Split<'a, char>,
}

impl<'a> Fields<'a> {
    /// The text of the next cell, and its column.
    fn next(&mut self) -> Result<(&'static str, &'a str)> {
        match (self.columns.next(), self.cells.next()) {
            (Some(column), Some(text)) => Ok((column, text)),
            (Some(column), None) => {
                Err(Error::new(Code::BadFile, format!("the line ends before column `{column}`")))
            }
            (None, _) => Err(Error::new(Code::Internal, "a sheet has fewer columns than its rows")),
        }
    }

    /// The value of the next cell.
    pub fn take<T: Cell>(&mut self) -> Result<T> {
        let (column, text) = self.next()?;
        T::read(text).ok_or_else(|| unexpected(column, T::FORM, text))
    }

    /// The next cell, which must be one of a few words: what the word stands for.
    pub fn word<T: Copy>(&mut self, words: &[(&str, T)]) -> Result<T> {
        let (column, text) = self.next()?;
        let known = words.iter().find(|(word, _)| *word == text);
        known.map(|(_, value)| *value).ok_or_else(|| {
            let shown = |word: &str| if word.is_empty() { "nothing".to_string() } else { word.to_string() };
            let words: Vec<String> = words.iter().map(|(word, _)| shown(word)).collect();
            unexpected(column, &words.join(" or "), text)
        })
    }
}

fn unexpected(column: &str, wanted: &str, found: &str) -> Error {
    let found = shorten(found, 60);
    Error::new(Code::BadFile, format!("column `{column}`: expected {wanted}, found `{found}`"))
}

impl NewFolder<'_> {
    /// Writes a sheet; gives the number of its rows.
    pub fn sheet<L: Line>(&mut self, path: &str, rows: impl IntoIterator<Item = Result<L>>) -> Result<u64> {
        let task = self.task();
        let mut file = self.file(path)?;
        let mut cells = Cells { line: L::COLUMNS.join("\t"), put: 0 };
        let mut count = 0;
        for row in rows {
            if count % CHECK_EVERY == 0 {
                task.check()?;
            }
            cells.line.push('\n');
            file.write(cells.line.as_bytes())?;
            cells.line.clear();
            cells.put = 0;
            row?.write(&mut cells);
            count += 1;
        }
        cells.line.push('\n');
        file.write(cells.line.as_bytes())?;
        self.close(file, Some(count))?;
        Ok(count)
    }
}

impl Folder<'_> {
    /// Reads a sheet row by row. What `take` finds wrong with a row is told with file and line.
    pub fn sheet<L: Line>(&self, path: &str, mut take: impl FnMut(L) -> Result<()>) -> Result<()> {
        let (file, listed) = self.open(path)?;
        let mut lines = Lines::open(&file)?;
        let wrong = |lines: &Lines, error: Error| match lines.text() {
            Ok(text) => error.file(&file, lines.number(), text),
            Err(error) => error,
        };
        let header = L::COLUMNS.join("\t");
        if !lines.advance()? || lines.text()? != header {
            let message = format!("expected the columns {}", L::COLUMNS.join(", "));
            return Err(wrong(&lines, Error::new(Code::BadFile, message)).help(super::folder::REMEDY));
        }
        let mut count = 0;
        while lines.advance()? {
            if count % CHECK_EVERY == 0 {
                self.task().check()?;
            }
            let text = lines.text()?;
            let mut fields = Fields { columns: L::COLUMNS.iter(), cells: text.split('\t') };
            let row = L::read(&mut fields).and_then(|row| match fields.cells.next() {
                None => take(row),
                Some(_) => {
                    let message = format!("the line has more than {} cells", L::COLUMNS.len());
                    Err(Error::new(Code::BadFile, message))
                }
            });
            row.map_err(|error| wrong(&lines, error).help(super::folder::REMEDY))?;
            count += 1;
        }
        if listed.rows != Some(count) {
            let wanted = listed.rows.map_or("none".to_string(), |rows| rows.to_string());
            let message = format!("the sheet has {count} rows, the manifest says {wanted}");
            return Err(Error::new(Code::BadFile, message).help(super::folder::REMEDY).path(&file));
        }
        self.verify(&file, listed)
    }

    /// All rows of a sheet that is small, or is wanted whole.
    pub fn rows<L: Line>(&self, path: &str) -> Result<Vec<L>> {
        let mut rows = Vec::new();
        self.sheet(path, |row| {
            rows.push(row);
            Ok(())
        })?;
        Ok(rows)
    }
}
