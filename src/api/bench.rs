//! The builder of `BENCH`.

use std::path::PathBuf;

use super::build::setters;
use super::train::training_setters;
use super::{Pair, Store};
use crate::error::Result;
use crate::ops::Outcome;
use crate::ops::spec::{
    Architecture, Bench, Lesson, Protocol, Published, Request, TableFile, Variant, Weights,
};
use crate::task::Task;

/// Builds a [`Bench`] request; see [`Store::bench`].
pub struct BenchBuilder {
    store: Store,
    task: Task,
    spec: Bench,
}

impl BenchBuilder {
    pub(super) fn new(store: Store) -> Self {
        let spec = Bench::new(Vec::new(), Vec::new(), Vec::new());
        BenchBuilder { store, task: Task::quiet(), spec }
    }

    setters! {
        /// Reports progress to, and can be cancelled by, this task.
        task(task: &Task) => task = task.clone();
        /// Trainings of each kind (5 unless told otherwise).
        runs(runs: usize) => spec.runs = runs;
        /// Who the candidates are, each in turn (both protocols unless told otherwise).
        protocols(protocols: &[Protocol]) => spec.protocols = protocols.to_vec();
        /// Neighbours of CSLS beside the plain similarity (10 unless told otherwise).
        csls(neighbours: Option<usize>) => spec.csls = neighbours;
        /// Whose published figures stand beside.
        published(published: Published) => spec.published = published;
        /// A file to write the table to as well.
        file(file: TableFile) => spec.file = Some(file);
    }

    training_setters!(spec.training);

    /// On this pair, besides those named before.
    pub fn pair(mut self, pair: &Pair) -> Self {
        self.spec.pairs.push(pair.name().to_string());
        self
    }

    /// This model, besides those named before.
    pub fn model(mut self, model: Architecture) -> Self {
        self.spec.models.push(model);
        self
    }

    /// Learning from all of these together, in turn with what was named before.
    pub fn lessons(mut self, lessons: Vec<Lesson>) -> Self {
        self.spec.seeds.push(lessons);
        self
    }

    /// Learning from a seed set, in turn with what was named before.
    pub fn seeds(self, seeds: &str) -> Self {
        self.lessons(vec![Lesson::Seeds(seeds.to_string())])
    }

    /// Learning from this share of the reference links that are not of the test split, in turn with what was
    /// named before.
    pub fn share(self, share: f64) -> Self {
        self.lessons(vec![Lesson::Share(share)])
    }

    /// Writes the table to a file as well, in the format that its name tells; one that exists stays.
    pub fn to(self, path: impl Into<PathBuf>) -> Self {
        self.file(TableFile { path: path.into(), format: None, overwrite: false })
    }

    /// Trains and judges whatever is not stored. Cancelled, it keeps what was done; the same request goes on
    /// from there.
    pub fn run(self) -> Result<Outcome> {
        self.store.run_watched(&Request::Bench(self.spec), &self.task)
    }
}
