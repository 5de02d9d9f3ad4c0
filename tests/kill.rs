//! kill -9 at random moments of import and seeding: the store opens, is whole, and holds what was
//! reported as done. Four kills by default; `SEEDBED_KILLS=100 cargo test --release --test kill` for more.

mod common;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The statements of the workload. Real data where there is any, else a generated pair.
fn script() -> Vec<String> {
    let mut script = Vec::new();
    match common::data_dir() {
        Some(data) => {
            script.push(format!("IMPORT dbp15k '{}' AS p", data.join("dbp15k/zh_en").display()));
            let inputs = data.join("inputs/zh_en");
            script.push(format!(
                "IMPORT FEATURES visual FROM '{}' present='{}' INTO p",
                inputs.join("visual_sim.npy").display(),
                inputs.join("has_image.npy").display()
            ));
        }
        None => {
            println!("skipped: real data is not here; a generated pair is used");
            script.push("GENERATE PAIR p entities=4000".to_string());
        }
    }
    script.push("EMBED relation USING bow INTO p".to_string());
    script.push("SEED relation n=200 FROM p AS s1".to_string());
    script.push("SEED relation n=100 FROM p AS s2".to_string());
    script.push("CORRECT s1 weights(relation=1) AS s3".to_string());
    script.push("DROP s2".to_string());
    script
}

fn seedbed(store: &Path, text: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seedbed"));
    command.arg("--store").arg(store).args(["--output", "jsonl", "-c", text]);
    command.stdin(Stdio::null());
    command
}

/// A query whose answer is settled once the statement was reported as done.
fn question(statement: &str) -> Option<&'static str> {
    let begins = |text: &str| statement.starts_with(text);
    if begins("IMPORT dbp15k") || begins("GENERATE") {
        Some(
            "SELECT COUNT(*) FROM p.left.triples; SELECT COUNT(*) FROM p.links; SELECT * FROM p.right.triples LIMIT 99",
        )
    } else if begins("IMPORT FEATURES") {
        Some("SELECT COUNT(*) FROM p.right.entities")
    } else if begins("SEED") && statement.ends_with("s1") {
        Some("SELECT * FROM s1")
    } else if begins("CORRECT") {
        Some("SELECT * FROM s3; SELECT * FROM s3.dropped")
    } else {
        None
    }
}

#[test]
fn a_killed_store_opens_whole_with_everything_that_was_reported() {
    let kills: usize = std::env::var("SEEDBED_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(4);
    let script = script();
    // One undisturbed run, a process a statement, tells how long the workload is and what it gives.
    let scratch = tempfile::tempdir().unwrap();
    let whole = scratch.path().join("whole");
    let all = script.join(";\n");
    let started = Instant::now();
    for statement in &script {
        let done = seedbed(&whole, statement).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
    let length = started.elapsed();
    let expected = |query: &str| seedbed(&whole, query).output().unwrap().stdout;

    let mut rng = seedbed::Rng::new(42);
    let mut interrupted = 0;
    for kill in 0..kills {
        let store = scratch.path().join(format!("store{kill}"));
        let moment = length.mul_f64(rng.f64());
        let mut reported = Vec::new();
        // Statement by statement in one process a statement: what exits with 0 was reported as done.
        let deadline = Instant::now() + moment;
        for statement in &script {
            let mut child = seedbed(&store, statement).stdout(Stdio::piped()).spawn().unwrap();
            let drain = child.stdout.take().map(|out| {
                std::thread::spawn(move || BufReader::new(out).lines().map_while(Result::ok).count())
            });
            let outcome = loop {
                if let Some(status) = child.try_wait().unwrap() {
                    break Some(status);
                }
                if Instant::now() >= deadline {
                    child.kill().unwrap();
                    child.wait().unwrap();
                    break None;
                }
                std::thread::sleep(Duration::from_millis(1));
            };
            if let Some(drain) = drain {
                let _ = drain.join();
            }
            match outcome {
                Some(status) => {
                    assert!(status.success(), "kill {kill}: `{statement}` failed");
                    reported.push(statement);
                }
                None => {
                    interrupted += 1;
                    break;
                }
            }
        }
        if !store.exists() {
            continue;
        }
        let check = seedbed(&store, "CHECK FULL").output().unwrap();
        assert!(check.status.success(), "kill {kill}: {}", String::from_utf8_lossy(&check.stderr));
        for statement in &reported {
            if let Some(query) = question(statement) {
                let out = seedbed(&store, query).output().unwrap();
                let text = String::from_utf8_lossy(&out.stdout);
                assert!(
                    out.stdout == expected(query),
                    "kill {kill}: after `{statement}`, {query} gave {text}"
                );
            }
        }
        if reported.iter().any(|statement| statement.starts_with("DROP")) {
            let out = seedbed(&store, "SELECT * FROM s2").output().unwrap();
            assert!(!out.status.success(), "kill {kill}: what was dropped is there again");
        }
        // And the work goes on from there: the whole script runs, then again from what is stored.
        if kill % 5 == 0 {
            let again = seedbed(&store, &all).output().unwrap();
            assert!(again.status.success(), "kill {kill}: {}", String::from_utf8_lossy(&again.stderr));
        }
        std::fs::remove_dir_all(&store).unwrap();
    }
    println!("{kills} moments over {:.1} s, {interrupted} of them inside a statement", length.as_secs_f64());
    assert!(interrupted > 0, "no kill met a running statement");
}

/// Import and features of a small real pair, or of a generated one.
fn small_pair() -> String {
    let pair = match common::data_dir() {
        Some(data) => {
            let of = |file: &str| data.join("oaei/restaurants").join(file).display().to_string();
            format!(
                "IMPORT rdf '{}', '{}' AS p; IMPORT LINKS alignment '{}' INTO p;",
                of("restaurant1.rdf"),
                of("restaurant2.rdf"),
                of("restaurant1_restaurant2_goldstandard.rdf")
            )
        }
        None => {
            println!("skipped: real data is not here; a generated pair is used");
            "GENERATE PAIR p entities=600;".to_string()
        }
    };
    pair + "EMBED name USING ngrams dims=4096 INTO p; EMBED relation USING bow INTO p;"
}

#[test]
fn a_killed_psqe_issued_again_ends_as_an_undisturbed_one() {
    let kills: usize = std::env::var("SEEDBED_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(3);
    let psqe = "PSQE n=80 tune=true epochs=150 FROM p AS s";
    let digests = "DESCRIBE s_tuned; DESCRIBE s_expanded; DESCRIBE s";
    let scratch = tempfile::tempdir().unwrap();
    let run = |store: &Path, text: &str| {
        let done = seedbed(store, text).output().unwrap();
        assert!(done.status.success(), "{text}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    };
    let told = |store: &Path| -> Vec<String> {
        let text = run(store, digests);
        text.lines().filter(|line| line.contains("\"digest\"")).map(String::from).collect()
    };
    let whole = scratch.path().join("whole");
    run(&whole, &small_pair());
    let started = Instant::now();
    run(&whole, psqe);
    let length = started.elapsed();
    let expected = told(&whole);
    assert_eq!(expected.len(), 3);

    let (mut rng, mut resumed) = (seedbed::Rng::new(7), 0);
    for kill in 0..kills {
        let store = scratch.path().join(format!("psqe{kill}"));
        run(&store, &small_pair());
        let mut child = seedbed(&store, psqe).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(length.mul_f64(rng.f64()));
        child.kill().unwrap();
        child.wait().unwrap();
        run(&store, "CHECK FULL");
        resumed += usize::from(run(&store, "SHOW RUNS").contains("resumable"));
        run(&store, psqe);
        assert_eq!(told(&store), expected, "kill {kill}");
        std::fs::remove_dir_all(&store).unwrap();
    }
    println!("{kills} kills in {length:?}, {resumed} of them in a tuning with a checkpoint");
}
