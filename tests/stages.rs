//! PSQE's stages as statements: resumable, repeatable, explained.

#[path = "common/session.rs"]
mod session;

use std::path::Path;
use std::sync::Arc;

use seedbed::{CancelToken, Code, Event, Observer, Params, Session, Store, Task, Value};
use session::{execute, rows, text};

/// The digest of an artifact's content.
fn digest(session: &mut Session, name: &str) -> String {
    let facts = rows(session, &format!("DESCRIBE {name}"));
    text(&facts.iter().find(|fact| text(&fact[0]) == "digest").unwrap()[1])
}

fn planted(dir: &Path) -> Session {
    let mut session = Store::open(dir.join("store")).unwrap().session();
    execute(&mut session, "GENERATE PAIR p entities=500");
    execute(&mut session, "EMBED name USING ngrams dims=4096 INTO p");
    session
}

#[test]
fn psqe_makes_every_stage_a_result_and_repeats_itself() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut session = planted(first.path());
    let stages = rows(&mut session, "PSQE FROM p AS s");
    let names: Vec<String> = stages.iter().map(|row| text(&row[1])).collect();
    assert_eq!(names, ["s_cluster", "s_global", "s_corrected", "s_expanded", "s"]);
    let quality = execute(&mut session, "EVALUATE s").rows.into_iter().flatten().next().unwrap().unwrap();
    assert!(quality.get::<i64>("seeds").unwrap() > 150, "{quality:?}");
    assert!(quality.get::<f64>("precision").unwrap() > 0.9, "{quality:?}");
    for row in rows(&mut session, "EXPLAIN PSQE FROM p AS s") {
        assert_eq!(text(&row[1]), "fresh", "{row:?}");
    }
    assert!(execute(&mut session, "SEED global FROM s_cluster AS again").message.contains("stored result"));
    // On other threads, in another store: the same.
    let mut other = planted(second.path());
    execute(&mut other, "SET threads=1");
    execute(&mut other, "PSQE FROM p AS s");
    assert_eq!(digest(&mut session, "s"), digest(&mut other, "s"));
    execute(&mut session, "CHECK FULL");
}

/// Hits@1 of the features under weights, by CSLS, of all links.
fn hits(session: &mut Session, weights: &str) -> f64 {
    execute(session, &format!("ALIGN p weights({weights}) csls=10 AS judged"));
    let judged = execute(session, "EVALUATE judged").rows.unwrap().nth(2).unwrap().unwrap();
    judged.get::<f64>("hits@1").unwrap()
}

#[test]
fn seeds_spread_over_the_triples_tell_what_images_do_not() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().join("store")).unwrap();
    let mut session = store.session();
    execute(&mut session, "GENERATE PAIR p entities=800 visual_noise=1.5");
    execute(&mut session, "PSQE n=200 weights(visual=1) FROM p AS s");
    execute(&mut session, "EMBED structure USING propagation FROM s dims=128 INTO p");
    let (images, both) = (hits(&mut session, "visual=1"), hits(&mut session, "visual=1, neighbours=1"));
    assert!(both > images + 0.05, "{images} {both}");
    // The library makes the same, by its defaults.
    execute(&mut session, "EMBED structure USING propagation FROM s INTO p AS other");
    store.pair("p").unwrap().embed_structure("s").unwrap();
    assert_eq!(hits(&mut session, "other=1"), hits(&mut session, "neighbours=1"));
    // An aligner takes it like any other modality.
    execute(&mut session, "TRAIN eva ON p USING s epochs=2 dims=16 weights(neighbours=1, visual=1) AS m");
}

#[test]
fn the_reference_and_the_paper_run_through() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = planted(dir.path());
    for variant in ["reference", "paper"] {
        let statement = format!("PSQE n=80 epochs=5 variant={variant} missing=random FROM p AS {variant}");
        let stages = rows(&mut session, &statement);
        assert_eq!(stages.len(), 6);
        assert!(rows(&mut session, &format!("SELECT * FROM {variant}")).len() > 20);
    }
    let runs = rows(&mut session, "SHOW RUNS");
    assert_eq!(runs.len(), 2);
    assert!(runs.iter().all(|run| text(&run[2]) == "finished"));
    let curve = rows(&mut session, "EXPLAIN RUN reference_tuned");
    assert_eq!(curve.len(), 5);
    // A model can be read, judged, sampled from, and dropped with its run.
    execute(&mut session, "EVALUATE paper_tuned");
    execute(&mut session, "SEED global n=60 FROM paper_tuned AS g");
    assert_eq!(rows(&mut session, "SHOW MODELS").len(), 2);
    execute(&mut session, "DROP paper_tuned");
    assert_eq!(rows(&mut session, "SHOW RUNS").len(), 1);
    execute(&mut session, "COMPACT");
    execute(&mut session, "CHECK FULL");
}

/// Cancels when so many epochs are done.
struct After {
    token: CancelToken,
    epochs: u64,
}

impl Observer for After {
    fn event(&self, event: &Event) {
        if matches!(event, Event::Advance { done } if *done == self.epochs) {
            self.token.cancel();
        }
    }
}

#[test]
fn a_cancelled_tuning_goes_on_and_ends_where_an_uninterrupted_one_ends() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let tune = "TUNE s epochs=12 dims=32 batch=32 AS t";
    let mut whole = planted(first.path());
    execute(&mut whole, "SEED cluster n=100 FROM p AS s");
    execute(&mut whole, tune);

    let mut session = planted(second.path());
    execute(&mut session, "SEED cluster n=100 FROM p AS s");
    for epochs in [4, 9] {
        let token = CancelToken::new();
        let task = Task::new(token.clone(), Some(Arc::new(After { token, epochs })));
        let error = session.execute(tune, &Params::new(), &task).unwrap_err();
        assert_eq!(error.code(), Code::Cancelled);
        let runs = rows(&mut session, "SHOW RUNS");
        assert_eq!((text(&runs[0][2]), runs[0][3].clone()), ("resumable".to_string(), Value::from(epochs)));
        let steps = rows(&mut session, &format!("EXPLAIN {tune}"));
        let result = steps.last().unwrap();
        assert_eq!(text(&result[1]), "partial");
        assert!(text(&result[2]).starts_with(&format!("{epochs} of 12 epochs")), "{:?}", result[2]);
    }
    // A sweep keeps what the run goes on from.
    execute(&mut session, "COMPACT");
    execute(&mut session, tune);
    assert_eq!(digest(&mut session, "t"), digest(&mut whole, "t"));
    assert_eq!(text(&rows(&mut session, "SHOW RUNS")[0][2]), "finished");
}

#[test]
fn seeds_are_explained() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = planted(dir.path());
    execute(&mut session, "SEED cluster n=100 FROM p AS s1");
    execute(&mut session, "CORRECT s1 direction=both rivals=all AS s2");
    let facts = rows(&mut session, "EXPLAIN SEEDS s2");
    for wanted in ["seeds", "precision", "edge coverage", "balance", "reach", "weakest", "made from"] {
        assert!(facts.iter().any(|fact| text(&fact[0]) == wanted), "{wanted}: {facts:?}");
    }
    let degrees = rows(&mut session, "EXPLAIN SEEDS s2 BY degree");
    assert!(degrees.len() > 3);
    let shares: f64 = degrees.iter().map(|row| if let Value::Float(x) = row[4] { x } else { f64::NAN }).sum();
    assert!((shares - 1.0).abs() < 1e-9);
    assert_eq!(rows(&mut session, "EXPLAIN SEEDS s2 BY cluster").len(), 4);
    let error = session.execute("EXPLAIN SEEDS s2 BY type", &Params::new(), &Task::quiet()).unwrap_err();
    assert_eq!(error.code(), Code::MissingData);
    let picture = dir.path().join("seeds.svg");
    let draw = format!("EXPLAIN SEEDS s2 TO '{}'", picture.display());
    execute(&mut session, &draw);
    let drawn = std::fs::read_to_string(&picture).unwrap();
    assert!(drawn.starts_with("<svg") && drawn.contains("<polyline") && drawn.ends_with("</svg>\n"));
    let error = session.execute(&draw, &Params::new(), &Task::quiet()).unwrap_err();
    assert_eq!(error.code(), Code::Conflict);
}

#[test]
fn tuning_runs_where_it_is_told_and_says_what_was_chosen() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = planted(dir.path());
    execute(&mut session, "SEED cluster n=60 FROM p AS s");
    execute(&mut session, "TUNE s epochs=2 dims=16 AS t");
    // The same work in other words.
    let again = execute(&mut session, "TUNE s epochs=2 dims=16 device='cpu' dtype=f32 AS u");
    assert!(again.message.contains("stored result"), "{}", again.message);
    let mut refused =
        |statement: &str| session.execute(statement, &Params::new(), &Task::quiet()).unwrap_err().code();
    assert_eq!(refused("TUNE s device='cpu' dtype=bf16 AS v"), Code::Conflict);
    assert_eq!(refused("TUNE s device='gpu' AS v"), Code::OutOfRange);
    if cfg!(not(feature = "cuda")) {
        assert_eq!(refused("TUNE s device='cuda:0' AS v"), Code::Unsupported);
        assert_eq!(refused("EXPLAIN TUNE s device='cuda:0' AS v"), Code::Unsupported);
        assert_eq!(refused("PSQE tune=true dtype=bf16 FROM p AS q"), Code::Conflict);
        for statement in ["TUNE s epochs=2 dims=16 device='auto' AS u", "SET device='auto'"] {
            let notes = execute(&mut session, statement).notes;
            assert!(notes.iter().any(|note| note.contains("chose cpu")), "{statement}: {notes:?}");
        }
    }
}

#[test]
fn tuning_takes_the_modalities_that_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = planted(dir.path());
    execute(&mut session, "SEED cluster n=60 FROM p AS s");
    let plan = rows(&mut session, "EXPLAIN TUNE s batch=40 dims=16 weights(visual=1, text=0) AS t");
    assert!(!plan.iter().any(|step| text(&step[0]).contains("map text")), "{plan:?}");
    let work = plan.iter().find(|step| text(&step[0]).starts_with("tune")).unwrap();
    assert!(text(&work[2]).starts_with("a batch of 40 pairs reads"), "{work:?}");
    assert!(text(&work[3]).contains("GFLOP an epoch"), "{work:?}");
    execute(&mut session, "TUNE s epochs=2 dims=16 weights(visual=1) AS t");
    // Each modality has a network of its own: how much it weighs does not matter.
    let again = execute(&mut session, "TUNE s epochs=2 dims=16 weights(visual=0.3, text=0) AS u");
    assert!(again.message.contains("stored result"), "{}", again.message);
    execute(&mut session, "TUNE s epochs=2 dims=16 AS both");
    assert_ne!(digest(&mut session, "t"), digest(&mut session, "both"));
    // What was not tuned is no part of what follows, unless it is asked for.
    execute(&mut session, "SEED global n=80 FROM t AS g");
    assert_eq!(rows(&mut session, "SELECT * FROM g LIMIT 1")[0].len(), 10);
    let asked = "SEED global n=80 weights(visual=0.5, text=0.5) FROM t AS h";
    let error = session.execute(asked, &Params::new(), &Task::quiet()).unwrap_err();
    assert_eq!(error.code(), Code::UnknownName);
    assert!(error.to_string().contains("has no embedding of text"), "{error}");
}

#[test]
fn seeds_are_told_apart_by_type() {
    let dir = tempfile::tempdir().unwrap();
    let graph = |side: &str| -> String {
        let one = |i: usize| {
            let iri = format!("<http://{side}.example/e{i}>");
            let class = ["City", "Person", "Person", "Person"][i % 4];
            let mut lines =
                format!("{iri} <http://www.w3.org/2000/01/rdf-schema#label> \"thing {}\" .\n", i * i);
            // Every eighth says nothing of its type.
            if i % 8 != 7 {
                lines += &format!(
                    "{iri} <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <http://example.org/{class}> .\n"
                );
            }
            lines
                + &format!("{iri} <http://{side}.example/near> <http://{side}.example/e{}> .\n", (i + 1) % 48)
        };
        (0..48).map(one).collect()
    };
    for side in ["left", "right"] {
        std::fs::write(dir.path().join(format!("{side}.nt")), graph(side)).unwrap();
    }
    let mut session = Store::open(dir.path().join("store")).unwrap().session();
    let import = format!("IMPORT rdf '{0}/left.nt', '{0}/right.nt' AS p", dir.path().display());
    execute(&mut session, &import);
    execute(&mut session, "EMBED name USING ngrams INTO p");
    execute(&mut session, "SEED text n=40 FROM p AS s");
    let cells = rows(&mut session, "EXPLAIN SEEDS s BY type");
    let entities = |name: &str| {
        let cell = cells.iter().find(|cell| text(&cell[0]).contains(name));
        cell.map(|cell| cell[1].clone()).unwrap_or_else(|| panic!("no {name}: {cells:?}"))
    };
    // Entities of both sides; the two classes are entities themselves and have no type.
    assert_eq!(entities("Person"), Value::from(60i64), "{cells:?}");
    assert_eq!(entities("City"), Value::from(24i64), "{cells:?}");
    assert_eq!(entities("no type"), Value::from(16i64), "{cells:?}");
    let shares: f64 = cells.iter().map(|cell| if let Value::Float(x) = cell[4] { x } else { f64::NAN }).sum();
    assert!((shares - 1.0).abs() < 1e-9, "{cells:?}");
}

#[test]
fn a_model_aligns_and_is_searched_and_the_alignment_outlives_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = planted(dir.path());
    execute(&mut session, "SEED cluster n=100 FROM p AS s");
    execute(&mut session, "TUNE s epochs=5 dims=32 AS t");
    execute(&mut session, "ALIGN p USING t AS a");
    let judged = rows(&mut session, "EVALUATE a");
    let features = digest(&mut session, "a");
    execute(&mut session, "ALIGN p AS straight");
    assert_ne!(features, digest(&mut session, "straight"));
    let iri = text(&rows(&mut session, "SELECT left FROM a LIMIT 1")[0][0]);
    let found = |session: &mut Session, using: &str| {
        rows(session, &format!("MATCH '{iri}' IN {using} LIMIT 3"))
            .into_iter()
            .map(|row| text(&row[0]))
            .collect::<Vec<_>>()
    };
    let by_model = found(&mut session, "p USING t");
    assert_eq!(found(&mut session, "a"), by_model);
    execute(&mut session, "DROP t");
    execute(&mut session, "COMPACT");
    assert_eq!(rows(&mut session, "EVALUATE a"), judged);
    assert_eq!(found(&mut session, "a"), by_model);
    let error = session.execute("ALIGN p USING t AS b", &Params::new(), &Task::quiet()).unwrap_err();
    assert_eq!(error.code(), Code::UnknownName);
}
