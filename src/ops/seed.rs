//! Follows.

use super::engine::{Context, Engine};
use super::rows::Outcome;
use super::spec::Seed;
use crate::error::{Code, Error, Result};

pub(crate) fn seed(_: &Engine, _: &Seed, _: &Context) -> Result<Outcome> {
    Err(Error::new(Code::Unsupported, "not there yet"))
}
