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

pub use super::entry::*;

/// Names to [`Entry`].
const CATALOG: Table = Table("catalog");
/// Times to [`Logged`].
const JOURNAL: Table = Table("journal");

/// Lines of the journal this process wrote.
static LOGGED: AtomicU64 = AtomicU64::new(0);

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

/// All pairs, by name.
pub fn pairs(db: &Db) -> Result<Vec<PairEntry>> {
    let entries = all(db)?.into_iter();
    Ok(entries.filter_map(|entry| if let Entry::Pair(pair) = entry { Some(pair) } else { None }).collect())
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
    journal_lines(db).map(|row| row.map(|(_, logged)| logged)).collect()
}

/// The lines of the journal with their keys, oldest first: what a dump keeps of them.
pub fn journal_lines(db: &Db) -> impl Iterator<Item = Result<(Vec<u8>, Logged)>> {
    db.scan::<Logged>(JOURNAL, b"")
}

/// Puts an entry into a batch as a dump has it: the journal tells of it already.
pub fn restore(batch: &mut Batch, entry: &Entry) -> Result<()> {
    batch.put(CATALOG, entry.name().as_bytes(), entry)
}

/// Puts a line of the journal into a batch, under the key that it had.
pub fn restore_line(batch: &mut Batch, key: &[u8], logged: &Logged) -> Result<()> {
    batch.put(JOURNAL, key, logged)
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
    objects.extend(super::near::objects(db)?);
    objects.extend(super::encoded::objects(db)?);
    Ok(Live { objects, spaces })
}

/// The store with the catalogue as it is now.
pub fn view(db: &Db) -> Result<Db> {
    db.view(CATALOG)
}

/// What the catalogue names and what it named when those took it who are still reading.
pub fn spared(db: &Db) -> Result<Live> {
    let mut all = live(db)?;
    for view in db.views() {
        let live = live(&view)?;
        all.objects.extend(live.objects);
        all.spaces.extend(live.spaces);
    }
    Ok(all)
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
