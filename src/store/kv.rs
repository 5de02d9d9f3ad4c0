//! The ordered key-value store below the tables, behind a small trait with a twin in memory.
//!
//! Invariants of every implementation: [`KeyValue::apply`] is all or nothing, also across a crash;
//! [`KeyValue::load`] is all or nothing only within one call and one table; neither is durable before
//! [`KeyValue::flush`] *and* an fsync of [`KeyValue::files`], which is the caller's: see `db.rs`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::Result;

/// One change: a new value, or none to delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Write {
    pub table: String,
    pub key: Vec<u8>,
    pub value: Option<Vec<u8>>,
}

/// A key and its value.
pub(crate) type Pair = (Vec<u8>, Vec<u8>);

/// Keys and values in the order of the keys.
pub(crate) type Pairs = Box<dyn Iterator<Item = Result<Pair>> + Send>;

/// What the store needs of a key-value store.
pub(crate) trait KeyValue: Send + Sync {
    /// The value of a key.
    fn get(&self, table: &str, key: &[u8]) -> Result<Option<Vec<u8>>>;
    /// The pairs whose keys begin with `prefix`; lazy, and not a snapshot.
    fn scan(&self, table: &str, prefix: &[u8]) -> Pairs;
    /// All writes in one transaction over all their tables.
    fn apply(&self, writes: &[Write]) -> Result<()>;
    /// Writes in plain batches, for rows that nothing refers to yet.
    fn load(&self, writes: Vec<Write>) -> Result<()>;
    /// Hands everything to the operating system. This is no fsync.
    fn flush(&self) -> Result<()>;
    /// The names of the tables, sorted.
    fn tables(&self) -> Result<Vec<String>>;
    /// The files to fsync after a flush; their directory is [`KeyValue::directory`].
    fn files(&self) -> Vec<PathBuf>;
    /// Where the files lie.
    fn directory(&self) -> PathBuf;
}

/// Opens key-value stores; compaction and backup need a second one.
pub(crate) trait Engine: Send + Sync {
    /// Opens or creates the key-value store in `directory`, which exists.
    fn open(&self, directory: &Path) -> Result<Arc<dyn KeyValue>>;
    /// Opens the key-value store in `directory` for reading only, and leaves the directory as it is.
    fn open_copy(&self, directory: &Path) -> Result<Arc<dyn KeyValue>>;
}
