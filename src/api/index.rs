//! The builder of `CREATE INDEX`.

use super::Store;
use super::build::setters;
use crate::error::Result;
use crate::ops::Outcome;
use crate::ops::spec::{CreateIndex, Request, Weights};
use crate::task::Task;

/// Builds a [`CreateIndex`] request; see [`Store::index`].
pub struct IndexBuilder {
    store: Store,
    task: Task,
    spec: CreateIndex,
}

impl IndexBuilder {
    pub(super) fn new(store: Store, on: &str) -> Self {
        IndexBuilder { store, task: Task::quiet(), spec: CreateIndex::new(on, "index") }
    }

    setters! {
        /// Reports progress to, and can be cancelled by, this task.
        task(task: &Task) => task = task.clone();
        /// Weights of the modalities of a pair or a model; an alignment brings its own.
        weights(weights: Weights) => spec.weights = weights;
        /// Neighbours chosen for a point, from 4 to 64.
        neighbours(m: usize) => spec.m = m;
        /// Points kept while neighbours are searched, from 16 to 2,000.
        effort(ef: usize) => spec.ef = ef;
        /// The name of the result.
        named(name: &str) => spec.name = name.to_string();
    }

    /// Builds the index.
    ///
    /// # Errors
    /// [`Code::Unsupported`](crate::Code::Unsupported) if a modality is sparse or missing rows do not simply
    /// count as nothing; [`Code::OutOfRange`](crate::Code::OutOfRange) for settings out of range.
    pub fn run(self) -> Result<Outcome> {
        self.store.run_watched(&Request::CreateIndex(self.spec), &self.task)
    }
}
