//! The store: records and objects in one directory, committed atomically, checked on reading.
//!
//! Purpose: to keep what the layers above hand it, whole or not at all, through kill and power cut, and
//! to notice when the bytes are no longer those. A [`Db`] holds [`Record`]s in named tables, large sets of
//! rows as blocks in [`Space`]s, and bulk values as memory-mapped [`Object`]s named by their [`Digest`].
//!
//! Invariants, each explained where it is kept:
//! - the commit order: objects durable, one transaction over all tables, flush, fsync, success (`db`);
//! - nothing is believed before its checksum or digest was compared (`record`, `object`);
//! - no value handed to sled is longer than 4 KiB (`value`);
//! - one process writes, or several read (`lock`); a newer format is left alone, and so is a directory
//!   whose format stamp is lost (`layout`); an older one is brought to ours step by step (`migrate`);
//! - a section of blocks is read to its end only if all of it is there (`section`);
//! - a catalogue whose rows are not those of the last commit that was reported is not opened (`seal`);
//! - a handle that no longer knows what is on the disk writes no more (`db` says what brings that about).
//!
//! The store knows no graph, no artifact and no query: what its records mean, and which objects and
//! spaces they keep alive, the layers above say. Only `sled_kv` names sled. Files and the key-value store
//! are reached through two traits (`crate::fs`, `kv`) whose twins in memory (`memory`) forget on a power cut what
//! was not synced, and whose wrapper for tests records calls and fails the n-th.

mod batch;
mod blocks;
mod check;
mod copy;
mod db;
mod digest;
mod kv;
mod layout;
mod lock;
mod memory;
mod migrate;
mod object;
mod pins;
mod record;
mod seal;
mod section;
mod sink;
mod sled_kv;
mod slices;
mod sweep;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod value;
mod view;
mod weigh;

#[cfg(any(test, fuzzing))]
pub(crate) use {
    blocks::Counter,
    kv::Write,
    layout::{CURRENT_FILE, FORMAT_FILE, LOCK_FILE, OURS, current, inspect},
    lock::Lock,
    record::envelop,
    seal::Seal,
    section::Section,
};

#[cfg(test)]
pub(crate) use testing::archives;

pub use batch::Batch;
pub use blocks::{BLOCK_BYTES, BlockWriter, Blocks, Space, pack};
pub use check::{CheckReport, Problem};
pub use copy::{BackupReport, CompactReport, SizeReport};
pub use db::{Db, OpenOptions, Scan, Table};
pub use digest::Digest;
#[cfg(test)]
pub(crate) use memory::{MemoryEngine, MemoryFs, replay::Kept};
pub use object::Object;
pub use record::{Record, decode, encode};
#[doc(hidden)]
pub use sink::Sink;
pub use slices::{floats, ints, longs};
pub use sweep::{Live, Swept};
pub use weigh::{Weight, Weights};
