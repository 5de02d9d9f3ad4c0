//! The handle of an open store: reading records, and the one way to commit.
//!
//! Invariant, the commit order: objects are durable before their digests are known to anybody (see
//! `object.rs`); then one transaction over all tables; then the key-value store's flush; then an fsync of
//! its files and of their directory; then the file SEAL says so (see `seal.rs`); only then does a commit
//! report success. Blocks written before are in the same log and become durable with it.
//!
//! What poisons a handle, so that it reads on but writes no more: a failure from the transaction to the
//! seal, a failure of writing blocks, of a sweep's deletions or of putting a new catalogue in the
//! old one's place, and an I/O error while an object is synced and named, unless the disk is full. What is
//! on the disk then is the old state or the new one, but this handle no longer knows which. What does not:
//! a condition of a batch that does not hold, a failure of reading, and an object whose bytes could not be
//! written or for which there is no space; nothing refers to it.

use std::fmt;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, Weak};

use super::batch::Batch;
use super::blocks::{BLOCKS, read_block_key};
use super::digest::Digest;
use super::kv::{Engine, KeyValue, Pairs, Write};
use super::layout::{self, Format, Found, Making, OURS};
use super::lock::Lock;
use super::memory::{MemoryEngine, MemoryFs};
use super::migrate::migrate;
use super::object::{Object, Objects};
use super::pins::Pins;
use super::record::{Record, decode_at, open_envelope};
use super::seal::Seal;
use super::sled_kv::SledEngine;
use super::value;
use super::view::{Frozen, Versions, scan_rows};
use crate::error::{Code, Error, Result};
use crate::fs::{EntryKind, FileSystem, RealFs};

/// How to open a store.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// Make a store where there is none.
    pub create: bool,
    /// Write nothing into the directory. Several readers may have a store open, but none while a writer
    /// has: sled cannot open its files for reading only, so a reader works on a copy of the catalogue in
    /// the directory for temporary files; objects are mapped where they are.
    pub read_only: bool,
    /// Memory for the catalogue's cache, in bytes; 32 MiB unless said otherwise.
    pub cache_bytes: u64,
}

impl Default for OpenOptions {
    fn default() -> Self {
        OpenOptions { create: false, read_only: false, cache_bytes: 32 << 20 }
    }
}

/// The name of a table; the layers above declare theirs as constants. Names that begin with `store:` or
/// `overflow:` are the store's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Table(pub &'static str);

/// A handle of an open store, or a view of it ([`Db::view`]). Clones share it; the store is closed with the
/// last of them and of the iterators made from them.
#[derive(Clone)]
pub struct Db(pub(crate) Arc<Inner>, pub(super) Option<Arc<Frozen>>);

// Fields are dropped in this order: the lock goes last.
pub(crate) struct Inner {
    pub dir: PathBuf,
    pub read_only: bool,
    pub fs: Arc<dyn FileSystem>,
    pub engine: Arc<dyn Engine>,
    pub kv: RwLock<Arc<dyn KeyValue>>,
    pub objects: Objects,
    pub pins: Pins,
    pub versions: Versions,
    /// Catalogues that a compaction has replaced and somebody may still read, with their directories.
    pub retired: Mutex<Vec<(Weak<dyn KeyValue>, PathBuf)>>,
    writer: Mutex<Seal>,
    poison: OnceLock<String>,
    _lock: Option<Lock>,
}

/// The right to write, of one thread at a time, and the seal of what was written last.
pub(crate) type Writer<'a> = MutexGuard<'a, Seal>;

impl Db {
    /// Opens the store in a directory; its parent must exist. Reads no object and no block: what the
    /// recovery of the last run needs, and the records of the catalogue, which are compared with its seal.
    ///
    /// # Errors
    /// [`Code::NotFound`] without a store and `create`, [`Code::NotAStore`] where there is something else,
    /// [`Code::NewerFormat`], [`Code::Locked`] naming the holder, [`Code::Corrupt`].
    pub fn open(dir: &Path, options: &OpenOptions) -> Result<Db> {
        let (fs, found) = (RealFs, layout::inspect(&RealFs, dir, options.read_only, &OURS)?);
        if found == Found::Nothing {
            if !options.create || options.read_only {
                return Err(no_store(dir));
            }
            fs.create_dir(dir).map_err(|error| Error::io("creating the store", error).path(dir))?;
        }
        let lock_file = dir.join(layout::LOCK_FILE);
        let lock = match options.read_only {
            true => Lock::shared(&lock_file)?,
            false => Some(Lock::exclusive(&lock_file)?),
        };
        let engine = Arc::new(SledEngine { cache_bytes: options.cache_bytes });
        Db::assemble(dir, Arc::new(fs), engine, options.read_only, lock)
    }

    /// A store in memory, for tests; it goes with its last handle.
    pub fn in_memory() -> Db {
        let fs = MemoryFs::default();
        let engine = Arc::new(MemoryEngine(fs.clone()));
        match Db::assemble(Path::new("/memory"), Arc::new(fs), engine, false, None) {
            Ok(db) => db,
            Err(error) => unreachable!("a file system in memory does not fail: {error}"),
        }
    }

    /// Opens a store over any file system and key-value store, making one where there is none. The lock
    /// is held already.
    pub(crate) fn assemble(
        dir: &Path,
        fs: Arc<dyn FileSystem>,
        engine: Arc<dyn Engine>,
        read_only: bool,
        lock: Option<Lock>,
    ) -> Result<Db> {
        Db::assemble_as(dir, fs, engine, read_only, lock, &OURS)
    }

    /// The same for a build of another format.
    pub(crate) fn assemble_as(
        dir: &Path,
        fs: Arc<dyn FileSystem>,
        engine: Arc<dyn Engine>,
        read_only: bool,
        lock: Option<Lock>,
        ours: &Format,
    ) -> Result<Db> {
        // Once more, now that nobody else can change it.
        if layout::inspect(&*fs, dir, read_only, ours)? == Found::Nothing {
            if read_only {
                return Err(no_store(dir));
            }
            create(&*fs, &*engine, dir, ours)?;
        }
        let current = layout::current(&*fs, dir)?;
        let catalogue = dir.join(&current);
        let kv = match read_only {
            true => engine.open_copy(&catalogue)?,
            false => {
                sync_files(&*fs, &catalogue)?;
                engine.open(&catalogue)?
            }
        };
        let seal = Seal::of(&*kv).map_err(|error| error.path(&catalogue))?;
        let told = seal.compare(&*fs, dir)?;
        if !read_only {
            // Only now: what is there beside a catalogue that cannot be opened may be needed.
            layout::tidy(&*fs, dir, &current)?;
            if !told {
                seal.settle(&*fs, dir)?;
            }
        }
        let objects = Objects::new(fs.clone(), dir.join(layout::OBJECTS));
        let inner = Inner {
            dir: dir.to_path_buf(),
            read_only,
            fs,
            engine,
            kv: RwLock::new(kv),
            objects,
            pins: Pins::default(),
            versions: Versions::default(),
            retired: Mutex::default(),
            writer: Mutex::new(seal),
            poison: OnceLock::new(),
            _lock: lock,
        };
        let db = Db(Arc::new(inner), None);
        if !read_only {
            migrate(&db, ours)?;
        }
        Ok(db)
    }

    /// The directory of the store, as it was named on opening.
    pub fn path(&self) -> &Path {
        &self.0.dir
    }

    /// Whether the store was opened for reading only.
    pub fn is_read_only(&self) -> bool {
        self.0.read_only
    }

    /// The record of a key.
    pub fn get<T: Record>(&self, table: Table, key: &[u8]) -> Result<Option<T>> {
        if let Some(rows) = self.frozen(table) {
            return rows.get(key).map(|bytes| decode_at(bytes, &place(table.0, key))).transpose();
        }
        let kv = self.kv();
        let Some(raw) = kv.get(table.0, key)? else { return Ok(None) };
        let Some(bytes) = self.whole(&*kv, table.0, key, raw)? else { return Ok(None) };
        decode_at(&bytes, &place(table.0, key)).map(Some)
    }

    /// The value whose raw value is or was `raw`. Pieces are read one by one, while a commit may replace them:
    /// what its checksum does not vouch for is read again, from the stub on, with writers kept out.
    fn whole(&self, kv: &dyn KeyValue, table: &str, key: &[u8], raw: Vec<u8>) -> Result<Option<Vec<u8>>> {
        if !value::is_cut(&raw) {
            return Ok(Some(raw));
        }
        let whole = value::whole(kv, table, key, raw);
        if let Ok(bytes) = whole
            && open_envelope(&bytes, &place(table, key)).is_ok()
        {
            return Ok(Some(bytes));
        }
        let _writer = self.still();
        let Some(raw) = kv.get(table, key)? else { return Ok(None) };
        value::whole(kv, table, key, raw).map(Some)
    }

    /// Whether there is a record of that key; its bytes are not looked at.
    pub fn contains(&self, table: Table, key: &[u8]) -> Result<bool> {
        match self.frozen(table) {
            Some(rows) => Ok(rows.contains_key(key)),
            None => Ok(self.kv().get(table.0, key)?.is_some()),
        }
    }

    /// The records whose keys begin with `prefix`, in the order of the keys, read as they are asked for.
    /// What is committed meanwhile may or may not be seen.
    pub fn scan<T: Record>(&self, table: Table, prefix: &[u8]) -> Scan<T> {
        let kv = self.kv();
        let pairs = match self.frozen(table) {
            Some(rows) => scan_rows(rows, prefix),
            None => kv.scan(table.0, prefix),
        };
        Scan { pairs, kv, table, db: self.clone(), kind: PhantomData }
    }

    /// Makes all changes of a batch, or none; once this returns they survive a power cut, and with them
    /// all blocks written before.
    ///
    /// # Errors
    /// [`Code::Conflict`] when a condition does not hold, [`Code::ReadOnly`], [`Code::Poisoned`]; after an
    /// error of writing the handle refuses further writes, and what was committed shows on opening again.
    pub fn commit(&self, batch: Batch) -> Result<()> {
        let mut writer = self.writer()?;
        let kv = self.kv();
        for ((table, key), expected) in &batch.expected {
            let found = kv.get(table, key)?.map(|raw| value::whole(&*kv, table, key, raw)).transpose()?;
            let same = match (&found, &expected.bytes) {
                (Some(found), Some(wanted)) => found == wanted || (expected.renew)(found)? == *wanted,
                (found, wanted) => found.is_none() && wanted.is_none(),
            };
            if !same {
                let what = match (&found, &expected.bytes) {
                    (None, _) => "is gone",
                    (Some(_), None) => "exists already",
                    _ => "was changed meanwhile",
                };
                let message = format!("{} {what}; nothing was written", place(table, key));
                return Err(Error::new(Code::Conflict, message).help("read it again and repeat the change"));
            }
        }
        let mut writes = Vec::with_capacity(batch.writes.len());
        for ((table, key), new) in batch.writes {
            let old = kv.get(&table, &key)?;
            value::lower(&mut writes, &table, &key, new, old.as_deref());
        }
        self.apply(&mut writer, writes)
    }

    /// Makes changes of records in one transaction, durably, with the seal of what they leave.
    pub(crate) fn apply(&self, writer: &mut Writer<'_>, mut writes: Vec<Write>) -> Result<()> {
        let (seal, write) = writer.after(&*self.kv(), &writes)?;
        writes.push(write);
        self.durably(writer, |kv| self.0.versions.change(&writes, || kv.apply(&writes)))?;
        self.poisoning(seal.press(&*self.0.fs, &self.0.dir))?;
        **writer = seal;
        self.remove_retired();
        Ok(())
    }

    /// Writes an object durably, in a file of its own; gives its name. Memory beyond the value: 1 MiB.
    pub fn put_object<T: Record>(&self, value: &T) -> Result<Digest> {
        self.writable()?;
        let unnamed = self.0.objects.write(value)?;
        let digest = self.0.objects.publish(unnamed);
        match digest.as_ref().map_err(Error::code) {
            Err(code) if code != Code::DiskFull => self.poisoning(digest),
            _ => digest,
        }
    }

    /// An object, mapped. The first use in a process reads it all to compare it with its digest, without
    /// keeping it resident; pages come in as the caller touches them.
    pub fn object<T: Record>(&self, digest: &Digest) -> Result<Object<T>> {
        self.0.objects.open(digest)
    }

    /// Whether there is an object of that name; its bytes are not looked at.
    pub fn has_object(&self, digest: &Digest) -> Result<bool> {
        self.0.objects.exists(digest)
    }

    pub(crate) fn kv(&self) -> Arc<dyn KeyValue> {
        self.0.kv.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The right to write, unless the store is read-only or poisoned.
    pub(crate) fn writer(&self) -> Result<Writer<'_>> {
        self.writable()?;
        let writer = self.0.writer.lock().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have failed while this one waited.
        self.writable()?;
        Ok(writer)
    }

    /// Keeps writers out without being one: for a still picture, also of a store that refuses writes.
    pub(crate) fn still(&self) -> Writer<'_> {
        self.0.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn writable(&self) -> Result<()> {
        if self.0.read_only {
            return Err(Error::new(Code::ReadOnly, "the store was opened for reading only")
                .help("open it without read-only to change it"));
        }
        match self.0.poison.get() {
            None => Ok(()),
            Some(first) => Err(Error::new(Code::Poisoned, format!("an earlier write failed: {first}"))
                .help("close the store and open it again; what was reported as done is there")),
        }
    }

    /// Changes the key-value store and makes it durable; a failure poisons the handle.
    pub(crate) fn durably(
        &self,
        _: &Writer<'_>,
        change: impl FnOnce(&dyn KeyValue) -> Result<()>,
    ) -> Result<()> {
        let kv = self.kv();
        self.poisoning(change(&*kv).and_then(|()| make_durable(&*self.0.fs, &*kv)))
    }

    /// Writes that nothing refers to yet: in order after what was written before, durable with the next
    /// commit.
    pub(crate) fn load(&self, writes: Vec<Write>) -> Result<()> {
        let _writer = self.writer()?;
        self.poisoning(self.kv().load(writes))
    }

    pub(crate) fn poisoning<T>(&self, outcome: Result<T>) -> Result<T> {
        outcome.map_err(|error| {
            let _ = self.0.poison.set(error.to_string());
            match error.code() {
                Code::DiskFull => error.help(
                    "free some space and open the store again; it is as it was before this statement or after",
                ),
                _ => error,
            }
        })
    }
}

fn no_store(dir: &Path) -> Error {
    Error::new(Code::NotFound, "there is no store here")
        .help("check the directory, or ask for a new store to be made")
        .path(dir)
}

/// Flush, then fsync of the files, then of their directory.
pub(crate) fn make_durable(fs: &dyn FileSystem, kv: &dyn KeyValue) -> Result<()> {
    kv.flush()?;
    let synced = |path: &Path, outcome: std::io::Result<()>| {
        outcome.map_err(|error| Error::io("syncing the catalogue", error).path(path))
    };
    for file in kv.files() {
        synced(&file, fs.sync_file(&file))?;
    }
    synced(&kv.directory(), fs.sync_dir(&kv.directory()))
}

/// Makes everything in a new catalogue's directory durable, and its name in the directory above.
pub(crate) fn settle(fs: &dyn FileSystem, kv: &dyn KeyValue) -> Result<()> {
    let dir = kv.directory();
    kv.flush()?;
    sync_files(fs, &dir)?;
    let above = dir.parent().unwrap_or(&dir);
    fs.sync_dir(above).map_err(|error| Error::io("syncing the catalogue", error).path(above))
}

/// Makes the files in a catalogue's directory durable as they are.
///
/// Also before it is opened: a killed process leaves log that is written but not synced. sled's recovery
/// builds on it and syncs a snapshot that refers to it; a power cut after that would leave a snapshot
/// newer than the log, which sled takes for corruption.
fn sync_files(fs: &dyn FileSystem, dir: &Path) -> Result<()> {
    let failed = |error| Error::io("syncing the catalogue", error).path(dir);
    for entry in fs.read_dir(dir).map_err(failed)? {
        if entry.kind == EntryKind::File {
            fs.sync_file(&dir.join(&entry.name)).map_err(failed)?;
        }
    }
    fs.sync_dir(dir).map_err(failed)
}

/// Makes a store. The stamp comes last: until then the directory is none, and says that it is unfinished.
fn create(fs: &dyn FileSystem, engine: &dyn Engine, dir: &Path, ours: &Format) -> Result<()> {
    let failed = |error| Error::io("creating the store", error).path(dir);
    fs.create_dir(dir).map_err(failed)?;
    match dir.parent() {
        Some(parent) if parent.as_os_str().is_empty() => fs.sync_dir(Path::new(".")).map_err(failed)?,
        Some(parent) => fs.sync_dir(parent).map_err(failed)?,
        None => {}
    }
    layout::begin(fs, dir, Making::Store).map_err(failed)?;
    let catalogue = dir.join(layout::FIRST_CATALOGUE);
    layout::if_there(fs.remove_dir_all(&catalogue)).map_err(failed)?;
    fs.create_dir(&dir.join(layout::OBJECTS)).map_err(failed)?;
    fs.create_dir(&catalogue).map_err(failed)?;
    let kv = engine.open(&catalogue)?;
    settle(fs, &*kv)?;
    Seal::of(&*kv)?.settle(fs, dir)?;
    drop(kv);
    layout::set_current(fs, dir, layout::FIRST_CATALOGUE)?;
    layout::stamp(fs, dir, ours.stamp())?;
    layout::finished(fs, dir).map_err(failed)
}

/// What an error calls a record.
pub(crate) fn place<'a>(table: &'a str, key: &'a [u8]) -> RecordPlace<'a> {
    RecordPlace { table, key }
}

pub(crate) struct RecordPlace<'a> {
    table: &'a str,
    key: &'a [u8],
}

impl fmt::Display for RecordPlace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match read_block_key(self.key) {
            Some((space, section, number)) if self.table == BLOCKS.0 => {
                return write!(f, "block {number} of section {section} of space {space}");
            }
            _ => {}
        }
        match std::str::from_utf8(self.key) {
            Ok(text) if !text.contains(char::is_control) => write!(f, "record `{text}`")?,
            _ => {
                write!(f, "record 0x")?;
                self.key.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
            }
        }
        write!(f, " of table {}", self.table)
    }
}

/// Records in the order of their keys; see [`Db::scan`].
pub struct Scan<T> {
    // Before the handle: the store's lock is let go of last.
    pairs: Pairs,
    kv: Arc<dyn KeyValue>,
    table: Table,
    db: Db,
    kind: PhantomData<fn() -> T>,
}

impl<T: Record> Iterator for Scan<T> {
    type Item = Result<(Vec<u8>, T)>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (key, raw) = match self.pairs.next()? {
                Ok(pair) => pair,
                Err(error) => return Some(Err(error)),
            };
            let table = self.table.0;
            match self.db.whole(&*self.kv, table, &key, raw) {
                // Deleted since the key was read.
                Ok(None) => {}
                Ok(Some(bytes)) => {
                    let record = decode_at(&bytes, &place(table, &key));
                    return Some(record.map(|record| (key, record)));
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
