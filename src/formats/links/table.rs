//! Links in two columns, and in tables with a header that names `left` and `right`.

use std::io::Read;
use std::path::Path;

use crate::error::{Code, Error, Result};
use crate::formats::lines::{self, Bounded, Lines};

use super::{Resolver, Stated, split_of};

/// Two columns separated by a tab; or a header and named columns, separated by tabs.
pub(super) fn read_tsv(path: &Path, resolver: &mut Resolver<'_>) -> Result<()> {
    let mut lines = Lines::open(path)?;
    let mut first = true;
    while lines.advance()? {
        let text = match lines.text() {
            Ok(text) => text,
            Err(error) => {
                resolver.broken(error)?;
                continue;
            }
        };
        if text.trim().is_empty() {
            continue;
        }
        if first && is_header(text) {
            return read_table(path, b'\t', resolver);
        }
        first = false;
        let fields: Vec<&str> = text.split('\t').collect();
        let &[left, right] = &fields[..] else {
            let help = match text.split_whitespace().count() {
                2 if fields.len() == 1 => "the columns are separated by blanks; separate them by a tab",
                _ => "columns beside left and right need a header line that names them",
            };
            let message = format!("expected two columns separated by a tab, found {}", fields.len());
            let error = Error::new(Code::BadFile, message).help(help);
            resolver.broken(error.file(path, lines.number(), text))?;
            continue;
        };
        resolver.link(left, right, None, Stated { line: lines.number(), text })?;
    }
    Ok(())
}

/// Comma-separated, with a header.
pub(super) fn read_csv(path: &Path, resolver: &mut Resolver<'_>) -> Result<()> {
    read_table(path, b',', resolver)
}

fn is_header(line: &str) -> bool {
    let names: Vec<String> = line.split('\t').map(|name| name.trim().to_ascii_lowercase()).collect();
    names.iter().any(|name| name == "left") && names.iter().any(|name| name == "right")
}

fn read_table(path: &Path, separator: u8, resolver: &mut Resolver<'_>) -> Result<()> {
    let (source, since) = Bounded::new(lines::open_text(path)?);
    let mut reader = csv::ReaderBuilder::new().delimiter(separator).flexible(true).from_reader(source);
    let header = reader.headers().map_err(|cause| broken(cause, path))?.clone();
    let place = |name: &str| header.iter().position(|column| column.trim().eq_ignore_ascii_case(name));
    let (Some(left), Some(right)) = (place("left"), place("right")) else {
        let text = header.iter().collect::<Vec<_>>().join(", ");
        return Err(Error::new(Code::BadFile, "the header has no columns `left` and `right`")
            .help("the first line names the columns: left,right and perhaps split")
            .file(path, 1, &text));
    };
    let split = place("split");
    let mut record = csv::StringRecord::new();
    while next_record(&mut reader, &mut record, path, resolver)? {
        since.set(0);
        let line = record.position().map_or(0, csv::Position::line);
        let text = record.iter().collect::<Vec<_>>().join(if separator == b',' { "," } else { "\t" });
        if record.len() != header.len() {
            let message =
                format!("expected {} fields as in the header, found {}", header.len(), record.len());
            resolver.broken(Error::new(Code::BadFile, message).file(path, line, &text))?;
            continue;
        }
        let split = match split_of(split.and_then(|at| record.get(at)).unwrap_or_default()) {
            Ok(split) => split,
            Err(error) => {
                resolver.broken(error.file(path, line, &text))?;
                continue;
            }
        };
        resolver.link(&record[left], &record[right], split, Stated { line, text: &text })?;
    }
    Ok(())
}

/// Reads the next record that is text; `false` at the end.
pub(super) fn next_record<R: Read>(
    reader: &mut csv::Reader<R>,
    record: &mut csv::StringRecord,
    path: &Path,
    resolver: &mut Resolver<'_>,
) -> Result<bool> {
    loop {
        match reader.read_record(record) {
            Ok(more) => return Ok(more),
            Err(cause) if matches!(cause.kind(), csv::ErrorKind::Utf8 { .. }) => {
                resolver.broken(broken(cause, path))?;
            }
            Err(cause) => return Err(broken(cause, path)),
        }
    }
}

/// The error for a table that cannot be read on.
pub(super) fn broken(cause: csv::Error, path: &Path) -> Error {
    let line = cause.position().map_or(0, csv::Position::line);
    match cause.into_kind() {
        csv::ErrorKind::Io(cause) => lines::read_failed(path, line, cause),
        csv::ErrorKind::Utf8 { .. } => Error::new(Code::BadFile, "the line is not UTF-8")
            .help("convert the file to UTF-8")
            .file(path, line, ""),
        other => {
            Error::new(Code::BadFile, format!("the line cannot be read: {other:?}")).file(path, line, "")
        }
    }
}
