//! Follows.

use super::engine::{Context, Engine};
use super::rows::Outcome;
use super::spec::Request;
use crate::error::{Code, Error, Result};

pub(crate) fn explain(_: &Engine, _: &Request, _: &Context) -> Result<Outcome> {
    Err(Error::new(Code::Unsupported, "not there yet"))
}
