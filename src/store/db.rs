//! Signatures first; the bodies follow.

use std::collections::HashSet;
use std::marker::PhantomData;
use std::ops::Deref;
use std::path::Path;

use super::{Digest, Record};
use crate::error::{Error, Result};
use crate::task::Task;

/// How to open a store.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// Make a store where there is none.
    pub create: bool,
    /// Write nothing, not even a lock.
    pub read_only: bool,
    /// Memory for the catalogue's cache; 32 MiB by default.
    pub cache_bytes: u64,
}

impl Default for OpenOptions {
    fn default() -> Self {
        OpenOptions { create: false, read_only: false, cache_bytes: 32 << 20 }
    }
}

/// The name of a table; the layers above declare theirs as constants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Table(pub &'static str);

/// A set of sections of blocks; live once a committed record names it, never reused.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
pub struct Space(pub u64);

/// A handle of an open store; clones share it.
#[derive(Clone)]
pub struct Db(());

impl Db {
    pub fn open(dir: &Path, options: &OpenOptions) -> Result<Db> {
        todo!()
    }
    pub fn in_memory() -> Db {
        todo!()
    }
    pub fn get<T: Record>(&self, table: Table, key: &[u8]) -> Result<Option<T>> {
        todo!()
    }
    pub fn contains(&self, table: Table, key: &[u8]) -> Result<bool> {
        todo!()
    }
    pub fn scan<T: Record>(&self, table: Table, prefix: &[u8]) -> Scan<T> {
        todo!()
    }
    pub fn commit(&self, batch: Batch) -> Result<()> {
        todo!()
    }
    pub fn new_space(&self) -> Result<Space> {
        todo!()
    }
    pub fn write_blocks<T: Record>(
        &self,
        space: Space,
        section: u8,
        blocks: impl IntoIterator<Item = T>,
    ) -> Result<u32> {
        let _ = blocks.into_iter();
        todo!()
    }
    /// For sources that fail: `push` blocks, then `finish`.
    pub fn block_writer<T: Record>(&self, space: Space, section: u8) -> Result<BlockWriter<T>> {
        todo!()
    }
    pub fn blocks<T: Record>(&self, space: Space, section: u8) -> Blocks<T> {
        todo!()
    }
    pub fn block<T: Record>(&self, space: Space, section: u8, number: u32) -> Result<Option<T>> {
        todo!()
    }
    pub fn put_object<T: Record>(&self, value: &T) -> Result<Digest> {
        todo!()
    }
    pub fn object<T: Record>(&self, digest: &Digest) -> Result<Object<T>> {
        todo!()
    }
    pub fn has_object(&self, digest: &Digest) -> Result<bool> {
        todo!()
    }
    pub fn sweep(&self, live: &Live) -> Result<Swept> {
        todo!()
    }
    pub fn check(&self, full: bool, live: &Live, task: &Task) -> Result<CheckReport> {
        todo!()
    }
    pub fn backup(&self, to: &Path, task: &Task) -> Result<BackupReport> {
        todo!()
    }
    pub fn compact(&self, live: &Live, task: &Task) -> Result<CompactReport> {
        todo!()
    }
    pub fn size(&self) -> Result<SizeReport> {
        todo!()
    }
    pub fn is_read_only(&self) -> bool {
        todo!()
    }
    pub fn path(&self) -> &Path {
        todo!()
    }
}

/// Changes that happen together or not at all.
#[derive(Default)]
pub struct Batch(());

impl Batch {
    pub fn new() -> Self {
        todo!()
    }
    pub fn put<T: Record>(&mut self, table: Table, key: &[u8], value: &T) -> Result<()> {
        todo!()
    }
    pub fn delete(&mut self, table: Table, key: &[u8]) {
        todo!()
    }
    /// The commit fails with `Code::Conflict` unless the record is as given (`None`: absent).
    pub fn expect<T: Record>(&mut self, table: Table, key: &[u8], value: Option<&T>) -> Result<()> {
        todo!()
    }
    pub fn put_block<T: Record>(&mut self, space: Space, section: u8, number: u32, block: &T) -> Result<()> {
        todo!()
    }
    pub fn delete_block(&mut self, space: Space, section: u8, number: u32) {
        todo!()
    }
    pub fn is_empty(&self) -> bool {
        todo!()
    }
}

/// Lazy iterator over `Result<(Vec<u8>, T)>`; owns a handle.
pub struct Scan<T>(PhantomData<fn() -> T>);
impl<T: Record> Iterator for Scan<T> {
    type Item = Result<(Vec<u8>, T)>;
    fn next(&mut self) -> Option<Self::Item> {
        todo!()
    }
}

/// Lazy iterator over `Result<T>`, in block order.
pub struct Blocks<T>(PhantomData<fn() -> T>);
impl<T: Record> Iterator for Blocks<T> {
    type Item = Result<T>;
    fn next(&mut self) -> Option<Self::Item> {
        todo!()
    }
}

pub struct BlockWriter<T>(PhantomData<fn() -> T>);
impl<T: Record> BlockWriter<T> {
    pub fn push(&mut self, block: &T) -> Result<()> {
        todo!()
    }
    /// The number of blocks written.
    pub fn finish(self) -> Result<u32> {
        todo!()
    }
}

/// Groups rows so that the estimates of a group sum to at most `limit` (give `BLOCK_BYTES`), one row at least.
pub fn pack<R>(rows: impl Iterator<Item = R>, size: impl Fn(&R) -> usize) -> impl Iterator<Item = Vec<R>> {
    let _ = size;
    rows.map(|row| vec![row])
}

/// A memory-mapped, validated object; clones share the mapping.
pub struct Object<T>(PhantomData<fn() -> T>);
impl<T> Clone for Object<T> {
    fn clone(&self) -> Self {
        todo!()
    }
}
impl<T: Record> Deref for Object<T> {
    type Target = T::Archived;
    fn deref(&self) -> &T::Archived {
        todo!()
    }
}
impl<T: Record> Object<T> {
    pub fn digest(&self) -> Digest {
        todo!()
    }
}

/// What the catalogue refers to; everything else may be removed.
#[derive(Clone, Debug, Default)]
pub struct Live {
    pub objects: HashSet<Digest>,
    pub spaces: HashSet<u64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    pub objects: u64,
    pub object_bytes: u64,
    pub temporaries: u64,
    pub spaces: u64,
    pub blocks: u64,
}

#[derive(Debug)]
pub struct Problem {
    pub place: String,
    pub error: Error,
}

#[derive(Debug, Default)]
pub struct CheckReport {
    pub full: bool,
    pub records: u64,
    pub blocks: u64,
    pub spaces: u64,
    pub objects: u64,
    pub object_bytes: u64,
    pub orphan_objects: u64,
    pub orphan_spaces: u64,
    pub problems: Vec<Problem>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BackupReport {
    pub records: u64,
    pub objects: u64,
    pub bytes: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CompactReport {
    pub swept: Swept,
    pub before: u64,
    pub after: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SizeReport {
    pub catalogue_bytes: u64,
    pub objects: u64,
    pub object_bytes: u64,
}
