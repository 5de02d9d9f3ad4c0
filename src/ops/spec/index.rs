//! `CREATE INDEX`: nearest neighbours by a graph.

use super::Weights;

/// Recall at ten that a search through an index must have shown, unless told otherwise.
pub const RECALL: f64 = 0.98;

/// Builds an index over what entities are compared by.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateIndex {
    /// A pair, whose features are indexed; or a model or an alignment, whose embeddings are.
    pub on: String,
    /// Weights of the modalities; a model has learned some and an alignment brings its own.
    pub weights: Weights,
    /// Neighbours chosen for a point.
    pub m: usize,
    /// Points kept while neighbours are searched.
    pub ef: usize,
    /// Name of the result.
    pub name: String,
}

impl CreateIndex {
    /// An index with the defaults.
    pub fn new(on: &str, name: &str) -> Self {
        let usual = crate::index::IndexOptions::default();
        CreateIndex {
            on: on.to_string(),
            weights: Weights::Auto,
            m: usual.m,
            ef: usual.ef,
            name: name.to_string(),
        }
    }
}
