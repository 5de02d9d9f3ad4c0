//! Operations: from a request to stored artifacts, with keys, lineage and a journal.

mod rows;
pub mod spec;

pub use rows::{Column, ColumnKind, FromValue, Outcome, Row, Rows, Value};
