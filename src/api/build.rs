//! Builders: a request filled in step by step.

use std::path::PathBuf;

use super::Store;
use crate::error::Result;
use crate::features::Modality;
use crate::kg::Split;
use crate::ops::Outcome;
use crate::ops::spec::{
    Align, Auto, Correct, Direction, Evaluate, Export, ExportFormat, Matching, Missing, Protocol, Request,
    Rescale, Search, Seed, SeedMethod, Variant, Weights,
};
use crate::task::Task;

macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident($value:ident: $type:ty) => $($field:ident).+ = $set:expr;)*) => {
        $($(#[$doc])*
        pub fn $name(mut self, $value: $type) -> Self {
            self.$($field).+ = $set;
            self
        })*
    };
}

pub(super) use setters;

/// Builds a [`Seed`] request; see [`Store::seed`].
pub struct SeedBuilder {
    store: Store,
    task: Task,
    spec: Seed,
}

impl SeedBuilder {
    pub(super) fn new(store: Store, pair: &str) -> Self {
        let method = SeedMethod::Cluster { k: Auto::Fixed(4), variant: Variant::Paper };
        SeedBuilder { store, task: Task::quiet(), spec: Seed::new(method, pair, "seeds") }
    }

    /// PSQE stage I with `k` clusters, after the paper.
    pub fn cluster(mut self, k: usize) -> Self {
        self.spec.method = SeedMethod::Cluster { k: Auto::Fixed(k), variant: Variant::Paper };
        self
    }

    /// PSQE stage II: over all entities, from a model or a seed set, ours unless told otherwise.
    pub(super) fn global(store: Store, from: &str) -> Self {
        let method = SeedMethod::Global { variant: Variant::Seedbed };
        let spec = Seed { count: Auto::Auto, ..Seed::new(method, from, "seeds") };
        SeedBuilder { store, task: Task::quiet(), spec }
    }

    /// Unsupervised pivots on one modality.
    ///
    /// # Errors
    /// [`Code::OutOfRange`](crate::Code::OutOfRange) if the name cannot name a modality.
    pub fn pivots(mut self, modality: &str) -> Result<Self> {
        self.spec.method = SeedMethod::Pivots(Modality::new(modality)?);
        Ok(self)
    }

    /// As many seeds as keep their estimated precision at or above `least`.
    pub fn precision(mut self, least: f64) -> Self {
        self.spec.count = Auto::Auto;
        self.spec.precision = least;
        self
    }

    setters! {
        /// Reports progress to, and can be cancelled by, this task.
        task(task: &Task) => task = task.clone();
        /// Any method.
        method(method: SeedMethod) => spec.method = method;
        /// Number of seeds asked for (1,000 unless told otherwise).
        count(n: usize) => spec.count = Auto::Fixed(n);
        /// Weights of the modalities (`Auto` unless told otherwise).
        weights(weights: Weights) => spec.weights = weights;
        /// How missing rows are treated.
        missing(missing: Missing) => spec.missing = missing;
        /// Which pairs of entities are compared; all unless they are too many.
        search(search: Search) => spec.search = search;
        /// The random seed.
        random_seed(seed: u64) => spec.seed = Some(seed);
        /// The name of the result.
        named(name: &str) => spec.name = name.to_string();
    }

    /// Finds the seeds.
    pub fn run(self) -> Result<Outcome> {
        self.store.run_watched(&Request::Seed(self.spec), &self.task)
    }
}

/// Builds a [`Correct`] request; see [`Store::correct`].
pub struct CorrectBuilder {
    store: Store,
    task: Task,
    spec: Correct,
}

impl CorrectBuilder {
    pub(super) fn new(store: Store, seeds: &str) -> Self {
        CorrectBuilder { store, task: Task::quiet(), spec: Correct::new(seeds, "corrected") }
    }

    setters! {
        /// Reports progress to, and can be cancelled by, this task.
        task(task: &Task) => task = task.clone();
        /// Keep at most so many, best first.
        at_most(n: usize) => spec.count = Some(n);
        /// Rows only, or columns as well.
        direction(direction: Direction) => spec.direction = direction;
        /// Repeat until nothing falls.
        iterate(iterate: bool) => spec.iterate = iterate;
        /// Rivals are all entities of the other side.
        all_rivals(all: bool) => spec.all_rivals = all;
        /// Weights of the modalities.
        weights(weights: Weights) => spec.weights = weights;
        /// Cosines, or plain products as the authors' code has them.
        variant(variant: Variant) => spec.variant = variant;
        /// How missing rows are treated.
        missing(missing: Missing) => spec.missing = missing;
        /// Which pairs of entities are compared; all unless they are too many.
        search(search: Search) => spec.search = search;
        /// The random seed.
        random_seed(seed: u64) => spec.seed = Some(seed);
        /// The name of the result.
        named(name: &str) => spec.name = name.to_string();
    }

    /// Corrects the seeds.
    pub fn run(self) -> Result<Outcome> {
        self.store.run_watched(&Request::Correct(self.spec), &self.task)
    }
}

/// Builds an [`Align`] request; see [`Store::align`].
pub struct AlignBuilder {
    store: Store,
    task: Task,
    spec: Align,
}

impl AlignBuilder {
    pub(super) fn new(store: Store, pair: &str) -> Self {
        AlignBuilder { store, task: Task::quiet(), spec: Align::new(pair, "alignment") }
    }

    setters! {
        /// Reports progress to, and can be cancelled by, this task.
        task(task: &Task) => task = task.clone();
        /// Weights of the modalities (`Auto` unless told otherwise).
        weights(weights: Weights) => spec.weights = weights;
        /// A model whose embeddings are compared, in place of the features.
        using(model: &str) => spec.model = Some(model.to_string());
        /// How scores become links.
        matching(matching: Matching) => spec.matching = matching;
        /// Whether a right entity is linked once at most; the matching's own way unless told otherwise.
        one_to_one(once: bool) => spec.one_to_one = Some(once);
        /// What becomes of similarities before (CSLS with 10 neighbours unless told otherwise).
        rescale(rescale: Rescale) => spec.rescale = rescale;
        /// Neighbours for CSLS; `None` leaves plain scores.
        csls(k: Option<usize>) => spec.rescale = k.map_or(Rescale::None, Rescale::Csls);
        /// Candidates kept per entity.
        candidates(n: usize) => spec.candidates = n;
        /// How missing rows are treated.
        missing(missing: Missing) => spec.missing = missing;
        /// Which pairs of entities are compared; all unless they are too many.
        search(search: Search) => spec.search = search;
        /// The random seed.
        random_seed(seed: u64) => spec.seed = Some(seed);
        /// Least score of a link.
        threshold(score: f32) => spec.threshold = Some(Auto::Fixed(score));
        /// What similarities are divided by for Sinkhorn (0.05 unless told otherwise).
        temperature(temperature: f32) => spec.temperature = temperature;
        /// Most iterations of Sinkhorn (100 unless told otherwise).
        iterations(n: usize) => spec.iterations = n;
        /// The name of the result.
        named(name: &str) => spec.name = name.to_string();
    }

    /// Only links whose estimated precision is at least this.
    pub fn precision(mut self, least: f64) -> Self {
        self.spec.threshold = Some(Auto::Auto);
        self.spec.precision = least;
        self
    }

    /// Aligns.
    pub fn run(self) -> Result<Outcome> {
        self.store.run_watched(&Request::Align(self.spec), &self.task)
    }
}

/// Builds an [`Evaluate`] request; see [`Store::evaluate`].
pub struct EvaluateBuilder {
    store: Store,
    task: Task,
    spec: Evaluate,
}

impl EvaluateBuilder {
    pub(super) fn new(store: Store, target: &str) -> Self {
        let spec =
            Evaluate { target: target.to_string(), protocol: Protocol::Strict, last: None, split: None };
        EvaluateBuilder { store, task: Task::quiet(), spec }
    }

    setters! {
        /// Reports progress to, and can be cancelled by, this task.
        task(task: &Task) => task = task.clone();
        /// The candidates.
        protocol(protocol: Protocol) => spec.protocol = protocol;
        /// Judge on the last so many links of the file.
        last(n: usize) => spec.last = Some(n);
        /// Judge on the links of this split.
        split(split: Split) => spec.split = Some(split);
    }

    /// Evaluates.
    pub fn run(self) -> Result<Outcome> {
        self.store.run_watched(&Request::Evaluate(self.spec), &self.task)
    }
}

/// Builds an [`Export`] request; see [`Store::export`].
pub struct ExportBuilder {
    store: Store,
    task: Task,
    spec: Export,
}

impl ExportBuilder {
    pub(super) fn new(store: Store, target: &str, path: PathBuf) -> Self {
        ExportBuilder { store, task: Task::quiet(), spec: Export::new(target, path) }
    }

    setters! {
        /// Reports progress to, and can be cancelled by, this task.
        task(task: &Task) => task = task.clone();
        /// The format; without it the file's name tells.
        format(format: ExportFormat) => spec.format = Some(format);
        /// Overwrite an existing file.
        overwrite(overwrite: bool) => spec.overwrite = overwrite;
        /// SSSOM: make up prefixes for IRIs that no known one contracts.
        auto_prefixes(auto: bool) => spec.auto_prefixes = auto;
    }

    /// Writes the file.
    pub fn run(self) -> Result<Outcome> {
        self.store.run_watched(&Request::Export(self.spec), &self.task)
    }
}
