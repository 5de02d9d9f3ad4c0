//! Garbage collection: what the catalogue does not refer to goes.
//!
//! The store does not know what its records mean; the layers above say what is live. Nothing live is
//! touched, so a crash in between only leaves garbage for the next sweep.

use std::collections::{BTreeSet, HashSet};

use super::blocks::{BLOCKS, read_block_key};
use super::db::Db;
use super::digest::Digest;
use super::kv::Write;
use super::section::SECTIONS;
use super::value;
use crate::error::{Error, Result};

/// What the records of the catalogue refer to.
#[derive(Clone, Debug, Default)]
pub struct Live {
    /// The objects.
    pub objects: HashSet<Digest>,
    /// The spaces.
    pub spaces: HashSet<u64>,
}

/// What a sweep removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Objects nobody referred to.
    pub objects: u64,
    /// Their length in bytes.
    pub object_bytes: u64,
    /// Unfinished files of interrupted writes.
    pub temporaries: u64,
    /// Spaces nobody referred to.
    pub spaces: u64,
    /// Their blocks.
    pub blocks: u64,
}

/// Rows deleted in one go.
const AT_ONCE: usize = 1024;

impl Db {
    /// Removes objects that are not live (who has one mapped may read on), spaces that are neither live nor
    /// being read, and unfinished files. `live` must name everything
    /// that is still to be committed as well: call it when no operation is under way.
    pub fn sweep(&self, live: &Live) -> Result<Swept> {
        let writer = self.writer()?;
        let mut swept = self.sweep_objects(live)?;
        let mut spaces = BTreeSet::new();
        // All of it is read before any of it goes: a failure of reading leaves the store as it was.
        let mut doomed = Vec::new();
        for table in [BLOCKS.0.to_string(), value::overflow(BLOCKS.0), SECTIONS.0.to_string()] {
            for pair in self.kv().scan(&table, &[]) {
                let (key, _) = pair?;
                let Some((space, rest)) = key.split_first_chunk::<8>() else { continue };
                let space = u64::from_be_bytes(*space);
                if live.spaces.contains(&space) || rest.is_empty() || self.0.pins.holds(space) {
                    continue;
                }
                spaces.insert(space);
                swept.blocks += u64::from(read_block_key(&key).is_some());
                doomed.push(Write { table: table.clone(), key, value: None });
            }
        }
        swept.spaces = spaces.len() as u64;
        self.durably(&writer, |kv| doomed.chunks(AT_ONCE).try_for_each(|part| kv.load(part.to_vec())))?;
        Ok(swept)
    }

    /// Removes one object at once, for a caller who knows that nothing names it any more.
    pub fn discard(&self, digest: &super::Digest) -> Result<()> {
        let _writer = self.writer()?;
        self.0.objects.remove(digest)
    }

    fn sweep_objects(&self, live: &Live) -> Result<Swept> {
        let mut swept = Swept::default();
        let listing = self.0.objects.list()?;
        for path in &listing.temporaries {
            let removed = self.0.fs.remove(path);
            removed.map_err(|error| Error::io("removing an unfinished file", error).path(path))?;
            swept.temporaries += 1;
        }
        for (digest, length) in listing.objects {
            if !live.objects.contains(&digest) {
                self.0.objects.remove(&digest)?;
                swept.objects += 1;
                swept.object_bytes += length;
            }
        }
        Ok(swept)
    }
}
