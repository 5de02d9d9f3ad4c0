//! A store as text and numpy arrays, and back: equal by digest, whole or not at all, believed in nothing.

#[path = "common/files.rs"]
mod files;
#[path = "common/session.rs"]
mod session;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use files::files;
use npyz::NpyFile;
use seedbed::{CancelToken, Code, Error, Event, Observer, Session, Store, Task, Value};
use session::{attempt, execute, rows, text};
use tempfile::TempDir;

/// What makes a store in which there is something of everything.
const STATEMENTS: &[&str] = &[
    "SET author='anna'",
    "GENERATE PAIR p entities=120 visual_dims=8",
    "EMBED relation USING bow dims=40 INTO p",
    "EMBED name USING ngrams dims=256 INTO p",
    "SEED cluster n=40 FROM p AS s",
    "TUNE s epochs=2 dims=8 AS t",
    "TRAIN eva ON p USING s epochs=2 dims=8 AS m",
    "ALIGN p USING m AS a",
    "BENCH PAIRS p MODELS eva SEEDS s epochs=1 dims=8 runs=1 csls=5 protocol=strict published=none",
    "INSERT ENTITY 'http://x.org/new' name='tab\there, \\N and ''quotes''' INTO p.left",
    "INSERT ATTRIBUTE ('http://x.org/new', 'http://x.org/height', 1.75) INTO p.left",
    "INSERT TRIPLE ('http://x.org/new', 'http://x.org/knows', 'http://x.org/new') INTO p.left",
    "CORRECT s AS c",
    "ALIGN p AS f",
    "GENERATE PAIR \"two words\" entities=60",
];

/// An entity of a side, by its place.
fn entity(session: &mut Session, side: &str, at: usize) -> String {
    text(&rows(session, &format!("SELECT entity FROM p.{side}.entities"))[at][0])
}

fn fill(session: &mut Session) {
    STATEMENTS.iter().for_each(|statement| _ = execute(session, statement));
    let [a, b, c] = [3, 7, 11].map(|at| entity(session, "left", at));
    let [x, y, gone] = [3, 9, 20].map(|at| entity(session, "right", at));
    execute(session, &format!("ACCEPT (<{a}>, <{x}>) comment='the same\nperson' IN p"));
    execute(session, &format!("REJECT (<{b}>, <{y}>), (<{c}>, <{y}>) IN p"));
    execute(session, "UNDO IN p");
    execute(session, &format!("DELETE ENTITY <{gone}> FROM p.right"));
    execute(session, "CORRECT s AS d");
    execute(session, "ALIGN p match=best AS g");
}

/// The full store and its dump, made once.
struct Full {
    _dir: TempDir,
    store: Store,
    dump: PathBuf,
    said: String,
}

static FULL: LazyLock<Full> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().join("store")).unwrap();
    fill(&mut store.session());
    let dump = dir.path().join("dump");
    let said = store.dump(&dump).unwrap().message;
    Full { _dir: dir, store, dump, said }
});

/// All that statements tell of a store.
fn told(session: &mut Session) -> Vec<(String, Vec<Vec<Value>>)> {
    let show =
        ["PAIRS", "FEATURES", "SEEDS", "MODELS", "ALIGNMENTS", "ARTIFACTS", "RUNS", "STALE", "OPERATIONS"];
    let mut asked: Vec<String> = show.iter().map(|what| format!("SHOW {what}")).collect();
    for pair in ["p", "\"two words\""] {
        asked.push(format!("DESCRIBE {pair}"));
        asked.push(format!("SHOW VERDICTS FROM {pair}"));
        asked.push(format!("SELECT * FROM {pair}.links"));
        for table in ["entities", "triples", "attributes"] {
            asked.extend(["left", "right"].map(|side| format!("SELECT * FROM {pair}.{side}.{table}")));
        }
    }
    for artifact in ["s", "c", "d", "t", "m", "a", "f", "g"] {
        asked.push(format!("DESCRIBE {artifact}"));
        asked.push(format!("SHOW LINEAGE {artifact}"));
        asked.push(format!("SELECT * FROM {artifact}"));
    }
    asked.extend(["a", "f", "g"].map(|name| format!("SELECT * FROM {name}.unmatched")));
    asked.extend(["c", "d"].map(|name| format!("SELECT * FROM {name}.dropped")));
    asked.extend(["t", "m"].map(|name| format!("EXPLAIN RUN {name}")));
    asked.into_iter().map(|statement| (statement.clone(), rows(session, &statement))).collect()
}

/// The bytes of every file of a folder.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    files(folder).into_iter().map(|path| (path.clone(), fs::read(folder.join(path)).unwrap())).collect()
}

fn load(store: &Store, from: &Path) -> Result<String, Error> {
    store.load(from).map(|outcome| outcome.message)
}

#[test]
fn what_is_loaded_is_what_was_dumped_by_every_digest_and_row() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("store");
    let mut session = Store::open(&place).unwrap().session();
    let said = execute(&mut session, &format!("LOAD FROM '{}'", FULL.dump.display())).message;
    assert!(said.starts_with("2 pairs, 8 artifacts, "), "{said}");
    execute(&mut session, "CHECK FULL");
    drop(session);
    let mut session = Store::open(&place).unwrap().session();
    let (old, new) = (told(&mut FULL.store.session()), told(&mut session));
    for (old, new) in old.iter().zip(&new) {
        assert_eq!(old, new);
    }
    assert!(old.iter().any(|(asked, rows)| asked == "SHOW STALE" && !rows.is_empty()));
    execute(&mut session, "COMPACT");
    assert_eq!(told(&mut session), old);
}

#[test]
fn stored_statements_are_answered_from_what_was_loaded() {
    let store = Store::in_memory();
    load(&store, &FULL.dump).unwrap();
    let mut session = store.session();
    execute(&mut session, "SET author='anna'");
    for statement in ["ALIGN p match=best AS g", "CORRECT s AS d"] {
        let done = execute(&mut session, statement).message;
        assert!(done.contains("stored result"), "{statement}: {done}");
    }
    // And it goes on from there.
    execute(&mut session, "REFRESH m");
    execute(&mut session, "UNDO IN p");
    execute(&mut session, "CHECK FULL");
}

#[test]
fn figures_of_a_bench_are_still_known() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = Store::in_memory().session();
    STATEMENTS[..5].iter().for_each(|statement| _ = execute(&mut first, statement));
    let bench = STATEMENTS[8];
    let measured = rows(&mut first, bench);
    let dump = dir.path().join("dump");
    execute(&mut first, &format!("DUMP TO '{}'", dump.display()));
    let store = Store::in_memory();
    load(&store, &dump).unwrap();
    let again = execute(&mut store.session(), bench);
    assert_eq!(again.message, "1 run, 1 of them stored");
    // But for how many of the runs were stored.
    let stored = again.rows.as_ref().unwrap().columns().iter().position(|column| column.name == "stored");
    let others = |rows: Vec<Vec<seedbed::Value>>| -> Vec<Vec<seedbed::Value>> {
        let without = |mut row: Vec<seedbed::Value>| {
            row.remove(stored.unwrap());
            row
        };
        rows.into_iter().map(without).collect()
    };
    assert_eq!(others(session::rows_of(again)), others(measured));
}

#[test]
fn a_dump_of_what_was_loaded_is_the_same_byte_for_byte() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::in_memory();
    load(&store, &FULL.dump).unwrap();
    let again = dir.path().join("again");
    // An empty folder is taken.
    fs::create_dir(&again).unwrap();
    store.dump(&again).unwrap();
    let (old, new) = (contents(&FULL.dump), contents(&again));
    assert_eq!(old.keys().collect::<Vec<_>>(), new.keys().collect::<Vec<_>>());
    for (name, bytes) in &old {
        assert!(new[name] == *bytes, "{} differs", name.display());
    }
    assert!(FULL.said.contains("2 pairs, 8 artifacts"), "{}", FULL.said);
}

#[test]
fn a_dump_is_text_and_arrays_that_others_read() {
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(FULL.dump.join("manifest.json")).unwrap()).unwrap();
    let readme = fs::read_to_string(FULL.dump.join("README.md")).unwrap();
    for (name, bytes) in contents(&FULL.dump) {
        let kind = name.file_name().unwrap().to_str().unwrap();
        assert!(kind == "README.md" || readme.contains(kind), "README does not tell of {kind}");
        match name.extension().unwrap().to_str().unwrap() {
            "npy" => _ = NpyFile::new(&bytes[..]).unwrap(),
            _ => {
                let text = String::from_utf8(bytes).unwrap();
                let mut widths = text.lines().map(|line| line.split('\t').count());
                let width = widths.next().unwrap();
                assert!(!kind.ends_with(".tsv") || widths.all(|other| other == width), "{}", name.display());
            }
        }
    }
    // A modality as numpy sees it is what SELECT tells of it.
    let feature = &manifest["pairs"][0]["entry"]["features"];
    let visual = feature.as_array().unwrap().iter().find(|f| f["modality"] == "visual").unwrap();
    let object = FULL.dump.join("objects").join(visual["objects"][0].as_str().unwrap());
    let [rows, present] = ["rows.npy", "present.npy"].map(|name| fs::read(object.join(name)).unwrap());
    let (rows, present) = (NpyFile::new(&rows[..]).unwrap(), NpyFile::new(&present[..]).unwrap());
    // The pair has 108 entities a side, and one that came later.
    assert_eq!((rows.shape(), present.shape()), (&[108, 8][..], &[108][..]));
    let present = present.into_vec::<bool>().unwrap();
    assert_eq!(present.iter().filter(|there| **there).count() as u64, visual["present"][0].as_u64().unwrap());
    let rows = rows.into_vec::<f32>().unwrap();
    let there = |row: usize| rows[row * 8..(row + 1) * 8].iter().any(|x| *x != 0.0);
    assert!((0..108).all(|row| there(row) == present[row]));
}

#[test]
fn an_index_is_left_out_and_named() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = Store::in_memory().session();
    execute(&mut session, "GENERATE PAIR p entities=60 visual_dims=8");
    execute(&mut session, "CREATE INDEX i ON p weights(visual=1)");
    let dump = dir.path().join("dump");
    let told = execute(&mut session, &format!("DUMP TO '{}'", dump.display()));
    assert!(told.notes[0].starts_with("left out: index i: CREATE INDEX i ON p"), "{:?}", told.notes);
    let mut session = Store::in_memory().session();
    let told = execute(&mut session, &format!("LOAD FROM '{}'", dump.display()));
    assert!(told.notes[0].starts_with("the dump left out: index i: CREATE INDEX i ON p"), "{:?}", told.notes);
    execute(&mut session, "CREATE INDEX i ON p weights(visual=1)");
}

#[test]
fn names_that_are_taken_are_refused_and_other_names_are_no_matter() {
    let store = Store::in_memory();
    let mut session = store.session();
    execute(&mut session, "GENERATE PAIR p entities=30");
    let before = rows(&mut session, "DESCRIBE p");
    let error = store.load(&FULL.dump).unwrap_err();
    assert_eq!(error.code(), Code::NameTaken);
    assert_eq!(error.message(), "the store has something of the name `p` already (pair)");
    assert_eq!(rows(&mut session, "DESCRIBE p"), before);
    assert_eq!(rows(&mut session, "SHOW PAIRS").len(), 1);
    let store = Store::in_memory();
    let mut session = store.session();
    execute(&mut session, "GENERATE PAIR other entities=30");
    load(&store, &FULL.dump).unwrap();
    assert_eq!(rows(&mut session, "SHOW PAIRS").len(), 3);
    execute(&mut session, "CHECK FULL");
}

/// Cancels when pairs are written and objects are to come.
struct Stop(CancelToken);

impl Observer for Stop {
    fn event(&self, event: &Event) {
        if matches!(event, Event::Phase { name, .. } if name == "dumping objects") {
            self.0.cancel();
        }
    }
}

#[test]
fn a_dump_is_there_as_a_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("dump");
    let cancel = CancelToken::new();
    let task = Task::new(cancel.clone(), Some(Arc::new(Stop(cancel))));
    let request = seedbed::ops::spec::Request::Dump(target.clone());
    let refused = |error: Error, code| {
        assert_eq!(error.code(), code);
        assert!(error.help_text().is_some() || code == Code::Cancelled);
    };
    refused(FULL.store.run_watched(&request, &task).unwrap_err(), Code::Cancelled);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    refused(FULL.store.dump(FULL.store_place().join("dump")).unwrap_err(), Code::Conflict);
    refused(FULL.store.dump(dir.path().join("no/where")).unwrap_err(), Code::NotFound);
    fs::create_dir(&target).unwrap();
    fs::write(target.join("thesis.tex"), "").unwrap();
    refused(FULL.store.dump(&target).unwrap_err(), Code::Conflict);
    fs::write(dir.path().join("file"), "").unwrap();
    refused(FULL.store.dump(dir.path().join("file")).unwrap_err(), Code::Conflict);
    assert_eq!(contents(dir.path()).len(), 2);
}

impl Full {
    fn store_place(&self) -> PathBuf {
        self.dump.with_file_name("store")
    }
}

/// Changes a copy of a small dump and tells how loading it fails.
struct Small {
    dir: TempDir,
}

impl Small {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::in_memory();
        let mut session = store.session();
        execute(&mut session, "GENERATE PAIR p entities=30 visual_dims=4 seed=5");
        execute(&mut session, "EMBED relation USING bow dims=8 INTO p");
        execute(&mut session, "SEED visual n=10 seed=5 FROM p AS s");
        execute(&mut session, "INSERT ENTITY 'http://x.org/new' INTO p.left");
        store.dump(dir.path().join("whole")).unwrap();
        Small { dir }
    }

    /// The place of the pair's or the seeds' file, or of the left rows of a modality.
    fn place(&self, name: &str) -> PathBuf {
        let whole = self.dir.path().join("whole");
        let manifest: serde_json::Value =
            serde_json::from_slice(&fs::read(whole.join("manifest.json")).unwrap()).unwrap();
        for feature in manifest["pairs"][0]["entry"]["features"].as_array().unwrap() {
            let prefix = format!("{}/", feature["modality"].as_str().unwrap());
            if let Some(rest) = name.strip_prefix(&prefix) {
                return Path::new("objects").join(feature["objects"][0].as_str().unwrap()).join(rest);
            }
        }
        PathBuf::from(name)
    }

    /// The error of a dump whose one file was changed.
    fn broken(&self, name: &str, change: impl Fn(Vec<u8>) -> Vec<u8>) -> String {
        self.told(name, |path| fs::write(path, change(fs::read(path).unwrap())).unwrap())
    }

    fn told(&self, name: &str, change: impl Fn(&Path)) -> String {
        let copy = self.dir.path().join("copy");
        for (file, bytes) in contents(&self.dir.path().join("whole")) {
            let path = copy.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        change(&copy.join(self.place(name)));
        let store = Store::in_memory();
        let error = store.load(&copy).expect_err(name);
        assert!(rows(&mut store.session(), "SHOW PAIRS").is_empty(), "{name}: something was loaded");
        fs::remove_dir_all(&copy).unwrap();
        let help = error.help_text().unwrap_or_else(|| panic!("{error} says no remedy"));
        format!("[{}] {error}\n    help: {help}\n", error.code().as_str())
    }

    fn line(&self, name: &str, number: usize, from: &str, to: &str) -> String {
        self.broken(name, |bytes| {
            let text = String::from_utf8(bytes).unwrap();
            let mut lines: Vec<String> = text.lines().map(str::to_string).collect();
            assert!(lines[number - 1].contains(from), "{name}:{number}: {}", lines[number - 1]);
            lines[number - 1] = lines[number - 1].replacen(from, to, 1);
            (lines.join("\n") + "\n").into_bytes()
        })
    }

    fn manifest(&self, from: &str, to: &str) -> String {
        self.broken("manifest.json", |bytes| {
            let text = String::from_utf8(bytes).unwrap();
            assert!(text.contains(from), "{from}");
            text.replacen(from, to, 1).into_bytes()
        })
    }
}

#[test]
fn damaged_dumps_are_refused_with_file_line_and_remedy() {
    let small = Small::new();
    let cut = |bytes: Vec<u8>, by: usize| bytes[..bytes.len() - by].to_vec();
    let number = |at: usize, bytes: [u8; 4]| {
        move |mut file: Vec<u8>| {
            let first = file.len() - 120 + 4 * at;
            file[first..first + 4].copy_from_slice(&bytes);
            file
        }
    };
    let left = "pairs/1-p/left/";
    let told = [
        small.told("README.md", |path| fs::remove_file(path.with_file_name("manifest.json")).unwrap()),
        small.manifest("\"seedbed dump\": 1", "\"seedbed dump\": 2"),
        small.manifest("\"seed\": 5", "\"seed\": \"five\""),
        small.manifest("\"folder\": \"pairs/1-p\"", "\"folder\": \"../pairs/1-p\""),
        small.manifest("\"folder\": \"pairs/1-p\"", "\"folder\": \"/etc\""),
        small.manifest("\"entities\": 28", "\"entities\": 29"),
        small.manifest("\"rows\": 10,", "\"rows\": 11,"),
        small.manifest("\"modality\": \"relation\"", "\"modality\": \"zelation\""),
        small.manifest(
            "\"kind\": \"seeds\",\n        \"pair\": \"p\"",
            "\"kind\": \"seeds\",\n        \"pair\": \"q\"",
        ),
        small.told(&format!("{left}triples.tsv"), |path| fs::remove_file(path).unwrap()),
        small.line(&format!("{left}entities.tsv"), 1, "iri", "uri"),
        small.line(&format!("{left}entities.tsv"), 4, "2\t", "3\t"),
        small.line(&format!("{left}entities.tsv"), 5, "\t0", "\tno"),
        small.line(&format!("{left}triples.tsv"), 2, "\t", "\t99"),
        small.line(&format!("{left}triples.tsv"), 3, "\t", " "),
        small.line(&format!("{left}changes.tsv"), 2, "new entity", "old entity"),
        small.line(&format!("{left}changes.tsv"), 2, "x.org/new", "x.org/other"),
        small.line("pairs/1-p/links.tsv", 3, "\t", "\t7\t"),
        small.line("artifacts/1-s/rows.tsv", 4, ".", ".nan"),
        small.broken("artifacts/1-s/rows.tsv", |bytes| cut(bytes, 5)),
        small.broken("journal.tsv", |bytes| [bytes, b"1\n".to_vec()].concat()),
        small.broken("journal.tsv", |bytes| {
            String::from_utf8(bytes).unwrap().replace("GENERATE", "GENERALE").into_bytes()
        }),
        small.broken("figures.tsv", |bytes| [bytes, vec![0xff, b'\n']].concat()),
        small.broken("visual/rows.npy", |bytes| cut(bytes, 4)),
        small.broken("visual/rows.npy", number(6, f32::NAN.to_le_bytes())),
        small.broken("visual/rows.npy", number(6, 0.5f32.to_le_bytes())),
        small.broken("visual/present.npy", |bytes| [&bytes[..bytes.len() - 1], &[7]].concat()),
        small.broken("visual/rows.npy", |bytes| {
            String::from_utf8_lossy(&bytes[..80]).replace("<f4", "<f8").into_bytes()
        }),
        small.broken("relation/indices.npy", |mut bytes| {
            let last = bytes.len() - 4;
            bytes[last..].copy_from_slice(&80u32.to_le_bytes());
            bytes
        }),
    ];
    let root = small.dir.path().display().to_string();
    let told = told.concat().replace(&root, "…");
    insta::with_settings!({ filters => vec![(r"[0-9a-f]{64}", "<digest>")] }, {
        insta::assert_snapshot!("damaged_dumps", told);
    });
}

#[cfg(unix)]
#[test]
fn a_link_in_a_dump_is_not_followed() {
    let small = Small::new();
    let told = small.told("pairs/1-p/links.tsv", |path| {
        let elsewhere = small.dir.path().join("elsewhere.tsv");
        fs::rename(path, &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, path).unwrap();
    });
    assert!(told.contains("a dump holds no symbolic links"), "{told}");
    let told = small.told("pairs/1-p", |path| {
        let elsewhere = small.dir.path().join("elsewhere");
        fs::rename(path, &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, path).unwrap();
    });
    assert!(told.contains("a dump holds no symbolic links"), "{told}");
}

#[test]
fn a_store_that_is_only_read_is_dumped_and_not_loaded_into() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("store");
    load(&Store::open(&place).unwrap(), &FULL.dump).unwrap();
    let store = Store::options().read_only(true).open(&place).unwrap();
    store.dump(dir.path().join("dump")).unwrap();
    assert!(contents(&dir.path().join("dump")) == contents(&FULL.dump));
    let empty = dir.path().join("empty");
    drop(Store::open(&empty).unwrap());
    let store = Store::options().read_only(true).open(&empty).unwrap();
    assert_eq!(store.load(&FULL.dump).unwrap_err().code(), Code::ReadOnly);
    assert!(attempt(&mut store.session(), "LOAD FROM 'nowhere'").is_err());
}
