//! Operations: from a request to stored artifacts, with keys, lineage and a journal.

mod canonical;
mod rows;
pub mod spec;
mod words;

pub use canonical::canonical;
pub use rows::{Column, ColumnKind, FromValue, Outcome, Row, Rows, Value};
