//! The catalogue: what exists under which name, made by what, from what.
//!
//! One record a pair and one an artifact, keyed by name. They hold counts, digests and lineage; the
//! rows and matrices they name live in spaces and objects. Whatever no record names is garbage.

use std::collections::{BTreeSet, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use rkyv::{Archive, Deserialize, Serialize};

use crate::error::{Code, Error, Result};
use crate::store::{Batch, Db, Digest, Live, Record, Table};

/// Names to [`Entry`].
const CATALOG: Table = Table("catalog");
/// Times to [`Logged`].
const JOURNAL: Table = Table("journal");

/// Lines of the journal this process wrote.
static LOGGED: AtomicU64 = AtomicU64::new(0);

/// One graph of a pair.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct GraphEntry {
    /// Where its blocks are.
    pub space: u64,
    /// Digest of its content.
    pub digest: [u8; 32],
    /// Number of entities.
    pub entities: u64,
    /// Number of relations.
    pub relations: u64,
    /// Number of attributes.
    pub attributes: u64,
    /// Number of relation triples.
    pub triples: u64,
    /// Number of attribute triples.
    pub attribute_triples: u64,
}

/// The reference links of a pair.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct LinksEntry {
    /// Where the rows are.
    pub space: u64,
    /// Digest of the rows.
    pub digest: [u8; 32],
    /// Number of links.
    pub count: u64,
    /// Of these: train, valid, test, without a split.
    pub splits: [u64; 4],
}

/// One modality of a pair.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct FeatureEntry {
    /// Its name.
    pub modality: String,
    /// Objects that hold the left and the right rows.
    pub objects: [[u8; 32]; 2],
    /// Rows present on the left and on the right.
    pub present: [u64; 2],
    /// Width of a row.
    pub cols: u64,
    /// Whether the rows are sparse.
    pub sparse: bool,
    /// What made it: "import visual_sim.npy (f16)", "ngrams 2..4 of name".
    pub made_by: String,
}

/// A pair of graphs.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq)]
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
    /// Where it came from: "dbp15k data/zh_en".
    pub origin: String,
    /// Digest of the graphs and links as they were first brought: the same import again is known by it.
    pub source: [u8; 32],
    /// Seconds since 1970.
    pub created: u64,
}

impl PairEntry {
    /// The modality of that name.
    pub fn feature(&self, modality: &str) -> Option<&FeatureEntry> {
        self.features.iter().find(|feature| feature.modality == modality)
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
#[derive(Archive, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
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
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// An artifact's rows.
    Artifact {
        /// Its name.
        name: String,
        /// Digest at that time.
        digest: [u8; 32],
    },
    /// A modality of a pair.
    Feature {
        /// The pair.
        pair: String,
        /// The modality.
        modality: String,
        /// Digest at that time.
        digest: [u8; 32],
    },
    /// The triples of both graphs of a pair.
    Graphs {
        /// The pair.
        pair: String,
        /// Digest at that time.
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
        digest: [u8; 32],
    },
}

impl Input {
    /// What a person calls it: `s1`, `zh_en.visual`, `modalities of zh_en`.
    pub fn name(&self) -> String {
        match self {
            Input::Artifact { name, .. } => name.clone(),
            Input::Feature { pair, modality, .. } => format!("{pair}.{modality}"),
            Input::Graphs { pair, .. } => format!("graphs of {pair}"),
            Input::Modalities { pair, .. } => format!("modalities of {pair}"),
            Input::Links { pair, .. } => format!("links of {pair}"),
        }
    }
}

/// A named, immutable result with its lineage.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct ArtifactEntry {
    /// Its name.
    pub name: String,
    /// Seed set, alignment, model or index.
    pub kind: ArtifactKind,
    /// The pair it belongs to.
    pub pair: String,
    /// Key of the operation that made it (see [`crate::ops`]).
    pub key: [u8; 32],
    /// Digest of its rows.
    pub digest: [u8; 32],
    /// Where the rows are.
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
    pub objects: Vec<(String, [u8; 32])>,
    /// Facts of the run by name: number of clusters, iterations, quotas.
    pub facts: Vec<(String, String)>,
    /// Seconds since 1970.
    pub created: u64,
    /// How long it took.
    pub seconds: f64,
}

impl ArtifactEntry {
    /// What an alignment by this model keeps of it: all but the state to go on from.
    pub fn lasting_objects(&self) -> Vec<(String, [u8; 32])> {
        self.objects.iter().filter(|(name, _)| name != super::runs::STATE).cloned().collect()
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
    const VERSION: u16 = 3;

    fn upgrade(version: u16, archive: &[u8]) -> Result<Self> {
        match version {
            // The third added a kind of input; what was there before lies as it did.
            2 => rkyv::from_bytes::<Entry, rkyv::rancor::Error>(archive)
                .map_err(|cause| Error::new(Code::Corrupt, format!("a record of the catalogue: {cause}"))),
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

/// One line of the journal: a statement that changed the store.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Logged {
    /// The statement in SeedQL.
    pub statement: String,
    /// What it made, with its digest in short.
    pub result: String,
    /// Seconds since 1970.
    pub at: u64,
    /// How long it took.
    pub seconds: f64,
}

impl Record for Logged {
    const KIND: [u8; 4] = *b"jrnl";
    const VERSION: u16 = 1;
}

/// The entry of a name, if there is one.
pub fn find(db: &Db, name: &str) -> Result<Option<Entry>> {
    db.get(CATALOG, name.as_bytes())
}

/// All entries, by name.
pub fn all(db: &Db) -> Result<Vec<Entry>> {
    db.scan::<Entry>(CATALOG, b"").map(|row| row.map(|(_, entry)| entry)).collect()
}

/// The pair of that name.
pub fn pair(db: &Db, name: &str) -> Result<PairEntry> {
    match find(db, name)? {
        Some(Entry::Pair(pair)) => Ok(pair),
        Some(other) => Err(wrong_kind(name, other.kind(), "a pair")),
        None => Err(unknown(db, "pair", name, |entry| matches!(entry, Entry::Pair(_)))),
    }
}

/// The artifact of that name, of one kind or of any.
pub fn artifact(db: &Db, name: &str, kind: Option<ArtifactKind>) -> Result<ArtifactEntry> {
    let wanted = match kind {
        Some(ArtifactKind::Seeds) => "seed set",
        Some(ArtifactKind::Alignment) => "alignment",
        Some(ArtifactKind::Model) => "model",
        Some(ArtifactKind::Index) => "index",
        None => "artifact",
    };
    let fits = |artifact: &ArtifactEntry| kind.is_none_or(|kind| kind == artifact.kind);
    match find(db, name)? {
        Some(Entry::Artifact(artifact)) if fits(&artifact) => Ok(artifact),
        Some(other) => {
            let article = if wanted.starts_with(['a', 'i']) { "an" } else { "a" };
            Err(wrong_kind(name, other.kind(), &format!("{article} {wanted}")))
        }
        None => Err(unknown(
            db,
            wanted,
            name,
            |entry| matches!(entry, Entry::Artifact(artifact) if fits(artifact)),
        )),
    }
}

/// The artifact that the operation of this key made, under whatever name.
pub fn by_key(db: &Db, key: &[u8; 32]) -> Result<Option<ArtifactEntry>> {
    Ok(with_key(db, key)?.into_iter().next())
}

/// All names of what the operation of this key made.
pub fn with_key(db: &Db, key: &[u8; 32]) -> Result<Vec<ArtifactEntry>> {
    let entries = all(db)?.into_iter();
    Ok(entries
        .filter_map(|entry| match entry {
            Entry::Artifact(artifact) if artifact.key == *key => Some(artifact),
            _ => None,
        })
        .collect())
}

/// Makes the batch fail unless the name still has this entry (`None`: is free).
pub fn expect(batch: &mut Batch, name: &str, entry: Option<&Entry>) -> Result<()> {
    batch.expect(CATALOG, name.as_bytes(), entry)
}

/// Puts an entry into a batch, with the line of the journal that made it.
pub fn put(batch: &mut Batch, entry: &Entry, logged: &Logged) -> Result<()> {
    batch.put(CATALOG, entry.name().as_bytes(), entry)?;
    log(batch, logged)
}

/// Takes an entry out of the catalogue; its bytes go with the next sweep.
pub fn remove(batch: &mut Batch, name: &str, logged: &Logged) -> Result<()> {
    batch.delete(CATALOG, name.as_bytes());
    log(batch, logged)
}

/// Lines are keyed by the time in nanoseconds, the process and a count of its own, so that no two meet
/// whatever the clock does.
fn log(batch: &mut Batch, logged: &Logged) -> Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_nanos() as u64);
    let count = LOGGED.fetch_add(1, Ordering::Relaxed);
    let key = [&now.to_be_bytes()[..], &std::process::id().to_be_bytes(), &count.to_be_bytes()].concat();
    batch.put(JOURNAL, &key, logged)
}

/// The journal, oldest first.
pub fn journal(db: &Db) -> Result<Vec<Logged>> {
    db.scan::<Logged>(JOURNAL, b"").map(|row| row.map(|(_, logged)| logged)).collect()
}

/// Names of the artifacts of a pair.
pub fn artifacts_of(db: &Db, pair: &str) -> Result<Vec<String>> {
    let entries = all(db)?.into_iter();
    Ok(entries
        .filter_map(|entry| match entry {
            Entry::Artifact(artifact) if artifact.pair == pair => Some(artifact.name),
            _ => None,
        })
        .collect())
}

/// The artifact of that name, if it has rows: any but an index.
pub fn with_rows(db: &Db, name: &str) -> Result<ArtifactEntry> {
    let found = artifact(db, name, None)?;
    match found.kind {
        ArtifactKind::Index => Err(wrong_kind(name, found.kind.as_str(), "a seed set or an alignment")),
        _ => Ok(found),
    }
}

/// Everything the catalogue names: what a sweep must keep.
pub fn live(db: &Db) -> Result<Live> {
    let (mut objects, mut spaces) = (HashSet::new(), HashSet::new());
    for entry in all(db)? {
        match entry {
            Entry::Pair(pair) => {
                spaces.extend(pair.graphs.iter().map(|graph| graph.space));
                spaces.extend(pair.links.iter().map(|links| links.space));
                objects.extend(pair.features.iter().flat_map(|feature| feature.objects.map(Digest)));
            }
            Entry::Artifact(artifact) => {
                spaces.insert(artifact.space);
                objects.extend(artifact.objects.iter().map(|(_, digest)| Digest(*digest)));
            }
        }
    }
    objects.extend(super::runs::checkpoints(db)?);
    Ok(Live { objects, spaces })
}

fn wrong_kind(name: &str, is: &str, wanted: &str) -> Error {
    let is = match is {
        "alignment" => "an alignment",
        "seeds" => "a seed set",
        "model" => "a model",
        "index" => "an index",
        _ => "a pair",
    };
    Error::new(Code::WrongType, format!("`{name}` is {is}, not {wanted}"))
        .help("SHOW ARTIFACTS and SHOW PAIRS list what there is")
}

/// The error for a name that nothing of the wanted kind has, with the nearest one that does.
pub fn unknown(db: &Db, wanted: &str, name: &str, fits: impl Fn(&Entry) -> bool) -> Error {
    let names: BTreeSet<String> = all(db)
        .unwrap_or_default()
        .iter()
        .filter(|entry| fits(entry))
        .map(|e| e.name().to_string())
        .collect();
    let error = Error::new(Code::UnknownName, format!("there is no {wanted} `{name}`"));
    let near = names
        .iter()
        .map(|known| (strsim::osa_distance(known, name), known))
        .filter(|(distance, known)| {
            *distance <= 1 + known.chars().count() / 3 && *distance < name.chars().count()
        })
        .min();
    if let Some((_, near)) = near {
        return error.help(format!("did you mean `{near}`?"));
    }
    let list = names.iter().take(8).cloned().collect::<Vec<_>>().join(", ");
    match (names.is_empty(), wanted) {
        (true, "pair") => {
            error.help("the store holds no pair yet; start with IMPORT … AS name or GENERATE PAIR name")
        }
        (true, "alignment") => error.help("the store holds none yet; make one with ALIGN pair … AS name"),
        (true, "model") => error.help("the store holds none yet; make one with TUNE seeds AS name"),
        (true, _) => error.help("the store holds none yet; make one with SEED … FROM pair AS name"),
        (false, _) => error.help(format!("there is {list}")),
    }
}
