//! Follows.

use super::engine::{Context, Engine};
use super::rows::Outcome;
use super::spec::Match;
use crate::error::{Code, Error, Result};

pub(crate) fn search(_: &Engine, _: &Match, _: &Context) -> Result<Outcome> {
    Err(Error::new(Code::Unsupported, "not there yet"))
}
