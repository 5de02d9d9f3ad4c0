//! Where numbers go: the two sides' dense matrices, checked and converted on the way.

use std::path::Path;

use crate::error::{Code, Error, Result};
use crate::features::{Matrix, OwnedFeature, Presence};
use crate::kg::Side;
use crate::task::Task;

use super::owners::Owner;
use super::{MatrixReport, PairIds};

/// The widest dense row.
pub(super) const DIMS_LIMIT: u64 = 1 << 16;

/// Both sides of a dense modality while they are filled.
pub(super) struct Sink<'a> {
    pair: &'a PairIds<'a>,
    cols: usize,
    data: [Vec<f32>; 2],
    present: [Presence; 2],
}

impl<'a> Sink<'a> {
    /// Zeros for every entity. `evidence` is the size of the files in bytes: the memory asked for must
    /// be in proportion to it, whatever width a file claims.
    pub fn new(pair: &'a PairIds<'a>, cols: u64, evidence: u64, task: &Task) -> Result<Self> {
        if cols == 0 {
            return Err(Error::new(Code::BadValue, "the rows have no columns, expected at least one"));
        }
        if cols > DIMS_LIMIT {
            return Err(Error::new(
                Code::Limit,
                format!("the rows have {cols} columns, expected at most {DIMS_LIMIT}"),
            )
            .help("save wide, mostly empty rows as a sparse npz (scipy.sparse.save_npz)"));
        }
        let entities = (pair.left.len() + pair.right.len()) as u64;
        let bytes = entities.saturating_mul(cols).saturating_mul(4);
        bear_out(bytes, evidence, || format!("{entities} entities of {cols} columns"))?;
        task.afford(bytes, "the matrix")?;
        let cols = cols as usize;
        let zeros = |count: usize| -> Result<Vec<f32>> {
            let length = count * cols;
            Vec::<f32>::new().try_reserve_exact(length).map_err(|_| {
                Error::new(Code::Limit, format!("not enough memory for {count} rows of {cols} columns"))
            })?;
            Ok(vec![0.0; length])
        };
        let present = [pair.left.len(), pair.right.len()].map(|count| Presence::filled(count, false));
        Ok(Sink { pair, cols, data: [zeros(pair.left.len())?, zeros(pair.right.len())?], present })
    }

    /// Width of a row.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Takes a whole row; `name` is what the file calls it ("row 17").
    pub fn put_row(&mut self, name: &dyn Fn() -> String, owner: Owner, values: &[f64]) -> Result<()> {
        let (side, entity) = (owner.side as usize, owner.entity as usize);
        let row = &mut self.data[side][entity * self.cols..(entity + 1) * self.cols];
        for (place, &value) in row.iter_mut().zip(values) {
            *place = value as f32;
        }
        if let Some(col) = row.iter().position(|value| !value.is_finite()) {
            return Err(refuse(self.pair, &name(), owner, col, values[col]));
        }
        self.present[side].set(entity, true);
        Ok(())
    }

    /// Takes one number.
    pub fn put(&mut self, row: u64, owner: Owner, col: usize, value: f64) -> Result<()> {
        let (side, entity) = (owner.side as usize, owner.entity as usize);
        let number = value as f32;
        if !number.is_finite() {
            return Err(refuse(self.pair, &format!("row {row}"), owner, col, value));
        }
        self.data[side][entity * self.cols + col] = number;
        self.present[side].set(entity, true);
        Ok(())
    }

    /// Both sides; counts what is present, missing and zero into the report.
    pub fn finish(self, report: &mut MatrixReport) -> (OwnedFeature, OwnedFeature) {
        let cols = self.cols;
        let [left, right] = self.data;
        let [left_present, right_present] = self.present;
        let side = |data: Vec<f32>, present: Presence, report: &mut MatrixReport| {
            let zero = present.iter().filter(|&i| data[i * cols..(i + 1) * cols].iter().all(|&x| x == 0.0));
            report.zero_rows += zero.count() as u64;
            OwnedFeature { rows: Matrix::Dense { data, cols }, present }
        };
        let left = side(left, left_present, report);
        let right = side(right, right_present, report);
        (left, right)
    }
}

/// Refuses to take memory out of proportion to what the files hold, whatever they claim: past 256 MiB,
/// more than 32 times their size.
pub(super) fn bear_out(bytes: u64, evidence: u64, what: impl FnOnce() -> String) -> Result<()> {
    if bytes <= (256 << 20) || bytes / 32 <= evidence {
        return Ok(());
    }
    let message = format!("{} need {bytes} bytes, but the file has {evidence}", what());
    Err(Error::new(Code::Limit, message)
        .help("is it the file of another pair? it has rows for few entities of this one"))
}

/// The error for a number that cannot be kept.
pub(super) fn refuse(pair: &PairIds<'_>, name: &str, owner: Owner, col: usize, value: f64) -> Error {
    let iri = pair.side(owner.side).entities.get(owner.entity as usize);
    let side = owner.side.as_str();
    let place = format!("column {col} of {name} ({iri}, {side})");
    if value.is_finite() {
        let message = format!("{place} is {value:e}, which is past the range of 32-bit floats");
        return Error::new(Code::BadValue, message).help("scale the features before saving them");
    }
    let value = if value.is_nan() { "NaN".to_string() } else { value.to_string() };
    Error::new(Code::BadValue, format!("{place} is {value}, expected a finite number"))
        .help("mark rows that are not real with present='file.npy', or repair them")
}

impl<'a> PairIds<'a> {
    /// The graph of a side.
    pub(in crate::formats) fn side(&self, side: Side) -> &'a crate::kg::Graph {
        match side {
            Side::Left => self.left,
            Side::Right => self.right,
        }
    }
}

/// Adds the file to an error that has no place yet.
pub(super) fn in_file<T>(result: Result<T>, path: &Path) -> Result<T> {
    result.map_err(|error| error.path(path))
}
