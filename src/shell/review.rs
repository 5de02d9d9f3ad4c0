//! `REVIEW` at a prompt: one link at a time, with what speaks for it, and a letter as the verdict.

use std::io::{self, BufRead, Write};

use seedbed::ql::edits::EditStatement;
use seedbed::ql::{self, Params, Statement, ast::StatementKind};
use seedbed::{Outcome, Progress, Value};

use super::engine::Shell;
use super::halt::Halt;
use super::terminal::{Style, paint};

/// What may be answered.
const KEYS: &str = "a accept, r reject, s skip, u undo, q quit";

/// The artifact that a statement asks to review, if it does.
pub fn asked(statement: &Statement) -> Option<&str> {
    match &*statement.kind {
        StatementKind::Edit(EditStatement::Review { name, .. }) => Some(&name.value),
        _ => None,
    }
}

/// A link to judge: IRIs and names of both ends.
struct Case {
    left: String,
    right: String,
}

/// Goes through the links of `queue`, which are of `name`; answers come a line each.
pub fn run(shell: &mut Shell, name: &str, queue: Outcome, answers: &mut dyn BufRead) -> Result<(), Halt> {
    let cases = cases(queue)?;
    if cases.is_empty() {
        return say(shell, "nothing is left to judge");
    }
    // What was said, with the place of the link.
    let mut said: Vec<(usize, bool)> = Vec::new();
    let mut at = 0;
    while at < cases.len() {
        let case = &cases[at];
        shell.show("EXPLAIN MATCH $left, $right IN ", name, &case.params())?;
        match ask(shell, at, cases.len(), &said, answers)? {
            Answer::Say(same) => {
                let verb = if same { "ACCEPT" } else { "REJECT" };
                shell.quietly(&format!("{verb} ($left, $right) IN "), name, &case.params())?;
                said.push((at, same));
                at += 1;
            }
            Answer::Skip => at += 1,
            Answer::Undo => match said.pop() {
                Some((place, _)) => {
                    at = place;
                    shell.quietly("UNDO ($left, $right) IN ", name, &cases[at].params())?;
                }
                None => say(shell, "there is nothing to take back")?,
            },
            Answer::Quit => break,
        }
    }
    let progress = progress(&said, cases.len() - at);
    say(shell, &format!("{}; REFRESH brings results up to date with the verdicts", told(&progress)))
}

fn progress(said: &[(usize, bool)], left: usize) -> Progress {
    Progress::of(&said.iter().map(|(_, same)| *same).collect::<Vec<_>>(), left)
}

impl Case {
    fn params(&self) -> Params {
        let mut params = Params::new();
        params.set_text("left", &self.left);
        params.set_text("right", &self.right);
        params
    }
}

fn cases(queue: Outcome) -> Result<Vec<Case>, Halt> {
    let mut cases = Vec::new();
    for row in queue.rows.into_iter().flatten() {
        if let [Value::Text(left), Value::Text(right), ..] = row?.values() {
            cases.push(Case { left: left.clone(), right: right.clone() });
        }
    }
    Ok(cases)
}

enum Answer {
    Say(bool),
    Skip,
    Undo,
    Quit,
}

/// Asks until the answer is one; the end of input quits.
fn ask(
    shell: &mut Shell,
    at: usize,
    all: usize,
    said: &[(usize, bool)],
    answers: &mut dyn BufRead,
) -> Result<Answer, Halt> {
    let progress = progress(said, all - at);
    loop {
        let line = format!("{} of {all}  {}  [{KEYS}] ", at + 1, told(&progress));
        let color = shell.look().color;
        write!(shell.output, "{}", paint(color, Style::Bold, &line)).map_err(Halt::Output)?;
        shell.output.flush().map_err(Halt::Output)?;
        let mut answer = String::new();
        match answers.read_line(&mut answer) {
            Ok(0) => return Ok(Answer::Quit),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(Answer::Quit),
            Err(error) => return Err(Halt::Output(error)),
        }
        match answer.trim().to_lowercase().as_str() {
            "a" | "accept" => return Ok(Answer::Say(true)),
            "r" | "reject" => return Ok(Answer::Say(false)),
            "s" | "skip" | "" => return Ok(Answer::Skip),
            "u" | "undo" => return Ok(Answer::Undo),
            "q" | "quit" => return Ok(Answer::Quit),
            other => say(shell, &format!("`{other}` is no answer: {KEYS}"))?,
        }
    }
}

/// `12 judged, 9 right: precision 0.75, between 0.47 and 0.91`.
fn told(progress: &Progress) -> String {
    if progress.judged == 0 {
        return "nothing judged yet".to_string();
    }
    let (low, high) = progress.interval;
    format!(
        "{} judged, {} right: precision {:.2}, between {low:.2} and {high:.2}",
        progress.judged, progress.accepted, progress.precision
    )
}

fn say(shell: &mut Shell, line: &str) -> Result<(), Halt> {
    let color = shell.look().color;
    writeln!(shell.output, "{}", paint(color, Style::Dim, line)).map_err(Halt::Output)?;
    shell.output.flush().map_err(Halt::Output)
}

/// A statement with a name at its end.
pub fn statement(text: &str, name: &str) -> Result<Statement, Halt> {
    let mut statements = ql::parse(&format!("{text}{}", ql::quoted_name(name)))?;
    statements.pop().ok_or_else(|| Halt::Output(io::Error::other("an empty statement")))
}
