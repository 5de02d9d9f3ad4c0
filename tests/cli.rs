//! The program as scripts and pipes see it: exit codes, standard streams, options.

#[path = "common/files.rs"]
mod files;

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Output, Stdio};

use files::files;
use tempfile::TempDir;

const DEMO: &str = "GENERATE PAIR demo entities=60 seed=1;";

fn seedbed(dir: &TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seedbed"));
    command.current_dir(dir.path()).stdin(Stdio::null());
    for name in ["SEEDBED_STORE", "NO_COLOR", "RUST_BACKTRACE"] {
        command.env_remove(name);
    }
    command
}

fn run(dir: &TempDir, args: &[&str]) -> Output {
    seedbed(dir).args(args).output().unwrap()
}

fn piped(dir: &TempDir, args: &[&str], input: &str) -> Output {
    let mut command = seedbed(dir);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[track_caller]
fn exits(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "stdout: {}\nstderr: {}", out(output), err(output));
}

fn dir() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn documents(output: &Output) -> Vec<serde_json::Value> {
    out(output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn help_and_version_need_no_store() {
    let dir = dir();
    let help = run(&dir, &["--help"]);
    exits(&help, 0);
    assert!(out(&help).contains("Examples:") && out(&help).contains("Exit codes:"));
    assert!(!out(&help).contains('\x1b'));
    let version = run(&dir, &["--version"]);
    assert_eq!(out(&version), format!("seedbed {}\n", env!("CARGO_PKG_VERSION")));
    assert!(std::fs::read_dir(dir.path()).unwrap().next().is_none());
}

#[test]
fn a_wrong_command_line_exits_2() {
    let dir = dir();
    for args in [
        &["--frobnicate"][..],
        &["--output", "xml"],
        &["--param", "n"],
        &["run"],
        &["run", "missing.seedql"],
        &["-f", "missing.seedql"],
        &["-c", "SHOW PAIRS", "run", "x"],
    ] {
        let output = run(&dir, args);
        exits(&output, 2);
        assert!(!err(&output).is_empty());
    }
}

#[test]
fn statements_of_the_command_line_run_in_order() {
    let dir = dir();
    let output = run(&dir, &["-c", DEMO, "-c", "SHOW PAIRS", "--output", "json"]);
    exits(&output, 0);
    let documents = documents(&output);
    assert_eq!(documents.len(), 2);
    assert_eq!(documents[0]["statement"], "generate");
    assert_eq!(documents[1]["statement"], "show");
    assert_eq!(documents[1]["rows"].as_array().unwrap().len(), 1);
    assert!(documents[1]["seconds"].is_number() && documents[1]["notes"].is_array());
    assert!(dir.path().join("seedbed.store").is_dir());
}

#[test]
fn the_store_is_named_by_option_or_variable() {
    let dir = dir();
    let output = seedbed(&dir).env("SEEDBED_STORE", "v").args(["-c", DEMO]).output().unwrap();
    exits(&output, 0);
    assert!(dir.path().join("v").is_dir());
    let args = ["--store", "o", "-c", DEMO];
    let output = seedbed(&dir).env("SEEDBED_STORE", "v").args(args).output().unwrap();
    exits(&output, 0);
    assert!(dir.path().join("o").is_dir());
    assert!(!dir.path().join("seedbed.store").exists());
}

#[test]
fn standard_input_runs_its_last_line_even_if_unfinished() {
    let dir = dir();
    let output = piped(&dir, &["--output", "json"], &format!("{DEMO} -- two\nSHOW\n  PAIRS"));
    exits(&output, 0);
    assert_eq!(documents(&output).len(), 2);
}

#[test]
fn a_conversation_over_pipes_gets_each_answer_at_once() {
    let dir = dir();
    let mut command = seedbed(&dir);
    let mut child =
        command.args(["-o", "json"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut input, mut answers) =
        (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    for statement in [DEMO, "SHOW PAIRS;"] {
        writeln!(input, "{statement}").unwrap();
        let mut line = String::new();
        answers.read_line(&mut line).unwrap();
        assert!(line.starts_with("{\"statement\":"), "{line}");
    }
    // The store is held meanwhile, and a second process is told by whom.
    let second = run(&dir, &["-c", "SHOW PAIRS"]);
    exits(&second, 1);
    assert!(err(&second).contains(&child.id().to_string()), "{}", err(&second));
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn parameters_are_bound() {
    let dir = dir();
    let script = "GENERATE PAIR demo entities=$n seed=1; SHOW PAIRS;";
    std::fs::write(dir.path().join("s.seedql"), script).unwrap();
    exits(&run(&dir, &["run", "s.seedql", "--param", "n=60"]), 0);
    let unbound = run(&dir, &["run", "s.seedql"]);
    exits(&unbound, 1);
    assert!(err(&unbound).contains("unbound-parameter"), "{}", err(&unbound));
}

#[test]
fn a_script_stops_at_its_first_failure_unless_told_otherwise() {
    let dir = dir();
    let script = format!("{DEMO}\n\nDESCRIBE nothing;\nSHOW PAIRS;\n");
    std::fs::write(dir.path().join("s.seedql"), script).unwrap();
    let output = run(&dir, &["run", "s.seedql"]);
    exits(&output, 1);
    assert!(err(&output).contains("s.seedql:3"), "{}", err(&output));
    assert!(!out(&output).contains("> SHOW PAIRS"));
    let output = run(&dir, &["--keep-going", "-f", "s.seedql", "-o", "json", "--store", "other"]);
    exits(&output, 1);
    let documents = documents(&output);
    assert_eq!(documents.len(), 3);
    assert_eq!(documents[1]["error"]["code"], "unknown-name");
    assert_eq!(documents[1]["error"]["line"], 3);
    assert_eq!(documents[2]["statement"], "show");
}

#[test]
fn a_script_with_a_syntax_error_does_nothing() {
    let dir = dir();
    std::fs::write(dir.path().join("s.seedql"), format!("{DEMO}\nSHOW PAIRZ;\n")).unwrap();
    let output = run(&dir, &["run", "s.seedql"]);
    exits(&output, 1);
    assert!(err(&output).contains("s.seedql:2") && err(&output).contains("PAIRS"), "{}", err(&output));
    assert!(!dir.path().join("seedbed.store").exists());
    // With --keep-going the other statements run.
    exits(&run(&dir, &["-k", "run", "s.seedql"]), 1);
    assert!(out(&run(&dir, &["-c", "SHOW PAIRS"])).contains("demo"));
}

#[test]
fn pipes_get_rows_and_no_colour() {
    let dir = dir();
    exits(&run(&dir, &["-c", DEMO]), 0);
    let output = run(&dir, &["-c", "SELECT * FROM demo.links LIMIT 3", "-o", "csv"]);
    exits(&output, 0);
    assert_eq!(err(&output), "");
    let mut reader = csv::Reader::from_reader(&output.stdout[..]);
    assert_eq!(reader.records().map(Result::unwrap).count(), 3);
    for args in [&["-c", "SHOW PAIRS"][..], &["-c", "SHOW PAIRZ"], &["-c", "DESCRIBE x"]] {
        let output = seedbed(&dir).env("NO_COLOR", "1").args(args).output().unwrap();
        assert!(!out(&output).contains('\x1b') && !err(&output).contains('\x1b'));
        let output = run(&dir, args);
        assert!(!out(&output).contains('\x1b') && !err(&output).contains('\x1b'));
    }
}

#[test]
fn quiet_leaves_messages_out() {
    let dir = dir();
    let loud = run(&dir, &["-c", DEMO, "-c", "DROP demo"]);
    let quiet = run(&dir, &["-q", "-c", DEMO, "-c", "DROP demo"]);
    exits(&quiet, 0);
    assert_eq!(err(&quiet), "");
    // What is left are the rows in their box.
    assert!(out(&quiet).lines().all(|line| line.starts_with(['┌', '│', '├', '└'])), "{}", out(&quiet));
    assert!(out(&loud).len() > out(&quiet).len());
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    let dir = dir();
    exits(&run(&dir, &["-c", "GENERATE PAIR demo entities=3000 seed=1"]), 0);
    let mut command = seedbed(&dir);
    command.args(["-c", "SELECT * FROM demo.left.triples; SELECT * FROM demo.right.triples", "-o", "csv"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = [0];
    let mut reader = child.stdout.take().unwrap();
    reader.read_exact(&mut first).unwrap();
    drop(reader);
    let output = child.wait_with_output().unwrap();
    exits(&output, 0);
    assert_eq!(err(&output), "");
}

#[test]
fn what_is_no_store_is_refused() {
    let dir = dir();
    std::fs::write(dir.path().join("file"), "text").unwrap();
    std::fs::create_dir(dir.path().join("folder")).unwrap();
    std::fs::write(dir.path().join("folder/precious"), "text").unwrap();
    for store in ["file", "folder", "file/below"] {
        let output = run(&dir, &["--store", store, "-c", "SHOW PAIRS"]);
        exits(&output, 1);
        assert!(err(&output).contains("error"), "{}", err(&output));
    }
    assert_eq!(std::fs::read_dir(dir.path().join("folder")).unwrap().count(), 1);
}

#[test]
fn a_store_open_for_reading_is_not_written() {
    let dir = dir();
    let missing = run(&dir, &["--readonly", "-c", "SHOW PAIRS"]);
    exits(&missing, 1);
    assert!(!dir.path().join("seedbed.store").exists());
    exits(&run(&dir, &["-c", DEMO]), 0);
    exits(&run(&dir, &["--readonly", "-c", "SHOW PAIRS"]), 0);
    let refused = run(&dir, &["--readonly", "-c", "DROP demo"]);
    exits(&refused, 1);
    assert!(err(&refused).contains("read-only"), "{}", err(&refused));
}

#[test]
fn dot_commands_work_in_scripts() {
    let dir = dir();
    std::fs::write(dir.path().join("inner.seedql"), "SHOW PAIRS;").unwrap();
    let script = format!(
        "{DEMO}\n.mode csv\n.output 'rows.csv'\n.read inner.seedql\n.output\n.mode\n.quit\nDROP demo;"
    );
    let output = piped(&dir, &[], &script);
    exits(&output, 0);
    assert!(out(&output).ends_with("csv\n"), "{}", out(&output));
    assert!(std::fs::read_to_string(dir.path().join("rows.csv")).unwrap().contains("demo"));
    assert!(out(&run(&dir, &["-c", "SHOW PAIRS", "-o", "csv"])).contains("demo"));
}

#[test]
fn a_script_that_reads_itself_ends() {
    let dir = dir();
    std::fs::write(dir.path().join("loop.seedql"), ".read loop.seedql\n").unwrap();
    let output = run(&dir, &["run", "loop.seedql"]);
    exits(&output, 1);
    assert!(err(&output).contains("deep"), "{}", err(&output));
}

#[test]
fn wrong_dot_commands_name_the_right_ones() {
    let dir = dir();
    for (line, named) in [(".tabels", ".tables"), (".mode xml", "jsonl"), (".timer maybe", "`on` or `off`")] {
        let output = piped(&dir, &[], line);
        exits(&output, 1);
        assert!(err(&output).contains(named), "{}", err(&output));
    }
}

#[cfg(unix)]
mod signals {
    use super::*;
    use std::time::{Duration, Instant};

    fn interrupt(id: u32) {
        assert!(Command::new("kill").args(["-INT", &id.to_string()]).status().unwrap().success());
    }

    #[test]
    fn ctrl_c_while_waiting_for_input_exits_130() {
        let dir = dir();
        let mut command = seedbed(&dir);
        let mut child =
            command.args(["-o", "json"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        writeln!(input, "SHOW PAIRS;").unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        std::thread::sleep(Duration::from_millis(100));
        interrupt(child.id());
        assert_eq!(child.wait().unwrap().code(), Some(130));
    }

    #[test]
    fn ctrl_c_stops_a_statement_within_a_moment() {
        let dir = dir();
        let mut command = seedbed(&dir);
        let statement = "GENERATE PAIR huge entities=900000 degree=20; SHOW PAIRS";
        let child =
            command.args(["-c", statement]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(700));
        let asked = Instant::now();
        interrupt(child.id());
        let output = child.wait_with_output().unwrap();
        exits(&output, 130);
        assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
        assert!(err(&output).contains("cancelled"), "{}", err(&output));
        // The store is as it was.
        let after = run(&dir, &["-c", "SHOW PAIRS", "-o", "csv"]);
        exits(&after, 0);
        assert!(!out(&after).contains("huge"));
    }
}

/// A damaged store is told apart from a failed statement.
#[test]
fn a_damaged_store_exits_3() {
    let dir = dir();
    exits(&run(&dir, &["-c", DEMO, "-c", "EMBED name USING ngrams INTO demo"]), 0);
    let objects = dir.path().join("seedbed.store/objects");
    let mut damaged = 0;
    for file in files(&objects) {
        let file = objects.join(file);
        let mut bytes = std::fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x40;
        std::fs::write(&file, bytes).unwrap();
        damaged += 1;
    }
    assert!(damaged > 0);
    exits(&run(&dir, &["-c", "CHECK FULL"]), 3);
}
