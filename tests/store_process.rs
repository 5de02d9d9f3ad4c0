//! The store and other processes: the lock, kill -9, and what opening costs.
//!
//! A test that needs another process runs this file's binary again, with the part to play in an
//! environment variable: `another_process` is that part, and does nothing when it is not asked.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use seedbed::store::{Batch, Db, Digest, Live, OpenOptions, Record, Space, Table};
use seedbed::{Code, Result, Rng, Task};

const PART: &str = "SEEDBED_TEST_PART";
const STORE: &str = "SEEDBED_TEST_STORE";
const ROWS: Table = Table("rows");

#[derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize, Debug, PartialEq)]
struct Row {
    number: u64,
    object: Digest,
    space: u64,
}

impl Record for Row {
    const KIND: [u8; 4] = *b"row ";
    const VERSION: u16 = 1;
}

#[derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize, Debug, PartialEq)]
struct Matrix {
    columns: u32,
    values: Vec<f32>,
}

impl Record for Matrix {
    const KIND: [u8; 4] = *b"mtrx";
    const VERSION: u16 = 1;
}

fn open(dir: &Path) -> Result<Db> {
    Db::open(dir, &OpenOptions { create: true, ..OpenOptions::default() })
}

fn matrix(number: u64) -> Matrix {
    Matrix { columns: 8, values: (0..4096).map(|i| (number * 31 + i) as f32).collect() }
}

fn live(db: &Db) -> Live {
    let rows = db.scan::<Row>(ROWS, b"").map(|item| item.unwrap().1);
    let (objects, spaces) = rows.map(|row| (row.object, row.space)).unzip();
    Live { objects, spaces }
}

/// Plays the part this process was started for.
#[test]
fn another_process() {
    let (Ok(part), Some(store)) = (std::env::var(PART), std::env::var_os(STORE)) else { return };
    let store = PathBuf::from(store);
    match part.as_str() {
        "hold" => {
            let _db = open(&store).unwrap();
            say("held");
            std::thread::sleep(Duration::from_secs(600));
        }
        "write" => write_for_ever(&store).unwrap(),
        "fill" => {
            let error = write_for_ever(&store).unwrap_err();
            say(&format!("{} {error}", error.code().as_str()));
        }
        "open" => {
            let start = Instant::now();
            let db = Db::open(&store, &OpenOptions::default()).unwrap();
            let opened = start.elapsed();
            let resident = status("VmRSS");
            say(&format!("opened {} {resident} {}", opened.as_micros(), status("VmHWM")));
            let (_, row) = db.scan::<Row>(ROWS, b"").next().unwrap().unwrap();
            let start = Instant::now();
            let object = db.object::<Matrix>(&row.object).unwrap();
            say(&format!("verified {} {} {}", start.elapsed().as_micros(), status("VmRSS"), status("VmHWM")));
            let start = Instant::now();
            assert!(db.object::<Matrix>(&row.object).unwrap().values.len() == object.values.len());
            say(&format!("again {}", start.elapsed().as_micros()));
            let start = Instant::now();
            let blocks = db.blocks::<Matrix>(Space(row.space), 0).filter(|block| block.is_ok()).count();
            say(&format!("blocks {blocks} {} {}", start.elapsed().as_micros(), status("VmRSS")));
        }
        other => panic!("no such part: {other}"),
    }
}

fn say(line: &str) {
    // The test harness prints "test another_process ... " without ending the line.
    println!("\n@ {line}");
    std::io::stdout().flush().unwrap();
}

/// Kilobytes of a line of /proc/self/status.
fn status(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.split_whitespace().find_map(|word| word.parse().ok()).unwrap_or(0)
}

/// Commits objects, blocks and records, deletes, sweeps and compacts; tells what is acknowledged.
fn write_for_ever(store: &Path) -> Result<()> {
    let db = open(store).unwrap();
    let mut number = db.scan::<Row>(ROWS, b"").last().map_or(0, |item| item.unwrap().1.number + 1);
    loop {
        if let Err(error) = write_one(&db, number) {
            // What was read before is read still, and nothing is written any more.
            assert_eq!(db.new_space().unwrap_err().code(), Code::Poisoned);
            assert!(db.scan::<Row>(ROWS, b"").all(|item| item.is_ok()));
            return Err(error);
        }
        say(&format!("done {number}"));
        number += 1;
    }
}

fn write_one(db: &Db, number: u64) -> Result<()> {
    let object = db.put_object(&matrix(number))?;
    let space = db.new_space()?;
    let blocks = (0..20).map(|i| Matrix { columns: i, values: vec![number as f32; 900] });
    db.write_blocks(space, 1, blocks)?;
    let mut batch = Batch::new();
    batch.put(ROWS, &number.to_be_bytes(), &Row { number, object, space: space.0 })?;
    // Of all rows but the last three, two of three go.
    if number >= 3 && !number.is_multiple_of(3) {
        batch.delete(ROWS, &(number - 3).to_be_bytes());
    }
    db.commit(batch)?;
    if number % 5 == 4 {
        db.sweep(&live(db))?;
    }
    if number % 7 == 6 {
        db.compact(&live(db), &Task::quiet())?;
    }
    Ok(())
}

fn start(part: &str, store: &Path) -> (Child, impl Iterator<Item = String> + use<>) {
    start_by(Command::new(std::env::current_exe().unwrap()), part, store)
}

fn start_by(mut command: Command, part: &str, store: &Path) -> (Child, impl Iterator<Item = String> + use<>) {
    let mut child = command
        .args(["another_process", "--exact", "--nocapture", "--test-threads=1"])
        .env(PART, part)
        .env(STORE, store)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    (child, lines.map_while(|line| line.ok()).filter_map(|line| line.strip_prefix("@ ").map(str::to_string)))
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_second_process_is_kept_out_and_told_who_holds_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let (child, mut lines) = start("hold", dir.path());
    assert_eq!(lines.next().unwrap(), "held");
    let error = open(dir.path()).err().unwrap();
    assert_eq!(error.code(), Code::Locked);
    assert!(error.message().contains(&format!("process {} on ", child.id())), "{error}");
    assert!(error.help_text().is_some());
    kill(child);
    // A killed holder's lock is simply taken over.
    open(dir.path()).unwrap();
}

#[test]
fn what_was_acknowledged_survives_kill_minus_nine() {
    let dir = tempfile::tempdir().unwrap();
    let mut rng = Rng::new(7);
    let mut acknowledged: Option<u64> = None;
    for round in 0..20 {
        let (child, lines) = start("write", dir.path());
        let lives = Duration::from_millis(20 + rng.below(300) as u64);
        let reader = std::thread::spawn(move || lines.collect::<Vec<_>>());
        std::thread::sleep(lives);
        kill(child);
        for line in reader.join().unwrap() {
            acknowledged = Some(line.strip_prefix("done ").unwrap().parse().unwrap());
        }
        let db = open(dir.path()).unwrap();
        let report = db.check(true, &live(&db), &Task::quiet()).unwrap();
        assert!(report.is_clean(), "round {round}: {:?}", report.problems);
        let rows: Vec<Row> = db.scan::<Row>(ROWS, b"").map(|item| item.unwrap().1).collect();
        let last = rows.last().map(|row| row.number);
        assert!(last >= acknowledged, "round {round}: {last:?} of {acknowledged:?}");
        for row in &rows {
            let object = db.object::<Matrix>(&row.object).unwrap();
            assert_eq!(seedbed::store::floats(&object.values), matrix(row.number).values);
            let blocks = db.blocks::<Matrix>(Space(row.space), 1).map(|block| block.unwrap());
            assert!(blocks.map(|block| block.values[0] as u64).eq([row.number; 20]));
        }
        // Exactly the rows that the last batch left: no batch shows in part.
        let expected = (0..last.map_or(0, |last| last + 1))
            .filter(|number| number % 3 == 0 || number + 3 > last.unwrap());
        assert!(rows.iter().map(|row| row.number).eq(expected), "round {round}");
    }
    assert!(acknowledged.is_some_and(|number| number > 20), "{acknowledged:?}");
}

/// The system refuses to let a file grow: for sled's log that is as good as a full disk. The limits (in
/// units of 512 bytes) leave room for the log's first segment of 512 KiB.
#[test]
#[cfg(unix)]
fn a_log_that_cannot_grow_poisons_the_handle_and_loses_nothing() {
    for blocks in [1500, 2000] {
        let dir = tempfile::tempdir().unwrap();
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"")]);
        shell.arg(std::env::current_exe().unwrap());
        let (mut child, lines) = start_by(shell, "fill", dir.path());
        let lines: Vec<String> = lines.collect();
        assert!(child.wait().unwrap().success());
        let error = lines.last().unwrap();
        assert!(error.starts_with("io ") && error.ends_with("file too large"), "{error}");
        let db = open(dir.path()).unwrap();
        let report = db.check(true, &live(&db), &Task::quiet()).unwrap();
        assert!(report.is_clean(), "{:?}", report.problems);
        let last = db.scan::<Row>(ROWS, b"").last().map(|item| item.unwrap().1.number);
        let acknowledged = lines.iter().filter_map(|line| line.strip_prefix("done ")).next_back();
        assert!(last >= acknowledged.map(|number| number.parse().unwrap()), "{last:?} of {acknowledged:?}");
    }
}

/// `cargo test --release --test store_process -- --ignored --nocapture`
#[test]
#[ignore = "writes 330 MB and measures"]
fn opening_touches_no_object() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path()).unwrap();
    let (rows, columns) = (39_000, 2048);
    let values: Vec<f32> = (0..rows * columns).map(|i| i as f32).collect();
    let written = Instant::now();
    let object = db.put_object(&Matrix { columns, values }).unwrap();
    println!("object written durably in {:?}", written.elapsed());
    let space = db.new_space().unwrap();
    let written = Instant::now();
    db.write_blocks(space, 0, (0..4000).map(|i| Matrix { columns: i, values: vec![0.5; 1000] })).unwrap();
    let mut batch = Batch::new();
    batch.put(ROWS, b"a", &Row { number: 0, object, space: space.0 }).unwrap();
    db.commit(batch).unwrap();
    println!("4000 blocks written durably in {:?}", written.elapsed());
    drop(db);
    let (mut child, lines) = start("open", dir.path());
    let lines: Vec<String> = lines.collect();
    child.wait().unwrap();
    println!("{}", lines.join("\n"));
    let words: Vec<u64> = lines[0].split(' ').skip(1).map(|word| word.parse().unwrap()).collect();
    assert!(words[0] < 200_000, "opening took {} µs", words[0]);
    assert!(words[2] < 150 * 1024, "opening made {} kB resident", words[2]);
}
