//! Correction: a seed falls if an end of it looks more like something else.

use crate::error::Result;
use crate::ops::spec::{Direction, Variant};
use crate::psqe::weights::Resolved;
use crate::psqe::{Evidence, SeedSet};
use crate::task::Task;

/// How [`correct`] proceeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CorrectOptions {
    /// Rows only, or columns as well.
    pub direction: Direction,
    /// Repeat until nothing falls; matters when rivals are seeds, which may fall themselves.
    pub iterate: bool,
    /// Rivals are all entities of the other side, not only those of other seeds.
    pub all_rivals: bool,
    /// [`Variant::Reference`] takes plain dot products of the rows as given, else cosines are taken.
    pub variant: Variant,
}

/// Correction.
pub fn correct(
    _set: &SeedSet,
    _evidence: &Evidence<'_>,
    _weights: &Resolved,
    _options: &CorrectOptions,
    _task: &Task,
) -> Result<SeedSet> {
    todo!()
}
