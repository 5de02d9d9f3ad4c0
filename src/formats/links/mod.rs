//! Reference links from files: two columns, csv, SSSOM/TSV, Alignment API RDF, `owl:sameAs` N-Triples.
//!
//! Every reader gives the texts of two entities with a place; one resolver finds them in the graphs, by
//! IRI or by the source's id, turns a file round whose columns are swapped, drops repeats, and counts
//! what it leaves out. Nothing here knows of the store.

use crate::error::{Code, Error, Result};
use crate::kg::{Graph, Link};
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
    let _ = (spec, left, right);
    task.check()?;
    Err(Error::new(Code::Unsupported, "links cannot be read yet"))
}
