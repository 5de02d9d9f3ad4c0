//! A statement in the middle of which any one call to files or tables fails, or all from one on, as when
//! the machine stops: the store is as it was or as it is to be, says so, and goes on.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use crate::api::{Store, read};
use crate::error::{Code, Error, Result};
use crate::fs::RealFs;
use crate::ops::{Engine, Value};
use crate::ql::Params;
use crate::store::testing::{Probe, ProbeEngine, ProbeFs};
use crate::store::{Db, MemoryEngine, MemoryFs};

/// Calls of reading that are made to fail, at even distances.
const READS_TRIED: usize = 12;

/// Every call of a statement fails once by itself. With all calls after it, and of reading, some are taken unless
/// `SEEDBED_FAULTS=all` asks for every one.
fn thorough() -> bool {
    std::env::var("SEEDBED_FAULTS").is_ok_and(|text| text == "all")
}

/// What every test begins from.
const BEGIN: &[&str] = &[
    "GENERATE PAIR p entities=60",
    "GENERATE PAIR unused entities=20",
    "EMBED name USING ngrams INTO p",
    "SEED cluster k=2 n=20 FROM p AS s1",
    "TUNE s1 epochs=2 AS t1",
    "TRAIN eva ON p USING s1 epochs=2 AS m1",
    "ALIGN p AS a1",
    "CREATE INDEX i1 ON p",
    "INSERT TRIPLE ('http://left.example/resource/100000', 'http://left.example/new', \
     'http://left.example/resource/100001') INTO p.left",
    "SEED visual n=10 FROM p AS unwanted",
    "DROP unwanted",
    "ACCEPT ('http://left.example/resource/100001', 'http://right.example/id/xrdgbmqm') IN p",
];

fn open(disk: &MemoryFs, probe: &Probe) -> Result<Store> {
    let engine = Arc::new(ProbeEngine(Arc::new(MemoryEngine(disk.clone())), probe.clone()));
    let fs = Arc::new(ProbeFs(Arc::new(disk.clone()), probe.clone()));
    let db = Db::assemble(Path::new("/store"), fs, engine, false, None)?;
    let mut engine = Engine::new(db, read);
    engine.outside = Arc::new(ProbeFs(Arc::new(RealFs), probe.clone()));
    Ok(Store { engine: Arc::new(engine) })
}

fn execute(store: &Store, statement: &str) -> Result<Vec<Vec<Value>>> {
    let rows = store.execute(statement, &Params::default())?.rows;
    rows.into_iter().flatten().map(|row| Ok(row?.values().to_vec())).collect()
}

/// The disk of a store with something of everything.
fn begun() -> MemoryFs {
    static BEGUN: OnceLock<MemoryFs> = OnceLock::new();
    let disk = BEGUN.get_or_init(|| {
        let disk = MemoryFs::default();
        let store = open(&disk, &Probe::default()).unwrap();
        for statement in BEGIN {
            execute(&store, statement).unwrap_or_else(|error| panic!("{statement}: {error:?}"));
        }
        disk
    });
    disk.copy()
}

/// What the store holds: every property of every pair and artifact, but how long it took.
fn contents(store: &Store) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::new();
    for kind in ["PAIRS", "ARTIFACTS"] {
        for row in execute(store, &format!("SHOW {kind}")).unwrap() {
            let name = row[0].to_string();
            let properties = execute(store, &format!("DESCRIBE {name}")).unwrap();
            let timeless = properties.iter().map(|row| format!("{} {}", row[0], row[1]));
            let timeless = timeless.filter(|line| !line.contains("seconds")).collect();
            found.insert(name, timeless);
        }
    }
    let verdicts = execute(store, "SELECT left, right, said FROM p.verdicts").unwrap();
    found.insert("verdicts".to_string(), verdicts.iter().map(|row| format!("{row:?}")).collect());
    found
}

/// A statement, and what is to be known of it.
struct Case<'a> {
    statement: &'a str,
    /// Whether it makes several things, each of them whole.
    in_steps: bool,
}

impl Case<'_> {
    /// Fails unless `now` is what was before or what is to be.
    fn judge(&self, now: &Contents, before: &Contents, after: &Contents, at: &str) {
        let whole = now == before || now == after;
        let each = || {
            now.iter().all(|(name, is)| {
                let sides = [before.get(name), after.get(name)];
                // What is stale, and what was made of a pair, changes with every step.
                let lasting = |lines: &[String]| -> Vec<String> {
                    lines.iter().filter(|line| !line.starts_with("state ")).cloned().collect()
                };
                let same =
                    |side: &Option<&Vec<String>>| side.is_some_and(|side| lasting(side) == lasting(is));
                sides.iter().any(same) || (name == "p" && sides.iter().all(Option::is_some))
            })
        };
        if whole || (self.in_steps && each()) {
            return;
        }
        for (name, is) in now {
            for (when, then) in [("before", before), ("after", after)] {
                let was = then.get(name).map_or(&[][..], Vec::as_slice);
                let odd: Vec<_> = is.iter().filter(|line| !was.contains(line)).collect();
                eprintln!("{name}, unlike {when}: {odd:#?}");
            }
        }
        panic!("{at}: neither old nor new");
    }
}

type Contents = BTreeMap<String, Vec<String>>;

/// What a person must be able to make of it.
fn assert_clear(error: &Error, at: &str) {
    assert_eq!(error.code(), Code::DiskFull, "{at}: {error:?}");
    assert!(error.message().contains("no space left"), "{at}: {error:?}");
    assert!(error.help_text().is_some_and(|help| help.contains("free some space")), "{at}: {error:?}");
}

/// Makes every call of the statement fail, alone and with all after it; then opens again, with the power
/// cut and without. Gives the number of calls.
fn at_every_call(case: &Case) -> usize {
    let statement = case.statement;
    let before = contents(&open(&begun(), &Probe::default()).unwrap());
    let (disk, probe) = (begun(), Probe::default());
    let store = open(&disk, &probe).unwrap();
    probe.restart(None);
    execute(&store, statement).unwrap_or_else(|error| panic!("{statement}: {error:?}"));
    let calls = probe.calls();
    let after = contents(&store);
    assert!(calls > 0, "{statement} made no call");
    for for_good in [false, true] {
        for n in (0..calls).step_by(if for_good && !thorough() { 3 } else { 1 }) {
            let at =
                format!("{statement}, call {n} of {calls}{}", if for_good { " and all after" } else { "" });
            let disk = begun();
            let store = open(&disk, &probe).unwrap();
            probe.restart(Some(n..if for_good { usize::MAX } else { n + 1 }));
            let outcome = execute(&store, statement);
            let failed = probe.has_failed();
            probe.restart(None);
            let now = contents(&store);
            case.judge(&now, &before, &after, &at);
            let left = disk.copy();
            match &outcome {
                Ok(_) => assert!(!for_good || !failed || now == after, "{at}"),
                Err(error) => {
                    assert!(failed, "{at}: {error:?}");
                    assert_clear(error, &at);
                    go_on(&store, &now, &before, case, &at);
                }
            }
            drop(store);
            for cut in [false, true] {
                let disk = left.copy();
                if cut {
                    disk.cut_power();
                }
                let store = open(&disk, &probe).unwrap_or_else(|error| panic!("{at}, cut {cut}: {error:?}"));
                let now = contents(&store);
                case.judge(&now, &before, &after, &at);
                assert!(outcome.is_err() || now == after, "{at}, cut {cut}: lost what was acknowledged");
                execute(&store, "CHECK FULL").unwrap_or_else(|error| panic!("{at}, cut {cut}: {error:?}"));
            }
        }
    }
    calls
}

/// The handle after a failure: it refuses to write, and says why, or what failed has left no trace.
fn go_on(store: &Store, now: &Contents, before: &Contents, case: &Case, at: &str) {
    match execute(store, "SEED visual n=5 FROM p AS further") {
        Ok(_) => assert!(case.in_steps || now == before, "{at}: not poisoned, but something was written"),
        Err(error) => {
            assert_eq!(error.code(), Code::Poisoned, "{at}: {error:?}");
            assert!(error.message().contains("an earlier write failed"), "{at}: {error:?}");
        }
    }
}

/// Makes calls of reading fail: the statement fails or does without, nothing is written that is not whole,
/// and the handle is not poisoned by it. Gives the number of calls.
fn at_reads(case: &Case) -> usize {
    let statement = case.statement;
    let before = contents(&open(&begun(), &Probe::default()).unwrap());
    let (disk, probe) = (begun(), Probe::default());
    let store = open(&disk, &probe).unwrap();
    probe.restart_reads(None);
    execute(&store, statement).unwrap();
    let calls = probe.calls();
    let after = contents(&store);
    let step = if thorough() { 1 } else { calls.div_ceil(READS_TRIED).max(1) };
    for n in (0..calls).step_by(step) {
        let at = format!("{statement}, reading call {n} of {calls}");
        let disk = begun();
        let store = open(&disk, &probe).unwrap();
        probe.restart_reads(Some(n..n + 1));
        let outcome = execute(&store, statement);
        probe.restart(None);
        let now = contents(&store);
        case.judge(&now, &before, &after, &at);
        if let Err(error) = outcome {
            assert!(!matches!(error.code(), Code::Internal | Code::Poisoned), "{at}: {error:?}");
            execute(&store, statement).unwrap_or_else(|error| panic!("{at}, again: {error:?}"));
            assert_eq!(contents(&store), after, "{at}");
        }
    }
    calls
}

fn survives(statement: &str) {
    judge(&Case { statement, in_steps: false });
}

fn survives_in_steps(statement: &str) {
    judge(&Case { statement, in_steps: true });
}

fn judge(case: &Case) {
    let (calls, reads) = (at_every_call(case), at_reads(case));
    println!("{}: {calls} calls, {reads} calls of reading", case.statement);
}

#[test]
fn an_import_is_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    for side in [1, 2] {
        let file = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
        let numbered = |line: &dyn Fn(u32) -> String| (0..40).map(line).collect::<String>();
        let id = |i: u32| i + (side - 1) * 40;
        file(&format!("ent_ids_{side}"), numbered(&|i| format!("{}\thttp://{side}.example/{i}\n", id(i))));
        file(&format!("triples_{side}"), numbered(&|i| format!("{}\t0\t{}\n", id(i), id((i * 7) % 40))));
        file(&format!("rel_ids_{side}"), format!("0\thttp://{side}.example/of\n"));
    }
    let links: String = (0..30).map(|i| format!("{i}\t{}\n", i + 40)).collect();
    std::fs::write(folder.path().join("ref_ent_ids"), links).unwrap();
    survives(&format!("IMPORT dbp15k '{}' AS q", folder.path().display()));
    survives("GENERATE PAIR q entities=20");
}

#[test]
fn features_are_whole_or_not_at_all() {
    survives("EMBED relation USING bow INTO p");
    survives("EMBED attribute USING bow INTO p");
}

#[test]
fn seeds_are_whole_or_not_at_all() {
    survives("SEED global n=15 FROM s1 AS s2");
    survives("CORRECT s1 AS s2");
    survives("EXPAND s1 AS s2");
}

#[test]
fn a_tuning_is_whole_or_not_at_all() {
    survives("TUNE s1 epochs=3 AS t2");
}

#[test]
fn a_training_is_whole_or_not_at_all() {
    survives("TRAIN eva ON p USING s1 epochs=1 dims=8 AS m2");
}

#[test]
fn links_are_whole_or_not_at_all() {
    survives("ALIGN p match=mutual AS a2");
    survives("ALIGN p USING m1 AS a1");
}

#[test]
fn psqe_leaves_whole_stages() {
    survives_in_steps("PSQE k=2 n=15 FROM p AS s2");
}

#[test]
fn a_refresh_leaves_whole_results() {
    survives_in_steps("REFRESH a1");
    survives_in_steps("REFRESH m1");
}

#[test]
fn verdicts_and_edits_are_whole_or_not_at_all() {
    survives("ACCEPT ('http://left.example/resource/100003', 'http://right.example/id/cvzqjdhj') IN p");
    survives("UNDO ('http://left.example/resource/100001', 'http://right.example/id/xrdgbmqm') IN p");
    survives("DELETE ENTITY 'http://left.example/resource/100002' FROM p.left");
}

#[test]
fn an_index_is_whole_or_not_at_all() {
    survives("CREATE INDEX i2 ON p");
}

#[test]
fn dropping_and_compacting_lose_nothing() {
    survives("DROP a1");
    survives("DROP unused");
    survives("COMPACT");
}

#[test]
fn a_backup_that_fails_leaves_the_store_alone() {
    survives("BACKUP TO '/backup'");
}

#[test]
fn a_dump_is_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, probe) = (begun(), Probe::default());
    let store = open(&disk, &probe).unwrap();
    let to = folder.path().join("dump");
    let statement = format!("DUMP TO '{}'", to.display());
    for n in 0.. {
        probe.restart(Some(n..n + 1));
        let outcome = execute(&store, &statement);
        let (failed, removing) =
            (probe.has_failed(), probe.log().get(n).is_some_and(|call| call.starts_with("remove")));
        let named = probe.log().iter().any(|call| call.starts_with("rename"));
        probe.restart(None);
        if let Err(error) = outcome {
            assert_clear(&error, &format!("{statement}, call {n}"));
            assert!(named || !to.exists(), "call {n} left a part of a dump under its name");
        }
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            let path = entry.unwrap().path();
            assert!(path == to || removing, "call {n} left {} behind", path.display());
            std::fs::remove_dir_all(path).unwrap();
        }
        if !failed {
            assert!(n > 100, "{n} calls");
            break;
        }
    }
}

#[test]
fn an_export_is_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    for ending in ["csv", "sssom.tsv"] {
        let path = folder.path().join(format!("a1.{ending}"));
        let statement = format!("EXPORT a1 TO '{}' overwrite=true prefixes=auto", path.display());
        survives(&statement);
        let whole = std::fs::read(&path).unwrap();
        // What a machine that stopped could not remove.
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            std::fs::remove_file(entry.unwrap().path()).unwrap();
        }
        let (disk, probe) = (begun(), Probe::default());
        let store = open(&disk, &probe).unwrap();
        for n in 0.. {
            std::fs::write(&path, "as it was").unwrap();
            probe.restart(Some(n..n + 1));
            let outcome = execute(&store, &statement);
            let failed = probe.has_failed();
            // What cannot be removed stays.
            let removing = probe.log().get(n).is_some_and(|call| call.starts_with("remove"));
            probe.restart(None);
            let found = std::fs::read(&path).unwrap();
            assert!(found == whole || (outcome.is_err() && found == b"as it was"), "call {n}");
            let others = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
            let others: Vec<_> = others.filter(|other| *other != path).collect();
            assert!(others.is_empty() || removing, "call {n} left a file behind");
            others.iter().for_each(|other| std::fs::remove_file(other).unwrap());
            if !failed {
                break;
            }
        }
        std::fs::remove_file(&path).unwrap();
    }
}
