//! The table of a safetensors file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use serde_json::Value;

use crate::error::{Code, Error, Result};

use super::dense::Dense;
use super::npy::fill;
use super::number::{Dtype, Number};

/// Longest table that is read.
const HEADER_LIMIT: u64 = 16 << 20;

/// One tensor as the table has it.
struct Tensor {
    dtype: String,
    shape: Vec<u64>,
    start: u64,
    end: u64,
}

/// Opens one two-dimensional tensor: the named one, the modality's, or the only one there is.
pub(super) fn open(path: &Path, wanted: Option<&str>, modality: &str) -> Result<Dense> {
    let fail = |cause| Error::io("cannot open the file", cause).path(path);
    let bad = |message: String| Error::new(Code::BadFile, message).path(path);
    let mut file = File::open(path).map_err(fail)?;
    let length = file.metadata().map_err(fail)?.len();
    let mut size = [0; 8];
    fill(&mut file, &mut size, path)?;
    let size = u64::from_le_bytes(size);
    if size > HEADER_LIMIT || size > length - 8 {
        return Err(bad(format!("the table claims {size} bytes, but {} follow", length - 8))
            .help("this is no safetensors file, or it is cut short"));
    }
    let mut text = vec![0; size as usize];
    fill(&mut file, &mut text, path)?;
    let table = table(&text).map_err(|cause| bad(format!("the table of tensors is broken: {cause}")))?;
    let matrices: Vec<&String> =
        table.iter().filter(|(_, t)| t.shape.len() == 2).map(|(name, _)| name).collect();
    let name = choose(&matrices, wanted, modality, "tensor").map_err(|error| error.path(path))?;
    let tensor = table.get(&name).ok_or_else(|| no_such(&name, table.keys(), "tensor").path(path))?;
    let [rows, cols] = super::dense::matrix_shape(&tensor.shape, path)?;
    let number = match tensor.dtype.as_str() {
        "F16" => Number::F16,
        "BF16" => Number::Bf16,
        "F32" => Number::F32,
        "F64" => Number::F64,
        other => {
            return Err(Error::new(
                Code::BadValue,
                format!("the tensor `{name}` holds {other}, expected F16, BF16, F32 or F64"),
            )
            .path(path));
        }
    };
    let dtype = Dtype::little(number);
    let promised = rows.checked_mul(cols).and_then(|count| count.checked_mul(dtype.size() as u64));
    if tensor.end.checked_sub(tensor.start) != promised || tensor.end > length - 8 - size {
        return Err(bad(format!("the tensor `{name}` does not lie where the table says"))
            .help("the file is cut short or damaged: copy it again"));
    }
    file.seek(SeekFrom::Start(8 + size + tensor.start)).map_err(fail)?;
    let body: Box<dyn Read> = Box::new(BufReader::with_capacity(256 << 10, file));
    Ok(Dense { path: path.to_path_buf(), dtype, rows, cols, fortran: false, body })
}

fn table(text: &[u8]) -> Result<BTreeMap<String, Tensor>, String> {
    let entries: BTreeMap<String, Value> = serde_json::from_slice(text).map_err(|cause| cause.to_string())?;
    let mut table = BTreeMap::new();
    for (name, entry) in entries {
        if name == "__metadata__" {
            continue;
        }
        let numbers = |key: &str| -> Option<Vec<u64>> {
            entry.get(key)?.as_array()?.iter().map(Value::as_u64).collect()
        };
        let tensor = || {
            let offsets = numbers("data_offsets")?;
            let &[start, end] = &offsets[..] else { return None };
            let dtype = entry.get("dtype")?.as_str()?.to_string();
            Some(Tensor { dtype, shape: numbers("shape")?, start, end })
        };
        let tensor = tensor().ok_or_else(|| format!("`{name}` lacks a type, a shape or two offsets"))?;
        table.insert(name, tensor);
    }
    Ok(table)
}

/// Which of several arrays is read.
pub(super) fn choose(
    names: &[impl AsRef<str>],
    wanted: Option<&str>,
    modality: &str,
    what: &str,
) -> Result<String> {
    if let Some(wanted) = wanted {
        return Ok(wanted.to_string());
    }
    let same = names.iter().find(|name| name.as_ref() == modality);
    match (same, names) {
        (Some(name), _) | (None, [name]) => Ok(name.as_ref().to_string()),
        (None, []) => Err(Error::new(Code::BadFile, format!("the file has no {what} of two axes"))),
        (None, _) => Err(Error::new(
            Code::Conflict,
            format!("the file has several {what}s ({}), expected one", list(names.iter())),
        )
        .help("name one with tensor='name'")),
    }
}

/// The error for a name that the file does not have.
pub(super) fn no_such(name: &str, names: impl Iterator<Item = impl AsRef<str>>, what: &str) -> Error {
    Error::new(Code::UnknownName, format!("the file has no {what} `{name}`, only {}", list(names)))
        .help("name one of these with tensor='name'")
}

fn list(names: impl Iterator<Item = impl AsRef<str>>) -> String {
    let mut names: Vec<String> = names.take(9).map(|name| format!("`{}`", name.as_ref())).collect();
    if names.len() > 8 {
        names[8] = "…".into();
    }
    if names.is_empty() { "nothing".into() } else { names.join(", ") }
}
