//! One version of a table, to be read while others write.
//!
//! Invariants: a view is taken between two commits, never inside of one; every read of its table through
//! it sees that version, whatever is committed meanwhile; taking one waits for nothing but a change being
//! applied in memory, never for the disk. Views of the same version share one copy of the table's rows, so
//! that the table should be a small one: a catalogue.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, Weak};

use super::db::{Db, Table};
use super::kv::{Pair, Pairs, Write};
use super::value;
use crate::error::Result;
use crate::sync::{Mutex, RwLock};

/// Values by key.
type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// The rows of a table as they were.
pub(crate) struct Frozen {
    table: Table,
    version: u64,
    rows: Rows,
}

/// The rows whose keys begin with `prefix`.
pub(crate) fn scan_rows(rows: &Rows, prefix: &[u8]) -> Pairs {
    let found = rows.range(prefix.to_vec()..).take_while(|(key, _)| key.starts_with(prefix));
    let pairs: Vec<Pair> = found.map(|(key, value)| (key.clone(), value.clone())).collect();
    Box::new(pairs.into_iter().map(Ok))
}

/// How many changes each table had, and the views that are held.
#[derive(Default)]
pub(crate) struct Versions {
    changes: RwLock<BTreeMap<String, u64>>,
    held: Mutex<Vec<Weak<Frozen>>>,
}

impl Versions {
    /// Applies a change to tables; no view is taken meanwhile.
    pub fn change<R>(&self, writes: &[Write], apply: impl FnOnce() -> R) -> R {
        let mut changes = self.changes.write().unwrap_or_else(PoisonError::into_inner);
        for write in writes {
            *changes.entry(write.table.clone()).or_default() += 1;
        }
        apply()
    }

    fn of(&self, table: Table) -> u64 {
        let changes = self.changes.read().unwrap_or_else(PoisonError::into_inner);
        changes.get(table.0).copied().unwrap_or(0)
    }
}

impl Db {
    /// The same store, with one table as it is now.
    pub fn view(&self, table: Table) -> Result<Db> {
        let versions = &self.0.versions;
        let changes = versions.changes.read().unwrap_or_else(PoisonError::into_inner);
        let version = changes.get(table.0).copied().unwrap_or(0);
        let mut held = versions.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|view| view.strong_count() > 0);
        let same = |view: &Arc<Frozen>| view.table == table && view.version == version;
        if let Some(known) = held.iter().filter_map(Weak::upgrade).find(same) {
            return Ok(Db(self.0.clone(), Some(known)));
        }
        let kv = self.kv();
        let mut rows = Rows::new();
        for pair in kv.scan(table.0, &[]) {
            let (key, raw) = pair?;
            let bytes = value::whole(&*kv, table.0, &key, raw)?;
            rows.insert(key, bytes);
        }
        let frozen = Arc::new(Frozen { table, version, rows });
        held.push(Arc::downgrade(&frozen));
        Ok(Db(self.0.clone(), Some(frozen)))
    }

    /// The rows of a table as they were when this view was taken, if it is that table's.
    pub(super) fn frozen(&self, table: Table) -> Option<&Rows> {
        self.1.as_ref().filter(|frozen| frozen.table == table).map(|frozen| &frozen.rows)
    }

    /// The store behind a view.
    pub fn behind(&self) -> Db {
        Db(self.0.clone(), None)
    }

    /// Whether the table of this view was changed since it was taken.
    pub fn is_behind(&self) -> bool {
        self.1.as_ref().is_some_and(|frozen| self.0.versions.of(frozen.table) != frozen.version)
    }

    /// The views that somebody still reads: what they name must not be swept.
    pub fn views(&self) -> Vec<Db> {
        let held = self.0.versions.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.iter().filter_map(Weak::upgrade).map(|frozen| Db(self.0.clone(), Some(frozen))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Batch;
    use crate::store::testing::Note;

    const NOTES: Table = Table("notes");

    fn put(db: &Db, key: &str, text: &str) {
        let mut batch = Batch::new();
        batch.put(NOTES, key.as_bytes(), &Note { text: text.into(), weights: vec![] }).unwrap();
        db.commit(batch).unwrap();
    }

    fn texts(db: &Db) -> Vec<String> {
        db.scan::<Note>(NOTES, b"").map(|row| row.unwrap().1.text).collect()
    }

    #[test]
    fn a_view_sees_its_version_and_writes_to_the_store() {
        let db = Db::in_memory();
        put(&db, "a", "first");
        put(&db, "long", &"x".repeat(20_000));
        let view = db.view(NOTES).unwrap();
        put(&db, "a", "second");
        put(&db, "b", "new");
        assert_eq!(view.get::<Note>(NOTES, b"a").unwrap().unwrap().text, "first");
        assert_eq!(texts(&view), ["first".to_string(), "x".repeat(20_000)]);
        assert!(!view.contains(NOTES, b"b").unwrap() && view.is_behind());
        assert_eq!(texts(&db).len(), 3);
        put(&view, "c", "through the view");
        assert!(db.contains(NOTES, b"c").unwrap() && !view.contains(NOTES, b"c").unwrap());
    }

    #[test]
    fn views_of_one_version_share_its_rows_and_are_known_while_they_are_held() {
        let db = Db::in_memory();
        put(&db, "a", "first");
        let (one, two) = (db.view(NOTES).unwrap(), db.view(NOTES).unwrap());
        assert!(Arc::ptr_eq(one.1.as_ref().unwrap(), two.1.as_ref().unwrap()));
        assert_eq!(db.views().len(), 1);
        put(&db, "a", "second");
        let three = db.view(NOTES).unwrap();
        assert_eq!(db.views().len(), 2);
        drop((one, two));
        assert_eq!(db.views().iter().map(texts).collect::<Vec<_>>(), [["second"]]);
        assert!(!three.is_behind());
    }
}
