//! Whole copies of a catalogue: backup makes one elsewhere, compaction one that takes its place.
//!
//! Invariants: writers wait, so a copy is of one moment; a backup says first that it is unfinished and gets
//! its format stamp last, so one that was interrupted does not open as a store, nor is one made in its
//! place; compaction takes effect by one rename of the file CURRENT, before which
//! the old catalogue is the store's and after which the new one is, and whatever is left over of the
//! other is removed on the next opening.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use super::db::{Db, settle};
use super::kv::{KeyValue, Write};
use super::layout::{self, Making};
use super::record::damaged;
use super::seal::Seal;
use super::sweep::{Live, Swept};
use crate::error::{Code, Error, Result};
use crate::fs::{EntryKind, FileSystem, parent};
use crate::task::Task;

/// What a backup holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BackupReport {
    /// Records and blocks copied.
    pub records: u64,
    /// Objects.
    pub objects: u64,
    /// Length of the objects in bytes.
    pub bytes: u64,
}

/// What a compaction did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CompactReport {
    /// What the sweep before it removed.
    pub swept: Swept,
    /// Bytes of catalogue and objects before.
    pub before: u64,
    /// Bytes of catalogue and objects after.
    pub after: u64,
}

/// Where the bytes of a store are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SizeReport {
    /// The catalogue's files.
    pub catalogue_bytes: u64,
    /// Number of objects.
    pub objects: u64,
    /// The objects' files.
    pub object_bytes: u64,
}

impl SizeReport {
    /// All of it.
    pub fn total(&self) -> u64 {
        self.catalogue_bytes + self.object_bytes
    }
}

/// Rows written in one go.
const AT_ONCE: usize = 1 << 20;

impl Db {
    /// How large the store is.
    pub fn size(&self) -> Result<SizeReport> {
        // Held, so that a compaction does not take the files away meanwhile.
        let kv = self.kv();
        let catalogue_bytes = bytes_below(&*self.0.fs, &kv.directory())?;
        let mut size = SizeReport { catalogue_bytes, ..Default::default() };
        for (_, length) in self.0.objects.list()?.objects {
            size.objects += 1;
            size.object_bytes += length;
        }
        Ok(size)
    }

    /// Copies the store into `to`, a directory that is empty or does not exist yet, as of one moment. The
    /// objects' digests are compared on the way; once this returns the copy survives a power cut.
    pub fn backup(&self, to: &Path, task: &Task) -> Result<BackupReport> {
        let writer = self.still();
        let (target, new) = self.backup_target(to)?;
        self.copy_to(&target, *writer, task).inspect_err(|_| {
            let fs = &*self.0.fs;
            let cleared = layout::clear(fs, &target);
            if new && cleared.is_ok() {
                let _ = fs.remove_dir_all(&target);
            }
        })
    }

    fn copy_to(&self, target: &Path, seal: Seal, task: &Task) -> Result<BackupReport> {
        let (fs, from) = (&*self.0.fs, &self.0.objects);
        let failed = |error| Error::io("writing the backup", error).path(target);
        layout::begin(fs, target, Making::Backup).map_err(failed)?;
        fs.sync_dir(target.parent().unwrap_or(target)).map_err(failed)?;
        fs.create_dir(&target.join(layout::OBJECTS)).map_err(failed)?;
        let catalogue = target.join(layout::FIRST_CATALOGUE);
        fs.create_dir(&catalogue).map_err(failed)?;
        let copy = self.0.engine.open(&catalogue)?;
        task.phase("copying the catalogue", None);
        let mut report =
            BackupReport { records: copy_rows(&*self.kv(), &*copy, task)?, ..Default::default() };
        settle(fs, &*copy)?;
        drop(copy);

        let listing = from.list()?;
        task.phase("copying objects", Some(listing.objects.len() as u64));
        for (digest, length) in listing.objects {
            let name = digest.to_string();
            let directory = target.join(layout::OBJECTS).join(&name[..2]);
            fs.create_dir(&directory).map_err(failed)?;
            let bytes = from.map(&digest)?;
            let mut file = fs.create(&directory.join(&name)).map_err(failed)?;
            let mut hasher = blake3::Hasher::new();
            for piece in bytes.chunks(16 << 20) {
                task.check()?;
                hasher.update_rayon(piece);
                file.write_all(piece).map_err(failed)?;
                bytes.release();
            }
            if hasher.finalize().as_bytes() != &digest.0 {
                let place = format!("object {digest}");
                return Err(damaged(&place, "its bytes do not have the digest it is named by")
                    .path(&from.path(&digest)));
            }
            file.sync().map_err(failed)?;
            drop(file);
            fs.sync_dir(&directory).map_err(failed)?;
            report.objects += 1;
            report.bytes += length;
            task.advance(report.objects);
        }
        fs.sync_dir(&target.join(layout::OBJECTS)).map_err(failed)?;
        layout::set_current(fs, target, layout::FIRST_CATALOGUE)?;
        seal.settle(fs, target)?;
        // Records are copied as they are, so they are of the format of what they were copied from.
        layout::stamp(fs, target, layout::stamped(fs, &self.0.dir)?)?;
        layout::finished(fs, target).map_err(failed)?;
        Ok(report)
    }

    /// The directory to copy into, with no symbolic link left in its path, and whether it was made.
    fn backup_target(&self, to: &Path) -> Result<(PathBuf, bool)> {
        let fs = &*self.0.fs;
        let failed = |error| Error::io("writing the backup", error).path(to);
        let name = to.file_name().ok_or_else(|| {
            Error::new(Code::BadValue, "expected the name of a new directory for the backup").path(to)
        })?;
        let parent = fs.canonical(parent(to)).map_err(failed)?;
        let target = parent.join(name);
        if parent.starts_with(fs.canonical(&self.0.dir).map_err(failed)?) {
            return Err(Error::new(Code::Conflict, "a backup cannot lie inside the store")
                .help("name a directory elsewhere, best on another disk")
                .path(to));
        }
        let entry = fs.read_dir(&parent).map_err(failed)?;
        match entry.into_iter().find(|entry| name == std::ffi::OsStr::new(&entry.name)) {
            None => {
                fs.create_dir(&target).map_err(failed)?;
                Ok((target, true))
            }
            Some(entry) if entry.kind == EntryKind::Directory => {
                if !fs.read_dir(&target).map_err(failed)?.is_empty() {
                    return Err(Error::new(Code::Conflict, "the directory for the backup is not empty")
                        .help("name a new directory; a backup never overwrites")
                        .path(to));
                }
                Ok((target, false))
            }
            Some(_) => Err(Error::new(
                Code::Conflict,
                "expected a new directory for the backup, found a file or a link",
            )
            .help("name a new directory; a backup never overwrites")
            .path(to)),
        }
    }

    /// Sweeps, then rewrites the catalogue without what sled keeps of the past, and lets the new one take
    /// the old one's place. Like [`Db::sweep`], call it when no operation is under way.
    pub fn compact(&self, live: &Live, task: &Task) -> Result<CompactReport> {
        let before = self.size()?.total();
        let swept = self.sweep(live)?;
        let _writer = self.writer()?;
        let (fs, dir) = (&*self.0.fs, &self.0.dir);
        let old_name = layout::current(fs, dir)?;
        let number = layout::generation(&old_name).unwrap_or(0) + 1;
        let name = format!("db.{number}");
        let catalogue = dir.join(&name);
        task.phase("rewriting the catalogue", None);
        let new = self.rewrite(&catalogue, task).inspect_err(|_| {
            // What cannot be removed now is removed on the next opening.
            let _ = fs.remove_dir_all(&catalogue);
        })?;
        // From the first step of this on, only opening again tells which catalogue the store has.
        self.poisoning(layout::set_current(fs, dir, &name))?;
        let old = std::mem::replace(&mut *self.0.kv.write().unwrap_or_else(PoisonError::into_inner), new);
        self.0
            .retired
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((Arc::downgrade(&old), dir.join(old_name)));
        drop(old);
        self.remove_retired();
        Ok(CompactReport { swept, before, after: self.size()?.total() })
    }

    /// Removes old catalogues that nobody reads any more; what cannot be removed now is on the next opening.
    pub(super) fn remove_retired(&self) {
        let mut retired = self.0.retired.lock().unwrap_or_else(PoisonError::into_inner);
        retired.retain(|(old, directory)| {
            let read = old.strong_count() > 0;
            if !read {
                let _ = self.0.fs.remove_dir_all(directory);
            }
            read
        });
    }

    fn rewrite(&self, catalogue: &Path, task: &Task) -> Result<Arc<dyn KeyValue>> {
        let fs = &*self.0.fs;
        let failed = |error| Error::io("rewriting the catalogue", error).path(catalogue);
        match fs.remove_dir_all(catalogue) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        fs.create_dir(catalogue).map_err(failed)?;
        let new = self.0.engine.open(catalogue)?;
        copy_rows(&*self.kv(), &*new, task)?;
        settle(fs, &*new)?;
        Ok(new)
    }
}

/// Copies all tables in the order of their keys; gives the number of rows.
///
/// The keys come first and their values after them: sled splits a full page in two and writes both halves
/// again, so that values which come while pages still split would be written three times and leave a file
/// two and a half times as long.
fn copy_rows(from: &dyn KeyValue, to: &dyn KeyValue, task: &Task) -> Result<u64> {
    let mut rows = 0;
    let (mut buffer, mut bytes) = (Vec::new(), 0);
    for table in from.tables()? {
        for values in [false, true] {
            for pair in from.scan(&table, &[]) {
                let (key, value) = pair?;
                bytes += key.len() + value.len();
                rows += u64::from(values);
                if !values || !value.is_empty() {
                    let value = Some(if values { value } else { Vec::new() });
                    buffer.push(Write { table: table.clone(), key, value });
                }
                if bytes >= AT_ONCE {
                    to.load(std::mem::take(&mut buffer))?;
                    bytes = 0;
                    task.check()?;
                    task.advance(rows);
                }
            }
            // A batch has no order: all keys are there before a value is.
            to.load(std::mem::take(&mut buffer))?;
        }
    }
    Ok(rows)
}

fn bytes_below(fs: &dyn FileSystem, dir: &Path) -> Result<u64> {
    let entries = fs.read_dir(dir).map_err(|error| Error::io("measuring the store", error).path(dir))?;
    entries.into_iter().try_fold(0, |sum, entry| match entry.kind {
        EntryKind::Directory => Ok(sum + bytes_below(fs, &dir.join(&entry.name))?),
        _ => Ok(sum + entry.length),
    })
}
