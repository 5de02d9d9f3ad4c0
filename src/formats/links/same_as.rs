//! `owl:sameAs` and `skos:exactMatch` statements of N-Triples and N-Quads; others are counted.
//!
//! IRIs are taken as they stand, after undoing `\u` escapes, also where a strict parser would find fault
//! with them.

use std::path::Path;

use crate::error::{Code, Error, Result};
use crate::formats::lines::Lines;

use super::{Resolver, Stated, is_equality};

/// Reads the statements.
pub(super) fn read(path: &Path, resolver: &mut Resolver<'_>) -> Result<()> {
    let mut lines = Lines::open(path)?;
    while lines.advance()? {
        let text = match lines.text() {
            Ok(text) => text,
            Err(error) => {
                resolver.broken(error)?;
                continue;
            }
        };
        let line = text.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let at = Stated { line: lines.number(), text };
        match statement(line) {
            Ok(Some((left, right))) => resolver.link(&left, &right, None, at)?,
            Ok(None) => resolver.report.other += 1,
            Err(message) => {
                let error = Error::new(Code::BadFile, message)
                    .help("N-Triples have one statement a line: <left> <http://www.w3.org/2002/07/owl#sameAs> <right> .");
                resolver.broken(error.file(path, at.line, text))?;
            }
        }
    }
    Ok(())
}

/// The two ends of a statement of equality; `None` for any other statement.
fn statement(line: &str) -> Result<Option<(String, String)>, String> {
    if line.starts_with("_:") {
        return Ok(None);
    }
    let (subject, rest) = iri(line, "subject")?;
    let (predicate, rest) = iri(rest, "predicate")?;
    if !is_equality(&predicate) {
        return Ok(None);
    }
    if rest.starts_with("_:") || rest.starts_with('"') {
        return Ok(None);
    }
    let (object, mut rest) = iri(rest, "object")?;
    if rest.starts_with('<') {
        rest = iri(rest, "graph")?.1;
    }
    match rest.strip_prefix('.').map(str::trim_start) {
        Some(after) if after.is_empty() || after.starts_with('#') => Ok(Some((subject, object))),
        _ => Err("the statement does not end in a full stop".into()),
    }
}

/// An IRI in angle brackets at the start of `text`, and what follows it.
fn iri<'a>(text: &'a str, what: &str) -> Result<(String, &'a str), String> {
    let expected = || format!("expected the {what} as an IRI in angle brackets");
    let (body, rest) = text.strip_prefix('<').and_then(|text| text.split_once('>')).ok_or_else(expected)?;
    let iri = unescape(body).ok_or_else(|| format!("the {what} has a broken \\u escape"))?;
    Ok((iri, rest.trim_start()))
}

fn unescape(text: &str) -> Option<String> {
    if !text.contains('\\') {
        return Some(text.to_string());
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        plain.push_str(before);
        let length = match after.as_bytes().first()? {
            b'u' => 4,
            b'U' => 8,
            _ => return None,
        };
        let digits = after.get(1..1 + length).filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()))?;
        plain.push(char::from_u32(u32::from_str_radix(digits, 16).ok()?)?);
        rest = &after[1 + length..];
    }
    plain.push_str(rest);
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAME: &str = "<http://www.w3.org/2002/07/owl#sameAs>";

    #[test]
    fn statements_of_equality_are_found_among_others() {
        let ends = |line: &str| statement(line);
        assert_eq!(ends(&format!("<a> {SAME} <b> .")), Ok(Some(("a".into(), "b".into()))));
        assert_eq!(ends(&format!("<a>{SAME}<b>.# x")), Ok(Some(("a".into(), "b".into()))));
        assert_eq!(
            ends(&format!("<a\\u0022> {SAME} <\\U0001F600> <g> .")),
            Ok(Some(("a\"".into(), "😀".into())))
        );
        assert_eq!(ends("<a> <p> \"x\"@en ."), Ok(None));
        assert_eq!(ends(&format!("_:b {SAME} <b> .")), Ok(None));
        assert_eq!(ends(&format!("<a> {SAME} \"b\" .")), Ok(None));
    }

    #[test]
    fn broken_statements_say_what_is_missing() {
        let message = |line: &str| statement(line).unwrap_err();
        assert_eq!(message("a b c"), "expected the subject as an IRI in angle brackets");
        assert_eq!(message("<a> p <c>"), "expected the predicate as an IRI in angle brackets");
        assert_eq!(message(&format!("<a> {SAME} b .")), "expected the object as an IRI in angle brackets");
        assert_eq!(message(&format!("<a> {SAME} <b>")), "the statement does not end in a full stop");
        assert_eq!(message(&format!("<a\\u12> {SAME} <b> .")), "the subject has a broken \\u escape");
        assert_eq!(message(&format!("<a\\uD800> {SAME} <b> .")), "the subject has a broken \\u escape");
    }
}
