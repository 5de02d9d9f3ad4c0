//! The shell itself: runs texts against the store and prints what comes of them.
//!
//! One path for the prompt, scripts, `-c` and standard input; they differ in where errors are said to
//! be and in what a failure stops.

use std::io::{self, Write};
use std::sync::Arc;

use seedbed::ql::{self, Params, Statement};
use seedbed::{Error, Kind, Observer, Outcome, Task};

use super::cli::Options;
use super::connection::Connection;
use super::dot;
use super::halt::{self, Halt};
use super::interrupt::Interrupt;
use super::output::Output;
use super::progress::Progress;
use super::render::{self, Look, Mode, json, text};
use super::review;
use super::script::{self, Origin, Step};
use super::terminal::{self, Streams, Style, paint};

/// Rows of a box on a terminal, unless `.rows` says otherwise.
pub const SHOWN_ROWS: usize = 40;

/// How a text ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All of it ran.
    Well,
    /// Something failed, was reported, and has this exit code.
    Failed(u8),
    /// The shell shall leave with this exit code.
    Leave(u8),
}

/// The state of a shell.
pub struct Shell {
    pub connection: Connection,
    pub params: Params,
    pub mode: Mode,
    pub output: Output,
    /// Whether times are shown.
    pub timer: bool,
    /// Rows of a box: `None` goes by what the output is, `Some(0)` shows all.
    pub rows: Option<usize>,
    /// Columns of a box: `None` goes by the terminal, `Some(0)` never wraps.
    pub width: Option<usize>,
    pub streams: Streams,
    quiet: bool,
    keep_going: bool,
    interrupt: Interrupt,
    /// How deep `.read` is nested.
    pub depth: usize,
}

impl Shell {
    pub fn new(options: &Options, streams: Streams, interrupt: Interrupt) -> Self {
        let mut params = Params::new();
        for (name, value) in &options.params {
            params.set_text(name.as_str(), value);
        }
        Shell {
            connection: Connection::new(options.store.clone(), options.readonly),
            params,
            mode: options.output,
            output: Output::stdout(),
            timer: false,
            rows: None,
            width: None,
            streams,
            quiet: options.quiet,
            keep_going: options.keep_going,
            interrupt,
            depth: 0,
        }
    }

    /// Whether a failure stops nothing but its statement.
    pub fn keeps_going(&self) -> bool {
        self.keep_going
    }

    /// Whether messages are left out.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// How results look just now.
    pub fn look(&self) -> Look {
        let terminal = self.output.is_stdout() && self.streams.stdout;
        Look {
            color: self.output.is_stdout() && self.streams.color_out(),
            width: match self.width {
                Some(0) => None,
                Some(columns) => Some(columns),
                None => terminal.then(terminal::width).flatten(),
            },
            max_rows: match self.rows {
                Some(0) => None,
                Some(rows) => Some(rows),
                None => terminal.then_some(SHOWN_ROWS),
            },
            timer: self.timer,
            quiet: self.quiet,
        }
    }

    /// Runs a text to its end or to its first failure; failures are reported here.
    pub fn run(&mut self, text: &str, origin: &Origin) -> Ended {
        let steps = if self.keep_going {
            script::steps_and_errors(text)
        } else {
            match script::steps(text) {
                Ok(steps) => steps.into_iter().map(Ok).collect(),
                Err(error) => vec![Err(error)],
            }
        };
        let mut worst = halt::OK;
        for step in steps {
            let ended = match step {
                Ok(Step::Statement(statement)) => self.statement(&statement, text, origin),
                Ok(Step::Dot { line, at }) => match dot::run(self, &line) {
                    Ok(ended) => ended,
                    Err(halt) => self.halted(halt, "", at, text, origin),
                },
                Err(error) => {
                    let at = script::offset_of(&error).unwrap_or(0);
                    self.halted(Halt::Failed(error), "", at, text, origin)
                }
            };
            match ended {
                Ended::Well => {}
                Ended::Failed(code) => {
                    worst = worst.max(code);
                    if !self.keep_going || code == halt::CANCELLED {
                        break;
                    }
                }
                Ended::Leave(code) => return Ended::Leave(worst.max(code)),
            }
        }
        match worst {
            halt::OK => Ended::Well,
            code => Ended::Failed(code),
        }
    }

    /// Runs one statement and prints its outcome.
    fn statement(&mut self, statement: &Statement, text: &str, origin: &Origin) -> Ended {
        let source = &text[statement.span.start..statement.span.end];
        let interrupt = self.interrupt.clone();
        let running = interrupt.running();
        let done = self.echo(source, origin).map_err(Halt::from).and_then(|()| self.execute(statement));
        let done = done.and_then(|()| self.output.flush().map_err(Halt::Output));
        drop(running);
        match done {
            Ok(()) => Ended::Well,
            Err(halt) => self.halted(halt, &verb_of(source), statement.span.start, text, origin),
        }
    }

    fn execute(&mut self, statement: &Statement) -> Result<(), Halt> {
        let draws = self.streams.stderr && !self.quiet;
        let progress = Progress::begin(draws, self.streams.color_err());
        let observer: Arc<dyn Observer> = progress.clone();
        let task = Task::new(self.interrupt.token().clone(), Some(observer));
        let outcome = self.connection.execute(statement, &self.params, &task);
        progress.finish();
        let mut outcome = outcome?;
        if let Some(name) = review::asked(statement).filter(|_| self.talks()) {
            return review::run(self, name, outcome, &mut io::stdin().lock());
        }
        let said = progress.notes().into_iter().filter(|note| !outcome.notes.contains(note));
        outcome.notes.splice(..0, said.collect::<Vec<_>>());
        // What a mode for programs leaves out is still said to a person who watches.
        if !self.mode.is_for_people() && self.mode != Mode::Json && self.streams.stderr && !self.quiet {
            let messages = std::iter::once(&outcome.message).filter(|message| !message.is_empty());
            for line in messages.chain(&outcome.notes) {
                let line = text::printable(line);
                eprintln!("{}", paint(self.streams.color_err(), Style::Dim, &line));
            }
        }
        let look = self.look();
        render::render(self.mode, outcome, &look, self.interrupt.token(), &mut self.output)
    }

    /// Whether a person can be asked: at a terminal, and shown what they are asked about.
    fn talks(&self) -> bool {
        self.streams.stdin && self.output.is_stdout() && self.streams.stdout && self.mode.is_for_people()
    }

    /// Runs a statement of our own, with a name at its end, and prints its outcome.
    pub fn show(&mut self, text: &str, name: &str, params: &Params) -> Result<(), Halt> {
        let outcome = self.quietly(text, name, params)?;
        let look = self.look();
        render::render(self.mode, outcome, &look, self.interrupt.token(), &mut self.output)
    }

    /// The same without printing.
    pub fn quietly(&mut self, text: &str, name: &str, params: &Params) -> Result<Outcome, Halt> {
        let statement = review::statement(text, name)?;
        let task = Task::new(self.interrupt.token().clone(), None);
        Ok(self.connection.execute(&statement, params, &task)?)
    }

    /// Prints a statement before it runs, on one line.
    fn echo(&mut self, source: &str, origin: &Origin) -> io::Result<()> {
        if !origin.is_echoed() || !self.mode.is_for_people() || self.quiet {
            return Ok(());
        }
        let look = self.look();
        let line = source.split_whitespace().collect::<Vec<_>>().join(" ");
        let line = text::truncate(&line, look.width.unwrap_or(100).saturating_sub(3)).into_owned();
        match self.mode {
            Mode::Markdown => writeln!(self.output, "\n`{line}`\n")?,
            _ => writeln!(self.output, "\n{}", paint(look.color, Style::Bold, &format!("> {line}")))?,
        }
        self.output.flush()
    }

    /// Reports what stopped a statement and says how the run goes on.
    fn halted(&mut self, halt: Halt, verb: &str, at: usize, text: &str, origin: &Origin) -> Ended {
        match halt {
            Halt::Failed(error) => {
                if self.mode == Mode::Json && *origin != Origin::Prompt {
                    let line = Some(script::line_of(text, script::offset_of(&error).unwrap_or(at)));
                    let written = json::failure(verb, &error, line, &mut self.output)
                        .and_then(|()| self.output.flush());
                    if let Err(error) = written {
                        return self.output_failed(&error);
                    }
                }
                // Whatever was printed of a result comes before its error.
                let _ = self.output.flush();
                self.complain(&error, text, origin.locate(text, script::offset_of(&error).unwrap_or(at)));
                Ended::Failed(halt::code(error.kind()))
            }
            Halt::Output(error) => self.output_failed(&error),
        }
    }

    /// Draws an error on standard error.
    pub fn complain(&self, error: &Error, text: &str, place: Option<String>) {
        let color = self.streams.color_err();
        if error.kind() == Kind::Cancelled {
            eprintln!("{}", paint(color, Style::Dim, error.message()));
            return;
        }
        if let Some(place) = place {
            eprint!("{}", paint(color, Style::Bold, &format!("{place}: ")));
        }
        eprint!("{}", ql::report(error, text, color));
    }

    /// Nobody reads a closed pipe, which is no failure; a full disk is one.
    fn output_failed(&mut self, error: &io::Error) -> Ended {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Ended::Leave(halt::OK);
        }
        let name = self.output.name();
        self.output = Output::stdout();
        eprintln!("error: writing to {name}: {error}");
        Ended::Leave(halt::FAILED)
    }
}

/// The first word of a statement, in lower case.
fn verb_of(source: &str) -> String {
    source.chars().take_while(|c| c.is_ascii_alphabetic()).collect::<String>().to_ascii_lowercase()
}
