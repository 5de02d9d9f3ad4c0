//! Spaces of blocks: large sets of rows, packed and in order.
//!
//! Invariants: a space's number is drawn from a durable counter and never used again; blocks are written
//! in plain batches and mean nothing until a committed record names their space. A crash in between
//! leaves an orphan that [`Db::sweep`] removes. The key of a block is space, section and number, all
//! big-endian, so that blocks come in order.

use std::marker::PhantomData;

use super::db::{Db, Scan, Table, place};
use super::kv::Write;
use super::record::{Record, encode};
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
struct Counter(u64);

impl Record for Counter {
    const KIND: [u8; 4] = *b"ctr ";
    const VERSION: u16 = 1;
}

impl Db {
    /// A new, empty space; its number is durably taken before this returns.
    pub fn new_space(&self) -> Result<Space> {
        let writer = self.writer()?;
        let number = self.get::<Counter>(COUNTERS, NEXT_SPACE)?.map_or(1, |counter| counter.0);
        let next = Write {
            table: COUNTERS.0.to_string(),
            key: NEXT_SPACE.to_vec(),
            value: Some(encode(&Counter(number + 1))?),
        };
        self.durably(&writer, |kv| kv.apply(&[next]))?;
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
        if self.kv().scan(BLOCKS.0, &section_prefix(space, section)).next().is_some() {
            return Err(Error::new(
                Code::Conflict,
                format!("section {section} of space {} is written already", space.0),
            ));
        }
        let kind = PhantomData;
        Ok(BlockWriter { db: self.clone(), space, section, number: 0, buffer: Vec::new(), bytes: 0, kind })
    }

    /// The blocks of a section, in order, read as they are asked for.
    pub fn blocks<T: Record>(&self, space: Space, section: u8) -> Blocks<T> {
        Blocks(self.scan(BLOCKS, &section_prefix(space, section)))
    }

    /// One block of a section.
    pub fn block<T: Record>(&self, space: Space, section: u8, number: u32) -> Result<Option<T>> {
        self.get(BLOCKS, &block_key(space, section, number))
    }
}

/// Writes a section block by block, in bounded memory.
pub struct BlockWriter<T> {
    db: Db,
    space: Space,
    section: u8,
    number: u32,
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

    /// Writes what is buffered; gives the number of blocks.
    pub fn finish(mut self) -> Result<u32> {
        self.write()?;
        Ok(self.number)
    }

    fn write(&mut self) -> Result<()> {
        self.bytes = 0;
        self.db.load(std::mem::take(&mut self.buffer))
    }
}

/// The blocks of a section; see [`Db::blocks`].
pub struct Blocks<T>(Scan<T>);

impl<T: Record> Iterator for Blocks<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        self.0.next().map(|item| item.map(|(_, block)| block))
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

fn section_prefix(space: Space, section: u8) -> Vec<u8> {
    [&space.0.to_be_bytes()[..], &[section]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::Note;

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
        assert_eq!(db.block::<Note>(first, 0, 77).unwrap(), Some(note(77)));
        assert_eq!(db.block::<Note>(first, 0, 300).unwrap(), None);
        assert_eq!(db.write_blocks(first, 0, [note(1)]).unwrap_err().code(), Code::Conflict);
    }
}
