//! N-Triples of sameness, and the Alignment API's RDF/XML.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::Write;

use oxrdf::NamedNode;

use crate::error::{Code, Error, Result};
use crate::formats::lookup::to_uri;
use crate::formats::prefixes::is_absolute;

use super::{ExportMeta, ExportRow, Sheet};

/// `<left> owl:sameAs <right> .`, or `skos:exactMatch`.
pub(super) struct SameAs<W> {
    writer: W,
    predicate: &'static str,
}

impl<W: Write> SameAs<W> {
    /// N-Triples to `writer`.
    pub fn new(writer: W, exact_match: bool) -> Self {
        let predicate = match exact_match {
            true => "http://www.w3.org/2004/02/skos/core#exactMatch",
            false => "http://www.w3.org/2002/07/owl#sameAs",
        };
        SameAs { writer, predicate }
    }
}

impl<W: Write> Sheet for SameAs<W> {
    fn row(&mut self, row: &ExportRow) -> Result<()> {
        let (left, right) = (strict(&row.left_iri, "N-Triples")?, strict(&row.right_iri, "N-Triples")?);
        writeln!(self.writer, "<{left}> <{}> <{right}> .", self.predicate).map_err(failed)
    }
}

fn failed(cause: std::io::Error) -> Error {
    Error::io("cannot write the file", cause)
}

/// The IRI as others take it: as it stands where it is one, else with percent-encoding where a URI has
/// it, as in SSSOM. Our readers find the entity again by its URI.
fn strict<'a>(iri: &'a str, format: &str) -> Result<Cow<'a, str>> {
    let refuse = |what: &str| {
        let shown = crate::error::shorten(iri, 120);
        Err(Error::new(Code::BadValue, format!("`{shown}` is no {what} IRI, which {format} needs"))
            .help("export as tsv, csv or jsonl, which take any name"))
    };
    if !is_absolute(iri) {
        return refuse("absolute");
    }
    if NamedNode::new(iri).is_ok() {
        return Ok(Cow::Borrowed(iri));
    }
    match NamedNode::new(to_uri(iri)) {
        Ok(uri) => Ok(Cow::Owned(uri.into_string())),
        Err(_) => refuse("valid"),
    }
}

/// Alignment API RDF/XML, level 0.
pub(super) struct Alignment<W> {
    writer: W,
}

impl<W: Write> Alignment<W> {
    /// Writes the head.
    pub fn new(mut writer: W, meta: &ExportMeta) -> Result<Self> {
        let source = |text: &str| xml(text).map(Cow::into_owned);
        let (left, right) = (source(&meta.subject_source)?, source(&meta.object_source)?);
        write!(
            writer,
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
             <rdf:RDF xmlns=\"http://knowledgeweb.semanticweb.org/heterogeneity/alignment#\"\n         \
             xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\"\n         \
             xmlns:xsd=\"http://www.w3.org/2001/XMLSchema#\">\n\
             <Alignment>\n  <xml>yes</xml>\n  <level>0</level>\n  <type>11</type>\n  \
             <onto1>{left}</onto1>\n  <onto2>{right}</onto2>\n"
        )
        .map_err(failed)?;
        Ok(Alignment { writer })
    }
}

impl<W: Write> Sheet for Alignment<W> {
    fn row(&mut self, row: &ExportRow) -> Result<()> {
        let [left, right] = [&row.left_iri, &row.right_iri].map(|iri| strict(iri, "RDF/XML"));
        let (left, right) = (left?, right?);
        let (left, right) = (xml(&left)?, xml(&right)?);
        let score = row.score.unwrap_or(1.0);
        write!(
            self.writer,
            "  <map>\n    <Cell>\n      <entity1 rdf:resource=\"{left}\"/>\n      <entity2 rdf:resource=\"{right}\"/>\n      \
             <relation>=</relation>\n      \
             <measure rdf:datatype=\"http://www.w3.org/2001/XMLSchema#float\">{score}</measure>\n    \
             </Cell>\n  </map>\n"
        )
        .map_err(failed)
    }

    fn end(&mut self) -> Result<()> {
        writeln!(self.writer, "</Alignment>\n</rdf:RDF>").map_err(failed)
    }
}

/// Text for an attribute or an element.
fn xml(text: &str) -> Result<Cow<'_, str>> {
    let illegal = |c: char| (c < ' ' && !"\t\n\r".contains(c)) || matches!(c, '\u{fffe}' | '\u{ffff}');
    if let Some(c) = text.chars().find(|&c| illegal(c)) {
        let message =
            format!("`{}` holds U+{:04X}, which XML cannot carry", text.escape_default(), u32::from(c));
        return Err(Error::new(Code::BadValue, message).help("export as tsv, csv or jsonl instead"));
    }
    if !text.contains(|c| "&<>\"'\t\n\r".contains(c)) {
        return Ok(Cow::Borrowed(text));
    }
    let mut escaped = String::with_capacity(text.len() + 12);
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\t' | '\n' | '\r' => drop(write!(escaped, "&#{};", u32::from(c))),
            c => escaped.push(c),
        }
    }
    Ok(Cow::Owned(escaped))
}
