//! Seedbed: an embedded, on-disk store for aligning multi-modal knowledge graphs.

#![deny(unsafe_op_in_unsafe_fn)]
#![warn(missing_docs)]

mod api;
mod clock;
pub mod encoders;
mod error;
pub mod evaluate;
pub mod features;
pub mod formats;
mod fs;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
pub mod generate;
#[cfg(test)]
mod golden;
pub mod index;
pub mod kg;
mod limits;
pub mod linalg;
pub mod matching;
pub mod models;
pub mod ops;
pub mod psqe;
pub mod ql;
mod resident;
mod rng;
#[cfg(test)]
#[path = "../tests/common/mod.rs"]
mod shared;
pub mod store;
mod sync;
mod task;
pub mod train;

pub use api::{
    AlignBuilder, BenchBuilder, CorrectBuilder, EvaluateBuilder, ExpandBuilder, ExportBuilder, IndexBuilder,
    Name, Options, Pair, Prepared, Progress, PsqeBuilder, Reviewer, SeedBuilder, Session, Store,
    TrainBuilder, TuneBuilder,
};
pub use error::{Code, Error, Kind, Place, Result, Span};
#[doc(hidden)]
pub use ops::refuse_inside;
pub use ops::{Case, Column, ColumnKind, FromValue, Outcome, Reach, Row, Rows, Value};
pub use ql::Params;
pub use rng::Rng;
pub use task::{CancelToken, Event, Observer, Task};
