//! Tokens to tree, rule by rule as `grammar/seedql.ebnf` has them; each function bears its rule.

mod conditions;
mod edits;
mod models;
mod statements;
mod terminals;

use std::cell::RefCell;

use nom::combinator::{map, opt};
use nom::multi::many0;
use nom::{IResult, Parser};

use super::ast::Statement;
use super::diagnose::{diagnose, too_deep};
use super::input::{Expected, Failed, Tokens, Trace};
use super::lexer::{Token, TokenKind, scan};
use crate::error::Result;
use terminals::sign;

/// What every rule gives.
pub(crate) type Parsed<'a, T> = IResult<Tokens<'a>, T, Failed>;

/// The statements of a text, in order. The first error ends it: code `syntax`, or `unsupported` for
/// statements of later versions, with the span of what was not understood.
pub fn parse(text: &str) -> Result<Vec<Statement>> {
    let tokens: Vec<Token> = meaningful(text);
    let clean = tokens.iter().all(|token| !matches!(token.kind, TokenKind::Fault(_)));
    if let Some(error) = too_deep(&tokens, text) {
        return Err(error);
    }
    if clean && let Ok((_, statements)) = script(Tokens::new(text, &tokens, None)) {
        return Ok(statements);
    }
    let (_, trace) = trace(text, &tokens);
    Err(diagnose(text, &tokens, &trace))
}

/// The tokens of a text without its comments.
pub(crate) fn meaningful(text: &str) -> Vec<Token> {
    let mut tokens = scan(text);
    tokens.retain(|token| token.kind != TokenKind::Comment);
    tokens
}

/// Parses once more with a trace. The tokens must not nest too deep.
pub(crate) fn trace(text: &str, tokens: &[Token]) -> (Option<Vec<Statement>>, Trace) {
    let cell = RefCell::new(Trace::default());
    let statements = script(Tokens::new(text, tokens, Some(&cell))).ok().map(|(_, statements)| statements);
    (statements, cell.into_inner())
}

/// `Script ::= Statement? ( ';' Statement? )*`
fn script(input: Tokens<'_>) -> Parsed<'_, Vec<Statement>> {
    let rest = many0((sign(";"), opt(statements::statement)));
    let (input, statements) = map((opt(statements::statement), rest), |(first, rest)| {
        first.into_iter().chain(rest.into_iter().filter_map(|(_, statement)| statement)).collect()
    })
    .parse(input)?;
    if input.rest.is_empty() {
        return Ok((input, statements));
    }
    input.note(Expected::End);
    Err(nom::Err::Error(Failed))
}
