//! A sparse matrix in CSR form, as `scipy.sparse.save_npz` writes it.

use std::io::Read;
use std::path::Path;

use crate::error::{Code, Error, Result};
use crate::features::{Matrix, OwnedFeature, Presence};
use crate::kg::Side;
use crate::task::Task;

use super::npy::{Header, fill};
use super::number::{Dtype, Number};
use super::owners::{Owner, Owners};
use super::sink::{bear_out, in_file, refuse};
use super::zip::{Archive, Entry};
use super::{MatrixReport, PairIds};

/// Bytes read at a time.
const CHUNK: usize = 1 << 20;

/// Bytes of memory that a stored number takes: as the file has it, and with its entity.
const NUMBER: u64 = 20;

/// A sparse matrix as the file has it.
pub(super) struct Csr {
    pub dtype: Dtype,
    pub rows: u64,
    pub cols: u64,
    indptr: Vec<u64>,
    indices: Vec<u32>,
    values: Vec<f64>,
}

/// Whether the archive looks like a sparse matrix.
pub(super) fn is_sparse(archive: &Archive) -> bool {
    ["data", "indices", "indptr", "shape"].iter().all(|name| archive.find(name).is_some())
}

impl Csr {
    /// Reads the four arrays and checks that they fit each other.
    pub fn read(archive: &Archive, path: &Path, task: &Task) -> Result<Self> {
        let bad = |message: String| {
            Error::new(Code::BadFile, message)
                .help("save it again with scipy.sparse.save_npz(file, matrix.tocsr())")
                .path(path)
        };
        if let Some(entry) = archive.find("format") {
            let format = layout(archive, entry, path)?;
            if format != "csr" {
                return Err(bad(format!("the sparse matrix has the layout `{format}`, expected csr")));
            }
        }
        task.phase("reading a sparse matrix", None);
        let open = |name: &'static str| Array::open(archive, name, path);
        let (mut shape, mut indptr) = (open("shape")?, open("indptr")?);
        let (mut indices, mut data) = (open("indices")?, open("data")?);
        // Lengths are compared before anything is allocated for them.
        if shape.length != 2 {
            return Err(bad(format!("`shape` has {} numbers, expected rows and columns", shape.length)));
        }
        let mut sizes = Vec::new();
        shape.integers(task, |size| {
            sizes.push(size);
            Ok(())
        })?;
        let &[rows, cols] = &sizes[..] else {
            return Err(bad(format!("the shape is {sizes:?}, expected rows and columns")));
        };
        if cols == 0 || cols > u64::from(u32::MAX) {
            return Err(bad(format!("the rows have {cols} columns, expected 1 to {}", u32::MAX)));
        }
        if indptr.length != rows.saturating_add(1) {
            return Err(bad(format!("`indptr` has {} offsets, expected {rows} + 1", indptr.length)));
        }
        let stored = indices.length;
        if data.length != stored {
            let message = format!("`indices` has {stored} numbers, but `data` has {}", data.length);
            return Err(bad(message));
        }
        if data.dtype.number == Number::Bool {
            return Err(bad("`data` holds bool, expected numbers".into()));
        }
        let bytes = indptr.length.saturating_mul(8).saturating_add(stored.saturating_mul(NUMBER));
        let what = || format!("{rows} sparse rows with {stored} numbers");
        in_file(bear_out(bytes, archive.length(), what), path)?;
        task.afford(bytes, "the sparse matrix")?;

        let mut starts: Vec<u64> = room(indptr.length, path)?;
        indptr.integers(task, |start| {
            if starts.last().map_or(start != 0, |&last| start < last) {
                return Err(bad("`indptr` does not rise from 0".into()));
            }
            starts.push(start);
            Ok(())
        })?;
        let last = starts.last().copied().unwrap_or_default();
        if last != stored {
            let message = format!("`indices` and `data` have {stored} numbers, but `indptr` says {last}");
            return Err(bad(message));
        }
        let mut columns: Vec<u32> = room(stored, path)?;
        indices.integers(task, |col| {
            if col >= cols {
                let row = starts.partition_point(|&start| start <= columns.len() as u64) - 1;
                return Err(bad(format!("row {row} names column {col}, but there are {cols} columns")));
            }
            columns.push(col as u32);
            Ok(())
        })?;
        let mut values: Vec<f64> = room(stored, path)?;
        let dtype = data.dtype;
        data.chunks(task, |bytes| {
            dtype.decode(bytes, &mut values);
            Ok(())
        })?;
        let (indptr, indices) = (starts, columns);
        Ok(Csr { dtype, rows, cols, indptr, indices, values })
    }

    /// Gives the rows to their entities. Columns are sorted; a column that a row names twice is summed,
    /// as scipy does.
    pub fn give(
        &self,
        pair: &PairIds<'_>,
        owners: &Owners,
        report: &mut MatrixReport,
    ) -> Result<(OwnedFeature, OwnedFeature)> {
        let mut row_of = Side::BOTH.map(|side| vec![None; pair.side(side).len()]);
        for row in 0..self.rows {
            if let Some(owner) = owners.take(row, report) {
                row_of[owner.side as usize][owner.entity as usize] = Some(row);
            }
        }
        let [left, right] = row_of;
        Ok((self.side(pair, Side::Left, &left, report)?, self.side(pair, Side::Right, &right, report)?))
    }

    fn side(
        &self,
        pair: &PairIds<'_>,
        side: Side,
        row_of: &[Option<u64>],
        report: &mut MatrixReport,
    ) -> Result<OwnedFeature> {
        let mut indptr = vec![0u64];
        let (mut indices, mut values) = (Vec::new(), Vec::new());
        let mut row: Vec<(u32, f64)> = Vec::new();
        for (entity, &number) in row_of.iter().enumerate() {
            if let Some(number) = number {
                let span = self.indptr[number as usize] as usize..self.indptr[number as usize + 1] as usize;
                row.clear();
                row.extend(self.indices[span.clone()].iter().copied().zip(self.values[span].iter().copied()));
                row.sort_by_key(|&(col, _)| col);
                row.dedup_by(|next, kept| {
                    let same = next.0 == kept.0;
                    if same {
                        kept.1 += next.1;
                    }
                    same
                });
                report.zero_rows += u64::from(row.iter().all(|&(_, value)| value == 0.0));
                for &(col, value) in &row {
                    let number32 = value as f32;
                    if !number32.is_finite() {
                        let owner = Owner { side, entity: entity as u32 };
                        return Err(refuse(pair, &format!("row {number}"), owner, col as usize, value));
                    }
                    indices.push(col);
                    values.push(number32);
                }
            }
            indptr.push(indices.len() as u64);
        }
        let present: Presence = row_of.iter().map(Option::is_some).collect();
        Ok(OwnedFeature {
            rows: Matrix::Sparse { indptr, indices, values, cols: self.cols as usize },
            present,
        })
    }
}

/// A one-dimensional array of the archive whose header was read.
struct Array<'a> {
    name: &'a str,
    path: &'a Path,
    dtype: Dtype,
    length: u64,
    body: Box<dyn Read>,
}

impl<'a> Array<'a> {
    fn open(archive: &Archive, name: &'a str, path: &'a Path) -> Result<Self> {
        let bad = |message: String| Error::new(Code::BadFile, message).path(path);
        let entry = archive.find(name).ok_or_else(|| bad(format!("the archive has no `{name}`")))?;
        let mut body = archive.reader(entry)?;
        let header = Header::read(&mut *body, path)?;
        let dtype = header.dtype(path)?;
        let &[length] = &header.shape[..] else {
            return Err(bad(format!("`{name}` has the shape {:?}, expected one axis", header.shape)));
        };
        if length.checked_mul(dtype.size() as u64) != Some(entry.size.saturating_sub(header.size)) {
            return Err(bad(format!("`{name}` is not as long as its header says")));
        }
        Ok(Array { name, path, dtype, length, body })
    }

    /// Hands the bytes to `take`, whole numbers at a time.
    fn chunks(&mut self, task: &Task, mut take: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let size = self.dtype.size();
        let at_once = (CHUNK / size) as u64;
        let mut left = self.length;
        let mut buffer = vec![0; left.min(at_once) as usize * size];
        while left > 0 {
            task.check()?;
            let count = left.min(at_once);
            let bytes = &mut buffer[..count as usize * size];
            fill(&mut *self.body, bytes, self.path)?;
            take(bytes)?;
            left -= count;
        }
        Ok(())
    }

    /// Hands over the numbers, which must be whole and not negative.
    fn integers(&mut self, task: &Task, mut take: impl FnMut(u64) -> Result<()>) -> Result<()> {
        let (dtype, name, path) = (self.dtype, self.name, self.path);
        self.chunks(task, |bytes| {
            for chunk in bytes.chunks_exact(dtype.size()) {
                let number = dtype.integer(chunk).and_then(|number| u64::try_from(number).ok());
                take(number.ok_or_else(|| {
                    let message = format!("`{name}` is not an array of whole numbers from 0 up");
                    Error::new(Code::BadFile, message).path(path)
                })?)?;
            }
            Ok(())
        })
    }
}

/// An empty list with room for `length` items.
fn room<T>(length: u64, path: &Path) -> Result<Vec<T>> {
    let mut list = Vec::new();
    let fits = usize::try_from(length).is_ok_and(|length| list.try_reserve_exact(length).is_ok());
    let refuse = || Error::new(Code::Limit, format!("not enough memory for {length} numbers")).path(path);
    if fits { Ok(list) } else { Err(refuse()) }
}

/// The text in `format.npy`: `csr`, `csc`, …
fn layout(archive: &Archive, entry: &Entry, path: &Path) -> Result<String> {
    let mut body = archive.reader(entry)?;
    Header::read(&mut *body, path)?;
    let mut text = Vec::new();
    body.take(64).read_to_end(&mut text).map_err(|cause| super::npy::read_failed(cause, path))?;
    let printable = text.into_iter().filter(u8::is_ascii_graphic).map(char::from);
    Ok(printable.collect())
}
