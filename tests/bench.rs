//! BENCH through statements and the library: what it measures, what it keeps, what it leaves behind.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use seedbed::ops::spec::{Architecture, Lesson, Protocol, Published};
use seedbed::{CancelToken, Code, Event, Observer, Outcome, Params, Row, Session, Store, Task, Value};

/// Options that make a training short.
const SHORT: &str = "epochs=3 lr=0.01 dims=16 batch=40";

fn execute(session: &mut Session, statement: &str) -> Outcome {
    let outcome = session.execute(statement, &Params::new(), &Task::quiet());
    outcome.unwrap_or_else(|error| panic!("{statement}: {error:?}"))
}

fn rows(session: &mut Session, statement: &str) -> Vec<Row> {
    execute(session, statement).rows.into_iter().flatten().map(|row| row.unwrap()).collect()
}

fn store(dir: &tempfile::TempDir) -> Store {
    Store::open(dir.path().join("store")).unwrap()
}

/// A pair with seeds and features.
fn plant(session: &mut Session) {
    execute(session, "GENERATE PAIR p entities=200 visual_dims=16");
    execute(session, "EMBED relation USING bow dims=40 INTO p");
    execute(session, "SEED cluster n=50 weights(visual=1) FROM p AS s");
}

/// What a row is of.
fn label(row: &Row) -> [String; 4] {
    ["seeds", "model", "protocol", "similarity"].map(|name| row.get::<String>(name).unwrap())
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[test]
fn figures_are_those_of_trainings_evaluated_one_by_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = store(&dir).session();
    plant(&mut session);
    let bench = format!(
        "BENCH PAIRS p MODELS eva, mclea SEEDS s, split '20%' {SHORT} runs=2 csls=5 seed=7 published=none"
    );
    let first = execute(&mut session, &bench);
    assert_eq!(first.message, "8 runs, 0 of them stored");
    let first: Vec<Row> = first.rows.into_iter().flatten().map(|row| row.unwrap()).collect();
    // Control and two models, under two protocols by two similarities, for two choices of seeds.
    assert_eq!(first.len(), 24);
    assert!(rows(&mut session, "SHOW MODELS").is_empty(), "a model was left behind");
    assert!(rows(&mut session, "SHOW RUNS").is_empty(), "a run was left behind");
    for (model, seeds) in [("eva", "s"), ("mclea", "split '20%'")] {
        let mut hits: Vec<[f64; 2]> = Vec::new();
        for seed in [7, 8] {
            execute(&mut session, &format!("TRAIN {model} ON p USING {seeds} {SHORT} seed={seed} AS m"));
            execute(&mut session, "ALIGN p USING m csls=5 AS a");
            let judged = rows(&mut session, "EVALUATE a protocol=paper");
            hits.push([&judged[0], &judged[2]].map(|row| row.get("hits@1").unwrap()));
        }
        for (at, similarity) in ["cosine", "csls 5"].into_iter().enumerate() {
            let wanted = [seeds, model, "paper", similarity];
            let row = first.iter().find(|row| label(row) == wanted).unwrap();
            let [a, b] = [hits[0][at], hits[1][at]];
            assert!((row.get::<f64>("hits@1").unwrap() - mean(&[a, b])).abs() < 1e-12, "{wanted:?}");
            let deviation = (a - b).abs() / 2f64.sqrt();
            assert!((row.get::<f64>("hits@1_dev").unwrap() - deviation).abs() < 1e-12, "{wanted:?}");
            assert!(row.get::<f64>("seconds").unwrap() > 0.0);
        }
    }
    // The control is the alignment of the features by equal weights; seeds leave all links to judge by.
    execute(&mut session, "ALIGN p weights=equal csls=5 AS c");
    let judged = rows(&mut session, "EVALUATE c protocol=strict");
    let control = first.iter().find(|row| label(row) == ["s", "control", "strict", "csls 5"]).unwrap();
    for figure in ["hits@1", "hits@10", "mrr"] {
        let (found, wanted) = (control.get::<f64>(figure).unwrap(), judged[2].get::<f64>(figure).unwrap());
        assert!((found - wanted).abs() < 1e-12, "{figure}: {found} {wanted}");
    }
    assert_eq!(control.get::<Option<f64>>("seconds").unwrap(), None);
    // The same again only reads.
    let again = execute(&mut session, &bench);
    assert_eq!(again.message, "8 runs, 8 of them stored");
    for (row, old) in again.rows.into_iter().flatten().map(|row| row.unwrap()).zip(&first) {
        for (at, column) in row.columns().iter().enumerate() {
            if column.name != "stored" {
                assert_eq!(row.values()[at], old.values()[at], "{}", column.name);
            }
        }
        assert_eq!(row.get::<i64>("stored").unwrap(), 2);
    }
    assert_eq!(
        session
            .execute("BENCH PAIRS p, p MODELS eva SEEDS s runs=1", &Params::new(), &Task::quiet())
            .unwrap_err()
            .code(),
        Code::Conflict
    );
    // Fewer protocols, or one run more, start from what is there.
    assert_eq!(
        execute(&mut session, &bench.replace("runs=2", "runs=3 protocol=strict")).message,
        "12 runs, 8 of them stored"
    );
    execute(&mut session, "CHECK FULL");
}

/// Cancels in the third epoch of a run.
struct During {
    token: CancelToken,
    run: &'static str,
    there: AtomicBool,
}

impl Observer for During {
    fn event(&self, event: &Event) {
        match event {
            Event::Phase { name, .. } => {
                self.there.store(*name == format!("{}: training", self.run), Ordering::Relaxed);
            }
            Event::Advance { done: 3 } if self.there.load(Ordering::Relaxed) => self.token.cancel(),
            _ => {}
        }
    }
}

#[test]
fn a_stopped_bench_goes_on_where_it_was() {
    let (whole, halted) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (mut whole, mut session) = (store(&whole).session(), store(&halted).session());
    plant(&mut whole);
    plant(&mut session);
    let bench =
        "BENCH PAIRS p MODELS eva SEEDS s epochs=6 lr=0.01 dims=16 batch=40 runs=3 protocol=strict csls=none";
    let token = CancelToken::new();
    let during = During { token: token.clone(), run: "p eva 2 of 3", there: AtomicBool::new(false) };
    let task = Task::new(token, Some(Arc::new(during)));
    let error = session.execute(bench, &Params::new(), &task).unwrap_err();
    assert_eq!(error.code(), Code::Cancelled);
    let steps = rows(&mut session, &format!("EXPLAIN {bench}"));
    let states: Vec<String> = steps.iter().map(|step| step.get("state").unwrap()).collect();
    assert_eq!(states, ["fresh", "to do", "to do"]);
    assert_eq!(steps[1].get::<String>("because").unwrap(), "goes on from epoch 3 of 6");
    let outcome = execute(&mut session, bench);
    assert_eq!(outcome.message, "3 runs, 1 of them stored");
    let found: Vec<Row> = outcome.rows.into_iter().flatten().map(|row| row.unwrap()).collect();
    for (row, wanted) in found.iter().zip(rows(&mut whole, bench)) {
        for figure in ["hits@1", "hits@1_dev", "hits@10", "mrr", "mrr_dev"] {
            let [found, wanted] = [row, &wanted].map(|row| row.get::<Option<f64>>(figure).unwrap());
            assert_eq!(found, wanted, "{figure}");
        }
    }
    assert!(rows(&mut session, "SHOW MODELS").is_empty());
    assert!(
        rows(&mut session, &format!("EXPLAIN {bench}")).iter().all(|step| step.values()[1] == "fresh".into())
    );
    execute(&mut session, "CHECK FULL");
}

#[test]
fn a_model_that_was_there_stays_and_a_dropped_pair_takes_its_figures_along() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = store(&dir).session();
    plant(&mut session);
    execute(&mut session, &format!("TRAIN eva ON p USING s {SHORT} seed=1 AS mine"));
    let bench = format!("BENCH PAIRS p MODELS eva SEEDS s {SHORT} seed=1 runs=1 protocol=strict");
    let step = rows(&mut session, &format!("EXPLAIN {bench}")).remove(0);
    assert_eq!(step.get::<String>("because").unwrap(), "only to be judged: mine is that model");
    let row = rows(&mut session, &bench).pop().unwrap();
    assert!(row.get::<f64>("seconds").unwrap() > 0.0);
    // The peak of its training was that of a process that did other things before.
    assert_eq!(row.get::<Option<i64>>("peak_mib").unwrap(), None);
    assert_eq!(row.get::<Option<f64>>("hits@1_dev").unwrap(), None);
    assert_eq!(rows(&mut session, "SHOW MODELS").len(), 1);
    assert_eq!(rows(&mut session, "SHOW RUNS").len(), 1);
    for name in ["mine", "s", "p"] {
        execute(&mut session, &format!("DROP {name}"));
    }
    plant(&mut session);
    assert_eq!(execute(&mut session, &bench).message, "1 run, 0 of them stored");
}

#[test]
fn a_model_of_the_bench_leaves_no_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = store(&dir).session();
    plant(&mut session);
    let objects = |session: &mut Session| -> i64 { rows(session, "CHECK FULL")[0].get("objects").unwrap() };
    let before = objects(&mut session);
    execute(&mut session, &format!("BENCH PAIRS p MODELS mclea SEEDS split '20%' {SHORT} runs=2"));
    assert_eq!(objects(&mut session), before);
}

/// Cancels when a model is ranked that was trained before its eyes.
struct AfterTraining {
    token: CancelToken,
    trained: AtomicBool,
}

impl Observer for AfterTraining {
    fn event(&self, event: &Event) {
        if let Event::Phase { name, .. } = event {
            if name.ends_with(": training") {
                self.trained.store(true, Ordering::Relaxed);
            }
            if name.ends_with(": ranking") && self.trained.load(Ordering::Relaxed) {
                self.token.cancel();
            }
        }
    }
}

#[test]
fn a_model_that_a_stop_left_behind_is_judged_and_removed() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = store(&dir).session();
    plant(&mut session);
    let bench = format!("BENCH PAIRS p MODELS eva SEEDS s {SHORT} runs=1 protocol=strict csls=none seed=9");
    let token = CancelToken::new();
    let observer = AfterTraining { token: token.clone(), trained: AtomicBool::new(false) };
    let task = Task::new(token, Some(Arc::new(observer)));
    assert_eq!(session.execute(&bench, &Params::new(), &task).unwrap_err().code(), Code::Cancelled);
    let left = rows(&mut session, "SHOW MODELS");
    assert_eq!(left.len(), 1);
    let step = rows(&mut session, &format!("EXPLAIN {bench}")).remove(0);
    assert!(step.get::<String>("because").unwrap().starts_with("only to be judged: bench eva p 9 "));
    let row = rows(&mut session, &bench).pop().unwrap();
    assert!(row.get::<f64>("seconds").unwrap() > 0.0);
    assert!(rows(&mut session, "SHOW MODELS").is_empty() && rows(&mut session, "SHOW RUNS").is_empty());
    execute(&mut session, "CHECK FULL");
}

/// The text of a file with its numbers left out.
fn without_numbers(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let word = |word: &str| if word.parse::<f64>().is_ok() { "#".to_string() } else { word.to_string() };
    let line = |line: &str| {
        let fields = line.split(',').map(|field| field.split(' ').map(word).collect::<Vec<_>>().join(" "));
        fields.collect::<Vec<_>>().join(",")
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn tables_are_written_as_csv_markdown_and_latex() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = store(&dir).session();
    plant(&mut session);
    let bench = format!(
        "BENCH PAIRS p MODELS eva SEEDS split '20%' {SHORT} runs=2 csls=none published='dbp15k ja-en'"
    );
    for name in ["table.csv", "table.md", "table.tex"] {
        let path = dir.path().join(name);
        let outcome = execute(&mut session, &format!("{bench} TO '{}'", path.display()));
        assert!(outcome.message.contains(name) && outcome.rows.is_some(), "{}", outcome.message);
        insta::assert_snapshot!(name, without_numbers(&path));
        // It is not overwritten unless asked for, and that is said before any work.
        let again = format!("{bench} seed=5 TO '{}'", path.display());
        let error = session.execute(&again, &Params::new(), &Task::quiet()).unwrap_err();
        assert_eq!(error.code(), Code::Conflict);
        execute(&mut session, &format!("{bench} TO '{}' overwrite=true", path.display()));
    }
    let steps = rows(&mut session, &format!("EXPLAIN {bench} seed=5"));
    assert!(steps.iter().all(|step| step.values()[1] == Value::from("to do")));
    let path = dir.path().join("table.txt");
    execute(&mut session, &format!("{bench} TO '{}' format=latex", path.display()));
    assert!(std::fs::read_to_string(path).unwrap().contains("\\begin{tabular}"));
}

#[test]
fn what_cannot_be_benched_is_said_before_any_work() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = store(&dir).session();
    plant(&mut session);
    execute(&mut session, "GENERATE PAIR q entities=60");
    execute(&mut session, "SEED visual n=10 FROM q AS t");
    for (statement, expected) in [
        ("BENCH PAIRS r MODELS eva SEEDS s", Code::Conflict),
        ("BENCH PAIRS r MODELS eva SEEDS split '20%'", Code::UnknownName),
        ("BENCH PAIRS p MODELS eva SEEDS nothing", Code::UnknownName),
        ("BENCH PAIRS p MODELS eva SEEDS s, t", Code::Conflict),
        ("BENCH PAIRS p, q MODELS eva SEEDS s + t", Code::Conflict),
        ("BENCH PAIRS p, q MODELS eva SEEDS s", Code::MissingData),
        ("BENCH PAIRS p MODELS eva SEEDS split 'test'", Code::Conflict),
        ("BENCH PAIRS p MODELS eva SEEDS s runs=0", Code::OutOfRange),
        ("BENCH PAIRS p MODELS eva SEEDS s temperature=0.1", Code::Conflict),
        ("BENCH PAIRS p MODELS eva SEEDS s without='policy'", Code::UnknownName),
        ("BENCH PAIRS p MODELS eva SEEDS s published='DBP15K'", Code::UnknownName),
        ("BENCH PAIRS p MODELS eva SEEDS s TO 'table.xlsx'", Code::Conflict),
        ("BENCH PAIRS p MODELS eva SEEDS s TO 'nowhere/table.csv'", Code::NotFound),
        ("EXPLAIN BENCH PAIRS p MODELS eva SEEDS nothing", Code::UnknownName),
    ] {
        let error = session.execute(statement, &Params::new(), &Task::quiet()).unwrap_err();
        assert_eq!(error.code(), expected, "{statement}: {error:?}");
        assert!(error.help_text().is_some(), "{statement}: {error:?}");
    }
    assert!(rows(&mut session, "SHOW RUNS").is_empty());
    // Seeds of both pairs are each for their own.
    let both = format!("BENCH PAIRS p, q MODELS eva SEEDS s, t {SHORT} runs=1 protocol=strict csls=none");
    let found = rows(&mut session, &both);
    let of: Vec<[String; 2]> =
        found.iter().map(|row| ["pair", "seeds"].map(|name| row.get(name).unwrap())).collect();
    assert_eq!(of, [["p", "s"], ["p", "s"], ["q", "t"], ["q", "t"]]);
}

#[test]
fn a_builder_and_a_statement_share_their_figures() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir);
    let mut session = store.session();
    plant(&mut session);
    execute(
        &mut session,
        &format!(
            "BENCH PAIRS p MODELS eva SEEDS s + split 'train', split '10%' {SHORT} runs=1 seed=3 csls=4"
        ),
    );
    let pair = store.pair("p").unwrap();
    let built = store.bench().pair(&pair).model(Architecture::Eva).share(0.1);
    let built = built.lessons(vec![Lesson::Seeds("s".into()), Lesson::Split(seedbed::kg::Split::Train)]);
    let built = built.epochs(3).learning_rate(0.01).dims(16).batch(40).runs(1).random_seed(3).csls(Some(4));
    let outcome = built.protocols(&[Protocol::Strict]).published(Published::None).run().unwrap();
    assert_eq!(outcome.message, "2 runs, 2 of them stored");
    assert_eq!(outcome.rows.unwrap().count(), 8);
    for (builder, expected) in [
        (store.bench().pair(&pair).seeds("s"), Code::MissingData),
        (store.bench().pair(&pair).model(Architecture::Eva), Code::MissingData),
        (store.bench().pair(&pair).model(Architecture::Eva).seeds("s").runs(0), Code::OutOfRange),
    ] {
        assert_eq!(builder.run().unwrap_err().code(), expected);
    }
}
