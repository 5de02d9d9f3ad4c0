//! The engine: an open store, what is loaded from it, and the context a request runs in.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::catalog::{self, ArtifactEntry, Entry, PairEntry};
use super::cells;
use super::lineage;
use super::make::Order;
use super::near::{self, Cache, PairKeeper};
use super::recent::Recent;
use super::settings::Settings;
use super::spec::{Missing, Request, Weights};
use super::upkeep::{Making, Upkeep};
use super::verdict;
use crate::error::{Code, Error, Result};
use crate::features::{Modality, StoredFeature};
use crate::fs::{FileSystem, RealFs};
use crate::index::{Changes, StoredIndex};
use crate::kg::{self, Graph, Link, Side, Verdicts};
use crate::linalg::{Keeper, Mask, Parted};
use crate::psqe::weights::{self, Resolved};
use crate::psqe::{Evidence, Graphs, Neighbourhood};
use crate::store::{Batch, Db, Digest, Space};
use crate::task::Task;

/// Graphs kept in memory between statements: the two of a pair, and of a second one.
const CACHED_GRAPHS: usize = 4;

/// Pairs kept as they were loaded.
const CACHED_PAIRS: usize = 2;

/// Automatic weights kept: one for each set of features that a session is likely to use.
const CACHED_WEIGHTS: usize = 16;

/// Indexes whose check is remembered: both sides of two.
const CACHED_INDEXES: usize = 4;

/// An open store with its caches. Clones share both; a view reads one version of the catalogue.
#[derive(Clone)]
pub struct Engine {
    /// The store.
    pub(crate) db: Db,
    /// Who may work beside whom.
    pub(crate) upkeep: Arc<Upkeep>,
    /// Reads a statement that was stored, for REFRESH; the language is above this layer.
    pub(crate) read: fn(&str) -> Result<Request>,
    /// Where exports are written: the file system of the operating system, but in tests.
    pub(crate) outside: Arc<dyn FileSystem>,
    graphs: Recent<[u8; 32], Arc<Graph>>,
    pairs: Arc<Mutex<VecDeque<Arc<LoadedPair>>>>,
    weights: Recent<[u8; 32], Resolved>,
    pub(crate) near: Cache,
    live: Arc<Mutex<HashSet<[u8; 32]>>>,
    indexes: Recent<Digest, StoredIndex>,
    /// What has happened to the rows of an index, by its digest and that of the rows as they are.
    changes: Recent<IndexAndRows, Arc<Changes>>,
    /// Cells of pairs that are too large to compare all.
    pub(crate) cells: Recent<[u8; 32], Arc<Parted>>,
}

/// The digests of an index and of the rows as they are, and the side.
type IndexAndRows = (Digest, Digest, Side);

/// A run under way, for as long as it lives.
pub(crate) struct LiveRun<'a> {
    engine: &'a Engine,
    key: [u8; 32],
}

impl Drop for LiveRun<'_> {
    fn drop(&mut self) {
        locked(&self.engine.live).remove(&self.key);
    }
}

/// What a request needs besides the engine.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    /// The session's settings.
    pub settings: &'a Settings,
    /// Cancel flag and progress.
    pub task: &'a Task,
    /// What is being refreshed: what was settled for it stays so.
    pub former: Option<&'a ArtifactEntry>,
    /// Epochs that a training which is refreshed goes on for.
    pub epochs: Option<usize>,
}

/// A pair with its graphs and links in memory and its matrices mapped.
pub(crate) struct LoadedPair {
    pub entry: PairEntry,
    pub left: Arc<Graph>,
    pub right: Arc<Graph>,
    pub links: Vec<Link>,
    pub features: Vec<(Modality, StoredFeature, StoredFeature)>,
    /// What people have said of pairs of entities that are there.
    pub verdicts: Verdicts,
    /// Keeps the lists of best partners by features.
    keeper: Option<PairKeeper>,
    neighbourhoods: OnceLock<Graphs>,
}

impl LoadedPair {
    /// The verdicts as they bear on candidates.
    pub fn mask(&self) -> Mask {
        Mask::new(self.verdicts.accepted(), self.verdicts.rejected())
    }

    /// The named modalities as the stages take them, in the pair's order.
    pub fn evidence(&self, modalities: &[String], missing: Missing, seed: u64) -> Result<Evidence<'_>> {
        let wanted =
            self.features.iter().filter(|(modality, ..)| modalities.iter().any(|m| m == modality.as_str()));
        let views =
            wanted.map(|(modality, left, right)| (modality.clone(), left.view(), right.view())).collect();
        // What is drawn for missing rows is no row of the pair.
        let keeper = self.keeper.as_ref().filter(|_| missing != Missing::Random);
        let keeper = keeper.map(|keeper| keeper as &dyn Keeper);
        Ok(Evidence::new(views, missing, seed)?.judged(&self.verdicts).kept_by(keeper))
    }
}

impl LoadedPair {
    /// Both graphs as structure sees them.
    pub fn neighbourhoods(&self) -> &Graphs {
        self.neighbourhoods.get_or_init(|| {
            let of = |graph: &Graph| Neighbourhood::new(&graph.triples, graph.len());
            Graphs { left: of(&self.left), right: of(&self.right) }
        })
    }
}

/// The embeddings of a model, mapped.
pub(crate) struct Embeddings {
    features: Vec<(Modality, StoredFeature, StoredFeature)>,
    verdicts: Verdicts,
}

impl Embeddings {
    /// Every modality with its rows.
    pub fn features(&self) -> &[(Modality, StoredFeature, StoredFeature)] {
        &self.features
    }

    /// The named modalities as the stages take them.
    pub fn evidence(&self, modalities: &[String]) -> Result<Evidence<'_>> {
        let wanted =
            self.features.iter().filter(|(modality, ..)| modalities.iter().any(|m| m == modality.as_str()));
        let views = wanted.map(|(modality, left, right)| (modality.clone(), left.view(), right.view()));
        Ok(Evidence::new(views.collect(), Missing::Neutral, 0)?.judged(&self.verdicts))
    }
}

impl Engine {
    /// The embeddings of a model.
    pub(crate) fn embeddings(&self, pair: &LoadedPair, model: &ArtifactEntry) -> Result<Embeddings> {
        let load = |name: String, graph: &Graph| {
            let found = model.objects.iter().find(|(known, _)| *known == name);
            let (_, digest) = found.ok_or_else(|| {
                Error::new(Code::Corrupt, format!("model `{}` has no {name}", model.name))
                    .help("run CHECK FULL; tune it again or restore a backup")
            })?;
            StoredFeature::load(&self.db, &Digest(*digest))?.fitted(graph.len(), &graph.deleted)
        };
        let both = |modality: &String| {
            Ok((
                Modality::new(modality)?,
                load(format!("{modality}.left"), &pair.left)?,
                load(format!("{modality}.right"), &pair.right)?,
            ))
        };
        let features = model.modalities.iter().map(both).collect::<Result<_>>()?;
        Ok(Embeddings { features, verdicts: pair.verdicts.clone() })
    }

    /// An engine over an open store; `read` reads a statement in the form that [`super::canonical`] writes.
    pub fn new(db: Db, read: fn(&str) -> Result<Request>) -> Self {
        Engine {
            db,
            read,
            outside: Arc::new(RealFs),
            upkeep: Arc::default(),
            graphs: Recent::new(CACHED_GRAPHS),
            pairs: Arc::default(),
            weights: Recent::new(CACHED_WEIGHTS),
            near: Cache::default(),
            live: Arc::default(),
            indexes: Recent::new(CACHED_INDEXES),
            changes: Recent::new(CACHED_INDEXES),
            cells: Recent::new(cells::CACHED),
        }
    }

    /// A graph of a pair, from memory if it was read before.
    pub(crate) fn graph(&self, pair: &PairEntry, side: Side, task: &Task) -> Result<Arc<Graph>> {
        let entry = pair.graph(side);
        if let Some(graph) = self.graphs.get(&entry.digest) {
            return Ok(graph);
        }
        let at = (pair.version, entry.edits);
        let graph = Arc::new(kg::load_graph(&self.db, Space(entry.space), at, task)?);
        self.remember_graph(entry.digest, graph.clone());
        Ok(graph)
    }

    /// Keeps a graph in memory under its digest, in place of the one kept longest.
    pub(crate) fn remember_graph(&self, digest: [u8; 32], graph: Arc<Graph>) {
        self.graphs.put(digest, graph);
    }

    /// Forgets the lists of best partners of a pair, so that they are found from nothing.
    pub(crate) fn forget_near(&self, pair: &str) -> Result<()> {
        self.near.forget(pair);
        let mut batch = Batch::new();
        near::forget(&self.db, &mut batch, pair)?;
        self.db.commit(batch)
    }

    /// An index, checked once while it is in use.
    pub(crate) fn index(&self, digest: &Digest) -> Result<StoredIndex> {
        if let Some(index) = self.indexes.get(digest) {
            return Ok(index);
        }
        let index = StoredIndex::load(&self.db, digest)?;
        self.indexes.put(*digest, index.clone());
        Ok(index)
    }

    /// What has happened to the rows of an index, found once while they are as they are.
    pub(crate) fn index_changes(&self, of: IndexAndRows, find: impl FnOnce() -> Changes) -> Arc<Changes> {
        if let Some(changes) = self.changes.get(&of) {
            return changes;
        }
        let found = Arc::new(find());
        self.changes.put(of, found.clone());
        found
    }

    /// Weights as asked for. Automatic ones are kept for this process: they cost a search and depend
    /// on nothing but the features.
    pub(crate) fn weights(
        &self,
        pair: &LoadedPair,
        wanted: &Weights,
        missing: Missing,
        evidence: &Evidence,
        context: &Context,
    ) -> Result<Resolved> {
        if *wanted == Weights::Auto
            && let Some(former) = context.former
        {
            let names: Vec<String> = evidence.modalities().map(Modality::to_string).collect();
            if let Some(weights) = former.settled_weights(&names) {
                let weights = evidence.modalities().cloned().zip(weights.iter().copied());
                return Ok(Resolved::settled(weights.collect()));
            }
        }
        if *wanted != Weights::Auto || missing == Missing::Random {
            return weights::resolve(wanted, evidence, context.task);
        }
        let modalities: Vec<String> = evidence.modalities().map(Modality::to_string).collect();
        let mut inputs = lineage::feature_inputs(&pair.entry, &modalities);
        // The rows of deleted entities do not count.
        inputs.push(lineage::entities_input(&pair.entry));
        let key = lineage::key(missing.as_str(), &inputs, lineage::Arithmetic::Cpu);
        if let Some(known) = self.weights.get(&key) {
            return Ok(known);
        }
        let found = weights::resolve(wanted, evidence, context.task)?;
        self.weights.put(key, found.clone());
        Ok(found)
    }

    /// The same store and caches, with the catalogue as it is now: to be read, whatever others write.
    pub(crate) fn view(&self) -> Result<Engine> {
        Ok(Engine { db: catalog::view(&self.db)?, ..self.clone() })
    }

    /// Waits for the right to make what a later commit will name; not to be asked for twice by one statement.
    pub(crate) fn making(&self, task: &Task) -> Result<Making<'_>> {
        self.upkeep.making(|| task.check())
    }

    /// Tells that a run is under way, until what is returned is dropped.
    ///
    /// Fails with [`Code::Conflict`] if it is under way already, in another session.
    pub(crate) fn live_run(&self, order: &Order) -> Result<LiveRun<'_>> {
        let key = order.key();
        if !locked(&self.live).insert(key) {
            let message = format!("the training of `{}` is under way in another session", order.name);
            return Err(Error::new(Code::Conflict, message).help("SHOW RUNS tells how far it is"));
        }
        Ok(LiveRun { engine: self, key })
    }

    /// Keys of the runs under way.
    pub(crate) fn live_runs(&self) -> HashSet<[u8; 32]> {
        locked(&self.live).clone()
    }

    /// The reference links of a pair between entities that are there; none where it has none.
    pub(crate) fn links(&self, pair: &PairEntry, task: &Task) -> Result<Vec<Link>> {
        let Some(links) = &pair.links else { return Ok(Vec::new()) };
        let (left, right) = (self.graph(pair, Side::Left, task)?, self.graph(pair, Side::Right, task)?);
        let mut links = kg::load_links(&self.db, Space(links.space), (left.len(), right.len()))?;
        links.retain(|link| left.is_alive(link.left) && right.is_alive(link.right));
        Ok(links)
    }

    /// Both graphs of a pair.
    pub(crate) fn graphs_of(&self, pair: &str, task: &Task) -> Result<[Arc<Graph>; 2]> {
        let entry = catalog::pair(&self.db, pair)?;
        Ok([self.graph(&entry, Side::Left, task)?, self.graph(&entry, Side::Right, task)?])
    }

    /// A pair with everything a stage may want.
    pub(crate) fn load_pair(&self, name: &str, task: &Task) -> Result<Arc<LoadedPair>> {
        let entry = catalog::pair(&self.db, name)?;
        let known = locked(&self.pairs).iter().find(|pair| pair.entry == entry).cloned();
        if let Some(known) = known {
            self.remember_pair(known.clone());
            return Ok(known);
        }
        let left = self.graph(&entry, Side::Left, task)?;
        let right = self.graph(&entry, Side::Right, task)?;
        let links = self.links(&entry, task)?;
        let mut features = Vec::new();
        for feature in &entry.features {
            let load = |side: usize, graph: &Graph| {
                let stored = StoredFeature::load(&self.db, &Digest(feature.objects[side]))?;
                stored.fitted(graph.len(), &graph.deleted)
            };
            features.push((Modality::new(&feature.modality)?, load(0, &left)?, load(1, &right)?));
        }
        let verdicts = match &entry.verdicts {
            Some(_) => {
                let log = verdict::log_of(&self.db, &entry)?;
                Verdicts::of(&log, |l, r| left.is_alive(l) && right.is_alive(r))
            }
            None => Verdicts::default(),
        };
        let keeper = PairKeeper::new(self, &entry);
        let pair = Arc::new(LoadedPair {
            entry,
            left,
            right,
            links,
            features,
            verdicts,
            keeper,
            neighbourhoods: OnceLock::new(),
        });
        self.remember_pair(pair.clone());
        Ok(pair)
    }

    fn remember_pair(&self, pair: Arc<LoadedPair>) {
        let mut pairs = locked(&self.pairs);
        pairs.retain(|known| known.entry.name != pair.entry.name);
        pairs.push_front(pair);
        pairs.truncate(CACHED_PAIRS);
    }

    /// Lets go of the files of loaded pairs, so that what is removed gives its space back.
    pub(crate) fn forget_pairs(&self) {
        locked(&self.pairs).clear();
    }
}

/// Fails unless there is a pair of that name.
pub fn require_pair(engine: &Engine, name: &str) -> Result<()> {
    catalog::pair(&engine.db, name).map(drop)
}

/// Every name with its kind: `pair`, `seeds`, `alignment`, `modality`.
pub fn names(engine: &Engine) -> Result<Vec<(String, &'static str)>> {
    let mut names = Vec::new();
    for entry in catalog::all(&engine.db)? {
        names.push((entry.name().to_string(), entry.kind()));
        if let Entry::Pair(pair) = entry {
            names.extend(pair.features.into_iter().map(|feature| (feature.modality, "modality")));
        }
    }
    names.sort();
    names.dedup();
    Ok(names)
}

/// The lock; a thread that panicked while holding it left the cache whole.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
