//! The command line: what may be asked for, and the help that explains it.

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{ArgAction, Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use super::render::Mode;

/// Where the store is if nobody says.
pub const DEFAULT_STORE: &str = "seedbed.store";
/// The environment variable that names the store.
pub const STORE_VARIABLE: &str = "SEEDBED_STORE";

const EXAMPLES: &str = "\
\x1b[1;4mExamples:\x1b[0m
  seedbed                                    start a shell on ./seedbed.store
  seedbed run examples/quickstart.seedql     run a script
  seedbed run align.seedql --param data=zh_en --param n=1000
                                             give its $data and $n a value
  seedbed -c 'SHOW PAIRS; EVALUATE a1'       run statements
  seedbed -c 'EVALUATE a1' --output json | jq '.rows[0].\"hits@1\"'
  seedbed < align.seedql                     read statements from standard input

\x1b[1;4mFirst steps in the shell:\x1b[0m
  GENERATE PAIR demo entities=2000;          make up two graphs to play with
  ALIGN demo AS a1;                          find which entities are the same
  EVALUATE a1;                               see how well that went
  .help                                      all commands; `.help ALIGN` for one

\x1b[1;4mExit codes:\x1b[0m
  0 all statements succeeded      2 the command line is wrong, or a script is missing
  1 a statement failed            3 the store is damaged
                                  130 cancelled

With --safe a script reads and writes no files but those in its own folder (statements of -c, of
standard input and of the shell: those in the working directory); links that lead elsewhere are refused.

A script is checked whole before its first statement runs and stops at the first that fails.
Relative paths in statements start at the working directory, not at the script. The store is made
when it is first needed. Ctrl-C stops the running statement; what was done before stays done.";

#[derive(Debug, Parser)]
#[command(
    name = "seedbed",
    version,
    about = "Find out which entities of two knowledge graphs are the same thing, without labelled pairs",
    after_help = EXAMPLES,
    override_usage = "seedbed [OPTIONS]\n       seedbed [OPTIONS] run FILE",
    disable_help_subcommand = true
)]
struct Cli {
    /// Run these statements and leave; may be repeated
    #[arg(short, long = "command", value_name = "STATEMENTS")]
    command: Vec<String>,
    /// Run a script and leave, in turn with -c; `-` is standard input
    #[arg(short, long, value_name = "FILE")]
    file: Vec<PathBuf>,
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run a script
    #[command(after_help = "\
Example:
  seedbed run align.seedql --store work.store --param data=data/zh_en --param n=1000

The script is checked whole before its first statement runs. Relative paths in it start at the
working directory.")]
    Run {
        /// The script; `-` is standard input
        #[arg(value_name = "FILE")]
        script: PathBuf,
        #[command(flatten)]
        common: Common,
    },
}

/// Options that mean the same before and after `run`.
#[derive(Debug, Args)]
struct Common {
    /// The store's directory [default: $SEEDBED_STORE, else seedbed.store]
    #[arg(short, long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Open the store for reading only
    #[arg(long)]
    readonly: bool,
    /// How results are printed: box, line, csv, tsv, json, jsonl or markdown [default: box]
    #[arg(short, long, value_enum, value_name = "MODE", hide_possible_values = true)]
    output: Option<Mode>,
    /// Give $NAME in statements a value; may be repeated
    #[arg(short, long = "param", value_name = "NAME=VALUE", value_parser = assignment)]
    params: Vec<(String, String)>,
    /// Go on after a statement that fails
    #[arg(short, long, action = ArgAction::SetTrue)]
    keep_going: bool,
    /// Print rows and errors only: no messages, notes or progress
    #[arg(short, long)]
    quiet: bool,
    /// Let statements and dot commands use no files but those in the script's folder
    #[arg(long)]
    safe: bool,
}

/// A piece of work, in the order of the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Job {
    Statements(String),
    Script(PathBuf),
}

/// The command line, understood.
#[derive(Debug)]
pub struct Options {
    /// What to run; empty asks for a prompt, or for standard input.
    pub jobs: Vec<Job>,
    pub store: PathBuf,
    pub readonly: bool,
    pub output: Mode,
    pub params: Vec<(String, String)>,
    pub keep_going: bool,
    pub quiet: bool,
    pub safe: bool,
}

/// Reads the process's own command line.
pub fn parse() -> Result<Options, clap::Error> {
    options(std::env::args_os(), std::env::var_os(STORE_VARIABLE).map(PathBuf::from))
}

fn options(
    args: impl IntoIterator<Item = std::ffi::OsString>,
    variable: Option<PathBuf>,
) -> Result<Options, clap::Error> {
    let matches = Cli::command().try_get_matches_from(args)?;
    let cli = Cli::from_arg_matches(&matches)?;
    let at = |id: &str| matches.indices_of(id).map(Iterator::collect::<Vec<_>>).unwrap_or_default();
    let commands = at("command").into_iter().zip(cli.command.into_iter().map(Job::Statements));
    let files = at("file").into_iter().zip(cli.file.into_iter().map(Job::Script));
    let mut jobs: Vec<_> = commands.chain(files).collect();
    jobs.sort_by_key(|(at, _)| *at);
    let mut jobs: Vec<_> = jobs.into_iter().map(|(_, job)| job).collect();
    let mut common = cli.common;
    if let Some(Verb::Run { script, common: after }) = cli.verb {
        if !jobs.is_empty() {
            let message = "-c and -f cannot be used with `run`; write `-f FILE` for each script instead";
            return Err(Cli::command().error(ErrorKind::ArgumentConflict, message));
        }
        jobs.push(Job::Script(script));
        common = common.then(after);
    }
    let store = common.store.or(variable.filter(|dir| !dir.as_os_str().is_empty()));
    Ok(Options {
        jobs,
        store: store.unwrap_or_else(|| DEFAULT_STORE.into()),
        readonly: common.readonly,
        output: common.output.unwrap_or_default(),
        params: common.params,
        keep_going: common.keep_going,
        quiet: common.quiet,
        safe: common.safe,
    })
}

impl Common {
    /// These options and those that were given after them, which win.
    fn then(mut self, after: Common) -> Common {
        self.params.extend(after.params);
        Common {
            store: after.store.or(self.store),
            readonly: self.readonly || after.readonly,
            output: after.output.or(self.output),
            params: self.params,
            keep_going: self.keep_going || after.keep_going,
            quiet: self.quiet || after.quiet,
            safe: self.safe || after.safe,
        }
    }
}

/// `NAME=VALUE`; the `$` may stand before the name.
pub fn assignment(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE, such as n=1000")?;
    let name = name.trim().trim_start_matches('$');
    let starts = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
    if !starts || !name.chars().all(|c| c.is_alphanumeric() || c == '_') {
        return Err(format!("`{name}` cannot name a parameter: use letters, digits and underscores"));
    }
    Ok((name.to_string(), value.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(args: &[&str]) -> Result<Options, clap::Error> {
        options(std::iter::once("seedbed").chain(args.iter().copied()).map(Into::into), None)
    }

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn options_may_stand_on_both_sides_of_run() {
        let options =
            given(&["--param", "a=1", "--store", "x", "run", "f.seedql", "--param", "$b=2=3", "-q"]).unwrap();
        assert_eq!(options.params, [("a".into(), "1".into()), ("b".into(), "2=3".into())]);
        assert_eq!(options.store, PathBuf::from("x"));
        assert_eq!(options.jobs, [Job::Script("f.seedql".into())]);
        assert!(options.quiet && !options.readonly);
    }

    #[test]
    fn statements_and_scripts_run_in_the_order_given() {
        let options = given(&["-c", "A", "-f", "b", "-c", "C"]).unwrap();
        let jobs = [Job::Statements("A".into()), Job::Script("b".into()), Job::Statements("C".into())];
        assert_eq!(options.jobs, jobs);
    }

    #[test]
    fn the_variable_names_the_store_unless_the_option_does() {
        let args = |list: &[&str]| list.iter().map(Into::into).collect::<Vec<std::ffi::OsString>>();
        let variable = Some(PathBuf::from("v"));
        let store = |list, variable| options(args(list), variable).unwrap().store;
        assert_eq!(store(&["seedbed"], variable.clone()), PathBuf::from("v"));
        assert_eq!(store(&["seedbed", "--store", "o"], variable), PathBuf::from("o"));
        assert_eq!(store(&["seedbed"], None), PathBuf::from(DEFAULT_STORE));
        assert_eq!(store(&["seedbed"], Some(PathBuf::new())), PathBuf::from(DEFAULT_STORE));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for args in [
            &["run"][..],
            &["run", "f", "g"],
            &["-c", "A", "run", "f"],
            &["--param", "n"],
            &["--param", "1n=3"],
            &["--output", "xml"],
            &["--frobnicate"],
            &["--store", ""],
        ] {
            assert!(given(args).unwrap_err().use_stderr(), "{args:?}");
        }
    }
}
