//! Feature matrices from files: npy, npz, safetensors, and pickled dictionaries of image features.
//!
//! A file is streamed into the two sides' matrices; it is never held whole beside them. Which row is
//! whose is settled first (`owners`), then numbers flow through a sink that checks that each is finite
//! and converts it to `f32`. A row that the file does not have, or that the presence array marks as
//! not real, is missing: zeros in memory, absent in the bitmap. Sizes claimed by a file are believed
//! only as far as its length can bear them out. Nothing here executes what a pickle asks for.

mod columns;
mod csr;
mod dense;
pub(super) mod npy;
mod number;
mod owners;
mod pickle;
mod sink;
mod tensors;
mod zip;

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use crate::error::{Code, Error, Result};
use crate::features::OwnedFeature;
use crate::kg::{Graph, Side};
use crate::ops::spec::ImportFeatures;
use crate::task::Task;

use self::zip::Archive;
use csr::Csr;
use dense::Dense;
use owners::Owners;
use sink::{Sink, in_file};

/// The graphs whose entities the rows belong to.
#[derive(Clone, Copy, Debug)]
pub struct PairIds<'a> {
    /// The left graph.
    pub left: &'a Graph,
    /// The right graph.
    pub right: &'a Graph,
}

/// How rows were given to entities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RowOrder {
    /// The row number, or the dictionary's key, is the source's id of the entity.
    SourceIds,
    /// Line i of the companion file names the entity of row i.
    Companion,
    /// One file a side, rows in entity order.
    EntityOrder,
    /// One file, the left graph's entities in order and then the right's.
    LeftThenRight,
}

/// What was found in the files of a modality.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatrixReport {
    /// Rows in the files, together.
    pub rows: u64,
    /// Width of a row in the files; a sparse matrix keeps the columns in use only.
    pub dims: u64,
    /// Number type in the file: `float16`, `float32`, …
    pub dtype: String,
    /// Whether the matrix is sparse.
    pub sparse: bool,
    /// How rows were given to entities.
    pub order: RowOrder,
    /// Left and right entities with a row.
    pub present: [u64; 2],
    /// Left and right entities without one.
    pub missing: [u64; 2],
    /// Rows that belong to no entity of the pair; they were left out.
    pub unknown: u64,
    /// The first five of those, by id or IRI.
    pub unknown_first: Vec<String>,
    /// Rows the presence array marks as not real.
    pub marked_missing: u64,
    /// Rows taken as real whose numbers are all zero.
    pub zero_rows: u64,
    /// What a person should know and that is no error.
    pub notes: Vec<String>,
}

/// A modality as read: both sides and a report.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureImport {
    /// Rows of the left entities.
    pub left: OwnedFeature,
    /// Rows of the right entities.
    pub right: OwnedFeature,
    /// What was found.
    pub report: MatrixReport,
}

/// Reads a modality from one file over both sides, or from the left's and the right's.
///
/// Rows are `f32`, C order or CSR; a missing row is all zeros and absent from the bitmap. Whose a row
/// is: the row number is the source id where the pair has ids that are unique over both sides; else the
/// companion file says it; else two files, one a side, in entity order; else one file over the left and
/// then the right entities, which the report notes.
///
/// Errors: [`Code::NotFound`]; [`Code::BadFile`] for what is not the format; [`Code::BadValue`] for
/// numbers that are not finite, types that are no floats, and row counts that do not fit;
/// [`Code::Conflict`] for options that exclude each other; [`Code::Limit`] for claimed sizes past what
/// the file can hold; [`Code::Cancelled`].
pub fn read_features(spec: &ImportFeatures, pair: &PairIds<'_>, task: &Task) -> Result<FeatureImport> {
    task.check()?;
    for side in Side::BOTH {
        if pair.side(side).is_empty() {
            return Err(Error::new(
                Code::MissingData,
                format!("the {} graph has no entities", side.as_str()),
            ));
        }
    }
    if spec.paths.is_empty() || spec.paths.len() > 2 {
        return Err(Error::new(
            Code::OutOfRange,
            format!("{} files of features were named, expected one or two", spec.paths.len()),
        ));
    }
    if spec.paths.len() == 2 && spec.ids.is_some() {
        return Err(Error::new(Code::Conflict, "ids= goes with one file, but two were named")
            .help("with two files, the left's and the right's, rows are in the order of the entities"));
    }
    let mut evidence = 0;
    let mut parts = Vec::with_capacity(spec.paths.len());
    for (i, path) in spec.paths.iter().enumerate() {
        let (content, length) = open(path, spec, task)?;
        evidence += length;
        let owners = match spec.paths.len() {
            1 => Owners::of_both(pair, spec.ids.as_deref())?,
            _ => Owners::of_side(pair, Side::BOTH[i], matches!(content, Content::Keyed(_))),
        };
        parts.push(Part { path, content, owners });
    }
    check_widths(&parts)?;
    if let Some(path) = &spec.present {
        mark(&mut parts, path)?;
    }
    gather(parts, pair, evidence, task)
}

/// What a file holds, ready to be streamed.
enum Content {
    Dense(Dense),
    Sparse(Csr),
    Keyed(pickle::Rows),
}

impl Content {
    fn cols(&self) -> u64 {
        match self {
            Content::Dense(dense) => dense.cols,
            Content::Sparse(csr) => csr.cols,
            Content::Keyed(rows) => rows.cols(),
        }
    }

    fn rows(&self) -> u64 {
        match self {
            Content::Dense(dense) => dense.rows,
            Content::Sparse(csr) => csr.rows,
            Content::Keyed(rows) => rows.len(),
        }
    }

    fn dtype(&self) -> String {
        match self {
            Content::Dense(dense) => dense.dtype.name(),
            Content::Sparse(csr) => csr.dtype.name(),
            Content::Keyed(rows) => rows.dtype(),
        }
    }
}

/// One file with the rule for its rows.
struct Part<'a> {
    path: &'a Path,
    content: Content,
    owners: Owners,
}

/// Opens a file by what it starts with, and gives its length too.
fn open(path: &Path, spec: &ImportFeatures, task: &Task) -> Result<(Content, u64)> {
    let fail = |cause| Error::io("cannot open the file", cause).path(path);
    let file = File::open(path).map_err(fail)?;
    let about = file.metadata().map_err(fail)?;
    if about.is_dir() {
        return Err(Error::new(Code::BadFile, "this is a directory, expected a file of features").path(path));
    }
    let length = about.len();
    let mut start = Vec::new();
    file.take(16).read_to_end(&mut start).map_err(fail)?;
    let modality = spec.modality.as_str();
    let wanted = spec.tensor.as_deref();
    let ends = |endings: &[&str]| {
        let name = path.to_string_lossy().to_ascii_lowercase();
        endings.iter().any(|ending| name.ends_with(ending))
    };
    let unread = |what: &str, help: &str| {
        Err(Error::new(Code::Unsupported, format!("{what} cannot be read")).help(help).path(path))
    };
    let opens_brace = start.get(8) == Some(&b'{');
    // The length of a table may begin with the byte that pickles begin with.
    let table = start.first_chunk().map_or(u64::MAX, |size| u64::from_le_bytes(*size));
    let tensors = opens_brace && table <= length.saturating_sub(8);
    let pickle = start.first() == Some(&0x80) && start.get(1).is_some_and(|&protocol| protocol <= 5);
    let content = if start.starts_with(npy::MAGIC) {
        let body = File::open(path).map_err(fail)?;
        let body = Box::new(BufReader::with_capacity(256 << 10, body));
        Content::Dense(Dense::from_npy(body, length, path)?)
    } else if start.starts_with(zip::MAGIC) || start.starts_with(b"PK\x05\x06") {
        open_archive(path, wanted, modality, task)?
    } else if tensors || ends(&[".safetensors"]) {
        Content::Dense(tensors::open(path, wanted, modality)?)
    } else if pickle || ends(&[".pkl", ".pickle"]) {
        Content::Keyed(pickle::Rows::open(path, task)?)
    } else if opens_brace {
        Content::Dense(tensors::open(path, wanted, modality)?)
    } else if start.starts_with(b"PAR1") || start.starts_with(b"ARROW1") {
        return unread("Parquet and Arrow", "save the rows as npy and the ids as a text file for ids=");
    } else if start.starts_with(b"\x89HDF") {
        return unread("HDF5", "save the array as npy");
    } else if start.starts_with(&[0x1f, 0x8b]) || start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        return unread("a compressed matrix", "decompress it first, or save it as npz");
    } else if ends(&[".npy", ".npz"]) {
        return Err(Error::new(
            Code::BadFile,
            "the name promises a numpy file, but the file does not start like one",
        )
        .help("copy the file again; is it empty, or a pointer of a large-file store?")
        .path(path));
    } else {
        return Err(Error::new(Code::BadFile, "the file starts like no format of features")
            .help("the formats are npy, npz, safetensors, and pickled dictionaries of numpy arrays")
            .path(path));
    };
    if content.cols() == 0 {
        return Err(Error::new(Code::BadValue, "the rows have no columns, expected at least one").path(path));
    }
    Ok((content, length))
}

fn open_archive(path: &Path, wanted: Option<&str>, modality: &str, task: &Task) -> Result<Content> {
    let archive = Archive::open(path)?;
    if wanted.is_none() && csr::is_sparse(&archive) {
        return Ok(Content::Sparse(Csr::read(&archive, path, task)?));
    }
    let names = archive.names();
    let name = in_file(tensors::choose(&names, wanted, modality, "array"), path)?;
    let entry = archive.find(&name);
    let entry = entry.ok_or_else(|| tensors::no_such(&name, names.iter(), "array").path(path))?;
    Ok(Content::Dense(Dense::from_npy(archive.reader(entry)?, entry.size, path)?))
}

/// Two files of a modality must be alike.
fn check_widths(parts: &[Part<'_>]) -> Result<()> {
    let [left, right] = parts else { return Ok(()) };
    let (cols, other) = (left.content.cols(), right.content.cols());
    if cols != other {
        let message =
            format!("the rows have {other} columns, but those of the left graph's file have {cols}");
        return Err(Error::new(Code::BadValue, message).path(right.path));
    }
    let sparse = |part: &Part<'_>| matches!(part.content, Content::Sparse(_));
    if sparse(left) != sparse(right) {
        return Err(Error::new(Code::BadValue, "one of the files is sparse and the other is not")
            .help("save both in the same way")
            .path(right.path));
    }
    Ok(())
}

/// Reads the presence array and hands every part its rows.
fn mark(parts: &mut [Part<'_>], path: &Path) -> Result<()> {
    let fail = |cause| Error::io("cannot open the file", cause).path(path);
    let file = File::open(path).map_err(fail)?;
    let length = file.metadata().map_err(fail)?.len();
    let mut mask = dense::read_mask(Box::new(BufReader::new(file)), length, path)?;
    if let [part] = parts
        && matches!(part.content, Content::Keyed(_))
    {
        part.owners.mark(mask);
        return Ok(());
    }
    let rows: Vec<u64> = parts.iter().map(|part| part.content.rows()).collect();
    let wanted = rows.iter().fold(0u64, |sum, &rows| sum.saturating_add(rows));
    if mask.len() as u64 != wanted {
        return Err(Error::new(
            Code::BadValue,
            format!("the presence array has {} entries, expected {wanted}, one a row", mask.len()),
        )
        .path(path));
    }
    for (part, &rows) in parts.iter_mut().zip(&rows) {
        let rest = mask.split_off(rows as usize);
        part.owners.mark(std::mem::replace(&mut mask, rest));
    }
    Ok(())
}

/// Streams every part to its owners.
fn gather(parts: Vec<Part<'_>>, pair: &PairIds<'_>, evidence: u64, task: &Task) -> Result<FeatureImport> {
    let Some(first) = parts.first() else {
        return Err(Error::new(Code::Internal, "no file of features"));
    };
    let mut report = MatrixReport {
        rows: parts.iter().map(|part| part.content.rows()).sum(),
        dims: first.content.cols(),
        dtype: first.content.dtype(),
        sparse: matches!(first.content, Content::Sparse(_)),
        order: first.owners.order,
        present: [0; 2],
        missing: [0; 2],
        unknown: 0,
        unknown_first: Vec::new(),
        marked_missing: 0,
        zero_rows: 0,
        notes: Vec::new(),
    };
    let (first, mut sink, mut sparse) = (first.path, None, [None, None]);
    for (i, part) in parts.into_iter().enumerate() {
        let Part { path, content, owners } = part;
        if !matches!(content, Content::Keyed(_)) {
            in_file(owners.check_count(content.rows()), path)?;
        }
        if let Content::Sparse(csr) = &content {
            let (left, right) = in_file(csr.give(pair, &owners, &mut report), path)?;
            // With two files each gives its own side; the other's is empty there.
            let [old_left, old_right] = &mut sparse;
            if i == 0 {
                *old_left = Some(left);
            }
            if i == 1 || old_right.is_none() {
                *old_right = Some(right);
            }
            continue;
        }
        if sink.is_none() {
            sink = Some(in_file(Sink::new(pair, report.dims, evidence, task), path)?);
        }
        let Some(sink) = &mut sink else { continue };
        match content {
            Content::Dense(dense) => in_file(dense.stream(&owners, sink, &mut report, task), path)?,
            Content::Keyed(rows) => in_file(rows.stream(&owners, sink, &mut report, task), path)?,
            Content::Sparse(_) => {}
        }
    }
    let (left, right) = match (sink, sparse) {
        (Some(sink), _) => sink.finish(&mut report),
        (None, [Some(mut left), Some(mut right)]) => {
            let left_out = in_file(columns::keep_used(&mut left, &mut right), first)?;
            if left_out > 0 {
                report.notes.push(format!("columns that no row uses were left out: {left_out}"));
            }
            (left, right)
        }
        _ => return Err(Error::new(Code::Internal, "no file of features was read")),
    };
    for (i, side) in [&left, &right].into_iter().enumerate() {
        report.present[i] = side.present.count() as u64;
        report.missing[i] = side.present.len() as u64 - report.present[i];
    }
    if report.present == [0, 0] {
        return Err(Error::new(Code::MissingData, "no row belongs to an entity of the pair")
            .help("check that the rows' ids are those of this pair, and that present= marks real rows with True")
            .path(first));
    }
    add_notes(&mut report);
    Ok(FeatureImport { left, right, report })
}

fn add_notes(report: &mut MatrixReport) {
    if report.order == RowOrder::LeftThenRight {
        report.notes.push(
            "rows were taken as the left graph's entities in order and then the right's, as the pair has no ids \
             of its own; ids= would make sure"
                .into(),
        );
    }
    if report.unknown > 0 {
        let first = report.unknown_first.join(", ");
        let n = report.unknown;
        report
            .notes
            .push(format!("rows that belong to no entity of the pair were left out: {n} (first: {first})"));
    }
    if report.zero_rows > 0 {
        let n = report.zero_rows;
        report
            .notes
            .push(format!("rows that are all zero count as real: {n}; present= can mark them as missing"));
    }
    for (i, side) in Side::BOTH.into_iter().enumerate() {
        if report.present[i] == 0 {
            report.notes.push(format!("no entity of the {} graph has a row", side.as_str()));
        }
    }
}

#[cfg(test)]
mod tests;
