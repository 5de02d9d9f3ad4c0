//! Aligners as statements: trained, resumed, compared by, judged without what they learned from.

#[path = "common/session.rs"]
mod session;

use std::sync::Arc;

use seedbed::kg::Split;
use seedbed::ops::spec::Architecture;
use seedbed::{CancelToken, Code, Event, Observer, Params, Session, Store, Task, Value};
use session::{execute, rows, text};

const MODELS: [&str; 5] = ["eva", "mclea", "meaformer", "pcmea", "mpsea"];

fn code(session: &mut Session, statement: &str) -> Code {
    session.execute(statement, &Params::new(), &Task::quiet()).unwrap_err().code()
}

fn digest(session: &mut Session, name: &str) -> String {
    let facts = rows(session, &format!("DESCRIBE {name}"));
    text(&facts.iter().find(|fact| text(&fact[0]) == "digest").unwrap()[1])
}

/// A pair with names, relations, attributes with numbers, and images.
fn planted(dir: &std::path::Path) -> Session {
    planted_in(&Store::open(dir.join("store")).unwrap())
}

fn planted_in(store: &Store) -> Session {
    let mut session = store.session();
    execute(&mut session, "GENERATE PAIR p entities=260 visual_dims=16");
    execute(&mut session, "EMBED relation USING bow dims=40 INTO p");
    execute(&mut session, "EMBED attribute USING bow dims=40 INTO p");
    execute(&mut session, "SEED cluster n=60 weights(visual=1) FROM p AS s");
    session
}

/// Hits@1 under the strict protocol by plain cosine, left to right.
fn hits(session: &mut Session, alignment: &str) -> f64 {
    let row = execute(session, &format!("EVALUATE {alignment}")).rows.into_iter().flatten().next();
    row.unwrap().unwrap().get::<f64>("hits@1").unwrap()
}

#[test]
fn every_model_trains_aligns_and_repeats_itself() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = planted(dir.path());
    for model in MODELS {
        let train =
            |name: &str| format!("TRAIN {model} ON p USING s epochs=4 lr=0.01 dims=16 batch=40 AS {name}");
        execute(&mut session, &train("m"));
        assert!(execute(&mut session, &train("again")).message.contains("stored result"), "{model}");
        assert_eq!(rows(&mut session, "EXPLAIN RUN m").len(), 4, "{model}");
        execute(&mut session, "ALIGN p USING m AS a");
        assert!(hits(&mut session, "a") > 0.05, "{model}");
        let columns: Vec<String> = execute(&mut session, "SELECT * FROM a LIMIT 1")
            .rows
            .unwrap()
            .columns()
            .iter()
            .map(|c| c.name.clone())
            .collect();
        for wanted in ["joint", "structure", "visual", "relation", "attribute"] {
            assert!(columns.iter().any(|column| column == wanted), "{model}: {columns:?}");
        }
    }
    execute(&mut session, "CHECK FULL");
}

/// Cancels after so many epochs of training.
struct After {
    token: CancelToken,
    epochs: u64,
}

impl Observer for After {
    fn event(&self, event: &Event) {
        if let Event::Advance { done, .. } = event
            && *done >= self.epochs
        {
            self.token.cancel();
        }
    }
}

#[test]
fn every_model_goes_on_where_it_was_cancelled_on_any_number_of_threads() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (mut whole, mut session) = (planted(first.path()), planted(second.path()));
    execute(&mut session, "SET threads=1");
    for model in MODELS {
        let train = format!(
            "TRAIN {model} ON p USING s epochs=6 lr=0.01 dims=16 batch=40 iterative=true AS m_{model}"
        );
        execute(&mut whole, &train);
        let token = CancelToken::new();
        let task = Task::new(token.clone(), Some(Arc::new(After { token, epochs: 3 })));
        let error = session.execute(&train, &Params::new(), &task).unwrap_err();
        assert_eq!(error.code(), Code::Cancelled, "{model}");
        execute(&mut session, &train);
        let name = format!("m_{model}");
        assert_eq!(digest(&mut session, &name), digest(&mut whole, &name), "{model}");
    }
}

#[test]
fn links_that_were_learned_are_not_judged() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = planted(dir.path());
    execute(&mut session, "TRAIN mclea ON p USING split '30%' + s epochs=3 lr=0.01 dims=16 AS m");
    execute(&mut session, "ALIGN p USING m AS a");
    let links = rows(&mut session, "SELECT COUNT(*) FROM p.links")[0][0].clone();
    let Value::Int(links) = links else { panic!("{links:?}") };
    let learned = (links as f64 * 0.3).round() as i64;
    let judged = execute(&mut session, "EVALUATE a");
    assert!(
        judged.notes.iter().any(|note| note.starts_with(&format!("{learned} links"))),
        "{:?}",
        judged.notes
    );
    // The share was drawn from the links that are not of the test split; all of that are judged.
    let row = judged.rows.into_iter().flatten().next().unwrap().unwrap();
    let test = rows(&mut session, "SELECT COUNT(*) FROM p.links WHERE split = 'test'")[0][0].clone();
    assert_eq!(Value::from(row.get::<i64>("queries").unwrap()), test, "{:?}", judged.notes);
    // The seed set and the links are both told of.
    let facts = rows(&mut session, "DESCRIBE m");
    for wanted in ["made from s", "made from links of p"] {
        assert!(facts.iter().any(|fact| text(&fact[0]) == wanted), "{wanted}: {facts:?}");
    }
}

#[test]
fn what_cannot_be_trained_is_said_and_nothing_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = planted(dir.path());
    for (statement, expected) in [
        ("TRAIN eva ON q USING s AS m", Code::UnknownName),
        ("TRAIN eva ON p USING nothing AS m", Code::UnknownName),
        ("TRAIN eva ON p USING s temperature=0.1 AS m", Code::Conflict),
        ("TRAIN eva ON p USING s without='policy' AS m", Code::UnknownName),
        ("TRAIN mpsea ON p USING s weights(smell=1) AS m", Code::UnknownName),
        ("TRAIN mpsea ON p USING s weights(visual=0, relation=0) AS m", Code::OutOfRange),
        ("EXPLAIN TRAIN eva ON p USING s without='policy'", Code::UnknownName),
        ("EXPAND s USING nothing AS s2", Code::UnknownName),
        ("TRAIN mclea ON p USING s dtype=bf16 AS m", Code::UnknownOption),
        ("TRAIN mclea ON p USING s epochs=2 AS p", Code::NameTaken),
        ("TRAIN mclea ON p USING s epochs=2 AS s", Code::Conflict),
    ] {
        assert_eq!(code(&mut session, statement), expected, "{statement}");
    }
    assert!(rows(&mut session, "SHOW MODELS").is_empty());
    let known = execute(&mut session, "DESCRIBE MODEL mpsea");
    assert!(known.message.starts_with("mpsea: "), "{}", known.message);
    assert!(known.rows.unwrap().count() >= 6);
    // Each ablation is another model.
    execute(&mut session, "TRAIN mpsea ON p USING s epochs=1 dims=16 AS whole");
    for part in [
        "structure",
        "pre-fusion",
        "outlook",
        "policy",
        "multi-weight",
        "early-joint",
        "visual",
        "relation",
        "numeric",
    ] {
        execute(&mut session, &format!("TRAIN mpsea ON p USING s epochs=1 dims=16 without='{part}' AS less"));
        assert_ne!(digest(&mut session, "less"), digest(&mut session, "whole"), "{part}");
    }
}

#[test]
fn a_builder_and_a_statement_make_the_same_model() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().join("store")).unwrap();
    let mut session = planted_in(&store);
    execute(&mut session, "TRAIN eva ON p USING s + split 'train' epochs=2 dims=16 without='visual' AS m");
    let pair = store.pair("p").unwrap();
    let built = store.train(&pair, Architecture::Eva).seeds("s").split(Split::Train).without("visual");
    let outcome = built.epochs(2).dims(16).named("b").run().unwrap();
    assert!(outcome.message.contains("stored result"), "{}", outcome.message);
    let error = store.train(&pair, Architecture::Eva).run().unwrap_err();
    assert_eq!(error.code(), Code::MissingData);
    // Neither door lets the test links in.
    let error = store.train(&pair, Architecture::Eva).split(Split::Test).run().unwrap_err();
    assert_eq!(error.code(), Code::Conflict);
    // A default written out, and parts in another order, are the same request.
    execute(&mut session, "TRAIN mclea ON p USING s epochs=1 dims=16 without='visual, relation' AS d");
    for same in [
        "TRAIN mclea ON p USING s epochs=1 dims=16 lr=0.0005 temperature=0.1 without='relation,visual' AS d2",
        "TRAIN mclea ON p USING s epochs=1 dims=16 batch=3500 without='Visual, relation, visual' AS d3",
    ] {
        assert!(execute(&mut session, same).message.contains("stored result"), "{same}");
    }
}

#[test]
fn parameters_leave_under_the_names_their_authors_gave_them() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = planted(dir.path());
    execute(&mut session, "TRAIN mclea ON p USING s epochs=2 dims=16 AS m");
    execute(&mut session, "TUNE s epochs=2 dims=16 AS t");
    let path = |name: &str| dir.path().join(name);
    for (model, wanted) in [("m", "entity_emb.weight"), ("t", "visual.linear.weight")] {
        let file = path(&format!("{model}.safetensors"));
        execute(&mut session, &format!("EXPORT {model} TO '{}'", file.display()));
        let bytes = std::fs::read(&file).unwrap();
        let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        assert!(tensors.names().iter().any(|name| name.ends_with(wanted)), "{:?}", tensors.names());
        assert_eq!(code(&mut session, &format!("EXPORT {model} TO '{}'", file.display())), Code::Conflict);
    }
    let links = path("s.safetensors");
    assert_eq!(code(&mut session, &format!("EXPORT s TO '{}'", links.display())), Code::Conflict);
    assert!(!links.exists());
}

#[test]
fn parameters_come_back_and_training_goes_on_from_them() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = planted(dir.path());
    let file = |model: &str| dir.path().join(format!("{model}.safetensors")).display().to_string();
    for model in MODELS {
        let train = format!("TRAIN {model} ON p USING s dims=16");
        execute(&mut session, &format!("{train} epochs=3 lr=0.01 AS m"));
        execute(&mut session, &format!("EXPORT m TO '{}'", file(model)));
        execute(&mut session, &format!("{train} epochs=0 init='{}' AS same", file(model)));
        execute(&mut session, "ALIGN p USING m AS a");
        execute(&mut session, "ALIGN p USING same AS b");
        let mut links = |of: &str| rows(&mut session, &format!("SELECT left, right, score FROM {of}"));
        assert_eq!(links("a"), links("b"), "{model}");
        let facts = rows(&mut session, "DESCRIBE same");
        assert!(facts.iter().any(|fact| text(&fact[0]) == "began with"), "{model}: {facts:?}");
        execute(&mut session, &format!("{train} epochs=1 init='{}' AS further", file(model)));
        assert_ne!(digest(&mut session, "further"), digest(&mut session, "same"), "{model}");
    }
    // The bytes of the file decide, wherever it lies.
    std::fs::copy(file("eva"), file("copy")).unwrap();
    let eva = |from: &str| format!("TRAIN eva ON p USING s dims=16 epochs=1 init='{}' AS e", file(from));
    execute(&mut session, &eva("eva"));
    assert!(execute(&mut session, &eva("copy")).message.contains("stored result"));
    // What the file's parameters have learned is not known, whatever is made of them.
    execute(&mut session, "SEED global n=40 variant=paper FROM e AS g");
    let notes = execute(&mut session, "EVALUATE g").notes;
    assert!(notes.iter().any(|note| note.contains("rests on parameters from")), "{notes:?}");
    assert_eq!(code(&mut session, "EMBED structure USING propagation FROM g INTO p"), Code::Conflict);
    assert_eq!(code(&mut session, &eva("mclea")), Code::BadValue);
    assert_eq!(code(&mut session, &eva("nothing")), Code::NotFound);
    std::fs::write(file("bad"), b"no tensors").unwrap();
    assert_eq!(code(&mut session, &eva("bad")), Code::BadFile);
}

#[test]
fn what_rests_on_a_model_knows_which_links_it_was_given() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = planted(dir.path());
    execute(&mut session, "TRAIN mclea ON p USING split 'train' epochs=3 lr=0.01 dims=16 AS m");
    execute(&mut session, "SEED global n=60 variant=paper FROM m AS g");
    execute(&mut session, "CORRECT g AS c");
    execute(&mut session, "TRAIN eva ON p USING c epochs=2 dims=16 AS m2");
    execute(&mut session, "ALIGN p USING m2 AS a");
    for artifact in ["g", "c", "m2", "a"] {
        let notes = execute(&mut session, &format!("EVALUATE {artifact}")).notes;
        assert!(notes.iter().any(|note| note.contains("learned from are left out")), "{artifact}: {notes:?}");
    }
    // A feature could not tell.
    assert_eq!(code(&mut session, "EMBED structure USING propagation FROM c INTO p"), Code::Conflict);
    // Two runs whose states are alike do not take each other's checkpoint away.
    execute(&mut session, "TRAIN eva ON p USING s epochs=2 dims=16 AS short");
    execute(&mut session, "TRAIN eva ON p USING s epochs=4 dims=16 AS long");
    execute(&mut session, "CHECK FULL");
    let file = dir.path().join("short.safetensors");
    execute(&mut session, &format!("EXPORT short TO '{}'", file.display()));
}
