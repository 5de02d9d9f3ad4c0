//! Damage to any file of a store: what is read afterwards is what was written, or an error that says so.
//!
//! A process of its own damages copies of one store, reads everything, and tells the outcome of each; this
//! one watches it, so that an abort, a hang or a greed for memory is seen as well, and named by the number
//! of its trial. `SEEDBED_DAMAGE=10000 cargo test --release --test damage -- --nocapture` for more trials,
//! `SEEDBED_DAMAGE_TRIAL=n` for one again.
//!
//! What no trial does, for nothing in the store could tell: the whole store put back to an older state
//! of itself, or its log and its seal both.

#[path = "common/contents.rs"]
mod contents;
#[path = "common/files.rs"]
mod files;
#[path = "damage/harm.rs"]
mod harm;
#[path = "common/scratch.rs"]
mod scratch;
#[path = "common/session.rs"]
mod session;
#[path = "damage/store.rs"]
mod store;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use harm::{HARMS, KINDS};
use scratch::scratch;
use seedbed::store::Digest;
use seedbed::{Code, Error, Rng, Session, Store};
use store::{Remembered, copy, digest};

const FROM: &str = "SEEDBED_DAMAGE_FROM";
const DIR: &str = "SEEDBED_DAMAGE_DIR";
/// How long one trial may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// Kilobytes of address space for the process that reads damaged stores.
const MEMORY: u64 = 8 << 20;

/// What came of a trial.
#[derive(Default)]
struct Trial {
    /// The first error that said so.
    detected: Option<String>,
    /// What must never be.
    wrong: Vec<String>,
}

impl Trial {
    /// Takes an error for a detection if it is of a kind that a damaged store may give.
    fn error(&mut self, during: &str, error: &Error) {
        let clear = matches!(
            error.code(),
            Code::Corrupt
                | Code::NotAStore
                | Code::NewerFormat
                | Code::Unsupported
                | Code::Io
                | Code::Poisoned
        );
        match clear {
            true => drop(self.detected.get_or_insert(format!("{during}: {error}"))),
            false => self.wrong.push(format!("{during}: {error:?}")),
        }
    }

    /// Reads everything that is remembered; with `lists`, also the lists.
    fn read(&mut self, session: &mut Session, remembered: &[Remembered], lists: bool) -> bool {
        let before = self.detected.is_some();
        for Remembered { query, rows, list } in remembered {
            match digest(session, query) {
                _ if *list && !lists => {}
                Ok(found) if found == *rows => {}
                Ok(_) => self.wrong.push(format!("{query} gave other rows")),
                Err(error) => self.error(query, &error),
            }
        }
        before || self.detected.is_none()
    }
}

/// Opens a damaged store, reads, checks, writes, and opens it again.
fn examine(dir: &Path, number: usize, remembered: &[Remembered]) -> Trial {
    let mut trial = Trial::default();
    let open = |read_only: bool| {
        Store::options().create(number.is_multiple_of(2) && !read_only).read_only(read_only).open(dir)
    };
    if number.is_multiple_of(4) {
        match open(true) {
            Ok(store) => drop(trial.read(&mut store.session(), remembered, true)),
            Err(error) => trial.error("opening to read", &error),
        }
    }
    let mut session = match open(false) {
        Ok(store) => store.session(),
        Err(error) => {
            trial.error("opening", &error);
            return trial;
        }
    };
    let readable = trial.read(&mut session, remembered, true);
    match contents::answer(&mut session, "CHECK FULL") {
        Ok(_) if !readable => trial.wrong.push("CHECK FULL saw nothing of it".into()),
        Ok(_) => {}
        Err(error) => trial.error("CHECK FULL", &error),
    }
    let written = match contents::answer(&mut session, "GENERATE PAIR written entities=12") {
        Ok(_) => true,
        Err(error) => {
            trial.error("writing", &error);
            false
        }
    };
    drop(session);
    match open(false) {
        Ok(store) => {
            let mut session = store.session();
            trial.read(&mut session, remembered, false);
            match contents::answer(&mut session, "SELECT COUNT(*) FROM written.left.entities") {
                Ok(_) => {}
                Err(_) if !written => {}
                Err(error) => trial.error("reading what was written", &error),
            }
        }
        Err(error) => trial.error("opening again", &error),
    }
    trial
}

fn random(number: usize) -> Rng {
    Rng::stream(number as u64, "damage")
}

/// The part of the process that reads damaged stores.
#[test]
fn another_process() {
    let (Ok(from), Some(dir)) = (std::env::var(FROM), std::env::var_os(DIR)) else { return };
    let (from, until) = from.split_once("..").unwrap();
    let dir = PathBuf::from(dir);
    let remembered: Vec<Remembered> = std::fs::read_to_string(dir.join("remembered"))
        .unwrap()
        .lines()
        .map(|line| {
            let parts: Vec<&str> = line.splitn(3, '\t').collect();
            Remembered {
                list: parts[0] == "list",
                rows: parts[1].parse::<Digest>().unwrap(),
                query: parts[2].to_string(),
            }
        })
        .collect();
    let older = [dir.join("older.0"), dir.join("older.1")];
    // Panics inside of the database are caught and told as errors; others are below.
    std::panic::set_hook(Box::new(|_| {}));
    let mut out = std::io::stdout();
    for number in from.parse().unwrap()..until.parse::<usize>().unwrap() {
        let trial = dir.join(format!("trial.{number}"));
        copy(&dir.join("whole"), &trial);
        let done = harm::damage(&trial, &older, &mut random(number));
        writeln!(out, "\n@ begin {number} {done}").unwrap();
        let outcome = catch_unwind(AssertUnwindSafe(|| examine(&trial, number, &remembered)));
        let outcome =
            outcome.unwrap_or_else(|_| Trial { wrong: vec!["it panicked".into()], ..Trial::default() });
        let verdict = match (&outcome.wrong[..], &outcome.detected) {
            ([], None) => "harmless".to_string(),
            ([], Some(error)) => format!("detected {error}"),
            (wrong, _) => format!("wrong {}", wrong.join("; ")),
        };
        writeln!(out, "\n@ end {:?} {:?} {}", done.kind, done.harm, verdict.replace('\n', " ")).unwrap();
        std::fs::remove_dir_all(&trial).unwrap();
    }
}

/// Starts the process for some trials; gives what it says.
fn start(dir: &Path, from: usize, until: usize) -> (Child, Receiver<String>) {
    let mut child = Command::new("sh")
        .args(["-c", &format!("ulimit -v {MEMORY}; exec \"$0\" \"$@\"")])
        .arg(std::env::current_exe().unwrap())
        .args(["another_process", "--exact", "--nocapture", "--test-threads=1"])
        .env(FROM, format!("{from}..{until}"))
        .env(DIR, dir)
        .env("RAYON_NUM_THREADS", "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            if let Some(line) = line.strip_prefix("@ ") {
                let _ = sender.send(line.to_string());
            }
        }
    });
    (child, receiver)
}

/// What was seen in all trials.
#[derive(Default)]
struct Seen {
    /// Detected, harmless and wrong, by kinds of file and of damage.
    counts: BTreeMap<(String, String), [usize; 3]>,
    wrong: Vec<String>,
    /// Detections that no checksum of a record or of the database made: of older or mixed rows.
    by_seal: usize,
}

impl Seen {
    fn add(&mut self, number: usize, damage: &str, verdict: &str) {
        let mut words = verdict.splitn(3, ' ');
        let (kind, harm) = (words.next().unwrap().to_string(), words.next().unwrap().to_string());
        let rest = words.next().unwrap();
        let column = ["detected", "harmless", "wrong"].iter().position(|word| rest.starts_with(word));
        self.counts.entry((kind, harm)).or_default()[column.unwrap()] += 1;
        self.by_seal += usize::from(rest.starts_with("detected") && rest.contains(": the catalogue "));
        if rest.starts_with("wrong") {
            self.wrong.push(format!("trial {number}, {damage}: {rest}"));
        }
    }

    fn print(&self) {
        println!("detected/harmless/wrong");
        print!("{:15}", "");
        HARMS.iter().for_each(|harm| print!("{:>14}", format!("{harm:?}")));
        println!();
        for kind in KINDS {
            print!("{:15}", format!("{kind:?}"));
            for harm in HARMS {
                let counts = self.counts.get(&(format!("{kind:?}"), format!("{harm:?}")));
                let [detected, harmless, wrong] = counts.copied().unwrap_or_default();
                print!("{:>14}", format!("{detected}/{harmless}/{wrong}"));
            }
            println!();
        }
        let sum = |column: usize| self.counts.values().map(|counts| counts[column]).sum::<usize>();
        println!("{} detected, {} harmless, {} wrong", sum(0), sum(1), sum(2));
        println!("{} were detected by nothing but the number or the rows of the last commit", self.by_seal);
    }
}

#[test]
#[cfg(unix)]
fn damage_is_detected_or_harmless() {
    let told = |name: &str| std::env::var(name).ok().and_then(|n| n.parse::<usize>().ok());
    let (from, until) = match told("SEEDBED_DAMAGE_TRIAL") {
        Some(trial) => (trial, trial + 1),
        None => (0, told("SEEDBED_DAMAGE").unwrap_or(150)),
    };
    let scratch = scratch();
    let dir = scratch.path();
    store::make(dir);
    let lines: Vec<String> = store::remember(dir)
        .iter()
        .map(|one| format!("{}\t{}\t{}", if one.list { "list" } else { "rows" }, one.rows, one.query))
        .collect();
    std::fs::write(dir.join("remembered"), lines.join("\n")).unwrap();

    let (mut seen, mut next) = (Seen::default(), from);
    while next < until {
        let (mut child, said) = start(dir, next, until);
        let mut damage = String::new();
        loop {
            let line = said.recv_timeout(PATIENCE);
            if let Ok(line) = &line {
                match line.strip_prefix("end ") {
                    Some(verdict) => {
                        seen.add(next, &damage, verdict);
                        next += 1;
                    }
                    None => damage = line.clone(),
                }
                continue;
            }
            if line == Err(RecvTimeoutError::Timeout) {
                child.kill().unwrap();
            }
            let status = child.wait().unwrap();
            if next < until {
                let why = if line == Err(RecvTimeoutError::Timeout) { "it hung" } else { "it died" };
                seen.wrong.push(format!("trial {next}, {damage}: {why}, {status}"));
                next += 1;
            }
            break;
        }
    }
    seen.print();
    assert!(seen.wrong.is_empty(), "{}", seen.wrong.join("\n"));
    // That nothing was wrong would say little if nothing had been damaged.
    let detected: usize = seen.counts.values().map(|counts| counts[0]).sum();
    assert!(detected * 4 > until - from || until - from < 20, "only {detected} were detected");
}
