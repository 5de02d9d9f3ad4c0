//! A file that comes into being whole: written beside its place, made durable, then renamed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::error::{Code, Error, Result};

/// A file on its way to `path`. Dropped unfinished, it leaves nothing behind.
pub(super) struct Target {
    path: PathBuf,
    temporary: PathBuf,
    overwrite: bool,
    writer: Option<BufWriter<File>>,
}

impl Target {
    /// Checks that the file may be written and opens a temporary one beside it.
    pub fn create(path: &Path, overwrite: bool) -> Result<Self> {
        let (name, path) = check(path, overwrite)?;
        let (temporary, file) = temporary(parent(&path), &name)
            .map_err(|cause| Error::io("cannot write beside the target", cause).path(&path))?;
        let writer = Some(BufWriter::with_capacity(256 << 10, file));
        Ok(Target { path, temporary, overwrite, writer })
    }

    /// Where to write.
    pub fn writer(&mut self) -> Result<&mut BufWriter<File>> {
        self.writer.as_mut().ok_or_else(|| Error::new(Code::Internal, "the target was finished already"))
    }

    /// The error for a failed write.
    pub fn failed(&self, cause: io::Error) -> Error {
        Error::io("cannot write the file", cause).path(&self.path)
    }

    /// Makes the file durable, gives it its name, and tells its length.
    pub fn finish(mut self) -> Result<u64> {
        let writer = self.writer.take();
        let file = writer.map(|writer| writer.into_inner().map_err(io::IntoInnerError::into_error));
        let length = match file {
            Some(Ok(file)) => file.sync_all().and_then(|()| file.metadata()).map(|about| about.len()),
            Some(Err(cause)) => Err(cause),
            None => Ok(0),
        };
        let length = length.map_err(|cause| self.failed(cause))?;
        check_absent(&self.path, self.overwrite)?;
        fs::rename(&self.temporary, &self.path).map_err(|cause| self.failed(cause))?;
        // The name is durable once its directory is; where directories cannot be opened, renaming has to do.
        if let Ok(directory) = File::open(parent(&self.path)) {
            directory.sync_all().map_err(|cause| self.failed(cause))?;
        }
        Ok(length)
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        // After a rename there is nothing of that name; a failure to tidy up cannot be reported from here.
        let _ = fs::remove_file(&self.temporary);
    }
}

/// A scratch file in the directory of the target, gone when dropped: rows wait there until the header,
/// which depends on them, is known.
pub(super) struct Scratch {
    path: PathBuf,
    writer: BufWriter<File>,
}

impl Scratch {
    /// An empty scratch file.
    pub fn beside(path: &Path) -> io::Result<Self> {
        let (path, file) = temporary(parent(path), "rows")?;
        Ok(Scratch { path, writer: BufWriter::with_capacity(256 << 10, file) })
    }

    /// Copies all that was written.
    pub fn copy_to(mut self, into: &mut impl Write) -> io::Result<()> {
        self.writer.flush()?;
        let file = self.writer.get_mut();
        file.seek(SeekFrom::Start(0))?;
        io::copy(file, into).map(|_| ())
    }
}

impl Write for Scratch {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Fails on what cannot be written to; gives the name of the file, and the file behind links.
pub(super) fn check(path: &Path, overwrite: bool) -> Result<(String, PathBuf)> {
    let name = path.file_name().ok_or_else(|| {
        Error::new(Code::BadFile, "the target names no file, expected the path of a file").path(path)
    })?;
    if path.is_dir() {
        return Err(Error::new(Code::BadFile, "the target is a directory, expected the path of a file")
            .help("add a file name to the path")
            .path(path));
    }
    check_absent(path, overwrite)?;
    // A link stays a link: what it points to is replaced.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    if fs::symlink_metadata(&path).is_ok_and(|about| !about.is_file()) {
        return Err(Error::new(Code::BadFile, "the target is no ordinary file")
            .help("name a file; a device or a pipe cannot be replaced")
            .path(&path));
    }
    let parent = parent(&path);
    if !parent.is_dir() {
        return Err(Error::new(Code::NotFound, format!("the directory {} does not exist", parent.display()))
            .help("create it first; export makes no directories")
            .path(&path));
    }
    Ok((name.to_string_lossy().into_owned(), path))
}

fn check_absent(path: &Path, overwrite: bool) -> Result<()> {
    if overwrite || fs::symlink_metadata(path).is_err() {
        return Ok(());
    }
    Err(Error::new(Code::Conflict, "the file exists already")
        .help("add overwrite=true, or choose another name")
        .path(path))
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn temporary(directory: &Path, name: &str) -> io::Result<(PathBuf, File)> {
    let name = &name[..name.char_indices().nth(60).map_or(name.len(), |(end, _)| end)];
    for attempt in 0..1000 {
        let path = directory.join(format!(".{name}.{}-{attempt}.tmp", std::process::id()));
        match OpenOptions::new().read(true).write(true).create_new(true).open(&path) {
            Ok(file) => return Ok((path, file)),
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {}
            Err(cause) => return Err(cause),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}
