//! Follows.

use super::engine::{Context, Engine};
use super::rows::Outcome;
use super::spec::Evaluate;
use crate::error::{Code, Error, Result};

pub(crate) fn evaluate(_: &Engine, _: &Evaluate, _: &Context) -> Result<Outcome> {
    Err(Error::new(Code::Unsupported, "not there yet"))
}
