//! Follows.

use super::engine::{Context, Engine};
use super::rows::Outcome;
use super::spec::Align;
use crate::error::{Code, Error, Result};

pub(crate) fn align(_: &Engine, _: &Align, _: &Context) -> Result<Outcome> {
    Err(Error::new(Code::Unsupported, "not there yet"))
}
