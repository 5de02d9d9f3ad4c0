//! Reference links from files: two columns, csv, SSSOM/TSV, Alignment API RDF, `owl:sameAs` N-Triples.
//!
//! Every reader gives the texts of two entities with a place; one resolver finds them in the graphs, by
//! IRI or by the source's id, turns a file round whose columns are swapped, drops repeats, and counts
//! what it leaves out. Nothing here knows of the store.

mod alignment;
mod same_as;
mod sssom;
mod table;
mod verdicts;

pub use verdicts::{ReadVerdict, read_verdicts};

use std::collections::HashSet;
use std::path::Path;

use crate::error::{Code, Error, Result};
use crate::formats::lookup::Lookup;
use crate::formats::report::Skipped;
use crate::kg::{EntityId, Graph, Link, Split};
use crate::ops::spec::{ImportLinks, LinkFormat};
use crate::task::Task;

/// What was found in a file of links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkReport {
    /// The format it was read as.
    pub format: LinkFormat,
    /// Statements of a link in the file.
    pub stated: u64,
    /// Links to an entity that its graph does not have; only a lenient import leaves them out.
    pub unknown: u64,
    /// The first five of those: place and entity.
    pub unknown_first: Vec<String>,
    /// Links stated before; kept once.
    pub repeated: u64,
    /// Links that name an entity which another link names.
    pub not_one_to_one: u64,
    /// Links stated right entity first; they were turned round.
    pub swapped: u64,
    /// Links whose IRI was found only after percent-decoding.
    pub decoded: u64,
    /// Mappings with `predicate_modifier` `Not`; left out.
    pub negated: u64,
    /// Statements of another relation than equality; left out.
    pub other: u64,
    /// Broken lines; only a lenient import leaves them out.
    pub skipped: Skipped,
    /// What a person should know and that is no error.
    pub notes: Vec<String>,
}

/// Links as read, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkImport {
    /// Links without repeats.
    pub links: Vec<Link>,
    /// What was found.
    pub report: LinkReport,
}

/// Reads reference links between `left` and `right`.
///
/// Without a format the file name decides: `.sssom.tsv`, `.csv`, `.rdf`/`.xml`/`.owl`, `.nt`/`.nq`,
/// anything else is two columns. Errors: [`Code::NotFound`]; [`Code::BadFile`] and [`Code::BadValue`]
/// with file and line; [`Code::MissingData`] for a file without links; [`Code::Cancelled`].
pub fn read_links(spec: &ImportLinks, left: &Graph, right: &Graph, task: &Task) -> Result<LinkImport> {
    let mut import = read(spec, left, right, task)?;
    let report = &mut import.report;
    for (count, first, text) in [
        (report.unknown, &report.unknown_first, "links to unknown entities were left out"),
        (report.skipped.count, &report.skipped.first, "broken lines were left out"),
    ] {
        if count > 0 {
            report.notes.push(format!("{text}: {count} (first: {})", first.join("; ")));
        }
    }
    Ok(import)
}

/// Reads links; what a lenient import leaves out is in the report's counts, and not in its notes.
pub(super) fn read(spec: &ImportLinks, left: &Graph, right: &Graph, task: &Task) -> Result<LinkImport> {
    task.check()?;
    let format = spec.format.unwrap_or_else(|| format_of(&spec.path));
    let name = spec.path.file_name().unwrap_or_default().to_string_lossy();
    task.phase(format!("reading {name}"), None);
    let mut resolver = Resolver::new(spec, format, left, right, task);
    match format {
        LinkFormat::Tsv => table::read_tsv(&spec.path, &mut resolver)?,
        LinkFormat::Csv => table::read_csv(&spec.path, &mut resolver)?,
        LinkFormat::Sssom => sssom::read(&spec.path, &mut resolver)?,
        LinkFormat::Alignment => alignment::read(&spec.path, &mut resolver)?,
        LinkFormat::SameAs => same_as::read(&spec.path, &mut resolver)?,
    }
    resolver.finish()
}

/// The format that a file name tells; two columns where it tells none.
pub fn format_of(path: &Path) -> LinkFormat {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let name = name.strip_suffix(".gz").or(name.strip_suffix(".zst")).unwrap_or(&name);
    let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    if ends(&[".sssom.tsv", ".sssom"]) {
        LinkFormat::Sssom
    } else if ends(&[".csv"]) {
        LinkFormat::Csv
    } else if ends(&[".rdf", ".xml", ".owl"]) {
        LinkFormat::Alignment
    } else if ends(&[".nt", ".ntriples", ".nq", ".nquads"]) {
        LinkFormat::SameAs
    } else {
        LinkFormat::Tsv
    }
}

/// Where a link was stated.
#[derive(Clone, Copy, Debug)]
struct Stated<'a> {
    line: u64,
    text: &'a str,
}

/// Finds the entities of links and collects what was found.
struct Resolver<'a> {
    spec: &'a ImportLinks,
    task: &'a Task,
    left: Lookup<'a>,
    right: Lookup<'a>,
    links: Vec<Link>,
    seen: HashSet<(EntityId, EntityId)>,
    ends: [HashSet<EntityId>; 2],
    report: LinkReport,
}

impl<'a> Resolver<'a> {
    fn new(
        spec: &'a ImportLinks,
        format: LinkFormat,
        left: &'a Graph,
        right: &'a Graph,
        task: &'a Task,
    ) -> Self {
        let report = LinkReport {
            format,
            stated: 0,
            unknown: 0,
            unknown_first: Vec::new(),
            repeated: 0,
            not_one_to_one: 0,
            swapped: 0,
            decoded: 0,
            negated: 0,
            other: 0,
            skipped: Skipped::default(),
            notes: Vec::new(),
        };
        let (left, right) = (Lookup::new(left), Lookup::new(right));
        let (links, seen, ends) = (Vec::new(), HashSet::new(), [HashSet::new(), HashSet::new()]);
        Resolver { spec, task, left, right, links, seen, ends, report }
    }

    /// Takes a link as stated, left first.
    fn link(&mut self, left: &str, right: &str, split: Option<Split>, at: Stated<'_>) -> Result<()> {
        let Some((left, right)) = self.find(left, right, at)? else { return Ok(()) };
        if !self.seen.insert((left, right)) {
            self.report.repeated += 1;
            return Ok(());
        }
        let new = [self.ends[0].insert(left), self.ends[1].insert(right)];
        self.report.not_one_to_one += u64::from(new.contains(&false));
        self.links.push(Link { left, right, split: self.spec.split.or(split) });
        Ok(())
    }

    /// The entities of a link as stated, turned round where that fits; `None` for one that is left out.
    fn find(&mut self, left: &str, right: &str, at: Stated<'_>) -> Result<Option<(EntityId, EntityId)>> {
        if self.report.stated.is_multiple_of(4096) {
            self.task.check()?;
            self.task.advance(self.report.stated);
        }
        self.report.stated += 1;
        let [left, right] = [left, right].map(bare);
        if left.is_empty() || right.is_empty() {
            let side = if left.is_empty() { "left" } else { "right" };
            let error = Error::new(Code::BadFile, format!("the {side} entity of the link is empty"));
            return self.broken(error.file(&self.spec.path, at.line, at.text)).map(|()| None);
        }
        let direct = (self.left.find(left), self.right.find(right));
        let (a, b) = match direct {
            (Some(a), Some(b)) => (a, b),
            _ => match (self.left.find(right), self.right.find(left)) {
                (Some(a), Some(b)) => {
                    self.report.swapped += 1;
                    (a, b)
                }
                _ => {
                    let (name, side) = if direct.0.is_none() { (left, "left") } else { (right, "right") };
                    return self.unknown(name, side, at).map(|()| None);
                }
            },
        };
        self.report.decoded += u64::from(a.decoded || b.decoded);
        Ok(Some((a.entity, b.entity)))
    }

    /// A broken line, with its place: skipped and counted when lenient, else the error of the import.
    fn broken(&mut self, error: Error) -> Result<()> {
        self.report.skipped.take(error, self.spec.lenient)
    }

    fn unknown(&mut self, name: &str, side: &str, at: Stated<'_>) -> Result<()> {
        let shown = crate::error::shorten(name, 120);
        if !self.spec.lenient {
            return Err(Error::new(Code::BadValue, format!("`{shown}` is no entity of the {side} graph"))
                .help("lenient=true leaves such links out and counts them; are the files of this pair?")
                .file(&self.spec.path, at.line, at.text));
        }
        self.report.unknown += 1;
        if self.report.unknown_first.len() < 5 {
            self.report.unknown_first.push(format!("line {}: {shown} ({side})", at.line));
        }
        Ok(())
    }

    fn finish(mut self) -> Result<LinkImport> {
        let report = &mut self.report;
        if self.links.is_empty() {
            let message = match (report.stated, report.negated + report.other) {
                (0, 0) if report.skipped.count > 0 => {
                    format!("the file holds no links; {} broken lines were left out", report.skipped.count)
                }
                (0, 0) => "the file holds no links".to_string(),
                (0, left_out) => {
                    format!("the file states no equality; {left_out} other statements were left out")
                }
                (stated, _) => format!("none of the {stated} links names entities of both graphs"),
            };
            return Err(Error::new(Code::MissingData, message)
                .help("check the format (format=) and that the file belongs to this pair")
                .path(&self.spec.path));
        }
        let mut note = |count: u64, text: &str| {
            if count > 0 {
                report.notes.push(format!("{text}: {count}"));
            }
        };
        note(report.swapped, "links that name the right entity first were turned round");
        note(report.decoded, "links whose IRI was found by its percent-encoded form");
        note(report.repeated, "links stated more than once were kept once");
        note(report.not_one_to_one, "links that name an entity which another link names");
        note(report.negated, "mappings that deny the link were left out");
        note(report.other, "statements of another relation than equality were left out");
        Ok(LinkImport { links: self.links, report: self.report })
    }
}

/// The text without blanks and angle brackets around it.
fn bare(text: &str) -> &str {
    let text = text.trim();
    text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(text)
}

/// A split by name; empty is none.
fn split_of(text: &str) -> Result<Option<Split>> {
    match text.trim().to_ascii_lowercase().as_str() {
        "" => Ok(None),
        "train" => Ok(Some(Split::Train)),
        "valid" | "val" | "validation" | "dev" => Ok(Some(Split::Valid)),
        "test" => Ok(Some(Split::Test)),
        other => {
            let other = crate::error::shorten(other, 40);
            Err(Error::new(Code::BadFile, format!("unknown split `{other}`, expected train, valid or test")))
        }
    }
}

/// Whether the IRI is a relation of equality between entities.
fn is_equality(predicate: &str) -> bool {
    [
        "http://www.w3.org/2002/07/owl#sameAs",
        "http://www.w3.org/2004/02/skos/core#exactMatch",
        "http://www.w3.org/2002/07/owl#equivalentClass",
        "http://www.w3.org/2002/07/owl#equivalentProperty",
    ]
    .contains(&predicate)
}

#[cfg(test)]
mod tests;
