//! Statements through the library: what is stored, what is given back, what is refused.

#[path = "common/session.rs"]
mod session;

use std::path::Path;

use seedbed::{CancelToken, Code, Params, Session, Store, Task, Value};
use session::{attempt, rows};

fn code(session: &mut Session, statement: &str) -> Code {
    match attempt(session, statement) {
        Ok(outcome) => panic!("{statement} succeeded: {}", outcome.message),
        Err(error) => {
            assert!(!error.message().is_empty());
            error.code()
        }
    }
}

/// A store with a generated pair `p` of some 500 entities a side and its modalities.
fn planted(dir: &Path) -> Session {
    let mut session = Store::open(dir).unwrap().session();
    attempt(&mut session, "GENERATE PAIR p entities=600").unwrap();
    attempt(&mut session, "EMBED name USING ngrams INTO p").unwrap();
    attempt(&mut session, "EMBED relation USING bow INTO p").unwrap();
    session
}

#[test]
fn the_whole_way_survives_a_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("store");
    let (seeds, links);
    {
        let mut session = planted(&store);
        attempt(&mut session, "SEED cluster k=3 n=100 FROM p AS s1").unwrap();
        attempt(&mut session, "CORRECT s1 AS s2").unwrap();
        attempt(&mut session, "ALIGN p match=greedy AS a1").unwrap();
        seeds = rows(&mut session, "SELECT * FROM s2");
        links = rows(&mut session, "SELECT * FROM a1");
        assert!(seeds.len() > 50 && links.len() > 300);
    }
    let mut session = Store::open(&store).unwrap().session();
    assert_eq!(rows(&mut session, "SELECT * FROM s2"), seeds);
    assert_eq!(rows(&mut session, "SELECT * FROM a1"), links);
    attempt(&mut session, "CHECK FULL").unwrap();
}

#[test]
fn the_same_request_gives_the_stored_result() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = planted(&dir.path().join("store"));
    attempt(&mut session, "SEED visual n=50 FROM p AS s1").unwrap();
    let again = attempt(&mut session, "seed VISUAL n=50 from p as s1").unwrap();
    assert!(again.message.contains("stored"), "{}", again.message);
    assert!(again.seconds < 0.05, "{}", again.seconds);
    // Under another name the same work is not done twice either.
    assert!(attempt(&mut session, "SEED visual n=50 FROM p AS s2").unwrap().message.contains("stored"));
    assert_eq!(rows(&mut session, "SELECT * FROM s1"), rows(&mut session, "SELECT * FROM s2"));
    // Another number, another result; the note says what it replaced.
    let other = attempt(&mut session, "SEED visual n=40 FROM p AS s1").unwrap();
    assert!(!other.message.contains("stored") && other.notes.iter().any(|note| note.contains("replaced")));
}

#[test]
fn changed_features_make_what_was_made_from_them_stale() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = planted(&dir.path().join("store"));
    attempt(&mut session, "ALIGN p USING features(text=1) AS by_name").unwrap();
    attempt(&mut session, "ALIGN p USING features(visual=1) AS by_image").unwrap();
    attempt(&mut session, "EMBED name USING ngrams min_n=3 max_n=3 INTO p").unwrap();
    let states = rows(&mut session, "SHOW ALIGNMENTS FROM p");
    let state = |name: &str| {
        let row = states.iter().find(|row| row[0] == Value::from(name)).unwrap();
        row[5].to_string()
    };
    assert_eq!(state("by_image"), "fresh");
    assert_eq!(state("by_name"), "stale: p.text changed");
    // Issued again it is made anew.
    let again = attempt(&mut session, "ALIGN p USING features(text=1) AS by_name").unwrap();
    assert!(!again.message.contains("stored"));
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let dir = tempfile::tempdir().unwrap();
    let mut all = Vec::new();
    for threads in [1, 2, 4] {
        let mut session = Store::open(dir.path().join(format!("store{threads}"))).unwrap().session();
        attempt(&mut session, &format!("SET threads={threads}")).unwrap();
        attempt(&mut session, "GENERATE PAIR p entities=900").unwrap();
        attempt(&mut session, "EMBED name USING ngrams INTO p").unwrap();
        attempt(&mut session, "SEED cluster k=auto n=200 FROM p AS s").unwrap();
        attempt(&mut session, "ALIGN p AS a").unwrap();
        let digest = |session: &mut Session, name: &str| {
            let facts = rows(session, &format!("DESCRIBE {name}"));
            facts.into_iter().find(|row| row[0] == Value::from("digest")).unwrap()[1].clone()
        };
        all.push((digest(&mut session, "s"), digest(&mut session, "a")));
    }
    assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "{all:?}");
}

#[test]
fn a_refused_statement_leaves_the_store_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = planted(&dir.path().join("store"));
    attempt(&mut session, "SEED visual n=50 FROM p AS s1").unwrap();
    let before = (rows(&mut session, "SHOW ARTIFACTS"), rows(&mut session, "DESCRIBE p"));
    for (statement, expected) in [
        ("SEED visual n=50 FROM q AS s2", Code::UnknownName),
        ("SEED smell n=50 FROM p AS s2", Code::UnknownName),
        ("SEED visual n=50 FROM s1 AS s2", Code::WrongType),
        ("SEED visual n=50 FROM p AS p", Code::NameTaken),
        ("SEED visual n=0 FROM p AS s2", Code::OutOfRange),
        ("SEED cluster k=100000 n=10 FROM p AS s2", Code::OutOfRange),
        ("SEED cluster weights(visual=0, text=0) FROM p AS s2", Code::OutOfRange),
        ("SEED cluster weights(smell=1) FROM p AS s2", Code::UnknownName),
        ("CORRECT s1 AS s1", Code::Conflict),
        ("CORRECT p AS s2", Code::WrongType),
        ("EVALUATE nothing", Code::UnknownName),
        ("EVALUATE p", Code::WrongType),
        ("GENERATE PAIR p entities=10", Code::NameTaken),
        ("GENERATE PAIR s1 entities=10", Code::NameTaken),
        ("EMBED name USING bow INTO p", Code::Conflict),
        ("EMBED name USING ngrams FROM s1 INTO p", Code::Conflict),
        ("EMBED structure USING propagation INTO p", Code::MissingData),
        ("EMBED structure USING propagation FROM nothing INTO p", Code::UnknownName),
        ("EMBED structure USING propagation FROM s1 min_n=2 INTO p", Code::Conflict),
        ("EMBED structure USING ngrams INTO p", Code::Conflict),
        ("EMBED name USING ngrams hops=3 INTO p", Code::Conflict),
        ("IMPORT dbp15k 'no such folder' AS q", Code::NotFound),
        ("IMPORT FEATURES visual FROM 'no such file.npy' INTO p", Code::NotFound),
        ("EXPORT s1 TO 'no such folder/x.tsv'", Code::NotFound),
        ("DROP p", Code::Conflict),
        ("DROP nothing", Code::UnknownName),
        ("SELECT nothing FROM s1", Code::UnknownName),
        ("SELECT left FROM s1 WHERE score > 'high'", Code::WrongType),
        ("SELECT left, COUNT(*) FROM s1", Code::Conflict),
        ("SELECT * FROM p", Code::UnknownName),
        ("SELECT * FROM p.left.smells", Code::Syntax),
        ("MATCH 'nobody' IN p", Code::UnknownName),
        ("SET device='cuda:0'", Code::Unsupported),
        ("SET device='abacus'", Code::OutOfRange),
        ("TUNE nosuch AS t1", Code::UnknownName),
        ("TUNE p AS t1", Code::WrongType),
        ("EXPAND s1 USING s1 AS e", Code::WrongType),
        ("SEED global FROM nosuch AS e", Code::UnknownName),
        ("PSQE FROM nosuch AS e", Code::UnknownName),
        ("EXPLAIN RUN nosuch", Code::UnknownName),
    ] {
        // A build with CUDA on a machine with a GPU may well grant the device.
        if cfg!(feature = "cuda") && statement.contains("cuda") {
            continue;
        }
        assert_eq!(code(&mut session, statement), expected, "{statement}");
    }
    assert_eq!((rows(&mut session, "SHOW ARTIFACTS"), rows(&mut session, "DESCRIBE p")), before);
    attempt(&mut session, "CHECK FULL").unwrap();
}

#[test]
fn a_cancelled_statement_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = planted(&dir.path().join("store"));
    let cancel = CancelToken::new();
    cancel.cancel();
    let task = Task::new(cancel, None);
    let error = session.execute("ALIGN p AS a1", &Params::new(), &task).unwrap_err();
    assert_eq!(error.code(), Code::Cancelled);
    assert!(rows(&mut session, "SHOW ALIGNMENTS").is_empty());
    attempt(&mut session, "ALIGN p AS a1").unwrap();
}

#[test]
fn queries_filter_group_order_and_cut() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = planted(&dir.path().join("store"));
    attempt(&mut session, "ALIGN p match=mutual csls=none AS a1").unwrap();
    let all = rows(&mut session, "SELECT score FROM a1");
    let high = rows(&mut session, "SELECT score FROM a1 WHERE score >= 0.5 ORDER BY score");
    let number = |row: &Vec<Value>| if let Value::Float(x) = row[0] { x } else { panic!("{row:?}") };
    assert!(!high.is_empty() && high.len() < all.len());
    assert!(high.windows(2).all(|pair| number(&pair[0]) <= number(&pair[1])) && number(&high[0]) >= 0.5);
    let counted = rows(&mut session, "SELECT COUNT(*) AS n FROM a1 WHERE NOT score < 0.5");
    assert_eq!(counted, vec![vec![Value::from(high.len())]]);
    let splits = rows(&mut session, "SELECT split, COUNT(*) FROM p.links GROUP BY split ORDER BY split");
    assert_eq!(splits.len(), 3);
    assert_eq!(splits[0][0], Value::from("test"));
    let second = rows(&mut session, "SELECT left FROM a1 LIMIT 2 OFFSET 1");
    assert_eq!(second[0], rows(&mut session, "SELECT left FROM a1 LIMIT 2")[1]);
    let one = rows(&mut session, "SELECT head, tail FROM p.left.triples LIMIT 1");
    assert_eq!(one[0].len(), 2);
    assert!(rows(&mut session, "SELECT * FROM a1 WHERE left IN ('x', 'y')").is_empty());
}

#[test]
fn compacting_gives_back_what_was_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("store");
    let mut session = planted(&store);
    attempt(&mut session, "SEED visual n=50 FROM p AS s1").unwrap();
    let kept = rows(&mut session, "SELECT * FROM s1");
    attempt(&mut session, "GENERATE PAIR q entities=3000 visual_dims=256").unwrap();
    let bytes = |dir: &Path| {
        let mut total = 0;
        let mut folders = vec![dir.to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let entry = entry.unwrap();
                let meta = entry.metadata().unwrap();
                if meta.is_dir() { folders.push(entry.path()) } else { total += meta.len() }
            }
        }
        total
    };
    let full = bytes(&store);
    attempt(&mut session, "DROP q").unwrap();
    attempt(&mut session, "COMPACT").unwrap();
    assert!(bytes(&store) < full / 2, "{} of {full}", bytes(&store));
    assert_eq!(rows(&mut session, "SELECT * FROM s1"), kept);
    attempt(&mut session, "CHECK FULL").unwrap();
}

#[test]
fn a_backup_is_a_store_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = planted(&dir.path().join("store"));
    attempt(&mut session, "SEED visual n=50 FROM p AS s1").unwrap();
    let copy = dir.path().join("copy");
    attempt(&mut session, &format!("BACKUP TO '{}'", copy.display())).unwrap();
    let mut other = Store::open(&copy).unwrap().session();
    assert_eq!(rows(&mut other, "SELECT * FROM s1"), rows(&mut session, "SELECT * FROM s1"));
    attempt(&mut other, "CHECK FULL").unwrap();
    // A directory that holds something is not written over.
    assert!(attempt(&mut session, &format!("BACKUP TO '{}'", copy.display())).is_err());
}

#[test]
fn a_pair_without_links_says_what_can_be_known() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("pair");
    std::fs::create_dir(&folder).unwrap();
    let people = ["Ada Lovelace", "Alan Turing", "Grace Hopper", "Kurt Goedel", "Emmy Noether"];
    for side in [1, 2] {
        let mut entities = "entity,name\n".to_string();
        let mut triples = "head,relation,tail\n".to_string();
        for (i, name) in people.iter().enumerate() {
            entities.push_str(&format!("http://s{side}.org/{i},{name}\n"));
            triples.push_str(&format!("http://s{side}.org/{i},knows,http://s{side}.org/{}\n", (i + 1) % 5));
        }
        std::fs::write(folder.join(format!("entities_{side}.csv")), entities).unwrap();
        std::fs::write(folder.join(format!("triples_{side}.csv")), triples).unwrap();
    }
    let mut session = Store::open(dir.path().join("store")).unwrap().session();
    attempt(&mut session, &format!("IMPORT csv '{}' AS people", folder.display())).unwrap();
    attempt(&mut session, "EMBED name USING ngrams INTO people").unwrap();
    attempt(&mut session, "ALIGN people csls=none AS a1").unwrap();
    assert_eq!(rows(&mut session, "SELECT * FROM a1").len(), 5);
    let judged = attempt(&mut session, "EVALUATE a1").unwrap();
    assert!(judged.notes.iter().any(|note| note.contains("no reference links")), "{:?}", judged.notes);
    let row = judged.rows.unwrap().next().unwrap().unwrap();
    assert_eq!(row.get::<f64>("mutual_nearest").unwrap(), 1.0);
}

#[test]
fn what_a_correction_dropped_can_be_read_with_its_reason() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = planted(&dir.path().join("store"));
    attempt(&mut session, "SEED visual n=300 FROM p AS s1").unwrap();
    attempt(&mut session, "CORRECT s1 rivals=all direction=both iterate=true AS s2").unwrap();
    let dropped = rows(&mut session, "SELECT left_name, reason FROM s2.dropped");
    let kept = rows(&mut session, "SELECT left FROM s2").len();
    assert_eq!(kept + dropped.len(), rows(&mut session, "SELECT left FROM s1").len());
    assert!(!dropped.is_empty() && dropped[0][1].to_string().contains("more similar"));
}
