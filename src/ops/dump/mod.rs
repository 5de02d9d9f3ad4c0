//! `DUMP TO 'dir'` and `LOAD FROM 'dir'`: a store as text and numpy arrays, and back, equal by digest.
//!
//! What files look like is [`crate::formats::dump`]'s matter; what of the catalogue goes into which of
//! them is told here. A dump has every pair and artifact with its rows and objects, edits, verdicts,
//! finished trainings, figures of benches and the journal. Indexes, kept lists and checkpoints of
//! trainings that are not done are derived or passing, and are named as left out.

pub(crate) mod hex;
mod load;
mod manifest;
mod objects;
mod rows;
mod state;

pub(crate) use load::load;

use std::path::Path;

use super::artifact;
use super::bench;
use super::catalog::{self, ArtifactKind, Entry, PairEntry};
use super::engine::{Context, Engine};
use super::export::refuse_inside;
use super::maintain::{bytes, count};
use super::rows::Outcome;
use super::runs;
use crate::error::Result;
use crate::formats::{NewFolder, dump};
use crate::kg::{self, Side};
use crate::store::{Db, Space};
use crate::task::Task;
use manifest::{ArtifactPart, Manifest, PairPart, Stamp, VERSION};
use objects::Objects;
use rows::{FigureRow, JournalRow};

/// Names of entities a pair's graphs have.
type Sizes = (usize, usize);

/// `DUMP TO 'dir'`.
pub(crate) fn dump(engine: &Engine, to: &Path, context: &Context) -> Result<Outcome> {
    refuse_inside(engine.db.path(), to)?;
    let (db, task) = (&engine.db, context.task);
    let mut new = NewFolder::create(&*engine.outside, to, task)?;
    new.small("README.md", include_bytes!("readme.md"))?;
    let (mut objects, mut left_out) = (Objects::default(), Vec::new());
    let (mut pairs, mut artifacts) = (Vec::new(), Vec::new());
    for entry in catalog::all(db)? {
        match entry {
            Entry::Pair(entry) => {
                let folder = folder("pairs", pairs.len(), &entry.name);
                objects.of_pair(db, &entry)?;
                pairs.push(PairPart { folder, entry });
            }
            Entry::Artifact(entry) if entry.kind == ArtifactKind::Index => {
                left_out.push(format!("index {}: {}", entry.name, entry.statement));
            }
            Entry::Artifact(entry) => {
                let folder = folder("artifacts", artifacts.len(), &entry.name);
                objects.of_artifact(db, &entry)?;
                artifacts.push(ArtifactPart { folder, entry });
            }
        }
    }
    task.phase("dumping pairs", Some(pairs.len() as u64));
    for (part, done) in pairs.iter().zip(1..) {
        write_pair(db, &mut new, part, task)?;
        task.advance(done);
    }
    for part in &artifacts {
        let pair = catalog::pair(db, &part.entry.pair)?;
        write_artifact(db, &mut new, part, sizes(&pair))?;
    }
    let (mut finished, mut stopped) = (runs::all(db)?, Vec::new());
    finished.retain(|run| {
        let kept = run.finished && objects.has(&run.state);
        if !kept {
            stopped.push(format!("checkpoint of {}: {}", run.name, run.statement));
        }
        kept
    });
    left_out.extend(stopped);
    let objects = objects.into_parts();
    task.phase("dumping objects", Some(objects.len() as u64));
    for (part, done) in objects.iter().zip(1..) {
        objects::write(db, &mut new, part)?;
        task.advance(done);
    }
    let mut figures = Vec::new();
    for (key, run) in bench::all(db)? {
        figures.extend(FigureRow::all(&key, run)?);
    }
    new.sheet("figures.tsv", figures.into_iter().map(Ok))?;
    let journal = catalog::journal_lines(db).map(|line| {
        let (key, logged) = line?;
        JournalRow::new(&key, logged)
    });
    new.sheet("journal.tsv", journal)?;

    let (of_pairs, of_artifacts) = (count(pairs.len(), "pair"), count(artifacts.len(), "artifact"));
    let of_objects = count(objects.len(), "object");
    let manifest = Manifest {
        stamp: Stamp { version: VERSION },
        seedbed: env!("CARGO_PKG_VERSION").to_string(),
        left_out: left_out.clone(),
        pairs,
        artifacts,
        objects,
        runs: finished,
        files: Vec::new(),
    };
    manifest.write(&mut new)?;
    let written = bytes(new.finish()?);
    let line = format!("{of_pairs}, {of_artifacts} and {of_objects}, {written}, to {}", to.display());
    let mut outcome = Outcome::message("dump", line);
    outcome.notes.extend(left_out.into_iter().map(|what| format!("left out: {what}")));
    Ok(outcome)
}

/// A folder for a name: a number, which tells it from others, and as much of the name as is safe.
fn folder(above: &str, before: usize, name: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let name: String = name.chars().take(40).map(safe).collect();
    format!("{above}/{}-{name}", before + 1)
}

fn sizes(pair: &PairEntry) -> Sizes {
    (pair.graphs[0].entities as usize, pair.graphs[1].entities as usize)
}

/// Writes graphs as they were brought, the edits since, links and verdicts. One graph is in memory at a
/// time.
fn write_pair(db: &Db, new: &mut NewFolder<'_>, part: &PairPart, task: &Task) -> Result<()> {
    let PairPart { folder, entry } = part;
    for side in Side::BOTH {
        let folder = format!("{folder}/{}", side.as_str());
        let space = Space(entry.graph(side).space);
        // No edit makes version 0.
        dump::write_graph(new, &folder, &kg::load_graph(db, space, (0, 0), task)?)?;
        let edits: Vec<_> = kg::edits(db, space, entry.version).collect::<Result<_>>()?;
        dump::write_edits(new, &folder, &edits)?;
    }
    let links = match &entry.links {
        Some(links) => kg::load_links(db, Space(links.space), sizes(entry))?,
        None => Vec::new(),
    };
    dump::write_links(new, &format!("{folder}/links.tsv"), &links)?;
    let logged = entry.verdicts.as_ref().map_or(0, |verdicts| verdicts.logged);
    dump::write_verdicts(new, &format!("{folder}/verdicts.tsv"), &kg::verdict_log(db, &entry.name, logged)?)
}

fn write_artifact(db: &Db, new: &mut NewFolder<'_>, part: &ArtifactPart, sizes: Sizes) -> Result<()> {
    let ArtifactPart { folder, entry } = part;
    new.sheet(&format!("{folder}/rows.tsv"), artifact::rows(db, entry, sizes))?;
    let dropped = artifact::dropped(db, entry, sizes)?;
    new.sheet(&format!("{folder}/dropped.tsv"), dropped.into_iter().map(Ok))?;
    new.sheet(&format!("{folder}/unmatched.tsv"), artifact::unmatched(db, entry, sizes))?;
    Ok(())
}
