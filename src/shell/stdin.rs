//! Statements from standard input, each run as soon as it is whole.
//!
//! A program may write a statement, read its result and write the next one, so nothing waits for the
//! end of the input.

use std::io::BufRead;

use seedbed::{Code, Error};

use super::engine::{Ended, Shell};
use super::halt;
use super::script::{self, Origin};

pub fn run(shell: &mut Shell) -> Ended {
    let mut input = std::io::stdin().lock();
    let mut worst = halt::OK;
    // Line breaks stand for the lines that ran already, so that errors name the right one.
    let mut text = String::new();
    let mut lines = 0;
    loop {
        let mut line = Vec::new();
        let read = input.read_until(b'\n', &mut line);
        let ends = match read {
            Ok(count) => count == 0,
            Err(cause) => return fail(shell, &Error::io("reading standard input", cause)),
        };
        lines += 1;
        match String::from_utf8(line) {
            Ok(line) => text.push_str(if lines == 1 { line.trim_start_matches('\u{feff}') } else { &line }),
            Err(_) => {
                let error =
                    Error::new(Code::BadFile, format!("line {lines} of standard input is not UTF-8 text"));
                return fail(shell, &error);
            }
        }
        let whole = is_dot(&text) || text.contains(';') && script::is_whole(&text);
        if !ends && !whole {
            continue;
        }
        match shell.run(&text, &Origin::Stdin) {
            Ended::Well => {}
            Ended::Failed(code) => {
                worst = worst.max(code);
                if !shell.keeps_going() || code == halt::CANCELLED {
                    return Ended::Failed(worst);
                }
            }
            Ended::Leave(code) => return Ended::Leave(worst.max(code)),
        }
        if ends {
            return if worst == halt::OK { Ended::Well } else { Ended::Failed(worst) };
        }
        text.clear();
        text.extend(std::iter::repeat_n('\n', lines));
    }
}

/// Whether the text is one dot command.
fn is_dot(text: &str) -> bool {
    text.ends_with('\n') && text.trim_start_matches('\n').starts_with('.')
}

fn fail(shell: &Shell, error: &Error) -> Ended {
    shell.complain(error, "", None);
    Ended::Failed(halt::FAILED)
}
