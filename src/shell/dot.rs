//! Dot commands: they steer the shell itself and never reach the store's language.
//!
//! One table feeds the parser, `.help` and completion.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use seedbed::{Code, Error, ql};

use super::cli;
use super::engine::{Ended, SHOWN_ROWS, Shell};
use super::halt::{self, Halt};
use super::output::Output;
use super::render::{Mode, text};
use super::script::{self, Origin};

/// How deep `.read` may nest.
const DEPTH: usize = 16;

/// What a command's argument is, for completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    None,
    Mode,
    Switch,
    Path,
    Topic,
    Other,
}

/// A dot command.
pub struct Command {
    /// Its name, with the dot.
    pub name: &'static str,
    /// Its argument as `.help` shows it.
    pub usage: &'static str,
    /// One line on what it does.
    pub doc: &'static str,
    pub argument: Argument,
    act: fn(&mut Shell, &str) -> Result<Ended, Halt>,
}

/// Every dot command, in the order of `.help`.
pub const COMMANDS: &[Command] = &[
    Command {
        name: ".help",
        usage: "[WORD]",
        doc: "this list, or help on a statement, an option or a dot command",
        argument: Argument::Topic,
        act: help,
    },
    Command {
        name: ".tables",
        usage: "",
        doc: "pairs and artifacts in the store",
        argument: Argument::None,
        act: tables,
    },
    Command {
        name: ".size",
        usage: "",
        doc: "where the bytes of the store are; `SHOW SIZE` in short",
        argument: Argument::None,
        act: |shell, _| Ok(shell.run("SHOW SIZE", &Origin::Prompt)),
    },
    Command {
        name: ".mode",
        usage: "[MODE]",
        doc: "how results are printed: box, line, csv, tsv, json, jsonl, markdown",
        argument: Argument::Mode,
        act: mode,
    },
    Command {
        name: ".rows",
        usage: "[N|all]",
        doc: "how many rows a box shows",
        argument: Argument::Other,
        act: rows,
    },
    Command {
        name: ".width",
        usage: "[N|auto]",
        doc: "how many columns a box may take; 0 never wraps",
        argument: Argument::Other,
        act: width,
    },
    Command {
        name: ".timer",
        usage: "[on|off]",
        doc: "whether the time of each statement is shown",
        argument: Argument::Switch,
        act: timer,
    },
    Command {
        name: ".param",
        usage: "[NAME=VALUE]",
        doc: "give $NAME a value, or list those that have one",
        argument: Argument::Other,
        act: param,
    },
    Command {
        name: ".read",
        usage: "FILE",
        doc: "run the statements of a file",
        argument: Argument::Path,
        act: read,
    },
    Command {
        name: ".output",
        usage: "[FILE|stdout]",
        doc: "write results to a file, or to the screen again",
        argument: Argument::Path,
        act: output,
    },
    Command {
        name: ".quit",
        usage: "",
        doc: "leave; so does Ctrl-D",
        argument: Argument::None,
        act: |_, _| Ok(Ended::Leave(halt::OK)),
    },
];

/// Runs a line that begins with a dot.
pub fn run(shell: &mut Shell, line: &str) -> Result<Ended, Halt> {
    let line = line.trim().trim_end_matches(';').trim_end();
    let (name, argument) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let command = find(name)?;
    let ended = (command.act)(shell, unquote(argument.trim()))?;
    shell.output.flush()?;
    Ok(ended)
}

/// The command of a name, or of the only one that begins like it; `.exit` is `.quit`.
fn find(name: &str) -> Result<&'static Command, Error> {
    let name = if name == ".exit" { ".quit" } else { name };
    if let Some(command) = COMMANDS.iter().find(|command| command.name == name) {
        return Ok(command);
    }
    let mut alike = COMMANDS.iter().filter(|command| name.len() > 1 && command.name.starts_with(name));
    if let (Some(command), None) = (alike.next(), alike.next()) {
        return Ok(command);
    }
    let error = Error::new(Code::Syntax, format!("there is no dot command `{}`", text::printable(name)));
    let near = COMMANDS.iter().max_by(|a, b| {
        let score = |command: &Command| strsim::jaro_winkler(command.name, name);
        score(a).total_cmp(&score(b))
    });
    Err(match near.filter(|near| strsim::jaro_winkler(near.name, name) > 0.8) {
        Some(near) => error.help(format!("did you mean `{}`? `.help` lists them all", near.name)),
        None => error.help("`.help` lists them all"),
    })
}

fn unquote(argument: &str) -> &str {
    for quote in ['\'', '"'] {
        if let Some(inner) = argument.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return inner;
        }
    }
    argument
}

fn wrong(command: &str, found: &str, expected: &str) -> Halt {
    let message = format!("`{command}` cannot take `{}`", text::printable(found));
    Error::new(Code::WrongType, message).help(format!("expected {expected}")).into()
}

fn help(shell: &mut Shell, word: &str) -> Result<Ended, Halt> {
    if word.is_empty() {
        write!(shell.output, "{}", ql::help(None)?)?;
        writeln!(shell.output, "\nDot commands (they steer the shell):")?;
        list(shell, COMMANDS.iter())?;
        writeln!(shell.output, "\n.help WORD tells more: .help SEED, .help csls, .help .mode")?;
        return Ok(Ended::Well);
    }
    let wanted = word.to_lowercase();
    if let (false, Ok(found)) = (wanted.starts_with('.'), ql::help(Some(word))) {
        write!(shell.output, "{found}")?;
        return Ok(Ended::Well);
    }
    // No such word: everything that has it in its name or its description.
    let overview = ql::help(None)?;
    let lines: Vec<_> = overview.lines().filter(|line| line.to_lowercase().contains(&wanted)).collect();
    let has = |command: &&Command| command.name.contains(&wanted) || command.doc.contains(&wanted);
    let commands: Vec<_> = COMMANDS.iter().filter(has).collect();
    if lines.is_empty() && commands.is_empty() {
        return Err(Error::new(
            Code::UnknownName,
            format!("there is no help on `{}`", text::printable(word)),
        )
        .help("`.help` lists all statements; `.help SEED` tells the options of one")
        .into());
    }
    for line in lines {
        writeln!(shell.output, "{line}")?;
    }
    list(shell, commands.into_iter())?;
    Ok(Ended::Well)
}

fn list<'a>(shell: &mut Shell, commands: impl Iterator<Item = &'a Command>) -> std::io::Result<()> {
    for Command { name, usage, doc, .. } in commands {
        writeln!(shell.output, "  {:<23}{doc}", format!("{name} {usage}"))?;
    }
    Ok(())
}

fn tables(shell: &mut Shell, _: &str) -> Result<Ended, Halt> {
    Ok(shell.run("SHOW PAIRS; SHOW ARTIFACTS", &Origin::Prompt))
}

fn mode(shell: &mut Shell, name: &str) -> Result<Ended, Halt> {
    if name.is_empty() {
        writeln!(shell.output, "{}", shell.mode.name())?;
    } else {
        let names: Vec<_> = Mode::value_variants().iter().map(|mode| mode.name()).collect();
        shell.mode = Mode::from_str(name, true)
            .map_err(|_| wrong(".mode", name, &format!("one of {}", names.join(", "))))?;
    }
    Ok(Ended::Well)
}

fn rows(shell: &mut Shell, count: &str) -> Result<Ended, Halt> {
    shell.rows = match count {
        "" => {
            match shell.look().max_rows {
                Some(rows) => writeln!(shell.output, "{rows}")?,
                None => writeln!(shell.output, "all")?,
            }
            shell.rows
        }
        "all" => Some(0),
        "auto" => None,
        _ => Some(count.parse().map_err(|_| {
            wrong(".rows", count, &format!("a number such as {SHOWN_ROWS}, `all`, or `auto`"))
        })?),
    };
    Ok(Ended::Well)
}

fn width(shell: &mut Shell, columns: &str) -> Result<Ended, Halt> {
    shell.width = match columns {
        "" => {
            match shell.look().width {
                Some(columns) => writeln!(shell.output, "{columns}")?,
                None => writeln!(shell.output, "never wraps")?,
            }
            shell.width
        }
        "auto" => None,
        _ => Some(
            columns.parse().map_err(|_| wrong(".width", columns, "a number such as 100, 0, or `auto`"))?,
        ),
    };
    Ok(Ended::Well)
}

fn timer(shell: &mut Shell, switch: &str) -> Result<Ended, Halt> {
    match switch.to_ascii_lowercase().as_str() {
        "" => writeln!(shell.output, "{}", if shell.timer { "on" } else { "off" })?,
        "on" => shell.timer = true,
        "off" => shell.timer = false,
        _ => return Err(wrong(".timer", switch, "`on` or `off`")),
    }
    Ok(Ended::Well)
}

fn param(shell: &mut Shell, assignment: &str) -> Result<Ended, Halt> {
    if assignment.is_empty() {
        for name in shell.params.names() {
            let value = shell.params.get(name).map(super::render::scalar).unwrap_or_default();
            writeln!(shell.output, "${name} = {value}")?;
        }
        return Ok(Ended::Well);
    }
    let (name, value) = cli::assignment(assignment).map_err(|message| {
        Error::new(Code::Syntax, message).help("write `.param n=1000`, then use `$n` in a statement")
    })?;
    shell.params.set_text(name, unquote(value.trim()));
    Ok(Ended::Well)
}

fn read(shell: &mut Shell, path: &str) -> Result<Ended, Halt> {
    if path.is_empty() {
        return Err(Error::new(Code::Syntax, "`.read` needs a file")
            .help("write `.read script.seedql`")
            .into());
    }
    if shell.depth >= DEPTH {
        let message = format!("scripts read scripts more than {DEPTH} deep");
        return Err(Error::new(Code::Limit, message).help("does one of them read itself?").into());
    }
    shell.connection.check_path(Path::new(path))?;
    let text = script::read(Path::new(path))?;
    shell.depth += 1;
    let ended = shell.run(&text, &Origin::File(PathBuf::from(path)));
    shell.depth -= 1;
    Ok(ended)
}

fn output(shell: &mut Shell, path: &str) -> Result<Ended, Halt> {
    shell.output.flush()?;
    shell.output = match path {
        "" | "stdout" | "-" => Output::stdout(),
        path => {
            shell.connection.check_path(Path::new(path))?;
            shell.connection.refuse_inside(Path::new(path))?;
            Output::file(PathBuf::from(path))?
        }
    };
    Ok(Ended::Well)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_by_name_and_by_beginning() {
        assert_eq!(find(".mode").unwrap().name, ".mode");
        assert_eq!(find(".q").unwrap().name, ".quit");
        assert_eq!(find(".exit").unwrap().name, ".quit");
        assert_eq!(find(".t").map(|command| command.name).unwrap_err().code(), Code::Syntax);
        let error = find(".tabels").map(|command| command.name).unwrap_err();
        assert!(error.help_text().unwrap().contains(".tables"));
    }

    #[test]
    fn arguments_lose_their_quotes() {
        assert_eq!(unquote("'a b'"), "a b");
        assert_eq!(unquote("\"a b\""), "a b");
        assert_eq!(unquote("it's"), "it's");
    }
}
