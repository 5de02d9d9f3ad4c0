//! What the line editor asks while a person types: colours, completions, hints, and whether Enter runs.

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;

use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hint, Hinter, HistoryHinter};
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Context, Helper};
use seedbed::Name;
use seedbed::features::Modality;
use seedbed::ql::{self, Completeness, LexemeKind, NameKind};

use super::dot::{self, Argument};
use super::render::text;
use super::terminal::{self, Style, paint};

/// What stands before what the user types.
pub const PROMPT: &str = "seedbed> ";

/// Names in the store, kept up to date by the prompt between statements.
pub type Names = Rc<RefCell<Vec<Name>>>;

/// Candidates of which each gets a line of its own, with what it means.
const EXPLAINED: usize = 24;

pub struct Editor {
    pub names: Names,
    pub color: bool,
    paths: FilenameCompleter,
    history: HistoryHinter,
}

impl Editor {
    pub fn new(names: Names, color: bool) -> Self {
        Editor { names, color, paths: FilenameCompleter::new(), history: HistoryHinter::new() }
    }

    /// Ways to go on at the cursor: where the replaced text starts, then text and meaning of each.
    fn ways(&self, line: &str, pos: usize) -> (usize, Vec<(String, String)>) {
        if let Some(found) = dot_ways(line, pos) {
            return found;
        }
        let found = ql::complete(line, pos);
        let word = &line[found.start.min(pos)..pos];
        let mut ways: Vec<_> =
            found.candidates.into_iter().map(|way| (cased(way.text, word), way.doc)).collect();
        let fits = |name: &str| name.to_lowercase().starts_with(&word.to_lowercase());
        for Name { name, kind } in self.names.borrow().iter() {
            if found.names.iter().any(|wanted| serves(*wanted, *kind)) && fits(name) {
                ways.push((name.clone(), String::new()));
            }
        }
        if found.names.contains(&NameKind::Modality) {
            ways.extend(
                Modality::KNOWN
                    .iter()
                    .filter(|name| fits(name))
                    .map(|name| (name.to_string(), String::new())),
            );
        }
        let mut seen = std::collections::HashSet::new();
        ways.retain(|(text, _)| seen.insert(text.clone()));
        (found.start, ways)
    }

    /// Whether the cursor is inside a string that names a file.
    fn in_path(&self, line: &str, pos: usize) -> bool {
        let Some(typed) = line.get(..pos) else { return false };
        match typed.split_once(' ').filter(|(first, _)| first.starts_with('.')) {
            Some((name, _)) => {
                dot::COMMANDS.iter().any(|command| command.name == name && command.argument == Argument::Path)
            }
            None => {
                let found = ql::complete(line, pos);
                found.quoted && found.names.contains(&NameKind::Path)
            }
        }
    }
}

/// Rows that a text takes at the prompt beyond its first.
fn rows_below(text: &str, columns: usize) -> usize {
    let rows = |(at, line): (usize, &str)| {
        let prompt = if at == 0 { PROMPT.len() } else { 0 };
        1 + (text::width(line) + prompt) / columns.max(1)
    };
    text.split('\n').enumerate().map(rows).sum::<usize>() - 1
}

/// Whether a name of a kind may stand where another kind is wanted.
fn serves(wanted: NameKind, kind: NameKind) -> bool {
    match wanted {
        NameKind::Any => kind != NameKind::Modality,
        NameKind::Scored => matches!(kind, NameKind::Seeds | NameKind::Alignment),
        wanted => wanted == kind,
    }
}

/// A keyword in the case the user types in.
fn cased(text: String, word: &str) -> String {
    let lower = word.chars().any(|c| c.is_ascii_lowercase()) && !word.chars().any(|c| c.is_ascii_uppercase());
    if lower { text.to_ascii_lowercase() } else { text }
}

/// Completions of a line that begins with a dot.
fn dot_ways(line: &str, pos: usize) -> Option<(usize, Vec<(String, String)>)> {
    let typed = line.get(..pos)?;
    if !typed.starts_with('.') {
        return None;
    }
    let Some((name, argument)) = typed.split_once(' ') else {
        let fitting = dot::COMMANDS.iter().filter(|command| command.name.starts_with(typed));
        return Some((
            0,
            fitting.map(|command| (command.name.to_string(), command.doc.to_string())).collect(),
        ));
    };
    let start = pos - argument.len();
    let words: Vec<&str> = match dot::COMMANDS.iter().find(|command| command.name == name)?.argument {
        Argument::Mode => ["box", "line", "csv", "tsv", "json", "jsonl", "markdown"].to_vec(),
        Argument::Switch => ["on", "off"].to_vec(),
        Argument::Topic => {
            let found = ql::complete(argument, argument.len());
            let ways = found.candidates.into_iter().map(|way| (way.text, way.doc)).collect();
            return Some((start + found.start, ways));
        }
        _ => Vec::new(),
    };
    let fitting = words.into_iter().filter(|word| word.starts_with(argument));
    Some((start, fitting.map(|word| (word.to_string(), String::new())).collect()))
}

impl Completer for Editor {
    type Candidate = Pair;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        if self.in_path(line, pos) {
            return self.paths.complete_path(line, pos);
        }
        let (start, ways) = self.ways(line, pos);
        let alone = ways.len() == 1;
        let explained = ways.len() <= EXPLAINED && ways.iter().any(|(_, doc)| !doc.is_empty());
        let widest = ways.iter().map(|(word, _)| text::width(word)).max().unwrap_or(0);
        let columns = terminal::width().unwrap_or(80).saturating_sub(4);
        // The line editor draws the line again over as many lines of the list as it takes lines itself
        // beyond the first, so the list gets that many more.
        let below = rows_below(line, columns + 4);
        let explained = explained || below > 0;
        let mut pairs: Vec<_> = ways
            .into_iter()
            .map(|(word, doc)| {
                let display = match explained {
                    true => {
                        let shown = format!("{}  {doc}", text::pad(&word, widest, false));
                        text::pad(&text::truncate(&shown, columns), columns, false)
                    }
                    false => word.clone(),
                };
                let goes_on = word.ends_with(['=', '(', '\'', '.']);
                let replacement = if alone && !goes_on { word + " " } else { word };
                Pair { display, replacement }
            })
            .collect();
        if let Some(last) = pairs.last_mut() {
            last.display.push_str(&"\n".repeat(below));
        }
        Ok((start, pairs))
    }
}

/// A suggestion behind the cursor: the text that → takes, and what is shown after it.
pub struct Suggestion {
    shown: String,
    text: Option<String>,
}

impl Hint for Suggestion {
    fn display(&self) -> &str {
        &self.shown
    }

    fn completion(&self) -> Option<&str> {
        self.text.as_deref()
    }
}

impl Hinter for Editor {
    type Hint = Suggestion;

    fn hint(&self, line: &str, pos: usize, context: &Context<'_>) -> Option<Suggestion> {
        if line.is_empty() || pos < line.len() {
            return None;
        }
        if let Some(text) = self.history.hint(line, pos, context) {
            let shown = text.lines().next().unwrap_or_default().to_string();
            return Some(Suggestion { shown, text: Some(text) });
        }
        if self.in_path(line, pos) {
            return None;
        }
        let (start, ways) = self.ways(line, pos);
        let word = &line[start.min(pos)..pos];
        if word.is_empty() {
            return None;
        }
        let [(whole, doc)] = &ways[..] else { return None };
        let rest = whole.get(word.len()..)?;
        let doc = if doc.is_empty() { String::new() } else { format!("   {doc}") };
        if rest.is_empty() && doc.is_empty() {
            return None;
        }
        // A hint that wraps makes the screen jump.
        let last = line.rsplit('\n').next().unwrap_or_default();
        let room = terminal::width().unwrap_or(80).saturating_sub(text::width(last) + 12);
        let shown = text::truncate(&format!("{rest}{doc}"), room).into_owned();
        Some(Suggestion { shown, text: (!rest.is_empty()).then(|| rest.to_string()) })
    }
}

impl Highlighter for Editor {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        if !self.color {
            return Cow::Borrowed(line);
        }
        if line.starts_with('.') {
            let end = line.find(' ').unwrap_or(line.len());
            return Cow::Owned(format!("{}{}", paint(true, Style::Keyword, &line[..end]), &line[end..]));
        }
        let (mut out, mut at) = (String::with_capacity(line.len() * 2), 0);
        for lexeme in ql::tokens(line) {
            let (start, end) = (lexeme.span.start, lexeme.span.end);
            out.push_str(&line[at..start]);
            match style(lexeme.kind) {
                Some(style) => out.push_str(&paint(true, style, &line[start..end]).to_string()),
                None => out.push_str(&line[start..end]),
            }
            at = end;
        }
        out.push_str(&line[at..]);
        Cow::Owned(out)
    }

    fn highlight_char(&self, _: &str, _: usize, kind: CmdKind) -> bool {
        self.color && kind != CmdKind::MoveCursor
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(paint(self.color, Style::Dim, hint).to_string())
    }

    fn highlight_candidate<'c>(&self, candidate: &'c str, _: CompletionType) -> Cow<'c, str> {
        match candidate.split_once("  ") {
            Some((word, doc)) if self.color && !doc.trim().is_empty() => {
                Cow::Owned(format!("{word}  {}", paint(true, Style::Dim, doc)))
            }
            _ => Cow::Borrowed(candidate),
        }
    }
}

fn style(kind: LexemeKind) -> Option<Style> {
    match kind {
        LexemeKind::Keyword => Some(Style::Keyword),
        LexemeKind::Option => Some(Style::Option),
        LexemeKind::String | LexemeKind::Iri => Some(Style::Text),
        LexemeKind::Number => Some(Style::Number),
        LexemeKind::Parameter => Some(Style::Parameter),
        LexemeKind::Comment => Some(Style::Dim),
        LexemeKind::Bad => Some(Style::Error),
        LexemeKind::Name | LexemeKind::Sign => None,
    }
}

impl Validator for Editor {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let input = context.input();
        if input.starts_with('.') || ql::completeness(input) != Completeness::Incomplete {
            return Ok(ValidationResult::Valid(None));
        }
        Ok(ValidationResult::Incomplete)
    }
}

impl Helper for Editor {}
