//! The engine: an open store, what is loaded from it, and the context a request runs in.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use super::catalog::{self, ArtifactEntry, Entry, PairEntry};
use super::lineage;
use super::make::Order;
use super::settings::Settings;
use super::spec::{Missing, Weights};
use crate::error::{Code, Error, Result};
use crate::features::{Modality, StoredFeature};
use crate::index::StoredIndex;
use crate::kg::{self, Graph, Link};
use crate::psqe::weights::{self, Resolved};
use crate::psqe::{Evidence, Graphs, Neighbourhood};
use crate::store::{Db, Digest, Space};
use crate::task::Task;

/// Graphs kept in memory between statements: the two of a pair, and of a second one.
const CACHED_GRAPHS: usize = 4;

/// Automatic weights kept: one for each set of features that a session is likely to use.
const CACHED_WEIGHTS: usize = 16;

/// Indexes whose check is remembered: both sides of two.
const CACHED_INDEXES: usize = 4;

/// An open store with its caches. Shared by all handles and sessions.
pub struct Engine {
    /// The store.
    pub(crate) db: Db,
    /// Held shared by whatever makes blocks and objects that a later commit will name, and alone by
    /// what removes all that nothing names (COMPACT), or a pair that others build on (DROP).
    pub(crate) upkeep: RwLock<()>,
    graphs: Mutex<VecDeque<(u64, Arc<Graph>)>>,
    weights: Mutex<VecDeque<([u8; 32], Resolved)>>,
    live: Mutex<HashSet<[u8; 32]>>,
    indexes: Mutex<VecDeque<(Digest, StoredIndex)>>,
}

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
pub(crate) struct Context<'a> {
    /// The session's settings.
    pub settings: &'a Settings,
    /// Cancel flag and progress.
    pub task: &'a Task,
}

/// A pair with its graphs and links in memory and its matrices mapped.
pub(crate) struct LoadedPair {
    pub entry: PairEntry,
    pub left: Arc<Graph>,
    pub right: Arc<Graph>,
    pub links: Vec<Link>,
    pub features: Vec<(Modality, StoredFeature, StoredFeature)>,
}

impl LoadedPair {
    /// The named modalities as the stages take them, in the pair's order.
    pub fn evidence(&self, modalities: &[String], missing: Missing, seed: u64) -> Result<Evidence<'_>> {
        let wanted =
            self.features.iter().filter(|(modality, ..)| modalities.iter().any(|m| m == modality.as_str()));
        let views =
            wanted.map(|(modality, left, right)| (modality.clone(), left.view(), right.view())).collect();
        Evidence::new(views, missing, seed)
    }
}

impl LoadedPair {
    /// Both graphs as structure sees them.
    pub fn neighbourhoods(&self) -> Graphs {
        let of = |graph: &Graph| Neighbourhood::new(&graph.triples, graph.len());
        Graphs { left: of(&self.left), right: of(&self.right) }
    }
}

/// The embeddings of a model, mapped.
pub(crate) struct Embeddings(pub(super) Vec<(Modality, StoredFeature, StoredFeature)>);

impl Embeddings {
    /// The named modalities as the stages take them.
    pub fn evidence(&self, modalities: &[String]) -> Result<Evidence<'_>> {
        let wanted = self.0.iter().filter(|(modality, ..)| modalities.iter().any(|m| m == modality.as_str()));
        let views = wanted.map(|(modality, left, right)| (modality.clone(), left.view(), right.view()));
        Evidence::new(views.collect(), Missing::Neutral, 0)
    }
}

impl Engine {
    /// The embeddings of a model.
    pub(crate) fn embeddings(&self, model: &ArtifactEntry) -> Result<Embeddings> {
        let load = |name: String| {
            let found = model.objects.iter().find(|(known, _)| *known == name);
            let (_, digest) = found.ok_or_else(|| {
                Error::new(Code::Corrupt, format!("model `{}` has no {name}", model.name))
                    .help("run CHECK FULL; tune it again or restore a backup")
            })?;
            StoredFeature::load(&self.db, &Digest(*digest))
        };
        let both = |modality: &String| {
            Ok((
                Modality::new(modality)?,
                load(format!("{modality}.left"))?,
                load(format!("{modality}.right"))?,
            ))
        };
        Ok(Embeddings(model.modalities.iter().map(both).collect::<Result<_>>()?))
    }

    /// An engine over an open store.
    pub fn new(db: Db) -> Self {
        Engine {
            db,
            upkeep: RwLock::default(),
            graphs: Mutex::default(),
            weights: Mutex::default(),
            live: Mutex::default(),
            indexes: Mutex::default(),
        }
    }

    /// A graph, from memory if it was read before. Graphs are immutable under their space.
    pub(crate) fn graph(&self, space: u64, task: &Task) -> Result<Arc<Graph>> {
        let known =
            locked(&self.graphs).iter().find(|(known, _)| *known == space).map(|(_, graph)| graph.clone());
        if let Some(graph) = known {
            return Ok(graph);
        }
        let graph = Arc::new(kg::load_graph(&self.db, Space(space), task)?);
        let mut graphs = locked(&self.graphs);
        graphs.push_front((space, graph.clone()));
        graphs.truncate(CACHED_GRAPHS);
        Ok(graph)
    }

    /// An index, checked once while it is in use.
    pub(crate) fn index(&self, digest: &Digest) -> Result<StoredIndex> {
        if let Some((_, index)) = locked(&self.indexes).iter().find(|(known, _)| known == digest) {
            return Ok(index.clone());
        }
        let index = StoredIndex::load(&self.db, digest)?;
        let mut indexes = locked(&self.indexes);
        indexes.push_front((*digest, index.clone()));
        indexes.truncate(CACHED_INDEXES);
        Ok(index)
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
        if *wanted != Weights::Auto || missing == Missing::Random {
            return weights::resolve(wanted, evidence, context.task);
        }
        let modalities: Vec<String> = evidence.modalities().map(Modality::to_string).collect();
        let inputs = lineage::feature_inputs(&pair.entry, &modalities);
        let key = lineage::key(missing.as_str(), &inputs, lineage::Arithmetic::Cpu);
        if let Some((_, known)) = locked(&self.weights).iter().find(|(known, _)| *known == key) {
            return Ok(known.clone());
        }
        let found = weights::resolve(wanted, evidence, context.task)?;
        let mut known = locked(&self.weights);
        known.push_front((key, found.clone()));
        known.truncate(CACHED_WEIGHTS);
        Ok(found)
    }

    /// Keeps upkeep away until what is returned is dropped. Not to be taken twice by one statement.
    pub(crate) fn at_work(&self) -> RwLockReadGuard<'_, ()> {
        self.upkeep.read().unwrap_or_else(PoisonError::into_inner)
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

    /// The reference links of a pair; none where it has none.
    pub(crate) fn links(&self, pair: &PairEntry) -> Result<Vec<Link>> {
        match &pair.links {
            Some(links) => kg::load_links(&self.db, Space(links.space)),
            None => Ok(Vec::new()),
        }
    }

    /// Both graphs of a pair.
    pub(crate) fn graphs_of(&self, pair: &str, task: &Task) -> Result<[Arc<Graph>; 2]> {
        let entry = catalog::pair(&self.db, pair)?;
        Ok([self.graph(entry.graphs[0].space, task)?, self.graph(entry.graphs[1].space, task)?])
    }

    /// A pair with everything a stage may want.
    pub(crate) fn load_pair(&self, name: &str, task: &Task) -> Result<LoadedPair> {
        let entry = catalog::pair(&self.db, name)?;
        let left = self.graph(entry.graphs[0].space, task)?;
        let right = self.graph(entry.graphs[1].space, task)?;
        let links = self.links(&entry)?;
        let mut features = Vec::new();
        for feature in &entry.features {
            let load = |side: usize| StoredFeature::load(&self.db, &Digest(feature.objects[side]));
            features.push((Modality::new(&feature.modality)?, load(0)?, load(1)?));
        }
        Ok(LoadedPair { entry, left, right, links, features })
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
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
