//! The builder of `TRAIN`.

use std::path::Path;

use super::Store;
use super::build::setters;
use crate::error::{Code, Error, Result};
use crate::kg::Split;
use crate::ops::Outcome;
use crate::ops::spec::{Architecture, Lesson, Request, Train, Variant, Weights};
use crate::task::Task;

/// The settings of training, for every builder that trains; `spec` is where the builder has its `Train`.
macro_rules! training_setters {
    ($($spec:ident).+) => {
        setters! {
            /// Passes over the pairs; the model's own number unless told otherwise, as with the following.
            epochs(epochs: usize) => $($spec).+.epochs = Some(epochs);
            /// Learning rate.
            learning_rate(rate: f64) => $($spec).+.lr = Some(rate);
            /// Most pairs of a batch.
            batch(pairs: usize) => $($spec).+.batch = Some(pairs);
            /// Width of a modality's embedding.
            dims(dims: usize) => $($spec).+.dims = Some(dims);
            /// What similarities are divided by.
            temperature(tau: f64) => $($spec).+.temperature = Some(tau);
            /// Whether mutual nearest neighbours join the pairs.
            iterative(iterative: bool) => $($spec).+.iterative = iterative;
            /// Stop when held-out pairs gain nothing for so many epochs.
            patience(epochs: Option<usize>) => $($spec).+.patience = epochs;
            /// As the paper has it, or as the authors' code does.
            variant(variant: Variant) => $($spec).+.variant = variant;
            /// Which modalities take part: those named, else all; sizes do not matter.
            weights(weights: Weights) => $($spec).+.weights = weights;
            /// Where it runs: "cpu", "cuda:0" or "auto"; the session's setting unless told otherwise.
            device(device: &str) => $($spec).+.device = device.to_string();
            /// The random seed.
            random_seed(seed: u64) => $($spec).+.seed = Some(seed);
        }

        /// Leaves out a part of the model, or a modality: an ablation.
        pub fn without(mut self, part: &str) -> Self {
            self.$($spec).+.without.push(part.to_string());
            self
        }
    };
}

pub(super) use training_setters;

/// Builds a [`Train`] request; see [`Store::train`].
pub struct TrainBuilder {
    store: Store,
    task: Task,
    spec: Train,
}

impl TrainBuilder {
    pub(super) fn new(store: Store, pair: &str, model: Architecture) -> Self {
        let spec = Train { lessons: Vec::new(), ..Train::new(model, pair, "", "model") };
        TrainBuilder { store, task: Task::quiet(), spec }
    }

    setters! {
        /// Reports progress to, and can be cancelled by, this task.
        task(task: &Task) => task = task.clone();
        /// A safetensors file of parameters to begin with, under the names of the model's authors.
        init(path: &Path) => spec.init = Some(path.to_path_buf());
        /// The name of the result.
        named(name: &str) => spec.name = name.to_string();
    }

    training_setters!(spec);

    /// Learns from a seed set, besides what was named before.
    pub fn seeds(mut self, seeds: &str) -> Self {
        self.spec.lessons.push(Lesson::Seeds(seeds.to_string()));
        self
    }

    /// Learns from the reference links of a split, besides what was named before.
    pub fn split(mut self, split: Split) -> Self {
        self.spec.lessons.push(Lesson::Split(split));
        self
    }

    /// Learns from this share of the reference links that are not of the test split.
    pub fn share(mut self, share: f64) -> Self {
        self.spec.lessons.push(Lesson::Share(share));
        self
    }

    /// Trains. Cancelled, it keeps a checkpoint; the same request goes on from there.
    ///
    /// Fails with [`Code::MissingData`] if nothing was named to learn from.
    pub fn run(self) -> Result<Outcome> {
        if self.spec.lessons.is_empty() {
            return Err(Error::new(Code::MissingData, "nothing was named to learn from")
                .help("call seeds, split or share first"));
        }
        self.store.run_watched(&Request::Train(self.spec), &self.task)
    }
}
