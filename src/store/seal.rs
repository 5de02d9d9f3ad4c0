//! The seal: what the catalogue must hold, so that it is seen when it holds something else.
//!
//! sled takes a log that ends too early for one whose last writes were cut off by a crash, and opens the
//! older state without a word; of a damaged log it may find some pages as they were before. Either would
//! give rows that were true once. So the catalogue counts its commits and keeps a digest of its rows, in
//! the transaction that changes them; and the file SEAL, written after a commit became durable, says
//! the same outside of sled.
//!
//! Invariants: the record is that of the rows, in every state a crash may leave, for both are one
//! transaction; the file is never ahead of the record, for it is written later. It is not synced: after a
//! power cut it may be behind, and then speaks for fewer commits. Blocks and what is kept about sections
//! are left out: they never change under their keys, and a section tells by itself whether it is whole.

use std::path::Path;

use super::blocks::BLOCKS;
use super::db::{Table, place};
use super::digest::Digest;
use super::kv::{KeyValue, Write};
use super::layout;
use super::record::{Record, decode_at, encode};
use super::section::SECTIONS;
use super::value;
use crate::error::{Code, Error, Result};
use crate::fs::FileSystem;

pub(crate) const SEAL: Table = Table("store:seal");
const KEY: &[u8] = b"seal";

/// How many commits made the catalogue, and a digest of its rows that does not depend on their order.
#[derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seal {
    commits: u64,
    rows: Digest,
}

impl Record for Seal {
    const KIND: [u8; 4] = *b"seal";
    const VERSION: u16 = 1;
}

impl Seal {
    /// The seal of a catalogue, after comparing its rows with its record. One that an older release made
    /// has no record; what its rows say is taken for it.
    pub(crate) fn of(kv: &dyn KeyValue) -> Result<Seal> {
        let mut rows = Digest([0; 32]);
        for table in kv.tables()?.into_iter().filter(|table| sealed(table)) {
            for pair in kv.scan(&table, &[]) {
                let (key, value) = pair?;
                toggle(&mut rows, &table, &key, &value);
            }
        }
        let Some(raw) = kv.get(SEAL.0, KEY)? else { return Ok(Seal { commits: 0, rows }) };
        let seal: Seal = decode_at(&raw, &place(SEAL.0, KEY))?;
        match seal.rows == rows {
            true => Ok(seal),
            false => Err(Error::new(
                Code::Corrupt,
                format!("the catalogue does not hold the rows of its last commit, number {}", seal.commits),
            )
            .help("restore a backup: some of its rows are missing or older than others")),
        }
    }

    /// The seal once `writes` are done, and the write that puts it into the catalogue with them.
    pub(crate) fn after(self, kv: &dyn KeyValue, writes: &[Write]) -> Result<(Seal, Write)> {
        let mut next = Seal { commits: self.commits + 1, ..self };
        for write in writes {
            if let Some(old) = kv.get(&write.table, &write.key)? {
                toggle(&mut next.rows, &write.table, &write.key, &old);
            }
            if let Some(new) = &write.value {
                toggle(&mut next.rows, &write.table, &write.key, new);
            }
        }
        let value = Some(encode(&next)?);
        Ok((next, Write { table: SEAL.0.to_string(), key: KEY.to_vec(), value }))
    }

    /// Compares a catalogue's seal with the file. Gives whether the file says the same: it may be missing,
    /// as a store of an older release has none, or be behind.
    pub(crate) fn compare(&self, fs: &dyn FileSystem, dir: &Path) -> Result<bool> {
        let path = dir.join(layout::SEAL_FILE);
        let bytes = match fs.read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(Error::io("opening the store", error).path(&path)),
        };
        let wrong = |message: String| Error::new(Code::Corrupt, message).path(&path);
        let Some(said) = read(&bytes) else {
            return Err(wrong("expected the number of the last commit and two digests".into())
                .help("remove the file, and open the store again: the rest of the store is not concerned"));
        };
        if said.commits > self.commits {
            return Err(wrong(format!(
                "the catalogue is that of commit {}, and commit {} was reported as done",
                self.commits, said.commits
            ))
            .help(
                "restore a backup; or remove the file SEAL to go on with what was there at the earlier commit",
            ));
        }
        if said.commits == self.commits && said.rows != self.rows {
            return Err(wrong(format!("the catalogue has other rows than those of commit {}", said.commits))
                .help("restore a backup: the catalogue is not the one that belongs to this store"));
        }
        Ok(said == *self)
    }

    /// Writes the file as a whole, durably: where it is missing or behind.
    pub(crate) fn settle(&self, fs: &dyn FileSystem, dir: &Path) -> Result<()> {
        let path = dir.join(layout::SEAL_FILE);
        crate::fs::write_whole(fs, &path, self.text().as_bytes())
            .map_err(|error| Error::io("sealing the store", error).path(&path))
    }

    /// Writes the file in place, where it is as long; not synced.
    pub(crate) fn press(&self, fs: &dyn FileSystem, dir: &Path) -> Result<()> {
        let path = dir.join(layout::SEAL_FILE);
        fs.overwrite(&path, self.text().as_bytes())
            .map_err(|error| Error::io("sealing the store", error).path(&path))
    }

    /// Always of the same length, and shorter than what a disk writes at once.
    fn text(&self) -> String {
        let said = format!("commit {:020}\nrows {}\n", self.commits, self.rows);
        format!("{said}check {}\n", Digest::of(said.as_bytes()))
    }
}

/// What a file says, if its last line is the digest of the others.
fn read(bytes: &[u8]) -> Option<Seal> {
    let mut lines = std::str::from_utf8(bytes).ok()?.lines();
    let commits = lines.next()?.strip_prefix("commit ")?.parse().ok()?;
    let rows = lines.next()?.strip_prefix("rows ")?.parse().ok()?;
    let seal = Seal { commits, rows };
    (seal.text().as_bytes() == bytes).then_some(seal)
}

/// Whether the rows of a table are counted.
fn sealed(table: &str) -> bool {
    let table = value::overflowed(table).unwrap_or(table);
    ![BLOCKS.0, SECTIONS.0, SEAL.0].contains(&table)
}

/// Adds a row to a digest, or takes it out again: what is there once is there, what is there twice is not.
fn toggle(rows: &mut Digest, table: &str, key: &[u8], value: &[u8]) {
    let mut hasher = blake3::Hasher::new();
    for part in [table.as_bytes(), key] {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    let row = hasher.update(value).finalize();
    rows.0.iter_mut().zip(row.as_bytes()).for_each(|(sum, byte)| *sum ^= byte);
}
