//! Why a text is no script: runs only after parsing failed, and may take its time.
//!
//! The furthest place the parser reached is where the text went wrong. A list of known slips is tried
//! first, each with its own words; what is left gets what was expected, what was found, the nearest
//! word, and the shape of the statement.

use super::NameKind;
use super::catalog::{self, Form, HABITS, LATER, listed, verbs};
use super::input::{Expected, Trace};
use super::lexer::{Token, TokenKind};
use super::print::quoted_name;
use super::slips;
use super::suggest::nearest;
use crate::error::{Code, Error, Span, shorten};

/// The deepest nesting of conditions.
const DEPTH: usize = 64;

/// A failure and all that is known about it.
pub(crate) struct Failure<'a> {
    /// The text.
    pub text: &'a str,
    /// Its tokens.
    pub tokens: &'a [Token],
    /// Index of the token that was not understood; past the last one at the end of the text.
    pub at: usize,
    /// Index of the first token of its statement.
    pub start: usize,
    /// The form of its statement, if it got that far.
    pub form: Option<&'static Form>,
    /// What would have been understood, without repetitions.
    pub expected: Vec<Expected>,
}

/// The error for a text that did not parse.
pub(crate) fn diagnose(text: &str, tokens: &[Token], trace: &Trace) -> Error {
    let at = trace.furthest.min(tokens.len());
    if let Some(token) = tokens.get(at)
        && let TokenKind::Fault(fault) = token.kind
    {
        return slips::fault(text, *token, fault);
    }
    let start =
        tokens[..at].iter().rposition(|token| token.kind == TokenKind::Sign(";")).map_or(0, |i| i + 1);
    let form = trace.form.filter(|(from, _)| *from > start).map(|(_, form)| form);
    let failure = Failure { text, tokens, at, start, form, expected: distinct(&trace.expected) };
    failure.error()
}

/// An error if conditions nest too deep to be followed.
pub(crate) fn too_deep(tokens: &[Token], text: &str) -> Option<Error> {
    let (mut open, mut depth, mut nots) = (Vec::new(), 0_usize, 0_usize);
    for token in tokens {
        match token.kind {
            TokenKind::Sign("(") => {
                open.push(nots);
                depth += 1 + nots;
                nots = 0;
            }
            TokenKind::Sign(")") => {
                nots = open.pop().unwrap_or(0);
                depth = depth.saturating_sub(1 + nots);
                nots = 0;
            }
            TokenKind::Sign(";") => (open, depth, nots) = (Vec::new(), 0, 0),
            TokenKind::Word => match token.text(text) {
                word if word.eq_ignore_ascii_case("NOT") => nots += 1,
                word if word.eq_ignore_ascii_case("AND") || word.eq_ignore_ascii_case("OR") => nots = 0,
                _ => {}
            },
            _ => {}
        }
        if depth + nots > DEPTH {
            let message = format!("conditions nest more than {DEPTH} deep here");
            let help = "flatten the condition; column IN (…) replaces a chain of comparisons";
            return Some(Error::new(Code::Limit, message).span(token.span).help(help));
        }
    }
    None
}

fn distinct(all: &[Expected]) -> Vec<Expected> {
    let mut kept: Vec<Expected> = Vec::new();
    for item in all {
        match kept.iter_mut().find(|other| phrase(other) == phrase(item)) {
            Some(Expected::Word(_, doc)) if doc.is_empty() => {
                if let Expected::Word(_, better) = item {
                    *doc = better;
                }
            }
            Some(_) => {}
            None => kept.push(*item),
        }
    }
    kept
}

/// What is expected, in words.
fn phrase(expected: &Expected) -> String {
    match expected {
        Expected::Word(text, _) => text.to_string(),
        Expected::Sign(";") | Expected::End => "the end of the statement".to_string(),
        Expected::Sign(sign) => format!("`{sign}`"),
        Expected::Name(kind) => kind.phrase().to_string(),
        Expected::Value(words) => words.to_string(),
        Expected::Path => "a path in single quotes".to_string(),
        Expected::Option(_) => "an option".to_string(),
        Expected::OptionValue(option) => option.kind.to_string(),
    }
}

impl<'a> Failure<'a> {
    /// The token that was not understood.
    pub fn found(&self) -> Option<Token> {
        self.tokens.get(self.at).copied()
    }

    /// Its text; empty at the end.
    pub fn found_text(&self) -> &'a str {
        self.found().map_or("", |token| token.text(self.text))
    }

    /// The kind of the token `offset` places from it.
    pub fn kind(&self, offset: isize) -> Option<TokenKind> {
        let at = self.at.checked_add_signed(offset)?;
        (at >= self.start).then(|| self.tokens.get(at).map(|token| token.kind)).flatten()
    }

    /// The text of the token `offset` places from it.
    pub fn word(&self, offset: isize) -> &'a str {
        let at = self.at.checked_add_signed(offset).filter(|at| *at >= self.start);
        at.and_then(|at| self.tokens.get(at)).map_or("", |token| token.text(self.text))
    }

    /// The text from it on to the next blank, which a person may have meant as one word.
    pub fn run(&self) -> &'a str {
        let start = self.span().start;
        let rest = &self.text[start..];
        let end = rest.find(|c: char| c.is_whitespace() || matches!(c, ';' | ',' | ')'));
        &rest[..end.unwrap_or(rest.len())]
    }

    /// Whether the statement ends here, by a `;` or with the text.
    pub fn at_end(&self) -> bool {
        matches!(self.kind(0), None | Some(TokenKind::Sign(";")))
    }

    /// Whether a statement should begin here.
    pub fn at_verb(&self) -> bool {
        self.at == self.start || (self.at == self.start + 1 && self.word(-1).eq_ignore_ascii_case("EXPLAIN"))
    }

    /// Whether something of the kind was expected.
    pub fn expects(&self, what: impl Fn(&Expected) -> bool) -> bool {
        self.expected.iter().any(what)
    }

    /// Whether the word was expected.
    pub fn expects_word(&self, text: &str) -> bool {
        self.words().any(|word| word.eq_ignore_ascii_case(text))
    }

    /// Whether the sign was expected.
    pub fn expects_sign(&self, text: &str) -> bool {
        self.expects(|expected| matches!(expected, Expected::Sign(sign) if *sign == text))
    }

    /// Whether a name was expected, and of what.
    pub fn expected_name(&self) -> Option<NameKind> {
        self.expected.iter().find_map(|expected| match expected {
            Expected::Name(kind) => Some(*kind),
            _ => None,
        })
    }

    /// The words that were expected.
    pub fn words(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.expected.iter().filter_map(|expected| match expected {
            Expected::Word(text, _) => Some(*text),
            _ => None,
        })
    }

    /// The form whose options were expected.
    pub fn expected_options(&self) -> Option<&'static Form> {
        self.expected.iter().find_map(|expected| match expected {
            Expected::Option(form) if !form.options.is_empty() => Some(*form),
            _ => None,
        })
    }

    /// An error at the token, or behind the last one where the text ends.
    pub fn here(&self, message: impl Into<String>) -> Error {
        Error::new(Code::Syntax, message).span(self.span())
    }

    /// The place to point at.
    pub fn span(&self) -> Span {
        match (self.found(), self.tokens.last()) {
            (Some(token), _) => token.span,
            (None, Some(last)) => Span::new(last.span.end, last.span.end),
            (None, None) => Span::default(),
        }
    }

    /// What was expected, in a list; required things first.
    pub fn wanted(&self) -> String {
        if self.at_verb() {
            return "a statement".to_string();
        }
        let rank = |expected: &&Expected| match expected {
            Expected::Option(_) => 1,
            Expected::Sign(";") | Expected::End => 2,
            _ => 0,
        };
        let mut all: Vec<&Expected> = self.expected.iter().collect();
        // Where the form has no options there is nothing to say about them.
        all.retain(|expected| !matches!(expected, Expected::Option(form) if form.options.is_empty()));
        all.sort_by_key(rank);
        listed(all.into_iter().map(phrase))
    }

    /// The word nearest to what was found, among the words and options expected.
    pub fn meant(&self) -> Option<String> {
        if !matches!(self.kind(0), Some(TokenKind::Word | TokenKind::Quoted)) {
            return None;
        }
        let options = self.expected_options().map_or(&[][..], |form| form.options);
        let words: Vec<&str> = self.words().chain(options.iter().map(|option| option.name)).collect();
        let meant = nearest(self.found_text(), words)?;
        Some(match options.iter().find(|option| option.name == meant) {
            Some(option) => format!("{}=", option.name),
            None => meant.to_string(),
        })
    }

    /// The shape of the statement, as help.
    pub fn shape(&self) -> String {
        match self.form {
            Some(form) => format!("the statement reads {}", form.syntax),
            None => format!("a statement begins with {}", listed(verbs().map(|(verb, _)| verb))),
        }
    }

    fn error(&self) -> Error {
        if self.at_verb() {
            return self.no_statement();
        }
        slips::known(self).unwrap_or_else(|| self.unexpected())
    }

    /// What is left when no known slip fits.
    fn unexpected(&self) -> Error {
        let wanted = self.wanted();
        let error = match self.found() {
            _ if self.at_end() => self.here(format!("the statement is not finished: expected {wanted}")),
            Some(token) => {
                let keyword = token.kind == TokenKind::Word && catalog::is_reserved(self.found_text());
                let what = if keyword { "the keyword " } else { "" };
                self.here(format!("expected {wanted}, found {what}`{}`", shorten(self.found_text(), 40)))
            }
            None => self.here(format!("expected {wanted}")),
        };
        error.help(match self.meant() {
            Some(meant) => format!("did you mean {meant}?"),
            None => self.shape(),
        })
    }

    /// No statement begins with what is here.
    fn no_statement(&self) -> Error {
        let found = self.found_text();
        let explain = self.at > self.start;
        if self.at_end() {
            return self
                .here("EXPLAIN needs a statement to explain")
                .help("put it before any statement: EXPLAIN SEED cluster FROM pair");
        }
        let same = |word: &str| word.eq_ignore_ascii_case(found);
        if explain && same("EXPLAIN") {
            return self.here("EXPLAIN cannot explain itself").help("write it once");
        }
        if explain && (same("SEEDS") || same("ANALYZE")) {
            return slips::later(self, &format!("EXPLAIN {}", found.to_uppercase()), "explaining results");
        }
        if let Some((verb, what)) = LATER.iter().find(|(verb, _)| same(verb)) {
            return slips::later(self, verb, what);
        }
        let shown = shorten(found, 40);
        if self.kind(0) == Some(TokenKind::Sign(".")) {
            return self
                .here("a statement does not begin with `.`")
                .help("commands with a dot, such as .help, work only at the prompt, alone on their line");
        }
        if same("HELP") || same("QUIT") || same("EXIT") {
            let command = if same("HELP") { ".help" } else { ".quit" };
            return self
                .here(format!("`{shown}` is not a statement"))
                .help(format!("at the prompt, type {command}"));
        }
        let error = self.here(match self.kind(0) {
            Some(TokenKind::Word) => format!("`{shown}` does not begin a statement"),
            _ => format!("expected a statement, found `{shown}`"),
        });
        if let Some((_, instead)) = HABITS.iter().find(|(habit, _)| same(habit)) {
            return error.help(format!("SeedQL says {instead}"));
        }
        let known = verbs().map(|(verb, _)| verb).chain(LATER.iter().map(|(verb, _)| *verb));
        error.help(match nearest(found, known) {
            Some(verb) => format!("did you mean {verb}?"),
            None => self.shape(),
        })
    }
}

impl NameKind {
    /// What is wanted, in words.
    pub(crate) fn phrase(self) -> &'static str {
        match self {
            NameKind::Pair => "the name of a pair",
            NameKind::Seeds => "the name of a seed set",
            NameKind::Alignment => "the name of an alignment",
            NameKind::Scored => "the name of a seed set or an alignment",
            NameKind::Any => "the name of a pair or an artifact",
            NameKind::Model => "the name of a model",
            NameKind::Modality => "a modality",
            NameKind::Column => "a column",
            NameKind::Path => "a path in single quotes",
            NameKind::New => "a new name",
        }
    }
}

/// A text as a name, for help.
pub(crate) fn as_name(text: &str) -> String {
    quoted_name(text.trim_matches(['\'', '"']))
}
