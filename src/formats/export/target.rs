//! A file that comes into being whole: written beside its place, made durable, then renamed.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::error::{Code, Error, Result};
use crate::fs::{FileSystem, NewFile, parent};

/// What is held back before it is written.
const BUFFER: usize = 256 << 10;

/// A file on its way to `path`. Dropped unfinished, it leaves nothing behind.
pub(super) struct Target<'a> {
    path: PathBuf,
    overwrite: bool,
    written: u64,
    file: Temporary<'a>,
}

impl<'a> Target<'a> {
    /// Checks that the file may be written and opens a temporary one beside it.
    pub fn create(fs: &'a dyn FileSystem, path: &Path, overwrite: bool) -> Result<Self> {
        let (name, path) = check(path, overwrite)?;
        let file = Temporary::create(fs, parent(&path), &name)
            .map_err(|cause| Error::io("cannot write beside the target", cause).path(&path))?;
        Ok(Target { path, overwrite, written: 0, file })
    }

    /// A scratch file beside the target.
    pub fn scratch(&self) -> Result<Scratch<'a>> {
        let made = Temporary::create(self.file.fs, parent(&self.path), "rows");
        made.map(Scratch).map_err(|cause| self.failed(cause))
    }

    /// The error for a failed write.
    pub fn failed(&self, cause: io::Error) -> Error {
        Error::io("cannot write the file", cause).path(&self.path)
    }

    /// Makes the file durable, gives it its name, and tells its length.
    pub fn finish(mut self) -> Result<u64> {
        self.file.close().map_err(|cause| self.failed(cause))?;
        check_absent(&self.path, self.overwrite)?;
        let (fs, directory) = (self.file.fs, parent(&self.path));
        // The name is durable once its directory is.
        let named = fs.rename(&self.file.path, &self.path).and_then(|()| fs.sync_dir(directory));
        named.map_err(|cause| self.failed(cause))?;
        Ok(self.written)
    }
}

impl Write for Target<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.file.write(bytes)?;
        self.written += taken as u64;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A scratch file in the directory of the target, gone when dropped: rows wait there until the header,
/// which depends on them, is known.
pub(super) struct Scratch<'a>(Temporary<'a>);

impl Scratch<'_> {
    /// Copies all that was written.
    pub fn copy_to(mut self, into: &mut impl Write) -> io::Result<()> {
        self.0.flush()?;
        into.write_all(&self.0.fs.map(&self.0.path)?)
    }
}

impl Write for Scratch<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A file of no lasting name; what bears its name when it is dropped is removed.
struct Temporary<'a> {
    fs: &'a dyn FileSystem,
    path: PathBuf,
    /// `None` once it is closed.
    writer: Option<BufWriter<Box<dyn NewFile>>>,
}

impl<'a> Temporary<'a> {
    fn create(fs: &'a dyn FileSystem, directory: &Path, name: &str) -> io::Result<Self> {
        let name = &name[..name.char_indices().nth(60).map_or(name.len(), |(end, _)| end)];
        for attempt in 0..1000 {
            let path = directory.join(format!(".{name}.{}-{attempt}.tmp", std::process::id()));
            match fs.create(&path) {
                Ok(file) => {
                    let writer = Some(BufWriter::with_capacity(BUFFER, file));
                    return Ok(Temporary { fs, path, writer });
                }
                Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {}
                Err(cause) => return Err(cause),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Returns once all that was written is on the medium.
    fn close(&mut self) -> io::Result<()> {
        match self.writer.take() {
            Some(writer) => writer.into_inner().map_err(io::IntoInnerError::into_error)?.sync(),
            None => Ok(()),
        }
    }
}

impl Write for Temporary<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.writer {
            Some(writer) => writer.write(bytes),
            None => Err(io::Error::other("the file was closed already")),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        if let Some(writer) = self.writer.take() {
            // What is still in the buffer goes with the file.
            drop(writer.into_parts());
        }
        // After a rename there is nothing of that name; a failure to tidy up cannot be reported from here.
        let _ = self.fs.remove(&self.path);
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
