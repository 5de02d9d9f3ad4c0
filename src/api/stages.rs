//! Builders of PSQE's later stages, and of all stages in one.

use super::Store;
use super::build::setters;
use crate::error::Result;
use crate::ops::Outcome;
use crate::ops::spec::{Auto, Dtype, Expand, Missing, Psqe, Request, Search, Tune, Variant, Weights};
use crate::task::Task;

/// Builds a [`Tune`] request; see [`Store::tune`].
pub struct TuneBuilder {
    store: Store,
    task: Task,
    spec: Tune,
}

impl TuneBuilder {
    pub(super) fn new(store: Store, seeds: &str) -> Self {
        TuneBuilder { store, task: Task::quiet(), spec: Tune::new(seeds, "tuned") }
    }

    setters! {
        /// Reports progress to, and can be cancelled by, this task.
        task(task: &Task) => task = task.clone();
        /// Passes over the seeds (300 unless told otherwise).
        epochs(epochs: usize) => spec.epochs = epochs;
        /// Learning rate (0.01 unless told otherwise).
        learning_rate(rate: f64) => spec.lr = rate;
        /// Pairs of a batch (2,000 unless told otherwise).
        batch(pairs: usize) => spec.batch = pairs;
        /// Width of the embeddings (300 unless told otherwise).
        dims(dims: usize) => spec.dims = dims;
        /// Stop when held-out seeds gain nothing for so many epochs.
        patience(epochs: Option<usize>) => spec.patience = epochs;
        /// After the paper, or as the authors' code does.
        variant(variant: Variant) => spec.variant = variant;
        /// Which modalities are tuned: those named, else all; sizes do not matter.
        weights(weights: Weights) => spec.weights = weights;
        /// How missing rows are treated.
        missing(missing: Missing) => spec.missing = missing;
        /// Where tuning runs: "cpu", "cuda:0" or "auto"; the session's setting unless told otherwise.
        device(device: &str) => spec.device = device.to_string();
        /// What the affine maps of tuning are multiplied in; anything but f32 needs a GPU.
        dtype(dtype: Dtype) => spec.dtype = dtype;
        /// The random seed.
        random_seed(seed: u64) => spec.seed = Some(seed);
        /// The name of the result.
        named(name: &str) => spec.name = name.to_string();
    }

    /// Tunes. Cancelled, it keeps a checkpoint; the same request goes on from there.
    pub fn run(self) -> Result<Outcome> {
        self.store.run_watched(&Request::Tune(self.spec), &self.task)
    }
}

/// Builds an [`Expand`] request; see [`Store::expand`].
pub struct ExpandBuilder {
    store: Store,
    task: Task,
    spec: Expand,
}

impl ExpandBuilder {
    pub(super) fn new(store: Store, seeds: &str) -> Self {
        ExpandBuilder { store, task: Task::quiet(), spec: Expand::new(seeds, "expanded") }
    }

    setters! {
        /// Reports progress to, and can be cancelled by, this task.
        task(task: &Task) => task = task.clone();
        /// A tuned model whose embeddings take part.
        using(model: &str) => spec.model = Some(model.to_string());
        /// Most seeds in all.
        count(n: usize) => spec.count = Auto::Fixed(n);
        /// Least estimated precision (0.9 unless told otherwise), where no count is given.
        precision(least: f64) => spec.precision = least;
        /// Least similarity of a new pair, after the paper or its code.
        threshold(least: f32) => spec.threshold = least;
        /// Whose formulas are followed.
        variant(variant: Variant) => spec.variant = variant;
        /// Weights of the modalities.
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

    /// Expands the seeds.
    pub fn run(self) -> Result<Outcome> {
        self.store.run_watched(&Request::Expand(self.spec), &self.task)
    }
}

/// Builds a [`Psqe`] request; see [`Store::psqe`].
pub struct PsqeBuilder {
    store: Store,
    task: Task,
    spec: Psqe,
}

impl PsqeBuilder {
    pub(super) fn new(store: Store, pair: &str) -> Self {
        PsqeBuilder { store, task: Task::quiet(), spec: Psqe::new(pair, "seeds") }
    }

    setters! {
        /// Reports progress to, and can be cancelled by, this task.
        task(task: &Task) => task = task.clone();
        /// Number of clusters of stage I.
        clusters(k: usize) => spec.k = Auto::Fixed(k);
        /// Number of seeds asked for; as many as keep the precision where none is given.
        count(n: usize) => spec.count = Auto::Fixed(n);
        /// Least estimated precision (0.9 unless told otherwise), where no count is given.
        precision(least: f64) => spec.precision = least;
        /// Whether stage II tunes embeddings.
        tune(tune: bool) => spec.tune = tune;
        /// Passes over the seeds in tuning.
        epochs(epochs: usize) => spec.epochs = epochs;
        /// Whose formulas are followed.
        variant(variant: Variant) => spec.variant = variant;
        /// Weights of the modalities.
        weights(weights: Weights) => spec.weights = weights;
        /// How missing rows are treated.
        missing(missing: Missing) => spec.missing = missing;
        /// Which pairs of entities are compared; all unless they are too many.
        search(search: Search) => spec.search = search;
        /// Where tuning runs: "cpu", "cuda:0" or "auto"; the session's setting unless told otherwise.
        device(device: &str) => spec.device = device.to_string();
        /// What the affine maps of tuning are multiplied in; anything but f32 needs a GPU.
        dtype(dtype: Dtype) => spec.dtype = dtype;
        /// The random seed.
        random_seed(seed: u64) => spec.seed = Some(seed);
        /// The name of the result; those of the stages are made from it.
        named(name: &str) => spec.name = name.to_string();
    }

    /// Runs the stages; those whose results are stored are passed over.
    pub fn run(self) -> Result<Outcome> {
        self.store.run_watched(&Request::Psqe(self.spec), &self.task)
    }
}
