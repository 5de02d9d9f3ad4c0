//! The key-value store on sled 0.34: the only file that names it.
//!
//! What sled promises less than it seems to, and what is done about it here and in `db.rs`:
//! - `flush` writes but does not fsync on Linux (sled issues 1351, 1452): [`KeyValue::files`] are synced
//!   by the caller. sled's background flusher is off; what reaches the disk does so when we say.
//! - Its recovery syncs a snapshot of a log it has not synced: `db.rs` syncs the files before opening.
//! - It reuses a segment of its log once what was live in it is written elsewhere, which is not yet an
//!   fsync: on a file system that reorders, a power cut in the moment between may cost a page that was
//!   committed. CHECK FULL tells, a backup is the remedy; there is no call that would prevent it.
//! - Values past some size become blob files that are never synced nor reclaimed: `value.rs` cuts
//!   values into pieces of at most 4 KiB.
//! - It panics on some damaged files: every call is caught and becomes [`Code::Corrupt`].
//! - It creates a tree when one is opened: reading an unknown table must not write, so the trees are
//!   listed once on opening and kept.

use std::collections::BTreeMap;
use std::fs::File;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use sled::transaction::{TransactionError, TransactionResult, Transactional, TransactionalTree};

use super::kv::{Engine, KeyValue, Pairs, Write};
use crate::error::{Code, Error, Result};

/// Opens sled databases with a bounded cache.
pub(crate) struct SledEngine {
    pub cache_bytes: u64,
}

impl Engine for SledEngine {
    fn open(&self, directory: &Path) -> Result<Arc<dyn KeyValue>> {
        self.open_with(directory, None)
    }

    fn open_copy(&self, directory: &Path) -> Result<Arc<dyn KeyValue>> {
        let scratch = Scratch::new(&std::env::temp_dir())
            .map_err(|error| Error::io("copying the catalogue for reading", error))?;
        copy_all(directory, &scratch.0)
            .map_err(|error| Error::io("copying the catalogue for reading", error).path(directory))?;
        let copy = scratch.0.clone();
        self.open_with(&copy, Some(scratch))
    }
}

/// A temporary directory; removed when dropped.
struct Scratch(PathBuf);

impl Scratch {
    /// Makes one of its own: the name is drawn at random, for numbers of processes repeat in containers.
    fn new(above: &Path) -> io::Result<Scratch> {
        loop {
            let number = RandomState::new().build_hasher().finish();
            let path = above.join(format!("seedbed-{number:016x}"));
            match std::fs::create_dir(&path) {
                Ok(()) => return Ok(Scratch(path)),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Copies files and directories; what is neither is left out.
fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let target = to.join(entry.file_name());
        if kind.is_dir() {
            std::fs::create_dir(&target)?;
            copy_all(&entry.path(), &target)?;
        } else if kind.is_file() {
            // Bytes only: sled wants to write to the copy of a file that may be read-only.
            io::copy(&mut File::open(entry.path())?, &mut File::create(&target)?)?;
        }
    }
    Ok(())
}

impl SledEngine {
    fn open_with(&self, directory: &Path, scratch: Option<Scratch>) -> Result<Arc<dyn KeyValue>> {
        let config = sled::Config::new()
            .path(directory)
            .cache_capacity(self.cache_bytes)
            .flush_every_ms(None)
            .mode(sled::Mode::LowSpace);
        guarded("opening the catalogue", || {
            let db = open_patiently(&config).map_err(|error| translate("opening the catalogue", error))?;
            let mut trees = BTreeMap::new();
            for name in db.tree_names() {
                if name == DEFAULT_TREE {
                    continue;
                }
                let text = String::from_utf8(name.to_vec()).map_err(|_| {
                    Error::new(Code::Corrupt, "a table of the catalogue has a name that is no text")
                })?;
                trees.insert(text, db.open_tree(&name).map_err(|e| translate("opening a table", e))?);
            }
            let directory = directory.to_path_buf();
            let store = SledKv { trees: RwLock::new(trees), db, directory, _scratch: scratch };
            Ok(Arc::new(store) as Arc<dyn KeyValue>)
        })
        .map_err(|error| error.path(directory))
    }
}

/// How long a catalogue that was just closed may take to let go of its file.
const PATIENCE: Duration = Duration::from_secs(10);

/// Opens sled, waiting for its own lock where need be. Our lock keeps other processes out, so that who
/// holds sled's can only be a worker thread of a handle this process has just dropped: sled does not
/// wait for them.
fn open_patiently(config: &sled::Config) -> sled::Result<sled::Db> {
    let started = Instant::now();
    loop {
        match config.open() {
            Err(sled::Error::Io(error))
                if error.to_string().contains("could not acquire lock") && started.elapsed() < PATIENCE =>
            {
                std::thread::sleep(Duration::from_millis(2));
            }
            opened => return opened,
        }
    }
}

const DEFAULT_TREE: &[u8] = b"__sled__default";

// Fields are dropped in this order: the copy, if it is one, goes last.
struct SledKv {
    trees: RwLock<BTreeMap<String, sled::Tree>>,
    db: sled::Db,
    directory: PathBuf,
    _scratch: Option<Scratch>,
}

impl SledKv {
    fn known(&self, table: &str) -> Option<sled::Tree> {
        self.trees.read().unwrap_or_else(PoisonError::into_inner).get(table).cloned()
    }

    fn tree(&self, table: &str) -> Result<sled::Tree> {
        if let Some(tree) = self.known(table) {
            return Ok(tree);
        }
        let tree = self.db.open_tree(table).map_err(|error| translate("creating a table", error))?;
        let mut trees = self.trees.write().unwrap_or_else(PoisonError::into_inner);
        Ok(trees.entry(table.to_string()).or_insert(tree).clone())
    }
}

impl KeyValue for SledKv {
    fn get(&self, table: &str, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let Some(tree) = self.known(table) else { return Ok(None) };
        guarded("reading the catalogue", || {
            let value = tree.get(key).map_err(|error| translate("reading the catalogue", error))?;
            Ok(value.map(|value| value.to_vec()))
        })
    }

    fn scan(&self, table: &str, prefix: &[u8]) -> Pairs {
        let Some(tree) = self.known(table) else { return Box::new(std::iter::empty()) };
        let mut pairs = tree.scan_prefix(prefix);
        let mut done = false;
        Box::new(std::iter::from_fn(move || {
            if done {
                return None;
            }
            let next = guarded("reading the catalogue", || match pairs.next() {
                None => Ok(None),
                Some(Ok((key, value))) => Ok(Some((key.to_vec(), value.to_vec()))),
                Some(Err(error)) => Err(translate("reading the catalogue", error)),
            });
            // After an error sled's iterator need not move on.
            done = !matches!(next, Ok(Some(_)));
            next.transpose()
        }))
    }

    fn apply(&self, writes: &[Write]) -> Result<()> {
        guarded("writing the catalogue", || {
            let mut batches: BTreeMap<&str, sled::Batch> = BTreeMap::new();
            for write in writes {
                let batch = batches.entry(&write.table).or_default();
                match &write.value {
                    Some(value) => batch.insert(&write.key[..], &value[..]),
                    None => batch.remove(&write.key[..]),
                }
            }
            if batches.is_empty() {
                return Ok(());
            }
            let trees = batches.keys().map(|table| self.tree(table)).collect::<Result<Vec<_>>>()?;
            let outcome: TransactionResult<(), ()> =
                trees[..].transaction(|views: &Vec<TransactionalTree>| {
                    for (view, batch) in views.iter().zip(batches.values()) {
                        view.apply_batch(batch)?;
                    }
                    Ok(())
                });
            match outcome {
                Ok(()) => Ok(()),
                Err(TransactionError::Storage(error)) => Err(translate("writing the catalogue", error)),
                Err(TransactionError::Abort(())) => {
                    Err(Error::new(Code::Internal, "a transaction aborted by itself"))
                }
            }
        })
    }

    fn load(&self, writes: Vec<Write>) -> Result<()> {
        guarded("writing the catalogue", || {
            let mut batches: BTreeMap<String, sled::Batch> = BTreeMap::new();
            for Write { table, key, value } in writes {
                let batch = batches.entry(table).or_default();
                match value {
                    Some(value) => batch.insert(key, value),
                    None => batch.remove(key),
                }
            }
            for (table, batch) in batches {
                let tree = self.tree(&table)?;
                tree.apply_batch(batch).map_err(|error| translate("writing the catalogue", error))?;
            }
            Ok(())
        })
    }

    fn flush(&self) -> Result<()> {
        guarded("flushing the catalogue", || {
            self.db.flush().map(drop).map_err(|error| translate("flushing the catalogue", error))
        })
    }

    fn tables(&self) -> Result<Vec<String>> {
        Ok(self.trees.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect())
    }

    fn files(&self) -> Vec<PathBuf> {
        vec![self.directory.join("db")]
    }

    fn directory(&self) -> PathBuf {
        self.directory.clone()
    }
}

/// Runs a call into sled; a panic of its becomes an error.
///
/// What the closure touches is either sled's own or thrown away with the error, and the store refuses
/// writes from then on: asserting unwind safety hides nothing.
fn guarded<T>(what: &str, call: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no message");
        let text = crate::error::shorten(text, 200);
        Err(Error::new(Code::Corrupt, format!("{what}: the database gave up: {text}"))
            .help("close the store, open it again and run CHECK FULL; restore a backup if it still fails"))
    })
}

fn translate(what: &str, error: sled::Error) -> Error {
    match error {
        // sled hands out copies of the system's errors: of the right kind, with debug output for text.
        sled::Error::Io(cause) if cause.raw_os_error().is_none() && cause.kind() != ErrorKind::Other => {
            Error::io(what, cause.kind().into())
        }
        sled::Error::Io(cause) => Error::io(what, cause),
        other => Error::new(Code::Corrupt, format!("{what}: {other}"))
            .help("run CHECK FULL to see how far the damage goes, and restore a backup"),
    }
}
