//! Requests as plain values: what a SeedQL statement lowers to and what a builder makes.
//!
//! One path, two doors: both end in a [`Request`]. Values here are typed and range-checked where
//! they are made (the bind step, or the builder); names are not yet looked up.

use std::path::PathBuf;

use crate::features::Modality;
use crate::kg::{Side, Split};

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Request {
    /// `IMPORT dbp15k 'dir' AS p`
    Import(Import),
    /// `IMPORT LINKS tsv 'file' INTO p`
    ImportLinks(ImportLinks),
    /// `IMPORT FEATURES visual FROM 'file' INTO p`
    ImportFeatures(ImportFeatures),
    /// `EMBED name USING ngrams INTO p AS text`
    Embed(Embed),
    /// `GENERATE PAIR demo entities=2000`
    Generate(Generate),
    /// `SEED cluster k=4 n=1000 FROM p AS s`
    Seed(Seed),
    /// `CORRECT s AS s2`
    Correct(Correct),
    /// `ALIGN p USING features(visual=0.8, text=0.2) match=mutual AS a`
    Align(Align),
    /// `EVALUATE a protocol=strict`
    Evaluate(Evaluate),
    /// `MATCH 'iri' IN p USING features(...) LIMIT 10`
    Match(Match),
    /// `SELECT left, right FROM a WHERE score > 0.9`
    Select(Select),
    /// `EXPORT a TO 'links.sssom.tsv' format=sssom`
    Export(Export),
    /// `SHOW PAIRS`
    Show(Show),
    /// `DESCRIBE x`
    Describe(String),
    /// `DROP x`
    Drop(String),
    /// `SET seed=42`
    Set(Setting),
    /// `CHECK FULL`
    Check {
        /// Whether every byte is read (`FULL`) or only the catalogue (`QUICK`).
        full: bool,
    },
    /// `BACKUP TO 'dir'`
    Backup(PathBuf),
    /// `COMPACT`
    Compact,
    /// `EXPLAIN <statement>`: what it would do, and what is there already.
    Explain(Box<Request>),
}

/// Layout of an imported pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PairFormat {
    /// EVA / GCN-Align folder.
    Dbp15k,
    /// JAPE / BootEA `mapping` or `sharing` folder.
    Jape,
    /// OpenEA folder.
    Openea,
    /// MMKG folder (FB15K, DB15K, YAGO15K).
    Mmkg,
    /// One RDF file a side: N-Triples, N-Quads, Turtle, TriG, RDF/XML; plain, gz or zst.
    Rdf,
    /// A folder of comma- or tab-separated files with headers.
    Csv,
}

/// Import of a pair of graphs.
#[derive(Clone, Debug, PartialEq)]
pub struct Import {
    /// The layout.
    pub format: PairFormat,
    /// A folder; for `rdf` the left and the right file.
    pub paths: Vec<PathBuf>,
    /// Name of the new pair.
    pub name: String,
    /// Skip broken lines, counting them.
    pub lenient: bool,
    /// Give each side its own ids where a dbp15k folder repeats them.
    pub remap_ids: bool,
    /// Reference links for formats that do not carry them.
    pub links: Option<PathBuf>,
    /// Which fold's splits to read from an OpenEA folder (1..=5).
    pub fold: Option<u32>,
}

/// Layout of a file of links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkFormat {
    /// Two columns: IRIs, or ids of the source.
    Tsv,
    /// Comma-separated with a header `left,right`.
    Csv,
    /// SSSOM/TSV.
    Sssom,
    /// Alignment API RDF/XML.
    Alignment,
    /// `owl:sameAs` N-Triples.
    SameAs,
}

/// Import of reference links into a pair.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportLinks {
    /// The layout; `None` goes by the file name.
    pub format: Option<LinkFormat>,
    /// The file.
    pub path: PathBuf,
    /// The pair.
    pub pair: String,
    /// Puts all of them in one split.
    pub split: Option<Split>,
    /// Skip links to unknown entities, counting them.
    pub lenient: bool,
}

/// Import of a modality's matrix.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportFeatures {
    /// The modality to make.
    pub modality: Modality,
    /// One file over both sides, or the left's and the right's.
    pub paths: Vec<PathBuf>,
    /// The pair.
    pub pair: String,
    /// Companion file that says which row is whose.
    pub ids: Option<PathBuf>,
    /// Bool array of the rows that are real.
    pub present: Option<PathBuf>,
    /// Tensor name inside a safetensors or npz file.
    pub tensor: Option<String>,
}

/// What of an entity is embedded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// Its name.
    Name,
    /// Its relations.
    Relation,
    /// Its attributes.
    Attribute,
    /// Its numeric literals.
    Numeric,
}

/// How it is embedded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoder {
    /// Hashed character n-grams with tf-idf weights.
    Ngrams,
    /// Counts over the most frequent relations or attributes.
    Bow,
    /// Numbers normalised per attribute.
    Numeric,
}

/// A modality from what the graphs hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Embed {
    /// What is read.
    pub source: Source,
    /// What is made of it.
    pub encoder: Encoder,
    /// The pair.
    pub pair: String,
    /// Name of the modality; `None` takes the source's usual one (`text` for names).
    pub modality: Option<Modality>,
    /// Shortest n-gram (default 2).
    pub min_n: usize,
    /// Longest n-gram (default 4).
    pub max_n: usize,
    /// Width: hash buckets for n-grams (default 2²⁰), columns for a bag of words (default 1,000).
    pub dims: Option<usize>,
}

/// A planted pair. Every knob is a share of 0..=1 unless it says otherwise.
///
/// Effects are those on the demo ([`Default`], seed 42), where visual pivots (a quarter as many as
/// links) are right 78 % of the time, Hits@1 against the whole right side is 0.39 by image, 0.72 by
/// name and 0.80 by both, and 82 % of the left edges between linked entities are found on the right.
#[derive(Clone, Debug, PartialEq)]
pub struct Generate {
    /// Name of the new pair.
    pub name: String,
    /// Entities in the world both graphs are drawn from (1..=100,000,000; some 2 KiB of memory each).
    pub entities: usize,
    /// Share of the world's entities that both graphs hold; the rest dangle, half on each side. At 0
    /// there are no links. At 0.5 pivots fall to 74 %, for more false rivals.
    pub overlap: f64,
    /// Mean number of relation triples an entity of a graph takes part in (0..=1000).
    pub degree: f64,
    /// Exponent of the power law of degrees (2..=4); nearer 2, the hubs are larger.
    pub exponent: f64,
    /// Share of a graph's edges that are replaced by random ones between ends of the same degrees.
    /// Edges found on the other side: 100 % at 0, 82 % at 0.1, 51 % at 0.3.
    pub edge_noise: f64,
    /// Number of relations in the world (1..=100,000), by falling frequency. Half of the right side's
    /// bear the left's words, three in ten others, two in ten a code; one in ten is merged with
    /// another and one in ten split in two.
    pub relations: usize,
    /// Number of attributes in the world (0..=100,000): dates, integers, decimals, years, texts.
    pub attributes: usize,
    /// Probability that a letter of a name is edited on the right side; spelling rules, accents and
    /// word order grow with it. Hits@1 by name: 0.78 at 0, 0.72 at 0.05, 0.58 at 0.1, 0.39 at 0.2.
    pub name_noise: f64,
    /// Standard deviation of the noise each side adds to a visual latent, relative to the latent's
    /// (0..=100). Pivots right: 92 % at 0, 78 % at 0.5 to 0.9, 52 % at 1.5, 27 % at 2.
    pub visual_noise: f64,
    /// Width of the visual features (1..=8192); wider ones average more noise away: Hits@1 by image
    /// 0.14 at 16, 0.39 at 64, 0.55 at 256.
    pub visual_dims: usize,
    /// Share of entities without an image, drawn on each side for itself. Hits@1 by both: 0.88 at 0.
    pub missing_visual: f64,
    /// Share of entities without a name, drawn on each side for itself; their IRIs say nothing.
    /// Hits@1 by name 0.21 at 0.5.
    pub missing_names: f64,
    /// Share of entities without attributes, drawn on each side for itself.
    pub missing_attributes: f64,
    /// Random seed; `None` takes the setting.
    pub seed: Option<u64>,
}

impl Default for Generate {
    /// The demo: images alone mislead, names alone mostly do, both together do well.
    fn default() -> Self {
        Generate {
            name: "demo".into(),
            entities: 2000,
            overlap: 0.8,
            degree: 6.0,
            exponent: 2.5,
            edge_noise: 0.1,
            relations: 60,
            attributes: 30,
            name_noise: 0.05,
            visual_noise: 0.9,
            visual_dims: 64,
            missing_visual: 0.15,
            missing_names: 0.05,
            missing_attributes: 0.2,
            seed: None,
        }
    }
}

/// A number, or left to the data.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Auto<T> {
    /// Chosen from the data.
    Auto,
    /// As given.
    Fixed(T),
}

/// Weights of modalities.
#[derive(Clone, Debug, PartialEq)]
pub enum Weights {
    /// Set without labels from how well the modalities agree.
    Auto,
    /// All present modalities alike.
    Equal,
    /// As given; modalities not named do not take part.
    Named(Vec<(Modality, f32)>),
}

/// Whose formulas are followed where text and code differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Variant {
    /// The paper's text.
    Paper,
    /// The authors' public code.
    Reference,
}

/// How seeds are found.
#[derive(Clone, Debug, PartialEq)]
pub enum SeedMethod {
    /// Unsupervised pivots on one modality.
    Pivots(Modality),
    /// PSQE stage I.
    Cluster {
        /// Number of clusters.
        k: Auto<usize>,
        /// Text or code.
        variant: Variant,
    },
}

/// Rows without a modality.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Missing {
    /// A modality that a pair lacks says nothing: it adds no evidence for or against. Pairs are then
    /// ranked by how much speaks for them, so that one good modality does not outrank three.
    Neutral,
    /// Weights are renormalised over the modalities both rows have.
    Renormalise,
    /// The row is drawn from N(mean, std) of the known rows, as the reference systems do.
    Random,
}

/// Makes a seed set.
#[derive(Clone, Debug, PartialEq)]
pub struct Seed {
    /// How.
    pub method: SeedMethod,
    /// Number of seeds asked for.
    pub count: usize,
    /// Weights of the fused vectors; pivots ignore them.
    pub weights: Weights,
    /// Missing rows.
    pub missing: Missing,
    /// The pair.
    pub pair: String,
    /// Name of the result.
    pub name: String,
    /// Random seed; `None` takes the setting.
    pub seed: Option<u64>,
}

/// Which rivals a correction looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The right ends of the other seeds.
    Row,
    /// The left ends as well.
    Both,
}

/// Drops seeds that another seed's end contradicts.
#[derive(Clone, Debug, PartialEq)]
pub struct Correct {
    /// The seed set.
    pub seeds: String,
    /// Rows only, or columns as well.
    pub direction: Direction,
    /// Repeat until nothing falls.
    pub iterate: bool,
    /// Rivals are all entities of the other side, not only seed entities.
    pub all_rivals: bool,
    /// Cosines, or the plain products of the raw features as the authors' code has them.
    pub variant: Variant,
    /// Weights of the similarity.
    pub weights: Weights,
    /// Missing rows.
    pub missing: Missing,
    /// Name of the result.
    pub name: String,
    /// Random seed; `None` takes the setting.
    pub seed: Option<u64>,
}

/// How scores become links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Matching {
    /// One-to-one by falling score.
    Greedy,
    /// Mutual nearest neighbours.
    Mutual,
    /// Each left entity's best.
    Best,
}

/// A first alignment straight from features.
#[derive(Clone, Debug, PartialEq)]
pub struct Align {
    /// The pair.
    pub pair: String,
    /// Weights of the modalities.
    pub weights: Weights,
    /// The matching.
    pub matching: Matching,
    /// Neighbours for CSLS; `None` leaves plain cosine.
    pub csls: Option<usize>,
    /// Candidates kept per entity.
    pub candidates: usize,
    /// Least score of a link.
    pub threshold: Option<f32>,
    /// Missing rows.
    pub missing: Missing,
    /// Name of the result.
    pub name: String,
    /// Random seed; `None` takes the setting.
    pub seed: Option<u64>,
}

/// Which entities compete for a link's left entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// The right entities of the test links.
    Paper,
    /// All entities of the other side.
    Strict,
}

/// Judges a seed set or an alignment.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluate {
    /// The artifact.
    pub target: String,
    /// The candidates.
    pub protocol: Protocol,
    /// Links judged under the paper protocol: the last this many of the link file, where there are
    /// no named splits (the reference systems take the last 70 %).
    pub last: Option<usize>,
    /// Modality-free control: also `None`.
    pub split: Option<Split>,
}

/// The best counterparts of one entity.
#[derive(Clone, Debug, PartialEq)]
pub struct Match {
    /// Its IRI or name.
    pub entity: String,
    /// The pair.
    pub pair: String,
    /// Which side the entity is on; `None` looks on both.
    pub side: Option<Side>,
    /// Weights of the modalities.
    pub weights: Weights,
    /// How many.
    pub limit: usize,
}

/// Format of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExportFormat {
    /// Comma-separated with a header.
    Csv,
    /// Tab-separated with a header.
    Tsv,
    /// One JSON object a line.
    Jsonl,
    /// SSSOM/TSV.
    Sssom,
    /// `owl:sameAs` N-Triples.
    SameAs,
    /// Alignment API RDF/XML.
    Alignment,
    /// `id1 ⇥ id2` of the source's ids.
    Dbp15k,
}

/// Writes links or seeds to a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Export {
    /// The artifact.
    pub target: String,
    /// The file.
    pub path: PathBuf,
    /// The format; `None` goes by the file name.
    pub format: Option<ExportFormat>,
    /// Overwrite an existing file.
    pub overwrite: bool,
    /// SSSOM: prefixes are made up for IRIs that no known prefix contracts.
    pub auto_prefixes: bool,
    /// SSSOM and RDF: the predicate is `skos:exactMatch` rather than `owl:sameAs`.
    pub exact_match: bool,
    /// SSSOM: licence of the mapping set.
    pub license: String,
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
    /// Alignments.
    Alignments(Option<String>),
    /// All artifacts with their lineage.
    Artifacts(Option<String>),
    /// What was run, newest last.
    Operations,
    /// Settings and their values.
    Settings,
    /// Formats that can be read and written.
    Formats,
}

/// A setting of the session.
#[derive(Clone, Debug, PartialEq)]
pub enum Setting {
    /// Default random seed.
    Seed(u64),
    /// Where products and training run: `cpu`, `cuda:0`, `auto`.
    Device(String),
    /// Worker threads; 0 takes all.
    Threads(usize),
}

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

impl Seed {
    /// Seeds of a pair with the defaults: 1,000 of them, weights by agreement.
    pub fn new(method: SeedMethod, pair: &str, name: &str) -> Self {
        Seed {
            method,
            count: 1000,
            weights: Weights::Auto,
            missing: Missing::Neutral,
            pair: pair.to_string(),
            name: name.to_string(),
            seed: None,
        }
    }
}

impl Correct {
    /// The correction of a seed set with the defaults: rows, against the other seeds, once.
    pub fn new(seeds: &str, name: &str) -> Self {
        Correct {
            seeds: seeds.to_string(),
            direction: Direction::Row,
            iterate: false,
            all_rivals: false,
            variant: Variant::Paper,
            weights: Weights::Auto,
            missing: Missing::Neutral,
            name: name.to_string(),
            seed: None,
        }
    }
}

impl Align {
    /// An alignment of a pair with the defaults: mutual nearest under CSLS 10, weights by agreement.
    pub fn new(pair: &str, name: &str) -> Self {
        Align {
            pair: pair.to_string(),
            weights: Weights::Auto,
            matching: Matching::Mutual,
            csls: Some(10),
            candidates: 10,
            threshold: None,
            missing: Missing::Neutral,
            name: name.to_string(),
            seed: None,
        }
    }
}

impl Export {
    /// An export with the defaults: the format by the file's name, nothing overwritten.
    pub fn new(target: &str, path: PathBuf) -> Self {
        Export {
            target: target.to_string(),
            path,
            format: None,
            overwrite: false,
            auto_prefixes: false,
            exact_match: false,
            license: UNSPECIFIED_LICENSE.to_string(),
        }
    }
}

/// What SSSOM says of a mapping set whose licence nobody stated.
pub const UNSPECIFIED_LICENSE: &str = "https://w3id.org/sssom/license/unspecified";
