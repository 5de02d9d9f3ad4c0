//! Twins in memory of the file system and of the key-value store, with power cuts.
//!
//! The file system keeps what is durable apart from what is merely written: a file's bytes become
//! durable by a sync of the file, its name by a sync of its directory, and [`MemoryFs::cut_power`]
//! forgets the rest — the worst a disk may do. The key-value store flushes into a file of it and so is
//! durable only after that file was synced, exactly as sled is.

#[cfg(test)]
pub(crate) mod replay;

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Write as _};
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use rkyv::util::AlignedVec;

use super::kv::{Engine, KeyValue, Pair, Pairs, Write};
use crate::error::{Code, Error, Result};
use crate::fs::{Entry, EntryKind, FileSystem, Mapping, NewFile};

type Bytes = Arc<AlignedVec<16>>;
type Rows = BTreeMap<(String, Vec<u8>), Vec<u8>>;

#[derive(Clone, Default)]
struct Node {
    directory: bool,
    current: Bytes,
    synced: Bytes,
}

#[derive(Clone, Default)]
struct Disk {
    nodes: BTreeMap<u64, Node>,
    names: BTreeMap<PathBuf, u64>,
    durable_names: BTreeMap<PathBuf, u64>,
    next: u64,
    #[cfg(test)]
    log: replay::Log,
}

/// A file system in memory; clones share it.
#[derive(Clone, Default)]
pub(crate) struct MemoryFs(Arc<Mutex<Disk>>);

fn missing() -> io::Error {
    io::Error::from(ErrorKind::NotFound)
}

impl Disk {
    fn node(&mut self, path: &Path) -> io::Result<&mut Node> {
        let id = self.names.get(path).ok_or_else(missing)?;
        self.nodes.get_mut(id).ok_or_else(missing)
    }

    fn add(&mut self, path: &Path, directory: bool) -> io::Result<()> {
        if self.names.contains_key(path) {
            return Err(io::Error::from(ErrorKind::AlreadyExists));
        }
        match path.parent() {
            Some(parent) if parent.parent().is_some() && !self.node(parent)?.directory => {
                return Err(io::Error::from(ErrorKind::NotADirectory));
            }
            _ => {}
        }
        self.next += 1;
        self.nodes.insert(self.next, Node { directory, ..Node::default() });
        self.name(path, Some(self.next));
        Ok(())
    }

    /// Gives a name to a node, or takes it away; tells whose it was.
    fn name(&mut self, path: &Path, node: Option<u64>) -> Option<u64> {
        #[cfg(test)]
        self.log.name(path, node);
        match node {
            Some(node) => self.names.insert(path.to_path_buf(), node),
            None => self.names.remove(path),
        }
    }
}

impl MemoryFs {
    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes these the bytes of a file, new or not, as sled does with its log.
    fn put(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut disk = self.disk();
        if !disk.names.contains_key(path) {
            disk.add(path, false)?;
        }
        let mut copy = AlignedVec::new();
        copy.extend_from_slice(bytes);
        let bytes = Arc::new(copy);
        #[cfg(test)]
        disk.log_bytes(path, &bytes);
        disk.node(path)?.current = bytes;
        Ok(())
    }

    /// A disk with the same on it.
    #[cfg(test)]
    pub(crate) fn copy(&self) -> MemoryFs {
        MemoryFs(Arc::new(Mutex::new(self.disk().clone())))
    }

    /// Forgets everything that is not durable.
    #[cfg(test)]
    pub(crate) fn cut_power(&self) {
        let mut disk = self.disk();
        disk.names = disk.durable_names.clone();
        let known = disk.names.clone();
        // A name is reachable only through directories that are.
        disk.names.retain(|path, _| {
            path.ancestors().skip(1).all(|above| above.parent().is_none() || known.contains_key(above))
        });
        for node in disk.nodes.values_mut() {
            node.current = node.synced.clone();
        }
    }
}

struct MemoryFile {
    disk: MemoryFs,
    path: PathBuf,
    bytes: Vec<u8>,
}

impl io::Write for MemoryFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.disk.put(&self.path, &self.bytes)
    }
}

impl NewFile for MemoryFile {
    fn sync(&mut self) -> io::Result<()> {
        self.flush()?;
        self.disk.sync_file(&self.path)
    }
}

impl FileSystem for MemoryFs {
    fn create(&self, path: &Path) -> io::Result<Box<dyn NewFile>> {
        self.disk().add(path, false)?;
        Ok(Box::new(MemoryFile { disk: self.clone(), path: path.to_path_buf(), bytes: Vec::new() }))
    }

    fn overwrite(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.disk().node(path)?;
        self.put(path, bytes)
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        let node = disk.node(path)?;
        node.synced = node.current.clone();
        #[cfg(test)]
        disk.log_sync(path);
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut guard = self.disk();
        let disk = &mut *guard;
        #[cfg(test)]
        disk.log.sync_directory(path);
        let inside = |name: &Path| name.parent() == Some(path);
        disk.durable_names.retain(|name, _| !inside(name));
        let live = disk.names.iter().filter(|(name, _)| inside(name));
        disk.durable_names.extend(live.map(|(name, id)| (name.clone(), *id)));
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        let id = disk.name(from, None).ok_or_else(missing)?;
        disk.name(to, Some(id));
        Ok(())
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        match disk.node(path) {
            Ok(node) if node.directory => Ok(()),
            _ => disk.add(path, true),
        }
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk().name(path, None).map(drop).ok_or_else(missing)
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        let inside: Vec<PathBuf> = disk.names.keys().filter(|name| name.starts_with(path)).cloned().collect();
        for name in &inside {
            disk.name(name, None);
        }
        Ok(())
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let mut disk = self.disk();
        if path.parent().is_some() && !disk.node(path)?.directory {
            return Err(io::Error::from(ErrorKind::NotADirectory));
        }
        let mut entries = Vec::new();
        for (name, id) in disk.names.iter().filter(|(name, _)| name.parent() == Some(path)) {
            let node = disk.nodes.get(id).ok_or_else(missing)?;
            entries.push(Entry {
                name: name.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                kind: if node.directory { EntryKind::Directory } else { EntryKind::File },
                length: node.current.len() as u64,
            });
        }
        Ok(entries)
    }

    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        Ok(path.to_path_buf())
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        Ok(self.disk().node(path)?.current.to_vec())
    }

    fn map(&self, path: &Path) -> io::Result<Mapping> {
        Ok(Mapping::Memory(self.disk().node(path)?.current.clone()))
    }
}

/// Tables in memory; with a file to flush into, or without.
#[derive(Default)]
pub(crate) struct MemoryKv {
    rows: Arc<RwLock<Rows>>,
    disk: Option<(MemoryFs, PathBuf)>,
}

/// Opens tables in memory that flush into a file system in memory.
pub(crate) struct MemoryEngine(pub MemoryFs);

impl Engine for MemoryEngine {
    fn open(&self, directory: &Path) -> Result<Arc<dyn KeyValue>> {
        let path = directory.join("db");
        let bytes = match self.0.read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(Error::io("opening the catalogue", error)),
        };
        let kv = MemoryKv { rows: Arc::default(), disk: Some((self.0.clone(), path)) };
        let mut rest = &bytes[..];
        let mut part = || -> Option<Vec<u8>> {
            let (length, tail) = rest.split_first_chunk::<8>()?;
            let (part, tail) = tail.split_at_checked(u64::from_le_bytes(*length) as usize)?;
            rest = tail;
            Some(part.to_vec())
        };
        while let Some(table) = part() {
            let (Some(key), Some(value)) = (part(), part()) else {
                return Err(Error::new(Code::Corrupt, "the catalogue ends too early"));
            };
            kv.load(vec![Write {
                table: String::from_utf8_lossy(&table).into_owned(),
                key,
                value: Some(value),
            }])?;
        }
        Ok(Arc::new(kv))
    }

    fn open_copy(&self, directory: &Path) -> Result<Arc<dyn KeyValue>> {
        self.open(directory)
    }
}

impl KeyValue for MemoryKv {
    fn get(&self, table: &str, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        Ok(rows.get(&(table.to_string(), key.to_vec())).cloned())
    }

    fn scan(&self, table: &str, prefix: &[u8]) -> Pairs {
        let (rows, table, prefix) = (self.rows.clone(), table.to_string(), prefix.to_vec());
        let mut from = Bound::Included((table.clone(), prefix.clone()));
        Box::new(std::iter::from_fn(move || -> Option<Result<Pair>> {
            let rows = rows.read().unwrap_or_else(PoisonError::into_inner);
            let (at, value) = rows.range((from.clone(), Bound::Unbounded)).next()?;
            if at.0 != table || !at.1.starts_with(&prefix) {
                return None;
            }
            from = Bound::Excluded(at.clone());
            Some(Ok((at.1.clone(), value.clone())))
        }))
    }

    fn apply(&self, writes: &[Write]) -> Result<()> {
        self.load(writes.to_vec())
    }

    fn load(&self, writes: Vec<Write>) -> Result<()> {
        let mut rows = self.rows.write().unwrap_or_else(PoisonError::into_inner);
        for Write { table, key, value } in writes {
            match value {
                Some(value) => rows.insert((table, key), value),
                None => rows.remove(&(table, key)),
            };
        }
        Ok(())
    }

    fn flush(&self) -> Result<()> {
        let Some((disk, path)) = &self.disk else { return Ok(()) };
        let mut bytes = Vec::new();
        for ((table, key), value) in self.rows.read().unwrap_or_else(PoisonError::into_inner).iter() {
            for part in [table.as_bytes(), key, value] {
                bytes.extend((part.len() as u64).to_le_bytes());
                bytes.extend(part);
            }
        }
        disk.put(path, &bytes).map_err(|error| Error::io("flushing the catalogue", error))
    }

    fn tables(&self) -> Result<Vec<String>> {
        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        let mut tables: Vec<_> = rows.keys().map(|(table, _)| table.clone()).collect();
        tables.dedup();
        Ok(tables)
    }

    fn files(&self) -> Vec<PathBuf> {
        self.disk.iter().map(|(_, path)| path.clone()).collect()
    }

    fn directory(&self) -> PathBuf {
        let path = self.disk.as_ref().and_then(|(_, path)| path.parent());
        path.unwrap_or(Path::new("")).to_path_buf()
    }
}
