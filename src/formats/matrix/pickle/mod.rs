//! Pickled dictionaries of image features, `dict[int → numpy array]`, read without running anything.
//!
//! A pickle is a program. `machine` steps through it with a stack, a memo and values of our own;
//! `numpy` knows the six callables that numpy's arrays are made of and makes spans of the file out of
//! them; any other name is refused before it could mean anything. Stack, memo and number of objects are
//! bounded, claimed lengths are checked against the file, nothing recurses, and the numbers stay in the
//! file until their row is wanted.

mod machine;
mod numpy;
mod source;

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::error::{Code, Error, Result};
use crate::task::Task;

use super::MatrixReport;
use super::owners::Owners;
use super::sink::{Sink, in_file};
use machine::{Machine, Object, Value};
use numpy::Array;
use source::Source;

/// A dictionary of rows: what is where in the file.
pub(super) struct Rows {
    path: PathBuf,
    source: Source<File>,
    entries: Vec<(u64, Array)>,
}

impl Rows {
    /// Steps through the pickle and checks that it is a dictionary of rows of one width.
    pub fn open(path: &Path, task: &Task) -> Result<Self> {
        let fail = |cause| Error::io("cannot open the file", cause).path(path);
        let file = File::open(path).map_err(fail)?;
        let length = file.metadata().map_err(fail)?.len();
        task.phase("reading a pickle", Some(length));
        let mut source = Source::new(file, length);
        let entries = in_file(entries(&mut source, task), path)?;
        Ok(Rows { path: path.to_path_buf(), source, entries })
    }

    /// Number of rows.
    pub fn len(&self) -> u64 {
        self.entries.len() as u64
    }

    /// Width of a row.
    pub fn cols(&self) -> u64 {
        self.entries.first().map_or(0, |(_, array)| array.count)
    }

    /// Type of the numbers.
    pub fn dtype(&self) -> String {
        self.entries.first().map_or_else(String::new, |(_, array)| array.dtype.name())
    }

    /// Reads the rows into the sink, in the order of the file.
    pub fn stream(
        mut self,
        owners: &Owners,
        sink: &mut Sink<'_>,
        report: &mut MatrixReport,
        task: &Task,
    ) -> Result<()> {
        task.phase("reading image features", Some(self.len()));
        let mut values = Vec::with_capacity(sink.cols());
        for (done, (key, array)) in self.entries.iter().enumerate() {
            if done.is_multiple_of(256) {
                task.check()?;
                task.advance(done as u64);
            }
            if let Some(owner) = owners.take(*key, report) {
                let bytes = in_file(array.bytes(&mut self.source), &self.path)?;
                values.clear();
                array.dtype.decode(&bytes, &mut values);
                sink.put_row(&|| format!("key {key}"), owner, &values)?;
            }
        }
        Ok(())
    }
}

fn entries<R: std::io::Read + std::io::Seek>(
    source: &mut Source<R>,
    task: &Task,
) -> Result<Vec<(u64, Array)>> {
    let wanted = "expected a dictionary from entity ids to numpy arrays";
    let bad = |message: String| {
        Error::new(Code::BadFile, message).help("save the rows as npy with a companion file of ids instead")
    };
    let mut machine = Machine::new(source, task);
    let top = machine.run()?;
    let pairs = match top {
        Value::Object(index) => match machine.take_object(index) {
            Object::Dict(pairs) => pairs,
            other => return Err(bad(format!("the pickle holds {}, {wanted}", other.kind()))),
        },
        other => return Err(bad(format!("the pickle holds {}, {wanted}", other.kind()))),
    };
    let mut entries: Vec<(u64, Array)> = Vec::with_capacity(pairs.len());
    for (key, value) in pairs {
        let number = match key {
            Value::Int(key) => key,
            other => {
                return Err(bad(format!(
                    "a key of the dictionary is {}, expected an entity id",
                    other.kind()
                )));
            }
        };
        let id = u64::try_from(number).map_err(|_| {
            bad(format!("a key of the dictionary is {number}, expected an entity id of 0 or more"))
        })?;
        let array = match value {
            Value::Object(index) => machine.array(index),
            _ => None,
        };
        let array = array.ok_or_else(|| {
            bad(format!("the value of key {id} is {}, expected a numpy array", machine.kind_of(value)))
        })??;
        if let Some((first, known)) = entries.first()
            && known.count != array.count
        {
            let (is, was) = (array.count, known.count);
            return Err(Error::new(
                Code::BadValue,
                format!("the array of key {id} has {is} numbers, that of key {first} has {was}"),
            ));
        }
        entries.push((id, array));
    }
    if entries.is_empty() {
        return Err(bad(format!("the dictionary is empty, {wanted}")));
    }
    let mut keys: Vec<u64> = entries.iter().map(|(key, _)| *key).collect();
    keys.sort_unstable();
    if let Some(twice) = keys.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(bad(format!("the key {} is there twice", twice[0])));
    }
    Ok(entries)
}

#[cfg(test)]
mod tests;
