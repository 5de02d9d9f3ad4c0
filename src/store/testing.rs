//! What the tests of the store share: some records, and a probe between the store and its files.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::db::Db;
use super::digest::Digest;
use super::kv::{Engine, KeyValue, Pairs, Write};
use super::record::{HEADER, Record, open_envelope};
use super::{object, value};
use crate::error::{Error, Result};
use crate::fs::{Entry, FileSystem, Mapping, NewFile};

#[derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize, Clone, Debug, Default, PartialEq)]
pub(crate) struct Note {
    pub text: String,
    pub weights: Vec<f32>,
}

impl Record for Note {
    const KIND: [u8; 4] = *b"note";
    const VERSION: u16 = 1;
}

#[derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize, Debug, PartialEq)]
pub(crate) struct NoteV2 {
    pub text: String,
}

impl Record for NoteV2 {
    const KIND: [u8; 4] = *b"note";
    const VERSION: u16 = 2;

    fn upgrade(_: u16, archive: &[u8]) -> Result<Self> {
        let old = rkyv::from_bytes::<Note, rkyv::rancor::Error>(archive)
            .map_err(|cause| super::record::damaged(&"a note", "its archive is malformed").because(cause))?;
        Ok(NoteV2 { text: old.text })
    }
}

#[derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize, Debug, PartialEq)]
pub(crate) struct Other(pub u64);

impl Record for Other {
    const KIND: [u8; 4] = *b"othr";
    const VERSION: u16 = 1;
}

/// Refers to what a real catalogue's records refer to.
#[derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize, Clone, Debug, PartialEq)]
pub(crate) struct Reference {
    pub object: Digest,
    pub space: u64,
}

impl Record for Reference {
    const KIND: [u8; 4] = *b"ref ";
    const VERSION: u16 = 1;
}

const DISK_FULL: i32 = 28;
const READ_ERROR: i32 = 5;

/// Records the calls that change or sync something, and fails from a chosen one on.
#[derive(Clone, Default)]
pub(crate) struct Probe(Arc<Mutex<ProbeState>>);

#[derive(Default)]
struct ProbeState {
    log: Vec<String>,
    calls: usize,
    failing: Option<Range<usize>>,
    error: Option<i32>,
    /// Whether calls of reading are counted, and not the others.
    reads: bool,
}

impl Probe {
    /// Starts counting and recording anew; the calls whose numbers are in `failing` will fail.
    pub(crate) fn restart(&self, failing: Option<Range<usize>>) {
        *self.0.lock().unwrap() = ProbeState { failing, ..ProbeState::default() };
    }

    /// Like [`Probe::restart`], with another error of the system than that of a full disk.
    pub(crate) fn restart_with(&self, failing: Range<usize>, error: i32) {
        *self.0.lock().unwrap() =
            ProbeState { failing: Some(failing), error: Some(error), ..ProbeState::default() };
    }

    /// Like [`Probe::restart`], for the calls that read.
    pub(crate) fn restart_reads(&self, failing: Option<Range<usize>>) {
        *self.0.lock().unwrap() =
            ProbeState { failing, error: Some(READ_ERROR), reads: true, ..ProbeState::default() };
    }

    /// How many calls there were.
    pub(crate) fn calls(&self) -> usize {
        self.0.lock().unwrap().calls
    }

    pub(crate) fn log(&self) -> Vec<String> {
        self.0.lock().unwrap().log.clone()
    }

    /// Whether a call was made to fail.
    pub(crate) fn has_failed(&self) -> bool {
        let state = self.0.lock().unwrap();
        state.failing.as_ref().is_some_and(|failing| state.calls > failing.start)
    }

    fn call(&self, what: impl Into<String>) -> io::Result<()> {
        self.count(what, false)
    }

    fn reading(&self, what: &str) -> io::Result<()> {
        self.count(what, true)
    }

    fn count(&self, what: impl Into<String>, reads: bool) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        if state.reads != reads {
            return Ok(());
        }
        let number = state.calls;
        state.calls += 1;
        state.log.push(what.into());
        match &state.failing {
            Some(failing) if failing.contains(&number) => {
                Err(io::Error::from_raw_os_error(state.error.unwrap_or(DISK_FULL)))
            }
            _ => Ok(()),
        }
    }
}

/// The last two parts of a path, with what differs from run to run left out.
fn label(path: &Path) -> String {
    let part = |part: &std::ffi::OsStr| match part.to_string_lossy() {
        name if name.starts_with("tmp.") => "tmp".to_string(),
        name if name.len() == 64 => "<digest>".to_string(),
        name if name.len() == 2 && name != "db" => "<ab>".to_string(),
        name => name.into_owned(),
    };
    let parts: Vec<String> = path.iter().map(part).collect();
    parts[parts.len().saturating_sub(2)..].join("/")
}

pub(crate) struct ProbeFs(pub Arc<dyn FileSystem>, pub Probe);

struct ProbeFile(Box<dyn NewFile>, String, Probe);

impl io::Write for ProbeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.2.call(format!("write {}", self.1))?;
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl NewFile for ProbeFile {
    fn sync(&mut self) -> io::Result<()> {
        self.2.call(format!("sync {}", self.1))?;
        self.0.sync()
    }
}

impl FileSystem for ProbeFs {
    fn create(&self, path: &Path) -> io::Result<Box<dyn NewFile>> {
        self.1.call(format!("create {}", label(path)))?;
        Ok(Box::new(ProbeFile(self.0.create(path)?, label(path), self.1.clone())))
    }

    fn overwrite(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.1.call(format!("overwrite {}", label(path)))?;
        self.0.overwrite(path, bytes)
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        self.1.call(format!("sync {}", label(path)))?;
        self.0.sync_file(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.1.call(format!("sync directory {}", label(path)))?;
        self.0.sync_dir(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.1.call(format!("rename {} to {}", label(from), label(to)))?;
        self.0.rename(from, to)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.1.call(format!("create directory {}", label(path)))?;
        self.0.create_dir(path)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.1.call(format!("remove {}", label(path)))?;
        self.0.remove(path)
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        self.1.call(format!("remove directory {}", label(path)))?;
        self.0.remove_dir_all(path)
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<Entry>> {
        self.1.reading("read_dir")?;
        self.0.read_dir(path)
    }

    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        self.1.reading("canonical")?;
        self.0.canonical(path)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.1.reading("read")?;
        self.0.read(path)
    }

    fn map(&self, path: &Path) -> io::Result<Mapping> {
        self.1.reading("map")?;
        self.0.map(path)
    }
}

pub(crate) struct ProbeEngine(pub Arc<dyn Engine>, pub Probe);

struct ProbeKv(Arc<dyn KeyValue>, Probe);

impl Engine for ProbeEngine {
    fn open(&self, directory: &Path) -> Result<Arc<dyn KeyValue>> {
        let name = directory.file_name().unwrap_or_default().to_string_lossy();
        self.1.call(format!("open {name}")).map_err(|error| Error::io("opening the catalogue", error))?;
        Ok(Arc::new(ProbeKv(self.0.open(directory)?, self.1.clone())))
    }

    fn open_copy(&self, directory: &Path) -> Result<Arc<dyn KeyValue>> {
        self.0.open_copy(directory)
    }
}

impl ProbeKv {
    fn call(&self, what: impl Into<String>) -> Result<()> {
        self.1.call(what).map_err(|error| Error::io("writing the catalogue", error))
    }
}

impl ProbeKv {
    fn reading(&self, what: &str) -> Result<()> {
        self.1.reading(what).map_err(|error| Error::io("reading the catalogue", error))
    }
}

impl KeyValue for ProbeKv {
    fn get(&self, table: &str, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.reading("get")?;
        self.0.get(table, key)
    }

    fn scan(&self, table: &str, prefix: &[u8]) -> Pairs {
        let (pairs, probe) = (self.0.scan(table, prefix), self.1.clone());
        Box::new(pairs.map(move |pair| match probe.reading("scan") {
            Ok(()) => pair,
            Err(error) => Err(Error::io("reading the catalogue", error)),
        }))
    }

    fn apply(&self, writes: &[Write]) -> Result<()> {
        let mut tables: Vec<_> = writes.iter().map(|write| write.table.as_str()).collect();
        tables.dedup();
        self.call(format!("transaction over {}", tables.join(" and ")))?;
        self.0.apply(writes)
    }

    fn load(&self, writes: Vec<Write>) -> Result<()> {
        self.call("load")?;
        self.0.load(writes)
    }

    fn flush(&self) -> Result<()> {
        self.call("flush")?;
        self.0.flush()
    }

    fn tables(&self) -> Result<Vec<String>> {
        self.0.tables()
    }

    fn files(&self) -> Vec<PathBuf> {
        self.0.files()
    }

    fn directory(&self) -> PathBuf {
        self.0.directory()
    }
}

/// Every record and object of a store, by kind: what lies in their envelopes.
pub(crate) fn archives(db: &Db) -> Result<Vec<([u8; 4], Vec<u8>)>> {
    let kv = db.kv();
    let mut found = Vec::new();
    for table in kv.tables()?.iter().filter(|table| value::overflowed(table).is_none()) {
        for pair in kv.scan(table, b"") {
            let (key, raw) = pair?;
            let bytes = value::whole(&*kv, table, &key, raw)?;
            let kind = open_envelope(&bytes, &super::db::place(table, &key))?.kind;
            found.push((kind, bytes[HEADER..].to_vec()));
        }
    }
    for (digest, _) in db.0.objects.list()?.objects {
        let bytes = db.0.objects.map(&digest)?;
        found.push(([bytes[4], bytes[5], bytes[6], bytes[7]], bytes[object::HEADER..].to_vec()));
    }
    Ok(found)
}
