//! A folder made beside its place and named when it is whole: there as a whole, or not at all.

use std::fs;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::error::{Code, Error, Result};
use crate::fs::{self as files, EntryKind, FileSystem, parent};
use crate::store::Digest;
use crate::task::Task;

/// A file of it, as a manifest has it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Listed {
    /// Where it is, from the folder, with `/` between names.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// The BLAKE3 digest of its bytes, in hexadecimal digits.
    pub blake3: String,
    /// Rows of a sheet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
}

/// A folder on its way to its name. Dropped unfinished, it leaves nothing behind.
pub struct NewFolder<'t> {
    fs: &'t dyn FileSystem,
    target: PathBuf,
    temporary: PathBuf,
    listed: Vec<Listed>,
    task: &'t Task,
}

/// A file of it.
pub(crate) struct NewFile {
    path: String,
    place: PathBuf,
    writer: BufWriter<Box<dyn files::NewFile>>,
    hasher: blake3::Hasher,
    bytes: u64,
}

impl NewFile {
    /// Appends bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        self.writer.write_all(bytes).map_err(|cause| failed(&self.place, cause))
    }
}

impl<'t> NewFolder<'t> {
    /// Begins a folder beside `target`, which must be empty or not be there; its parent must.
    pub(crate) fn create(fs: &'t dyn FileSystem, target: &Path, task: &'t Task) -> Result<Self> {
        check_free(target)?;
        let Some(name) = target.file_name() else {
            return Err(Error::new(Code::BadFile, "the path names no folder")
                .help("name the folder to be made")
                .path(target));
        };
        for attempt in 0..1000 {
            let name = format!(".{}.{}-{attempt}.tmp", name.to_string_lossy(), std::process::id());
            let temporary = parent(target).join(name);
            if fs::symlink_metadata(&temporary).is_ok() {
                continue;
            }
            fs.create_dir(&temporary).map_err(|cause| failed(target, cause))?;
            let target = target.to_path_buf();
            return Ok(NewFolder { fs, target, temporary, listed: Vec::new(), task });
        }
        Err(failed(target, ErrorKind::AlreadyExists.into()))
    }

    /// Cancel flag and progress.
    pub fn task(&self) -> &'t Task {
        self.task
    }

    /// The files so far, by path.
    pub fn listed(&self) -> Vec<Listed> {
        let mut listed = self.listed.clone();
        listed.sort_by(|a, b| a.path.cmp(&b.path));
        listed
    }

    /// Begins a file, and the folders it is in.
    pub(crate) fn file(&mut self, path: &str) -> Result<NewFile> {
        let place = self.temporary.join(path);
        let create = || {
            self.folder(parent(&place))?;
            self.fs.create(&place)
        };
        let file = create().map_err(|cause| failed(&place, cause))?;
        let writer = BufWriter::with_capacity(256 << 10, file);
        Ok(NewFile { path: path.to_string(), place, writer, hasher: blake3::Hasher::new(), bytes: 0 })
    }

    /// Makes a folder, and those it is in, where they are not there yet.
    fn folder(&self, place: &Path) -> io::Result<()> {
        if place.is_dir() {
            return Ok(());
        }
        self.folder(parent(place))?;
        self.fs.create_dir(place)
    }

    /// Makes a file durable and lists it.
    pub(crate) fn close(&mut self, file: NewFile, rows: Option<u64>) -> Result<()> {
        let NewFile { path, place, writer, hasher, bytes } = file;
        let whole = writer.into_inner().map_err(|error| error.into_error());
        whole.and_then(|mut file| file.sync()).map_err(|cause| failed(&place, cause))?;
        let blake3 = Digest(*hasher.finalize().as_bytes()).to_string();
        self.listed.push(Listed { path, bytes, blake3, rows });
        Ok(())
    }

    /// Writes a small file.
    pub fn small(&mut self, path: &str, bytes: &[u8]) -> Result<()> {
        let mut file = self.file(path)?;
        file.write(bytes)?;
        self.close(file, None)
    }

    /// Makes all of it durable and gives it its name; tells its length in bytes.
    pub fn finish(self) -> Result<u64> {
        let above = parent(&self.target);
        sync_below(self.fs, &self.temporary).map_err(|cause| failed(&self.temporary, cause))?;
        check_free(&self.target)?;
        let named = self.fs.rename(&self.temporary, &self.target).and_then(|()| self.fs.sync_dir(above));
        named.map_err(|cause| failed(&self.target, cause))?;
        Ok(self.listed.iter().map(|file| file.bytes).sum())
    }
}

impl Drop for NewFolder<'_> {
    fn drop(&mut self) {
        // After the renaming there is nothing of that name; a failure to tidy up cannot be told from here.
        let _ = self.fs.remove_dir_all(&self.temporary);
    }
}

/// Fails where it would be written over something.
fn check_free(target: &Path) -> Result<()> {
    let taken = |what: &str| {
        Err(Error::new(Code::Conflict, format!("{what}, expected an empty folder or none"))
            .help("name another folder, or move what is there away")
            .path(target))
    };
    match fs::symlink_metadata(target) {
        Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(()),
        Err(cause) => Err(failed(target, cause)),
        Ok(about) if !about.is_dir() => taken("there is something that is no folder"),
        Ok(_) => match fs::read_dir(target).map(|mut entries| entries.next().is_some()) {
            Ok(false) => Ok(()),
            Ok(true) => taken("the folder holds something already"),
            Err(cause) => Err(failed(target, cause)),
        },
    }
}

fn failed(path: &Path, cause: io::Error) -> Error {
    Error::io("writing the folder", cause).path(path)
}

/// Makes the names in a folder and below it durable.
fn sync_below(fs: &dyn FileSystem, folder: &Path) -> io::Result<()> {
    for entry in fs.read_dir(folder)? {
        if entry.kind == EntryKind::Directory {
            sync_below(fs, &folder.join(entry.name))?;
        }
    }
    fs.sync_dir(folder)
}
