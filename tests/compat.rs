//! Stores that earlier formats left: opened, checked and read for ever, and asked what they know.
//!
//! `tests/compat/format-N` is a small store as format N has it: its files gzipped one by one, the script
//! that made it, and its rows as text. When the format changes, make the next one with
//!
//! ```text
//! SEEDBED_MAKE_COMPAT=1 cargo test --test compat
//! ```
//!
//! and add its number to `ANSWERED`. That command also writes the fixture of the present format anew.

#[path = "common/files.rs"]
mod files;
#[path = "common/session.rs"]
mod session;

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};

use files::files;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use seedbed::{Code, Session, Store};
use session::{attempt, execute, rows, rows_of};

/// Formats whose statements are answered from what is stored: the keys of today's operations are the
/// same. An operation that gives other results takes its format out of here, and that is a decision.
const ANSWERED: &[u32] = &[1, 2];

const ARTIFACTS: [&str; 6] = ["s", "t", "m", "a", "c", "g"];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compat")
}

/// The fixtures by number.
fn formats() -> Vec<(u32, PathBuf)> {
    let mut formats = Vec::new();
    for entry in fs::read_dir(fixtures()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if let Some(number) = name.strip_prefix("format-") {
            formats.push((number.parse().unwrap(), path));
        }
    }
    formats.sort();
    formats
}

fn unpack(fixture: &Path, into: &Path) {
    let packed = fixture.join("store");
    for file in files(&packed) {
        let target = into.join(&file).with_extension("");
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        let mut bytes = Vec::new();
        GzDecoder::new(&fs::read(packed.join(&file)).unwrap()[..]).read_to_end(&mut bytes).unwrap();
        fs::write(target, bytes).unwrap();
    }
}

/// Every row of the store as text, and what its artifacts are known by.
fn told(session: &mut Session) -> String {
    let mut asked = vec!["SELECT * FROM p.links".to_string(), "SHOW VERDICTS FROM p".to_string()];
    for table in ["entities", "triples", "attributes"] {
        asked.extend(["left", "right"].map(|side| format!("SELECT * FROM p.{side}.{table}")));
    }
    asked.extend(ARTIFACTS.map(|name| format!("SELECT * FROM {name}")));
    asked.extend(["a", "g"].map(|name| format!("SELECT * FROM {name}.unmatched")));
    asked.push("SELECT * FROM c.dropped".to_string());
    let mut out = String::new();
    for statement in asked {
        let _ = writeln!(out, "> {statement}");
        for row in rows(session, &statement) {
            let row: Vec<String> = row.iter().map(ToString::to_string).collect();
            let _ = writeln!(out, "{}", row.join("\t"));
        }
    }
    for name in ARTIFACTS {
        let _ = writeln!(
            out,
            "> {name}\n{}\n{}",
            fact(session, name, "digest"),
            fact(session, name, "statement")
        );
    }
    out
}

fn fact(session: &mut Session, of: &str, name: &str) -> String {
    let facts = rows(session, &format!("DESCRIBE {of}"));
    let fact = facts.iter().find(|fact| fact[0].to_string() == name);
    fact.unwrap_or_else(|| panic!("DESCRIBE {of} has no {name}"))[1].to_string()
}

/// Runs the script, statement by statement.
fn run(session: &mut Session, script: &str) {
    let statements = script.lines().filter(|line| !line.starts_with("--")).collect::<Vec<_>>().join("\n");
    for statement in statements.split(";\n").filter(|statement| !statement.trim().is_empty()) {
        execute(session, statement);
    }
}

#[test]
fn the_fixture_of_this_format_is_there_and_made_when_asked() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("store");
    drop(Store::open(&place).unwrap());
    let stamp = fs::read_to_string(place.join("FORMAT")).unwrap();
    let number: u32 = stamp.lines().nth(1).unwrap().strip_prefix("format ").unwrap().parse().unwrap();
    if std::env::var_os("SEEDBED_MAKE_COMPAT").is_some_and(|value| value == "1") {
        let fixture = fixtures().join(format!("format-{number}"));
        let _ = fs::remove_dir_all(&fixture);
        let script = fs::read_to_string(fixtures().join("script.seedql")).unwrap();
        let store = Store::open(&place).unwrap();
        let mut session = store.session();
        run(&mut session, &script);
        fs::create_dir_all(&fixture).unwrap();
        fs::write(fixture.join("expected.txt"), told(&mut session)).unwrap();
        fs::write(fixture.join("script.seedql"), script).unwrap();
        drop((session, store));
        for file in files(&place).into_iter().filter(|file| file != Path::new("LOCK")) {
            let mut target = fixture.join("store").join(&file).into_os_string();
            target.push(".gz");
            let target = PathBuf::from(target);
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            let mut packed = GzEncoder::new(fs::File::create(target).unwrap(), Compression::best());
            packed.write_all(&fs::read(place.join(file)).unwrap()).unwrap();
            packed.finish().unwrap();
        }
    }
    let there: Vec<u32> = formats().into_iter().map(|(number, _)| number).collect();
    assert!(there.contains(&number), "no fixture of format {number}; see the head of this file");
    assert!(ANSWERED.iter().all(|answered| there.contains(answered)));
}

#[test]
fn every_format_is_opened_checked_and_read_as_it_was_left() {
    for (number, fixture) in formats() {
        let expected = fs::read_to_string(fixture.join("expected.txt")).unwrap();
        let dir = tempfile::tempdir().unwrap();
        unpack(&fixture, dir.path());
        for read_only in [true, false, false] {
            let store = Store::options().read_only(read_only).open(dir.path()).unwrap();
            let mut session = store.session();
            execute(&mut session, "CHECK FULL");
            let found = told(&mut session);
            for (at, (found, expected)) in found.lines().zip(expected.lines()).enumerate() {
                assert_eq!(found, expected, "format {number}, line {} of expected.txt", at + 1);
            }
            assert_eq!(found.len(), expected.len(), "format {number}");
        }
    }
}

#[test]
fn every_format_is_worked_on_and_answers_what_it_knows() {
    for (number, fixture) in formats() {
        let dir = tempfile::tempdir().unwrap();
        unpack(&fixture, dir.path());
        let mut session = Store::open(dir.path()).unwrap().session();
        execute(&mut session, "SET author='anna'");
        for name in ["c", "g"] {
            let statement = fact(&mut session, name, "statement");
            let before = rows(&mut session, &format!("SELECT * FROM {name}"));
            let done = execute(&mut session, &statement).message;
            if ANSWERED.contains(&number) {
                assert!(done.contains("stored result"), "format {number}: {statement}: {done}");
                assert_eq!(rows(&mut session, &format!("SELECT * FROM {name}")), before);
            }
        }
        execute(&mut session, "INSERT ENTITY 'http://x.org/newer' INTO p.right");
        execute(&mut session, "REFRESH g");
        execute(&mut session, "COMPACT");
        execute(&mut session, "CHECK FULL");
        let there = execute(&mut session, "SELECT * FROM p.right.entities WHERE entity='http://x.org/newer'");
        assert_eq!(rows_of(there).len(), 1);
    }
}

#[test]
fn a_made_up_next_format_is_read_if_it_says_so_and_never_written() {
    let (number, fixture) = formats().pop().unwrap();
    let expected = fs::read_to_string(fixture.join("expected.txt")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    unpack(&fixture, dir.path());
    let stamp = |reader: u32| {
        let text = format!("seedbed store\nformat {}\nreadable-from {reader}\n", number + 1);
        fs::write(dir.path().join("FORMAT"), text).unwrap();
    };
    let refused = |read_only: bool| {
        let error = Store::options().read_only(read_only).open(dir.path()).err().unwrap();
        assert_eq!(error.code(), Code::NewerFormat);
        for said in [number, number + 1] {
            assert!(error.message().contains(&format!("format {said}")), "{error}");
        }
        error.help_text().unwrap().to_string()
    };
    stamp(number);
    let mut session = Store::options().read_only(true).open(dir.path()).unwrap().session();
    assert!(told(&mut session) == expected);
    let error = attempt(&mut session, "ALIGN p match=best AS h").unwrap_err();
    assert_eq!(error.code(), Code::ReadOnly);
    assert!(error.help_text().is_some());
    assert!(refused(false).contains("read-only"));
    // A copy is of the format of what was copied, not of the build that copies.
    let copy = tempfile::tempdir().unwrap();
    execute(&mut session, &format!("BACKUP TO '{}'", copy.path().join("copy").display()));
    let copied = fs::read_to_string(copy.path().join("copy/FORMAT")).unwrap();
    assert_eq!(copied, fs::read_to_string(dir.path().join("FORMAT")).unwrap());
    drop(session);
    stamp(number + 1);
    for read_only in [false, true] {
        assert!(refused(read_only).contains("release of Seedbed that wrote it"));
    }
}
