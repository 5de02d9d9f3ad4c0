//! `CHECK`: whether the store's bytes are what was written, and whether what it refers to is there.
//!
//! A problem found is reported and the check goes on; only cancelling, or a store that cannot be read at
//! all, ends it early.

use std::collections::BTreeMap;

use super::blocks::{BLOCKS, read_block_key};
use super::db::{Db, place};
use super::record::{damaged, open_envelope};
use super::seal::SEAL;
use super::section::{SECTIONS, Tally};
use super::sweep::Live;
use super::value;
use crate::error::{Code, Error, Result};
use crate::task::Task;

/// One thing that is wrong.
#[derive(Debug)]
pub struct Problem {
    /// Where: a record, a block, an object or a file.
    pub place: String,
    /// What.
    pub error: Error,
}

/// What a check saw.
#[derive(Debug, Default)]
pub struct CheckReport {
    /// Whether every record and every object was read and compared with its checksum.
    pub full: bool,
    /// Records in tables, not counting blocks, what is kept about sections of them, and the seal.
    pub records: u64,
    /// Records by table.
    pub tables: BTreeMap<String, u64>,
    /// Blocks.
    pub blocks: u64,
    /// Spaces that have sections of blocks, finished or not.
    pub spaces: u64,
    /// Objects.
    pub objects: u64,
    /// Length of the objects in bytes.
    pub object_bytes: u64,
    /// Objects nobody refers to: no harm, a sweep removes them.
    pub orphan_objects: u64,
    /// Spaces nobody refers to: no harm, a sweep removes them.
    pub orphan_spaces: u64,
    /// Unfinished files of interrupted writes: no harm, a sweep removes them.
    pub temporaries: u64,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

impl CheckReport {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    pub(super) fn note(&mut self, place: impl ToString, error: Error) {
        self.problems.push(Problem { place: place.to_string(), error });
    }
}

impl Db {
    /// Checks the store. Always: that every table can be walked, that every live space has all blocks of
    /// its sections, that every live object is there and begins as an object does. With `full`: the
    /// envelope and checksum of every record and block, that the blocks of a section are those that were
    /// written, that no piece of a long value is missing or left over, and the digest of every object.
    pub fn check(&self, full: bool, live: &Live, task: &Task) -> Result<CheckReport> {
        let _writer = self.still();
        let mut report = CheckReport { full, ..CheckReport::default() };
        let mut tally = Tally::default();
        for table in self.kv().tables()? {
            match value::overflowed(&table) {
                Some(of) => self.check_pieces(&table, of, live, &mut report, task)?,
                // With the blocks, below.
                None if table == SECTIONS.0 => {}
                // Compared with all rows on opening.
                None if table == SEAL.0 => {}
                None => self.check_table(&table, &mut tally, &mut report, task)?,
            }
        }
        tally.compare(self, live, &mut report);
        self.check_objects(live, &mut report, task)?;
        Ok(report)
    }

    fn check_table(
        &self,
        table: &str,
        tally: &mut Tally,
        report: &mut CheckReport,
        task: &Task,
    ) -> Result<()> {
        task.phase(format!("checking table {table}"), None);
        let kv = self.kv();
        let mut count = 0;
        for pair in kv.scan(table, &[]) {
            let (key, raw) = match pair {
                Ok(pair) => pair,
                Err(error) => {
                    report.note(format!("table {table}"), error);
                    break;
                }
            };
            count += 1;
            if count % 256 == 0 {
                task.check()?;
                task.advance(count);
            }
            let place = place(table, &key);
            let bytes = match report.full {
                true => value::whole(&*kv, table, &key, raw)
                    .and_then(|bytes| open_envelope(&bytes, &place).map(|_| bytes))
                    .map_err(|error| report.note(&place, error))
                    .ok(),
                false => None,
            };
            if table == BLOCKS.0 {
                match read_block_key(&key) {
                    Some(block) => tally.add(block, bytes.as_deref()),
                    None => report.note(&place, damaged(&place, "no block has such a key")),
                }
            }
        }
        match table == BLOCKS.0 {
            true => report.blocks += count,
            false => {
                report.records += count;
                report.tables.insert(table.to_string(), count);
            }
        }
        Ok(())
    }

    /// Looks for pieces that belong to no value.
    fn check_pieces(
        &self,
        table: &str,
        of: &str,
        live: &Live,
        report: &mut CheckReport,
        task: &Task,
    ) -> Result<()> {
        if !report.full {
            return Ok(());
        }
        let kv = self.kv();
        for (number, pair) in kv.scan(table, &[]).enumerate() {
            if number % 256 == 0 {
                task.check()?;
            }
            let owned = pair.and_then(|(key, _)| Ok((value::accounts_for(&*kv, of, &key)?, key)));
            match owned {
                Ok((true, _)) => {}
                // A sweep that was interrupted may have removed a block before its pieces.
                Ok((false, key)) if of == BLOCKS.0 && !of_live_space(&key, live) => {}
                Ok((false, key)) => {
                    let place = place(table, &key);
                    report.note(&place, damaged(&place, "it is a piece of no value"));
                }
                Err(error) => {
                    report.note(format!("table {table}"), error);
                    break;
                }
            }
        }
        Ok(())
    }

    fn check_objects(&self, live: &Live, report: &mut CheckReport, task: &Task) -> Result<()> {
        let listing = self.0.objects.list()?;
        task.phase("checking objects", Some(listing.objects.len() as u64));
        report.temporaries = listing.temporaries.len() as u64;
        for path in listing.strangers {
            let error = Error::new(Code::Corrupt, "it is no object")
                .help("move it away: nothing but objects belongs there")
                .path(&path);
            report.note(path.display(), error);
        }
        let mut missing = live.objects.clone();
        for (done, (digest, length)) in listing.objects.into_iter().enumerate() {
            task.check()?;
            report.objects += 1;
            report.object_bytes += length;
            report.orphan_objects += u64::from(!missing.remove(&digest));
            if let Err(error) = self.0.objects.check(&digest, report.full) {
                report.note(format!("object {digest}"), error);
            }
            task.advance(done as u64 + 1);
        }
        let mut missing: Vec<_> = missing.into_iter().collect();
        missing.sort_unstable();
        for digest in missing {
            if let Err(error) = self.0.objects.map(&digest) {
                report.note(format!("object {digest}"), error);
            }
        }
        Ok(())
    }
}

fn of_live_space(key: &[u8], live: &Live) -> bool {
    key.first_chunk::<8>().is_some_and(|space| live.spaces.contains(&u64::from_be_bytes(*space)))
}
