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
use super::sink::refuse;
use super::zip::{Archive, Entry};
use super::{MatrixReport, PairIds};

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
        let integers = |name: &str| -> Result<Vec<u64>> {
            let (dtype, bytes) = array(archive, name, path)?;
            task.check()?;
            let numbers = bytes.chunks_exact(dtype.size()).map(|chunk| dtype.integer(chunk));
            let numbers: Option<Vec<u64>> = numbers.map(|n| n.and_then(|n| u64::try_from(n).ok())).collect();
            numbers.ok_or_else(|| bad(format!("`{name}` is not an array of whole numbers from 0 up")))
        };
        let shape = integers("shape")?;
        let &[rows, cols] = &shape[..] else {
            return Err(bad(format!("the shape is {shape:?}, expected rows and columns")));
        };
        if cols == 0 || cols > u64::from(u32::MAX) {
            return Err(bad(format!("the rows have {cols} columns, expected 1 to {}", u32::MAX)));
        }
        let indptr = integers("indptr")?;
        if indptr.len() as u64 != rows.saturating_add(1) {
            return Err(bad(format!("`indptr` has {} offsets, expected {rows} + 1", indptr.len())));
        }
        if indptr[0] != 0 || indptr.windows(2).any(|pair| pair[0] > pair[1]) {
            return Err(bad("`indptr` does not rise from 0".into()));
        }
        let wide = integers("indices")?;
        let (dtype, bytes) = array(archive, "data", path)?;
        if dtype.number == Number::Bool {
            return Err(bad("`data` holds bool, expected numbers".into()));
        }
        let stored = indptr[indptr.len() - 1];
        let found = (wide.len() as u64, (bytes.len() / dtype.size()) as u64);
        if found != (stored, stored) {
            let (indices, data) = found;
            let message =
                format!("`indices` has {indices} and `data` {data} numbers, but `indptr` says {stored}");
            return Err(bad(message));
        }
        if let Some(at) = wide.iter().position(|&col| col >= cols) {
            let row = indptr.partition_point(|&start| start <= at as u64) - 1;
            return Err(bad(format!("row {row} names column {}, but there are {cols} columns", wide[at])));
        }
        let mut values = Vec::new();
        dtype.decode(&bytes, &mut values);
        let indices = wide.into_iter().map(|col| col as u32).collect();
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

/// The bytes of a one-dimensional array of the archive.
fn array(archive: &Archive, name: &str, path: &Path) -> Result<(Dtype, Vec<u8>)> {
    let bad = |message: String| Error::new(Code::BadFile, message).path(path);
    let entry = archive.find(name).ok_or_else(|| bad(format!("the archive has no `{name}`")))?;
    let mut body = archive.reader(entry)?;
    let header = Header::read(&mut *body, path)?;
    let dtype = header.dtype(path)?;
    if header.shape.len() != 1 {
        return Err(bad(format!("`{name}` has the shape {:?}, expected one axis", header.shape)));
    }
    let length = header.shape[0].checked_mul(dtype.size() as u64);
    if length != Some(entry.size.saturating_sub(header.size)) {
        return Err(bad(format!("`{name}` is not as long as its header says")));
    }
    let mut bytes = vec![0; length.unwrap_or_default() as usize];
    fill(&mut *body, &mut bytes, path)?;
    Ok((dtype, bytes))
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
