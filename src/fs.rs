//! Files that are written, behind a small trait, so that tests can record, fail and cut the power.
//!
//! Invariants of every implementation: [`FileSystem::create`] never opens an existing file; a name is
//! durable only after [`FileSystem::sync_dir`] of its directory; what is mapped is never written to.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rkyv::util::AlignedVec;

/// A file being written, unknown to anybody until it is renamed.
pub(crate) trait NewFile: Write + Send {
    /// Returns once the bytes are on the medium.
    fn sync(&mut self) -> io::Result<()>;
}

/// What a directory entry is; symbolic links are never followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntryKind {
    File,
    Directory,
    Other,
}

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub name: String,
    pub kind: EntryKind,
    pub length: u64,
}

/// The operations the store needs of a file system.
pub(crate) trait FileSystem: Send + Sync {
    /// Creates a file that must not exist yet.
    fn create(&self, path: &Path) -> io::Result<Box<dyn NewFile>>;
    /// Writes over a file that is there and as long. Neither durable nor, on all media, at once.
    fn overwrite(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Returns once the file's bytes, whoever wrote them, are on the medium.
    fn sync_file(&self, path: &Path) -> io::Result<()>;
    /// Returns once the names in the directory are on the medium.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// Gives a file another name, replacing atomically what had it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Creates a directory; one that exists is fine.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Removes a directory and everything in it.
    fn remove_dir_all(&self, path: &Path) -> io::Result<()>;
    /// The entries of a directory, by name.
    fn read_dir(&self, path: &Path) -> io::Result<Vec<Entry>>;
    /// The path without symbolic links.
    fn canonical(&self, path: &Path) -> io::Result<PathBuf>;
    /// A small file as a whole.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// An immutable file as memory, aligned to 16 bytes at least, read when touched.
    fn map(&self, path: &Path) -> io::Result<Mapping>;
}

/// The bytes of a file.
#[derive(Clone)]
pub(crate) enum Mapping {
    File(Arc<memmap2::Mmap>),
    Memory(Arc<AlignedVec<16>>),
}

impl Mapping {
    /// Lets go of the pages that were touched so far; they are read again when touched again.
    pub(crate) fn release(&self) {
        #[cfg(unix)]
        if let Mapping::File(map) = self {
            // SAFETY: the mapping is of a file, shared and read-only: dropping its pages loses nothing,
            // a later access reads the same bytes from the file.
            let _ = unsafe { map.unchecked_advise(memmap2::UncheckedAdvice::DontNeed) };
        }
    }
}

impl Deref for Mapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Mapping::File(map) => map,
            Mapping::Memory(bytes) => bytes,
        }
    }
}

/// The file system of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RealFs;

struct RealFile(File);

impl Write for RealFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl NewFile for RealFile {
    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_all()
    }
}

impl FileSystem for RealFs {
    fn create(&self, path: &Path) -> io::Result<Box<dyn NewFile>> {
        Ok(Box::new(RealFile(OpenOptions::new().write(true).create_new(true).open(path)?)))
    }

    fn overwrite(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        OpenOptions::new().write(true).open(path)?.write_all(bytes)
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        // fsync is a matter of the inode: any descriptor serves, but some systems want a writable one.
        OpenOptions::new().write(true).open(path)?.sync_all()
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        match fs::create_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            other => other,
        }
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir_all(path)
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let metadata = match entry.metadata() {
                Ok(metadata) => metadata,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            let kind = match metadata.file_type() {
                t if t.is_file() => EntryKind::File,
                t if t.is_dir() => EntryKind::Directory,
                _ => EntryKind::Other,
            };
            let name = entry.file_name().to_string_lossy().into_owned();
            entries.push(Entry { name, kind, length: metadata.len() });
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        fs::canonicalize(path)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn map(&self, path: &Path) -> io::Result<Mapping> {
        let file = File::open(path)?;
        if file.metadata()?.len() == 0 {
            return Ok(Mapping::Memory(Arc::default()));
        }
        // SAFETY: an object's file is complete before it gets its name, is never written to or
        // truncated afterwards, and is only ever replaced by a rename or unlinked, both of which leave
        // existing mappings whole. Another program that writes into the store breaks this, as it would
        // break any store; the lock file keeps other copies of this one out.
        let map = unsafe { memmap2::Mmap::map(&file)? };
        Ok(Mapping::File(Arc::new(map)))
    }
}

/// Writes a small file so that after a crash it is there as a whole or not at all.
pub(crate) fn write_whole(fs: &dyn FileSystem, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    match fs.remove(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs.create(&temporary)?;
    file.write_all(bytes)?;
    file.sync()?;
    drop(file);
    fs.rename(&temporary, path)?;
    fs.sync_dir(path.parent().unwrap_or(path))
}

/// The folder that a path's file is in: the working directory's for a bare name.
pub(crate) fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
