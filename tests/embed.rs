//! Modalities made by networks: what is encoded once is not encoded again, whatever happens between.

#[path = "common/files.rs"]
mod files;
#[path = "common/session.rs"]
mod session;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use seedbed::{CancelToken, Code, Event, Observer, Params, Reach, Session, Store, Task, Value};
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
    let made_by: Vec<String> = lineage.iter().map(|row| text(&row[4])).collect();
    let of_names = made_by.iter().find(|made_by| made_by.contains("of names;"));
    assert!(of_names.is_some_and(|made_by| made_by.contains("; encoder ")), "{made_by:?}");
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

const VISION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/encoders/vit");

/// A killed EMBED has lost what was not stored yet; the same statement goes on. `SEEDBED_PICTURES` says how many at least.
#[test]
fn pictures_that_were_encoded_before_a_kill_are_not_encoded_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut many: usize =
        std::env::var("SEEDBED_PICTURES").ok().and_then(|count| count.parse().ok()).unwrap_or(1000);
    // A fast machine may be done before it is killed; then there are more.
    loop {
        let folder = dir.path().join(many.to_string());
        std::fs::create_dir(&folder).unwrap();
        if killed_half_way(&folder, many) {
            return;
        }
        many *= 4;
        assert!(many < 1_000_000, "it is never killed in time");
    }
}

/// Whether a process that encodes so many pictures was killed between its first checkpoint and its end. What comes of
/// the same statement then is what comes of one go.
fn killed_half_way(dir: &Path, many: usize) -> bool {
    let (store, pictures) = (dir.join("store"), dir.join("pictures"));
    let generate =
        format!("GENERATE PAIR p entities={} seed=5 pictures='{}'", many * 2 / 3, pictures.display());
    let statement =
        format!("EMBED image USING vit '{VISION}' FROM '{}/index.tsv' INTO p", pictures.display());
    let mut session = Store::open(&store).unwrap().session();
    execute(&mut session, &generate);
    drop(session);
    let objects = || files::files(&store.join("objects")).len();
    let before = objects();
    let mut child = Command::new(env!("CARGO_BIN_EXE_seedbed"))
        .args(["-c", &statement, "--store"])
        .arg(&store)
        .env("RAYON_NUM_THREADS", "1")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while objects() == before && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(5));
    }
    // Its name is committed a moment after the object.
    std::thread::sleep(Duration::from_millis(100));
    child.kill().unwrap();
    if child.wait().unwrap().success() {
        return false;
    }
    let mut session = Store::open(&store).unwrap().session();
    let (there, all) = known(&mut session, &statement);
    eprintln!("{there} of {all} pictures were there after a kill");
    assert!(there > 0 && there < all && all as usize >= many / 2, "{there} of {all}");
    let mut whole = Store::open(dir.join("whole")).unwrap().session();
    execute(&mut whole, &generate);
    execute(&mut whole, &statement);
    let digests = |told: String| told.split("digests").nth(1).unwrap().to_string();
    assert_eq!(digests(told(&mut session, "visual")), digests(told(&mut whole, "visual")));
    execute(&mut session, "CHECK FULL");
    true
}

#[test]
fn broken_pictures_are_named_and_their_entities_miss_the_modality() {
    let dir = tempfile::tempdir().unwrap();
    let pictures = dir.path().join("pictures");
    let mut session = Store::open(dir.path().join("store")).unwrap().session();
    execute(&mut session, &format!("GENERATE PAIR p entities=60 seed=5 pictures='{}'", pictures.display()));
    let index = std::fs::read_to_string(pictures.join("index.tsv")).unwrap();
    let files: Vec<&str> = index
        .lines()
        .filter_map(|line| line.split('\t').nth(1))
        .filter(|file| file.starts_with("left"))
        .collect();
    std::fs::write(pictures.join(files[0]), "<html>not found</html>").unwrap();
    let whole = std::fs::read(pictures.join(files[1])).unwrap();
    std::fs::write(pictures.join(files[1]), &whole[..whole.len() / 2]).unwrap();
    std::fs::remove_file(pictures.join(files[2])).unwrap();
    let outcome =
        execute(&mut session, &format!("EMBED image FROM '{}/index.tsv' INTO p", pictures.display()));
    let notes = outcome.notes.join("\n");
    for wanted in [files[0], files[1], files[2], "2 of", "are no pictures that can be used", "are not there"]
    {
        assert!(notes.contains(wanted), "{wanted} is not in {notes}");
    }
    let told = told(&mut session, "visual");
    assert!(told.starts_with(&format!("{} + ", files.len() - 3)), "{told}");
    // The same statement again finds them as they are, and encodes nothing.
    let again = execute(&mut session, &format!("EMBED image FROM '{}/index.tsv' INTO p", pictures.display()));
    assert!(again.message.ends_with("(unchanged)"), "{}", again.message);
}

#[test]
fn pictures_are_drawn_once_and_never_over_something_else() {
    let dir = tempfile::tempdir().unwrap();
    let pictures = dir.path().join("pictures");
    let generate = |name: &str, seed: u32| {
        format!("GENERATE PAIR {name} entities=40 seed={seed} pictures='{}'", pictures.display())
    };
    let mut session = Store::open(dir.path().join("store")).unwrap().session();
    execute(&mut session, &generate("p", 1));
    let index = std::fs::read(pictures.join("index.tsv")).unwrap();
    let again = execute(&mut session, &generate("p", 1));
    assert!(again.notes.iter().any(|note| note.ends_with("(unchanged)")), "{:?}", again.notes);
    let error = attempt(&mut session, &generate("q", 2)).unwrap_err();
    assert_eq!(error.code(), Code::Conflict, "{error}");
    assert_eq!(std::fs::read(pictures.join("index.tsv")).unwrap(), index);
    assert!(attempt(&mut session, "DESCRIBE q").is_err(), "nothing of it is in the store");
}

#[test]
fn a_confined_session_reads_neither_weights_nor_pictures_from_elsewhere() {
    let (dir, mut session) = begun();
    session.confine(Some(Reach::within(&[dir.path().to_path_buf()]).unwrap()));
    for statement in [
        format!("EMBED name USING bert '{NETWORK}' INTO p"),
        format!("EMBED image FROM '{NETWORK}' INTO p"),
        format!("EMBED image FROM '{}' folder='{NETWORK}' INTO p", dir.path().display()),
        format!("GENERATE PAIR q entities=20 pictures='{NETWORK}/x'"),
    ] {
        assert_eq!(attempt(&mut session, &statement).unwrap_err().code(), Code::Denied, "{statement}");
    }
    // Nor by what a file within names.
    let entity = text(&rows(&mut session, "SELECT entity FROM p.left.entities LIMIT 1")[0][0]);
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret.png"), "secret").unwrap();
    std::fs::write(outside.path().join("config.json"), "\"secret\"").unwrap();
    let up = format!("../{}/secret", outside.path().file_name().unwrap().to_str().unwrap());
    for picture in [outside.path().join("secret.png").to_str().unwrap(), &up, "../absent"] {
        std::fs::write(dir.path().join("index.tsv"), format!("{entity}\t{picture}\n")).unwrap();
        let statement = format!("EMBED image FROM '{}/index.tsv' INTO p", dir.path().display());
        assert_eq!(attempt(&mut session, &statement).unwrap_err().code(), Code::Denied, "{picture}");
    }
    #[cfg(unix)]
    {
        std::fs::create_dir(dir.path().join("network")).unwrap();
        let weights = dir.path().join("network/model.safetensors");
        std::fs::write(&weights, "").unwrap();
        let link = dir.path().join("network/config.json");
        std::os::unix::fs::symlink(outside.path().join("config.json"), link).unwrap();
        let statement =
            format!("EMBED image USING vit '{}' FROM '{}' INTO p", weights.display(), dir.path().display());
        let error = attempt(&mut session, &statement).unwrap_err();
        assert_eq!(error.code(), Code::Denied, "{error}");
    }
}
