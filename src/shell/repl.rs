//! The prompt.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rustyline::config::{BellStyle, ColorMode, Config};
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;

use super::editor::{Editor, Names, PROMPT};
use super::engine::{Ended, Shell};
use super::halt;
use super::script::Origin;
use super::terminal::{Style, paint};

/// Statements kept from earlier sessions.
const REMEMBERED: usize = 5000;

/// Reads and runs statements until the user leaves; gives the exit code.
pub fn run(shell: &mut Shell) -> u8 {
    let color = shell.streams.color_out();
    shell.timer = true;
    // A store that cannot be opened is said now and not after the first statement was typed.
    if shell.connection.exists()
        && let Err(error) = shell.connection.open()
    {
        shell.complain(&error, "", None);
        return halt::code(error.kind());
    }
    if !shell.is_quiet() {
        welcome(shell, color);
    }
    let names = Names::default();
    let mut editor = match editor(Rc::clone(&names), color) {
        Ok(editor) => editor,
        Err(error) => {
            eprintln!("error: the terminal cannot be used for editing: {error}");
            return halt::FAILED;
        }
    };
    let history = history_file();
    if let Some(path) = &history {
        // A first session has no history yet.
        let _ = editor.load_history(path);
    }
    let prompt = (PROMPT, paint(color, Style::Bold, PROMPT).to_string());
    loop {
        *names.borrow_mut() = shell.connection.names();
        match editor.readline(&prompt) {
            Ok(line) if line.trim().is_empty() => {}
            Ok(line) => {
                remember(&mut editor, &line, history.as_deref());
                if let Ended::Leave(code) = shell.run(&line, &Origin::Prompt) {
                    return code;
                }
            }
            // Ctrl-C drops the line, Ctrl-D leaves.
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => return halt::OK,
            Err(error) => {
                eprintln!("error: reading from the terminal: {error}");
                return halt::FAILED;
            }
        }
    }
}

fn welcome(shell: &mut Shell, color: bool) {
    let connection = &shell.connection;
    let state = match (connection.exists(), connection.is_readonly()) {
        (true, true) => " (read-only)",
        (true, false) => "",
        (false, _) => " (new)",
    };
    let title = format!("Seedbed {}", env!("CARGO_PKG_VERSION"));
    let store = format!("· store {}{state}", connection.dir().display());
    let first = if connection.names().is_empty() { "GENERATE PAIR demo;" } else { ".tables" };
    let tip = format!("try: {first}   help: .help   leave: Ctrl-D");
    // A terminal that cannot be written to shows when the prompt is drawn.
    let _ = writeln!(shell.output, "{} {store}", paint(color, Style::Bold, &title))
        .and_then(|()| writeln!(shell.output, "{}", paint(color, Style::Dim, &tip)))
        .and_then(|()| shell.output.flush());
}

type LineEditor = rustyline::Editor<Editor, FileHistory>;

fn editor(names: Names, color: bool) -> rustyline::Result<LineEditor> {
    let config = Config::builder()
        .max_history_size(REMEMBERED)?
        .history_ignore_dups(true)?
        .history_ignore_space(true)
        .completion_type(rustyline::CompletionType::List)
        .completion_show_all_if_ambiguous(true)
        .bell_style(BellStyle::None)
        .color_mode(if color { ColorMode::Enabled } else { ColorMode::Disabled })
        .build();
    let mut editor = LineEditor::with_config(config)?;
    editor.set_helper(Some(Editor::new(names, color)));
    Ok(editor)
}

/// Keeps a line in the history, at once, so that a killed shell loses nothing.
fn remember(editor: &mut LineEditor, line: &str, path: Option<&Path>) {
    if editor.add_history_entry(line).unwrap_or(false)
        && let Some(path) = path
    {
        // A history that cannot be kept is no reason to stop working.
        let _ = editor.append_history(path);
    }
}

/// `$XDG_STATE_HOME/seedbed/history`, else `~/.local/state/seedbed/history`; its folder is made.
fn history_file() -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|dir| dir.is_absolute());
    let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")))?;
    let folder = state.join("seedbed");
    std::fs::create_dir_all(&folder).ok()?;
    Some(folder.join("history"))
}
