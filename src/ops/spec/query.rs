//! What reads the store: `SELECT`, `SHOW` and `EXPLAIN SEEDS`.

use std::path::PathBuf;

use crate::kg::Side;

/// A query over stored rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Select {
    /// Output columns; empty means all (`*`).
    pub columns: Vec<Output>,
    /// Where rows come from.
    pub from: From,
    /// Filter.
    pub filter: Option<Expr>,
    /// Grouping columns.
    pub group_by: Vec<String>,
    /// Order; `true` is descending.
    pub order_by: Vec<(String, bool)>,
    /// At most this many rows.
    pub limit: Option<usize>,
    /// Rows left out first.
    pub offset: usize,
}

/// One output column.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// A column, renamed or not.
    Column {
        /// Its name in the source.
        name: String,
        /// Its name in the result.
        alias: Option<String>,
    },
    /// `COUNT(*)`, renamed or not.
    Count {
        /// Its name in the result (`count` when not given).
        alias: Option<String>,
    },
}

/// Where rows come from: `s1`, `a1`, `p.links`, `p.left.triples`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct From {
    /// An artifact or a pair.
    pub name: String,
    /// `left` or `right`.
    pub side: Option<Side>,
    /// `links`, `entities`, `triples`, `attributes`.
    pub table: Option<String>,
}

/// A literal in a query.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// A missing value.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A text or an IRI.
    Text(String),
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// `=`
    Eq,
    /// `!=` or `<>`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
}

/// A condition on a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// `column op value`
    Compare(String, Compare, Scalar),
    /// `column [NOT] LIKE 'pat%'`
    Like(String, String, bool),
    /// `column [NOT] IN (…)`
    In(String, Vec<Scalar>, bool),
    /// `column IS [NOT] NULL`
    IsNull(String, bool),
    /// Both.
    And(Box<Expr>, Box<Expr>),
    /// Either.
    Or(Box<Expr>, Box<Expr>),
    /// Not.
    Not(Box<Expr>),
}

/// What `SHOW` lists.
#[derive(Clone, Debug, PartialEq)]
pub enum Show {
    /// Pairs of graphs.
    Pairs,
    /// Modalities, of one pair or all.
    Features(Option<String>),
    /// Seed sets.
    Seeds(Option<String>),
    /// Tuned and trained models.
    Models(Option<String>),
    /// Training runs.
    Runs(Option<String>),
    /// Alignments.
    Alignments(Option<String>),
    /// Indexes.
    Indexes(Option<String>),
    /// All artifacts with their lineage.
    Artifacts(Option<String>),
    /// What people said of pairs.
    Verdicts(Option<String>),
    /// What was made from something that changed since.
    Stale(Option<String>),
    /// What was run, newest last.
    Operations,
    /// Settings and their values.
    Settings,
    /// Formats that can be read and written.
    Formats,
    /// Where the bytes of the store are.
    Size,
}

/// What seeds are told apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Grouping {
    /// Deciles of the number of neighbours.
    Degree,
    /// Clusters of the fused features.
    Cluster,
    /// `rdf:type` of the left entity.
    Type,
}

/// Where seeds come from, how good they are, and where they are thin.
#[derive(Clone, Debug, PartialEq)]
pub struct ExplainSeeds {
    /// The seed set.
    pub seeds: String,
    /// What they are told apart by; `None` gives the overview.
    pub by: Option<Grouping>,
    /// File of a picture.
    pub path: Option<PathBuf>,
    /// Overwrite an existing file.
    pub overwrite: bool,
}
