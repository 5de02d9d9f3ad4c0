//! kill -9 at random moments of a mixed workload over one store that lives through all of it: after each
//! kill the store holds exactly what the acknowledged statements left, or those and the one under way.
//!
//! The statements follow from their numbers. A process runs them one after the other and acknowledges
//! each; this one kills it, and runs the same statements on a store in memory that nothing disturbs, the
//! oracle. Fifty kills by default; `SEEDBED_KILLS=1000 cargo test --release --test kill_mixed` for more.

#[path = "common/contents.rs"]
mod contents;
#[path = "common/scratch.rs"]
mod scratch;
#[path = "common/session.rs"]
mod session;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use contents::{LISTS, questions, untimed};
use scratch::scratch;
use seedbed::{Rng, Session, Store};
use session::attempt;

const FROM: &str = "SEEDBED_KILL_FROM";
const DIR: &str = "SEEDBED_KILL_DIR";
/// After so many statements everything is dropped and begun afresh.
const ROUND: usize = 60;

/// What a round begins with: nothing of the last one, and something to work on.
const BEGINNING: [&str; 16] = [
    "DROP a",
    "DROP b",
    "DROP i",
    "DROP m",
    "DROP s3",
    "DROP s2",
    "DROP s1",
    "DROP q",
    "DROP f",
    "DROP p",
    "GENERATE PAIR p entities=100 visual_dims=8",
    "EMBED name USING ngrams dims=128 INTO p",
    "SEED cluster n=30 weights(visual=1) FROM p AS s1",
    "SEED visual n=25 FROM p AS s2",
    "TRAIN eva ON p USING s1 epochs=1 dims=8 batch=40 AS m",
    "ALIGN p match=best AS a",
];

/// The statement of a number.
fn statement(number: usize, folder: &str) -> String {
    if let Some(first) = BEGINNING.get(number % ROUND) {
        return first.to_string();
    }
    let mut rng = Rng::stream(number as u64, "kills");
    let seed = rng.below(1000);
    let left = |rng: &mut Rng| format!("http://left.example/resource/{}", 100_000 + rng.below(60));
    let own = |rng: &mut Rng| format!("http://x.org/{}", rng.below(6));
    let from = ["s1", "s2"][rng.below(2)];
    match rng.below(26) {
        0 => format!("GENERATE PAIR q entities={} seed={seed}", 60 + rng.below(40)),
        1 => format!("IMPORT openea '{folder}' AS f"),
        2 => format!("EMBED name USING ngrams dims={} INTO p", 64 << rng.below(2)),
        3 => "EMBED relation USING bow dims=40 INTO p".into(),
        4 => format!("SEED cluster n={} seed={seed} weights(visual=1) FROM p AS s1", 20 + rng.below(20)),
        5 => format!("SEED visual n={} FROM p AS s2", 20 + rng.below(20)),
        6 => format!("CORRECT {from} AS s3"),
        7 => format!("TRAIN eva ON p USING {from} epochs=1 dims=8 batch=40 seed={seed} AS m"),
        8 => "ALIGN p USING m AS b".into(),
        9 => "ALIGN p match=mutual AS a".into(),
        10 => "CREATE INDEX i ON p weights(visual=1)".into(),
        11 => format!("DROP {}", ["a", "b", "i", "m", "s2", "s3", "q", "f"][rng.below(8)]),
        12 => "COMPACT".into(),
        13 => format!("REFRESH {}", ["a", "s3", "b"][rng.below(3)]),
        14 => format!("EVALUATE {}", ["a", "s1"][rng.below(2)]),
        15 | 16 => format!("INSERT ENTITY '{}' name='Number {seed}' INTO p.left", own(&mut rng)),
        17 | 18 => {
            let (head, tail) = (own(&mut rng), left(&mut rng));
            format!("INSERT TRIPLE ('{head}', 'http://x.org/knows', '{tail}') INTO p.left")
        }
        19 => format!("INSERT ATTRIBUTE ('{}', 'http://x.org/height', {seed}) INTO p.left", own(&mut rng)),
        20 => {
            let (head, tail) = (own(&mut rng), left(&mut rng));
            format!("DELETE TRIPLE ('{head}', 'http://x.org/knows', '{tail}') FROM p.left")
        }
        21 => format!("DELETE ENTITY '{}' FROM p.left", own(&mut rng)),
        22 => format!("DELETE ENTITY '{}' FROM p.left", left(&mut rng)),
        23 | 24 => {
            let verb = ["ACCEPT", "REJECT"][rng.below(2)];
            // The other side's IRIs say nothing, but names do.
            format!("{verb} ('{}', '{{right {}}}') IN p", left(&mut rng), rng.below(60))
        }
        _ => "UNDO IN p".into(),
    }
}

/// Whether a statement commits several times, each time something whole.
fn in_steps(statement: &str) -> bool {
    statement.starts_with("REFRESH")
}

/// Runs a statement; says how it ended. What fails changes nothing, and must fail alike everywhere.
fn run(session: &mut Session, number: usize, folder: &str) -> String {
    let mut text = statement(number, folder);
    if let Some((before, rest)) = text.clone().split_once("{right ") {
        let (row, after) = rest.split_once('}').unwrap();
        let query = format!("SELECT entity FROM p.right.entities LIMIT 1 OFFSET {row}");
        let entity = untimed(session, &query).unwrap_or_default().pop().unwrap_or_default();
        text = format!("{before}{entity}{after}");
    }
    match attempt(session, &text) {
        Ok(outcome) => {
            let rows = outcome.rows.into_iter().flatten().map(|row| row.unwrap());
            format!("done {}", rows.count())
        }
        Err(error) => format!("failed {}", error.code().as_str()),
    }
}

/// All rows of all there is. Runs are left out: one that was killed may leave its checkpoint.
fn all(session: &mut Session) -> BTreeMap<String, Vec<String>> {
    let lists = LISTS.iter().filter(|list| **list != "SHOW RUNS").map(|list| list.to_string());
    let queries: Vec<String> = lists.chain(questions(session).unwrap()).collect();
    let rows = queries.into_iter().map(|query| {
        let rows = untimed(session, &query).unwrap_or_else(|error| panic!("{query}: {error:?}"));
        (query, rows)
    });
    rows.collect()
}

/// The queries that two stores answer differently, with an example.
fn differences(one: &BTreeMap<String, Vec<String>>, other: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let mut found = Vec::new();
    for query in one.keys().chain(other.keys().filter(|query| !one.contains_key(*query))) {
        let none = Vec::new();
        let (a, b) = (one.get(query).unwrap_or(&none), other.get(query).unwrap_or(&none));
        if a != b {
            let at = a.iter().zip(b).take_while(|(a, b)| a == b).count();
            let lines = format!("{} and {} rows, from {at}", a.len(), b.len());
            found.push(format!("{query}: {lines}: {:?} is not {:?}", a.get(at), b.get(at)));
        }
    }
    found
}

/// The part of the process that is killed.
#[test]
fn another_process() {
    let (Ok(from), Some(dir)) = (std::env::var(FROM), std::env::var_os(DIR)) else { return };
    let dir = PathBuf::from(dir);
    let folder = dir.join("openea").display().to_string();
    let mut session = Store::open(dir.join("store")).unwrap().session();
    for number in from.parse::<usize>().unwrap().. {
        let outcome = run(&mut session, number, &folder);
        println!("\n@ {number} {outcome}");
        std::io::stdout().flush().unwrap();
    }
}

fn start(dir: &Path, from: usize) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["another_process", "--exact", "--nocapture", "--test-threads=1"])
        .env(FROM, from.to_string())
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// A small folder to import.
fn write_folder(folder: &Path) {
    std::fs::create_dir(folder).unwrap();
    let mut rng = Rng::new(3);
    for side in [1, 2] {
        let mut entity = || format!("http://side{side}.org/{}", rng.below(40));
        let triples: String =
            (0..120).map(|i| format!("{}\thttp://r.org/{}\t{}\n", entity(), i % 5, entity())).collect();
        std::fs::write(folder.join(format!("rel_triples_{side}")), triples).unwrap();
    }
}

#[test]
fn a_store_that_is_killed_again_and_again_holds_exactly_what_was_acknowledged() {
    let kills: usize = std::env::var("SEEDBED_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(50);
    let scratch = scratch();
    let dir = scratch.path();
    let folder = dir.join("openea");
    write_folder(&folder);
    let folder = folder.display().to_string();
    let mut oracle = Store::in_memory().session();
    let mut rng = Rng::new(19);
    let (mut next, mut failed, mut lost, mut kept, mut again) = (0, 0, 0, 0, 0);
    let started = Instant::now();
    for kill in 0..kills {
        let mut child = start(dir, next);
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut text = Vec::new();
        // Some way into a statement; now and then while the store is being opened.
        let mut wanted = if rng.below(10) == 0 { 0 } else { 1 + rng.below(8) };
        while wanted > 0 {
            let from = text.len();
            assert!(
                out.read_until(b'\n', &mut text).unwrap() > 0,
                "kill {kill}: the process ended by itself"
            );
            wanted -= usize::from(text[from..].starts_with(b"@ "));
        }
        std::thread::sleep(Duration::from_millis(rng.below(50) as u64));
        child.kill().unwrap();
        child.wait().unwrap();
        out.read_to_end(&mut text).unwrap();
        for line in text.lines().map(Result::unwrap) {
            let Some(line) = line.strip_prefix("@ ") else { continue };
            let (number, outcome) = line.split_once(' ').unwrap();
            assert_eq!(number, next.to_string(), "kill {kill}");
            assert_eq!(run(&mut oracle, next, &folder), outcome, "kill {kill}: {}", statement(next, &folder));
            failed += usize::from(outcome.starts_with("failed"));
            next += 1;
        }
        let under_way = statement(next, &folder);
        let mut session = Store::open(dir.join("store")).unwrap().session();
        let check = attempt(&mut session, "CHECK FULL");
        assert!(check.is_ok(), "kill {kill}, `{under_way}` under way: {:?}", check.err());
        let found = all(&mut session);
        let before = differences(&found, &all(&mut oracle));
        if before.is_empty() {
            lost += 1;
            continue;
        }
        run(&mut oracle, next, &folder);
        let mut after = differences(&found, &all(&mut oracle));
        if !after.is_empty() && in_steps(&under_way) {
            run(&mut session, next, &folder);
            again += 1;
            after = differences(&all(&mut session), &all(&mut oracle));
            after.retain(|difference| !difference.starts_with("SHOW OPERATIONS"));
        }
        assert!(
            after.is_empty(),
            "kill {kill}, with `{under_way}` under way, is neither\nbefore: {}\nnor after: {}",
            before.join("\n"),
            after.join("\n")
        );
        kept += 1;
        next += 1;
    }
    println!(
        "{kills} kills in {:.1} s over {next} statements, {failed} of which were refused; of what was under way \
         {lost} left nothing, {kept} all, {again} of them when issued again",
        started.elapsed().as_secs_f64()
    );
    assert!(kept > 0 || kills < 20, "no kill met a statement that was committed");
    assert!(next > 2 * kills && failed < next / 2, "{next} statements, {failed} failed");
}
