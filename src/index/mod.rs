//! Approximate nearest neighbours: an index over an embedding, derived and disposable.
//!
//! An index holds a graph over the rows of one side (see [`build`]) and no rows: those are read where they
//! lie, as features or embeddings. What a search gives has the very scores of exact search; what it may
//! lack is measured after each build and kept with the index, and a search that asks for more compares all
//! rows. Invariants: rows without a modality and second copies of a row are no points of the graph; every
//! point is reached; an index is a pure function of rows, weights and options, and a search one of index and
//! query, whatever the number of threads. This layer knows feature rows and digests, and must not know
//! graphs of entities, the catalogue or the language. Only `hnsw.rs` names the crate `hnsw_rs`.

mod build;
mod changes;
mod embedding;
mod entrances;
mod graph;
mod hnsw;
mod measure;
mod persist;
mod points;
mod refine;
mod scan;
mod search;
#[cfg(test)]
mod tests;

pub use build::{IndexOptions, build};
pub use changes::Changes;
pub use measure::Measured;
pub use persist::{IndexData, StoredIndex};
pub use search::{Ask, Found, Index, Path, Reason, search};
