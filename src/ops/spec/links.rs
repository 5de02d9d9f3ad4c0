//! What makes, judges, searches and writes links: `ALIGN`, `EVALUATE`, `MATCH`, `EXPORT`.

use std::path::PathBuf;

use super::{Missing, Weights};
use crate::kg::{Side, Split};

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
    /// A model whose embeddings are compared; `None` compares the features.
    pub model: Option<String>,
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
    /// A model whose embeddings are compared; `None` compares the features.
    pub model: Option<String>,
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

impl Align {
    /// An alignment of a pair with the defaults: mutual nearest under CSLS 10, weights by agreement.
    pub fn new(pair: &str, name: &str) -> Self {
        Align {
            pair: pair.to_string(),
            model: None,
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
