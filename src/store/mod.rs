//! The store: records and objects in one directory, committed atomically, checked on reading.
#![allow(
    dead_code,
    missing_docs,
    unused_variables,
    clippy::todo,
    clippy::new_without_default,
    clippy::should_implement_trait
)] // while the layer is being laid

mod db;
mod digest;
mod fs;
mod kv;
mod record;
mod sink;
mod sled_kv;
mod slices;
#[cfg(test)]
mod testing;

pub use db::*;
pub use digest::Digest;
pub use record::{Record, decode, encode};
#[doc(hidden)]
pub use sink::Sink;
pub use slices::{floats, ints, longs};
