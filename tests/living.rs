//! Graphs that are edited, pairs that people judge, and results that are brought up to date.

#[path = "common/session.rs"]
mod session;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use seedbed::ops::spec::ReviewOrder;
use seedbed::{Code, Params, Session, Store, Task, Value};
use session::{execute, rows, text};

fn fails(session: &mut Session, statement: &str) -> (Code, String) {
    match session.execute(statement, &Params::new(), &Task::quiet()) {
        Ok(outcome) => panic!("{statement}: {}", outcome.message),
        Err(error) => (error.code(), error.message().to_string()),
    }
}

/// A column of a query as texts.
fn column(session: &mut Session, query: &str) -> Vec<String> {
    rows(session, query).iter().map(|row| text(&row[0])).collect()
}

fn fact(session: &mut Session, of: &str, name: &str) -> String {
    let facts = rows(session, &format!("DESCRIBE {of}"));
    let fact = facts.iter().find(|fact| text(&fact[0]) == name);
    fact.map(|fact| format!("{}", fact[1])).unwrap_or_default()
}

/// Left and right IRIs of an artifact.
fn links(session: &mut Session, of: &str) -> BTreeSet<(String, String)> {
    let rows = rows(session, &format!("SELECT left, right FROM {of}"));
    rows.iter().map(|row| (text(&row[0]), text(&row[1]))).collect()
}

fn planted(dir: &Path) -> Session {
    let mut session = Store::open(dir.join("store")).unwrap().session();
    execute(&mut session, "GENERATE PAIR p entities=300");
    execute(&mut session, "EMBED name USING ngrams dims=2048 INTO p");
    execute(&mut session, "EMBED relation USING bow INTO p");
    session
}

/// Every row of every table of one graph.
fn graph(session: &mut Session, graph: &str) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for table in ["entities", "triples", "attributes"] {
        let mut rows: Vec<Vec<String>> = rows(session, &format!("SELECT * FROM {graph}.{table}"))
            .iter()
            .map(|row| row.iter().map(|value| value.to_string()).collect())
            .collect();
        rows.sort();
        all.extend(rows);
    }
    all
}

#[test]
fn edits_are_one_version_each_and_last() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = planted(dir.path());
    execute(&mut session, "SET author='anna'");
    let version = |session: &mut Session| fact(session, "p", "version").parse::<u64>().unwrap();
    let before = version(&mut session);
    let done = execute(&mut session, "INSERT ENTITY 'http://x.org/new' name='Newcomer' INTO p.left");
    assert_eq!(done.message, "p.left: 1 entity came; 1 entity is touched");
    let some = column(&mut session, "SELECT entity FROM p.left.entities LIMIT 2");
    let relation = &column(&mut session, "SELECT relation FROM p.left.triples LIMIT 1")[0];
    execute(&mut session, &format!("INSERT TRIPLE ('Newcomer', <{relation}>, <{}>) INTO p.left", some[0]));
    execute(&mut session, "INSERT ATTRIBUTE ('http://x.org/new', 'http://x.org/height', 1.75) INTO p.left");
    assert_eq!(version(&mut session), before + 3);
    let value =
        rows(&mut session, "SELECT value, datatype FROM p.left.attributes WHERE entity='http://x.org/new'");
    assert_eq!(value, [[Value::from("1.75"), Value::from("double")]]);
    // What is there already is no change.
    let done = execute(&mut session, "INSERT ENTITY 'http://x.org/new' INTO p.left");
    assert_eq!((done.message.as_str(), version(&mut session)), ("p.left is as it was", before + 3));
    let (code, message) =
        fails(&mut session, "DELETE TRIPLE ('Newcomer', 'nonsense', 'Newcomer') FROM p.left");
    assert_eq!((code, message.as_str()), (Code::UnknownName, "`p.left` has no relation `nonsense`"));
    let edited = graph(&mut session, "p.left");
    drop(session);
    let mut session = Store::open(dir.path().join("store")).unwrap().session();
    assert_eq!(graph(&mut session, "p.left"), edited);
    execute(&mut session, "CHECK FULL");
    execute(&mut session, "COMPACT");
    assert_eq!(graph(&mut session, "p.left"), edited);
    execute(&mut session, "DROP p");
    execute(&mut session, "CHECK FULL");
}

#[test]
fn a_deleted_entity_is_out_of_every_stage_and_comes_back_under_its_id() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = planted(dir.path());
    execute(&mut session, "SEED cluster n=100 FROM p AS before");
    execute(&mut session, "TRAIN eva ON p USING before epochs=2 dims=16 AS m");
    let (left, right) = links(&mut session, "before").into_iter().next().unwrap();
    let id = rows(&mut session, &format!("SELECT id, name FROM p.right.entities WHERE entity='{right}'"));
    execute(&mut session, &format!("DELETE ENTITY <{right}> FROM p.right"));
    assert!(fails(&mut session, &format!("MATCH '{right}' IN p")).0 == Code::UnknownName);
    for statement in [
        "SEED cluster n=100 FROM p AS s",
        "SEED global n=100 FROM before AS s",
        "CORRECT before AS s",
        "CORRECT before variant=paper AS s",
        "EXPAND before AS s",
        "SEED visual n=100 FROM p AS s",
        "ALIGN p match=best AS s",
        "ALIGN p match=hungarian AS s",
        "ALIGN p USING m match=best AS s",
    ] {
        execute(&mut session, statement);
        assert!(links(&mut session, "s").iter().all(|link| link.1 != right), "{statement}");
        if statement.starts_with("ALIGN") {
            let unmatched = column(&mut session, "SELECT entity FROM s.unmatched");
            assert!(!unmatched.contains(&right), "{statement}");
        }
    }
    execute(&mut session, "EVALUATE s");
    let learned = execute(&mut session, "TRAIN eva ON p USING before epochs=1 dims=16 AS m2");
    let others = links(&mut session, "before").len() - 1;
    assert!(learned.message.contains(&format!("trained on {others} pairs")), "{}", learned.message);
    // Its old seeds and links can still be read, by name.
    assert!(links(&mut session, "before").contains(&(left, right.clone())));
    execute(&mut session, &format!("INSERT ENTITY <{right}> INTO p.right"));
    let back = rows(&mut session, &format!("SELECT id FROM p.right.entities WHERE entity='{right}'"));
    assert_eq!(back[0][0], id[0][0]);
}

#[test]
fn a_diff_and_its_reverse_leave_the_graph_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = planted(dir.path());
    let before = graph(&mut session, "p.left");
    let triples = rows(&mut session, "SELECT * FROM p.left.triples LIMIT 20");
    let (mut there, mut back) = (String::new(), String::new());
    for (at, triple) in triples.iter().enumerate() {
        let [head, relation, tail] = [0, 1, 2].map(|i| text(&triple[i]));
        there += &format!("- <{head}> <{relation}> <{tail}> .\n");
        back += &format!("+ <{head}> <{relation}> <{tail}> .\n");
        if at == 0 {
            there += &format!("+ <{tail}> <{relation}> <http://x.org/new> .\n");
            back += &format!("- <{tail}> <{relation}> <http://x.org/new> .\n");
            there +=
                &format!("+ <{head}> <http://x.org/age> \"7\"^^<http://www.w3.org/2001/XMLSchema#int> .\n");
            back +=
                &format!("- <{head}> <http://x.org/age> \"7\"^^<http://www.w3.org/2001/XMLSchema#int> .\n");
        }
    }
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (there, back) = (file("there.nt", &there), file("back.nt", &back));
    let done = execute(&mut session, &format!("APPLY DIFF '{there}' TO p.left"));
    assert!(
        done.message
            .starts_with("p.left: 1 entity and 1 triple and 1 attribute triple came, 20 triples went")
    );
    assert_ne!(graph(&mut session, "p.left"), before);
    let done = execute(&mut session, &format!("APPLY DIFF '{there}' TO p.left"));
    assert_eq!(done.message, "p.left is as it was");
    assert_eq!(done.notes.len(), 2, "{:?}", done.notes);
    execute(&mut session, &format!("APPLY DIFF '{back}' prune=true TO p.left"));
    assert_eq!(graph(&mut session, "p.left"), before);
    let plain = file("plain.nt", "<http://x.org/a> <http://x.org/r> <http://x.org/b> .\n");
    let (code, _) = fails(&mut session, &format!("APPLY DIFF '{plain}' TO p.left"));
    assert_eq!(code, Code::BadFile);
    execute(&mut session, &format!("IMPORT rdf '{plain}' INTO p.left"));
    execute(&mut session, &format!("APPLY DIFF '{plain}' removed='{plain}' TO p.right"));
    assert_eq!(graph(&mut session, "p.left").len(), before.len() + 3);
}

/// A link of the alignment that the reference denies, and for its left entity the right one.
fn mistaken(session: &mut Session, of: &str) -> (String, String, String) {
    let truth: BTreeMap<String, String> = links(session, "p.links").into_iter().collect();
    let found: BTreeMap<String, String> = links(session, of).into_iter().collect();
    let wrong =
        found.iter().find(|(left, right)| truth.get(*left).is_some_and(|true_one| true_one != *right));
    let (left, right) = wrong.expect("a wrong link");
    (left.clone(), right.clone(), truth[left].clone())
}

#[test]
fn every_stage_keeps_verdicts() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = planted(dir.path());
    execute(&mut session, "SEED cluster n=200 FROM p AS s0");
    execute(&mut session, "TRAIN eva ON p USING s0 epochs=2 dims=16 AS m");
    execute(&mut session, "ALIGN p match=best csls=none AS a0");
    let (left, wrong, right) = mistaken(&mut session, "a0");
    let (other, rejected) =
        links(&mut session, "s0").into_iter().find(|link| link.0 != left && link.1 != right).unwrap();
    execute(&mut session, &format!("ACCEPT (<{left}>, <{right}>) comment='checked' author='ben' IN p"));
    execute(&mut session, &format!("REJECT (<{other}>, <{rejected}>), (<{left}>, <{wrong}>) IN p"));
    let accepted = (left.clone(), right.clone());
    for statement in [
        "SEED cluster n=50 FROM p AS s",
        "SEED visual n=10 FROM p AS s",
        "SEED global FROM s0 AS s",
        "SEED global n=20 variant=paper FROM s0 AS s",
        "CORRECT s0 AS s",
        "CORRECT s0 variant=paper direction=both AS s",
        "CORRECT s0 variant=reference rivals=all AS s",
        "EXPAND s0 AS s",
        "EXPAND s0 variant=paper AS s",
        "ALIGN p match=mutual AS s",
        "ALIGN p match=best csls=none AS s",
        "ALIGN p match=greedy threshold=0.99 AS s",
        "ALIGN p match=hungarian AS s",
        "ALIGN p match=sinkhorn AS s",
        "ALIGN p rescale=rinf AS s",
        "ALIGN p match=greedy threshold=auto AS s",
        "ALIGN p USING m match=best csls=none AS s",
    ] {
        execute(&mut session, statement);
        let found = links(&mut session, "s");
        assert!(found.contains(&accepted), "{statement}: the accepted pair is missing");
        assert!(
            !found.contains(&(other.clone(), rejected.clone())),
            "{statement}: a rejected pair came back"
        );
        let ends = found.iter().filter(|link| link.0 == left || link.1 == right).count();
        assert_eq!(ends, 1, "{statement}: an accepted entity has another partner");
        let stage = column(&mut session, &format!("SELECT stage FROM s WHERE left='{left}'"));
        assert_eq!(stage, ["accepted"], "{statement}");
    }
    for model in
        ["TUNE s0 epochs=2 dims=16 AS t", "TRAIN eva ON p USING s0 epochs=2 dims=16 iterative=true AS t"]
    {
        execute(&mut session, model);
        let learned = links(&mut session, "t");
        assert!(
            learned.contains(&accepted) && !learned.contains(&(other.clone(), rejected.clone())),
            "{model}"
        );
    }
    let judged = execute(&mut session, "EVALUATE s");
    assert!(judged.notes.iter().any(|note| note.contains("accepted by people")), "{:?}", judged.notes);
    let found = rows(
        &mut session,
        &format!("SELECT said, author, comment, state FROM p.verdicts WHERE left='{left}'"),
    );
    assert_eq!(found[0], ["accept", "ben", "checked", "stands"].map(Value::from));

    // One entity has one partner.
    let (code, message) = fails(&mut session, &format!("ACCEPT (<{left}>, <{rejected}>) IN p"));
    assert_eq!(code, Code::Conflict);
    assert!(message.contains("cannot be accepted beside"), "{message}");

    // Verdicts go out and come back.
    let file = dir.path().join("verdicts.sssom.tsv");
    execute(&mut session, &format!("EXPORT VERDICTS FROM p TO '{}'", file.display()));
    let said = |session: &mut Session| {
        rows(session, "SELECT said, left, right FROM p.verdicts WHERE state='stands'")
    };
    let before = said(&mut session);
    assert_eq!(before.len(), 3);
    for _ in 0..3 {
        execute(&mut session, "UNDO IN p");
    }
    assert_eq!(fails(&mut session, "UNDO IN p").0, Code::NotFound);
    assert_eq!(said(&mut session).len(), 0);
    execute(&mut session, &format!("IMPORT VERDICTS '{}' INTO p", file.display()));
    assert_eq!(said(&mut session), before);
    execute(&mut session, "CHECK FULL");
}

#[test]
fn a_refresh_remakes_what_an_edit_touched_and_stops_where_nothing_changed() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = planted(dir.path());
    execute(&mut session, "PSQE FROM p AS s");
    execute(&mut session, "ALIGN p AS a");
    assert_eq!(rows(&mut session, "SHOW STALE").len(), 0);
    assert_eq!(
        execute(&mut session, "REFRESH a").message,
        "a is up to date: nothing it came from has changed"
    );

    // A triple changes neither names nor the bag of relations of others; the modality of names stays as it is.
    let some = column(&mut session, "SELECT entity FROM p.left.entities LIMIT 2");
    let relation = &column(&mut session, "SELECT relation FROM p.left.triples LIMIT 1")[0];
    execute(&mut session, &format!("INSERT TRIPLE (<{}>, <{relation}>, <{}>) INTO p.left", some[0], some[1]));
    let stale = column(&mut session, "SHOW STALE FROM p");
    assert!(stale.contains(&"p.text".to_string()) && stale.contains(&"s_global".to_string()), "{stale:?}");
    let wave = rows(&mut session, "REFRESH a");
    let outcome: Vec<(String, String)> = wave.iter().map(|row| (text(&row[0]), text(&row[2]))).collect();
    assert_eq!(outcome[0], ("p.relation".to_string(), "made anew".to_string()), "{outcome:?}");
    assert_eq!(outcome[1], ("p.text".to_string(), "as it was".to_string()));
    assert_eq!(outcome.last().unwrap().0, "a");
    assert!(!stale.contains(&"p.visual".to_string()));
    execute(&mut session, "REFRESH p");
    assert_eq!(rows(&mut session, "SHOW STALE").len(), 0);

    // A verdict; the former stays beside the result.
    let (left, wrong, right) = mistaken(&mut session, "a");
    execute(&mut session, &format!("ACCEPT (<{left}>, <{right}>) IN p"));
    execute(&mut session, "REFRESH a AS b");
    let changed = rows(&mut session, "DIFF a, b");
    let row = changed.iter().find(|row| text(&row[1]) == left).expect("the accepted pair has moved");
    assert_eq!((text(&row[0]), text(&row[3]), text(&row[6])), ("moved".into(), wrong, right));
    assert_eq!(text(&row[9]), "verdict 1, accept");
    let lineage = rows(&mut session, "SHOW LINEAGE b");
    let what: Vec<String> = lineage.iter().map(|row| text(&row[1]).trim().to_string()).collect();
    for step in ["b", "p.text", "p.left", "verdicts on p"] {
        assert!(what.contains(&step.to_string()), "{step} in {what:?}");
    }
}

#[test]
fn links_are_reviewed_the_doubtful_ones_first() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = planted(dir.path());
    execute(&mut session, "ALIGN p match=best csls=none AS a");
    let queue = rows(&mut session, "REVIEW a LIMIT 10");
    let margin = |row: &Vec<Value>| match row[5] {
        Value::Float(margin) => margin,
        _ => f64::INFINITY,
    };
    assert_eq!(queue.len(), 10);
    assert!(queue.windows(2).all(|pair| margin(&pair[0]) <= margin(&pair[1])));
    let (left, right) = (text(&queue[0][0]), text(&queue[0][1]));
    let evidence = rows(&mut session, &format!("EXPLAIN MATCH '{left}', '{right}' IN a"));
    let what: Vec<String> = evidence.iter().map(|row| text(&row[0])).collect();
    for part in ["name", "IRI", "similarity", "  by visual", "rival 1 of it", "neighbour"] {
        assert!(what.iter().any(|what| what.starts_with(part)), "{part} in {what:?}");
    }
    assert_eq!(text(&evidence[1][1]), left);
    execute(&mut session, &format!("REJECT ('{left}', '{right}') IN a"));
    assert_ne!(rows(&mut session, "REVIEW a LIMIT 10")[0], queue[0]);
    assert_eq!(fails(&mut session, "REVIEW p").0, Code::WrongType);
    drop(session);

    // The same as a library.
    let store = Store::open(dir.path().join("store")).unwrap();
    let mut review = store.review("a", ReviewOrder::Random, 3, "carla").unwrap();
    let mut seen = Vec::new();
    while let Some(case) = review.next() {
        assert!(review.evidence(&case).unwrap().rows.is_some());
        review.judge(&case, true).unwrap();
        seen.push(case);
    }
    let progress = review.progress();
    assert_eq!((seen.len(), progress.judged, progress.accepted, progress.left), (3, 3, 3, 0));
    assert!(progress.precision == 1.0 && progress.interval.0 > 0.3);
    assert!(review.undo().unwrap());
    let mut session = store.session();
    let said = rows(&mut session, "SELECT author FROM p.verdicts WHERE state='stands' AND said='accept'");
    assert_eq!(said, vec![vec![Value::from("carla")]; 2]);
}

#[test]
fn verdicts_taken_back_never_leave_an_entity_two_partners() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = planted(dir.path());
    let [left, right] = ["left", "right"]
        .map(|side| column(&mut session, &format!("SELECT entity FROM p.{side}.entities LIMIT 2")));
    let (a, b, c) = (&left[0], &right[0], &right[1]);
    execute(&mut session, &format!("ACCEPT (<{a}>, <{b}>) IN p"));
    execute(&mut session, &format!("REJECT (<{a}>, <{b}>) IN p"));
    execute(&mut session, &format!("ACCEPT (<{a}>, <{c}>) IN p"));
    let (code, message) = fails(&mut session, &format!("UNDO (<{a}>, <{b}>) IN p"));
    assert!(code == Code::Conflict && message.contains("accepted again"), "{message}");
    // What was said of an entity that is gone can be taken back.
    execute(&mut session, &format!("DELETE ENTITY <{c}> FROM p.right"));
    assert_eq!(fails(&mut session, &format!("ACCEPT (<{a}>, <{b}>) IN p")).0, Code::Conflict);
    execute(&mut session, &format!("UNDO (<{a}>, <{c}>) IN p"));
    execute(&mut session, &format!("ACCEPT (<{a}>, <{b}>) IN p"));
}

#[test]
fn a_refresh_refuses_names_early_and_goes_on_past_what_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = planted(dir.path());
    execute(&mut session, "PSQE n=50 FROM p AS s");
    execute(&mut session, "ALIGN p AS a");
    assert_eq!(fails(&mut session, "REFRESH s AS p").0, Code::NameTaken);
    assert_eq!(fails(&mut session, "REFRESH s AS s_cluster").0, Code::Conflict);
    execute(&mut session, "DROP s_cluster");
    execute(&mut session, "INSERT ENTITY 'http://x.org/new' name='New' INTO p.left");
    assert_eq!(fails(&mut session, "REFRESH s_global").0, Code::NotFound);
    let done = execute(&mut session, "REFRESH p");
    assert!(done.notes.iter().any(|note| note.contains("`s_cluster`, which it came from, is gone")));
    let stale = column(&mut session, "SHOW STALE");
    assert!(!stale.contains(&"a".to_string()) && stale.contains(&"s_global".to_string()), "{stale:?}");
}

#[test]
fn a_pair_made_again_under_a_name_has_nothing_of_the_former() {
    let aligned = |session: &mut Session, seed: u64| {
        execute(session, &format!("GENERATE PAIR q entities=80 seed={seed}"));
        execute(session, "ALIGN q weights=equal AS a");
        let links = links(session, "a");
        execute(session, "DROP a");
        execute(session, "DROP q");
        links
    };
    let mut session = Store::in_memory().session();
    let first = aligned(&mut session, 1);
    let second = aligned(&mut session, 2);
    assert_ne!(first, second);
    assert_eq!(second, aligned(&mut Store::in_memory().session(), 2));
    assert_eq!(first, aligned(&mut session, 1));
}
