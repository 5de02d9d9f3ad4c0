//! The power goes at any moment, and the disk keeps what it likes of what was not synced: what is opened
//! then is a state that was acknowledged, or the one on its way.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::faults::{assert_clean, import, in_memory, live, shows};
use crate::rng::Rng;
use crate::store::testing::Probe;
use crate::store::{Batch, Db, Kept, MemoryEngine, MemoryFs, Table};
use crate::task::Task;

const NOTES: Table = Table("notes");
const REFERENCES: Table = Table("references");

/// Disks drawn for every history, besides those at every step.
const DRAWN: usize = 10_000;

/// The imports that show, by name.
type State = BTreeMap<String, usize>;

/// A history: its disk, and after how many steps which state was acknowledged.
struct History {
    disk: MemoryFs,
    acknowledged: Vec<(usize, State)>,
    /// After how many steps a backup was acknowledged, and what it is of.
    backup: (usize, State),
}

impl History {
    /// Creates, imports, replaces, deletes, sweeps and compacts.
    fn write() -> History {
        let disk = MemoryFs::default();
        let mut acknowledged = vec![(0, State::new())];
        let (mut state, mut backup) = (State::new(), None);
        let db = in_memory(&disk, &Probe::default()).unwrap();
        let mut done = |state: &State| acknowledged.push((disk.steps(), state.clone()));
        done(&state);
        for number in 0..9 {
            let name = format!("import {}", number % 4);
            import(&db, &name, number).unwrap();
            state.insert(name, number);
            done(&state);
            if number % 3 == 2 {
                let gone = format!("import {}", (number + 1) % 4);
                let mut batch = Batch::new();
                batch.delete(NOTES, gone.as_bytes());
                batch.delete(REFERENCES, gone.as_bytes());
                db.commit(batch).unwrap();
                state.remove(&gone);
                done(&state);
                db.sweep(&live(&db)).unwrap();
                done(&state);
            }
            if number % 4 == 3 {
                db.compact(&live(&db), &Task::quiet()).unwrap();
                done(&state);
            }
            if number == 5 {
                db.backup(Path::new("/backup"), &Task::quiet()).unwrap();
                backup = Some((disk.steps(), state.clone()));
                done(&state);
            }
        }
        History { disk, acknowledged, backup: backup.unwrap() }
    }

    /// Opens what a power cut after so many steps left, and judges it.
    fn judge(&self, steps: usize, kept: Kept, how: &str) {
        let at = self.acknowledged.iter().rposition(|(known, _)| *known <= steps).unwrap();
        let expected = self.acknowledged[at..].iter().take(2).map(|(_, state)| state);
        let disk = self.disk.after_power_cut(steps, kept);
        let db = in_memory(&disk, &Probe::default())
            .unwrap_or_else(|error| panic!("after {steps} steps, {how}: {error:?}"));
        let fits = |state: &State| {
            (0..4).map(|number| format!("import {number}")).all(|name| match state.get(&name) {
                Some(&number) => holds(&db, &name, number),
                None => !db.contains(NOTES, name.as_bytes()).unwrap(),
            })
        };
        assert!(
            expected.clone().any(fits),
            "after {steps} steps, {how}: it is none of {:?}",
            expected.collect::<Vec<_>>()
        );
        assert_clean(&db);
        // It goes on from there.
        import(&db, "after", 7).unwrap();
        assert!(shows(&db, "after", 7));
        drop(db);
        let backup = Db::assemble(
            Path::new("/backup"),
            Arc::new(disk.clone()),
            Arc::new(MemoryEngine(disk.clone())),
            true,
            None,
        );
        match backup {
            Ok(backup) => {
                assert_clean(&backup);
                for number in 0..4 {
                    let name = format!("import {number}");
                    let there = backup.contains(NOTES, name.as_bytes()).unwrap();
                    assert_eq!(there, self.backup.1.contains_key(&name), "after {steps} steps, {how}");
                }
            }
            Err(error) => {
                assert!(steps < self.backup.0, "after {steps} steps, {how}: a backup is lost: {error:?}")
            }
        }
    }
}

/// Whether an import shows as the one of that number.
fn holds(db: &Db, name: &str, number: usize) -> bool {
    let found = db.get(NOTES, name.as_bytes()).unwrap();
    found == Some(super::faults::note(number)) && shows(db, name, number)
}

#[test]
fn a_power_cut_at_any_step_leaves_an_acknowledged_state() {
    let history = History::write();
    let steps = history.disk.steps();
    assert!(steps > 200, "{steps}");
    for at in 0..=steps {
        history.judge(at, Kept::None, "nothing kept that was not synced");
        history.judge(at, Kept::All, "everything kept");
    }
    let mut rng = Rng::new(42);
    for number in 0..DRAWN {
        let at = rng.below(steps + 1);
        history.judge(at, Kept::Drawn(&mut rng), &format!("drawn disk {number}"));
    }
    println!("{} moments, each twice, and {DRAWN} disks drawn among them", steps + 1);
}
