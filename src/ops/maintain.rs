//! Looking after a store: DROP, CHECK, BACKUP, COMPACT.

use std::path::Path;

use super::bench;
use super::canonical::canonical;
use super::catalog::{self, ArtifactEntry, Entry, Logged};
use super::engine::{Context, Engine};
use super::rows::{Column, ColumnKind, Outcome, Rows, Value};
use super::runs;
use super::spec::Request;
use super::{encoded, near};
use crate::clock::now;
use crate::error::{Code, Error, Result};
use crate::kg;
use crate::store::{Batch, Db, Space};

/// `DROP x`.
pub(crate) fn drop_entry(engine: &Engine, name: &str) -> Result<Outcome> {
    let Some(entry) = catalog::find(&engine.db, name)? else {
        return Err(catalog::unknown(&engine.db, "pair or artifact", name, |_| true));
    };
    if let Entry::Pair(_) = &entry {
        let dependents: Vec<String> = catalog::artifacts_of(&engine.db, name)?;
        if !dependents.is_empty() {
            return Err(Error::new(
                Code::Conflict,
                format!(
                    "pair `{name}` still has {}: {}",
                    count(dependents.len(), "artifact"),
                    dependents.join(", ")
                ),
            )
            .help("DROP those first"));
        }
    }
    let mut batch = Batch::new();
    catalog::expect(&mut batch, name, Some(&entry))?;
    match &entry {
        Entry::Artifact(artifact) => remove_artifact(&engine.db, &mut batch, artifact)?,
        Entry::Pair(pair) => {
            runs::of_pair(&engine.db, name)?.iter().for_each(|key| runs::forget(&mut batch, key));
            for graph in &pair.graphs {
                kg::forget_edits(&engine.db, &mut batch, Space(graph.space))?;
            }
            kg::forget_verdicts(&engine.db, &mut batch, name)?;
            near::forget(&engine.db, &mut batch, name)?;
            encoded::forget(&engine.db, &mut batch, name)?;
            bench::of_pair(&engine.db, name)?.iter().for_each(|key| bench::forget(&mut batch, key));
            catalog::remove(&mut batch, name, &dropped(name, "pair"))?;
        }
    }
    engine.db.commit(batch)?;
    if let Entry::Pair(_) = &entry {
        engine.near.forget(name);
    }
    Ok(Outcome::message("drop", format!("dropped {} {name}", entry.kind()))
        .note("its bytes go with the next COMPACT"))
}

/// Takes an artifact out of the catalogue, and its run with it if nothing else is of the same making.
pub(crate) fn remove_artifact(db: &Db, batch: &mut Batch, artifact: &ArtifactEntry) -> Result<()> {
    if !catalog::with_key(db, &artifact.key)?.iter().any(|other| other.name != artifact.name) {
        runs::forget(batch, &artifact.key);
    }
    catalog::remove(batch, &artifact.name, &dropped(&artifact.name, artifact.kind.as_str()))
}

fn dropped(name: &str, kind: &str) -> Logged {
    Logged {
        statement: canonical(&Request::Drop(name.to_string())),
        result: format!("{kind} dropped"),
        at: now(),
        seconds: 0.0,
    }
}

/// `CHECK QUICK | FULL`.
///
/// # Errors
/// [`Code::Corrupt`] if anything is damaged; the message names the first places.
pub(crate) fn check(engine: &Engine, full: bool, context: &Context) -> Result<Outcome> {
    let live = catalog::live(&engine.db)?;
    let report = engine.db.check(full, &live, context.task)?;
    if !report.problems.is_empty() {
        let shown: Vec<String> = report
            .problems
            .iter()
            .take(5)
            .map(|problem| format!("{}: {}", problem.place, problem.error))
            .collect();
        return Err(Error::new(
            Code::Corrupt,
            format!("{} found: {}", count(report.problems.len(), "problem"), shown.join("; ")),
        )
        .help("restore the store from a backup; what CHECK does not name can still be read and exported"));
    }
    let columns =
        ["records", "blocks", "spaces", "objects", "object_bytes", "orphan_objects", "orphan_spaces"];
    let values: Vec<Value> = [
        report.records,
        report.blocks,
        report.spaces,
        report.objects,
        report.object_bytes,
        report.orphan_objects,
        report.orphan_spaces,
    ]
    .into_iter()
    .map(Value::from)
    .collect();
    let rows = Rows::ready(columns.map(|name| Column::new(name, ColumnKind::Int)).to_vec(), vec![values]);
    let read =
        if full { "every byte was read" } else { "the catalogue was read; CHECK FULL reads every byte" };
    let mut outcome = Outcome::message("check", format!("the store is whole ({read})")).with_rows(rows);
    if report.orphan_objects + report.orphan_spaces > 0 {
        outcome = outcome.note("orphans are leftovers of dropped or interrupted work; COMPACT removes them");
    }
    Ok(outcome)
}

/// `BACKUP TO 'dir'`.
pub(crate) fn backup(engine: &Engine, to: &Path, context: &Context) -> Result<Outcome> {
    let report = engine.db.backup(to, context.task)?;
    Ok(Outcome::message(
        "backup",
        format!(
            "copied {} and {}, {}, to {}",
            count(report.records as usize, "record"),
            count(report.objects as usize, "object"),
            bytes(report.bytes),
            to.display()
        ),
    ))
}

/// `COMPACT`.
pub(crate) fn compact(engine: &Engine, context: &Context) -> Result<Outcome> {
    engine.forget_pairs();
    let live = catalog::spared(&engine.db)?;
    let report = engine.db.compact(&live, context.task)?;
    Ok(Outcome::message(
        "compact",
        format!(
            "{} became {}; {} and {} that nothing names are gone",
            bytes(report.before),
            bytes(report.after),
            count(report.swept.objects as usize, "object"),
            count(report.swept.spaces as usize, "block space"),
        ),
    ))
}

/// `1 object`, `2 objects`.
pub(crate) fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

/// A size for a person: `1.5 MiB`.
pub(crate) fn bytes(n: u64) -> String {
    let (mut size, mut unit) = (n as f64, 0);
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    while size >= 1024.0 && unit + 1 < units.len() {
        size /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{n} B") } else { format!("{size:.1} {}", units[unit]) }
}
