//! How a text may go on: whether it is a whole statement, and what may stand at the cursor. Both ask
//! the parser itself, by a trace of what it would have understood at the end.

use super::NameKind;
use super::ast::{Statement, StatementKind};
use super::catalog::{Form, Kind};
use super::diagnose::too_deep;
use super::input::Expected;
use super::lexer::{Fault, Token, TokenKind};
use super::parser::{meaningful, trace};

/// Whether what was typed so far is a whole statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completeness {
    /// Nothing but blanks and comments.
    Blank,
    /// It may run, or is wrong in a way that more text does not mend.
    Complete,
    /// It goes on.
    Incomplete,
}

/// Whether the shell should run what was typed so far or ask for more.
pub fn completeness(text: &str) -> Completeness {
    let tokens = meaningful(text);
    let Some(last) = tokens.last() else { return Completeness::Blank };
    if too_deep(&tokens, text).is_some() {
        return Completeness::Complete;
    }
    let ended = last.kind == TokenKind::Sign(";");
    let (statements, trace) = trace(text, &tokens);
    let goes_on = match statements {
        // Without its `;`, a result that has no name yet may still get one.
        Some(statements) => !ended && statements.last().is_some_and(Statement::lacks_name),
        None => match tokens.get(trace.furthest) {
            None => !ended,
            Some(token) => token.kind == TokenKind::Fault(Fault::OpenText),
        },
    };
    if goes_on { Completeness::Incomplete } else { Completeness::Complete }
}

impl Statement {
    /// Whether it makes an artifact and does not say what to call it.
    pub fn lacks_name(&self) -> bool {
        match &*self.kind {
            StatementKind::Seed { name, .. }
            | StatementKind::Tune { name, .. }
            | StatementKind::Train { name, .. }
            | StatementKind::Correct { name, .. }
            | StatementKind::Expand { name, .. }
            | StatementKind::Psqe { name, .. }
            | StatementKind::Align { name, .. } => name.is_none(),
            _ => false,
        }
    }
}

/// One way to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The text to insert: `FROM`, `n=`, `mutual`.
    pub text: String,
    /// One line on what it is; may be empty.
    pub doc: String,
}

/// How a text may go on at the cursor.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Completion {
    /// Offset where the replaced text starts: the word before the cursor, or the cursor itself. For a
    /// path it lies behind the opening quote.
    pub start: usize,
    /// Keywords, options and values that begin like the word before the cursor.
    pub candidates: Vec<Candidate>,
    /// Kinds of names that may stand here; the caller knows the names.
    pub names: Vec<NameKind>,
    /// Whether `start` lies inside an opened string.
    pub quoted: bool,
}

/// How the text may go on at byte offset `cursor` (moved back to a character boundary if need be).
pub fn complete(text: &str, cursor: usize) -> Completion {
    let cursor = (0..=cursor.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let before = &text[..cursor];
    if super::lexer::scan(before).last().is_some_and(|token| token.kind == TokenKind::Comment) {
        // A comment ends with its line.
        if !before.ends_with('\n') && !before.trim_end_matches([' ', '\t', '\r']).ends_with('\n') {
            return Completion { start: cursor, ..Completion::default() };
        }
    }
    let mut tokens = meaningful(before);
    let (mut start, mut partial, mut quoted) = (cursor, "", false);
    if let Some(last) = tokens.last().copied() {
        match last.kind {
            TokenKind::Word if last.span.end == cursor => {
                (start, partial) = (last.span.start, last.text(before))
            }
            TokenKind::Fault(Fault::OpenText) => (start, quoted) = (last.span.start + 1, true),
            _ => {}
        }
        if start < cursor || quoted {
            tokens.pop();
        }
    }
    let nothing = Completion { start, quoted, ..Completion::default() };
    if too_deep(&tokens, before).is_some() {
        return nothing;
    }
    let (_, trace) = trace(before, &tokens);
    if trace.furthest < tokens.len() {
        return nothing;
    }
    let mut completion = nothing;
    let used = options_used(before, &tokens);
    for expected in &trace.expected {
        completion.add(expected, partial, &used);
    }
    completion
}

/// Options that the statement at the end of the text has already.
fn options_used<'a>(text: &'a str, tokens: &[Token]) -> Vec<&'a str> {
    let start = tokens.iter().rposition(|token| token.kind == TokenKind::Sign(";")).map_or(0, |i| i + 1);
    let pairs = tokens[start..].windows(2).filter(|pair| match pair[1].kind {
        TokenKind::Sign("=") => true,
        TokenKind::Sign("(") => pair[0].text(text).eq_ignore_ascii_case("weights"),
        _ => false,
    });
    pairs.map(|pair| pair[0].text(text)).collect()
}

impl Completion {
    fn add(&mut self, expected: &Expected, partial: &str, used: &[&str]) {
        if self.quoted {
            if matches!(expected, Expected::Path) && !self.names.contains(&NameKind::Path) {
                self.names.push(NameKind::Path);
            }
            return;
        }
        match expected {
            Expected::Word(text, doc) => self.word(text, doc, partial),
            Expected::Name(NameKind::Scored) => self.names.extend([NameKind::Seeds, NameKind::Alignment]),
            Expected::Name(kind) if !self.names.contains(kind) => self.names.push(*kind),
            Expected::Path if !self.names.contains(&NameKind::Path) => self.names.push(NameKind::Path),
            Expected::Option(form) => self.options(form, partial, used),
            Expected::OptionValue(option) => {
                match option.kind {
                    Kind::Choice(words) => {
                        words.iter().for_each(|(word, doc)| self.word(word, doc, partial));
                    }
                    Kind::Bool => {
                        ["true", "false"].iter().for_each(|word| self.word(word, option.doc, partial))
                    }
                    Kind::IntOr(_, _, word) | Kind::FloatOr(_, _, word) => {
                        self.word(word, option.doc, partial)
                    }
                    Kind::Weights => {
                        self.word("auto", "set without labels from how well the modalities agree", partial);
                        self.word("equal", "all modalities alike", partial);
                    }
                    _ => {}
                }
                if matches!(option.kind, Kind::Int(..) | Kind::IntOr(..) | Kind::Float(..))
                    && !option.default.is_empty()
                {
                    self.word(option.default, "the default", partial);
                }
            }
            _ => {}
        }
    }

    fn options(&mut self, form: &Form, partial: &str, used: &[&str]) {
        for option in
            form.options.iter().filter(|option| !used.iter().any(|key| key.eq_ignore_ascii_case(option.name)))
        {
            let before = self.candidates.len();
            self.word(option.name, option.doc, partial);
            if let Some(candidate) = self.candidates.get_mut(before) {
                candidate.text.push('=');
            }
        }
    }

    fn word(&mut self, word: &str, doc: &str, partial: &str) {
        let begins = word.get(..partial.len()).is_some_and(|start| start.eq_ignore_ascii_case(partial));
        if !begins || self.candidates.iter().any(|candidate| candidate.text.eq_ignore_ascii_case(word)) {
            return;
        }
        // Who types in lower case goes on in lower case.
        let lower = !partial.is_empty() && partial.chars().all(|c| !c.is_uppercase());
        let text = if lower { word.to_lowercase() } else { word.to_string() };
        self.candidates.push(Candidate { text, doc: doc.to_string() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        complete(text, text.len()).candidates.into_iter().map(|candidate| candidate.text).collect()
    }

    #[test]
    fn a_statement_that_may_go_on_and_need_not_is_complete() {
        assert_eq!(completeness("  -- nothing\n"), Completeness::Blank);
        assert_eq!(completeness("SHOW PAIRS"), Completeness::Complete);
        assert_eq!(completeness("SEED visual"), Completeness::Incomplete);
        assert_eq!(completeness("SEED visual FROM p"), Completeness::Incomplete);
        assert_eq!(completeness("SEED visual FROM p;"), Completeness::Complete);
        assert_eq!(completeness("EXPLAIN SEED visual FROM p"), Completeness::Complete);
        assert_eq!(completeness("SEED visual;"), Completeness::Complete);
        assert_eq!(completeness("SHOW PAIRS; SELECT left,"), Completeness::Incomplete);
        assert_eq!(completeness("IMPORT dbp15k 'da"), Completeness::Incomplete);
        assert_eq!(completeness("SHWO PAIRS"), Completeness::Complete);
        assert_eq!(completeness("SELECT * FROM a WHERE (x = 1"), Completeness::Incomplete);
    }

    #[test]
    fn what_may_follow_comes_from_the_grammar() {
        assert_eq!(texts("SEL"), ["SELECT"]);
        assert_eq!(texts("show pa"), ["pairs"]);
        assert_eq!(texts("SEED cluster var"), ["variant="]);
        assert_eq!(texts("SEED cluster variant="), ["paper", "reference"]);
        assert_eq!(texts("SEED cluster variant=r"), ["reference"]);
        assert_eq!(texts("IMPORT dbp15k 'x' remap_ids=t"), ["true"]);
        assert_eq!(texts("SELECT * FROM a ORDER BY score "), ["ASC", "DESC", "LIMIT", "OFFSET"]);
        assert!(texts("SEED cluster n=5 ").iter().all(|text| text != "n="));
        assert!(texts("SEED cluster ").contains(&"weights=".to_string()));
        assert_eq!(texts("SET "), ["seed=", "device=", "threads=", "author=", "memory=", "timeout="]);
        assert_eq!(texts("SHOW PAIRS -- sho"), [""; 0]);
    }

    #[test]
    fn names_are_left_to_the_caller() {
        let text = "SEED visual FROM zh";
        let completion = complete(text, text.len());
        assert_eq!((completion.start, completion.names), (17, vec![NameKind::Pair]));
        let text = "IMPORT dbp15k 'data/z";
        let completion = complete(text, text.len());
        assert_eq!((completion.start, completion.names, completion.quoted), (15, vec![NameKind::Path], true));
        assert_eq!(complete("DESCRIBE ", 9).names, [NameKind::Any]);
    }
}
