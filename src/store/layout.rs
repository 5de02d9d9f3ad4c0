//! What lies in a store's directory, and which of it may be opened.
//!
//! ```text
//! FORMAT      the version that wrote it and the oldest that reads it; written last on creation
//! UNFINISHED  what is being made here, a store or a backup; written first, removed after FORMAT is there
//! CURRENT     the name of the catalogue's directory; replacing it is how compaction takes effect
//! LOCK        held by the process that writes
//! SEAL        what the catalogue held after the last commit; see `seal.rs`
//! db.1/       the catalogue
//! objects/    objects/ab/<digest>, and tmp.* while they are written
//! ```
//!
//! Invariant: a directory without FORMAT is no store, whatever else it holds; one with FORMAT is whole. A
//! store is made only where there is nothing, or nothing but a store whose creation was interrupted: where
//! FORMAT is missing for another reason, there may be data, and nothing is touched.

use std::io::{self, ErrorKind};
use std::path::Path;

use super::migrate::Step;
use crate::error::{Code, Error, Result};
use crate::fs::{Entry, EntryKind, FileSystem, write_whole};

/// What a build knows of formats; tests make up the next one.
#[derive(Clone, Copy)]
pub(crate) struct Format {
    /// The version that it writes.
    pub number: u32,
    /// The oldest version that it reads.
    pub oldest_readable: u32,
    /// The oldest version that reads what it writes.
    pub oldest_reader: u32,
    /// What brings an older store to its version, in the order of the versions.
    pub steps: &'static [Step],
}

/// The format of this build.
pub(crate) const OURS: Format = Format { number: 2, oldest_readable: 1, oldest_reader: 1, steps: &[] };

pub(crate) const FORMAT_FILE: &str = "FORMAT";
pub(crate) const CURRENT_FILE: &str = "CURRENT";
pub(crate) const LOCK_FILE: &str = "LOCK";
pub(crate) const SEAL_FILE: &str = "SEAL";
pub(crate) const OBJECTS: &str = "objects";
pub(crate) const FIRST_CATALOGUE: &str = "db.1";
const UNFINISHED_FILE: &str = "UNFINISHED";
/// The files above while they are written.
const TEMPORARY: [&str; 4] = ["FORMAT.tmp", "CURRENT.tmp", "SEAL.tmp", "UNFINISHED.tmp"];

/// What a directory becomes, as long as it is not finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Making {
    Store,
    Backup,
}

impl Making {
    fn text(self) -> &'static [u8] {
        match self {
            Making::Store => b"store\n",
            Making::Backup => b"backup\n",
        }
    }
}

/// What a directory turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing, an empty directory, or a store whose creation was interrupted.
    Nothing,
    /// A store that this build can open.
    Store,
}

/// Looks at a directory without changing it; fails where there is something that must not be opened.
pub(crate) fn inspect(fs: &dyn FileSystem, dir: &Path, read_only: bool, format: &Format) -> Result<Found> {
    match fs.read(&dir.join(FORMAT_FILE)) {
        Ok(text) => {
            judge(&text, read_only, format).map_err(|error| error.path(&dir.join(FORMAT_FILE)))?;
            return Ok(Found::Store);
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        // `dir` itself is a file.
        Err(error) if error.kind() == ErrorKind::NotADirectory => return Err(not_a_store(dir)),
        Err(error) => return Err(Error::io("opening the store", error).path(dir)),
    }
    let failed = |error| Error::io("opening the store", error).path(dir);
    let entries = match fs.read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(failed(error)),
    };
    if entries.iter().any(|entry| !ours(&entry.name)) {
        return Err(not_a_store(dir));
    }
    match fs.read(&dir.join(UNFINISHED_FILE)) {
        Ok(text) if text == Making::Backup.text() => {
            Err(Error::new(Code::NotAStore, "a backup into this directory was not finished")
                .help("remove the directory and make the backup again")
                .path(dir))
        }
        Ok(_) if holds_no_data(fs, dir, &entries).map_err(failed)? => Ok(Found::Nothing),
        Ok(_) => Err(format_missing(dir)),
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed(error)),
        Err(_) if entries.iter().all(|entry| [LOCK_FILE, "UNFINISHED.tmp"].contains(&&*entry.name)) => {
            Ok(Found::Nothing)
        }
        Err(_) => Err(format_missing(dir)),
    }
}

/// Whether what is there is no more than what a creation leaves that was interrupted.
fn holds_no_data(fs: &dyn FileSystem, dir: &Path, entries: &[Entry]) -> io::Result<bool> {
    let absent = |error: io::Error| match error.kind() {
        ErrorKind::NotFound => Ok(true),
        _ => Err(error),
    };
    let first = format!("{FIRST_CATALOGUE}\n");
    let mut catalogues = entries.iter().filter(|entry| generation(&entry.name).is_some());
    Ok(catalogues.all(|entry| entry.name == FIRST_CATALOGUE)
        && fs.read(&dir.join(CURRENT_FILE)).map(|text| text == first.as_bytes()).or_else(absent)?
        && fs.read_dir(&dir.join(OBJECTS)).map(|objects| objects.is_empty()).or_else(absent)?)
}

/// Says, durably, that the directory is not yet what it is to become.
pub(crate) fn begin(fs: &dyn FileSystem, dir: &Path, making: Making) -> io::Result<()> {
    write_whole(fs, &dir.join(UNFINISHED_FILE), making.text())
}

/// Takes back what [`begin`] said, durably.
pub(crate) fn finished(fs: &dyn FileSystem, dir: &Path) -> io::Result<()> {
    fs.remove(&dir.join(UNFINISHED_FILE))?;
    fs.sync_dir(dir)
}

/// Removes what a failed backup wrote: the stamp first, so that the rest is no store at any moment, and
/// the word that it is unfinished last.
pub(crate) fn clear(fs: &dyn FileSystem, dir: &Path) -> io::Result<()> {
    let [format, current, seal, unfinished] = TEMPORARY;
    for name in [FORMAT_FILE, format, CURRENT_FILE, current, SEAL_FILE, seal] {
        if_there(fs.remove(&dir.join(name)))?;
    }
    for name in [OBJECTS, FIRST_CATALOGUE] {
        if_there(fs.remove_dir_all(&dir.join(name)))?;
    }
    for name in [UNFINISHED_FILE, unfinished] {
        if_there(fs.remove(&dir.join(name)))?;
    }
    Ok(())
}

/// Takes it for done when there was nothing to remove.
pub(crate) fn if_there(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Writes FORMAT, durably; from here on the directory is a store of that version.
pub(crate) fn stamp(fs: &dyn FileSystem, dir: &Path, stamp: Stamp) -> Result<()> {
    let text = format!("seedbed store\nformat {}\nreadable-from {}\n", stamp.written, stamp.reader);
    write_whole(fs, &dir.join(FORMAT_FILE), text.as_bytes())
        .map_err(|error| Error::io("writing the format stamp", error).path(dir))
}

/// What FORMAT says.
pub(crate) fn stamped(fs: &dyn FileSystem, dir: &Path) -> Result<Stamp> {
    let path = dir.join(FORMAT_FILE);
    let text = fs.read(&path).map_err(|error| Error::io("opening the store", error).path(&path))?;
    Stamp::read(&text).map_err(|error| error.path(&path))
}

/// The name of the catalogue's directory.
pub(crate) fn current(fs: &dyn FileSystem, dir: &Path) -> Result<String> {
    let path = dir.join(CURRENT_FILE);
    let bytes = match fs.read(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        read => read.map_err(|error| Error::io("opening the store", error).path(&path))?,
    };
    let entries = fs.read_dir(dir).map_err(|error| Error::io("opening the store", error).path(dir))?;
    match std::str::from_utf8(&bytes).ok().and_then(|text| text.strip_suffix('\n')) {
        Some(name) if generation(name).is_some() && entries.iter().any(|entry| entry.name == name) => {
            Ok(name.to_string())
        }
        _ => Err(Error::new(Code::Corrupt, "expected the name of a directory that is there, such as db.1")
            .help("write the name of the directory db.N that is there into it, or restore a backup")
            .path(&path)),
    }
}

/// Makes another directory the catalogue, durably and at once.
pub(crate) fn set_current(fs: &dyn FileSystem, dir: &Path, name: &str) -> Result<()> {
    let path = dir.join(CURRENT_FILE);
    write_whole(fs, &path, format!("{name}\n").as_bytes())
        .map_err(|error| Error::io("replacing the catalogue", error).path(&path))
}

/// The number of a catalogue's directory.
pub(crate) fn generation(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("db.")?;
    digits.parse().ok().filter(|_| digits.bytes().all(|c| c.is_ascii_digit()))
}

/// Removes what an interrupted creation, compaction or write of an object left. Only for who has the lock
/// for writing: nobody else writes here.
pub(crate) fn tidy(fs: &dyn FileSystem, dir: &Path, current: &str) -> Result<()> {
    let failed = |error| Error::io("removing what an interrupted run left", error).path(dir);
    let mut unfinished = false;
    for entry in fs.read_dir(dir).map_err(failed)? {
        let path = dir.join(&entry.name);
        if entry.kind == EntryKind::Directory && generation(&entry.name).is_some() && entry.name != current {
            fs.remove_dir_all(&path).map_err(failed)?;
        } else if entry.kind == EntryKind::File && TEMPORARY.contains(&&*entry.name) {
            fs.remove(&path).map_err(failed)?;
        }
        unfinished |= entry.name == UNFINISHED_FILE;
    }
    if unfinished {
        finished(fs, dir).map_err(failed)?;
    }
    let objects = match fs.read_dir(&dir.join(OBJECTS)) {
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        listed => listed.map_err(failed)?,
    };
    for entry in objects {
        if entry.kind == EntryKind::File && entry.name.starts_with("tmp.") {
            fs.remove(&dir.join(OBJECTS).join(&entry.name)).map_err(failed)?;
        }
    }
    Ok(())
}

fn ours(name: &str) -> bool {
    [CURRENT_FILE, LOCK_FILE, SEAL_FILE, OBJECTS, UNFINISHED_FILE].contains(&name)
        || TEMPORARY.contains(&name)
        || generation(name).is_some()
}

fn format_missing(dir: &Path) -> Error {
    Error::new(Code::Corrupt, "FORMAT is missing from what else looks like a store; nothing was touched")
        .help("copy the file FORMAT from a backup or from another store of the same release, or name a new directory")
        .path(dir)
}

fn not_a_store(dir: &Path) -> Error {
    Error::new(Code::NotAStore, "expected a store or an empty directory, found other files")
        .help("name another directory, or move what is in it away")
        .path(dir)
}

/// The version that a store has, and the oldest one that reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub written: u32,
    pub reader: u32,
}

impl Stamp {
    fn read(text: &[u8]) -> Result<Self> {
        let number = |line: Option<&str>, name: &str| -> Option<u32> {
            line?.strip_prefix(name)?.strip_prefix(' ')?.parse().ok()
        };
        let text = std::str::from_utf8(text).unwrap_or_default();
        let mut lines = text.lines();
        let title = lines.next();
        let (written, reader) = (number(lines.next(), "format"), number(lines.next(), "readable-from"));
        match (title, written, reader) {
            (Some("seedbed store"), Some(written), Some(reader)) => Ok(Stamp { written, reader }),
            _ => Err(Error::new(Code::NotAStore, "expected the format stamp of a Seedbed store")
                .help("restore the file FORMAT from a backup if this is a store")),
        }
    }
}

impl Format {
    /// The stamp of what it writes.
    pub(crate) fn stamp(&self) -> Stamp {
        Stamp { written: self.number, reader: self.oldest_reader }
    }
}

fn judge(text: &[u8], read_only: bool, ours: &Format) -> Result<()> {
    let Stamp { written, reader } = Stamp::read(text)?;
    let newer = |what: String, advice: &str| {
        let message =
            format!("the store has format {written}, {what}; this build has format {}", ours.number);
        Error::new(Code::NewerFormat, message).help(advice)
    };
    if reader > ours.number {
        let what = format!("which format {reader} or a later one reads");
        return Err(newer(what, "use the release of Seedbed that wrote it, or a later one"));
    }
    if written > ours.number && !read_only {
        let what = "which this build reads but does not write".to_string();
        let advice = "open it read-only, or use the release of Seedbed that wrote it or a later one";
        return Err(newer(what, advice));
    }
    if written < ours.oldest_readable {
        return Err(Error::new(Code::Unsupported, format!("format {written} can no longer be read"))
            .help("open it with an older release, export, and import again"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str, read_only: bool) -> Option<Code> {
        judge(text.as_bytes(), read_only, &OURS).err().map(|error| error.code())
    }

    #[test]
    fn newer_formats_are_refused_with_advice() {
        assert_eq!(code("seedbed store\nformat 1\nreadable-from 1\n", false), None);
        assert_eq!(code("seedbed store\nformat 2\nreadable-from 1\n", false), None);
        assert_eq!(code("seedbed store\nformat 3\nreadable-from 1\n", true), None);
        assert_eq!(code("seedbed store\nformat 3\nreadable-from 1\n", false), Some(Code::NewerFormat));
        assert_eq!(code("seedbed store\nformat 3\nreadable-from 3\n", true), Some(Code::NewerFormat));
        assert_eq!(code("seedbed store\nformat 0\nreadable-from 0\n", false), Some(Code::Unsupported));
        for text in ["", "seedbed store\nformat x\n", "something else\nformat 1\nreadable-from 1\n"] {
            assert_eq!(code(text, false), Some(Code::NotAStore));
        }
    }

    #[test]
    fn catalogue_names_are_strict() {
        assert_eq!(generation("db.12"), Some(12));
        for name in ["db.", "db", "db.1.tmp", "../db.1", "db.+1", "db.-1"] {
            assert_eq!(generation(name), None, "{name}");
        }
    }
}
