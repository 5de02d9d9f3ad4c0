//! Damage, sweeping, compaction, backup and reading only, over real files.

use std::fs;
use std::path::Path;

use crate::error::Code;
use crate::store::kv::Write;
use crate::store::testing::{Note, NoteV2, Other};
use crate::store::{Batch, Db, Digest, Live, OpenOptions, Table, floats};
use crate::task::Task;

const NOTES: Table = Table("notes");

fn open(dir: &Path) -> Db {
    Db::open(dir, &OpenOptions { create: true, ..OpenOptions::default() }).unwrap()
}

fn put(db: &Db, key: &str, note: &Note) {
    let mut batch = Batch::new();
    batch.put(NOTES, key.as_bytes(), note).unwrap();
    db.commit(batch).unwrap();
}

fn note(text: &str) -> Note {
    Note { text: text.into(), weights: vec![1.0, 2.5] }
}

fn live(objects: &[Digest], spaces: &[u64]) -> Live {
    Live { objects: objects.iter().copied().collect(), spaces: spaces.iter().copied().collect() }
}

fn check(db: &Db, live: &Live) -> Vec<String> {
    let report = db.check(true, live, &Task::quiet()).unwrap();
    report.problems.iter().map(|problem| format!("{}: {}", problem.place, problem.error)).collect()
}

#[test]
fn an_object_is_stored_once_mapped_and_aligned() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let value = Note { text: "m".into(), weights: (0..600_000).map(|i| i as f32).collect() };
    let digest = db.put_object(&value).unwrap();
    assert_eq!(db.put_object(&value).unwrap(), digest);
    assert_eq!(db.size().unwrap().objects, 1);
    let object = db.object::<Note>(&digest).unwrap();
    assert_eq!(floats(&object.weights), value.weights);
    assert_eq!(object.digest(), digest);
    let copy = object.clone();
    drop(db);
    // A mapping outlives the handle and may cross threads.
    std::thread::spawn(move || assert_eq!(copy.text.as_str(), "m")).join().unwrap();
    assert_eq!(open(dir.path()).object::<Other>(&digest).unwrap_err().code(), Code::Corrupt);
}

#[test]
fn a_flipped_byte_of_an_object_is_seen_by_reading_and_by_a_full_check() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let digest = db.put_object(&note("abc")).unwrap();
    let path = db.0.objects.path(&digest);
    let good = fs::read(&path).unwrap();
    let live = live(&[digest], &[]);
    assert_eq!(check(&db, &live), [""; 0]);
    drop(db);
    for at in 0..good.len() {
        let mut wrong = good.clone();
        wrong[at] ^= 0x10;
        fs::write(&path, wrong).unwrap();
        let db = open(dir.path());
        let code = db.object::<Note>(&digest).unwrap_err().code();
        assert!(matches!(code, Code::Corrupt | Code::NewerFormat), "{at}: {code:?}");
        assert_eq!(check(&db, &live).len(), 1, "{at}");
    }
    fs::write(&path, &good[..7]).unwrap();
    let db = open(dir.path());
    assert_eq!(db.object::<Note>(&digest).unwrap_err().code(), Code::Corrupt);
    // Writing it again heals it.
    assert_eq!(db.put_object(&note("abc")).unwrap(), digest);
    db.object::<Note>(&digest).unwrap();
    fs::remove_file(&path).unwrap();
    assert!(!db.has_object(&digest).unwrap());
    let error = db.object::<Note>(&digest).unwrap_err();
    assert!(error.code() == Code::Corrupt && error.message().contains("missing"), "{error}");
    assert_eq!(check(&db, &live).len(), 1);
}

#[test]
fn a_flipped_byte_of_a_record_is_named_by_table_and_key() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    put(&db, "zh_en", &note("abc"));
    put(&db, "long", &Note { text: "x".repeat(20_000), weights: vec![] });
    let kv = db.kv();
    let mut value = kv.get("notes", b"zh_en").unwrap().unwrap();
    value[40] ^= 1;
    let table = "notes".to_string();
    kv.apply(&[Write { table, key: b"zh_en".to_vec(), value: Some(value) }]).unwrap();
    let error = db.get::<Note>(NOTES, b"zh_en").unwrap_err();
    assert_eq!(error.code(), Code::Corrupt);
    assert!(error.message().starts_with("record `zh_en` of table notes is damaged"), "{error}");
    assert_eq!(check(&db, &Live::default()).len(), 1);

    let piece = b"long\0\0\0\x02".to_vec();
    let table = "overflow:notes".to_string();
    kv.apply(&[Write { table, key: piece, value: None }]).unwrap();
    assert_eq!(db.get::<Note>(NOTES, b"long").unwrap_err().code(), Code::Corrupt);
    assert_eq!(check(&db, &Live::default()).len(), 2);
    let results: Vec<bool> = db.scan::<Note>(NOTES, b"").map(|item| item.is_ok()).collect();
    assert_eq!(results, [false, false]);
}

#[test]
fn garbage_is_swept_and_what_is_live_stays() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let (kept, dropped) = (db.put_object(&note("kept")).unwrap(), db.put_object(&note("dropped")).unwrap());
    let spaces = [db.new_space().unwrap(), db.new_space().unwrap()];
    for space in spaces {
        let long = Note { text: "y".repeat(50_000), weights: vec![] };
        db.write_blocks(space, 3, (0..3000).map(|_| note("row")).chain([long])).unwrap();
    }
    put(&db, "a", &note("a"));
    fs::write(dir.path().join("objects/tmp.1.1"), "half").unwrap();
    let live = live(&[kept], &[spaces[1].0]);
    let report = db.check(false, &live, &Task::quiet()).unwrap();
    assert_eq!((report.orphan_objects, report.orphan_spaces, report.temporaries), (1, 1, 1));
    assert!(report.is_clean());
    let swept = db.sweep(&live).unwrap();
    assert_eq!((swept.objects, swept.temporaries, swept.spaces, swept.blocks), (1, 1, 1, 3001));
    assert_eq!(db.sweep(&live).unwrap(), Default::default());
    assert!(db.has_object(&kept).unwrap() && !db.has_object(&dropped).unwrap());
    assert!(db.blocks::<Note>(spaces[0], 3).next().unwrap().is_err());
    assert_eq!(db.blocks::<Note>(spaces[1], 3).count(), 3001);
    assert_eq!(check(&db, &live), [""; 0]);
    // A space's number is not used again, not even after its blocks are gone.
    drop(db);
    assert!(open(dir.path()).new_space().unwrap() > spaces[1]);
}

#[test]
fn compaction_shrinks_and_everything_is_still_there() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    for round in 0..40 {
        let mut batch = Batch::new();
        for row in 0..100 {
            let weights = vec![round as f32; 800];
            batch.put(NOTES, format!("{row}").as_bytes(), &Note { text: String::new(), weights }).unwrap();
        }
        db.commit(batch).unwrap();
    }
    let mut reading = db.scan::<Note>(NOTES, b"");
    reading.next().unwrap().unwrap();
    let report = db.compact(&Live::default(), &Task::quiet()).unwrap();
    assert!(report.after * 3 < report.before, "{report:?}");
    assert_eq!(reading.count(), 99);
    put(&db, "new", &note("new"));
    drop(db);
    let db = open(dir.path());
    assert_eq!(fs::read_to_string(dir.path().join("CURRENT")).unwrap(), "db.2\n");
    assert!(!dir.path().join("db.1").exists());
    assert_eq!(db.scan::<Note>(NOTES, b"").count(), 101);
    assert!(db.get::<Note>(NOTES, b"99").unwrap().unwrap().weights == vec![39.0; 800]);
    assert_eq!(check(&db, &Live::default()), [""; 0]);
}

#[test]
fn a_backup_opens_and_equals() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(&dir.path().join("store"));
    put(&db, "a", &note("a"));
    put(&db, "long", &Note { text: "x".repeat(20_000), weights: vec![] });
    let digest = db.put_object(&note("object")).unwrap();
    let to = dir.path().join("copy");
    let report = db.backup(&to, &Task::quiet()).unwrap();
    assert_eq!(report.objects, 1);
    let copy = open(&to);
    let rows = |db: &Db| db.scan::<Note>(NOTES, b"").map(|item| item.unwrap()).collect::<Vec<_>>();
    assert_eq!(rows(&copy), rows(&db));
    assert_eq!(copy.object::<Note>(&digest).unwrap().text.as_str(), "object");
    assert_eq!(check(&copy, &live(&[digest], &[])), [""; 0]);
    drop(copy);

    let refused = |to: &Path| db.backup(to, &Task::quiet()).unwrap_err();
    assert_eq!(refused(&to).code(), Code::Conflict);
    assert_eq!(refused(&dir.path().join("store/objects/b")).code(), Code::Conflict);
    assert_eq!(refused(&dir.path().join("no/such")).code(), Code::NotFound);
    #[cfg(unix)]
    {
        fs::create_dir(dir.path().join("target")).unwrap();
        std::os::unix::fs::symlink(dir.path().join("target"), dir.path().join("link")).unwrap();
        assert_eq!(refused(&dir.path().join("link")).code(), Code::Conflict);
    }
    let mut wrong = fs::read(db.0.objects.path(&digest)).unwrap();
    wrong[20] ^= 1;
    fs::write(db.0.objects.path(&digest), wrong).unwrap();
    assert_eq!(refused(&dir.path().join("again")).code(), Code::Corrupt);
    assert!(!dir.path().join("again").exists());
}

#[test]
fn only_a_store_of_a_known_format_is_opened() {
    let dir = tempfile::tempdir().unwrap();
    let try_open = |create: bool, read_only: bool| {
        Db::open(dir.path(), &OpenOptions { create, read_only, ..OpenOptions::default() })
    };
    assert_eq!(try_open(false, false).err().unwrap().code(), Code::NotFound);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    fs::write(dir.path().join("thesis.tex"), "").unwrap();
    assert_eq!(try_open(true, false).err().unwrap().code(), Code::NotAStore);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    fs::remove_file(dir.path().join("thesis.tex")).unwrap();
    put(&try_open(true, false).unwrap(), "a", &note("a"));
    fs::write(dir.path().join("FORMAT"), "seedbed store\nformat 9\nreadable-from 9\n").unwrap();
    let error = try_open(false, false).err().unwrap();
    assert!(error.code() == Code::NewerFormat && error.help_text().is_some());
    fs::write(dir.path().join("FORMAT"), "seedbed store\nformat 9\nreadable-from 1\n").unwrap();
    assert_eq!(try_open(false, false).err().unwrap().code(), Code::NewerFormat);
    assert!(try_open(false, true).unwrap().contains(NOTES, b"a").unwrap());
    assert_eq!(
        Db::open(&dir.path().join("FORMAT"), &OpenOptions::default()).err().unwrap().code(),
        Code::NotAStore
    );
}

#[test]
fn without_format_nothing_is_touched() {
    type Change = fn(&Path);
    let changes: [Change; 4] = [
        |_| {},
        |dir| fs::remove_file(dir.join("CURRENT")).unwrap(),
        |dir| fs::remove_dir_all(dir.join("objects")).unwrap(),
        |dir| fs::write(dir.join("UNFINISHED"), "store\n").unwrap(),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let dir = tempfile::tempdir().unwrap();
        let db = open(dir.path());
        put(&db, "a", &note("a"));
        db.put_object(&note("object")).unwrap();
        db.compact(&Live::default(), &Task::quiet()).unwrap();
        put(&db, "b", &note("b"));
        drop(db);
        let format = fs::read(dir.path().join("FORMAT")).unwrap();
        fs::remove_file(dir.path().join("FORMAT")).unwrap();
        change(dir.path());
        let names = || {
            let entries = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name());
            entries.collect::<std::collections::BTreeSet<_>>()
        };
        let before = names();
        for read_only in [false, true] {
            let options = OpenOptions { create: !read_only, read_only, ..OpenOptions::default() };
            let error = Db::open(dir.path(), &options).err().unwrap();
            assert_eq!(error.code(), Code::Corrupt, "{number}: {error}");
            assert!(error.message().starts_with("FORMAT is missing") && error.help_text().is_some());
        }
        assert_eq!(names(), before, "{number}");
        if number == 0 {
            // The remedy.
            fs::write(dir.path().join("FORMAT"), format).unwrap();
            assert_eq!(open(dir.path()).scan::<Note>(NOTES, b"").count(), 2);
        }
    }
}

#[test]
fn an_interrupted_creation_is_begun_afresh() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    fs::remove_file(dir.path().join("FORMAT")).unwrap();
    fs::write(dir.path().join("UNFINISHED"), "store\n").unwrap();
    fs::write(dir.path().join("db.1/db"), "half of a log").unwrap();
    put(&open(dir.path()), "a", &note("a"));
    assert!(!dir.path().join("UNFINISHED").exists());
    assert_eq!(open(dir.path()).scan::<Note>(NOTES, b"").count(), 1);
}

#[test]
fn an_unfinished_backup_does_not_open() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    fs::remove_file(dir.path().join("FORMAT")).unwrap();
    fs::write(dir.path().join("UNFINISHED"), "backup\n").unwrap();
    let create = OpenOptions { create: true, ..OpenOptions::default() };
    let error = Db::open(dir.path(), &create).err().unwrap();
    assert_eq!(error.code(), Code::NotAStore);
    assert!(error.help_text().is_some() && dir.path().join("db.1").exists());
}

/// In containers every process may have the same number.
#[test]
fn unfinished_files_of_a_process_of_the_same_number_are_passed_over_and_then_removed() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let theirs: Vec<_> =
        (0..3).map(|i| dir.path().join(format!("objects/tmp.{}.{i}", std::process::id()))).collect();
    theirs.iter().for_each(|path| fs::write(path, "theirs").unwrap());
    let digest = db.put_object(&note("mine")).unwrap();
    assert!(theirs.iter().all(|path| fs::read(path).unwrap() == b"theirs"));
    drop(db);
    let db = open(dir.path());
    assert!(!theirs.iter().any(|path| path.exists()));
    assert_eq!(db.object::<Note>(&digest).unwrap().text.as_str(), "mine");
}

#[test]
fn readers_share_and_leave_everything_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let digest = db.put_object(&note("object")).unwrap();
    put(&db, "a", &note("a"));
    let reading = OpenOptions { read_only: true, ..OpenOptions::default() };
    assert_eq!(Db::open(dir.path(), &reading).err().unwrap().code(), Code::Locked);
    drop(db);
    let state = |dir: &Path| {
        let mut files: Vec<_> = fs::read_dir(dir.join("db.1")).unwrap().map(|entry| entry.unwrap()).collect();
        files.sort_by_key(|entry| entry.file_name());
        files
            .iter()
            .filter(|entry| entry.path().is_file())
            .map(|entry| (entry.file_name(), fs::read(entry.path()).unwrap()))
            .collect::<Vec<_>>()
    };
    let before = state(dir.path());
    let (first, second) = (Db::open(dir.path(), &reading).unwrap(), Db::open(dir.path(), &reading).unwrap());
    for db in [&first, &second] {
        assert_eq!(db.get::<Note>(NOTES, b"a").unwrap(), Some(note("a")));
        assert_eq!(db.object::<Note>(&digest).unwrap().text.as_str(), "object");
        assert_eq!(check(db, &live(&[digest], &[])), [""; 0]);
        let mut batch = Batch::new();
        batch.delete(NOTES, b"a");
        assert_eq!(db.commit(batch).unwrap_err().code(), Code::ReadOnly);
        assert_eq!(db.put_object(&note("b")).unwrap_err().code(), Code::ReadOnly);
        assert_eq!(db.new_space().unwrap_err().code(), Code::ReadOnly);
        assert_eq!(db.sweep(&Live::default()).unwrap_err().code(), Code::ReadOnly);
    }
    let create = OpenOptions { create: true, ..OpenOptions::default() };
    assert_eq!(Db::open(dir.path(), &create).err().unwrap().code(), Code::Locked);
    drop((first, second));
    assert!(before == state(dir.path()));
    open(dir.path());
}

#[test]
fn a_record_of_an_older_schema_version_is_still_the_one_expected() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    put(&db, "a", &note("first"));
    let renamed = NoteV2 { text: "second".into() };
    let change = |from: &NoteV2| {
        let mut batch = Batch::new();
        batch.expect(NOTES, b"a", Some(from)).unwrap();
        batch.put(NOTES, b"a", &renamed).unwrap();
        db.commit(batch)
    };
    let error = change(&NoteV2 { text: "other".into() }).unwrap_err();
    assert_eq!(error.code(), Code::Conflict);
    change(&db.get::<NoteV2>(NOTES, b"a").unwrap().unwrap()).unwrap();
    assert_eq!(db.get::<NoteV2>(NOTES, b"a").unwrap().unwrap(), renamed);
}
