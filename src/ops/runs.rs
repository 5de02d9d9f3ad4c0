//! Training runs: their curves, and the checkpoints they go on from after a kill or a cancellation.
//!
//! A run is known by the key of the operation it serves. A checkpoint is one object with the whole state
//! and one record that names it, committed together; the object it supersedes is removed at once.

use std::marker::PhantomData;
use std::time::{Duration, Instant};

use rkyv::{Archive, Deserialize, Serialize};

use super::catalog::{self, ArtifactEntry, Entry};
use super::dump::hex;
use super::engine::Engine;
use super::make::Order;
use super::rows::{Column, ColumnKind, Outcome, Rows, Value};
use crate::clock::{now, utc};
use crate::error::{Code, Error, Result};
use crate::models::{TrainState, Trainer};
use crate::psqe::tune::{TuneState, Tuner};
use crate::resident;
use crate::store::{Batch, Db, Digest, Record, Table};
use crate::task::Task;
use crate::train::{EpochLoss, Parameter};

/// Keys of operations to [`Run`].
const RUNS: Table = Table("runs");

/// Name of the object of a model that holds its final state.
pub(crate) const STATE: &str = "state";

/// Least time between two checkpoints.
const INTERVAL: Duration = Duration::from_secs(1);
/// A checkpoint is due when training went on for so many times what the last one took.
const SHARE: u32 = 20;

/// What is known of a run.
#[derive(Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize, Clone, Debug, PartialEq)]
pub(crate) struct Run {
    /// Name of the model it is for.
    pub name: String,
    /// The pair.
    pub pair: String,
    /// Key of the operation.
    #[serde(with = "hex")]
    pub key: [u8; 32],
    /// The request in SeedQL.
    pub statement: String,
    /// The last checkpoint.
    #[serde(with = "hex")]
    pub state: [u8; 32],
    /// Epochs asked for.
    pub epochs: u64,
    /// Whether no more epoch is to come.
    pub finished: bool,
    /// Modalities of the losses.
    pub modalities: Vec<String>,
    /// The losses of each epoch; in a dump they are with the state.
    #[serde(skip)]
    pub curve: Vec<EpochLoss>,
    /// Seconds of training, over all sessions.
    pub seconds: f64,
    /// Most memory the process had resident, in bytes; 0 where that cannot be told.
    pub peak: u64,
    /// Seconds since 1970.
    pub started: u64,
    /// The same, of the last checkpoint.
    pub updated: u64,
}

impl Record for Run {
    const KIND: [u8; 4] = *b"run ";
    const VERSION: u16 = 1;
}

impl Record for TrainState {
    const KIND: [u8; 4] = *b"trst";
    const VERSION: u16 = 1;
}

impl Record for TuneState {
    const KIND: [u8; 4] = *b"tune";
    const VERSION: u16 = 1;
}

/// The whole state of a run between two epochs.
pub(crate) trait State: Record {
    /// The losses of each epoch so far.
    fn curve(&self) -> &[EpochLoss];
}

impl State for TuneState {
    fn curve(&self) -> &[EpochLoss] {
        &self.curve
    }
}

/// What learns epoch by epoch.
pub(crate) trait Learner {
    /// Its state between two epochs.
    type State: State;

    /// Goes on from a stored state.
    fn resume(&mut self, state: Self::State) -> Result<()>;

    /// The state now.
    fn state(&self) -> Result<Self::State>;

    /// One epoch more; whether going on is of no use. An epoch that fails leaves the state as it was.
    fn epoch(&mut self, task: &Task) -> Result<bool>;
}

impl Learner for Tuner<'_> {
    type State = TuneState;

    fn resume(&mut self, state: TuneState) -> Result<()> {
        Tuner::resume(self, state)
    }

    fn state(&self) -> Result<TuneState> {
        Ok(Tuner::state(self))
    }

    fn epoch(&mut self, task: &Task) -> Result<bool> {
        Ok(Tuner::epoch(self, task)?.stop)
    }
}

impl State for TrainState {
    fn curve(&self) -> &[EpochLoss] {
        &self.curve
    }
}

impl Learner for Trainer {
    type State = TrainState;

    fn resume(&mut self, state: TrainState) -> Result<()> {
        Trainer::resume(self, state)
    }

    fn state(&self) -> Result<TrainState> {
        Trainer::state(self)
    }

    fn epoch(&mut self, task: &Task) -> Result<bool> {
        Ok(Trainer::epoch(self, task)?.stop)
    }
}

/// Runs a learner to its last epoch, from its last checkpoint if it has one, and gives the object of its
/// final state. `parts` are the names of its losses. Cancelled, it keeps a checkpoint of what was done.
pub(crate) fn run<L: Learner>(
    engine: &Engine,
    order: &Order,
    epochs: u64,
    parts: &[String],
    learner: &mut L,
    task: &Task,
) -> Result<[u8; 32]> {
    let _live = engine.live_run(order)?;
    let (mut journal, state) = Journal::open(&engine.db, order, epochs, parts.to_vec())?;
    let mut done = 0;
    if let Some(state) = state {
        done = L::State::curve(&state).len() as u64;
        task.note(format!("{} goes on from epoch {done}", order.name));
        learner.resume(state)?;
    }
    task.phase("training", Some(epochs));
    let mut since = Instant::now();
    let seconds = |since: &mut Instant| std::mem::replace(since, Instant::now()).elapsed().as_secs_f64();
    let mut stop = journal.is_finished();
    while !stop && done < epochs {
        match learner.epoch(task) {
            Ok(enough) => (done, stop) = (done + 1, enough),
            Err(error) => {
                // What was done is kept; the same statement goes on from here.
                if done > 0 {
                    journal.checkpoint(&learner.state()?, seconds(&mut since), false)?;
                }
                return Err(error);
            }
        }
        task.advance(done);
        if !stop && done < epochs && journal.is_due() {
            journal.checkpoint(&learner.state()?, seconds(&mut since), false)?;
        }
    }
    journal.checkpoint(&learner.state()?, seconds(&mut since), true)
}

/// Writes a run's checkpoints.
struct Journal<'a, S> {
    db: &'a Db,
    run: Run,
    stored: Option<Run>,
    last: Instant,
    cost: Duration,
    state: PhantomData<S>,
}

impl<'a, S: State> Journal<'a, S> {
    /// The run of an order, new or interrupted, with the state it goes on from.
    pub fn open(
        db: &'a Db,
        order: &Order,
        epochs: u64,
        modalities: Vec<String>,
    ) -> Result<(Self, Option<S>)> {
        let key = order.key();
        let stored = db.get::<Run>(RUNS, &key)?;
        let state = match &stored {
            Some(run) => Some(whole::<S>(db, &Digest(run.state))?),
            None => None,
        };
        let fresh = Run {
            name: order.name.clone(),
            pair: order.pair.clone(),
            key,
            statement: order.statement.clone(),
            state: [0; 32],
            epochs,
            finished: false,
            modalities,
            curve: Vec::new(),
            seconds: 0.0,
            peak: 0,
            started: now(),
            updated: now(),
        };
        let run = stored.clone().unwrap_or(fresh);
        let (last, cost) = (Instant::now(), Duration::ZERO);
        Ok((Journal { db, run, stored, last, cost, state: PhantomData }, state))
    }

    /// Whether no more epoch is to come.
    pub fn is_finished(&self) -> bool {
        self.run.finished
    }

    /// Whether a checkpoint is due.
    pub fn is_due(&self) -> bool {
        self.last.elapsed() >= INTERVAL.max(self.cost * SHARE)
    }

    /// Stores the state after `seconds` more of training.
    pub fn checkpoint(&mut self, state: &S, seconds: f64, finished: bool) -> Result<[u8; 32]> {
        let started = Instant::now();
        let digest = self.db.put_object(state)?;
        self.run.state = digest.0;
        self.run.curve = state.curve().to_vec();
        self.run.finished = finished;
        self.run.seconds += seconds;
        self.run.peak = self.run.peak.max(resident::peak().unwrap_or_default());
        self.run.updated = now();
        let mut batch = Batch::new();
        batch.expect(RUNS, &self.run.key, self.stored.as_ref())?;
        batch.put(RUNS, &self.run.key, &self.run)?;
        self.db.commit(batch)?;
        // Equal states are one object: another run, or a model, may have come by the same.
        if let Some(old) = self.stored.replace(self.run.clone())
            && old.state != digest.0
            && !named(self.db, &old.state)?
        {
            self.db.discard(&Digest(old.state))?;
        }
        self.last = Instant::now();
        self.cost = started.elapsed();
        Ok(digest.0)
    }
}

/// Whether a run or a model rests on this state.
fn named(db: &Db, state: &[u8; 32]) -> Result<bool> {
    let of_model = |entry: &Entry| match entry {
        Entry::Artifact(artifact) => artifact.objects.iter().any(|(_, object)| object == state),
        Entry::Pair(_) => false,
    };
    Ok(all(db)?.iter().any(|run| run.state == *state) || catalog::all(db)?.iter().any(of_model))
}

/// All runs.
pub(crate) fn all(db: &Db) -> Result<Vec<Run>> {
    db.scan::<Run>(RUNS, b"").map(|row| row.map(|(_, run)| run)).collect()
}

/// Checkpoints that a sweep must keep.
pub(crate) fn checkpoints(db: &Db) -> Result<Vec<Digest>> {
    Ok(all(db)?.into_iter().map(|run| Digest(run.state)).collect())
}

/// The parameters that a model uses: those with the lowest held-out loss, where pairs were held out.
pub(crate) fn parameters(db: &Db, model: &ArtifactEntry) -> Result<Vec<Parameter>> {
    let Some((_, state)) = model.objects.iter().find(|(name, _)| name == STATE) else {
        let message = format!("model `{}` has no parameters", model.name);
        return Err(Error::new(Code::Corrupt, message).help("run CHECK FULL; make it again"));
    };
    let digest = Digest(*state);
    let (parameters, best) = match model.fact(super::train::ARCHITECTURE) {
        Some(_) => {
            let state = whole::<TrainState>(db, &digest)?;
            (state.parameters, state.best)
        }
        None => {
            let state = whole::<TuneState>(db, &digest)?;
            (state.parameters, state.best)
        }
    };
    Ok(best.map_or(parameters, |best| best.parameters))
}

/// The state that a model was left in.
pub(crate) fn left_in<S: State>(db: &Db, model: &ArtifactEntry) -> Result<Option<S>> {
    model.object(STATE).map(|state| whole(db, &state)).transpose()
}

/// The state behind a digest.
pub(crate) fn whole<S: State>(db: &Db, digest: &Digest) -> Result<S> {
    let object = db.object::<S>(digest)?;
    rkyv::deserialize::<S, rkyv::rancor::Error>(&*object)
        .map_err(|cause| Error::new(Code::Corrupt, format!("a checkpoint: {cause}")))
}

/// The run behind a key.
pub(crate) fn of_key(db: &Db, key: &[u8; 32]) -> Result<Option<Run>> {
    db.get(RUNS, key)
}

/// Puts a run into a batch as a dump has it, unless its key is known here.
pub(crate) fn restore(db: &Db, batch: &mut Batch, run: &Run) -> Result<()> {
    match of_key(db, &run.key)? {
        Some(_) => Ok(()),
        None => batch.put(RUNS, &run.key, run),
    }
}

/// Forgets the run behind a key: its model, or its pair, is dropped.
pub(crate) fn forget(batch: &mut Batch, key: &[u8; 32]) {
    batch.delete(RUNS, key);
}

/// Keys of the runs of a pair.
pub(crate) fn of_pair(db: &Db, pair: &str) -> Result<Vec<[u8; 32]>> {
    Ok(all(db)?.into_iter().filter(|run| run.pair == pair).map(|run| run.key).collect())
}

/// `SHOW RUNS`: one row a run.
pub(crate) fn table(engine: &Engine, pair: Option<&str>) -> Result<Rows> {
    if let Some(pair) = pair {
        catalog::pair(&engine.db, pair)?;
    }
    let columns = vec![
        Column::new("run", ColumnKind::Text),
        Column::new("pair", ColumnKind::Text),
        Column::new("state", ColumnKind::Text),
        Column::new("epoch", ColumnKind::Int),
        Column::new("epochs", ColumnKind::Int),
        Column::new("first_loss", ColumnKind::Float),
        Column::new("last_loss", ColumnKind::Float),
        Column::new("seconds_an_epoch", ColumnKind::Float),
        Column::new("peak_mib", ColumnKind::Int),
        Column::new("updated", ColumnKind::Text),
        Column::new("statement", ColumnKind::Text),
    ];
    let live = engine.live_runs();
    let row = |run: Run| -> Vec<Value> {
        let state = match () {
            () if live.contains(&run.key) => "live",
            () if run.finished => "finished",
            () => "resumable",
        };
        let loss = |at: Option<&EpochLoss>| at.map_or(f64::NAN, |loss| loss.total);
        vec![
            run.name.as_str().into(),
            run.pair.as_str().into(),
            state.into(),
            (run.curve.len() as u64).into(),
            run.epochs.into(),
            loss(run.curve.first()).into(),
            loss(run.curve.last()).into(),
            (run.seconds / run.curve.len().max(1) as f64).into(),
            (run.peak >> 20).into(),
            utc(run.updated).into(),
            run.statement.as_str().into(),
        ]
    };
    let runs = all(&engine.db)?.into_iter().filter(|run| pair.is_none_or(|pair| run.pair == pair));
    Ok(Rows::ready(columns, runs.map(row).collect()))
}

/// `EXPLAIN RUN t`: the curve, one row an epoch (or every so many), with a bar to see it by.
pub(crate) fn explain(engine: &Engine, name: &str) -> Result<Outcome> {
    let runs = all(&engine.db)?;
    // One result may bear several names: the run is that of its key.
    let key = match catalog::find(&engine.db, name)? {
        Some(Entry::Artifact(artifact)) => Some(artifact.key),
        _ => None,
    };
    let of = |run: &&Run| key.map_or(run.name == name, |key| run.key == key);
    let Some(run) = runs.iter().filter(of).max_by_key(|run| run.updated) else {
        let known: Vec<&str> = runs.iter().map(|run| run.name.as_str()).collect();
        let error = Error::new(Code::UnknownName, format!("there is no run `{name}`"));
        return Err(match known.is_empty() {
            true => error.help("nothing was trained yet; TUNE seeds AS name does"),
            false => error.help(format!("there is {}", known.join(", "))),
        });
    };
    let mut columns = vec![Column::new("epoch", ColumnKind::Int), Column::new("loss", ColumnKind::Float)];
    columns.extend(run.modalities.iter().map(|modality| Column::new(modality, ColumnKind::Float)));
    let held_out = run.curve.iter().any(|loss| loss.held_out.is_some());
    if held_out {
        columns.push(Column::new("held_out", ColumnKind::Float));
    }
    columns.push(Column::new("curve", ColumnKind::Text));
    let totals = run.curve.iter().map(|loss| loss.total);
    let (least, most) = totals.fold((f64::MAX, f64::MIN), |(a, b), x| (a.min(x), b.max(x)));
    let step = run.curve.len().div_ceil(SHOWN).max(1);
    let last = run.curve.len().saturating_sub(1);
    let shown = run.curve.iter().enumerate().filter(|(at, _)| at % step == 0 || *at == last);
    let row = |(at, loss): (usize, &EpochLoss)| -> Vec<Value> {
        let share = (loss.total - least) / (most - least).max(f64::MIN_POSITIVE);
        let mut row: Vec<Value> = vec![(at as u64 + 1).into(), loss.total.into()];
        row.extend(loss.parts.iter().map(|&loss| Value::from(loss)));
        if held_out {
            row.push(loss.held_out.unwrap_or(f64::NAN).into());
        }
        row.push("█".repeat(1 + (share * 39.0) as usize).into());
        row
    };
    let rows = Rows::ready(columns, shown.map(row).collect());
    let state = if run.finished { "finished" } else { "can be resumed: issue its statement again" };
    Ok(Outcome::message(
        "explain",
        format!(
            "{}: {} of {} epochs, {state}; {:.2} s an epoch",
            run.name,
            run.curve.len(),
            run.epochs,
            run.seconds / run.curve.len().max(1) as f64
        ),
    )
    .with_rows(rows))
}

/// Most epochs that are shown.
const SHOWN: usize = 30;
