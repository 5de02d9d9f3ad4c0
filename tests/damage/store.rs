//! A store with everything in it, and what is remembered of it.

use std::fs;
use std::path::{Path, PathBuf};

use seedbed::store::Digest;
use seedbed::{Result, Session, Store};

use super::contents::{LISTS, answer, questions};
use super::session::execute;

/// Three stages of its making; after each the store is closed and copied.
const STAGES: [&[&str]; 3] = [
    &[
        "GENERATE PAIR p entities=150 visual_dims=16",
        "EMBED name USING ngrams dims=256 INTO p",
        "EMBED relation USING bow dims=40 INTO p",
        "SEED cluster n=40 weights(visual=1) FROM p AS s",
    ],
    &[
        "COMPACT",
        "PSQE n=40 tune=true epochs=5 FROM p AS q",
        "TRAIN eva ON p USING s epochs=2 dims=16 batch=40 AS m",
        "ALIGN p USING m AS by_model",
        "ALIGN p match=best AS a",
        "CREATE INDEX i ON p weights(visual=1)",
        "CORRECT s AS corrected",
    ],
    &[
        "GENERATE PAIR small entities=20",
        "INSERT ENTITY 'http://x.org/new' name='Newcomer' INTO p.left",
        "INSERT ATTRIBUTE ('http://x.org/new', 'http://x.org/height', 1.75) INTO p.left",
        "BENCH PAIRS p MODELS eva SEEDS s epochs=1 dims=8 batch=40 runs=1 published=none",
        "SEED relation n=30 FROM p AS s",
    ],
];

/// What a query gave when the store was whole.
pub struct Remembered {
    pub query: String,
    /// The digest of its rows.
    pub rows: Digest,
    /// Whether it is one of the lists that change with everything that is made.
    pub list: bool,
}

/// Makes the store in `dir/whole`, with copies of how it was before in `dir/older.N`; gives those.
pub fn make(dir: &Path) -> Vec<PathBuf> {
    let whole = dir.join("whole");
    let mut older = Vec::new();
    for (number, stage) in STAGES.iter().enumerate() {
        let mut session = Store::open(&whole).unwrap().session();
        stage.iter().for_each(|statement| drop(execute(&mut session, statement)));
        if number == 2 {
            judge(&mut session);
        } else {
            drop(session);
            older.push(dir.join(format!("older.{number}")));
            copy(&whole, older.last().unwrap());
        }
    }
    older
}

/// Verdicts on two pairs of an alignment, one of them taken back.
fn judge(session: &mut Session) {
    let links = answer(session, "SELECT left, right FROM a LIMIT 2").unwrap();
    for (link, verb) in links.iter().zip(["ACCEPT", "REJECT"]) {
        let (left, right) = link.split_once('\t').unwrap();
        execute(session, &format!("{verb} ('{left}', '{right}') author='anna' IN p"));
    }
    execute(session, "UNDO IN p");
}

/// Asks the whole store everything, twice to see that it always says the same. Copies are asked: opening
/// writes a snapshot of the log, and what came after the last one is what is most easily lost.
pub fn remember(dir: &Path) -> Vec<Remembered> {
    let ask = |name: &str| {
        copy(&dir.join("whole"), &dir.join(name));
        let mut session = Store::open(dir.join(name)).unwrap().session();
        let mut queries: Vec<(String, bool)> = LISTS.iter().map(|list| (list.to_string(), true)).collect();
        queries.extend(questions(&mut session).unwrap().into_iter().map(|query| (query, false)));
        let iri = answer(&mut session, "SELECT entity FROM p.left.entities LIMIT 1").unwrap().remove(0);
        queries.push((format!("MATCH '{iri}' IN p LIMIT 5"), false));
        queries.push((format!("MATCH '{iri}' IN p USING m LIMIT 5"), false));
        let rows = |(query, list): (String, bool)| {
            let rows = digest(&mut session, &query).unwrap();
            Remembered { query, rows, list }
        };
        queries.into_iter().map(rows).collect::<Vec<_>>()
    };
    let (first, second) = (ask("asked.1"), ask("asked.2"));
    for (first, second) in first.iter().zip(&second) {
        assert_eq!(first.rows, second.rows, "{} differs from time to time", first.query);
    }
    second
}

/// The digest of a query's rows.
pub fn digest(session: &mut Session, query: &str) -> Result<Digest> {
    Ok(Digest::of(answer(session, query)?.join("\n").as_bytes()))
}

/// Copies a store.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        match entry.path().is_dir() {
            true => copy(&entry.path(), &to.join(entry.file_name())),
            false => drop(fs::copy(entry.path(), to.join(entry.file_name())).unwrap()),
        }
    }
}
