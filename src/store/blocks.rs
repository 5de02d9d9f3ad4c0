//! Spaces of blocks: large sets of rows, packed and in order.
//!
//! Invariants: a space's number is drawn from a durable counter and never used again; blocks are written
//! in plain batches and mean nothing until a committed record names their space. A crash in between
//! leaves an orphan that [`Db::sweep`] removes. The key of a block is space, section and number, all
//! big-endian, so that blocks come in order. A section is written once and then kept as it is; reading it
//! ends with an error unless all its blocks were there (see `section.rs`).

use std::marker::PhantomData;

use super::db::{Db, Scan, Table, place};
use super::kv::Write;
use super::pins::Pin;
use super::record::{Record, damaged, encode};
use super::section::{Chain, SECTIONS, Section, SectionPlace, section_key};
use super::value;
use crate::error::{Code, Error, Result};

pub(crate) const BLOCKS: Table = Table("store:blocks");
pub(crate) const COUNTERS: Table = Table("store:counters");
const NEXT_SPACE: &[u8] = b"space";

/// The sum of row sizes [`pack`] puts into a block: with its envelope it stays within 4 KiB.
pub const BLOCK_BYTES: usize = 3584;

/// How many bytes of blocks are buffered before they are written.
const BUFFERED: usize = 1 << 20;

/// A set of sections of blocks.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
pub struct Space(pub u64);

#[derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub(crate) struct Counter(u64);

impl Record for Counter {
    const KIND: [u8; 4] = *b"ctr ";
    const VERSION: u16 = 1;
}

impl Db {
    /// A new, empty space; its number is durably taken before this returns.
    pub fn new_space(&self) -> Result<Space> {
        let mut writer = self.writer()?;
        let number = self.get::<Counter>(COUNTERS, NEXT_SPACE)?.map_or(1, |counter| counter.0);
        let next = Write {
            table: COUNTERS.0.to_string(),
            key: NEXT_SPACE.to_vec(),
            value: Some(encode(&Counter(number + 1))?),
        };
        self.apply(&mut writer, vec![next])?;
        Ok(Space(number))
    }

    /// Writes a section as a whole; gives the number of blocks. Not durable before the next commit, and
    /// nothing refers to it before a committed record names the space.
    pub fn write_blocks<T: Record>(
        &self,
        space: Space,
        section: u8,
        blocks: impl IntoIterator<Item = T>,
    ) -> Result<u32> {
        let mut writer = self.block_writer(space, section)?;
        for block in blocks {
            writer.push(&block)?;
        }
        writer.finish()
    }

    /// Like [`Db::write_blocks`], for sources that are not iterators or that may fail.
    pub fn block_writer<T: Record>(&self, space: Space, section: u8) -> Result<BlockWriter<T>> {
        let key = section_key(space, section);
        if self.contains(SECTIONS, &key)? || self.kv().scan(BLOCKS.0, &key).next().is_some() {
            return Err(Error::new(
                Code::Conflict,
                format!("section {section} of space {} is written already", space.0),
            ));
        }
        Ok(BlockWriter {
            db: self.clone(),
            space,
            section,
            number: 0,
            chain: Chain::default(),
            buffer: Vec::new(),
            bytes: 0,
            kind: PhantomData,
        })
    }

    /// The blocks of a section, in order, read as they are asked for. Comes to an end without
    /// [`Code::Corrupt`] only if the section was finished and all its blocks were there. A sweep leaves a
    /// space that is being read alone.
    pub fn blocks<T: Record>(&self, space: Space, section: u8) -> Blocks<T> {
        let pin = self.0.pins.pin(space.0);
        let key = section_key(space, section);
        let place = SectionPlace(space.0, section);
        let record = self
            .get::<Section>(SECTIONS, &key)
            .and_then(|record| record.ok_or_else(|| damaged(&place, "it was never finished, or is lost")));
        let (blocks, failed) = match record {
            Ok(record) => (record.blocks, None),
            Err(error) => (0, Some(error)),
        };
        Blocks { scan: self.scan(BLOCKS, &key), place, blocks, number: 0, failed, over: false, _pin: pin }
    }
}

/// Writes a section block by block, in bounded memory.
pub struct BlockWriter<T> {
    db: Db,
    space: Space,
    section: u8,
    number: u32,
    chain: Chain,
    buffer: Vec<Write>,
    bytes: usize,
    kind: PhantomData<fn(&T)>,
}

impl<T: Record> BlockWriter<T> {
    /// Adds the next block and gives its number.
    pub fn push(&mut self, block: &T) -> Result<u32> {
        let number = self.number;
        let bytes = encode(block)?;
        self.bytes += bytes.len();
        self.chain.add(&bytes);
        let key = block_key(self.space, self.section, number);
        value::lower(&mut self.buffer, BLOCKS.0, &key, Some(bytes), None);
        self.number = number.checked_add(1).ok_or_else(|| {
            Error::new(Code::Limit, format!("{} has 4,294,967,296 blocks", place(BLOCKS.0, &key)))
        })?;
        if self.bytes >= BUFFERED {
            self.write()?;
        }
        Ok(number)
    }

    /// Writes what is buffered and the record of the section; gives the number of blocks. A section that
    /// was not finished cannot be read.
    pub fn finish(mut self) -> Result<u32> {
        let record = Section { blocks: self.number, digest: self.chain.digest() };
        self.buffer.push(Write {
            table: SECTIONS.0.to_string(),
            key: section_key(self.space, self.section),
            value: Some(encode(&record)?),
        });
        self.write()?;
        Ok(self.number)
    }

    fn write(&mut self) -> Result<()> {
        self.bytes = 0;
        self.db.load(std::mem::take(&mut self.buffer))
    }
}

/// The blocks of a section; see [`Db::blocks`].
pub struct Blocks<T> {
    scan: Scan<T>,
    place: SectionPlace,
    /// How many were written.
    blocks: u32,
    /// The number of the next one.
    number: u32,
    failed: Option<Error>,
    over: bool,
    _pin: Pin,
}

impl<T: Record> Iterator for Blocks<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        if self.over {
            return None;
        }
        if let Some(error) = self.failed.take() {
            self.over = true;
            return Some(Err(error));
        }
        let number = self.number;
        self.number = number.saturating_add(1);
        match self.scan.next() {
            Some(Ok((key, block)))
                if number < self.blocks
                    && read_block_key(&key).is_some_and(|(_, _, found)| found == number) =>
            {
                return Some(Ok(block));
            }
            Some(Ok(_)) if number < self.blocks => {}
            Some(Ok(_)) => {
                self.over = true;
                let why = format!("it has more than the {} blocks that were written", self.blocks);
                return Some(Err(damaged(&self.place, &why)));
            }
            Some(Err(error)) => return Some(Err(error)),
            None if number >= self.blocks => {
                self.over = true;
                return None;
            }
            None => {}
        }
        self.over = true;
        Some(Err(damaged(&self.place, &format!("block {number} of {} is missing", self.blocks))))
    }
}

/// Groups rows, in order, so that the sizes of a group sum to at most [`BLOCK_BYTES`]. `size` estimates
/// the archived bytes of a row (fields, and out-of-line strings with 4 bytes for alignment). A row larger
/// than that is a group by itself; the store cuts its block into pieces.
pub fn pack<R>(
    rows: impl IntoIterator<Item = R>,
    size: impl Fn(&R) -> usize,
) -> impl Iterator<Item = Vec<R>> {
    let mut rows = rows.into_iter();
    let mut carried: Option<R> = None;
    std::iter::from_fn(move || {
        let mut group = Vec::new();
        let mut bytes = 0;
        while let Some(row) = carried.take().or_else(|| rows.next()) {
            let more = size(&row);
            if !group.is_empty() && bytes + more > BLOCK_BYTES {
                carried = Some(row);
                break;
            }
            bytes += more;
            group.push(row);
        }
        (!group.is_empty()).then_some(group)
    })
}

pub(crate) fn block_key(space: Space, section: u8, number: u32) -> Vec<u8> {
    [&space.0.to_be_bytes()[..], &[section], &number.to_be_bytes()].concat()
}

/// Space, section and number of a block's key.
pub(crate) fn read_block_key(key: &[u8]) -> Option<(u64, u8, u32)> {
    let (space, rest) = key.split_first_chunk::<8>()?;
    let (section, number) = rest.split_first()?;
    let number: &[u8; 4] = number.try_into().ok()?;
    Some((u64::from_be_bytes(*space), *section, u32::from_be_bytes(*number)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Live;
    use crate::store::testing::Note;
    use crate::task::Task;

    #[test]
    fn rows_are_packed_in_order_and_within_bounds() {
        let sizes: Vec<usize> = (0..2000).map(|i| i * 37 % 200).chain([10_000, 5, 3584, 1]).collect();
        let groups: Vec<Vec<usize>> = pack(sizes.clone(), |&size| size).collect();
        assert!(groups.iter().all(|group| group.len() == 1 || group.iter().sum::<usize>() <= BLOCK_BYTES));
        assert_eq!(groups.concat(), sizes);
        assert_eq!(pack(Vec::<u8>::new(), |_| 1).count(), 0);
    }

    #[test]
    fn sections_keep_their_blocks_apart_and_in_order() {
        let db = Db::in_memory();
        let (first, second) = (db.new_space().unwrap(), db.new_space().unwrap());
        assert_ne!(first, second);
        let note = |i: usize| Note { text: format!("{i}"), weights: vec![0.5; i * 40] };
        assert_eq!(db.write_blocks(first, 0, (0..300).map(note)).unwrap(), 300);
        assert_eq!(db.write_blocks(first, 1, (0..2).map(note)).unwrap(), 2);
        assert_eq!(db.write_blocks(second, 0, [note(9)]).unwrap(), 1);
        let back: Vec<Note> = db.blocks(first, 0).collect::<Result<_>>().unwrap();
        assert_eq!(back, (0..300).map(note).collect::<Vec<_>>());
        assert_eq!(db.write_blocks(first, 0, [note(1)]).unwrap_err().code(), Code::Conflict);
        assert_eq!(db.write_blocks(first, 2, Vec::<Note>::new()).unwrap(), 0);
        assert_eq!(db.blocks::<Note>(first, 2).count(), 0);
        assert_eq!(db.write_blocks(first, 2, [note(1)]).unwrap_err().code(), Code::Conflict);
    }

    /// What reading a section of five gives after some keys were removed: how many blocks, and the error.
    fn after_losing(keys: &[(Table, Vec<u8>)], full: bool) -> (usize, Option<String>, Vec<String>) {
        let db = Db::in_memory();
        let space = db.new_space().unwrap();
        let note = |i: usize| Note { text: format!("{i}"), weights: vec![] };
        db.write_blocks(space, 7, (0..5).map(note)).unwrap();
        let gone = |(table, key): &(Table, Vec<u8>)| Write {
            table: table.0.to_string(),
            key: key.clone(),
            value: None,
        };
        db.kv().apply(&keys.iter().map(gone).collect::<Vec<_>>()).unwrap();
        let (good, bad): (Vec<_>, Vec<_>) = db.blocks::<Note>(space, 7).partition(|block| block.is_ok());
        assert!(bad.len() < 2);
        let error = bad.into_iter().next().and_then(Result::err).map(|error| {
            assert_eq!(error.code(), Code::Corrupt);
            error.message().to_string()
        });
        let live = Live { spaces: [space.0].into(), ..Live::default() };
        let report = db.check(full, &live, &Task::quiet()).unwrap();
        let problems = report.problems.iter().map(|problem| problem.error.message().to_string());
        (good.len(), error, problems.collect())
    }

    #[test]
    fn lost_blocks_are_seen_by_reading_and_by_both_checks() {
        let block = |number| (BLOCKS, block_key(Space(1), 7, number));
        let record = (SECTIONS, section_key(Space(1), 7));
        let is = "section 7 of space 1 is damaged:";
        for full in [false, true] {
            assert_eq!(after_losing(&[], full), (5, None, vec![]));
            let (read, error, problems) = after_losing(&[block(2)], full);
            assert_eq!((read, error), (2, Some(format!("{is} block 2 of 5 is missing"))));
            assert_eq!(problems, [format!("{is} block 2 is missing")]);
            let (read, error, problems) = after_losing(&[block(4)], full);
            assert_eq!((read, error), (4, Some(format!("{is} block 4 of 5 is missing"))));
            assert_eq!(problems, [format!("{is} it has 4 blocks, 5 were written")]);
            let (read, error, problems) = after_losing(&[0, 1, 2, 3, 4].map(block), full);
            assert_eq!((read, error), (0, Some(format!("{is} block 0 of 5 is missing"))));
            assert_eq!(problems, [format!("{is} it has 0 blocks, 5 were written")]);
            let (read, error, problems) = after_losing(std::slice::from_ref(&record), full);
            assert_eq!((read, error), (0, Some(format!("{is} it was never finished, or is lost"))));
            assert_eq!(problems, [format!("{is} it has blocks but was never finished")]);
            let all = [block(0), block(1), block(2), block(3), block(4), record.clone()];
            let (_, error, problems) = after_losing(&all, full);
            assert!(error.is_some());
            assert_eq!(problems, ["space 1 is damaged: nothing of it is there"]);
        }
    }

    #[test]
    fn a_block_in_the_place_of_another_is_seen_by_a_full_check() {
        let db = Db::in_memory();
        let space = db.new_space().unwrap();
        db.write_blocks(space, 7, (0..5).map(|i| Note { text: format!("{i}"), weights: vec![] })).unwrap();
        let value = db.kv().get(BLOCKS.0, &block_key(space, 7, 1)).unwrap();
        let (table, key) = (BLOCKS.0.to_string(), block_key(space, 7, 3));
        db.kv().apply(&[Write { table, key, value }]).unwrap();
        let live = Live { spaces: [space.0].into(), ..Live::default() };
        assert!(db.check(false, &live, &Task::quiet()).unwrap().is_clean());
        let problems = db.check(true, &live, &Task::quiet()).unwrap().problems;
        assert_eq!(problems.len(), 1);
        assert!(problems[0].error.message().ends_with("its blocks are not those that were written"));
    }
}
