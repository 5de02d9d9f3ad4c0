//! `EXPLAIN SEEDS s`: where seeds come from, how good they are, and where they are thin.

use super::engine::{Context, Engine};
use super::rows::Outcome;
use super::spec::ExplainSeeds;
use crate::error::{Code, Error, Result};

/// Tells about a seed set.
pub(crate) fn explain(_engine: &Engine, spec: &ExplainSeeds, _context: &Context) -> Result<Outcome> {
    Err(Error::new(Code::Unsupported, format!("EXPLAIN SEEDS {} is still to come", spec.seeds))
        .help("EVALUATE and DESCRIBE tell some of it"))
}
