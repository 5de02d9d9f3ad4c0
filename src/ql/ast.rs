//! The tree a text parses to: spanned, unresolved. Equality looks at values only, not at spans, so
//! that a printed statement equals the one it was printed from.

use super::edits::EditStatement;
use crate::error::Span;
use crate::ops::spec::{Architecture, Compare, Encoder, Grouping, LinkFormat, PairFormat, Source};

/// A value with the place it came from; the place takes no part in equality.
#[derive(Clone, Debug)]
pub struct Node<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub span: Span,
}

impl<T: PartialEq> PartialEq for Node<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

/// A name as written, quotes removed.
pub type Name = Node<String>;

/// One statement.
#[derive(Clone, Debug)]
pub struct Statement {
    /// What it says.
    pub kind: Box<StatementKind>,
    /// Where it stands, without the `;`.
    pub span: Span,
}

impl PartialEq for Statement {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

/// A value that stands by itself.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `'text'`
    Text(String),
    /// `<iri>`
    Iri(String),
    /// A whole number.
    Int(i64),
    /// A number with a point or an exponent, or too large for a whole one.
    Float(f64),
    /// `TRUE` or `FALSE`
    Bool(bool),
    /// A bare word or a quoted name.
    Name(String),
    /// `$name`
    Parameter(String),
}

/// `name=value`, or `weights(…)`.
#[derive(Clone, Debug, PartialEq)]
pub struct OptionItem {
    /// The name.
    pub key: Name,
    /// The value.
    pub value: OptionValue,
}

impl OptionItem {
    /// The span of name and value together.
    pub fn span(&self) -> Span {
        let end = match &self.value {
            OptionValue::One(value) => value.span,
            OptionValue::Weights(list) => list.span,
        };
        self.key.span.to(end)
    }
}

/// What an option is set to.
#[derive(Clone, Debug, PartialEq)]
pub enum OptionValue {
    /// After a `=`.
    One(Node<Value>),
    /// A list in parentheses.
    Weights(Node<Vec<Weight>>),
}

/// One modality's weight.
#[derive(Clone, Debug, PartialEq)]
pub struct Weight {
    /// The modality.
    pub modality: Name,
    /// A number or a parameter.
    pub value: Node<Value>,
}

/// What follows `USING` in `ALIGN` and `MATCH`.
#[derive(Clone, Debug, PartialEq)]
pub enum Using {
    /// `features` or `features(…)`
    Features(Option<Node<Vec<Weight>>>),
    /// A model.
    Model(Name),
}

/// What a model learns from.
#[derive(Clone, Debug, PartialEq)]
pub enum Lesson {
    /// `split 'train'`: reference links.
    Split(Node<Value>),
    /// A seed set.
    Seeds(Name),
}

/// What `EMBED … FROM` names.
#[derive(Clone, Debug, PartialEq)]
pub enum EmbedFrom {
    /// A seed set, to be propagated.
    Seeds(Name),
    /// A folder or an index of pictures, or one a side.
    Pictures(Vec<Node<Value>>),
}

/// The statements.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum StatementKind {
    /// `EXPLAIN` and a statement
    Explain(Box<Statement>),
    /// `IMPORT dbp15k 'dir' AS p`
    Import { format: Node<PairFormat>, paths: Vec<Node<Value>>, options: Vec<OptionItem>, name: Name },
    /// `IMPORT LINKS 'file' INTO p`
    ImportLinks { format: Option<Node<LinkFormat>>, path: Node<Value>, options: Vec<OptionItem>, pair: Name },
    /// `IMPORT FEATURES visual FROM 'file' INTO p`
    ImportFeatures { modality: Name, paths: Vec<Node<Value>>, options: Vec<OptionItem>, pair: Name },
    /// `EMBED name USING ngrams INTO p`
    Embed {
        source: Node<Source>,
        encoder: Option<Node<Encoder>>,
        weights: Option<Node<Value>>,
        from: Option<EmbedFrom>,
        options: Vec<OptionItem>,
        pair: Name,
        modality: Option<Name>,
    },
    /// `GENERATE PAIR demo`
    Generate { name: Name, options: Vec<OptionItem> },
    /// `SEED visual FROM p AS s`
    Seed { method: Name, options: Vec<OptionItem>, pair: Name, name: Option<Name> },
    /// `TUNE s AS t`
    Tune { seeds: Name, options: Vec<OptionItem>, name: Option<Name> },
    /// `TRAIN eva ON p USING s AS m`
    Train {
        model: Node<Architecture>,
        pair: Name,
        lessons: Vec<Lesson>,
        options: Vec<OptionItem>,
        name: Option<Name>,
    },
    /// `BENCH PAIRS p MODELS eva SEEDS s`
    Bench {
        pairs: Vec<Name>,
        /// All of them where none are named.
        models: Option<Vec<Node<Architecture>>>,
        seeds: Vec<Vec<Lesson>>,
        options: Vec<OptionItem>,
        path: Option<Node<Value>>,
    },
    /// `EXPAND s USING t AS s3`
    Expand { seeds: Name, model: Option<Name>, options: Vec<OptionItem>, name: Option<Name> },
    /// `PSQE k=4 FROM p AS s`
    Psqe { options: Vec<OptionItem>, pair: Name, name: Option<Name> },
    /// `EXPLAIN SEEDS s BY degree TO 'file'`
    ExplainSeeds {
        seeds: Name,
        by: Option<Node<Grouping>>,
        path: Option<Node<Value>>,
        options: Vec<OptionItem>,
    },
    /// `EXPLAIN MODALITIES p`
    ExplainModalities(Name),
    /// `EXPLAIN RUN t`
    ExplainRun(Name),
    /// `EXPLAIN MATCH 'a', 'b' IN x`
    ExplainPair { left: Node<Value>, right: Node<Value>, name: Name },
    /// `CORRECT s AS s2`
    Correct { seeds: Name, options: Vec<OptionItem>, name: Option<Name> },
    /// `ALIGN p USING features AS a`
    Align { pair: Name, using: Option<Node<Using>>, options: Vec<OptionItem>, name: Option<Name> },
    /// `CREATE INDEX i ON m`
    CreateIndex { name: Name, on: Name, options: Vec<OptionItem> },
    /// `EVALUATE a`
    Evaluate { target: Name, options: Vec<OptionItem> },
    /// `MATCH 'iri' IN p`
    Match {
        entity: Node<Value>,
        pair: Name,
        side: Option<Node<crate::kg::Side>>,
        using: Option<Node<Using>>,
        options: Vec<OptionItem>,
        limit: Option<Node<Value>>,
    },
    /// `SELECT * FROM a`
    Select(Select),
    /// `EXPORT a TO 'file'`
    Export { target: Name, path: Node<Value>, options: Vec<OptionItem> },
    /// `SHOW PAIRS`
    Show { what: Node<ShowWhat>, pair: Option<Name> },
    /// `DESCRIBE x`
    Describe(Name),
    /// `DESCRIBE MODEL eva`
    DescribeModel(Node<Architecture>),
    /// `DROP x`
    Drop(Name),
    /// `SET seed=42`
    Set { name: Name, value: Node<Value> },
    /// `CHECK FULL`
    Check { full: bool },
    /// `BACKUP TO 'dir'`
    Backup(Node<Value>),
    /// `DUMP TO 'dir'`
    Dump(Node<Value>),
    /// `LOAD FROM 'dir'`
    Load(Node<Value>),
    /// `COMPACT`
    Compact,
    /// `INSERT …`, `ACCEPT …`, `REFRESH …`
    Edit(EditStatement),
    /// `SHOW LINEAGE x`
    ShowLineage(Name),
}

/// What `SHOW` lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ShowWhat {
    Pairs,
    Operations,
    Settings,
    Formats,
    Size,
    Features,
    Seeds,
    Alignments,
    Models,
    Runs,
    Indexes,
    Artifacts,
    Verdicts,
    Stale,
}

/// `SELECT …`
#[derive(Clone, Debug, PartialEq)]
pub struct Select {
    /// Empty is `*`.
    pub columns: Vec<Output>,
    /// Where rows come from.
    pub source: RowSource,
    /// `WHERE`
    pub filter: Option<Node<Condition>>,
    /// `GROUP BY`
    pub group_by: Vec<Name>,
    /// `ORDER BY`; `true` is descending.
    pub order_by: Vec<(Name, bool)>,
    /// `LIMIT`
    pub limit: Option<Node<Value>>,
    /// `OFFSET`
    pub offset: Option<Node<Value>>,
}

/// An output column; `None` counts rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// The column, or `COUNT(*)`.
    pub column: Option<Name>,
    /// `AS`
    pub alias: Option<Name>,
}

/// `name`, `name.table` or `name.side.table`.
#[derive(Clone, Debug, PartialEq)]
pub struct RowSource {
    /// An artifact or a pair.
    pub name: Name,
    /// The side of a pair.
    pub side: Option<Node<crate::kg::Side>>,
    /// The table of a pair.
    pub table: Option<Node<&'static str>>,
}

/// A condition on a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// `a OR b OR c`; two or more.
    Or(Vec<Condition>),
    /// `a AND b AND c`; two or more.
    And(Vec<Condition>),
    /// `NOT a`
    Not(Box<Condition>),
    /// `column < value`
    Compare(Name, Compare, Node<Value>),
    /// `column [NOT] LIKE 'pat%'`; `true` negates.
    Like(Name, Node<Value>, bool),
    /// `column [NOT] IN (…)`; `true` negates.
    In(Name, Vec<Node<Value>>, bool),
    /// `column IS [NOT] NULL`; `true` negates.
    IsNull(Name, bool),
}
