//! The shell: command line, prompt, scripts, output.
//!
//! It turns texts into statements, hands them to the library's session and prints what comes back:
//! results on standard output, everything else on standard error. It decides exit codes, colour,
//! widths and what a key press means; it knows nothing of graphs, stores or alignments beyond the
//! names and rows that the public library gives it.

use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

mod cli;
mod connection;
mod dot;
mod editor;
mod engine;
mod halt;
mod interrupt;
mod output;
mod progress;
mod render;
mod repl;
mod review;
mod script;
mod stdin;
mod terminal;

use seedbed::Reach;

use cli::{Job, Options};
use engine::{Ended, Shell};
use interrupt::Interrupt;
use output::Output;
use script::Origin;
use terminal::Streams;

/// Runs the program to its exit code.
pub fn main() -> ExitCode {
    let options = match cli::parse() {
        Ok(options) => options,
        Err(error) => {
            // Help goes to standard output and is no failure; a closed pipe is none either.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { halt::USAGE } else { halt::OK });
        }
    };
    ExitCode::from(run(&options))
}

fn run(options: &Options) -> u8 {
    let streams = Streams::detect();
    let interactive = options.jobs.is_empty() && streams.stdin && streams.stdout;
    let mut shell = Shell::new(options, streams, Interrupt::install(interactive));
    if options.safe
        && let Err(error) = confine(&mut shell, Path::new(""))
    {
        shell.complain(&error, "", None);
        return halt::USAGE;
    }
    if interactive {
        return repl::run(&mut shell);
    }
    if options.jobs.is_empty() {
        return code(stdin::run(&mut shell));
    }
    let mut worst = halt::OK;
    for job in &options.jobs {
        match self::job(&mut shell, job, options.safe) {
            Ended::Well => {}
            Ended::Failed(code) => {
                worst = worst.max(code);
                if !options.keep_going || code == halt::CANCELLED {
                    break;
                }
            }
            Ended::Leave(code) => return worst.max(code),
        }
    }
    worst
}

/// Lets nothing but the files of a folder be used; the empty path is the working directory.
fn confine(shell: &mut Shell, folder: &Path) -> seedbed::Result<()> {
    shell.connection.confine(Some(Reach::within(&[folder.to_path_buf()])?));
    Ok(())
}

fn job(shell: &mut Shell, job: &Job, safe: bool) -> Ended {
    let folder = match job {
        Job::Script(path) => path.parent().unwrap_or(Path::new("")),
        Job::Statements(_) => Path::new(""),
    };
    if safe {
        // What one script has opened is not for the next.
        shell.output = Output::stdout();
        if let Err(error) = confine(shell, folder) {
            shell.complain(&error, "", None);
            return Ended::Failed(halt::USAGE);
        }
    }
    match job {
        Job::Statements(text) => shell.run(text, &Origin::Argument),
        Job::Script(path) if path == Path::new("-") => {
            let mut bytes = Vec::new();
            let read = std::io::stdin().lock().read_to_end(&mut bytes);
            let text = match read {
                Ok(_) => script::decode(bytes, Path::new("standard input")),
                Err(cause) => Err(seedbed::Error::io("reading standard input", cause)),
            };
            script(shell, text, &Origin::Stdin)
        }
        Job::Script(path) => script(shell, script::read(path), &Origin::File(path.clone())),
    }
}

fn script(shell: &mut Shell, text: seedbed::Result<String>, origin: &Origin) -> Ended {
    match text {
        Ok(text) => shell.run(&text, origin),
        Err(error) => {
            shell.complain(&error, "", None);
            Ended::Failed(halt::USAGE)
        }
    }
}

fn code(ended: Ended) -> u8 {
    match ended {
        Ended::Well => halt::OK,
        Ended::Failed(code) | Ended::Leave(code) => code,
    }
}
