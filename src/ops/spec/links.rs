//! What makes, judges, searches and writes links: `ALIGN`, `EVALUATE`, `MATCH`, `EXPORT`.

use std::path::PathBuf;

use super::{Auto, Missing, PRECISION, Search, Weights};
use crate::error::{Code, Error};
use crate::kg::{Side, Split};

/// How scores become links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Matching {
    /// One-to-one by falling score: pairs of all, each taken if neither entity is taken yet.
    Greedy,
    /// Mutual nearest neighbours.
    Mutual,
    /// Each left entity's best.
    Best,
    /// One-to-one such that no two entities would rather have each other (Gale and Shapley 1962). A score
    /// is the same from both of its ends, so there is one such matching, and it is [`Matching::Greedy`]'s:
    /// a pair of the highest score left is either taken or blocks.
    Stable,
    /// One-to-one with the greatest total of what scores have above the threshold, or above 0 without one
    /// (Kuhn 1955).
    Hungarian,
    /// By shares of an entropy-regularised transport between the sides (Cuturi 2013): one-to-one by
    /// falling share, or the greatest share of every left entity.
    Sinkhorn,
}

impl Matching {
    /// Whether it links a right entity once at most, unless told otherwise.
    pub fn is_one_to_one(self) -> bool {
        self != Matching::Best
    }
}

/// What becomes of similarities before links are made of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rescale {
    /// Nothing.
    None,
    /// Less the mean of so many greatest similarities of both ends (Lample et al. 2018, CSLS).
    Csls(usize),
    /// The reciprocal of the mean rank in the preferences of both ends (Zeng et al. 2021, RInf).
    Rinf,
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
    /// Whether a right entity is linked once at most; `None` is the matching's own way.
    pub one_to_one: Option<bool>,
    /// What becomes of similarities before.
    pub rescale: Rescale,
    /// Candidates kept per entity.
    pub candidates: usize,
    /// Least score of a link.
    pub threshold: Option<Auto<f32>>,
    /// Least estimated precision of the links, where the threshold is left to the data.
    pub precision: f64,
    /// What similarities are divided by for [`Matching::Sinkhorn`].
    pub temperature: f32,
    /// Most iterations of [`Matching::Sinkhorn`].
    pub iterations: usize,
    /// Missing rows.
    pub missing: Missing,
    /// Which pairs are compared.
    pub search: Search,
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
    /// Compare with all (`true`), or go through an index even where that costs more (`false`).
    pub exact: Option<bool>,
    /// Recall at ten that an index must have shown to be gone through.
    pub recall: f64,
}

impl Match {
    /// The best ten counterparts of an entity of either side, by the features.
    pub fn new(entity: &str, pair: &str) -> Self {
        Match {
            entity: entity.to_string(),
            pair: pair.to_string(),
            side: None,
            model: None,
            weights: Weights::Auto,
            limit: 10,
            exact: None,
            recall: super::RECALL,
        }
    }
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
    /// The parameters of a model, under its authors' names.
    Safetensors,
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
            one_to_one: None,
            rescale: Rescale::Csls(10),
            candidates: 10,
            threshold: None,
            precision: PRECISION,
            temperature: 0.05,
            iterations: 100,
            missing: Missing::Neutral,
            search: Search::default(),
            name: name.to_string(),
            seed: None,
        }
    }

    /// Whether a right entity is linked once at most.
    pub fn is_one_to_one(&self) -> bool {
        self.one_to_one.unwrap_or(self.matching.is_one_to_one())
    }

    /// The option that makes no sense as it stands, with the error that says so.
    pub(crate) fn nonsense(&self) -> Option<(&'static str, Error)> {
        let word = self.matching.as_str();
        let conflict = |message: String, help: &str| Error::new(Code::Conflict, message).help(help);
        let outside = |message: String, help: &str| Error::new(Code::OutOfRange, message).help(help);
        let found = match self {
            _ if !self.is_one_to_one() && !matches!(self.matching, Matching::Best | Matching::Sinkhorn) => (
                "one_to_one",
                conflict(
                    format!("match={word} links an entity once at most"),
                    "match=best and match=sinkhorn can do with one_to_one=false",
                ),
            ),
            _ if self.matching == Matching::Sinkhorn && self.rescale == Rescale::Rinf => (
                "rescale",
                conflict(
                    "match=sinkhorn balances similarities, and rescale=rinf leaves only ranks".to_string(),
                    "leave out one of the two",
                ),
            ),
            Align { threshold: Some(Auto::Fixed(least)), .. } if !least.is_finite() => (
                "threshold",
                outside(format!("threshold={least} is no score"), "give a finite number, or leave it out"),
            ),
            _ if !(self.temperature > 0.0 && self.temperature.is_finite()) => (
                "temperature",
                outside(
                    format!("temperature={} cannot divide similarities", self.temperature),
                    "give a number above 0, such as 0.05",
                ),
            ),
            _ if self.iterations == 0 => (
                "iterations",
                outside("iterations=0 balances nothing".to_string(), "give 100, or leave it out"),
            ),
            _ if !(0.0..=1.0).contains(&self.precision) => (
                "precision",
                outside(format!("a precision of {} cannot be", self.precision), "give a number from 0 to 1"),
            ),
            _ => return None,
        };
        Some(found)
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
