//! What the catalogue holds under a name: a pair with its graphs, links and modalities, or an artifact.

use rkyv::{Archive, Deserialize, Serialize};

use super::dump::hex;
use super::entry_old;
use crate::error::{Code, Error, Result};
use crate::kg::{Graph, Side};
use crate::store::{Digest, Record, Space};

/// One graph of a pair.
#[derive(Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize, Clone, Debug, PartialEq)]
pub struct GraphEntry {
    /// Where its blocks are.
    #[serde(skip)]
    pub space: u64,
    /// Digest of its content.
    #[serde(with = "hex")]
    pub digest: [u8; 32],
    /// Number of entities, deleted ones included.
    pub entities: u64,
    /// Number of relations.
    pub relations: u64,
    /// Number of attributes.
    pub attributes: u64,
    /// Number of relation triples.
    pub triples: u64,
    /// Number of attribute triples.
    pub attribute_triples: u64,
    /// Entities of these that were deleted; they keep their ids.
    pub deleted: u64,
    /// Digest of which entities there are: their number, and those that were deleted.
    #[serde(with = "hex")]
    pub extent: [u8; 32],
    /// Edits since its blocks were written.
    pub edits: u64,
}

impl GraphEntry {
    /// The entry of a graph that was just written into a space, under the digest of its content.
    pub fn of(space: Space, digest: [u8; 32], graph: &Graph) -> Self {
        GraphEntry {
            space: space.0,
            digest,
            entities: graph.len() as u64,
            relations: graph.relations.len() as u64,
            attributes: graph.attributes.len() as u64,
            triples: graph.triples.len() as u64,
            attribute_triples: graph.attribute_triples.len() as u64,
            deleted: graph.deleted.len() as u64,
            extent: extent(graph.len() as u64, &graph.deleted),
            edits: 0,
        }
    }
}

/// The reference links of a pair.
#[derive(Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize, Clone, Debug, PartialEq)]
pub struct LinksEntry {
    /// Where the rows are.
    #[serde(skip)]
    pub space: u64,
    /// Digest of the rows.
    #[serde(with = "hex")]
    pub digest: [u8; 32],
    /// Number of links.
    pub count: u64,
    /// Of these: train, valid, test, without a split.
    pub splits: [u64; 4],
}

/// One modality of a pair.
#[derive(Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize, Clone, Debug, PartialEq)]
pub struct FeatureEntry {
    /// Its name.
    pub modality: String,
    /// Objects that hold the left and the right rows.
    #[serde(with = "hex")]
    pub objects: [[u8; 32]; 2],
    /// Rows present on the left and on the right.
    pub present: [u64; 2],
    /// Width of a row.
    pub cols: u64,
    /// Whether the rows are sparse.
    pub sparse: bool,
    /// What made it: "import visual_sim.npy (f16)", "ngrams 2..4 of name".
    pub made_by: String,
    /// The statement that makes it again, in SeedQL; empty where it came from files.
    pub statement: String,
    /// What it was made from; nothing where it came from files.
    pub inputs: Vec<Input>,
}

/// The verdicts on a pair: what its log comes to.
#[derive(Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize, Clone, Debug, PartialEq)]
pub struct VerdictsEntry {
    /// Lines of the log.
    pub logged: u64,
    /// Digest of what stands; zeros where nothing does.
    #[serde(with = "hex")]
    pub digest: [u8; 32],
    /// Accepted pairs.
    pub accepted: u64,
    /// Rejected pairs.
    pub rejected: u64,
}

/// A pair of graphs.
#[derive(Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize, Clone, Debug, PartialEq)]
pub struct PairEntry {
    /// Its name.
    pub name: String,
    /// Raised by every change of its graphs, links or features.
    pub version: u64,
    /// Left and right graph.
    pub graphs: [GraphEntry; 2],
    /// Reference links, if any were brought.
    pub links: Option<LinksEntry>,
    /// Modalities, by name.
    pub features: Vec<FeatureEntry>,
    /// What people have said of it, if anything.
    pub verdicts: Option<VerdictsEntry>,
    /// Where it came from: "dbp15k data/zh_en".
    pub origin: String,
    /// Digest of the graphs and links as they were first brought: the same import again is known by it.
    #[serde(with = "hex")]
    pub source: [u8; 32],
    /// Seconds since 1970.
    pub created: u64,
}

/// The digest of which entities a graph has.
pub fn extent(entities: u64, deleted: &[u32]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&entities.to_le_bytes()).update(bytemuck::cast_slice(deleted));
    *hasher.finalize().as_bytes()
}

impl PairEntry {
    /// The modality of that name.
    pub fn feature(&self, modality: &str) -> Option<&FeatureEntry> {
        self.features.iter().find(|feature| feature.modality == modality)
    }

    /// The graph of a side.
    pub fn graph(&self, side: Side) -> &GraphEntry {
        match side {
            Side::Left => &self.graphs[0],
            Side::Right => &self.graphs[1],
        }
    }

    /// Adds or replaces a modality and raises the version.
    pub fn set_feature(&mut self, entry: FeatureEntry) {
        self.features.retain(|feature| feature.modality != entry.modality);
        self.features.push(entry);
        self.features.sort_by(|a, b| a.modality.cmp(&b.modality));
        self.version += 1;
    }
}

/// What an artifact is.
#[derive(
    Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize, Clone, Copy, Debug, PartialEq, Eq,
)]
#[serde(rename_all = "lowercase")]
pub enum ArtifactKind {
    /// A seed set.
    Seeds,
    /// An alignment.
    Alignment,
    /// A tuned or trained model; its rows are the seeds it learned from.
    Model,
    /// An index; it has no rows.
    Index,
}

impl ArtifactKind {
    /// `seeds`, `alignment`, `model` or `index`.
    pub fn as_str(self) -> &'static str {
        match self {
            ArtifactKind::Seeds => "seeds",
            ArtifactKind::Alignment => "alignment",
            ArtifactKind::Model => "model",
            ArtifactKind::Index => "index",
        }
    }
}

/// What an artifact was made from, as it was then.
#[derive(
    Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize, Clone, Debug, PartialEq, Eq,
)]
#[serde(tag = "of", rename_all = "lowercase")]
pub enum Input {
    /// An artifact's rows.
    Artifact {
        /// Its name.
        name: String,
        /// Digest at that time.
        #[serde(with = "hex")]
        digest: [u8; 32],
    },
    /// A modality of a pair.
    Feature {
        /// The pair.
        pair: String,
        /// The modality.
        modality: String,
        /// Digest at that time.
        #[serde(with = "hex")]
        digest: [u8; 32],
    },
    /// The triples of both graphs of a pair.
    Graphs {
        /// The pair.
        pair: String,
        /// Digest at that time.
        #[serde(with = "hex")]
        digest: [u8; 32],
    },
    /// That a pair has these modalities and no others.
    Modalities {
        /// The pair.
        pair: String,
        /// Their names.
        names: Vec<String>,
    },
    /// The reference links of a pair.
    Links {
        /// The pair.
        pair: String,
        /// Digest at that time.
        #[serde(with = "hex")]
        digest: [u8; 32],
    },
    /// Which entities a pair has.
    Entities {
        /// The pair.
        pair: String,
        /// Digest at that time.
        #[serde(with = "hex")]
        digest: [u8; 32],
    },
    /// The verdicts on a pair.
    Verdicts {
        /// The pair.
        pair: String,
        /// Digest at that time; zeros where there were none.
        #[serde(with = "hex")]
        digest: [u8; 32],
    },
}

impl Input {
    /// Whether people are told of it: not of what every artifact rests on, unless there is something to it.
    pub fn is_told(&self) -> bool {
        match self {
            Input::Entities { .. } => false,
            Input::Verdicts { digest, .. } => *digest != [0; 32],
            _ => true,
        }
    }

    /// What a person calls it: `s1`, `zh_en.visual`, `modalities of zh_en`.
    pub fn name(&self) -> String {
        match self {
            Input::Artifact { name, .. } => name.clone(),
            Input::Feature { pair, modality, .. } => format!("{pair}.{modality}"),
            Input::Graphs { pair, .. } => format!("graphs of {pair}"),
            Input::Modalities { pair, .. } => format!("modalities of {pair}"),
            Input::Links { pair, .. } => format!("links of {pair}"),
            Input::Entities { pair, .. } => format!("entities of {pair}"),
            Input::Verdicts { pair, .. } => format!("verdicts on {pair}"),
        }
    }
}

/// A named, immutable result with its lineage.
#[derive(Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize, Clone, Debug, PartialEq)]
pub struct ArtifactEntry {
    /// Its name.
    pub name: String,
    /// Seed set, alignment, model or index.
    pub kind: ArtifactKind,
    /// The pair it belongs to.
    pub pair: String,
    /// Key of the operation that made it (see [`crate::ops`]).
    #[serde(with = "hex")]
    pub key: [u8; 32],
    /// Digest of its rows.
    #[serde(with = "hex")]
    pub digest: [u8; 32],
    /// Where the rows are.
    #[serde(skip)]
    pub space: u64,
    /// Number of rows.
    pub rows: u64,
    /// Number of rows a correction dropped (seed sets).
    pub dropped: u64,
    /// The request that made it, in SeedQL.
    pub statement: String,
    /// What it was made from.
    pub inputs: Vec<Input>,
    /// Modalities of the per-modality scores, in their order.
    pub modalities: Vec<String>,
    /// The weights that were used, in the same order.
    pub weights: Vec<f32>,
    /// Neighbours of the CSLS correction; 0 for plain scores.
    pub csls: u32,
    /// What admitted the rows: a row names one of these by number.
    pub stages: Vec<String>,
    /// How missing rows were treated: `neutral`, `renormalise` or `random`.
    pub missing: String,
    /// The random seed.
    pub seed: u64,
    /// How scores became links (alignments).
    pub matching: String,
    /// Objects by what they hold: `visual.left` and `state` of a model, `left` of an index.
    #[serde(with = "hex")]
    pub objects: Vec<(String, [u8; 32])>,
    /// Facts of the run by name: number of clusters, iterations, quotas.
    pub facts: Vec<(String, String)>,
    /// Seconds since 1970.
    pub created: u64,
    /// How long it took.
    pub seconds: f64,
}

impl ArtifactEntry {
    /// The object of that name.
    pub fn object(&self, name: &str) -> Option<Digest> {
        self.objects.iter().find(|(known, _)| known == name).map(|(_, digest)| Digest(*digest))
    }

    /// The weights it was made with, if they are of just these modalities: a refresh keeps them.
    pub fn settled_weights(&self, modalities: &[String]) -> Option<&[f32]> {
        (self.modalities == modalities && self.weights.len() == modalities.len()).then_some(&self.weights)
    }

    /// Whether it was asked for otherwise than another, names of results aside.
    pub fn recipe_differs(&self, other: &Self) -> bool {
        fn recipe(statement: &str) -> &str {
            statement.rsplit_once(" AS ").map_or(statement, |(recipe, _)| recipe)
        }
        recipe(&self.statement) != recipe(&other.statement)
    }

    /// The embeddings of a model, which an alignment by it keeps.
    pub fn embedding_objects(&self) -> Vec<(String, [u8; 32])> {
        let embedding = |name: &str| name.ends_with(".left") || name.ends_with(".right");
        self.objects.iter().filter(|(name, _)| embedding(name)).cloned().collect()
    }
}

/// A record of the catalogue.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub enum Entry {
    /// A pair.
    Pair(PairEntry),
    /// An artifact.
    Artifact(ArtifactEntry),
}

impl ArtifactEntry {
    /// A fact of the run.
    pub fn fact(&self, name: &str) -> Option<&str> {
        self.facts.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl Record for Entry {
    const KIND: [u8; 4] = *b"catl";
    const VERSION: u16 = 4;

    fn upgrade(version: u16, archive: &[u8]) -> Result<Self> {
        match version {
            // The third added a kind of input; what was there before lies as it did.
            2 | 3 => entry_old::read(archive),
            _ => Err(Error::new(Code::Unsupported, format!("catalogue records of version {version}"))
                .help("open the store with the release that wrote it, export, and import again")),
        }
    }
}

impl Entry {
    /// The name it is found under.
    pub fn name(&self) -> &str {
        match self {
            Entry::Pair(pair) => &pair.name,
            Entry::Artifact(artifact) => &artifact.name,
        }
    }

    /// `pair`, `seeds`, `alignment`, `model` or `index`.
    pub fn kind(&self) -> &'static str {
        match self {
            Entry::Pair(_) => "pair",
            Entry::Artifact(artifact) => artifact.kind.as_str(),
        }
    }
}
