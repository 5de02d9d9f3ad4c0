//! What changes a graph row by row, and what people say of pairs.

use std::path::PathBuf;

use crate::kg::Side;

/// A change of one graph of a pair.
#[derive(Clone, Debug, PartialEq)]
pub struct Edit {
    /// The pair.
    pub pair: String,
    /// Which of its graphs.
    pub side: Side,
    /// What changes.
    pub change: Change,
}

/// What an [`Edit`] changes. Entities, relations and attributes are given by IRI, or by a name that only
/// one bears; what is inserted and not known becomes new, its text its IRI.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Adds an entity, or gives one a name.
    InsertEntity {
        /// Its IRI.
        entity: String,
        /// Its name.
        name: Option<String>,
    },
    /// Deletes an entity with all that is said of it.
    DeleteEntity {
        /// IRI or name.
        entity: String,
    },
    /// Adds a relation triple.
    InsertTriple(Statement),
    /// Deletes a relation triple.
    DeleteTriple(Statement),
    /// Adds an attribute triple, whose object is the value.
    InsertAttribute {
        /// The statement.
        statement: Statement,
        /// XSD datatype, as an IRI or a short name.
        datatype: Option<String>,
        /// Language tag.
        language: Option<String>,
    },
    /// Deletes the values of an attribute, or one of them.
    DeleteAttribute {
        /// The entity.
        entity: String,
        /// The attribute.
        attribute: String,
        /// The value; all of them without.
        value: Option<String>,
    },
}

/// Subject, predicate and object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The entity it is about.
    pub subject: String,
    /// Relation or attribute.
    pub predicate: String,
    /// Entity or value.
    pub object: String,
}

/// A file of statements that came and went.
#[derive(Clone, Debug, PartialEq)]
pub struct ApplyDiff {
    /// N-Triples, each line after a `+` or a `-`; with `removed`, statements that came.
    pub path: PathBuf,
    /// Statements that went, in a file of their own.
    pub removed: Option<PathBuf>,
    /// The pair.
    pub pair: String,
    /// Which of its graphs.
    pub side: Side,
    /// Delete entities of which nothing is said any more.
    pub prune: bool,
    /// Skip broken lines, counting them.
    pub lenient: bool,
}

/// A file of statements that come into a graph that is there.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportInto {
    /// An RDF file.
    pub path: PathBuf,
    /// The pair.
    pub pair: String,
    /// Which of its graphs.
    pub side: Side,
    /// Skip broken statements, counting them.
    pub lenient: bool,
}

/// What a person says of pairs of entities.
#[derive(Clone, Debug, PartialEq)]
pub struct Judge {
    /// The pair of graphs.
    pub pair: String,
    /// Whether the two are the same thing.
    pub accept: bool,
    /// Left and right entities, by IRI or by a name that only one bears.
    pub pairs: Vec<(String, String)>,
    /// Why.
    pub comment: Option<String>,
    /// Who says so; `None` takes the setting.
    pub author: Option<String>,
}

/// Takes verdicts back.
#[derive(Clone, Debug, PartialEq)]
pub struct Undo {
    /// The pair of graphs.
    pub pair: String,
    /// The verdicts on these; on none, the last one that stands.
    pub pairs: Vec<(String, String)>,
}

/// Verdicts from an SSSOM file.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportVerdicts {
    /// The file.
    pub path: PathBuf,
    /// The pair of graphs.
    pub pair: String,
    /// Skip verdicts on unknown entities, counting them.
    pub lenient: bool,
}

/// Verdicts to an SSSOM file.
#[derive(Clone, Debug, PartialEq)]
pub struct ExportVerdicts {
    /// The pair of graphs.
    pub pair: String,
    /// The file.
    pub path: PathBuf,
    /// Replace a file that is there.
    pub overwrite: bool,
}

/// Recomputes what edits and verdicts touched.
#[derive(Clone, Debug, PartialEq)]
pub struct Refresh {
    /// An artifact, or a pair for all that was made of it.
    pub name: String,
    /// Compute from nothing.
    pub full: bool,
    /// Epochs of a training that goes on; `None` takes a fifteenth of the model's own.
    pub epochs: Option<usize>,
    /// Name of the result, so that the former stays; of one artifact only.
    pub result: Option<String>,
}
