//! What one run gave: read from the store, or measured and put there.
//!
//! A record is known by the key of the training (which names its inputs, options and random seed) and by what
//! it was judged by: the links and the neighbours of CSLS. Both protocols are always judged, for that costs
//! little beside training.

use std::collections::{BTreeSet, HashSet};

use rkyv::{Archive, Deserialize, Serialize};

use super::cases;
use crate::clock::now;
use crate::error::{Code, Error, Result};
use crate::kg::{EntityId, Link};
use crate::ops::basis::Basis;
use crate::ops::catalog::{self, ArtifactEntry, PairEntry};
use crate::ops::engine::{Context, Engine};
use crate::ops::evaluate::{Asked, rankings, unseen};
use crate::ops::lineage::{self, Arithmetic};
use crate::ops::maintain::remove_artifact;
use crate::ops::plan::Plan;
use crate::ops::runs;
use crate::ops::seen::Seen;
use crate::ops::spec::{Missing, Protocol, Request, Train, Weights};
use crate::ops::train;
use crate::resident;
use crate::store::{Batch, Db, Digest, Record, Table};

/// Keys of runs to [`Figures`].
const FIGURES: Table = Table("figures");

/// Raised when the same embeddings are judged otherwise.
const JUDGING_VERSION: u32 = 1;

/// What a run gave.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub(crate) struct Figures {
    /// The pair.
    pub pair: String,
    /// Ranking figures, left to right, by protocol and similarity.
    pub judged: Vec<Judged>,
    /// Seconds of training, over all sessions; none where nothing was trained.
    pub seconds: Option<f64>,
    /// Most memory that the process had resident while it trained, in bytes, where that is known.
    pub peak: Option<u64>,
    /// Seconds since 1970.
    pub measured: u64,
}

/// Ranking figures under one protocol by one similarity.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub(crate) struct Judged {
    /// The word of the protocol.
    pub protocol: String,
    /// Neighbours of CSLS; none for the plain similarity.
    pub csls: Option<u32>,
    /// Which links were judged, in words.
    pub links: String,
    /// How many.
    pub queries: u64,
    /// Share of ranks up to 1.
    pub hits_1: f64,
    /// Share of ranks up to 10.
    pub hits_10: f64,
    /// Mean of 1/rank.
    pub mrr: f64,
}

impl Record for Figures {
    const KIND: [u8; 4] = *b"figs";
    const VERSION: u16 = 1;
}

impl Figures {
    /// Those under a protocol by a similarity.
    pub fn judged(&self, protocol: Protocol, csls: Option<usize>) -> Option<&Judged> {
        let csls = csls.map(|k| k as u32);
        self.judged.iter().find(|judged| judged.protocol == protocol.as_str() && judged.csls == csls)
    }
}

/// The figures of a run, and whether they were there already.
pub(super) struct Measured {
    pub figures: Figures,
    pub stored: bool,
}

/// How far a run is.
pub(super) enum State {
    /// Its figures were stored then, in seconds since 1970.
    Stored(u64),
    /// Its model is there, under this name.
    Trained(String),
    /// Its training was stopped.
    Begun { done: usize, epochs: u64 },
    /// Nothing of it is there.
    New,
}

/// Tells how far a run is.
pub(super) fn state(engine: &Engine, spec: &Train, csls: Option<usize>, context: &Context) -> Result<State> {
    let plan = Plan::new(engine, &Request::Train(spec.clone()), context)?;
    let key = plan.order.key();
    if let Some(figures) = engine.db.get::<Figures>(FIGURES, &judged_key(&key, &plan.pair, csls))? {
        return Ok(State::Stored(figures.measured));
    }
    if let Some(model) = catalog::by_key(&engine.db, &key)? {
        return Ok(State::Trained(model.name));
    }
    let run = runs::of_key(&engine.db, &key)?;
    Ok(run.map_or(State::New, |run| State::Begun { done: run.curve.len(), epochs: run.epochs }))
}

/// The figures of a model: stored ones, else it is trained, judged and removed.
pub(super) fn of_model(
    engine: &Engine,
    spec: &Train,
    csls: Option<usize>,
    basis: &[u8; 32],
    context: &Context,
) -> Result<Measured> {
    let (figures, stored, spent) = {
        let _making = engine.making(context.task)?;
        let plan = Plan::new(engine, &Request::Train(spec.clone()), context)?;
        if cases::basis(&plan) != *basis {
            let message = format!("what `{}` learns from or is judged by was changed meanwhile", spec.pair);
            return Err(Error::new(Code::Conflict, message)
                .help("issue BENCH again: what was measured before the change is kept for the same inputs"));
        }
        let trained = plan.order.key();
        let key = judged_key(&trained, &plan.pair, csls);
        if let Some(figures) = engine.db.get(FIGURES, &key)? {
            return Ok(Measured { figures, stored: true });
        }
        let Trained { model, spent, seconds, peak } = trained_model(engine, spec, &trained, context)?;
        let pair = engine.load_pair(&spec.pair, context.task)?;
        let basis = Basis::of(engine, &pair, &model)?;
        let seen = Seen::of(&engine.db, &model)?;
        let judged = judge(engine, &basis, &pair.links, &seen, csls, context)?;
        let figures = Figures { pair: spec.pair.clone(), judged, seconds, peak, measured: now() };
        let mut batch = Batch::new();
        batch.put(FIGURES, &key, &figures)?;
        if let Some(model) = &spent {
            remove_artifact(&engine.db, &mut batch, model)?;
        }
        engine.db.commit(batch)?;
        (figures, false, spent)
    };
    if let Some(model) = spent {
        discard(engine, &model)?;
    }
    Ok(Measured { figures, stored })
}

/// A model to judge.
struct Trained {
    model: ArtifactEntry,
    /// The one that was made to be judged and is of no more use: this, or another under a name of ours.
    spent: Option<ArtifactEntry>,
    seconds: Option<f64>,
    peak: Option<u64>,
}

/// The model of a training under whatever name, or a new one under a name of ours.
fn trained_model(engine: &Engine, spec: &Train, key: &[u8; 32], context: &Context) -> Result<Trained> {
    let seed = spec.seed.unwrap_or_default();
    let short = &Digest(*key).to_string()[..8];
    // Always the same, so that what a stopped bench left behind is known as ours.
    let name = format!("bench {} {} {seed} {short}", spec.model.as_str(), spec.pair);
    let known = catalog::with_key(&engine.db, key)?;
    let (mine, theirs): (Vec<_>, Vec<_>) = known.into_iter().partition(|model| model.name == name);
    // Without a beginning of its own, a peak is that of the process and says nothing of the training.
    let (mut peak, mut tracked) = (None, false);
    let (model, spent) = match theirs.into_iter().next() {
        Some(model) => (model, mine.into_iter().next()),
        None => {
            let spec = Train { name: name.clone(), ..spec.clone() };
            let plan = Plan::new(engine, &Request::Train(spec.clone()), context)?;
            tracked = resident::reset_peak();
            let product = train::model(engine, &spec, &plan, context)?;
            peak = resident::peak().filter(|_| !product.stored);
            (product.entry.clone(), Some(product.entry))
        }
    };
    let run = runs::of_key(&engine.db, key)?;
    // A run of ours that was resumed has its peak from before as well.
    let before = run.as_ref().filter(|run| run.name == name).map(|run| run.peak);
    peak = peak.max(before.filter(|&peak| peak > 0)).filter(|_| tracked);
    let seconds = run.map(|run| run.seconds);
    Ok(Trained { model, spent, seconds, peak })
}

/// The figures of the features that a training looks at, all weighing the same, judged by the links that the
/// training does not see. None where it looks at no features.
pub(super) fn of_features(
    engine: &Engine,
    spec: &Train,
    csls: Option<usize>,
    context: &Context,
) -> Result<Option<Measured>> {
    let _making = engine.making(context.task)?;
    let plan = Plan::new(engine, &Request::Train(spec.clone()), context)?;
    if plan.modalities.is_empty() {
        return Ok(None);
    }
    let pair = engine.load_pair(&spec.pair, context.task)?;
    let seen = train::will_see(engine, spec, &plan, &pair)?;
    let mut inputs = lineage::feature_inputs(&plan.pair, &plan.modalities);
    inputs.push(lineage::entities_input(&plan.pair));
    let features = lineage::key("features weights=equal", &inputs, Arithmetic::Cpu);
    let compared = blake3::hash(&[features, seen.digest()].concat());
    let key = judged_key(compared.as_bytes(), &plan.pair, csls);
    if let Some(figures) = engine.db.get(FIGURES, &key)? {
        return Ok(Some(Measured { figures, stored: true }));
    }
    let basis = Basis::features(&pair, &plan.modalities, &Weights::Equal, Missing::Neutral, plan.order.seed);
    let judged = judge(engine, &basis, &pair.links, &seen.set(), csls, context)?;
    let pair = spec.pair.clone();
    let figures = Figures { pair, judged, seconds: None, peak: None, measured: now() };
    let mut batch = Batch::new();
    batch.put(FIGURES, &key, &figures)?;
    engine.db.commit(batch)?;
    Ok(Some(Measured { figures, stored: false }))
}

/// Ranks under every protocol by the links that were not learned from.
fn judge(
    engine: &Engine,
    basis: &Basis<'_>,
    links: &[Link],
    seen: &HashSet<(EntityId, EntityId)>,
    csls: Option<usize>,
    context: &Context,
) -> Result<Vec<Judged>> {
    let evidence = basis.evidence()?;
    let resolved = basis.resolve(engine, &evidence, context)?;
    let (links, learned) = (unseen(links, seen), !seen.is_empty());
    let mut judged = Vec::new();
    for &protocol in Protocol::ALL {
        let asked = Asked { protocol, split: None, last: None, csls };
        for (csls, ranking) in rankings(&evidence, &resolved, &links, learned, &asked, context)? {
            let metrics = ranking.left_to_right;
            judged.push(Judged {
                protocol: protocol.as_str().to_string(),
                csls: csls.map(|k| k as u32),
                links: ranking.judged,
                queries: metrics.queries as u64,
                hits_1: metrics.hits_1,
                hits_10: metrics.hits_10,
                mrr: metrics.mrr,
            });
        }
    }
    Ok(judged)
}

fn judged_key(compared: &[u8; 32], pair: &PairEntry, csls: Option<usize>) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&JUDGING_VERSION.to_le_bytes());
    hasher.update(compared);
    hasher.update(&lineage::links_digest(pair));
    hasher.update(&csls.map_or(0, |k| k as u64).to_le_bytes());
    *hasher.finalize().as_bytes()
}

/// Gives back the bytes of a removed model at once, for they are many, if nobody else is at work; else the next
/// COMPACT does.
fn discard(engine: &Engine, model: &ArtifactEntry) -> Result<()> {
    let Some(_alone) = engine.upkeep.try_alone() else { return Ok(()) };
    let live = catalog::spared(&engine.db)?;
    let objects: BTreeSet<Digest> = model.objects.iter().map(|(_, object)| Digest(*object)).collect();
    objects.difference(&live.objects.into_iter().collect()).try_for_each(|object| engine.db.discard(object))
}

/// All figures, by key.
pub(crate) fn all(db: &Db) -> Result<Vec<(Vec<u8>, Figures)>> {
    db.scan::<Figures>(FIGURES, b"").collect()
}

/// Keys of the figures of a pair.
pub(crate) fn of_pair(db: &Db, pair: &str) -> Result<Vec<Vec<u8>>> {
    Ok(all(db)?.into_iter().filter(|(_, figures)| figures.pair == pair).map(|(key, _)| key).collect())
}

/// Puts figures into a batch as a dump has them, unless their key is known here.
pub(crate) fn restore(db: &Db, batch: &mut Batch, key: &Digest, figures: &Figures) -> Result<()> {
    match db.contains(FIGURES, &key.0)? {
        true => Ok(()),
        false => batch.put(FIGURES, &key.0, figures),
    }
}

/// Forgets the figures behind a key: their pair is dropped.
pub(crate) fn forget(batch: &mut Batch, key: &[u8]) {
    batch.delete(FIGURES, key);
}
