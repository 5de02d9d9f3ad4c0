//! What has happened to the rows since an index was built.

use crate::features::Presence;

/// Rows the graph must not answer with, and rows to compare one by one beside it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// Deleted, or other than they were.
    stale: Presence,
    /// New, or other than they were.
    tail: Presence,
}

impl Changes {
    /// Share of the indexed rows from which on an index is built anew.
    pub const REBUILD_SHARE: f64 = 0.2;

    /// The row is there no more.
    pub fn delete(&mut self, row: u32) {
        self.grow(row);
        self.stale.set(row as usize, true);
        self.tail.set(row as usize, false);
    }

    /// The row is new or other than it was.
    pub fn put(&mut self, row: u32) {
        self.grow(row);
        self.stale.set(row as usize, true);
        self.tail.set(row as usize, true);
    }

    /// Whether the graph must not answer with the row.
    pub fn is_stale(&self, row: u32) -> bool {
        self.stale.get(row as usize)
    }

    /// Number of rows that have changed, gone or come.
    pub fn len(&self) -> usize {
        self.stale.count()
    }

    /// Whether nothing has happened.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Rows to be compared one by one, ascending.
    pub fn tail(&self) -> impl Iterator<Item = u32> + '_ {
        self.tail.iter().map(|row| row as u32)
    }

    /// Whether so much has changed that an index of `rows` rows is better built anew: then many of the
    /// points a walk meets are stale, or many rows lie beside the graph.
    pub fn wants_rebuild(&self, rows: usize) -> bool {
        Changes::are_too_many(self.len(), rows)
    }

    /// Whether an index of `rows` rows is better built anew when so many have changed, gone or come.
    pub(crate) fn are_too_many(changed: usize, rows: usize) -> bool {
        changed as f64 > Changes::REBUILD_SHARE * rows as f64
    }

    fn grow(&mut self, row: u32) {
        let len = row as usize + 1;
        if len <= self.stale.len() {
            return;
        }
        // By halves, so that many insertions cost no copy each.
        let words = len.max(self.stale.len() * 3 / 2).div_ceil(64);
        for bits in [&mut self.stale, &mut self.tail] {
            let mut grown = bits.words().to_vec();
            grown.resize(words, 0);
            *bits = Presence::from_words(grown, words * 64).unwrap_or_default();
        }
    }
}
