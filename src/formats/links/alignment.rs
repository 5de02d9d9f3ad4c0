//! Alignment API RDF/XML, the format of the ontology alignment campaigns' gold files.

use std::collections::HashMap;
use std::path::Path;

use oxrdf::{NamedOrBlankNode, Term};
use oxrdfio::{RdfFormat, RdfParseError, RdfParser};

use crate::error::{Code, Error, Result};
use crate::formats::lines::{self, Bounded};
use crate::formats::xml::Feed;

use super::{Resolver, Stated};

/// A cell as far as it is known.
#[derive(Default)]
struct Cell {
    left: Option<String>,
    right: Option<String>,
    relation: Option<String>,
    line: u64,
}

/// Reads the cells, in the order of the file.
pub(super) fn read(path: &Path, resolver: &mut Resolver<'_>) -> Result<()> {
    let (feed, progress) = Feed::new(path, lines::open_text(path)?)?;
    let (source, since) = Bounded::new(feed);
    let mut cells: Vec<Cell> = Vec::new();
    let mut numbers: HashMap<NamedOrBlankNode, usize> = HashMap::new();
    for (count, quad) in RdfParser::from_format(RdfFormat::RdfXml).lenient().for_reader(source).enumerate() {
        since.set(0);
        if count.is_multiple_of(4096) {
            resolver.task.check()?;
        }
        let line = progress.borrow().line;
        let quad = quad.map_err(|cause| failed(cause, path, &progress.borrow()))?;
        // The namespace is written with and without its `#`.
        let Some((_, part)) = quad.predicate.as_str().rsplit_once("heterogeneity/alignment") else {
            continue;
        };
        let part = part.trim_start_matches('#');
        if !["entity1", "entity2", "relation"].contains(&part) {
            continue;
        }
        let value = match quad.object {
            Term::NamedNode(node) => node.into_string(),
            Term::Literal(literal) => literal.value().to_string(),
            _ => continue,
        };
        let number = *numbers.entry(quad.subject).or_insert_with(|| {
            cells.push(Cell { line, ..Cell::default() });
            cells.len() - 1
        });
        let cell = &mut cells[number];
        match part {
            "entity1" => cell.left = Some(value),
            "entity2" => cell.right = Some(value),
            _ => cell.relation = Some(value),
        }
    }
    for cell in cells {
        let relation = cell.relation.as_deref().unwrap_or("=").trim();
        if !matches!(relation, "=" | "equivalence" | "owl:sameAs") && !relation.ends_with("EquivRelation") {
            resolver.report.other += 1;
            continue;
        }
        let (Some(left), Some(right)) = (&cell.left, &cell.right) else {
            let lacks = if cell.left.is_none() { "entity1" } else { "entity2" };
            let error = Error::new(Code::BadFile, format!("the cell has no {lacks}"))
                .help("each Cell names entity1 and entity2 by rdf:resource");
            resolver.broken(error.file(path, cell.line, ""))?;
            continue;
        };
        let text = format!("{left} = {right}");
        resolver.link(left, right, None, Stated { line: cell.line, text: &text })?;
    }
    Ok(())
}

fn failed(cause: RdfParseError, path: &Path, progress: &crate::formats::xml::Progress) -> Error {
    let line = progress.line;
    match (cause, progress.refused) {
        (_, Some(reason)) => Error::new(Code::BadFile, format!("{reason}, which is not accepted"))
            .help("write the entities out in the file")
            .file(path, line, ""),
        (RdfParseError::Io(cause), None) => lines::read_failed(path, line.saturating_sub(1), cause),
        (RdfParseError::Syntax(cause), None) => Error::new(Code::BadFile, format!("broken RDF/XML: {cause}"))
            .help("the formats are told by the file name: .tsv, .csv, .sssom.tsv, .rdf, .nt; or give format=")
            .file(path, line, &progress.text()),
    }
}
