//! The folder of a dump, read with no trust.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Component, Path, PathBuf};

use crate::error::{Code, Error, Result};
use crate::formats::Listed;
use crate::store::Digest;
use crate::task::Task;

/// What helps against a damaged dump.
pub(super) const REMEDY: &str = "copy the dump again; a dump is read as it was written, or not at all";

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
