//! What was written of a section: how many blocks, and the digest of their bytes in order.
//!
//! Invariants: this record is written after the last block of its section and removed with them, so a
//! section without one was never finished or is lost; a space that is live has at least one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::blocks::Space;
use super::check::CheckReport;
use super::db::{Db, Table};
use super::digest::Digest;
use super::record::{Record, damaged, decode_at};
use super::sweep::Live;
use crate::error::Result;

pub(crate) const SECTIONS: Table = Table("store:sections");

/// The record of a finished section.
#[derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize, Clone, Copy, Debug, PartialEq)]
pub(crate) struct Section {
    pub blocks: u32,
    pub digest: Digest,
}

impl Record for Section {
    const KIND: [u8; 4] = *b"sect";
    const VERSION: u16 = 1;
}

/// The key of a section's record, and the beginning of its blocks' keys.
pub(crate) fn section_key(space: Space, section: u8) -> Vec<u8> {
    [&space.0.to_be_bytes()[..], &[section]].concat()
}

fn read_section_key(key: &[u8]) -> Option<(u64, u8)> {
    let (space, section) = key.split_first_chunk::<8>()?;
    let &[section] = section else { return None };
    Some((u64::from_be_bytes(*space), section))
}

/// What an error calls a section.
pub(crate) struct SectionPlace(pub u64, pub u8);

impl fmt::Display for SectionPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "section {} of space {}", self.1, self.0)
    }
}

/// The digest of encoded blocks, one after the other.
#[derive(Default)]
pub(crate) struct Chain(blake3::Hasher);

impl Chain {
    pub(crate) fn add(&mut self, block: &[u8]) {
        self.0.update(&(block.len() as u64).to_le_bytes()).update(block);
    }

    pub(crate) fn digest(&self) -> Digest {
        Digest(*self.0.finalize().as_bytes())
    }
}

/// What a walk over the blocks saw of the sections.
#[derive(Default)]
pub(crate) struct Tally(BTreeMap<(u64, u8), Seen>);

#[derive(Default)]
struct Seen {
    blocks: u64,
    /// The first block that is not there though a later one is.
    gap: Option<u64>,
    /// A block's bytes could not be read; that is reported with the block.
    unread: bool,
    chain: Chain,
}

impl Tally {
    /// Counts a block; `bytes` is `None` when they are wrong or were not read.
    pub(crate) fn add(&mut self, (space, section, number): (u64, u8, u32), bytes: Option<&[u8]>) {
        let seen = self.0.entry((space, section)).or_default();
        if u64::from(number) != seen.blocks && seen.gap.is_none() {
            seen.gap = Some(seen.blocks);
        }
        seen.blocks += 1;
        match bytes {
            Some(bytes) => seen.chain.add(bytes),
            None => seen.unread = true,
        }
    }

    /// Compares what was seen with the records of the sections, for the spaces that are live.
    pub(crate) fn compare(self, db: &Db, live: &Live, report: &mut CheckReport) {
        let mut recorded = BTreeSet::new();
        for pair in db.kv().scan(SECTIONS.0, &[]) {
            let (key, raw) = match pair {
                Ok(pair) => pair,
                Err(error) => {
                    report.note(format!("table {}", SECTIONS.0), error);
                    break;
                }
            };
            let Some((space, section)) = read_section_key(&key) else {
                let place = super::db::place(SECTIONS.0, &key);
                report.note(&place, damaged(&place, "no section has such a key"));
                continue;
            };
            recorded.insert((space, section));
            if live.spaces.contains(&space) {
                let place = SectionPlace(space, section);
                let seen = self.0.get(&(space, section));
                if let Err(error) = decode_at(&raw, &place).and_then(|record| judge(&place, &record, seen)) {
                    report.note(place, error);
                }
            }
        }
        for &(space, section) in self.0.keys() {
            if live.spaces.contains(&space) && recorded.insert((space, section)) {
                let place = SectionPlace(space, section);
                report.note(&place, damaged(&place, "it has blocks but was never finished"));
            }
        }
        let spaces: BTreeSet<u64> = recorded.into_iter().chain(self.0.into_keys()).map(|key| key.0).collect();
        report.spaces = spaces.len() as u64;
        report.orphan_spaces = spaces.iter().filter(|space| !live.spaces.contains(space)).count() as u64;
        let lost: BTreeSet<u64> =
            live.spaces.iter().copied().filter(|space| !spaces.contains(space)).collect();
        for space in lost {
            let place = format!("space {space}");
            report.note(&place, damaged(&place, "nothing of it is there"));
        }
    }
}

fn judge(place: &SectionPlace, record: &Section, seen: Option<&Seen>) -> Result<()> {
    let none = Seen::default();
    let seen = seen.unwrap_or(&none);
    if let Some(gap) = seen.gap {
        return Err(damaged(place, &format!("block {gap} is missing")));
    }
    if seen.blocks != u64::from(record.blocks) {
        let why = format!("it has {} blocks, {} were written", seen.blocks, record.blocks);
        return Err(damaged(place, &why));
    }
    if !seen.unread && seen.chain.digest() != record.digest {
        return Err(damaged(place, "its blocks are not those that were written"));
    }
    Ok(())
}
