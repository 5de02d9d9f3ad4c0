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
    /// Its name and what its literals say, as one text.
    Text,
    /// Pictures of it.
    Image,
    /// Its numeric literals, dates among them.
    Numeric,
    /// Its dates.
    Temporal,
    /// Where it is on the earth.
    Geo,
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
    /// Numbers, dates or places, through grids from coarse to fine.
    Numeric,
    /// Vectors of seeds, spread over the triples.
    Propagation,
    /// Which relations and degrees random walks meet.
    Walks,
    /// Colours, layout and edges of pictures.
    Pixels,
    /// A network of texts: BERT, RoBERTa or what was trained on top of them.
    Bert,
    /// ResNet-50 (He et al. 2016).
    Resnet50,
    /// ResNet-152, which EVA and those after it take.
    Resnet152,
    /// VGG-16 (Simonyan and Zisserman 2015).
    Vgg16,
    /// The vision transformer (Dosovitskiy et al. 2021).
    Vit,
    /// The vision half of CLIP (Radford et al. 2021).
    Clip,
}

impl Embed {
    /// Nothing but what every encoder can do without: the usual encoder, the usual name, defaults.
    pub fn new(source: Source, encoder: Encoder, pair: impl Into<String>) -> Self {
        Embed {
            source,
            encoder,
            pair: pair.into(),
            modality: None,
            weights: None,
            pictures: Vec::new(),
            folder: None,
            min_n: 2,
            max_n: 4,
            dims: None,
            seeds: None,
            hops: if encoder == Encoder::Walks { 3 } else { 2 },
            seed: None,
        }
    }
}

impl Encoder {
    /// Whether it is a network, whose weights are files.
    pub fn has_weights(self) -> bool {
        self == Encoder::Bert || self != Encoder::Pixels && self.fits(Source::Image)
    }

    /// Whether it can embed that.
    pub fn fits(self, source: Source) -> bool {
        match self {
            Encoder::Ngrams => source == Source::Name,
            Encoder::Bow => matches!(source, Source::Relation | Source::Attribute),
            Encoder::Numeric => matches!(source, Source::Numeric | Source::Temporal | Source::Geo),
            Encoder::Propagation | Encoder::Walks => source == Source::Structure,
            Encoder::Pixels
            | Encoder::Resnet50
            | Encoder::Resnet152
            | Encoder::Vgg16
            | Encoder::Vit
            | Encoder::Clip => source == Source::Image,
            Encoder::Bert => {
                matches!(source, Source::Name | Source::Relation | Source::Attribute | Source::Text)
            }
        }
    }
}

impl Source {
    /// What embeds it where nothing is said: it needs neither weights nor seeds. A whole text has nothing of the
    /// kind.
    pub fn usual(self) -> Option<Encoder> {
        match self {
            Source::Name => Some(Encoder::Ngrams),
            Source::Relation | Source::Attribute => Some(Encoder::Bow),
            Source::Text => None,
            Source::Image => Some(Encoder::Pixels),
            Source::Numeric | Source::Temporal | Source::Geo => Some(Encoder::Numeric),
            Source::Structure => Some(Encoder::Walks),
        }
    }

    /// The name of the modality that is made of it where nothing is said.
    pub fn modality(self, encoder: Encoder) -> &'static str {
        match (self, encoder) {
            (Source::Name | Source::Text, _) => "text",
            (Source::Relation, _) => "relation",
            (Source::Attribute, _) => "attribute",
            (Source::Image, _) => "visual",
            (Source::Numeric, _) => "numeric",
            (Source::Temporal, _) => "temporal",
            (Source::Geo, _) => "geo",
            // Structure's own name is that of what a model learns.
            (Source::Structure, Encoder::Walks) => "walks",
            (Source::Structure, _) => "neighbours",
        }
    }
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
    /// Name of the modality; `None` takes the usual one ([`Source::modality`]).
    pub modality: Option<Modality>,
    /// Folder or file of a network's weights.
    pub weights: Option<PathBuf>,
    /// A folder or an index file of pictures, or the left graph's and the right graph's.
    pub pictures: Vec<PathBuf>,
    /// Where the pictures that an index names are, if not beside it.
    pub folder: Option<PathBuf>,
    /// Shortest n-gram (default 2).
    pub min_n: usize,
    /// Longest n-gram (default 4).
    pub max_n: usize,
    /// Width: hash buckets for n-grams (default 2²⁰), columns for a bag of words (default 1,000) or of
    /// each hop of a propagation or of walks (default 256).
    pub dims: Option<usize>,
    /// The seed set that is propagated.
    pub seeds: Option<String>,
    /// Hops of a propagation (default 2) or of walks (default 3).
    pub hops: usize,
    /// Random seed of a propagation or of walks; `None` takes the setting.
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
    /// A folder for pictures of the entities, drawn instead of visual features: for `EMBED image` to read.
    pub pictures: Option<PathBuf>,
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
            pictures: None,
            seed: None,
        }
    }
}
