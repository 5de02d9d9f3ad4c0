//! What every piece of a text is, for highlighting: the parser's own opinion as far as it gets.

use super::catalog::is_reserved;
use super::diagnose::too_deep;
use super::input::Role;
use super::lexer::{Token, TokenKind, scan};
use super::parser::trace;
use crate::error::Span;

/// What a piece of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LexemeKind {
    /// A word of the language in its place.
    Keyword,
    /// A name.
    Name,
    /// The name of an option, before its `=`.
    Option,
    /// A string in single quotes.
    String,
    /// An IRI in angle brackets.
    Iri,
    /// A number.
    Number,
    /// A `$parameter`.
    Parameter,
    /// Punctuation and operators.
    Sign,
    /// A comment.
    Comment,
    /// Text that is no token.
    Bad,
}

/// A piece of text with its kind; blanks are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lexeme {
    /// What it is.
    pub kind: LexemeKind,
    /// Where it is.
    pub span: Span,
}

/// The pieces of any text, in order; never fails. A broken statement does not disturb the others.
pub fn tokens(text: &str) -> Vec<Lexeme> {
    let all = scan(text);
    let mut lexemes = Vec::with_capacity(all.len());
    for statement in all.split_inclusive(|token| token.kind == TokenKind::Sign(";")) {
        let words: Vec<Token> =
            statement.iter().filter(|token| token.kind != TokenKind::Comment).copied().collect();
        let roles = match too_deep(&words, text) {
            Some(_) => Vec::new(),
            None => trace(text, &words).1.roles,
        };
        let mut at = 0;
        for token in statement {
            let role = roles.get(at).copied().flatten();
            let next = words.get(at + 1).map(|token| token.kind);
            at += usize::from(token.kind != TokenKind::Comment);
            lexemes.push(Lexeme { kind: kind(token, role, next, text), span: token.span });
        }
    }
    lexemes
}

fn kind(token: &Token, role: Option<Role>, next: Option<TokenKind>, text: &str) -> LexemeKind {
    match token.kind {
        TokenKind::Word => match role {
            Some(Role::Keyword) => LexemeKind::Keyword,
            Some(Role::Name) => LexemeKind::Name,
            Some(Role::Option) => LexemeKind::Option,
            // Past the place where the parser gave up.
            None if next == Some(TokenKind::Sign("=")) => LexemeKind::Option,
            None if is_reserved(token.text(text)) => LexemeKind::Keyword,
            None => LexemeKind::Name,
        },
        TokenKind::Quoted => LexemeKind::Name,
        TokenKind::Text => LexemeKind::String,
        TokenKind::Iri => LexemeKind::Iri,
        TokenKind::Number => LexemeKind::Number,
        TokenKind::Parameter => LexemeKind::Parameter,
        TokenKind::Sign(_) => LexemeKind::Sign,
        TokenKind::Comment => LexemeKind::Comment,
        TokenKind::Fault(_) => LexemeKind::Bad,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use LexemeKind::*;

    fn kinds(text: &str) -> Vec<(LexemeKind, &str)> {
        tokens(text).iter().map(|l| (l.kind, &text[l.span.start..l.span.end])).collect()
    }

    #[test]
    fn a_word_is_what_it_is_in_its_place() {
        assert_eq!(
            kinds("EVALUATE seeds protocol=paper; -- x\nSHOW SEEDS"),
            [
                (Keyword, "EVALUATE"),
                (Name, "seeds"),
                (Option, "protocol"),
                (Sign, "="),
                (Name, "paper"),
                (Sign, ";"),
                (Comment, "-- x"),
                (Keyword, "SHOW"),
                (Keyword, "SEEDS"),
            ]
        );
        assert_eq!(kinds("SELECT count, COUNT(*) FROM a")[1], (Name, "count"));
        assert_eq!(kinds("SELECT count, COUNT(*) FROM a")[3], (Keyword, "COUNT"));
    }

    #[test]
    fn a_broken_statement_leaves_the_next_one_alone() {
        let all = kinds("SEED visual FRMO p ‘; SHOW PAIRS");
        assert_eq!(all[2], (Name, "FRMO"));
        assert_eq!(all[4], (Bad, "‘"));
        assert_eq!(all[6], (Keyword, "SHOW"));
    }
}
