//! What happens when the format rises, with made-up next versions.

use std::path::Path;
use std::sync::Arc;

use crate::error::{Code, Result};
use crate::fs::FileSystem;
use crate::store::layout::{Format, OURS, Stamp, stamped};
use crate::store::memory::{MemoryEngine, MemoryFs};
use crate::store::migrate::Step;
use crate::store::record::{decode, encode};
use crate::store::testing::{Note, NoteV2, Probe, ProbeEngine, ProbeFs};
use crate::store::{Batch, Db, Table};
use crate::task::Task;

const NOTES: Table = Table("notes");
const DIR: &str = "/store";
const KEYS: [&str; 3] = ["a", "b", "c"];

/// A build two formats on: the first step writes notes in their new form, the second adds a note.
const LATER: Format = Format {
    number: OURS.number + 2,
    oldest_readable: OURS.number,
    oldest_reader: OURS.number + 1,
    steps: &[Step { to: OURS.number + 1, run: renew }, Step { to: OURS.number + 2, run: add }],
};

fn renew(db: &Db) -> Result<()> {
    // One commit a note, so that a cut can come in between.
    for note in db.scan::<NoteV2>(NOTES, b"") {
        let (key, note) = note?;
        let mut batch = Batch::new();
        batch.put(NOTES, &key, &note)?;
        db.commit(batch)?;
    }
    Ok(())
}

fn add(db: &Db) -> Result<()> {
    let mut batch = Batch::new();
    batch.put(NOTES, b"d", &NoteV2 { text: "d".into() })?;
    db.commit(batch)
}

fn open(fs: &MemoryFs, probe: &Probe, read_only: bool, format: &Format) -> Result<Db> {
    let files = Arc::new(ProbeFs(Arc::new(fs.clone()), probe.clone()));
    let engine = Arc::new(ProbeEngine(Arc::new(MemoryEngine(fs.clone())), probe.clone()));
    Db::assemble_as(Path::new(DIR), files, engine, read_only, None, format)
}

/// A store of today's format.
fn old_store() -> MemoryFs {
    let fs = MemoryFs::default();
    let db = open(&fs, &Probe::default(), false, &OURS).unwrap();
    let mut batch = Batch::new();
    for key in KEYS {
        batch.put(NOTES, key.as_bytes(), &Note { text: key.into(), weights: vec![1.0] }).unwrap();
    }
    db.commit(batch).unwrap();
    fs
}

fn stamp_of(fs: &MemoryFs) -> Stamp {
    stamped(fs, Path::new(DIR)).unwrap()
}

/// The texts of the notes, of either version.
fn texts(db: &Db) -> Vec<String> {
    db.scan::<NoteV2>(NOTES, b"").map(|note| note.unwrap().1.text).collect()
}

#[test]
fn an_old_record_is_read_by_upgrade_and_written_in_the_new_form() {
    let fs = old_store();
    let db = open(&fs, &Probe::default(), false, &OURS).unwrap();
    let note: NoteV2 = db.get(NOTES, b"a").unwrap().unwrap();
    assert_eq!(db.get::<Note>(NOTES, b"a").unwrap().unwrap().weights, [1.0]);
    let mut batch = Batch::new();
    // The condition is on the record as it was read, whatever version it has on the disk.
    batch.expect(NOTES, b"a", Some(&note)).unwrap();
    batch.put(NOTES, b"a", &note).unwrap();
    db.commit(batch).unwrap();
    assert_eq!(db.get::<NoteV2>(NOTES, b"a").unwrap().unwrap(), note);
    assert_eq!(db.get::<Note>(NOTES, b"a").unwrap_err().code(), Code::NewerFormat);
    assert_eq!(decode::<NoteV2>(&encode(&note).unwrap()).unwrap(), note);
}

#[test]
fn a_later_build_brings_an_old_store_to_its_format_when_it_may_write() {
    let fs = old_store();
    let reading = open(&fs, &Probe::default(), true, &LATER).unwrap();
    assert_eq!(texts(&reading), KEYS);
    drop(reading);
    assert_eq!(stamp_of(&fs), OURS.stamp(), "reading changes nothing");
    let db = open(&fs, &Probe::default(), false, &LATER).unwrap();
    assert_eq!(texts(&db), ["a", "b", "c", "d"]);
    assert_eq!(db.get::<Note>(NOTES, b"a").unwrap_err().code(), Code::NewerFormat);
    assert_eq!(stamp_of(&fs), LATER.stamp());
    drop(db);
    // And this build lets it alone, whether it would write or read.
    for read_only in [false, true] {
        let error = open(&fs, &Probe::default(), read_only, &OURS).err().unwrap();
        assert_eq!(error.code(), Code::NewerFormat);
        let numbers = [LATER.number, LATER.oldest_reader, OURS.number].map(|number| number.to_string());
        assert!(numbers.iter().all(|number| error.message().contains(number)), "{error}");
        assert!(error.help_text().unwrap().contains("release"));
    }
}

#[test]
fn nothing_is_done_twice_to_a_store_that_is_of_the_format() {
    let fs = old_store();
    drop(open(&fs, &Probe::default(), false, &LATER).unwrap());
    let probe = Probe::default();
    drop(open(&fs, &probe, false, &LATER).unwrap());
    let written: Vec<String> = probe
        .log()
        .into_iter()
        .filter(|call| call.contains("transaction") || call.contains("FORMAT"))
        .collect();
    assert_eq!(written, Vec::<String>::new());
}

#[test]
fn a_migration_that_is_cut_short_anywhere_is_done_on_the_next_opening() {
    for (cut, for_good) in [(false, false), (false, true), (true, false), (true, true)] {
        for n in 0.. {
            let (fs, probe) = (old_store(), Probe::default());
            probe.restart(Some(n..if for_good { usize::MAX } else { n + 1 }));
            let outcome = open(&fs, &probe, false, &LATER).map(drop);
            let failed = probe.has_failed();
            probe.restart(None);
            if cut {
                fs.cut_power();
            }
            // Whatever FORMAT says is so.
            let stamp = stamp_of(&fs);
            if stamp.written == LATER.number {
                assert_eq!(stamp, LATER.stamp());
            }
            let reading = open(&fs, &probe, true, &LATER).unwrap();
            let done = texts(&reading);
            assert_eq!(&done[..3], KEYS, "call {n}");
            assert!(stamp.written < LATER.number || done.len() == 4, "call {n}");
            if stamp.written > OURS.number {
                assert_eq!(reading.get::<Note>(NOTES, b"c").unwrap_err().code(), Code::NewerFormat);
            }
            drop(reading);
            let db = open(&fs, &probe, false, &LATER).unwrap();
            assert_eq!(texts(&db), ["a", "b", "c", "d"], "call {n}");
            assert_eq!(stamp_of(&fs), LATER.stamp());
            drop(db);
            if !failed {
                outcome.unwrap();
                assert!(n > 20, "the migration made {n} calls");
                break;
            }
        }
    }
}

#[test]
fn a_backup_of_what_may_only_be_read_has_the_format_of_its_records() {
    let (fs, probe) = (old_store(), Probe::default());
    let reading = open(&fs, &probe, true, &LATER).unwrap();
    reading.backup(Path::new("/backup"), &Task::quiet()).unwrap();
    assert_eq!(stamped(&fs, Path::new("/backup")).unwrap(), OURS.stamp());
    assert!(fs.read(Path::new("/backup/UNFINISHED")).is_err());
}
