//! Random histories against a map: puts, deletes, conditions, commits, reopening, compaction.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::error::Code;
use crate::store::testing::Note;
use crate::store::{Batch, Db, Live, OpenOptions, Table};
use crate::task::Task;

const TABLES: [Table; 2] = [Table("a"), Table("b")];

type Model = BTreeMap<(Table, Vec<u8>), Note>;

#[derive(Clone, Debug)]
enum Step {
    Commit(Vec<(usize, Vec<u8>, Option<Note>)>, bool),
    Reopen,
    Compact,
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(0..3u8, 0..4),
        // Keys that look like those of pieces.
        Just(vec![1, 0, 0, 0, 1]),
        Just(vec![1, 0, 0, 0, 1, 0, 0, 0, 2]),
    ]
}

fn value() -> impl Strategy<Value = Note> {
    let length = prop_oneof![4 => 0..50usize, 1 => 900..1100usize, 1 => 3000..6000usize];
    (length, any::<u8>()).prop_map(|(length, fill)| Note {
        text: char::from(fill % 26 + b'a').to_string(),
        weights: vec![f32::from(fill); length],
    })
}

fn step() -> impl Strategy<Value = Step> {
    let change = (0..2usize, key(), proptest::option::weighted(0.7, value()));
    prop_oneof![
        8 => (proptest::collection::vec(change, 1..6), any::<bool>())
            .prop_map(|(changes, fails)| Step::Commit(changes, fails)),
        1 => Just(Step::Reopen),
        1 => Just(Step::Compact),
    ]
}

fn contents(db: &Db) -> Model {
    let rows = |table: Table| {
        db.scan::<Note>(table, b"").map(move |item| item.map(|(key, note)| ((table, key), note)).unwrap())
    };
    TABLES.into_iter().flat_map(rows).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_store_behaves_like_a_map(steps in proptest::collection::vec(step(), 1..25)) {
        let dir = tempfile::tempdir().unwrap();
        let options = OpenOptions { create: true, cache_bytes: 1 << 20, ..OpenOptions::default() };
        let mut db = Db::open(dir.path(), &options).unwrap();
        let mut model = Model::new();
        for step in steps {
            match step {
                Step::Commit(changes, wrong) => {
                    let mut batch = Batch::new();
                    let mut next = model.clone();
                    for (table, key, note) in changes {
                        let table = TABLES[table];
                        let there = model.get(&(table, key.clone()));
                        batch.expect(table, &key, there).unwrap();
                        match note {
                            Some(note) => {
                                batch.put(table, &key, &note).unwrap();
                                next.insert((table, key), note);
                            }
                            None => {
                                batch.delete(table, &key);
                                next.remove(&(table, key));
                            }
                        }
                    }
                    if wrong {
                        let there = model.get(&(TABLES[0], vec![])).map(|note| note.text.clone());
                        let other = Note { text: there.unwrap_or_default() + "?", weights: vec![] };
                        batch.expect(TABLES[0], b"", Some(&other)).unwrap();
                        prop_assert_eq!(db.commit(batch).unwrap_err().code(), Code::Conflict);
                    } else {
                        db.commit(batch).unwrap();
                        model = next;
                    }
                }
                Step::Reopen => {
                    drop(db);
                    db = Db::open(dir.path(), &options).unwrap();
                }
                Step::Compact => drop(db.compact(&Live::default(), &Task::quiet()).unwrap()),
            }
            prop_assert_eq!(&contents(&db), &model);
            for ((table, key), note) in &model {
                let got = db.get::<Note>(*table, key).unwrap();
                prop_assert_eq!(got.as_ref(), Some(note));
            }
        }
        let report = db.check(true, &Live::default(), &Task::quiet()).unwrap();
        prop_assert!(report.is_clean(), "{:?}", report.problems);
        prop_assert_eq!(report.records, model.len() as u64);
    }
}
