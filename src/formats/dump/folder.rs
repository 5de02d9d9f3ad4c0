//! The folder of a dump: made beside its place and named when it is whole; read with no trust.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Read, Write};
use std::path::{Component, Path, PathBuf};

use crate::error::{Code, Error, Result};
use crate::fs::{self as files, EntryKind, FileSystem, parent};
use crate::store::Digest;
use crate::task::Task;

/// What helps against a damaged dump.
pub(super) const REMEDY: &str = "copy the dump again; a dump is read as it was written, or not at all";

/// A file of a dump as its manifest has it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Listed {
    /// Where it is, from the folder of the dump, with `/` between names.
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
pub(super) struct NewFile {
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
    pub(super) fn file(&mut self, path: &str) -> Result<NewFile> {
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
    pub(super) fn close(&mut self, file: NewFile, rows: Option<u64>) -> Result<()> {
        let NewFile { path, place, writer, hasher, bytes } = file;
        let whole = writer.into_inner().map_err(|error| error.into_error());
        whole.and_then(|mut file| file.sync()).map_err(|cause| failed(&place, cause))?;
        let blake3 = Digest(*hasher.finalize().as_bytes()).to_string();
        self.listed.push(Listed { path, bytes, blake3, rows });
        Ok(())
    }

    /// Writes a small file.
    pub fn text(&mut self, path: &str, text: &str) -> Result<()> {
        let mut file = self.file(path)?;
        file.write(text.as_bytes())?;
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

/// Fails where a dump would be written over something.
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
    Error::io("writing the dump", cause).path(path)
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

/// A dump to be read.
pub struct Folder<'t> {
    root: PathBuf,
    listed: BTreeMap<String, Listed>,
    task: &'t Task,
}

impl<'t> Folder<'t> {
    /// A folder of which nothing is known yet: only [`Folder::text`] reads from it.
    pub fn new(root: &Path, task: &'t Task) -> Self {
        Folder { root: root.to_path_buf(), listed: BTreeMap::new(), task }
    }

    /// The same, with the files that its manifest lists.
    pub fn listing(mut self, listed: Vec<Listed>) -> Self {
        self.listed = listed.into_iter().map(|file| (file.path.clone(), file)).collect();
        self
    }

    /// Cancel flag and progress.
    pub fn task(&self) -> &'t Task {
        self.task
    }

    /// Where a file of it is, for messages.
    pub fn place(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// A file that no manifest lists, since it is the manifest: at most `limit` bytes of text.
    pub fn text(&self, path: &str, limit: u64) -> Result<String> {
        let place = self.inside(path)?;
        let mut text = String::new();
        let read = File::open(&place).and_then(|file| file.take(limit + 1).read_to_string(&mut text));
        match read {
            Ok(read) if read as u64 <= limit => Ok(text),
            Ok(_) => Err(Error::new(Code::Limit, format!("the file is longer than {limit} bytes"))
                .help(REMEDY)
                .path(&place)),
            Err(cause) if cause.kind() == ErrorKind::InvalidData => {
                Err(Error::new(Code::BadFile, "the file is not UTF-8").help(REMEDY).path(&place))
            }
            Err(cause) => Err(Error::io("reading the dump", cause).path(&place)),
        }
    }

    /// A listed file that is there, with what the manifest says of it.
    pub(super) fn open(&self, path: &str) -> Result<(PathBuf, &Listed)> {
        let place = self.inside(path)?;
        let listed = self.listed.get(path).ok_or_else(|| {
            Error::new(Code::BadFile, "the manifest does not list the file").help(REMEDY).path(&place)
        })?;
        Ok((place, listed))
    }

    /// The place of a path, which leads neither out of the folder nor through a link.
    fn inside(&self, path: &str) -> Result<PathBuf> {
        let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
        if path.is_empty() || path.contains('\\') || !Path::new(path).components().all(plain) {
            let message = format!("the manifest names `{path}`, which is no path within the dump");
            return Err(Error::new(Code::BadFile, message).help(REMEDY).path(&self.root));
        }
        let mut place = self.root.clone();
        for part in Path::new(path).components() {
            place.push(part);
            let about = fs::symlink_metadata(&place)
                .map_err(|cause| Error::io("reading the dump", cause).path(&place))?;
            if about.is_symlink() {
                return Err(Error::new(Code::BadFile, "a dump holds no symbolic links")
                    .help("copy what the link leads to in its place")
                    .path(&place));
            }
        }
        if !place.is_file() {
            return Err(Error::new(Code::BadFile, "expected a file").help(REMEDY).path(&place));
        }
        Ok(place)
    }

    /// Compares a file that could be read with its length and digest: a change that still makes sense
    /// shows here.
    pub(super) fn verify(&self, place: &Path, listed: &Listed) -> Result<()> {
        let failed = |cause| Error::io("reading the dump", cause).path(place);
        let mut hasher = blake3::Hasher::new();
        let mut file = File::open(place).map_err(failed)?;
        let bytes = io::copy(&mut file, &mut hasher).map_err(failed)?;
        let found = Digest(*hasher.finalize().as_bytes()).to_string();
        if bytes == listed.bytes && found == listed.blake3 {
            return Ok(());
        }
        let message = match bytes == listed.bytes {
            true => format!("the file has digest {found}, the manifest says {}", listed.blake3),
            false => format!("the file has {bytes} bytes, the manifest says {}", listed.bytes),
        };
        Err(Error::new(Code::BadFile, message).help(REMEDY).path(place))
    }
}
