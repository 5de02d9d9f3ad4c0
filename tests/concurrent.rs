//! Several threads on one store: what one makes, another's sweep leaves alone.

#[path = "common/session.rs"]
mod session;

use std::sync::atomic::{AtomicBool, Ordering};

use seedbed::Store;
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
