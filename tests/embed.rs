//! Modalities made by networks: what is encoded once is not encoded again, whatever happens between.

#[path = "common/session.rs"]
mod session;

use std::sync::Arc;

use seedbed::{CancelToken, Code, Event, Observer, Params, Session, Store, Task, Value};
use session::{attempt, execute, rows, text};

const NETWORK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/encoders/bert");
const OTHER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/encoders/xlm-roberta");

fn begun() -> (tempfile::TempDir, Session) {
    let dir = tempfile::tempdir().unwrap();
    let mut session = Store::open(dir.path().join("store")).unwrap().session();
    execute(&mut session, "GENERATE PAIR p entities=300 seed=3");
    (dir, session)
}

/// What a pair says of a modality.
fn told(session: &mut Session, modality: &str) -> String {
    let described = rows(session, "DESCRIBE p");
    let row = described.iter().find(|row| text(&row[0]) == modality);
    row.map_or(String::new(), |row| text(&row[1]).to_string())
}

/// Cancels once something is done.
struct Impatient(CancelToken);

impl Observer for Impatient {
    fn event(&self, event: &Event) {
        if let Event::Advance { done: 1.. } = event {
            self.0.cancel();
        }
    }
}

/// How many of how many texts or pictures a statement says it need not encode.
fn known(session: &mut Session, statement: &str) -> (u64, u64) {
    let outcome = execute(session, statement);
    let note = outcome.notes.iter().find(|note| note.contains("were encoded before")).cloned();
    let numbers: Vec<u64> =
        note.unwrap_or_default().split(' ').filter_map(|word| word.parse().ok()).collect();
    (numbers.first().copied().unwrap_or(0), numbers.get(1).copied().unwrap_or(0))
}

fn int(value: &Value) -> i64 {
    match value {
        Value::Int(number) => *number,
        other => panic!("{other:?} is no number"),
    }
}

fn kept_bytes(session: &mut Session) -> i64 {
    let sizes = rows(session, "SHOW SIZE");
    let kept = sizes.iter().find(|row| text(&row[0]) == "encoded texts and pictures");
    kept.map_or(0, |row| int(&row[3]))
}

#[test]
fn every_aspect_of_a_graph_becomes_a_modality_that_tells_its_encoder() {
    let (_dir, mut session) = begun();
    for (aspect, modality, what) in [
        ("name", "text", "of names"),
        ("relation", "relation", "of relations' names"),
        ("attribute", "attribute", "of attributes and their values"),
        ("text", "words", "of names and literals"),
    ] {
        execute(&mut session, &format!("EMBED {aspect} USING bert '{NETWORK}' INTO p AS {modality}"));
        let told = told(&mut session, modality);
        assert!(told.contains("32 columns") && told.contains(what), "{told}");
        assert!(told.contains("bert bert (mean of tokens, unit rows)"), "{told}");
    }
    execute(&mut session, "SEED text n=50 FROM p AS s");
    let lineage = rows(&mut session, "SHOW LINEAGE s");
    let whole = format!("{lineage:?}");
    assert!(whole.contains("EMBED name USING bert"), "{whole}");
    assert!(whole.contains("encoder "), "the lineage tells which encoder: {whole}");
}

#[test]
fn what_was_encoded_before_a_cancellation_is_not_encoded_again() {
    let (dir, mut session) = begun();
    let statement = format!("EMBED attribute USING bert '{NETWORK}' INTO p AS one");
    let token = CancelToken::new();
    let task = Task::new(token.clone(), Some(Arc::new(Impatient(token))));
    let error = session.execute(&statement, &Params::new(), &task).unwrap_err();
    assert_eq!(error.code(), Code::Cancelled);
    drop(session);
    let mut session = Store::open(dir.path().join("store")).unwrap().session();
    let (before, all) = known(&mut session, &statement);
    assert!(before > 0 && before < all, "{before} of {all}");
    // What comes of it is what comes of one go.
    let (_again, mut whole) = begun();
    execute(&mut whole, &statement);
    let digests = |told: String| told.split("digests").nth(1).unwrap().to_string();
    assert_eq!(digests(told(&mut session, "one")), digests(told(&mut whole, "one")));
    execute(&mut session, "CHECK FULL");
}

#[test]
fn after_an_edit_only_new_texts_are_encoded() {
    let (_dir, mut session) = begun();
    let statement = format!("EMBED name USING bert '{NETWORK}' INTO p");
    execute(&mut session, &statement);
    let entity = text(&rows(&mut session, "SELECT entity FROM p.left.entities LIMIT 1")[0][0]).to_string();
    execute(
        &mut session,
        &format!("INSERT TRIPLE ('{entity}', 'http://x/knows', 'http://x/Kim_Dae_Jung') INTO p.left"),
    );
    let (before, all) = known(&mut session, &statement);
    assert_eq!(all - before, 1);
    let entities = int(&rows(&mut session, "SELECT COUNT(*) FROM p.left.entities")[0][0]);
    let told = told(&mut session, "text");
    assert!(told.starts_with(&format!("{entities} + ")), "{told}");
}

#[test]
fn vectors_that_no_modality_is_made_of_any_more_go() {
    let (_dir, mut session) = begun();
    execute(&mut session, &format!("EMBED name USING bert '{NETWORK}' INTO p"));
    let one = kept_bytes(&mut session);
    assert!(one > 0);
    execute(&mut session, &format!("EMBED name USING bert '{NETWORK}' INTO p AS same"));
    assert_eq!(kept_bytes(&mut session), one, "both are made of the same vectors");
    execute(&mut session, "COMPACT");
    assert_eq!(kept_bytes(&mut session), one, "COMPACT leaves them");
    execute(&mut session, "EMBED name USING ngrams INTO p");
    assert_eq!(kept_bytes(&mut session), one, "one is still made of them");
    execute(&mut session, &format!("EMBED name USING bert '{OTHER}' INTO p AS same"));
    execute(&mut session, "COMPACT");
    let (before, _) = known(&mut session, &format!("EMBED name USING bert '{NETWORK}' INTO p AS third"));
    assert_eq!(before, 0, "nothing is left of the first network");
    execute(&mut session, "DROP p");
    execute(&mut session, "COMPACT");
    assert_eq!(kept_bytes(&mut session), 0);
}

#[test]
fn what_cannot_be_embedded_is_refused_with_what_can() {
    let (_dir, mut session) = begun();
    let mut refused = |statement: &str, code: Code, words: &str| {
        let error = attempt(&mut session, statement).unwrap_err();
        assert_eq!(error.code(), code, "{statement}: {error}");
        let whole = format!("{error} {}", error.help_text().unwrap_or_default());
        assert!(whole.contains(words), "{statement}: {whole}");
    };
    refused("EMBED name USING bert INTO p", Code::MissingData, "USING bert 'models/minilm'");
    refused("EMBED name USING ngrams 'x' INTO p", Code::Conflict, "ngrams has no weights");
    refused("EMBED name USING resnet50 'x' INTO p", Code::Conflict, "ngrams and bert");
    refused("EMBED text INTO p", Code::MissingData, "EMBED text USING bert");
    refused("EMBED image INTO p", Code::MissingData, "EMBED image FROM 'pictures' INTO p");
    refused("EMBED image FROM seeds INTO p", Code::Conflict, "FROM 'pictures'");
    refused("EMBED structure USING propagation INTO p", Code::MissingData, "FROM seeds");
    refused("EMBED name FROM 'x' INTO p", Code::Conflict, "leave FROM out");
    refused("EMBED name USING bert 'absent' INTO p", Code::NotFound, "config.json");
    refused("EMBED name hops=3 INTO p", Code::Conflict, "no use for `hops`");
}
