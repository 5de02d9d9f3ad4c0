//! Graphs nobody wants: a hub, a huge literal, a relation a triple, names that play tricks. Everything
//! works on them or is refused with a clear word; the time it takes is told, memory is bounded.
//!
//! Smaller than they should be, so that a debug build bears them; `SEEDBED_HOSTILE=1 cargo test --release
//! --test hostile_graphs -- --nocapture` for the full size.

#[path = "common/session.rs"]
mod session;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::time::Instant;

use seedbed::{Code, Session, Store};
use session::{attempt, execute, rows, text};

/// One case at a time: memory is the process's.
static ALONE: Mutex<()> = Mutex::new(());

/// The full size, or a twentieth of it.
fn scaled(full: usize) -> usize {
    if std::env::var_os("SEEDBED_HOSTILE").is_some() { full } else { full / 20 }
}

/// The most memory since the last call in MiB, where the system tells.
fn peak() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    fs::write("/proc/self/clear_refs", "5").ok()?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? >> 10)
}

/// Runs the statements one by one, each within so many MiB; prints what they took.
fn run(case: &str, session: &mut Session, statements: &[String], memory: u64) {
    for statement in statements {
        peak();
        let started = Instant::now();
        let outcome = attempt(session, statement).map(|outcome| {
            outcome.rows.into_iter().flatten().for_each(|row| drop(row.unwrap()));
        });
        let (took, peak) = (started.elapsed(), peak());
        let mebibytes = peak.map_or("?".into(), |peak| peak.to_string());
        println!("{case}: {:.2} s, {mebibytes} MiB: {}", took.as_secs_f64(), shown(statement));
        if let Err(error) = outcome {
            panic!("{case}: {}: {error:?}", shown(statement));
        }
        assert!(peak.is_none_or(|peak| peak < memory), "{case}: {}: {mebibytes} MiB", shown(statement));
    }
}

fn shown(statement: &str) -> String {
    statement.chars().take(100).collect()
}

/// Everything that is done with a pair, from its import to the exported links.
fn workflow(folder: &Path, out: &Path) -> Vec<String> {
    let export =
        |name: &str, format: &str| format!("EXPORT a TO '{}' format={format}", out.join(name).display());
    vec![
        format!("IMPORT openea '{}' AS p", folder.display()),
        "EMBED name USING ngrams INTO p".into(),
        "EMBED relation USING bow INTO p".into(),
        "EMBED attribute USING bow INTO p".into(),
        "SEED cluster n=20 FROM p AS s".into(),
        "PSQE n=20 tune=false FROM p AS q".into(),
        "EMBED structure USING propagation FROM q INTO p".into(),
        "TRAIN eva ON p USING q epochs=1 dims=16 batch=64 AS m".into(),
        "ALIGN p AS a".into(),
        "EXPLAIN SEEDS q".into(),
        "SELECT * FROM a".into(),
        "SELECT * FROM p.left.triples".into(),
        "SELECT * FROM p.left.attributes".into(),
        export("links.sssom.tsv", "sssom prefixes=auto"),
        export("links.csv", "csv"),
        export("links.rdf", "alignment"),
        "CHECK FULL".into(),
        "COMPACT".into(),
    ]
}

/// Writes the files of one side.
fn side(folder: &Path, number: usize, triples: &str, attributes: &str) {
    fs::write(folder.join(format!("rel_triples_{number}")), triples).unwrap();
    fs::write(folder.join(format!("attr_triples_{number}")), attributes).unwrap();
}

fn entity(side: usize, i: usize) -> String {
    format!("http://side{side}.org/resource/Thing_{i}")
}

/// A ring of entities with names, as a beginning.
fn ring(number: usize, size: usize) -> (String, String) {
    let (mut triples, mut attributes) = (String::new(), String::new());
    for i in 0..size {
        let (this, next) = (entity(number, i), entity(number, (i + 1) % size));
        writeln!(triples, "{this}\thttp://r.org/next\t{next}").unwrap();
        writeln!(attributes, "{this}\thttp://www.w3.org/2000/01/rdf-schema#label\tThing number {i}").unwrap();
    }
    (triples, attributes)
}

/// Makes a store over two sides and runs the workflow on it.
fn case(name: &str, write: impl Fn(usize) -> (String, String), memory: u64) {
    let _alone = ALONE.lock().unwrap_or_else(|poison| poison.into_inner());
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("folder");
    fs::create_dir(&folder).unwrap();
    for number in [1, 2] {
        let (triples, attributes) = write(number);
        side(&folder, number, &triples, &attributes);
    }
    let mut session = Store::open(scratch.path().join("store")).unwrap().session();
    run(name, &mut session, &workflow(&folder, scratch.path()), memory);
}

#[test]
fn an_entity_of_a_million_edges_goes_through_everything() {
    let (entities, relations) = (scaled(20_000), 50);
    let write = |number| {
        let (mut triples, attributes) = ring(number, entities);
        for i in 1..entities {
            for relation in 0..relations {
                let (hub, other) = (entity(number, 0), entity(number, i));
                writeln!(triples, "{hub}\thttp://r.org/to_{relation}\t{other}").unwrap();
            }
        }
        (triples, attributes)
    };
    case("hub", write, 3000);
}

#[test]
fn a_literal_of_ten_megabytes_goes_through_everything() {
    let length = scaled(10 << 20);
    let write = |number| {
        let (triples, mut attributes) = ring(number, 300);
        let long = "a long story ".repeat(length / 13);
        writeln!(attributes, "{}\thttp://a.org/story\t{long}", entity(number, 3)).unwrap();
        writeln!(attributes, "{}\thttp://xmlns.com/foaf/0.1/name\t{long}", entity(number, 301)).unwrap();
        (triples, attributes)
    };
    case("literal", write, 1500);
}

#[test]
fn a_hundred_thousand_relations_go_through_everything() {
    let count = scaled(100_000);
    let write = |number| {
        let (mut triples, mut attributes) = ring(number, 2000);
        for i in 0..count {
            let (head, tail) = (entity(number, i % 2000), entity(number, i * 7 % 2000));
            writeln!(triples, "{head}\thttp://r.org/relation_{i}\t{tail}").unwrap();
            writeln!(attributes, "{head}\thttp://a.org/attribute_{i}\t{i}").unwrap();
        }
        (triples, attributes)
    };
    case("relations", write, 3000);
}

/// Names that play tricks on terminals and on people.
const TRICKS: [&str; 10] = [
    "\u{202e}drawkcab si siht\u{202c}",
    "zero\u{200b}width\u{feff}\u{2060}name",
    "\u{1b}[2J\u{1b}[31mcleared\u{1b}]0;title\u{7}",
    "\u{9b}31mone byte is enough",
    "bell\u{7} back\u{8}space delete\u{7f}",
    "line\u{2028}and\u{2029}paragraph",
    "שלום עולם",
    "مرحبا بالعالم",
    "👩\u{200d}👩\u{200d}👧 family",
    "Z\u{351}\u{343}\u{308}\u{36b}a\u{36b}\u{368}l\u{35c}\u{34e}g\u{317}o",
];

fn tricks(number: usize) -> (String, String) {
    let (mut triples, mut attributes) = ring(number, 60);
    for (i, trick) in TRICKS.iter().enumerate() {
        let this = format!("http://side{number}.org/resource/{trick}");
        writeln!(triples, "{this}\thttp://r.org/{trick}\t{}", entity(number, i)).unwrap();
        writeln!(attributes, "{this}\thttp://www.w3.org/2000/01/rdf-schema#label\t{trick}").unwrap();
        writeln!(attributes, "{}\thttp://a.org/{trick}\t{trick}", entity(number, i)).unwrap();
    }
    (triples, attributes)
}

#[test]
fn names_that_play_tricks_go_through_everything_and_come_back_as_they_were() {
    case("tricks", tricks, 1500);
    let scratch = tempfile::tempdir().unwrap();
    for number in [1, 2] {
        let (triples, attributes) = tricks(number);
        side(scratch.path(), number, &triples, &attributes);
    }
    let mut session = Store::in_memory().session();
    execute(&mut session, &format!("IMPORT openea '{}' AS p", scratch.path().display()));
    let names: Vec<String> =
        rows(&mut session, "SELECT value FROM p.left.attributes").iter().map(|row| text(&row[0])).collect();
    for trick in TRICKS {
        assert!(names.iter().any(|name| name == trick), "{trick:?} is not there");
    }
}

fn seedbed(store: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seedbed"));
    command.arg("--store").arg(store).args(arguments).stdin(Stdio::null());
    command.output().unwrap()
}

/// Whether a text could steer a terminal or turn its lines around.
fn steers(text: &str) -> bool {
    let turns = |c| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().any(|c| c.is_control() && c != '\n' || turns(c))
}

#[test]
fn what_the_shell_prints_for_people_steers_no_terminal() {
    let scratch = tempfile::tempdir().unwrap();
    let (folder, store) = (scratch.path().join("folder"), scratch.path().join("store"));
    fs::create_dir(&folder).unwrap();
    for number in [1, 2] {
        let (triples, attributes) = tricks(number);
        side(&folder, number, &triples, &attributes);
    }
    let import = format!("IMPORT openea '{}' AS p; EMBED name USING ngrams INTO p;", folder.display());
    let trick = TRICKS[2];
    let made =
        seedbed(&store, &["-c", &format!("{import} SEED text n=20 FROM p AS s; ALIGN p match=best AS a;")]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let statements = [
        "SELECT * FROM p.left.entities".to_string(),
        "SELECT * FROM p.left.triples".to_string(),
        "SELECT * FROM p.left.attributes".to_string(),
        "SELECT * FROM s".to_string(),
        "SELECT * FROM a".to_string(),
        "SELECT * FROM a.unmatched".to_string(),
        "EXPLAIN SEEDS s".to_string(),
        format!("MATCH '{trick}' IN p LIMIT 3"),
        format!(
            "EXPLAIN MATCH 'http://side1.org/resource/{trick}', 'http://side2.org/resource/{trick}' IN p"
        ),
        // What is refused quotes what it was given.
        format!("SELECT * FROM \"{trick}\""),
        format!("MATCH 'nothing {trick}' IN p"),
        format!("IMPORT openea '/nowhere/{trick}' AS q"),
        format!("SELECT {trick} FROM p"),
        format!("INSERT TRIPLE ('{trick}', '{trick}', '{trick}') INTO p.left"),
        format!("DELETE ENTITY 'http://side1.org/resource/{trick}' FROM p.left"),
        "SHOW OPERATIONS".to_string(),
        "SHOW LINEAGE a".to_string(),
    ];
    for statement in &statements {
        for mode in ["box", "line", "markdown"] {
            let out = seedbed(&store, &["--output", mode, "-c", statement]);
            for (name, bytes) in [("standard output", out.stdout), ("standard error", out.stderr)] {
                let text = String::from_utf8(bytes).unwrap();
                let line = text.lines().find(|line| steers(line));
                assert!(line.is_none(), "{statement:?} in mode {mode}, {name}: {line:?}");
            }
        }
    }
    // A drawn table stays one: its lines are equally wide.
    let out = seedbed(&store, &["--output", "box", "-c", "SELECT entity, name FROM p.left.entities"]);
    let text = String::from_utf8(out.stdout).unwrap();
    let widths: Vec<usize> =
        text.lines().filter(|line| line.starts_with(['│', '├', '┌', '└'])).map(unicode_width).collect();
    assert!(widths.len() > 60 && widths.iter().all(|width| *width == widths[0]), "{widths:?}");
}

/// Columns on a terminal, character by character.
fn unicode_width(line: &str) -> usize {
    use unicode_width::UnicodeWidthChar;
    line.chars().map(|c| c.width().unwrap_or(0)).sum()
}

#[test]
fn a_line_break_in_an_iri_comes_back_or_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    for number in [1, 2] {
        let table = format!("head,relation,tail\n\"http://x{number}/a\nb\",r,http://x{number}/c\n");
        fs::write(scratch.path().join(format!("triples_{number}.csv")), table).unwrap();
    }
    let mut session = Store::in_memory().session();
    match attempt(&mut session, &format!("IMPORT csv '{}' AS p", scratch.path().display())) {
        Ok(_) => {
            let found = rows(&mut session, "SELECT entity FROM p.left.entities");
            assert!(found.iter().any(|row| text(&row[0]) == "http://x1/a\nb"), "{found:?}");
        }
        Err(error) => assert_eq!(error.code(), Code::BadFile),
    }
}

#[test]
#[cfg(unix)]
fn links_and_dots_in_paths_lead_where_they_say_and_never_into_the_store() {
    use std::os::unix::fs::symlink;
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path();
    let folder = dir.join("folder");
    fs::create_dir(&folder).unwrap();
    for number in [1, 2] {
        let (triples, attributes) = ring(number, 30);
        side(&folder, number, &triples, &attributes);
    }
    symlink(&folder, dir.join("link")).unwrap();
    symlink(dir.join("loop"), dir.join("loop")).unwrap();
    symlink(dir.join("gone"), dir.join("dangling")).unwrap();
    let mut session = Store::open(dir.join("store")).unwrap().session();
    let mut run =
        |statement: String| attempt(&mut session, &statement).map(|_| ()).map_err(|error| error.code());
    // Reading goes where the system leads.
    assert_eq!(run(format!("IMPORT openea '{}' AS a", dir.join("link").display())), Ok(()));
    assert_eq!(run(format!("IMPORT openea '{}' AS b", dir.join("folder/../link").display())), Ok(()));
    assert!(run(format!("IMPORT openea '{}' AS c", dir.join("loop").display())).is_err());
    assert_eq!(run(format!("IMPORT openea '{}' AS c", dir.join("dangling").display())), Err(Code::NotFound));
    // A backup is made where nothing is, and never inside the store, whatever the path looks like.
    symlink(dir.join("store"), dir.join("into")).unwrap();
    for inside in ["store/copy", "into/copy", "folder/../store/copy", "store/objects/copy"] {
        assert_eq!(
            run(format!("BACKUP TO '{}'", dir.join(inside).display())),
            Err(Code::Conflict),
            "{inside}"
        );
    }
    for taken in ["link", "dangling", "loop", "folder", "into"] {
        assert_eq!(run(format!("BACKUP TO '{}'", dir.join(taken).display())), Err(Code::Conflict), "{taken}");
    }
    for odd in ["..", "folder/..", "."] {
        assert!(run(format!("BACKUP TO '{}'", dir.join(odd).display())).is_err(), "{odd}");
    }
    assert_eq!(run(format!("BACKUP TO '{}'", dir.join("folder/../copy").display())), Ok(()));
    assert!(Store::options().create(false).open(dir.join("copy")).is_ok());
    assert!(!dir.join("gone").exists() && fs::read_dir(&folder).unwrap().count() == 4);
}
