//! What an import tells about the data it read: counts, lints, skipped lines.

use std::fmt;

use crate::error::{Code, Error, Place, Result, shorten};
use crate::kg::{Graph, Link, Side, Split};

/// Examples kept per lint and lines kept per lenient import.
pub const EXAMPLES: usize = 5;

/// Sizes of one side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SideCounts {
    /// Number of entities.
    pub entities: u64,
    /// Number of distinct relations.
    pub relations: u64,
    /// Number of relation triples, without duplicates.
    pub triples: u64,
    /// Number of distinct attributes.
    pub attributes: u64,
    /// Number of attribute triples, without duplicates.
    pub attribute_triples: u64,
    /// Entities with a name literal.
    pub names: u64,
}

impl SideCounts {
    /// Counts a graph.
    pub fn of(graph: &Graph) -> Self {
        SideCounts {
            entities: graph.len() as u64,
            relations: graph.relations.len() as u64,
            triples: graph.triples.len() as u64,
            attributes: graph.attributes.len() as u64,
            attribute_triples: graph.attribute_triples.len() as u64,
            names: graph.names.iter().filter(|name| !name.is_empty()).count() as u64,
        }
    }
}

/// Number of links by split.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkCounts {
    /// All links.
    pub total: u64,
    /// Links of the split `train`.
    pub train: u64,
    /// Links of the split `valid`.
    pub valid: u64,
    /// Links of the split `test`.
    pub test: u64,
}

impl LinkCounts {
    /// Counts links.
    pub fn of(links: &[Link]) -> Self {
        let count = |split| links.iter().filter(|link| link.split == Some(split)).count() as u64;
        LinkCounts {
            total: links.len() as u64,
            train: count(Split::Train),
            valid: count(Split::Valid),
            test: count(Split::Test),
        }
    }
}

/// Lines left out by a lenient import, or files that nobody wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    /// How many.
    pub count: u64,
    /// The first five: place and reason.
    pub first: Vec<String>,
}

impl Skipped {
    /// Takes the error of a broken line: counted when the import is lenient, else given back with the
    /// remedy. Errors that concern more than a line are given back as they are.
    pub(super) fn take(&mut self, error: Error, lenient: bool) -> Result<()> {
        if !matches!(error.code(), Code::BadFile | Code::BadValue) {
            return Err(error);
        }
        if !lenient {
            let more = "or import with `lenient=true` to skip such lines";
            let help = match error.help_text() {
                Some(help) => format!("{help}; {more}"),
                None => format!("correct the line, {more}"),
            };
            return Err(error.help(help));
        }
        self.count += 1;
        if self.first.len() < EXAMPLES {
            let text = match error.place() {
                Some(Place::File { text: Some(text), .. }) if !text.is_empty() => {
                    format!("{error}: {}", shorten(text, 120))
                }
                _ => error.to_string(),
            };
            self.first.push(text);
        }
        Ok(())
    }

    /// What to tell of them, if there are any.
    pub fn note(&self) -> Option<String> {
        (self.count > 0)
            .then(|| format!("{} lines skipped; the first: {}", self.count, self.first.join("; ")))
    }

    /// Adds what another file's reader left out.
    pub(super) fn add(&mut self, count: u64, first: Vec<String>) {
        self.count += count;
        let room = EXAMPLES.saturating_sub(self.first.len());
        self.first.extend(first.into_iter().take(room));
    }
}

/// What is odd about the data, though it can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum LintKind {
    /// An entity id stands on two lines that say the same.
    RepeatedId,
    /// Two ids of one side have the same IRI; they became one entity.
    RepeatedIri,
    /// A relation triple is there more than once; it was kept once.
    DuplicateTriple,
    /// An attribute triple is there more than once; it was kept once.
    DuplicateAttribute,
    /// A triple's head is its tail; it was kept.
    SelfTriple,
    /// A link names an entity that its side does not have; it was left out.
    UnknownLinkEntity,
    /// An attribute line names an entity that its side does not have; it was left out.
    UnknownAttributeEntity,
    /// A link is there more than once; it was kept once.
    DuplicateLink,
    /// An entity is in more than one link, so the links are not one-to-one.
    LinkRepeatsEntity,
    /// An entity is in no relation triple.
    EntityWithoutTriples,
    /// An entity has no name literal; its IRI's last part serves.
    EntityWithoutName,
    /// No link mentions the entity.
    EntityWithoutLink,
    /// The attribute triple has no value.
    AttributeWithoutValue,
    /// A relation has no name but a number.
    UnnamedRelation,
}

impl LintKind {
    /// A stable identifier, for programs and for JSON.
    pub fn as_str(self) -> &'static str {
        use LintKind::*;
        match self {
            RepeatedId => "repeated-id",
            RepeatedIri => "repeated-iri",
            DuplicateTriple => "duplicate-triple",
            DuplicateAttribute => "duplicate-attribute",
            SelfTriple => "self-triple",
            UnknownLinkEntity => "unknown-link-entity",
            UnknownAttributeEntity => "unknown-attribute-entity",
            DuplicateLink => "duplicate-link",
            LinkRepeatsEntity => "link-repeats-entity",
            EntityWithoutTriples => "entity-without-triples",
            EntityWithoutName => "entity-without-name",
            EntityWithoutLink => "entity-without-link",
            AttributeWithoutValue => "attribute-without-value",
            UnnamedRelation => "unnamed-relation",
        }
    }
}

/// One oddity with how often it occurs; [`Display`](fmt::Display) says it in a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lint {
    /// What.
    pub kind: LintKind,
    /// The side it concerns, if one.
    pub side: Option<Side>,
    /// How many times.
    pub count: u64,
    /// Out of how many, where a share means something; else 0.
    pub of: u64,
    /// At most five cases.
    pub examples: Vec<String>,
}

impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use LintKind::*;
        let n = self.count;
        let one = n == 1;
        let (subject, rest) = match self.kind {
            RepeatedId => ("entity line", ["repeats an earlier one", "repeat earlier ones"]),
            RepeatedIri => (
                "id",
                [
                    "has the IRI of another and became one with it",
                    "have the IRI of another and became one with it",
                ],
            ),
            DuplicateTriple => {
                ("relation triple", ["is a duplicate and was kept once", "are duplicates and were kept once"])
            }
            DuplicateAttribute => (
                "attribute triple",
                ["is a duplicate and was kept once", "are duplicates and were kept once"],
            ),
            SelfTriple => ("relation triple", ["links an entity to itself", "link an entity to itself"]),
            UnknownLinkEntity => (
                "link",
                ["names an unknown entity and was left out", "name an unknown entity and were left out"],
            ),
            UnknownAttributeEntity => (
                "attribute line",
                ["names an unknown entity and was left out", "name an unknown entity and were left out"],
            ),
            DuplicateLink => {
                ("link", ["is a duplicate and was kept once", "are duplicates and were kept once"])
            }
            LinkRepeatsEntity => (
                "link",
                [
                    "names an entity that another link names, so the links are not one-to-one",
                    "name an entity that another link names, so the links are not one-to-one",
                ],
            ),
            EntityWithoutTriples => ("entity", ["is in no relation triple", "are in no relation triple"]),
            EntityWithoutName => (
                "entity",
                [
                    "has no name literal; the last part of its IRI serves",
                    "have no name literal; the last part of the IRI serves",
                ],
            ),
            EntityWithoutLink => ("entity", ["is in no reference link", "are in no reference link"]),
            AttributeWithoutValue => ("attribute triple", ["has no value", "have no value"]),
            UnnamedRelation => ("relation", ["has no name but its number", "have no name but their numbers"]),
        };
        write!(f, "{n} ")?;
        if self.of > 0 {
            write!(f, "of {} ", self.of)?;
        }
        if let Some(side) = self.side {
            write!(f, "{} ", side.as_str())?;
        }
        let plural = if self.of > 0 { self.of != 1 } else { !one };
        match (plural, subject.strip_suffix('y')) {
            (false, _) => write!(f, "{subject}")?,
            (true, Some(stem)) => write!(f, "{stem}ies")?,
            (true, None) => write!(f, "{subject}s")?,
        }
        write!(f, " {}", rest[usize::from(!one)])?;
        if self.of > 0 {
            write!(f, " ({:.1} %)", 100.0 * n as f64 / self.of as f64)?;
        }
        Ok(())
    }
}

/// What an import found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Sizes of the left graph.
    pub left: SideCounts,
    /// Sizes of the right graph.
    pub right: SideCounts,
    /// Number of links.
    pub links: LinkCounts,
    /// Oddities, in the order of [`LintKind`], left before right.
    pub lints: Vec<Lint>,
    /// Lines that a lenient import left out.
    pub skipped: Skipped,
    /// Decisions the reader took that a person may want to know.
    pub notes: Vec<String>,
}
