//! The library's front door: open a [`Store`], take a [`Session`], run statements or builders.
//!
//! Both doors lead to the same [`Request`](crate::ops::spec::Request): a statement is parsed and
//! bound to one, a builder fills one in. Nothing here prints, exits or panics.

mod bench;
mod build;
mod index;
mod living;
mod pair;
mod review;
mod session;
mod stages;
#[cfg(test)]
mod tests;
mod train;

pub use bench::BenchBuilder;
pub use build::{AlignBuilder, CorrectBuilder, EvaluateBuilder, ExportBuilder, SeedBuilder};
pub use index::IndexBuilder;
pub use pair::Pair;
pub use review::{Progress, Reviewer};
pub use session::{Name, Prepared, Session};
pub use stages::{ExpandBuilder, PsqeBuilder, TuneBuilder};
pub use train::TrainBuilder;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Code, Error, Result};
use crate::kg::Side;
use crate::ops::spec::{Architecture, Generate, Import, Match, Request};
use crate::ops::{Engine, Outcome, Settings, run};
use crate::ql;
use crate::store::{Db, OpenOptions};
use crate::task::Task;

/// An open store. Cheap to clone; clones share the store, and any thread may use them.
///
/// ```
/// use seedbed::Store;
/// use seedbed::ops::spec::Generate;
///
/// let store = Store::in_memory();
/// let pair = store.generate(Generate { name: "demo".into(), entities: 300, ..Generate::default() })?;
/// pair.embed_names()?;
/// store.seed(&pair).cluster(4).count(50).named("s1").run()?;
/// let quality = store.evaluate("s1").run()?.rows.into_iter().flatten().next().unwrap()?;
/// assert!(quality.get::<f64>("precision")? > 0.5);
/// # Ok::<(), seedbed::Error>(())
/// ```
#[derive(Clone)]
pub struct Store {
    engine: Arc<Engine>,
}

/// How to open a store.
#[derive(Clone, Debug)]
pub struct Options {
    options: OpenOptions,
}

impl Options {
    /// Whether a missing store is made (it is, unless told otherwise).
    pub fn create(mut self, create: bool) -> Self {
        self.options.create = create;
        self
    }

    /// Whether writes are refused.
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.options.read_only = read_only;
        self
    }

    /// Memory for the catalogue's cache, in bytes.
    pub fn cache_bytes(mut self, bytes: u64) -> Self {
        self.options.cache_bytes = bytes;
        self
    }

    /// Opens the store in `dir`.
    ///
    /// # Errors
    /// [`Code::Locked`](crate::Code) if another process holds it, `NewerFormat` if a later Seedbed wrote
    /// it, `NotAStore` if the directory holds something else, `Corrupt` if it is damaged.
    pub fn open(&self, dir: impl AsRef<Path>) -> Result<Store> {
        Ok(Store::over(Db::open(dir.as_ref(), &self.options)?))
    }
}

/// Reads a statement that the store kept.
fn read(statement: &str) -> Result<Request> {
    let mut statements = ql::parse(statement)?;
    match (statements.pop(), statements.is_empty()) {
        (Some(only), true) => ql::bind(&only, &ql::Params::default()),
        _ => Err(Error::new(Code::Syntax, "this is not one statement")),
    }
}

impl Store {
    /// Opens the store in `dir`, making it if there is none.
    pub fn open(dir: impl AsRef<Path>) -> Result<Store> {
        Store::options().open(dir)
    }

    /// Options to open a store with.
    pub fn options() -> Options {
        Options { options: OpenOptions { create: true, ..OpenOptions::default() } }
    }

    /// A store that is gone when the last handle is.
    pub fn in_memory() -> Store {
        Store::over(Db::in_memory())
    }

    fn over(db: Db) -> Store {
        Store { engine: Arc::new(Engine::new(db, read)) }
    }

    /// A session: settings of its own over the shared store.
    pub fn session(&self) -> Session {
        Session::new(self.engine.clone())
    }

    /// Runs one statement with default settings and the values of its `$parameters`.
    ///
    /// # Errors
    /// What the statement's documentation names.
    pub fn execute(&self, statement: &str, params: &crate::ql::Params) -> Result<Outcome> {
        self.session().execute(statement, params, &Task::quiet())
    }

    /// Does what a request says, with default settings.
    pub fn run(&self, request: &Request) -> Result<Outcome> {
        self.run_watched(request, &Task::quiet())
    }

    /// The same, with progress and a way to cancel.
    pub fn run_watched(&self, request: &Request, task: &Task) -> Result<Outcome> {
        run(&self.engine, request, &mut Settings::default(), task)
    }

    /// Imports a pair of graphs.
    pub fn import(&self, import: Import) -> Result<Pair> {
        let name = import.name.clone();
        self.run(&Request::Import(import))?;
        Ok(Pair::new(self.clone(), name))
    }

    /// Makes a planted pair.
    pub fn generate(&self, generate: Generate) -> Result<Pair> {
        let name = generate.name.clone();
        self.run(&Request::Generate(generate))?;
        Ok(Pair::new(self.clone(), name))
    }

    /// A pair that is there already.
    ///
    /// # Errors
    /// [`Code::UnknownName`](crate::Code::UnknownName) if there is none of that name.
    pub fn pair(&self, name: &str) -> Result<Pair> {
        crate::ops::require_pair(&self.engine, name)?;
        Ok(Pair::new(self.clone(), name.to_string()))
    }

    /// Finds seeds in a pair.
    pub fn seed(&self, pair: &Pair) -> SeedBuilder {
        SeedBuilder::new(self.clone(), pair.name())
    }

    /// Samples seeds anew over all entities, from a model or a seed set.
    pub fn resample(&self, from: &str) -> SeedBuilder {
        SeedBuilder::global(self.clone(), from)
    }

    /// Tunes embeddings on seeds.
    pub fn tune(&self, seeds: &str) -> TuneBuilder {
        TuneBuilder::new(self.clone(), seeds)
    }

    /// Trains an aligner; name what it learns from.
    pub fn train(&self, pair: &Pair, model: Architecture) -> TrainBuilder {
        TrainBuilder::new(self.clone(), pair.name(), model)
    }

    /// Trains models several times each and judges them alike; name pairs, models and what they learn from.
    pub fn bench(&self) -> BenchBuilder {
        BenchBuilder::new(self.clone())
    }

    /// Adds pairs of the seeds' neighbours.
    pub fn expand(&self, seeds: &str) -> ExpandBuilder {
        ExpandBuilder::new(self.clone(), seeds)
    }

    /// Makes seeds in all three stages of PSQE.
    pub fn psqe(&self, pair: &Pair) -> PsqeBuilder {
        PsqeBuilder::new(self.clone(), pair.name())
    }

    /// Drops seeds that others contradict.
    pub fn correct(&self, seeds: &str) -> CorrectBuilder {
        CorrectBuilder::new(self.clone(), seeds)
    }

    /// Aligns a pair straight from its features.
    pub fn align(&self, pair: &Pair) -> AlignBuilder {
        AlignBuilder::new(self.clone(), pair.name())
    }

    /// Builds an index over the features of a pair, or the embeddings of a model or an alignment.
    pub fn index(&self, on: &str) -> IndexBuilder {
        IndexBuilder::new(self.clone(), on)
    }

    /// Judges a seed set or an alignment.
    pub fn evaluate(&self, artifact: &str) -> EvaluateBuilder {
        EvaluateBuilder::new(self.clone(), artifact)
    }

    /// Writes a seed set or an alignment to a file.
    pub fn export(&self, artifact: &str, path: impl Into<PathBuf>) -> ExportBuilder {
        ExportBuilder::new(self.clone(), artifact, path.into())
    }

    /// Writes everything to a new folder of text files and numpy arrays, which its README describes.
    ///
    /// # Errors
    /// [`Code::Conflict`](crate::Code::Conflict) if something is there already; the folder is made whole or
    /// not at all.
    pub fn dump(&self, dir: impl Into<PathBuf>) -> Result<Outcome> {
        self.run(&Request::Dump(dir.into()))
    }

    /// Makes of a dump what it was made of, equal by digest.
    ///
    /// # Errors
    /// [`Code::NameTaken`](crate::Code::NameTaken) if the store has something of a name in it; `BadFile`,
    /// `BadValue` if the dump is damaged: the store is then as it was.
    pub fn load(&self, dir: impl Into<PathBuf>) -> Result<Outcome> {
        self.run(&Request::Load(dir.into()))
    }

    /// The best counterparts of an entity: rows of left, right, score and one column a modality.
    pub fn counterparts(
        &self,
        pair: &Pair,
        entity: &str,
        side: Option<Side>,
        limit: usize,
    ) -> Result<Outcome> {
        self.run(&Request::Match(Match { side, limit, ..Match::new(entity, pair.name()) }))
    }
}
