//! Limits of a session: memory, time, and the files it may name. A limit that is met is an error that says
//! so, and the store is as it was.

mod common;
#[path = "common/npy.rs"]
mod npy;
#[path = "common/session.rs"]
mod session;

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use seedbed::{CancelToken, Code, Params, Reach, Session, Store, Task};
use session::execute;

const MIB: u64 = 1 << 20;

fn refused(session: &mut Session, statement: &str) -> seedbed::Error {
    match session.execute(statement, &Params::default(), &Task::quiet()) {
        Ok(_) => panic!("{statement} was done"),
        Err(error) => error,
    }
}

/// Everything that SHOW tells of pairs and artifacts.
fn shown(session: &mut Session) -> Vec<String> {
    let mut lines = Vec::new();
    for statement in ["SHOW PAIRS", "SHOW ARTIFACTS"] {
        let rows = execute(session, statement).rows;
        lines.extend(rows.into_iter().flatten().map(|row| format!("{:?}", row.unwrap().values())));
    }
    lines
}

/// Issues a training that would take hours, with more and more time, until its run has come past an epoch; tells
/// how far.
fn trained_past(session: &mut Session, from: i64) -> i64 {
    for seconds in [1, 4, 16, 64] {
        execute(session, &format!("SET timeout='{seconds}s'"));
        let started = Instant::now();
        let error = refused(session, "TRAIN eva ON p USING s epochs=100000 dims=16 AS m");
        assert_eq!(error.code(), Code::Limit);
        assert!(error.message().contains("time is up"), "{error}");
        assert!(error.help_text().is_some_and(|help| help.contains("SET timeout")));
        assert!(started.elapsed() < Duration::from_secs(seconds + 20), "{:?}", started.elapsed());
        let runs = execute(session, "SHOW RUNS").rows.into_iter().flatten().map(|row| row.unwrap());
        match runs.map(|run| run.get::<i64>("epoch").unwrap()).max() {
            Some(epoch) if epoch > from => return epoch,
            _ => {}
        }
    }
    panic!("no epoch past {from} in a minute");
}

#[test]
fn a_statement_ends_when_its_time_is_up_and_a_training_goes_on_from_there() {
    let store = Store::in_memory();
    let mut session = store.session();
    execute(&mut session, "GENERATE PAIR p entities=200");
    execute(&mut session, "SEED visual n=40 FROM p AS s");
    let before = shown(&mut session);
    let epoch = trained_past(&mut session, 0);
    trained_past(&mut session, epoch);
    assert_eq!(shown(&mut session), before);
    execute(&mut session, "SET timeout='none'");
    let settings = execute(&mut session, "SHOW SETTINGS").rows.into_iter().flatten();
    let mut settings = settings.map(|row| row.unwrap());
    let told = settings.find(|row| row.get::<String>("setting").unwrap() == "timeout").unwrap();
    assert_eq!(told.get::<String>("value").unwrap(), "none");
}

#[test]
fn any_statement_can_be_cancelled() {
    let store = Store::in_memory();
    let mut session = store.session();
    execute(&mut session, "GENERATE PAIR p entities=300");
    let token = CancelToken::new();
    token.cancel();
    for statement in
        ["SELECT * FROM p.links", "EMBED name USING ngrams INTO p", "ALIGN p AS a", "CHECK FULL", "COMPACT"]
    {
        let error =
            session.execute(statement, &Params::default(), &Task::new(token.clone(), None)).err().unwrap();
        assert_eq!(error.code(), Code::Cancelled, "{statement}");
    }
}

/// Plays the part this process was started for: statements under a budget, and the most that was held.
#[test]
fn another_process() {
    let Ok(part) = std::env::var("SEEDBED_TEST_PART") else { return };
    let (store, statements) = part.split_once('\n').unwrap();
    let mut session = Store::open(store).unwrap().session();
    for statement in statements.lines() {
        match session.execute(statement, &Params::default(), &Task::quiet()) {
            Ok(_) => println!("\n@ done"),
            Err(error) => println!("\n@ {} {}", error.code().as_str(), error.message()),
        }
    }
}

/// Runs statements in a process of their own; tells how each ended, and the most memory the process held
/// beside mapped files, sampled, in bytes.
fn in_a_process(store: &Path, statements: &[String]) -> (Vec<String>, u64) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["another_process", "--exact", "--nocapture", "--test-threads=1"])
        .env("SEEDBED_TEST_PART", format!("{}\n{}", store.display(), statements.join("\n")))
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    while child.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        most = most.max(kib.unwrap_or(0) << 10);
        std::thread::sleep(Duration::from_millis(1));
    }
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    (text.lines().filter_map(|line| line.strip_prefix("@ ")).map(str::to_string).collect(), most)
}

/// How far past the budget the process may be seen, which is what is taken between two looks: a tenth of it, or
/// so many bytes of a small one.
const SLACK: (f64, u64) = (0.1, 8 * MIB);

#[test]
fn memory_stays_within_the_budget() {
    if !Path::new("/proc/self/status").exists() {
        println!("skipped: the system does not tell how much memory a process holds");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let entities = 6000;
    let make = format!("GENERATE PAIR p entities={entities} visual_dims=512");
    let (ended, _) = in_a_process(&store, &[make, "SEED visual n=200 FROM p AS s".to_string()]);
    assert_eq!(ended, ["done", "done"]);
    // A matrix of noise for every entity of both sides, to be imported.
    let path = folder.path().join("visual.npy");
    let pairs = execute(&mut Store::open(&store).unwrap().session(), "SHOW PAIRS").rows;
    let pair = pairs.into_iter().flatten().next().unwrap().unwrap();
    let sides = ["left_entities", "right_entities"].map(|side| pair.get::<i64>(side).unwrap() as usize);
    write_matrix(&path, sides[0] + sides[1], 1024);
    let features = format!("IMPORT FEATURES visual FROM '{}' INTO p", path.display());
    let cases = [
        ("GENERATE PAIR q entities=40000", 64),
        (&features, 32),
        ("ALIGN p match=sinkhorn AS a", 32),
        ("SEED cluster k=4 n=500 FROM p AS s2", 32),
        ("TRAIN meaformer ON p USING s epochs=2 AS m", 96),
    ];
    let mut refused = 0;
    for (statement, least) in cases {
        let (mut refusals, mut budget) = (0, least);
        loop {
            let set = format!("SET memory='{budget}MiB'");
            let (ended, most) = in_a_process(&store, &[set, statement.to_string(), "CHECK".to_string()]);
            let held = most as f64 / (budget * MIB) as f64;
            println!("{statement}: memory='{budget}MiB': {}; held {:.2} of it at most", ended[1], held);
            let slack = SLACK.1.max((SLACK.0 * (budget * MIB) as f64) as u64);
            assert!(most <= budget * MIB + slack, "{statement}: held {held:.2} of {budget} MiB");
            if ended[1] == "done" {
                break;
            }
            assert_eq!(ended[2], "done", "the store is not whole");
            assert!(ended[1].starts_with("limit ") && ended[1].contains("allowed"), "{statement}: {ended:?}");
            assert!(budget < 4096, "{statement} never fits");
            refusals += 1;
            budget *= 2;
        }
        println!("{statement}: fits into {budget} MiB after {refusals} refusals");
        refused += refusals;
    }
    assert!(refused > 2, "no budget was ever too small");
}

/// A matrix of numbers that differ.
fn write_matrix(path: &Path, rows: usize, cols: usize) {
    let mut rng = seedbed::Rng::new(1);
    let data: Vec<f32> = (0..rows * cols).map(|_| rng.f32()).collect();
    std::fs::write(path, npy::npy(cols, &data)).unwrap();
}

#[test]
fn a_confined_session_names_no_file_outside() {
    let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = Store::in_memory();
    let mut session = store.session();
    execute(&mut session, "GENERATE PAIR p entities=60");
    execute(&mut session, "SEED visual n=10 FROM p AS s");
    session.confine(Some(Reach::within(&[inside.path().to_path_buf()]).unwrap()));
    let out = outside.path().display();
    for statement in [
        format!("EXPORT s TO '{out}/s.csv'"),
        format!("EXPORT s TO '{}/../s.csv'", inside.path().display()),
        format!("EXPORT VERDICTS FROM p TO '{out}/v.tsv'"),
        format!("BACKUP TO '{out}/copy'"),
        format!("IMPORT dbp15k '{out}' AS q"),
        format!("IMPORT LINKS '{out}/links.tsv' INTO p"),
        format!("IMPORT FEATURES visual FROM '{out}/x.npy' INTO p"),
        format!("EXPLAIN SEEDS s TO '{out}/s.svg'"),
        format!("EXPLAIN EXPORT s TO '{out}/s.csv'"),
    ] {
        let error = refused(&mut session, &statement);
        assert_eq!(error.code(), Code::Denied, "{statement}: {error:?}");
        assert!(error.help_text().is_some_and(|help| help.contains("confined")), "{error:?}");
    }
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
    execute(&mut session, &format!("EXPORT s TO '{}/s.csv'", inside.path().display()));
}

fn seedbed(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_seedbed")).current_dir(folder).args(args).output().unwrap()
}

#[test]
fn a_safe_script_keeps_to_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let scripts = folder.path().join("scripts");
    std::fs::create_dir(&scripts).unwrap();
    std::fs::write(folder.path().join("secret.seedql"), "SHOW PAIRS").unwrap();
    let script = |name: &str, text: &str| std::fs::write(scripts.join(name), text).unwrap();
    let begin = "GENERATE PAIR p entities=60; SEED visual n=10 FROM p AS s;\n";
    script(
        "good.seedql",
        &format!("{begin}EXPORT s TO 'scripts/s.csv' overwrite=true;\n.output scripts/o.txt\n"),
    );
    script("export.seedql", &format!("{begin}EXPORT s TO 's.csv';"));
    script("read.seedql", ".read secret.seedql\n");
    script("output.seedql", ".output stolen.txt\nSHOW PAIRS;");
    let run = |name: &str| seedbed(folder.path(), &["--safe", "run", &format!("scripts/{name}")]);
    let good = run("good.seedql");
    assert!(good.status.success(), "{}", String::from_utf8_lossy(&good.stderr));
    assert!(scripts.join("s.csv").exists() && scripts.join("o.txt").exists());
    for name in ["export.seedql", "read.seedql", "output.seedql"] {
        let out = run(name);
        let told = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(!out.status.success(), "{name}");
        assert!(told.contains("error[denied]") && told.contains("confined to"), "{name}: {told}");
    }
    assert!(!folder.path().join("s.csv").exists() && !folder.path().join("stolen.txt").exists());
    // Without --safe they may.
    assert!(seedbed(folder.path(), &["run", "scripts/read.seedql"]).status.success());
}

#[test]
fn scripts_that_read_themselves_come_to_an_end() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("loop.seedql"), ".read loop.seedql\n").unwrap();
    let out = seedbed(folder.path(), &["run", "loop.seedql"]);
    assert_eq!(out.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&out.stderr).contains("does one of them read itself?"));
}
