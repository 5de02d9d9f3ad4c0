//! `CREATE INDEX` and `MATCH` through it: the same answers, the same scores, and what is said of the way.

#[path = "common/npy.rs"]
mod npy;
#[path = "common/session.rs"]
mod session;

use std::path::{Path, PathBuf};

use seedbed::{Code, Session, Store, Value};
use session::{attempt, execute, rows_of};

fn fact(session: &mut Session, name: &str, fact: &str) -> Option<String> {
    let facts = rows_of(execute(session, &format!("DESCRIBE {name}")));
    facts.into_iter().find(|row| row[0] == Value::from(fact)).map(|row| row[1].to_string())
}

fn code(session: &mut Session, statement: &str) -> Code {
    attempt(session, statement).err().unwrap_or_else(|| panic!("{statement} went through")).code()
}

/// A pair whose images are modality `visual`; a third of them is missing.
fn planted(store: &Store) -> Session {
    let mut session = store.session();
    execute(&mut session, "GENERATE PAIR p entities=600 overlap=0.7 missing_visual=0.3");
    session
}

fn entities(session: &mut Session, side: &str, count: usize) -> Vec<String> {
    let all = rows_of(execute(session, &format!("SELECT entity FROM p.{side}.entities LIMIT {count}")));
    all.into_iter().map(|row| row[0].to_string()).collect()
}

/// What both ways find, in both directions; the way through the index must say so.
fn compare(session: &mut Session, target: &str) -> f64 {
    let (mut found, mut wanted) = (0, 0);
    for side in ["left", "right"] {
        for entity in entities(session, side, 40) {
            let statement = format!("MATCH <{entity}> {target} exact=");
            let exact = rows_of(execute(session, &format!("{statement}true LIMIT 10")));
            let walked = execute(session, &format!("{statement}false recall=0.9 LIMIT 10"));
            assert!(
                exact.is_empty() || walked.notes.iter().any(|note| note.contains("index i: through")),
                "{:?}",
                walked.notes
            );
            let walked = rows_of(walked);
            wanted += exact.len();
            found += walked.iter().filter(|row| exact.contains(row)).count();
        }
    }
    assert!(wanted > 300);
    found as f64 / wanted as f64
}

#[test]
fn a_match_through_an_index_gives_the_rows_and_scores_of_exact_search() {
    let mut session = planted(&Store::in_memory());
    let made = execute(&mut session, "CREATE INDEX i ON p weights(visual=1)");
    assert!(made.message.contains("reached"), "{}", made.message);
    let recall = compare(&mut session, "IN p USING features(visual=1)");
    assert!(recall >= 0.97, "{recall}");
    // Other weights are other scores.
    execute(&mut session, "EMBED relation USING bow INTO p");
    let entity = entities(&mut session, "left", 1).remove(0);
    let other = format!("MATCH <{entity}> IN p USING features(visual=1, relation=0.5) exact=false");
    assert_eq!(code(&mut session, &other), Code::MissingData);

    let listed = rows_of(execute(&mut session, "SHOW INDEXES FROM p"));
    assert_eq!((listed.len(), &listed[0][0], &listed[0][1]), (1, &"i".into(), &"index".into()));
    assert_ne!(fact(&mut session, "i", "rows"), Some("0".into()));
    assert!(fact(&mut session, "i", "left.recall@10").unwrap().contains(" at ef "));
    let reached = fact(&mut session, "i", "right.reached").unwrap();
    let counts: Vec<&str> = reached.split([' ', ',']).collect();
    assert_eq!(counts[0], counts[2], "{reached}");
    assert!(execute(&mut session, "CREATE INDEX i ON p weights(visual=1)").message.contains("stored result"));
    assert_eq!(execute(&mut session, "DROP i").message, "dropped index i");
    assert!(rows_of(execute(&mut session, "SHOW INDEXES")).is_empty());
}

#[test]
fn the_way_is_chosen_by_cost_and_recall_and_told() {
    let mut session = planted(&Store::in_memory());
    let entity = entities(&mut session, "left", 5).pop().unwrap();
    let said = |session: &mut Session, options: &str| {
        let outcome = execute(session, &format!("MATCH <{entity}> IN p USING features(visual=1) {options}"));
        outcome.notes.join("\n")
    };
    let planned = |session: &mut Session, options: &str| {
        let steps =
            execute(session, &format!("EXPLAIN MATCH <{entity}> IN p USING features(visual=1) {options}"));
        rows_of(steps).remove(0).iter().map(Value::to_string).collect::<Vec<_>>().join(" | ")
    };
    assert!(planned(&mut session, "").contains("no index is over what is compared"));
    execute(&mut session, "CREATE INDEX i ON p weights(visual=1)");
    assert!(said(&mut session, "").contains("cost less than a walk"));
    assert!(planned(&mut session, "").contains("cost less than a walk"));
    assert!(said(&mut session, "exact=true").contains("exact, as asked"));
    assert!(planned(&mut session, "exact=false recall=0.5").contains("go through index i"));
    // A change of what is compared leaves the index behind.
    let npy = tempfile::tempdir().unwrap();
    let path = npy.path().join("visual.npy");
    std::fs::write(&path, matrix(1020, 4)).unwrap();
    execute(&mut session, &format!("IMPORT FEATURES visual FROM '{}' INTO p", path.display()));
    assert!(said(&mut session, "").contains("index `i` is stale (p.visual changed)"));
    assert!(fact(&mut session, "i", "state").unwrap().starts_with("stale"));
}

#[test]
fn an_index_goes_on_serving_while_few_rows_have_changed() {
    let mut session = planted(&Store::in_memory());
    execute(&mut session, "CREATE INDEX i ON p weights(visual=1)");
    let target = "IN p USING features(visual=1)";
    // The best counterpart of some entity goes; it must not be found any more.
    let (entity, gone) = entities(&mut session, "left", 40)
        .into_iter()
        .find_map(|entity| {
            let found = rows_of(execute(&mut session, &format!("MATCH <{entity}> {target} LIMIT 1")));
            found.first().map(|row| (entity, row[0].to_string()))
        })
        .unwrap();
    execute(&mut session, &format!("DELETE ENTITY <{gone}> FROM p.right"));
    let walked = execute(&mut session, &format!("MATCH <{entity}> {target} exact=false recall=0.5 LIMIT 10"));
    let notes = walked.notes.join("\n");
    assert!(notes.contains("through the index") && notes.contains("changed since it was built"), "{notes}");
    assert!(rows_of(walked).iter().all(|row| row[0].to_string() != gone));
    assert!(compare(&mut session, target) >= 0.97);
    assert!(fact(&mut session, "i", "state").unwrap().starts_with("stale"));
    execute(&mut session, "REFRESH i");
    let walked = execute(&mut session, &format!("MATCH <{entity}> {target} exact=false recall=0.5"));
    assert!(!walked.notes.join("\n").contains("changed since"));
}

/// A file of `rows × cols` numbers.
fn matrix(rows: usize, cols: usize) -> Vec<u8> {
    let data: Vec<f32> = (0..rows * cols).map(|i| (i * 37 % 101) as f32 - 50.0).collect();
    npy::npy(cols, &data)
}

#[test]
fn alignments_are_indexed_with_their_own_weights() {
    let mut session = planted(&Store::in_memory());
    execute(&mut session, "ALIGN p USING features(visual=1) AS a");
    assert_eq!(code(&mut session, "CREATE INDEX i ON a weights(visual=1)"), Code::Conflict);
    execute(&mut session, "CREATE INDEX i ON a");
    let recall = compare(&mut session, "IN a");
    assert!(recall >= 0.97, "{recall}");
    for statement in ["EVALUATE i", "SELECT * FROM i", "EXPORT i TO 'x.csv'", "CREATE INDEX j ON i"] {
        assert_eq!(code(&mut session, statement), Code::WrongType, "{statement}");
    }
}

#[test]
fn what_cannot_be_indexed_is_refused() {
    let mut session = planted(&Store::in_memory());
    execute(&mut session, "EMBED name USING ngrams INTO p");
    let error = attempt(&mut session, "CREATE INDEX i ON p").unwrap_err();
    assert_eq!(error.code(), Code::Unsupported);
    assert!(error.to_string().contains("text is sparse"), "{error}");
    assert_eq!(code(&mut session, "CREATE INDEX i ON nothing"), Code::UnknownName);
    assert_eq!(code(&mut session, "CREATE INDEX i ON p m=3"), Code::OutOfRange);
    execute(&mut session, "SEED visual n=50 FROM p AS s");
    assert_eq!(code(&mut session, "CREATE INDEX i ON s"), Code::WrongType);
    execute(&mut session, "ALIGN p USING features(visual=1) missing=renormalise AS a");
    assert_eq!(code(&mut session, "CREATE INDEX i ON a"), Code::Unsupported);
}

/// Files of objects of a kind.
fn objects(dir: &Path, kind: &[u8; 4]) -> Vec<PathBuf> {
    let folders = std::fs::read_dir(dir.join("objects")).unwrap().map(|entry| entry.unwrap().path());
    let files = folders.filter(|path| path.is_dir()).flat_map(|path| std::fs::read_dir(path).unwrap());
    let paths = files.map(|entry| entry.unwrap().path());
    paths.filter(|path| std::fs::read(path).unwrap()[4..8] == kind[..]).collect()
}

#[test]
fn a_damaged_index_is_passed_over_and_built_anew() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let mut session = planted(&Store::open(&path).unwrap());
    execute(&mut session, "CREATE INDEX i ON p weights(visual=1)");
    drop(session);
    let indexes = objects(&path, b"hnsw");
    assert_eq!(indexes.len(), 2);
    for (file, cut) in indexes.iter().zip([false, true]) {
        let mut bytes = std::fs::read(file).unwrap();
        let half = bytes.len() / 2;
        bytes[half] ^= 0x40;
        bytes.truncate(if cut { half } else { bytes.len() });
        std::fs::write(file, bytes).unwrap();
    }
    let mut session = Store::open(&path).unwrap().session();
    for side in ["left", "right"] {
        let entity = entities(&mut session, side, 1).remove(0);
        let statement = format!("MATCH <{entity}> IN p USING features(visual=1)");
        let notes = execute(&mut session, &statement).notes.join("\n");
        assert!(notes.contains("index `i` is not used"), "{notes}");
    }
    let notes = execute(&mut session, "CREATE INDEX i ON p weights(visual=1)").notes.join("\n");
    assert!(notes.contains("built anew"), "{notes}");
    assert!(compare(&mut session, "IN p USING features(visual=1)") >= 0.97);
    execute(&mut session, "CHECK FULL");
}
