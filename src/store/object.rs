//! Objects: immutable bulk values in files named by the digest of their bytes.
//!
//! Invariants: a file under `objects/ab/<digest>` was complete and fsynced before it got that name, and
//! its directory was fsynced before the digest was given out; equal bytes have one file; the bytes are
//! compared with their digest before the first use in a process, and rkyv validates the archive once a
//! type. Opening a store touches no object. A file is a header of 16 bytes ("SBO1", kind, schema version,
//! six zero bytes) and the archive, which therefore is aligned to 16 wherever the file is mapped.

use std::any::TypeId;
use std::collections::{HashMap, HashSet};
use std::io;
use std::marker::PhantomData;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rkyv::rancor;

use super::digest::Digest;
use super::record::{Envelope, Record, damaged, match_kind};
use super::sink::Sink;
use crate::error::{Code, Error, Result};
use crate::fs::{EntryKind, FileSystem, Mapping, NewFile};

pub(crate) const HEADER: usize = 16;
const MAGIC: [u8; 4] = *b"SBO1";
/// How much is hashed between two releases of the pages.
const HASHED_AT_ONCE: usize = 16 << 20;

/// An object, mapped and validated; it reads as the archived form of `T`. Clones share the mapping.
pub struct Object<T> {
    bytes: Mapping,
    digest: Digest,
    // Owns no T: the handle goes wherever the mapping may go.
    kind: PhantomData<fn() -> T>,
}

impl<T> Clone for Object<T> {
    fn clone(&self) -> Self {
        Object { bytes: self.bytes.clone(), digest: self.digest, kind: PhantomData }
    }
}

impl<T> Object<T> {
    /// The object's name.
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

impl<T: Record> Deref for Object<T> {
    type Target = T::Archived;

    fn deref(&self) -> &T::Archived {
        // SAFETY: `Objects::open` is the only constructor. It validated these very bytes, or bytes of
        // the same digest, as an archive of T, and the file behind a mapping never changes (see
        // `RealFs::map`). The archive begins 16 bytes into a mapping that is aligned to 16 or more.
        unsafe { rkyv::access_unchecked::<T::Archived>(&self.bytes[HEADER..]) }
    }
}

impl<T> std::fmt::Debug for Object<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Object({})", self.digest)
    }
}

/// What lies in the directory of objects.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub objects: Vec<(Digest, u64)>,
    pub temporaries: Vec<PathBuf>,
    pub strangers: Vec<PathBuf>,
}

/// An object whose bytes are written, but neither durable nor known to anybody.
pub(crate) struct Unnamed {
    file: Box<dyn NewFile>,
    temporary: PathBuf,
    digest: Digest,
}

/// The directory of objects.
pub(crate) struct Objects {
    fs: Arc<dyn FileSystem>,
    root: PathBuf,
    next_temporary: AtomicU64,
    /// Verdicts of this process: digests compared, and the types whose archives were validated.
    verified: Mutex<HashMap<Digest, HashSet<TypeId>>>,
}

impl Objects {
    pub(crate) fn new(fs: Arc<dyn FileSystem>, root: PathBuf) -> Self {
        Objects { fs, root, next_temporary: AtomicU64::new(0), verified: Mutex::default() }
    }

    pub(crate) fn path(&self, digest: &Digest) -> PathBuf {
        let name = digest.to_string();
        self.root.join(&name[..2]).join(name)
    }

    /// Writes the bytes of an object into a file that has no name yet; [`Objects::publish`] gives it one.
    pub(crate) fn write<T: Record>(&self, value: &T) -> Result<Unnamed> {
        let (file, temporary) = self.temporary()?;
        let written = Sink::file(file, &header(T::KIND, T::VERSION))
            .serialise(value)
            .and_then(|sink| sink.finish().map_err(|cause| failed(cause, &temporary)));
        match written {
            Ok((file, hash)) => Ok(Unnamed { file, temporary, digest: Digest(*hash.as_bytes()) }),
            Err(error) => Err(self.given_up(error, &temporary)),
        }
    }

    /// Makes an object durable and gives its name.
    pub(crate) fn publish(&self, object: Unnamed) -> Result<Digest> {
        let Unnamed { file, temporary, digest } = object;
        let named = self.name(file, &temporary, &digest);
        named.map(|()| digest).map_err(|error| self.given_up(error, &temporary))
    }

    /// A new file. Names of another process of the same number, as containers have them, are passed over.
    fn temporary(&self) -> Result<(Box<dyn NewFile>, PathBuf)> {
        loop {
            let number = self.next_temporary.fetch_add(1, Ordering::Relaxed);
            let path = self.root.join(format!("tmp.{}.{number}", std::process::id()));
            match self.fs.create(&path) {
                Ok(file) => return Ok((file, path)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(said(failed(error, &path))),
            }
        }
    }

    fn given_up(&self, error: Error, temporary: &Path) -> Error {
        // A leftover is harmless: a sweep or the next opening removes it.
        let _ = self.fs.remove(temporary);
        said(error)
    }

    fn name(&self, mut file: Box<dyn NewFile>, temporary: &Path, digest: &Digest) -> Result<()> {
        let failed = |cause: io::Error| failed(cause, temporary);
        file.sync().map_err(failed)?;
        drop(file);
        let path = self.path(digest);
        let directory = path.parent().unwrap_or(&self.root);
        self.fs.create_dir(directory).map_err(failed)?;
        self.fs.sync_dir(&self.root).map_err(failed)?;
        // Also where the name exists already: the file there may be damaged, or its name not yet
        // durable because a process was killed right here. Open mappings keep the old file.
        self.fs.rename(temporary, &path).map_err(failed)?;
        self.fs.sync_dir(directory).map_err(failed)
    }

    /// Maps an object and checks what this process has not checked yet.
    pub(crate) fn open<T: Record>(&self, digest: &Digest) -> Result<Object<T>> {
        let path = self.path(digest);
        let place = format!("object {digest}");
        let bytes = self.map(digest)?;
        let envelope = read_header(&bytes, &place).map_err(|error| error.path(&path))?;
        match_kind::<T>(envelope, &place).map_err(|error| error.path(&path))?;
        if envelope.version < T::VERSION {
            return Err(Error::new(
                Code::Unsupported,
                format!("{place} has the old schema version {}", envelope.version),
            )
            .help("recompute what it belongs to, or import it again"));
        }
        let types = self.verdicts().get(digest).cloned();
        if types.is_none() {
            compare(&bytes, digest, &place).map_err(|error| error.path(&path))?;
        }
        if !types.is_some_and(|types| types.contains(&TypeId::of::<T>())) {
            rkyv::access::<T::Archived, rancor::Error>(&bytes[HEADER..])
                .map_err(|cause| damaged(&place, "its archive is malformed").because(cause).path(&path))?;
            self.verdicts().entry(*digest).or_default().insert(TypeId::of::<T>());
        }
        Ok(Object { bytes, digest: *digest, kind: PhantomData })
    }

    /// Whether there is a file of that name; says nothing about its bytes.
    pub(crate) fn exists(&self, digest: &Digest) -> Result<bool> {
        match self.fs.map(&self.path(digest)) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::io(format_args!("reading object {digest}"), error)),
        }
    }

    /// Checks the header and, if `full`, compares all bytes with the digest, whatever was checked before.
    pub(crate) fn check(&self, digest: &Digest, full: bool) -> Result<()> {
        let place = format!("object {digest}");
        let path = self.path(digest);
        let bytes = self.map(digest)?;
        let checked = read_header(&bytes, &place).and_then(|_| match full {
            true => compare(&bytes, digest, &place),
            false => Ok(()),
        });
        checked.map_err(|error| error.path(&path))
    }

    /// The bytes of an object's file, unchecked.
    pub(crate) fn map(&self, digest: &Digest) -> Result<Mapping> {
        let path = self.path(digest);
        self.fs.map(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::new(Code::Corrupt, format!("object {digest} is missing"))
                .help("restore a backup, or recompute what it belongs to")
                .path(&path),
            _ => Error::io(format_args!("reading object {digest}"), error).path(&path),
        })
    }

    /// Removes an object nobody refers to.
    pub(crate) fn remove(&self, digest: &Digest) -> Result<()> {
        self.verdicts().remove(digest);
        let path = self.path(digest);
        self.fs.remove(&path).map_err(|error| Error::io("removing an object", error).path(&path))
    }

    /// What is there: objects by digest, unfinished files, and files that are not ours.
    pub(crate) fn list(&self) -> Result<Listing> {
        let read = |path: &Path| {
            self.fs.read_dir(path).map_err(|error| Error::io("listing objects", error).path(path))
        };
        let mut listing = Listing::default();
        for entry in read(&self.root)? {
            let path = self.root.join(&entry.name);
            if entry.kind == EntryKind::File && entry.name.starts_with("tmp.") {
                listing.temporaries.push(path);
                continue;
            }
            if entry.kind != EntryKind::Directory || entry.name.len() != 2 {
                listing.strangers.push(path);
                continue;
            }
            for file in read(&path)? {
                match file.name.parse::<Digest>() {
                    Ok(digest) if file.kind == EntryKind::File && file.name.starts_with(&entry.name) => {
                        listing.objects.push((digest, file.length));
                    }
                    _ => listing.strangers.push(path.join(&file.name)),
                }
            }
        }
        Ok(listing)
    }

    fn verdicts(&self) -> MutexGuard<'_, HashMap<Digest, HashSet<TypeId>>> {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn failed(cause: io::Error, path: &Path) -> Error {
    Error::io("writing an object", cause).path(path)
}

/// With the remedy of a full disk: nothing refers to the object.
fn said(error: Error) -> Error {
    match error.code() {
        Code::DiskFull => error.help("free some space and issue the statement again; the store is as it was"),
        _ => error,
    }
}

fn header(kind: [u8; 4], version: u16) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..4].copy_from_slice(&MAGIC);
    header[4..8].copy_from_slice(&kind);
    header[8..10].copy_from_slice(&version.to_le_bytes());
    header
}

fn read_header(bytes: &[u8], place: &str) -> Result<Envelope> {
    match bytes.get(..HEADER) {
        Some(header) if header[..4] == MAGIC => Ok(Envelope {
            kind: [header[4], header[5], header[6], header[7]],
            version: u16::from_le_bytes([header[8], header[9]]),
        }),
        _ => Err(damaged(&place, "it does not begin with an object's header")),
    }
}

fn compare(bytes: &Mapping, digest: &Digest, place: &str) -> Result<()> {
    let mut hasher = blake3::Hasher::new();
    for piece in bytes.chunks(HASHED_AT_ONCE) {
        hasher.update_rayon(piece);
        bytes.release();
    }
    match hasher.finalize().as_bytes() == &digest.0 {
        true => Ok(()),
        false => Err(damaged(&place, "its bytes do not have the digest it is named by")),
    }
}
