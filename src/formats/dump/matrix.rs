//! One side of a modality as arrays: rows that are there, and numbers dense or in CSR form.

use super::folder::Folder;
use crate::error::{Code, Error, Result};
use crate::features::{Feature, Matrix, OwnedFeature, Presence, Rows};
use crate::formats::new_folder::NewFolder;

/// Writes one side into a folder of the dump.
pub fn write_feature(new: &mut NewFolder<'_>, folder: &str, feature: Feature<'_>) -> Result<()> {
    let count = feature.present.len();
    let present = (0..count).map(|row| feature.present.get(row));
    new.array(&format!("{folder}/present.npy"), &[count], present)?;
    match feature.rows {
        Rows::Dense(rows) => {
            let shape = [count, rows.cols];
            new.array(&format!("{folder}/rows.npy"), &shape, rows.data.iter().copied())
        }
        Rows::Sparse(rows) => {
            let (starts, stored) = (rows.indptr.len(), rows.indices.len());
            new.array(&format!("{folder}/indptr.npy"), &[starts], rows.indptr.iter().copied())?;
            new.array(&format!("{folder}/indices.npy"), &[stored], rows.indices.iter().copied())?;
            new.array(&format!("{folder}/values.npy"), &[stored], rows.values.iter().copied())
        }
    }
}

/// Reads one side; the width of sparse rows is told, since no array says it.
pub fn read_feature(dump: &Folder<'_>, folder: &str, sparse: Option<usize>) -> Result<OwnedFeature> {
    let path = |name: &str| format!("{folder}/{name}.npy");
    let bad = |name: &str, message: String| {
        let place = dump.place(&path(name));
        Error::new(Code::BadValue, message).help(super::folder::REMEDY).path(&place)
    };
    let ([count], present) = dump.array::<bool, 1>(&path("present"))?;
    let present: Presence = present.into_iter().collect();
    let rows = match sparse {
        None => {
            let ([rows, cols], data) = dump.array::<f32, 2>(&path("rows"))?;
            if rows != count {
                return Err(bad("rows", format!("there are {rows} rows, present.npy has {count}")));
            }
            if let Some(at) = data.iter().position(|number| !number.is_finite()) {
                let (row, column, found) = (at / cols, at % cols, data[at]);
                let place = format!("column {column} of row {row}");
                return Err(bad("rows", format!("{place} is {found}, expected a finite number")));
            }
            Matrix::Dense { data, cols }
        }
        Some(cols) => {
            let ([starts], indptr) = dump.array::<u64, 1>(&path("indptr"))?;
            let ([stored], indices) = dump.array::<u32, 1>(&path("indices"))?;
            let ([numbers], values) = dump.array::<f32, 1>(&path("values"))?;
            let last = indptr.last().copied();
            if starts != count + 1 || !indptr.is_sorted() || indptr[0] != 0 || last != Some(stored as u64) {
                let wanted = format!("{} ascending offsets from 0 to {stored}", count + 1);
                return Err(bad("indptr", format!("expected {wanted}")));
            }
            if numbers != stored {
                return Err(bad("values", format!("there are {numbers} values for {stored} indices")));
            }
            if let Some(at) = values.iter().position(|number| !number.is_finite()) {
                let found = values[at];
                return Err(bad("values", format!("value {at} is {found}, expected a finite number")));
            }
            let ordered = |row: &[u64]| {
                let columns = &indices[row[0] as usize..row[1] as usize];
                columns.is_sorted_by(|a, b| a < b)
                    && columns.last().is_none_or(|&last| (last as usize) < cols)
            };
            if let Some(row) = indptr.windows(2).position(|row| !ordered(row)) {
                let message = format!("the columns of row {row} are not ascending, or not below {cols}");
                return Err(bad("indices", message));
            }
            Matrix::Sparse { indptr, indices, values, cols }
        }
    };
    Ok(OwnedFeature { rows, present })
}
