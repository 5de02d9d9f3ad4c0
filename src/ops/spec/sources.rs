//! What brings graphs and modalities in: `IMPORT`, `EMBED`, `GENERATE`.

use std::path::PathBuf;

use crate::features::Modality;
use crate::kg::Split;

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
    /// Its place in the graph.
    Structure,
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
    /// Vectors of seeds, spread over the triples.
    Propagation,
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
    /// Name of the modality; `None` takes the source's usual one (`text` for names, `neighbours` for
    /// structure, whose own name is that of what a model learns).
    pub modality: Option<Modality>,
    /// Shortest n-gram (default 2).
    pub min_n: usize,
    /// Longest n-gram (default 4).
    pub max_n: usize,
    /// Width: hash buckets for n-grams (default 2²⁰), columns for a bag of words (default 1,000) or of
    /// each hop of a propagation (default 256).
    pub dims: Option<usize>,
    /// The seed set that is propagated.
    pub seeds: Option<String>,
    /// Hops of a propagation (default 2).
    pub hops: usize,
    /// Random seed of a propagation; `None` takes the setting.
    pub seed: Option<u64>,
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
    /// Share of the links that are to judge by; of the others two thirds are to train on.
    pub test: f64,
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
            test: 0.7,
            missing_attributes: 0.2,
            seed: None,
        }
    }
}
