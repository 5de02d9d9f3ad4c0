//! Follows.

use super::engine::{Context, Engine};
use super::rows::Outcome;
use super::spec::Correct;
use crate::error::{Code, Error, Result};

pub(crate) fn correct(_: &Engine, _: &Correct, _: &Context) -> Result<Outcome> {
    Err(Error::new(Code::Unsupported, "not there yet"))
}
