//! Every input of the corpora goes through its target; and no kind of record is without one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::records::KINDS;
use crate::ops::{Engine, Settings, run as execute};
use crate::ql::{self, Params};
use crate::store::{Db, archives};
use crate::task::Task;

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

fn run(target: &str, door: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let inputs = files(&folder);
    assert!(!inputs.is_empty());
    for input in inputs {
        // Shown where the test fails.
        println!("{}", input.display());
        door(&std::fs::read(&input).expect("an input"));
    }
}

#[test]
fn statements_of_the_corpus_pass() {
    run("statement", super::statement);
}

#[test]
fn graphs_of_the_corpus_pass() {
    run("graphs", super::graphs);
}

#[test]
fn matrices_of_the_corpus_pass() {
    run("matrices", super::matrices);
}

#[test]
fn pictures_and_weights_of_the_corpus_pass() {
    run("encoders", super::encoders);
}

#[test]
fn pickles_of_the_corpus_pass() {
    run("pickle", super::pickle);
}

#[test]
fn records_of_the_corpus_pass() {
    run("records", super::records);
}

#[test]
fn every_kind_of_record_is_decoded() {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut kinds = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for path in files(&folder) {
            if path.is_dir() {
                folders.push(path);
            } else if !path.ends_with("store/testing.rs") && !path.ends_with("store/record.rs") {
                let text = std::fs::read_to_string(&path).expect("a source");
                // `const KIND: [u8; 4] = *b"matx";` and, in a table of several, `NameBlock => b"name";`
                let lines = text
                    .lines()
                    .filter(|line| line.contains("const KIND: [u8; 4]") || line.contains("Block => b\""));
                let quoted = |line: &str| Some(line.split_once("b\"")?.1.split_once('"')?.0.to_string());
                kinds.extend(lines.filter_map(quoted));
            }
        }
    }
    let decoded: BTreeSet<String> =
        KINDS.iter().map(|kind| String::from_utf8_lossy(&kind.name).into_owned()).collect();
    assert_eq!(decoded, kinds);
}

/// Statements that leave records and objects of nearly every kind.
const SCRIPT: &str = concat!(
    "
    GENERATE PAIR p entities=12 relations=2 attributes=2 visual_dims=3 overlap=0.9 seed=1;
    EMBED name USING ngrams dims=256 INTO p;
    EMBED name USING bert '",
    env!("CARGO_MANIFEST_DIR"),
    "/tests/encoders/bert' INTO p AS words;
    SEED visual n=6 FROM p AS s;
    CORRECT s AS c;
    TUNE c epochs=1 dims=4 batch=4 AS t;
    TRAIN eva ON p USING s epochs=1 dims=4 batch=4 AS m;
    ALIGN p USING features(visual=1) match=mutual AS a;
    CREATE INDEX i ON p weights(visual=1);
    BENCH PAIRS p MODELS eva SEEDS s epochs=1 dims=4 batch=4 runs=1;
    ACCEPT ('http://left.example/resource/100000', 'http://right.example/id/hkbjhckc') IN p;
    INSERT TRIPLE ('http://x/new', 'http://x/r', 'http://x/other') INTO p.left;
"
);

/// A small store of everything.
fn store() -> Db {
    let db = Db::in_memory();
    let read = |text: &str| ql::bind(&ql::parse(text)?[0], &Params::new());
    let (engine, mut settings) = (Engine::new(db.clone(), read), Settings::default());
    for statement in ql::parse(SCRIPT).expect("statements") {
        let request = ql::bind(&statement, &Params::new()).expect("a request");
        let done = execute(&engine, &request, &mut settings, &Task::quiet());
        done.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
    }
    db
}

/// The shortest archive of each kind is in the corpus; `UPDATE_CORPUS=1` puts it there.
#[test]
fn what_a_store_holds_is_decoded() {
    let mut shortest = BTreeMap::new();
    for (kind, archive) in archives(&store()).expect("a whole store") {
        let at = KINDS.iter().position(|known| known.name == kind).expect("a kind that is known");
        let input = [&[b'A' + at as u8, b'0'], &archive[..]].concat();
        super::records(&input);
        let known: &mut Vec<u8> = shortest.entry(at).or_insert_with(|| input.clone());
        if input.len() < known.len() {
            *known = input;
        }
    }
    assert!(shortest.len() + 2 >= KINDS.len(), "{:?}", shortest.keys());
    let of = |name: &[u8; 4]| {
        let at = KINDS.iter().position(|kind| kind.name == *name).expect("a kind that is known");
        shortest[&at][2..].to_vec()
    };
    let sections = [b"enty", b"name", b"name", b"trip", b"attr", b"edit"].map(of);
    let graph = [b"x0".to_vec(), sections.join(&b"\x1c\x1c"[..])].concat();
    super::records(&graph);
    if std::env::var_os("UPDATE_CORPUS").is_some() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/records");
        for (at, input) in shortest {
            let name = String::from_utf8_lossy(&KINDS[at].name).trim().to_string();
            std::fs::write(corpus.join(name), input).expect("an input");
        }
        std::fs::write(corpus.join("graph"), graph).expect("an input");
    }
}
