//! A dense two-dimensional array in a file, streamed row by row or column by column.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::error::{Code, Error, Result};
use crate::task::Task;

use super::MatrixReport;
use super::npy::{Header, fill};
use super::number::{Dtype, Number};
use super::owners::Owners;
use super::sink::Sink;

/// Bytes read at a time.
const CHUNK: usize = 1 << 20;

/// An array whose numbers are about to be read.
pub(super) struct Dense {
    pub path: PathBuf,
    pub dtype: Dtype,
    pub rows: u64,
    pub cols: u64,
    pub fortran: bool,
    pub body: Box<dyn Read>,
}

impl Dense {
    /// An npy array of `length` bytes, header included.
    pub fn from_npy(mut body: Box<dyn Read>, length: u64, path: &Path) -> Result<Self> {
        let header = Header::read(&mut *body, path)?;
        let dtype = header.dtype(path)?;
        check_float(dtype, path)?;
        let [rows, cols] = matrix_shape(&header.shape, path)?;
        check_length(&header, dtype, length, path)?;
        Ok(Dense { path: path.to_path_buf(), dtype, rows, cols, fortran: header.fortran, body })
    }

    /// Reads all numbers into the sink.
    pub fn stream(
        mut self,
        owners: &Owners,
        sink: &mut Sink<'_>,
        report: &mut MatrixReport,
        task: &Task,
    ) -> Result<()> {
        let name = self.path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        task.phase(format!("reading {name}"), Some(self.rows));
        if self.fortran {
            self.by_columns(owners, sink, report, task)
        } else {
            self.by_rows(owners, sink, report, task)
        }
    }

    fn by_rows(
        &mut self,
        owners: &Owners,
        sink: &mut Sink<'_>,
        report: &mut MatrixReport,
        task: &Task,
    ) -> Result<()> {
        let width = sink.cols() * self.dtype.size();
        let at_once = (CHUNK / width).max(1) as u64;
        let (mut bytes, mut values) = (vec![0; width * at_once.min(self.rows) as usize], Vec::new());
        let mut row = 0;
        while row < self.rows {
            task.check()?;
            let count = at_once.min(self.rows - row) as usize;
            fill(&mut *self.body, &mut bytes[..count * width], &self.path)?;
            for line in bytes[..count * width].chunks_exact(width) {
                if let Some(owner) = owners.take(row, report) {
                    values.clear();
                    self.dtype.decode(line, &mut values);
                    sink.put_row(&|| format!("row {row}"), owner, &values)?;
                }
                row += 1;
            }
            task.advance(row);
        }
        Ok(())
    }

    fn by_columns(
        &mut self,
        owners: &Owners,
        sink: &mut Sink<'_>,
        report: &mut MatrixReport,
        task: &Task,
    ) -> Result<()> {
        let owner_of: Vec<_> = (0..self.rows).map(|row| owners.take(row, report)).collect();
        let size = self.dtype.size();
        let at_once = CHUNK / size;
        let (mut bytes, mut values) = (vec![0; at_once.min(owner_of.len()) * size], Vec::new());
        for col in 0..sink.cols() {
            task.check()?;
            let mut row = 0;
            for owners in owner_of.chunks(at_once) {
                let bytes = &mut bytes[..owners.len() * size];
                fill(&mut *self.body, bytes, &self.path)?;
                values.clear();
                self.dtype.decode(bytes, &mut values);
                for (owner, &value) in owners.iter().zip(&values) {
                    if let Some(owner) = owner {
                        sink.put(row, *owner, col, value)?;
                    }
                    row += 1;
                }
            }
            task.advance(self.rows * (col as u64 + 1) / sink.cols() as u64);
        }
        Ok(())
    }
}

/// Refuses types that are no floats.
pub(super) fn check_float(dtype: Dtype, path: &Path) -> Result<()> {
    if dtype.is_float() {
        return Ok(());
    }
    Err(Error::new(
        Code::BadValue,
        format!("the array holds {}, expected float16, float32 or float64", dtype.name()),
    )
    .help("is this the right file? else convert it with .astype('float32')")
    .path(path))
}

/// Rows and columns, or an error for any other number of axes.
pub(super) fn matrix_shape(shape: &[u64], path: &Path) -> Result<[u64; 2]> {
    match shape {
        &[rows, cols] => Ok([rows, cols]),
        _ => Err(Error::new(
            Code::BadValue,
            format!("the array has the shape {shape:?}, expected two axes: rows and columns"),
        )
        .path(path)),
    }
}

/// Refuses an array whose numbers do not fill its file exactly.
fn check_length(header: &Header, dtype: Dtype, length: u64, path: &Path) -> Result<()> {
    let promised = header.elements().and_then(|count| count.checked_mul(dtype.size() as u64));
    let found = length.saturating_sub(header.size);
    if promised == Some(found) {
        return Ok(());
    }
    let promised =
        promised.map_or_else(|| "more than any file holds".into(), |bytes| format!("{bytes} bytes"));
    Err(Error::new(
        Code::BadFile,
        format!("{found} bytes of numbers follow the header, which promises {promised} ({:?})", header.shape),
    )
    .help("the file is cut short or damaged: copy it again")
    .path(path))
}

/// Reads a one-dimensional bool array.
pub(super) fn read_mask(mut body: Box<dyn Read>, length: u64, path: &Path) -> Result<Vec<bool>> {
    let header = Header::read(&mut *body, path)?;
    let dtype = header.dtype(path)?;
    let expected = "expected a one-dimensional bool array";
    let bad = |message: String| {
        Error::new(Code::BadValue, message)
            .help("save it with numpy.save(file, mask.astype(bool))")
            .path(path)
    };
    if dtype.number != Number::Bool {
        return Err(bad(format!("the presence array holds {}, {expected}", dtype.name())));
    }
    if header.shape.len() != 1 {
        return Err(bad(format!("the presence array has the shape {:?}, {expected}", header.shape)));
    }
    check_length(&header, dtype, length, path)?;
    let mut mask = Vec::new();
    let mut chunk = vec![0; CHUNK.min(header.shape[0] as usize)];
    let mut left = header.shape[0];
    while left > 0 {
        let count = left.min(chunk.len() as u64) as usize;
        fill(&mut *body, &mut chunk[..count], path)?;
        if let Some(byte) = chunk[..count].iter().find(|&&byte| byte > 1) {
            return Err(bad(format!("the presence array holds the byte {byte}, expected 0 or 1")));
        }
        mask.extend(chunk[..count].iter().map(|&byte| byte == 1));
        left -= count as u64;
    }
    Ok(mask)
}
