//! A catalogue that is not the one of the last commit, though every record of it is whole.

use std::fs;
use std::path::Path;

use crate::error::{Code, Result};
use crate::store::kv::Write;
use crate::store::testing::Note;
use crate::store::{Batch, Db, OpenOptions, Table};

const NOTES: Table = Table("notes");

fn open(dir: &Path) -> Result<Db> {
    Db::open(dir, &OpenOptions { create: true, ..OpenOptions::default() })
}

fn put(db: &Db, key: &str) {
    let mut batch = Batch::new();
    batch.put(NOTES, key.as_bytes(), &Note { text: key.into(), weights: vec![1.5] }).unwrap();
    db.commit(batch).unwrap();
}

fn keys(db: &Db) -> Vec<String> {
    let keys = db.scan::<Note>(NOTES, b"").map(|item| item.unwrap().0);
    keys.map(|key| String::from_utf8(key).unwrap()).collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(|entry| entry.unwrap()) {
        if entry.path().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

#[test]
fn an_older_catalogue_is_refused_and_says_how_to_go_on_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let (catalogue, then) = (dir.path().join("store/db.1"), dir.path().join("then"));
    let store = dir.path().join("store");
    put(&open(&store).unwrap(), "a");
    copy(&catalogue, &then);
    put(&open(&store).unwrap(), "b");
    fs::remove_dir_all(&catalogue).unwrap();
    copy(&then, &catalogue);
    for read_only in [true, false, true, false] {
        let options = OpenOptions { read_only, ..OpenOptions::default() };
        let error = Db::open(&store, &options).err().unwrap();
        assert_eq!(error.code(), Code::Corrupt);
        assert_eq!(error.message(), "the catalogue is that of commit 1, and commit 2 was reported as done");
        assert!(error.help_text().unwrap().contains("remove the file SEAL"));
    }
    fs::remove_file(store.join("SEAL")).unwrap();
    assert_eq!(keys(&open(&store).unwrap()), ["a"]);
    put(&open(&store).unwrap(), "c");
    assert_eq!(keys(&open(&store).unwrap()), ["a", "c"]);
}

#[test]
fn rows_that_no_commit_left_are_refused() {
    let (lost, other) = (None, Some(b"other".to_vec()));
    for (value, key) in [(lost, "a"), (other.clone(), "a"), (other, "c")] {
        let dir = tempfile::tempdir().unwrap();
        let db = open(dir.path()).unwrap();
        put(&db, "a");
        put(&db, "b");
        let (table, key) = (NOTES.0.to_string(), key.as_bytes().to_vec());
        db.kv().apply(&[Write { table, key, value }]).unwrap();
        db.kv().flush().unwrap();
        drop(db);
        // Also where nothing tells what the last commit was.
        for _ in 0..2 {
            let error = open(dir.path()).err().unwrap();
            assert_eq!(error.code(), Code::Corrupt);
            assert!(error.message().contains("does not hold the rows of its last commit"), "{error}");
            let _ = fs::remove_file(dir.path().join("SEAL"));
        }
    }
}

#[test]
fn another_stores_catalogue_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let [one, other] = ["one", "other"].map(|name| dir.path().join(name));
    put(&open(&one).unwrap(), "a");
    put(&open(&other).unwrap(), "b");
    fs::remove_dir_all(one.join("db.1")).unwrap();
    copy(&other.join("db.1"), &one.join("db.1"));
    let error = open(&one).err().unwrap();
    assert_eq!(error.code(), Code::Corrupt);
    assert!(error.message().contains("other rows than those of commit 1"), "{error}");
}

#[test]
fn a_seal_that_is_missing_or_behind_is_renewed_and_one_that_is_damaged_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("SEAL");
    put(&open(dir.path()).unwrap(), "a");
    let behind = fs::read(&path).unwrap();
    put(&open(dir.path()).unwrap(), "b");
    let last = fs::read(&path).unwrap();
    assert_ne!(behind, last);
    fs::write(&path, &behind).unwrap();
    assert_eq!(keys(&open(dir.path()).unwrap()), ["a", "b"]);
    assert_eq!(fs::read(&path).unwrap(), last);
    fs::remove_file(&path).unwrap();
    assert_eq!(keys(&open(dir.path()).unwrap()), ["a", "b"]);
    assert_eq!(fs::read(&path).unwrap(), last);
    for bit in 0..last.len() * 8 {
        let mut wrong = last.clone();
        wrong[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, wrong).unwrap();
        let error = open(dir.path()).err().unwrap();
        assert!(error.code() == Code::Corrupt && error.help_text().is_some(), "bit {bit}");
    }
}

#[test]
fn a_store_of_an_older_format_is_sealed_when_it_is_opened_to_write() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path()).unwrap();
    put(&db, "a");
    // As the older format left it: without a seal in the catalogue or beside it.
    let seal = Write { table: "store:seal".into(), key: b"seal".to_vec(), value: None };
    db.kv().apply(&[seal]).unwrap();
    db.kv().flush().unwrap();
    drop(db);
    fs::remove_file(dir.path().join("SEAL")).unwrap();
    let older = "seedbed store\nformat 1\nreadable-from 1\n";
    fs::write(dir.path().join("FORMAT"), older).unwrap();
    let reading = OpenOptions { read_only: true, ..OpenOptions::default() };
    assert_eq!(keys(&Db::open(dir.path(), &reading).unwrap()), ["a"]);
    assert_eq!(fs::read_to_string(dir.path().join("FORMAT")).unwrap(), older);
    assert_eq!(keys(&open(dir.path()).unwrap()), ["a"]);
    assert!(fs::read_to_string(dir.path().join("FORMAT")).unwrap().contains("format 2"));
    put(&open(dir.path()).unwrap(), "b");
    assert_eq!(keys(&open(dir.path()).unwrap()), ["a", "b"]);
}

#[test]
fn a_wrong_name_of_the_catalogue_costs_nothing() {
    let dir = tempfile::tempdir().unwrap();
    put(&open(dir.path()).unwrap(), "a");
    for wrong in ["db.0\n", "db.3\n", "db.11\n", "objects\n", ""] {
        fs::write(dir.path().join("CURRENT"), wrong).unwrap();
        let error = open(dir.path()).err().unwrap();
        assert!(error.code() == Code::Corrupt && error.help_text().is_some(), "{wrong:?}: {error}");
    }
    fs::remove_file(dir.path().join("CURRENT")).unwrap();
    assert_eq!(open(dir.path()).err().unwrap().code(), Code::Corrupt);
    // Nor does one of a directory that is there and not the catalogue.
    fs::create_dir(dir.path().join("db.2")).unwrap();
    fs::write(dir.path().join("CURRENT"), "db.2\n").unwrap();
    assert_eq!(open(dir.path()).err().unwrap().code(), Code::Corrupt);
    fs::write(dir.path().join("CURRENT"), "db.1\n").unwrap();
    assert_eq!(keys(&open(dir.path()).unwrap()), ["a"]);
    assert!(!dir.path().join("db.2").exists());
}
