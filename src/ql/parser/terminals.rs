//! Single tokens as rules. Each that does not match notes what it would have understood.

use nom::Parser;
use nom::branch::alt;
use nom::combinator::map;

use super::Parsed;
use crate::ql::NameKind;
use crate::ql::ast::{Name, Node, Value};
use crate::ql::catalog::{Word, is_reserved};
use crate::ql::input::{Expected, Failed, Role, Tokens};
use crate::ql::lexer::{Token, TokenKind};

/// A word of the language, in any case.
pub(super) fn keyword<'a>(
    text: &'static str,
) -> impl Parser<Tokens<'a>, Output = crate::Span, Error = Failed> {
    described(text, "")
}

/// The same, with a line on what it does.
pub(super) fn described<'a>(
    text: &'static str,
    doc: &'static str,
) -> impl Parser<Tokens<'a>, Output = crate::Span, Error = Failed> {
    move |input: Tokens<'a>| match input.first() {
        Some(token) if is_keyword(&input, token, text) => {
            input.role(Role::Keyword);
            Ok((next(input), token.span))
        }
        _ => fail(input, Expected::Word(text, doc)),
    }
}

/// One of the words of a table, and what it stands for.
pub(super) fn choice<'a, T: Clone>(
    words: &'static [Word<T>],
) -> impl Parser<Tokens<'a>, Output = Node<T>, Error = Failed> {
    move |input: Tokens<'a>| {
        if let Some(token) = input.first()
            && let Some(word) = words.iter().find(|word| is_keyword(&input, token, word.text))
        {
            input.role(Role::Keyword);
            return Ok((next(input), Node { value: word.value.clone(), span: token.span }));
        }
        for word in words {
            input.note(Expected::Word(word.text, word.doc));
        }
        Err(nom::Err::Error(Failed))
    }
}

/// A literal made of signs.
pub(super) fn sign<'a>(text: &'static str) -> impl Parser<Tokens<'a>, Output = crate::Span, Error = Failed> {
    move |input: Tokens<'a>| match input.first() {
        Some(token) if token.kind == TokenKind::Sign(text) => Ok((next(input), token.span)),
        _ => fail(input, Expected::Sign(text)),
    }
}

/// `Name ::= ( WORD - Reserved ) | QUOTED`
pub(super) fn name<'a>(kind: NameKind) -> impl Parser<Tokens<'a>, Output = Name, Error = Failed> {
    move |input: Tokens<'a>| match input.first().and_then(|token| name_of(input.source, token)) {
        Some(name) => {
            input.role(Role::Name);
            Ok((next(input), name))
        }
        None => fail(input, Expected::Name(kind)),
    }
}

/// The name a token is, if it is one.
pub(super) fn name_of(source: &str, token: Token) -> Option<Name> {
    let text = token.text(source);
    let value = match token.kind {
        TokenKind::Word if !is_reserved(text) => text.to_string(),
        TokenKind::Quoted => unquote(text, "\""),
        _ => return None,
    };
    Some(Node { value, span: token.span })
}

/// `Path ::= STRING | PARAMETER`
pub(super) fn path(input: Tokens<'_>) -> Parsed<'_, Node<Value>> {
    noting(Expected::Path, alt((string, parameter))).parse(input)
}

/// `Text ::= STRING | PARAMETER`
pub(super) fn text(input: Tokens<'_>) -> Parsed<'_, Node<Value>> {
    noting(Expected::Value("a text in single quotes"), alt((string, parameter))).parse(input)
}

/// `Entity ::= STRING | IRI | PARAMETER`
pub(super) fn entity(input: Tokens<'_>) -> Parsed<'_, Node<Value>> {
    noting(Expected::Value("an entity: its IRI or name in single quotes"), alt((string, iri, parameter)))
        .parse(input)
}

/// `Count ::= NUMBER | PARAMETER`
pub(super) fn count(input: Tokens<'_>) -> Parsed<'_, Node<Value>> {
    noting(Expected::Value("a whole number"), alt((number, parameter))).parse(input)
}

/// `NUMBER | PARAMETER`
pub(super) fn weight_value(input: Tokens<'_>) -> Parsed<'_, Node<Value>> {
    noting(Expected::Value("a number"), alt((number, parameter))).parse(input)
}

/// `Operand ::= STRING | IRI | NUMBER | PARAMETER | 'TRUE' | 'FALSE'`
pub(super) fn operand(input: Tokens<'_>) -> Parsed<'_, Node<Value>> {
    noting(Expected::Value("a value"), silent_operand).parse(input)
}

/// `Value ::= Operand | Name`
pub(super) fn value<'a>(expected: Expected) -> impl Parser<Tokens<'a>, Output = Node<Value>, Error = Failed> {
    noting(expected, alt((silent_operand, bare_name)))
}

fn silent_operand(input: Tokens<'_>) -> Parsed<'_, Node<Value>> {
    alt((string, iri, number, parameter, truth)).parse(input)
}

fn bare_name(input: Tokens<'_>) -> Parsed<'_, Node<Value>> {
    one(input, |source, token| name_of(source, token).map(|name| Value::Name(name.value)))
}

fn string(input: Tokens<'_>) -> Parsed<'_, Node<Value>> {
    one(input, |source, token| {
        (token.kind == TokenKind::Text).then(|| Value::Text(unquote(token.text(source), "'")))
    })
}

fn iri(input: Tokens<'_>) -> Parsed<'_, Node<Value>> {
    one(input, |source, token| {
        let text = token.text(source);
        (token.kind == TokenKind::Iri).then(|| Value::Iri(text[1..text.len() - 1].to_string()))
    })
}

fn number(input: Tokens<'_>) -> Parsed<'_, Node<Value>> {
    one(input, |source, token| {
        if token.kind != TokenKind::Number {
            return None;
        }
        let text = token.text(source);
        match text.parse::<i64>() {
            Ok(int) => Some(Value::Int(int)),
            Err(_) => text.parse().ok().map(Value::Float),
        }
    })
}

fn parameter(input: Tokens<'_>) -> Parsed<'_, Node<Value>> {
    one(input, |source, token| {
        (token.kind == TokenKind::Parameter).then(|| Value::Parameter(token.text(source)[1..].to_string()))
    })
}

fn truth(input: Tokens<'_>) -> Parsed<'_, Node<Value>> {
    let word = |text: &'static str| {
        move |input: Tokens<'_>| match input.first() {
            Some(token) if is_keyword(&input, token, text) => {
                input.role(Role::Keyword);
                Some(token)
            }
            _ => None,
        }
    };
    let found = word("TRUE")(input).map(|token| (token, true));
    match found.or_else(|| word("FALSE")(input).map(|token| (token, false))) {
        Some((token, value)) => Ok((next(input), Node { value: Value::Bool(value), span: token.span })),
        None => Err(nom::Err::Error(Failed)),
    }
}

/// Takes one token if `make` makes a value of it; notes nothing.
fn one<'a>(input: Tokens<'a>, make: impl Fn(&'a str, Token) -> Option<Value>) -> Parsed<'a, Node<Value>> {
    match input.first().and_then(|token| make(input.source, token).map(|value| (token, value))) {
        Some((token, value)) => Ok((next(input), Node { value, span: token.span })),
        None => Err(nom::Err::Error(Failed)),
    }
}

/// A rule that notes one thing where it does not match.
fn noting<'a, O>(
    expected: Expected,
    mut rule: impl Parser<Tokens<'a>, Output = O, Error = Failed>,
) -> impl Parser<Tokens<'a>, Output = O, Error = Failed> {
    move |input: Tokens<'a>| rule.parse(input).or_else(|_| fail(input, expected))
}

/// Whether a token is that word of the language.
pub(super) fn is_keyword(input: &Tokens<'_>, token: Token, text: &str) -> bool {
    token.kind == TokenKind::Word && token.text(input.source).eq_ignore_ascii_case(text)
}

pub(super) fn fail<T>(input: Tokens<'_>, expected: Expected) -> Parsed<'_, T> {
    input.note(expected);
    Err(nom::Err::Error(Failed))
}

pub(super) fn next(input: Tokens<'_>) -> Tokens<'_> {
    nom::Input::take_from(&input, 1)
}

/// The text between a pair of quotes, doubled ones made single.
fn unquote(text: &str, quote: &str) -> String {
    text[1..text.len() - 1].replace(&quote.repeat(2), quote)
}

/// A list with a separator that must not end it.
pub(super) fn listed<'a, O>(
    rule: impl Parser<Tokens<'a>, Output = O, Error = Failed> + Clone,
) -> impl Parser<Tokens<'a>, Output = Vec<O>, Error = Failed> {
    let more = nom::multi::many0(nom::sequence::preceded(sign_comma, rule.clone()));
    map((rule, more), |(first, mut more): (O, Vec<O>)| {
        more.insert(0, first);
        more
    })
}

fn sign_comma(input: Tokens<'_>) -> Parsed<'_, crate::Span> {
    sign(",").parse(input)
}
