//! Literals as text files write them, and which literal names an entity.

use std::collections::HashMap;

use crate::kg::{EntityId, GraphBuilder, Literal};

const XSD: &str = "http://www.w3.org/2001/XMLSchema#";

/// Short names that stand for a datatype in a fourth column.
const SHORT: [&str; 22] = [
    "string",
    "integer",
    "int",
    "long",
    "short",
    "byte",
    "float",
    "double",
    "decimal",
    "boolean",
    "date",
    "dateTime",
    "time",
    "gYear",
    "gYearMonth",
    "gMonthDay",
    "gMonth",
    "gDay",
    "anyURI",
    "duration",
    "nonNegativeInteger",
    "positiveInteger",
];

/// The fields of a literal, after entity and attribute: one, or the literal and a datatype column, or
/// a literal that was cut at its tabs.
pub(super) fn from_fields(fields: &[&str]) -> Literal {
    if let [value, datatype] = fields
        && let Some(datatype) = datatype_column(datatype.trim())
    {
        let mut literal = from_text(value);
        if literal.datatype.is_empty() && literal.language.is_empty() {
            literal.datatype = datatype;
        }
        return literal;
    }
    from_text(&fields.join(" "))
}

fn datatype_column(text: &str) -> Option<String> {
    let known = SHORT.contains(&text) || bare(text).starts_with(XSD) || text.starts_with("xsd:");
    known.then(|| datatype(text))
}

/// A literal in a text field: bare, or as N-Triples writes it with datatype or language, with or
/// without quotes; a final ` .` goes.
pub(super) fn from_text(text: &str) -> Literal {
    let text = text.trim();
    let text = text.strip_suffix(" .").or(text.strip_suffix("\t.")).map_or(text, str::trim_end);
    if let Some(rest) = text.strip_prefix('"')
        && let Some(end) = rest.rfind('"')
    {
        let (value, tail) = (&rest[..end], &rest[end + 1..]);
        if tail.is_empty() {
            return Literal { value: unescape(value), ..Literal::default() };
        }
        if let Some(kind) = tail.strip_prefix("^^") {
            return Literal { value: unescape(value), datatype: datatype(kind), ..Literal::default() };
        }
        if let Some(language) = tail.strip_prefix('@').filter(|tag| is_language(tag)) {
            let language = language.to_ascii_lowercase();
            return Literal { value: unescape(value), language, ..Literal::default() };
        }
    }
    if let Some((value, kind)) = text.rsplit_once("^^")
        && !kind.is_empty()
        && !kind.contains(char::is_whitespace)
    {
        return Literal { value: value.to_string(), datatype: datatype(kind), ..Literal::default() };
    }
    Literal { value: text.to_string(), ..Literal::default() }
}

/// The short name of an XSD datatype, another datatype's IRI as it is.
pub(crate) fn datatype(text: &str) -> String {
    let iri = bare(text);
    iri.strip_prefix(XSD).or(iri.strip_prefix("xsd:")).unwrap_or(iri).to_string()
}

fn bare(text: &str) -> &str {
    text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(text)
}

fn is_language(tag: &str) -> bool {
    !tag.is_empty()
        && tag.split('-').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// Undoes the escapes of N-Triples; what is no escape stays.
fn unescape(text: &str) -> String {
    if !text.contains('\\') {
        return text.to_string();
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let (character, length) = match after.as_bytes().first() {
            Some(b't') => (Some('\t'), 1),
            Some(b'n') => (Some('\n'), 1),
            Some(b'r') => (Some('\r'), 1),
            Some(b'"') => (Some('"'), 1),
            Some(b'\\') => (Some('\\'), 1),
            Some(b'u') => (code_point(after, 4), 5),
            Some(b'U') => (code_point(after, 8), 9),
            _ => (None, 0),
        };
        match character {
            Some(character) => {
                plain.push(character);
                rest = &after[length..];
            }
            None => {
                plain.push('\\');
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    plain
}

/// The character that `digits` hexadecimal digits after the first byte stand for.
fn code_point(text: &str, digits: usize) -> Option<char> {
    let digits = text.get(1..1 + digits)?;
    digits.bytes().all(|b| b.is_ascii_hexdigit()).then_some(())?;
    char::from_u32(u32::from_str_radix(digits, 16).ok()?)
}

/// Attributes whose literal names an entity, the best first.
const NAMING: [&str; 5] = [
    "http://www.w3.org/2000/01/rdf-schema#label",
    "http://www.w3.org/2004/02/skos/core#prefLabel",
    "http://schema.org/name",
    "https://schema.org/name",
    "http://xmlns.com/foaf/0.1/name",
];

/// Chooses a name per entity among its literals: by attribute (`rdfs:label`, `skos:prefLabel`,
/// `schema:name`, `foaf:name`), then English before untagged before other languages, then the first.
#[derive(Default)]
pub(super) struct Names(HashMap<EntityId, ((usize, u8), String)>);

impl Names {
    /// Offers a literal of an entity.
    pub fn offer(&mut self, entity: EntityId, attribute: &str, literal: &Literal) {
        let Some(rank) = NAMING.iter().position(|naming| *naming == attribute) else { return };
        if literal.value.trim().is_empty() {
            return;
        }
        let language = match literal.language.split('-').next().unwrap_or("") {
            "en" => 0,
            "" => 1,
            _ => 2,
        };
        let rank = (rank, language);
        match self.0.get(&entity) {
            Some((known, _)) if *known <= rank => {}
            _ => {
                self.0.insert(entity, (rank, literal.value.trim().to_string()));
            }
        }
    }

    /// Hands the names to the builder; names given before stay.
    pub fn settle(self, builder: &mut GraphBuilder) {
        for (entity, (_, name)) in self.0 {
            builder.name(entity, &name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (String, String, String) {
        let literal = from_fields(&text.split('\t').collect::<Vec<_>>());
        (literal.value, literal.datatype, literal.language)
    }

    fn plain(value: &str, datatype: &str, language: &str) -> (String, String, String) {
        (value.into(), datatype.into(), language.into())
    }

    #[test]
    fn typed_literals_are_taken_apart() {
        assert_eq!(parts("1948^^<http://www.w3.org/2001/XMLSchema#gYear>"), plain("1948", "gYear", ""));
        assert_eq!(
            parts("\"1.5\"^^<http://dbpedia.org/datatype/euro> ."),
            plain("1.5", "http://dbpedia.org/datatype/euro", "")
        );
        assert_eq!(parts("\"a \\\"b\\\" \\u00e9\"@en-GB ."), plain("a \"b\" é", "", "en-gb"));
        assert_eq!(parts("3.0E7\tfloat"), plain("3.0E7", "float", ""));
        assert_eq!(parts("2\t<http://www.w3.org/2001/XMLSchema#integer>"), plain("2", "integer", ""));
        assert_eq!(parts("plain text ."), plain("plain text", "", ""));
        assert_eq!(parts("cut\tat\ttabs"), plain("cut at tabs", "", ""));
        assert_eq!(parts("me@example"), plain("me@example", "", ""));
        assert_eq!(parts("x^^ y"), plain("x^^ y", "", ""));
        assert_eq!(parts("\"half"), plain("\"half", "", ""));
        assert_eq!(parts("\"\\uZZZZ \\x\""), plain("\\uZZZZ \\x", "", ""));
        assert_eq!(parts(""), plain("", "", ""));
    }

    #[test]
    fn the_best_naming_attribute_wins() {
        let mut builder = GraphBuilder::new();
        let entity = builder.entity("e");
        let mut names = Names::default();
        let literal = |value: &str, language: &str| Literal {
            value: value.into(),
            language: language.into(),
            ..Literal::default()
        };
        names.offer(entity, "http://xmlns.com/foaf/0.1/name", &literal("d", ""));
        names.offer(entity, NAMING[0], &literal("c", "fr"));
        names.offer(entity, NAMING[0], &literal("a", "en"));
        names.offer(entity, NAMING[0], &literal("b", "en"));
        names.offer(entity, "other", &literal("z", "en"));
        names.settle(&mut builder);
        let (graph, _) = builder.finish();
        assert_eq!(graph.names.get(0), "a");
    }
}
