//! Lists of best partners that are kept between statements: in memory, and in the store for the next time.
//!
//! They are derived from the features of a pair and can be lost without harm. Each is known by what its
//! scores are made of; a pair has a few at most.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex};

use rkyv::{Archive, Deserialize, Serialize};

use super::catalog::{self, Entry, PairEntry};
use super::engine::{Engine, locked};
use super::upkeep::Upkeep;
use crate::error::{Code, Result};
use crate::linalg::{Compared, Keeper, Kept, KeptSide, PairScores};
use crate::store::{Batch, Db, Digest, Record, Table};

/// Pair and key to [`NearEntry`].
const NEAR: Table = Table("near");

/// Lists kept for a pair.
const MOST: usize = 4;

/// Lists kept in memory, and as many times scores of pairs.
const CACHED: usize = 3;

/// More rows than this of both sides together are not kept: the lists would take hundreds of megabytes.
const MOST_ROWS: u64 = 400_000;

#[derive(Archive, Serialize, Deserialize, Clone)]
pub(crate) struct NearEntry {
    object: [u8; 32],
    /// Greater than that of those kept before.
    number: u64,
}

impl Record for NearEntry {
    const KIND: [u8; 4] = *b"near";
    const VERSION: u16 = 1;
}

#[derive(Archive, Serialize, Deserialize)]
struct NearSide {
    ends: Vec<u32>,
    ids: Vec<u32>,
    scores: Vec<f32>,
    tail_ids: Vec<u32>,
    tail_scores: Vec<f32>,
    marks: Vec<u64>,
}

#[derive(Archive, Serialize, Deserialize)]
pub(crate) struct NearObject {
    left: NearSide,
    right: NearSide,
    left_bias: Vec<f32>,
    right_bias: Vec<f32>,
}

impl Record for NearObject {
    const KIND: [u8; 4] = *b"nrls";
    const VERSION: u16 = 2;
}

impl NearObject {
    /// The lists; nothing if these are none that fit each other.
    pub(crate) fn kept(self) -> Option<Kept> {
        let rows = (self.left.ends.len(), self.right.ends.len());
        let biases = [self.left_bias, self.right_bias];
        let fits = |bias: &Vec<f32>, rows: usize| bias.is_empty() || bias.len() == rows;
        if !fits(&biases[0], rows.0) || !fits(&biases[1], rows.1) {
            return None;
        }
        Some(Kept::of(side(self.left, rows.1)?, side(self.right, rows.0)?, biases))
    }
}

/// What is kept in memory.
#[derive(Clone, Default)]
pub(crate) struct Cache {
    /// Lists, newest first.
    lists: Arc<Mutex<VecDeque<Cached>>>,
    /// Scores of pairs, newest first.
    scores: Arc<Mutex<VecDeque<Scored>>>,
    /// What was compared last.
    lent: Arc<Mutex<Option<Lent>>>,
}

impl Cache {
    /// Forgets the lists of a pair, and all scores.
    pub fn forget(&self, pair: &str) {
        locked(&self.lists).retain(|cached| !is_of(&cached.key, pair));
        locked(&self.scores).clear();
        *locked(&self.lent) = None;
    }
}

/// Lists in memory.
pub(crate) struct Cached {
    pub key: Vec<u8>,
    /// Tells the pair and its version whose rows they are of.
    stamp: [u8; 32],
    kept: Arc<Kept>,
}

/// Scores of pairs in memory.
struct Scored {
    key: [u8; 32],
    /// Tells the pair and its version whose rows they are of.
    stamp: [u8; 32],
    scores: Arc<PairScores>,
}

/// What was compared, set aside for the next search.
struct Lent {
    key: [u8; 32],
    /// Tells the pair and its version whose rows it is of.
    stamp: [u8; 32],
    compared: Compared,
}

/// Keeps the lists of a pair.
#[derive(Clone)]
pub(crate) struct PairKeeper {
    db: Db,
    upkeep: Arc<Upkeep>,
    pair: String,
    stamp: [u8; 32],
    cache: Cache,
}

impl fmt::Debug for PairKeeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PairKeeper({})", self.pair)
    }
}

impl PairKeeper {
    /// For a pair at its version, unless it has too many rows.
    pub fn new(engine: &Engine, pair: &PairEntry) -> Option<Self> {
        let rows: u64 = pair.graphs.iter().map(|graph| graph.entities).sum();
        let stamp = stamp(pair);
        // Not a view: what is loaded stays loaded, and would keep what the view names from being swept.
        let db = engine.db.behind();
        (rows <= MOST_ROWS).then(|| PairKeeper {
            db,
            upkeep: engine.upkeep.clone(),
            pair: pair.name.clone(),
            stamp,
            cache: engine.near.clone(),
        })
    }

    fn remember(&self, key: Vec<u8>, kept: Arc<Kept>) {
        let mut cache = locked(&self.cache.lists);
        cache.retain(|known| known.key != key);
        cache.push_front(Cached { key, stamp: self.stamp, kept });
        cache.truncate(CACHED);
    }
}

impl Keeper for PairKeeper {
    fn recall(&self, key: &[u8; 32]) -> Option<(Arc<Kept>, bool)> {
        let key = place(&self.pair, key);
        let cache = locked(&self.cache.lists);
        if let Some(known) = cache.iter().find(|known| known.key == key) {
            return Some((known.kept.clone(), known.stamp == self.stamp));
        }
        drop(cache);
        // What cannot be read is made again.
        let entry = self.db.get::<NearEntry>(NEAR, &key).ok()??;
        let object = self.db.object::<NearObject>(&Digest(entry.object)).ok()?;
        let object = rkyv::deserialize::<NearObject, rkyv::rancor::Error>(&*object).ok()?;
        Some((Arc::new(object.kept()?), false))
    }

    fn confirm(&self, key: &[u8; 32], kept: Arc<Kept>) {
        self.remember(place(&self.pair, key), kept);
    }

    fn lend(&self, key: &[u8; 32], compared: Compared) {
        *locked(&self.cache.lent) = Some(Lent { key: *key, stamp: self.stamp, compared });
    }

    fn lent(&self, key: &[u8; 32]) -> Option<Compared> {
        let lent = locked(&self.cache.lent).take()?;
        (lent.key == *key && lent.stamp == self.stamp).then_some(lent.compared)
    }

    fn recall_scores(&self, key: &[u8; 32]) -> Option<Arc<PairScores>> {
        let cache = locked(&self.cache.scores);
        let known = cache.iter().find(|known| known.key == *key && known.stamp == self.stamp);
        known.map(|known| known.scores.clone())
    }

    fn keep_scores(&self, key: &[u8; 32], scores: Arc<PairScores>) {
        let mut cache = locked(&self.cache.scores);
        cache.retain(|known| known.key != *key);
        cache.push_front(Scored { key: *key, stamp: self.stamp, scores });
        cache.truncate(CACHED);
    }

    fn keep(&self, key: &[u8; 32], kept: Arc<Kept>) -> Result<()> {
        let key = place(&self.pair, key);
        self.remember(key.clone(), kept.clone());
        // The lists may be wanted by who only reads and keeps no upkeep away.
        let Some(_making) = self.upkeep.try_making().filter(|_| !self.db.is_read_only()) else {
            return Ok(());
        };
        let [left_bias, right_bias] = kept.biases().clone();
        let object = NearObject { left: flat(kept.left()), right: flat(kept.right()), left_bias, right_bias };
        // Of a pair that is gone, or another by now, nothing is kept.
        match catalog::find(&self.db, &self.pair)? {
            Some(Entry::Pair(now)) if stamp(&now) == self.stamp => {}
            _ => return Ok(()),
        }
        let object = match self.db.put_object(&object) {
            // They can be lost without harm: a question is answered all the same.
            Err(error) if matches!(error.code(), Code::DiskFull | Code::Poisoned) => return Ok(()),
            written => written?,
        };
        let mut known = of_pair(&self.db, &self.pair)?;
        let number = known.iter().map(|(_, entry)| entry.number).max().unwrap_or(0) + 1;
        let mut batch = Batch::new();
        known.retain(|(other, _)| *other != key);
        known.sort_by_key(|(_, entry)| std::cmp::Reverse(entry.number));
        known.iter().skip(MOST - 1).for_each(|(old, _)| batch.delete(NEAR, old));
        batch.put(NEAR, &key, &NearEntry { object: object.0, number })?;
        self.db.commit(batch)
    }
}

/// Tells a pair and its version, whose rows something is of.
fn stamp(pair: &PairEntry) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(pair.name.as_bytes()).update(&[0]).update(&pair.source).update(&pair.version.to_le_bytes());
    pair.graphs.iter().for_each(|graph| _ = hasher.update(&graph.digest));
    for feature in &pair.features {
        hasher.update(feature.modality.as_bytes()).update(&[0]).update(&feature.objects.concat());
    }
    *hasher.finalize().as_bytes()
}

fn place(pair: &str, key: &[u8; 32]) -> Vec<u8> {
    [pair.as_bytes(), &[0], key].concat()
}

/// Whether a key is of that pair.
fn is_of(key: &[u8], pair: &str) -> bool {
    key.strip_prefix(pair.as_bytes()).is_some_and(|rest| rest.first() == Some(&0))
}

fn of_pair(db: &Db, pair: &str) -> Result<Vec<(Vec<u8>, NearEntry)>> {
    db.scan::<NearEntry>(NEAR, &[pair.as_bytes(), &[0]].concat()).collect()
}

/// Objects that a sweep must keep.
pub(crate) fn objects(db: &Db) -> Result<Vec<Digest>> {
    db.scan::<NearEntry>(NEAR, b"").map(|row| row.map(|(_, entry)| Digest(entry.object))).collect()
}

/// Forgets what is kept of a pair that goes.
pub(crate) fn forget(db: &Db, batch: &mut Batch, pair: &str) -> Result<()> {
    of_pair(db, pair)?.iter().for_each(|(key, _)| batch.delete(NEAR, key));
    Ok(())
}

fn flat(side: &KeptSide) -> NearSide {
    let mut flat = NearSide {
        ends: Vec::new(),
        ids: Vec::new(),
        scores: Vec::new(),
        tail_ids: side.tails.iter().map(|tail| tail.0).collect(),
        tail_scores: side.tails.iter().map(|tail| tail.1).collect(),
        marks: side.marks.clone(),
    };
    for list in &side.lists {
        flat.ids.extend(list.iter().map(|place| place.0));
        flat.scores.extend(list.iter().map(|place| place.1));
        flat.ends.push(flat.ids.len() as u32);
    }
    flat
}

/// The lists of a side whose partners are among so many `others`; nothing if that is not what they are.
fn side(flat: NearSide, others: usize) -> Option<KeptSide> {
    let rows = flat.ends.len();
    let stored = flat.ends.last().map_or(0, |end| *end as usize);
    let fits = flat.ends.is_sorted()
        && flat.ids.len() == stored
        && flat.scores.len() == stored
        && [flat.tail_ids.len(), flat.tail_scores.len(), flat.marks.len()] == [rows; 3]
        && flat.ids.iter().all(|id| (*id as usize) < others);
    if !fits {
        return None;
    }
    let places: Vec<(u32, f32)> = flat.ids.into_iter().zip(flat.scores).collect();
    let starts = std::iter::once(0).chain(flat.ends.iter().copied());
    let lists = starts.zip(&flat.ends).map(|(start, end)| places[start as usize..*end as usize].to_vec());
    Some(KeptSide {
        lists: lists.collect(),
        tails: flat.tail_ids.into_iter().zip(flat.tail_scores).collect(),
        marks: flat.marks,
    })
}
