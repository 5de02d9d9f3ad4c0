//! Several threads on one store: what one makes, another's sweep leaves alone.

#[path = "common/session.rs"]
mod session;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use seedbed::{CancelToken, Code, Params, Store, Task};
use session::execute;

fn planted(dir: &std::path::Path) -> Store {
    let store = Store::open(dir.join("store")).unwrap();
    let mut session = store.session();
    execute(&mut session, "GENERATE PAIR p entities=400");
    execute(&mut session, "EMBED name USING ngrams INTO p");
    store
}

#[test]
fn a_sweep_spares_what_another_thread_is_about_to_name() {
    let dir = tempfile::tempdir().unwrap();
    let store = planted(dir.path());
    let done = AtomicBool::new(false);
    let sweeps = std::thread::scope(|scope| {
        let sweeper = scope.spawn(|| {
            let (mut session, mut sweeps) = (store.session(), 0);
            while !done.load(Ordering::Relaxed) {
                execute(&mut session, "COMPACT");
                sweeps += 1;
            }
            sweeps
        });
        let makers: Vec<_> = (0..2)
            .map(|maker| {
                let mut session = store.session();
                scope.spawn(move || {
                    for number in 0..12 {
                        let n = 20 + number;
                        execute(&mut session, &format!("SEED visual n={n} FROM p AS s{maker}_{number}"));
                    }
                })
            })
            .collect();
        for maker in makers {
            maker.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
        sweeper.join().unwrap()
    });
    assert!(sweeps > 0);
    let mut session = store.session();
    for maker in 0..2 {
        for number in 0..12 {
            let rows = execute(&mut session, &format!("SELECT * FROM s{maker}_{number}")).rows;
            let rows: Vec<_> = rows.into_iter().flatten().map(|row| row.unwrap()).collect();
            assert_eq!(rows.len(), 20 + number);
        }
    }
    let checked = execute(&mut session, "CHECK FULL");
    assert!(checked.message.contains("whole"), "{}", checked.message);
}

#[test]
fn rows_that_are_being_read_outlive_a_drop_and_a_sweep() {
    let dir = tempfile::tempdir().unwrap();
    let store = planted(dir.path());
    let mut session = store.session();
    execute(&mut session, "ALIGN p match=greedy AS a");
    let mut rows = execute(&mut session, "SELECT left, right, score FROM a").rows.unwrap();
    let first = rows.next().unwrap().unwrap();
    assert_eq!(first.values().len(), 3);
    let mut other = store.session();
    execute(&mut other, "DROP a");
    execute(&mut other, "COMPACT");
    assert!(rows.all(|row| row.is_ok()));
    // Read to the end, they go with the next sweep.
    drop(rows);
    execute(&mut other, "COMPACT");
    let checked = execute(&mut other, "CHECK FULL").rows.into_iter().flatten().next().unwrap().unwrap();
    assert_eq!(checked.get::<i64>("orphan_spaces").unwrap(), 0);
}

/// What a reader asks, over and over.
const QUESTIONS: [&str; 6] = [
    "SHOW PAIRS",
    "SHOW ARTIFACTS",
    "DESCRIBE p",
    "SELECT left, right, score FROM kept ORDER BY score DESC",
    "SELECT COUNT(*) FROM p.left.triples",
    "MATCH 'http://left.example/resource/100000' IN p LIMIT 3",
];

#[test]
fn readers_wait_for_no_writer_and_see_whole_versions() {
    let dir = tempfile::tempdir().unwrap();
    let store = planted(dir.path());
    execute(&mut store.session(), "SEED visual n=30 FROM p AS kept");
    let done = AtomicBool::new(false);
    let reads: [AtomicUsize; 14] = Default::default();
    std::thread::scope(|scope| {
        // A training for as long as the test lasts: what removes things has to wait for it.
        let token = CancelToken::new();
        let task = Task::new(token.clone(), None);
        let (store, done, reads) = (&store, &done, &reads);
        let training = scope.spawn(move || {
            let statement = "TRAIN eva ON p USING kept epochs=100000 AS never";
            store.session().execute(statement, &Params::default(), &task).err().map(|error| error.code())
        });
        std::thread::sleep(Duration::from_millis(500));
        assert!(!training.is_finished());
        // Upkeep that waits can be given up.
        let tired = CancelToken::new();
        let waiting = {
            let task = Task::new(tired.clone(), None);
            scope.spawn(move || {
                let outcome = store.session().execute("COMPACT", &Params::default(), &task);
                outcome.err().map(|error| error.code())
            })
        };
        std::thread::sleep(Duration::from_millis(500));
        let readers: Vec<_> = (0..14)
            .map(|reader| {
                scope.spawn(move || {
                    for at in reader.. {
                        if done.load(Ordering::Relaxed) {
                            break;
                        }
                        read_one(store, QUESTIONS[at % QUESTIONS.len()]);
                        reads[reader].fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        let beside = |asked: usize| {
            let started = Instant::now();
            let count = || reads.iter().map(|reads| reads.load(Ordering::Relaxed)).min().unwrap_or(0);
            while count() < asked {
                assert!(started.elapsed() < Duration::from_secs(120), "readers wait for a writer");
                std::thread::sleep(Duration::from_millis(10));
            }
        };
        // Every reader gets its answers while the one writer works and the other waits.
        beside(2 * QUESTIONS.len());
        assert!(!training.is_finished() && !waiting.is_finished());
        tired.cancel();
        assert_eq!(waiting.join().unwrap(), Some(Code::Cancelled));
        token.cancel();
        assert_eq!(training.join().unwrap(), Some(Code::Cancelled));
        // Now writers that come and go, and upkeep.
        for number in 0..6 {
            let mut session = store.session();
            execute(&mut session, &format!("SEED visual n={} FROM p AS gone", 20 + number));
            execute(&mut session, "DROP gone");
            execute(&mut session, "COMPACT");
        }
        done.store(true, Ordering::Relaxed);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
    let counts: Vec<usize> = reads.iter().map(|reads| reads.load(Ordering::Relaxed)).collect();
    println!("answers by reader: {counts:?}");
    assert_eq!(read_one(&store, "CHECK FULL"), 1);
}

fn read_one(store: &Store, question: &str) -> usize {
    let rows = execute(&mut store.session(), question).rows.into_iter().flatten();
    rows.inspect(|row| assert!(row.is_ok())).count()
}

#[test]
fn a_reader_whose_pair_is_dropped_and_made_again_sees_one_or_the_other() {
    let store = Store::in_memory();
    let sizes = [60, 90].map(|entities| {
        execute(&mut store.session(), &format!("GENERATE PAIR p entities={entities}"));
        let counted = execute(&mut store.session(), "SELECT COUNT(*) AS n FROM p.left.entities").rows;
        let n = counted.into_iter().flatten().next().unwrap().unwrap().get::<i64>("n").unwrap();
        execute(&mut store.session(), "DROP p");
        n
    });
    execute(&mut store.session(), "GENERATE PAIR p entities=60");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut seen = [0usize; 3];
                    while !done.load(Ordering::Relaxed) {
                        let mut session = store.session();
                        let question = "SELECT COUNT(*) AS n FROM p.left.entities";
                        match session.execute(question, &Params::default(), &Task::quiet()) {
                            Ok(outcome) => {
                                let row = outcome.rows.into_iter().flatten().next().unwrap().unwrap();
                                let n = row.get::<i64>("n").unwrap();
                                seen[sizes.iter().position(|size| *size == n).expect("one or the other")] +=
                                    1;
                            }
                            Err(error) => {
                                assert_eq!(error.code(), Code::UnknownName, "{error:?}");
                                seen[2] += 1;
                            }
                        }
                    }
                    seen
                })
            })
            .collect();
        for number in 0..40 {
            let mut session = store.session();
            execute(&mut session, "DROP p");
            execute(&mut session, "COMPACT");
            execute(&mut session, &format!("GENERATE PAIR p entities={}", [60, 90][number % 2]));
        }
        done.store(true, Ordering::Relaxed);
        let seen: Vec<_> = readers.into_iter().map(|reader| reader.join().unwrap()).collect();
        println!("seen small, large, none: {seen:?}");
    });
}
