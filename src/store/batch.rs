//! Batches: changes that happen together or not at all.

use std::collections::BTreeMap;

use super::db::Table;
use super::record::{Record, decode, encode};
use crate::error::Result;

pub(crate) type Place = (String, Vec<u8>);

/// Changes of records and blocks for one [`Db::commit`](super::Db::commit), with the conditions they
/// rest on. Records are encoded as they are added; of several changes of one key the last counts.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    pub(crate) writes: BTreeMap<Place, Option<Vec<u8>>>,
    pub(crate) expected: BTreeMap<Place, Expected>,
}

/// What a record must be for a commit to go through.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    /// As it is encoded now; `None` if there must be none.
    pub bytes: Option<Vec<u8>>,
    /// What a record of an older schema version would be if it were written now.
    pub renew: fn(&[u8]) -> Result<Vec<u8>>,
}

impl Batch {
    /// A batch without changes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a record, new or not.
    pub fn put<T: Record>(&mut self, table: Table, key: &[u8], record: &T) -> Result<()> {
        let bytes = encode(record)?;
        self.writes.insert((table.0.to_string(), key.to_vec()), Some(bytes));
        Ok(())
    }

    /// Deletes a record, if there is one.
    pub fn delete(&mut self, table: Table, key: &[u8]) {
        self.writes.insert((table.0.to_string(), key.to_vec()), None);
    }

    /// Makes the commit fail with [`Code::Conflict`](crate::Code::Conflict), changing nothing, unless the
    /// record is the given one (`None`: unless there is none), in this schema version or an older one. For
    /// records whose encoding is a function of their value: no hash maps.
    pub fn expect<T: Record>(&mut self, table: Table, key: &[u8], record: Option<&T>) -> Result<()> {
        let bytes = record.map(encode).transpose()?;
        let renew = |bytes: &[u8]| encode(&decode::<T>(bytes)?);
        self.expected.insert((table.0.to_string(), key.to_vec()), Expected { bytes, renew });
        Ok(())
    }

    /// Whether there is neither a change nor a condition.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty() && self.expected.is_empty()
    }
}
