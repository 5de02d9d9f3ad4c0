//! Builders: a request filled in step by step.

use std::path::PathBuf;

use super::Store;
use crate::error::Result;
use crate::features::Modality;
use crate::ops::Outcome;
use crate::ops::spec::{
    Align, Auto, Correct, Direction, Evaluate, Export, ExportFormat, Matching, Missing, Protocol, Request,
    Seed, SeedMethod, Variant, Weights,
};

macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident($value:ident: $type:ty) => $($field:ident).+ = $set:expr;)*) => {
        $($(#[$doc])*
        pub fn $name(mut self, $value: $type) -> Self {
            self.$($field).+ = $set;
            self
        })*
    };
}

/// Builds a [`Seed`] request; see [`Store::seed`].
pub struct SeedBuilder {
    store: Store,
    spec: Seed,
}

impl SeedBuilder {
    pub(super) fn new(store: Store, pair: &str) -> Self {
        let method = SeedMethod::Cluster { k: Auto::Fixed(4), variant: Variant::Paper };
        SeedBuilder { store, spec: Seed::new(method, pair, "seeds") }
    }

    /// PSQE stage I with `k` clusters, after the paper.
    pub fn cluster(mut self, k: usize) -> Self {
        self.spec.method = SeedMethod::Cluster { k: Auto::Fixed(k), variant: Variant::Paper };
        self
    }

    /// Unsupervised pivots on one modality.
    ///
    /// # Errors
    /// [`Code::OutOfRange`](crate::Code::OutOfRange) if the name cannot name a modality.
    pub fn pivots(mut self, modality: &str) -> Result<Self> {
        self.spec.method = SeedMethod::Pivots(Modality::new(modality)?);
        Ok(self)
    }

    setters! {
        /// Any method.
        method(method: SeedMethod) => spec.method = method;
        /// Number of seeds asked for (1,000 unless told otherwise).
        count(n: usize) => spec.count = n;
        /// Weights of the modalities (`Auto` unless told otherwise).
        weights(weights: Weights) => spec.weights = weights;
        /// How missing rows are treated.
        missing(missing: Missing) => spec.missing = missing;
        /// The random seed.
        random_seed(seed: u64) => spec.seed = Some(seed);
        /// The name of the result.
        named(name: &str) => spec.name = name.to_string();
    }

    /// Finds the seeds.
    pub fn run(self) -> Result<Outcome> {
        self.store.run(&Request::Seed(self.spec))
    }
}

/// Builds a [`Correct`] request; see [`Store::correct`].
pub struct CorrectBuilder {
    store: Store,
    spec: Correct,
}

impl CorrectBuilder {
    pub(super) fn new(store: Store, seeds: &str) -> Self {
        CorrectBuilder { store, spec: Correct::new(seeds, "corrected") }
    }

    setters! {
        /// Rows only, or columns as well.
        direction(direction: Direction) => spec.direction = direction;
        /// Repeat until nothing falls.
        iterate(iterate: bool) => spec.iterate = iterate;
        /// Rivals are all entities of the other side.
        all_rivals(all: bool) => spec.all_rivals = all;
        /// Weights of the modalities.
        weights(weights: Weights) => spec.weights = weights;
        /// The name of the result.
        named(name: &str) => spec.name = name.to_string();
    }

    /// Corrects the seeds.
    pub fn run(self) -> Result<Outcome> {
        self.store.run(&Request::Correct(self.spec))
    }
}

/// Builds an [`Align`] request; see [`Store::align`].
pub struct AlignBuilder {
    store: Store,
    spec: Align,
}

impl AlignBuilder {
    pub(super) fn new(store: Store, pair: &str) -> Self {
        AlignBuilder { store, spec: Align::new(pair, "alignment") }
    }

    setters! {
        /// Weights of the modalities (`Auto` unless told otherwise).
        weights(weights: Weights) => spec.weights = weights;
        /// How scores become links.
        matching(matching: Matching) => spec.matching = matching;
        /// Neighbours for CSLS; `None` leaves plain scores.
        csls(k: Option<usize>) => spec.csls = k;
        /// Least score of a link.
        threshold(score: f32) => spec.threshold = Some(score);
        /// The name of the result.
        named(name: &str) => spec.name = name.to_string();
    }

    /// Aligns.
    pub fn run(self) -> Result<Outcome> {
        self.store.run(&Request::Align(self.spec))
    }
}

/// Builds an [`Evaluate`] request; see [`Store::evaluate`].
pub struct EvaluateBuilder {
    store: Store,
    spec: Evaluate,
}

impl EvaluateBuilder {
    pub(super) fn new(store: Store, target: &str) -> Self {
        let spec =
            Evaluate { target: target.to_string(), protocol: Protocol::Strict, last: None, split: None };
        EvaluateBuilder { store, spec }
    }

    setters! {
        /// The candidates.
        protocol(protocol: Protocol) => spec.protocol = protocol;
        /// Judge on the last so many links of the file.
        last(n: usize) => spec.last = Some(n);
    }

    /// Evaluates.
    pub fn run(self) -> Result<Outcome> {
        self.store.run(&Request::Evaluate(self.spec))
    }
}

/// Builds an [`Export`] request; see [`Store::export`].
pub struct ExportBuilder {
    store: Store,
    spec: Export,
}

impl ExportBuilder {
    pub(super) fn new(store: Store, target: &str, path: PathBuf) -> Self {
        ExportBuilder { store, spec: Export::new(target, path) }
    }

    setters! {
        /// The format; without it the file's name tells.
        format(format: ExportFormat) => spec.format = Some(format);
        /// Overwrite an existing file.
        overwrite(overwrite: bool) => spec.overwrite = overwrite;
    }

    /// Writes the file.
    pub fn run(self) -> Result<Outcome> {
        self.store.run(&Request::Export(self.spec))
    }
}
