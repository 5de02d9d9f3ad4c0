//! Bringing a store of an older format to this build's, in place, when it is opened for writing.
//!
//! Records mend themselves: one of an older schema version is read by [`Record::upgrade`](super::Record)
//! and written in the new form when it is next written. A format's number rises when that is not enough,
//! because an older build must not write any more, or because something is to be in its new form before
//! anybody looks. What is to be done then is a [`Step`].
//!
//! Invariant: FORMAT has a step's number only once all that the step did is durable. A step that was cut
//! short is done again from its beginning on the next opening, so it must not mind what it has done
//! already. Whoever opens a store for reading only reads the old form.

use super::db::Db;
use super::layout::{self, Format, Stamp};
use crate::error::Result;

/// What brings a store from the format before to this one.
pub(crate) struct Step {
    /// The format that a store has afterwards.
    pub to: u32,
    /// Writes what has to change, each commit whole by itself.
    pub run: fn(&Db) -> Result<()>,
}

/// Does the steps that a store has not seen, and stamps it after each.
pub(crate) fn migrate(db: &Db, ours: &Format) -> Result<()> {
    let (fs, dir) = (&*db.0.fs, &db.0.dir);
    let found = layout::stamped(fs, dir)?;
    if found.written >= ours.number {
        return Ok(());
    }
    for step in ours.steps.iter().filter(|step| step.to > found.written) {
        (step.run)(db)?;
        let reader = step.to.min(ours.oldest_reader);
        layout::stamp(fs, dir, Stamp { written: step.to, reader })?;
    }
    // Also where the number rose for older builds' sake and nothing was to be done.
    layout::stamp(fs, dir, ours.stamp())
}
