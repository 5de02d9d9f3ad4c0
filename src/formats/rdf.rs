//! One RDF file a side: N-Triples, N-Quads, Turtle, TriG or RDF/XML, plain or compressed.
//!
//! An object that is an IRI or a blank node makes a relation triple, a literal makes an attribute
//! triple; `rdfs:label`, `skos:prefLabel`, `schema:name` and `foaf:name` feed the name. `owl:sameAs`
//! never makes a triple: where it joins the two graphs, in either direction and in either file, it is
//! a reference link. Named graphs are read as one. Blank nodes are numbered as they come (`_:b0`).

use std::collections::HashMap;
use std::path::Path;

use oxrdf::{NamedOrBlankNode, Quad, Term};
use oxrdfio::{RdfFormat, RdfParseError, RdfParser};

use crate::error::{Code, Error, Result};
use crate::kg::{Graph, GraphBuilder, Literal};
use crate::ops::spec::Import;
use crate::task::Task;

use super::lines::{self, Bounded, Lines};
use super::literals::{self, Names};
use super::pair::PairSource;
use super::reading::{LinkList, Reading};
use super::report::LintKind;
use super::xml::Feed;

const SAME_AS: &str = "http://www.w3.org/2002/07/owl#sameAs";

/// Reads the left and the right file.
pub(super) fn read(spec: &Import, task: &Task) -> Result<PairSource> {
    let [left_path, right_path] = spec.paths.as_slice() else {
        return Err(Error::new(
            Code::Conflict,
            format!("the rdf layout is two files, one a side; {} are given", spec.paths.len()),
        )
        .help("give the left file, then the right one"));
    };
    let formats = [format_of(left_path)?, format_of(right_path)?];
    let mut reading = Reading::new(spec, task);
    let mut same = Vec::new();
    let left = read_side(&mut reading, left_path, formats[0], &mut same)?;
    let right = read_side(&mut reading, right_path, formats[1], &mut same)?;
    let mut links = LinkList::default();
    let mut outside = 0u64;
    for (a, b) in &same {
        let ends = match (left.find_entity(a), right.find_entity(b)) {
            (Some(l), Some(r)) => Some((l, r)),
            _ => left.find_entity(b).zip(right.find_entity(a)),
        };
        match ends {
            Some((l, r)) => links.add(&mut reading.tally, (Some(l), Some(r)), None, (a, b)),
            None => {
                outside += 1;
                reading.tally.add(LintKind::UnknownLinkEntity, None, || format!("{a} {b}"));
            }
        }
    }
    if outside > 0 {
        reading.note(format!("{outside} owl:sameAs triples lead outside the two graphs"));
    }
    if same.is_empty() {
        reading.note_no_links("neither file has owl:sameAs triples");
    }
    reading.finish(spec, left, right, links)
}

/// The format that a file name stands for, past `.gz` or `.zst`.
pub(super) fn format_of(path: &Path) -> Result<RdfFormat> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let name = name.strip_suffix(".gz").or(name.strip_suffix(".zst")).unwrap_or(&name);
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("nt" | "ntriples") => Ok(RdfFormat::NTriples),
        Some("nq" | "nquads") => Ok(RdfFormat::NQuads),
        Some("ttl" | "turtle") => Ok(RdfFormat::Turtle),
        Some("trig") => Ok(RdfFormat::TriG),
        Some("rdf" | "xml" | "owl" | "rdfs") => Ok(RdfFormat::RdfXml),
        _ => Err(Error::new(Code::Unsupported, "the file name does not tell which RDF format this is")
            .help("use .nt, .nq, .ttl, .trig, .rdf, .owl or .xml, also with .gz or .zst after it")
            .path(path)),
    }
}

/// Reads one file into a graph; `owl:sameAs` statements go to `same`.
pub(super) fn read_side(
    reading: &mut Reading<'_>,
    path: &Path,
    format: RdfFormat,
    same: &mut Vec<(String, String)>,
) -> Result<GraphBuilder> {
    let mut side = Statements::default();
    each_quad(reading, path, format, |quad| side.take(quad, same))?;
    Ok(side.builder())
}

/// Hands every statement of a file to `take`. Broken statements are skipped when lenient, except in
/// RDF/XML, which cannot be read on past an error.
fn each_quad(
    reading: &mut Reading<'_>,
    path: &Path,
    format: RdfFormat,
    mut take: impl FnMut(Quad),
) -> Result<()> {
    reading.phase(path)?;
    let parser = RdfParser::from_format(format);
    let source = lines::open_text(path)?;
    let (source, progress): (Box<dyn std::io::Read>, _) = if format == RdfFormat::RdfXml {
        let (feed, progress) = Feed::new(path, source)?;
        (Box::new(feed), Some(progress))
    } else {
        (Box::new(source), None)
    };
    let (source, since) = Bounded::new(source);
    let mut count = 0u64;
    for quad in parser.for_reader(source) {
        since.set(0);
        count += 1;
        if count.is_multiple_of(4096) {
            reading.task.check()?;
            reading.task.advance(count);
        }
        let error = match quad {
            Ok(quad) => {
                take(quad);
                continue;
            }
            Err(error) => error,
        };
        let line = progress.as_ref().map_or(0, |progress| progress.borrow().line);
        match error {
            RdfParseError::Syntax(cause) => {
                let message = cause.to_string();
                // "Parser error at line 3 column 5: reason"
                let reason = match message.split_once(": ") {
                    Some((place, reason)) if place.starts_with("Parser error at") => reason,
                    _ => &message,
                };
                let (line, column) = match cause.location() {
                    Some(range) => (range.start.line + 1, format!(" at column {}", range.start.column + 1)),
                    None => (line, String::new()),
                };
                let text = match &progress {
                    Some(progress) => progress.borrow().text(),
                    // Finding a line reads the file again, so it is done for those that are shown only.
                    None if reading.shows_broken() => line_text(path, line),
                    None => String::new(),
                };
                let error =
                    Error::new(Code::BadFile, format!("broken {}{column}: {}", format.name(), lower(reason)))
                        .file(path, line, &text);
                if format == RdfFormat::RdfXml {
                    return Err(error.help("correct the file; RDF/XML cannot be read past an error"));
                }
                reading.broken(error)?;
            }
            RdfParseError::Io(cause) => {
                let progress = progress.as_ref().map(|progress| progress.borrow());
                return Err(match progress.as_ref().and_then(|progress| progress.refused) {
                    Some(reason) => Error::new(Code::BadFile, format!("{reason}, which is not accepted"))
                        .help("write the entities out in the file")
                        .file(path, line, ""),
                    None => lines::read_failed(path, line.saturating_sub(1), cause),
                });
            }
        }
    }
    reading.task.advance(count);
    Ok(())
}

/// The text of a line, for a message; empty when it cannot be had.
fn line_text(path: &Path, number: u64) -> String {
    let Ok(mut lines) = Lines::open(path) else { return String::new() };
    while let Ok(true) = lines.advance() {
        if lines.number() == number {
            return lines.lossy();
        }
    }
    String::new()
}

/// A sentence that starts in lower case and has no full stop.
fn lower(text: &str) -> String {
    let text = text.trim().trim_end_matches('.');
    let mut characters = text.chars();
    match characters.next() {
        Some(first) if !characters.as_str().starts_with(|c: char| c.is_uppercase()) => {
            first.to_lowercase().collect::<String>() + characters.as_str()
        }
        _ => text.to_string(),
    }
}

/// A graph made from statements.
#[derive(Default)]
pub(super) struct Statements {
    builder: GraphBuilder,
    names: Names,
    blanks: HashMap<String, usize>,
}

impl Statements {
    /// The graph in the making, with its names.
    fn builder(mut self) -> GraphBuilder {
        self.names.settle(&mut self.builder);
        self.builder
    }

    /// The graph.
    pub fn finish(self) -> Graph {
        self.builder().finish().0
    }

    pub fn take(&mut self, quad: Quad, same: &mut Vec<(String, String)>) {
        let subject = match quad.subject {
            NamedOrBlankNode::NamedNode(node) => node.into_string(),
            NamedOrBlankNode::BlankNode(node) => self.blank(node.as_str()),
        };
        let object = match quad.object {
            Term::NamedNode(node) => node.into_string(),
            Term::BlankNode(node) => self.blank(node.as_str()),
            Term::Literal(literal) => {
                let entity = self.builder.entity(&subject);
                let literal = convert(literal);
                self.names.offer(entity, quad.predicate.as_str(), &literal);
                let attribute = self.builder.attribute(quad.predicate.as_str());
                self.builder.attribute_triple(entity, attribute, Some(literal));
                return;
            }
        };
        if quad.predicate.as_str() == SAME_AS {
            same.push((subject, object));
            return;
        }
        let head = self.builder.entity(&subject);
        let relation = self.builder.relation(quad.predicate.as_str());
        let tail = self.builder.entity(&object);
        self.builder.triple(head, relation, tail);
    }

    /// A name for a blank node that does not depend on how the parser calls it.
    fn blank(&mut self, label: &str) -> String {
        let next = self.blanks.len();
        let number = *self.blanks.entry(label.to_string()).or_insert(next);
        format!("_:b{number}")
    }
}

fn convert(literal: oxrdf::Literal) -> Literal {
    let (value, datatype, language) = literal.destruct();
    let datatype = match &datatype {
        Some(datatype) if language.is_none() => literals::datatype(datatype.as_str()),
        _ => String::new(),
    };
    Literal { value, datatype, language: language.unwrap_or_default() }
}
