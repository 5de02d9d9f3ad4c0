//! What lies in a store's directory, and which of it may be opened.
//!
//! ```text
//! FORMAT      the version that wrote it and the oldest that reads it; written last on creation
//! CURRENT     the name of the catalogue's directory; replacing it is how compaction takes effect
//! LOCK        held by the process that writes
//! db.1/       the catalogue
//! objects/    objects/ab/<digest>, and tmp.* while they are written
//! ```
//!
//! Invariant: a directory without FORMAT is no store, whatever else it holds; one with FORMAT is whole.

use std::io::ErrorKind;
use std::path::Path;

use super::fs::{EntryKind, FileSystem, write_whole};
use crate::error::{Code, Error, Result};

/// The version of the format this build writes.
pub(crate) const FORMAT: u32 = 1;
/// The oldest version of the format this build reads.
pub(crate) const OLDEST_READABLE: u32 = 1;
/// The oldest version that reads what this build writes.
const OLDEST_READER: u32 = 1;

pub(crate) const FORMAT_FILE: &str = "FORMAT";
pub(crate) const CURRENT_FILE: &str = "CURRENT";
pub(crate) const LOCK_FILE: &str = "LOCK";
pub(crate) const OBJECTS: &str = "objects";
pub(crate) const FIRST_CATALOGUE: &str = "db.1";

/// What a directory turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing, an empty directory, or a store whose creation was interrupted.
    Nothing,
    /// A store that this build can open.
    Store,
}

/// Looks at a directory without changing it; fails where there is something that must not be opened.
pub(crate) fn inspect(fs: &dyn FileSystem, dir: &Path, read_only: bool) -> Result<Found> {
    match fs.read(&dir.join(FORMAT_FILE)) {
        Ok(text) => {
            judge(&text, read_only).map_err(|error| error.path(&dir.join(FORMAT_FILE)))?;
            return Ok(Found::Store);
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        // `dir` itself is a file.
        Err(error) if error.kind() == ErrorKind::NotADirectory => return Err(not_a_store(dir)),
        Err(error) => return Err(Error::io("opening the store", error).path(dir)),
    }
    match fs.read_dir(dir) {
        Ok(entries) if entries.iter().all(|entry| ours(&entry.name)) => Ok(Found::Nothing),
        Ok(_) => Err(not_a_store(dir)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Found::Nothing),
        Err(error) => Err(Error::io("opening the store", error).path(dir)),
    }
}

/// Writes FORMAT, durably; from here on the directory is a store.
pub(crate) fn stamp(fs: &dyn FileSystem, dir: &Path) -> Result<()> {
    let text = format!("seedbed store\nformat {FORMAT}\nreadable-from {OLDEST_READER}\n");
    write_whole(fs, &dir.join(FORMAT_FILE), text.as_bytes())
        .map_err(|error| Error::io("creating the store", error).path(dir))
}

/// The name of the catalogue's directory.
pub(crate) fn current(fs: &dyn FileSystem, dir: &Path) -> Result<String> {
    let path = dir.join(CURRENT_FILE);
    let bytes = fs.read(&path).map_err(|error| Error::io("opening the store", error).path(&path))?;
    match std::str::from_utf8(&bytes).ok().and_then(|text| text.strip_suffix('\n')) {
        Some(name) if generation(name).is_some() => Ok(name.to_string()),
        _ => Err(Error::new(Code::Corrupt, "expected the name of the catalogue's directory, such as db.1")
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

/// Removes what an interrupted creation or compaction left.
pub(crate) fn tidy(fs: &dyn FileSystem, dir: &Path, current: &str) -> Result<()> {
    let failed = |error| Error::io("removing what an interrupted run left", error).path(dir);
    for entry in fs.read_dir(dir).map_err(failed)? {
        let path = dir.join(&entry.name);
        if entry.kind == EntryKind::Directory && generation(&entry.name).is_some() && entry.name != current {
            fs.remove_dir_all(&path).map_err(failed)?;
        } else if entry.kind == EntryKind::File && ["FORMAT.tmp", "CURRENT.tmp"].contains(&&*entry.name) {
            fs.remove(&path).map_err(failed)?;
        }
    }
    Ok(())
}

fn ours(name: &str) -> bool {
    [CURRENT_FILE, LOCK_FILE, OBJECTS, "FORMAT.tmp", "CURRENT.tmp"].contains(&name)
        || generation(name).is_some()
}

fn not_a_store(dir: &Path) -> Error {
    Error::new(Code::NotAStore, "expected a store or an empty directory, found other files")
        .help("name another directory, or move what is in it away")
        .path(dir)
}

fn judge(text: &[u8], read_only: bool) -> Result<()> {
    let number = |line: Option<&str>, name: &str| -> Option<u32> {
        line?.strip_prefix(name)?.strip_prefix(' ')?.parse().ok()
    };
    let text = std::str::from_utf8(text).unwrap_or_default();
    let mut lines = text.lines();
    let title = lines.next();
    let (written, reader) = (number(lines.next(), "format"), number(lines.next(), "readable-from"));
    let (Some("seedbed store"), Some(written), Some(reader)) = (title, written, reader) else {
        return Err(Error::new(Code::NotAStore, "expected the format stamp of a Seedbed store")
            .help("restore the file FORMAT from a backup if this is a store"));
    };
    let newer = |advice: &str| {
        Error::new(
            Code::NewerFormat,
            format!("the store has format {written}, this build writes format {FORMAT}"),
        )
        .help(advice)
    };
    if reader > FORMAT {
        return Err(newer("use the release of Seedbed that wrote it, or a later one"));
    }
    if written > FORMAT && !read_only {
        return Err(newer("open it read-only, or use the release of Seedbed that wrote it or a later one"));
    }
    if written < OLDEST_READABLE {
        return Err(Error::new(Code::Unsupported, format!("format {written} can no longer be read"))
            .help("open it with an older release, export, and import again"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str, read_only: bool) -> Option<Code> {
        judge(text.as_bytes(), read_only).err().map(|error| error.code())
    }

    #[test]
    fn newer_formats_are_refused_with_advice() {
        assert_eq!(code("seedbed store\nformat 1\nreadable-from 1\n", false), None);
        assert_eq!(code("seedbed store\nformat 2\nreadable-from 1\n", true), None);
        assert_eq!(code("seedbed store\nformat 2\nreadable-from 1\n", false), Some(Code::NewerFormat));
        assert_eq!(code("seedbed store\nformat 2\nreadable-from 2\n", true), Some(Code::NewerFormat));
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
