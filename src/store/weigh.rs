//! Where the bytes of a store are.

use std::collections::BTreeMap;

use super::blocks::{BLOCKS, COUNTERS};
use super::db::Db;
use super::digest::Digest;
use super::seal::SEAL;
use super::section::SECTIONS;
use super::value;
use crate::error::Result;
use crate::task::Task;

/// A number of things, and the bytes of their keys and values, or of their files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weight {
    /// How many.
    pub items: u64,
    /// How long they are together.
    pub bytes: u64,
}

impl Weight {
    /// One more.
    pub fn add(&mut self, bytes: u64) {
        self.items += 1;
        self.bytes += bytes;
    }
}

/// What a store holds, weighed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Weights {
    /// Records by table, those of the store's own apart.
    pub tables: BTreeMap<String, Weight>,
    /// Blocks by space, with what is kept about their sections.
    pub spaces: BTreeMap<u64, Weight>,
    /// What the store keeps for itself.
    pub own: Weight,
    /// Objects, each by itself.
    pub objects: BTreeMap<Digest, u64>,
    /// The files of the catalogue, which hold all but the objects.
    pub catalogue_files: u64,
}

impl Weights {
    /// The bytes of all records and blocks: what the files of the catalogue must hold at least.
    pub fn logical(&self) -> u64 {
        let tables = self.tables.values().map(|weight| weight.bytes).sum::<u64>();
        tables + self.spaces.values().map(|weight| weight.bytes).sum::<u64>() + self.own.bytes
    }
}

impl Db {
    /// Weighs everything: one pass over the catalogue, and a look at the name of every object.
    pub fn weigh(&self, task: &Task) -> Result<Weights> {
        let mut found = Weights { catalogue_files: self.size()?.catalogue_bytes, ..Weights::default() };
        let kv = self.kv();
        for name in kv.tables()? {
            let table = value::overflowed(&name).unwrap_or(&name);
            for (number, pair) in kv.scan(&name, &[]).enumerate() {
                if number % 1024 == 0 {
                    task.check()?;
                }
                let (key, value) = pair?;
                let bytes = (key.len() + value.len()) as u64;
                let weight = match key.first_chunk::<8>() {
                    Some(space) if [BLOCKS.0, SECTIONS.0].contains(&table) => {
                        found.spaces.entry(u64::from_be_bytes(*space)).or_default()
                    }
                    _ if [BLOCKS.0, SECTIONS.0, COUNTERS.0, SEAL.0].contains(&table) => &mut found.own,
                    _ => found.tables.entry(table.to_string()).or_default(),
                };
                weight.add(bytes);
            }
        }
        found.objects = self.0.objects.list()?.objects.into_iter().collect();
        Ok(found)
    }
}
