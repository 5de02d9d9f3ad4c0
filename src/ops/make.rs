//! How an artifact comes to be: looked up by its key, or made, stored and named in one commit.

use std::time::Instant;

use super::artifact::{self, ArtifactRow, DroppedRow, UnmatchedRow};
use super::catalog::{self, ArtifactEntry, ArtifactKind, Entry, Input, Logged};
use super::engine::Engine;
use super::lineage::{self, Arithmetic};
use super::seed::CENTRES;
use crate::clock::now;
use crate::error::{Code, Error, Result};
use crate::store::{Batch, Db, Digest};

/// The fact that tells the version of the pair that something was made of.
pub(crate) const VERSION: &str = "pair version";

/// What is to be made.
pub(crate) struct Order {
    /// Name of the result.
    pub name: String,
    /// The pair it belongs to.
    pub pair: String,
    /// The version of the pair.
    pub version: u64,
    /// Seed set, alignment or model.
    pub kind: ArtifactKind,
    /// The request in canonical SeedQL.
    pub statement: String,
    /// The same without the name of the result.
    pub recipe: String,
    /// What it is made from.
    pub inputs: Vec<Input>,
    /// The random seed.
    pub seed: u64,
    /// What its numbers are made by.
    pub arithmetic: Arithmetic,
}

impl Order {
    /// The key of the operation.
    pub fn key(&self) -> [u8; 32] {
        lineage::key(&self.recipe, &self.inputs, self.arithmetic)
    }

    /// What has the name now; fails if the result cannot take it.
    pub fn check_name(&self, db: &Db) -> Result<Option<Entry>> {
        let own = |input: &Input| matches!(input, Input::Artifact { name, .. } if *name == self.name);
        if self.inputs.iter().any(own) {
            let message = format!("`{}` cannot take the name of what it is made from", self.name);
            return Err(Error::new(Code::Conflict, message).help("choose another name after AS"));
        }
        let known = catalog::find(db, &self.name)?;
        if let Some(Entry::Pair(_)) = known {
            let message = format!("`{}` is already the name of a pair", self.name);
            return Err(Error::new(Code::NameTaken, message).help("choose another name after AS"));
        }
        Ok(known)
    }
}

/// What a stage gives for storing.
#[derive(Default)]
pub(crate) struct Made {
    pub rows: Vec<ArtifactRow>,
    /// What is told as the number of rows of a result that has none of its own.
    pub over: u64,
    pub dropped: Vec<DroppedRow>,
    pub unmatched: Vec<UnmatchedRow>,
    pub stages: Vec<String>,
    pub modalities: Vec<String>,
    pub weights: Vec<f32>,
    pub csls: u32,
    pub missing: String,
    pub matching: String,
    pub facts: Vec<(String, String)>,
    pub objects: Vec<(String, [u8; 32])>,
}

impl Made {
    /// The number a row refers to a stage by.
    pub fn stage(&mut self, name: String) -> u16 {
        let known = self.stages.iter().position(|stage| *stage == name);
        let number = known.unwrap_or_else(|| {
            self.stages.push(name);
            self.stages.len() - 1
        });
        number as u16
    }
}

/// The artifact, and what to tell the user of how it came to be.
pub(crate) struct Product {
    pub entry: ArtifactEntry,
    /// Whether it was there already, under this key.
    pub stored: bool,
    pub notes: Vec<String>,
}

/// The digest of an artifact, of the digests of its rows and of its objects.
pub(crate) fn whole_digest(rows: Digest, objects: &[(String, [u8; 32])]) -> Digest {
    // Centres are where a refresh begins, no part of what others build on.
    let mut told = objects.iter().filter(|(name, _)| name != CENTRES).peekable();
    if told.peek().is_none() {
        return rows;
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(&rows.0);
    told.for_each(|(_, object)| _ = hasher.update(object));
    Digest(*hasher.finalize().as_bytes())
}

/// Gives the stored artifact of the order's key, or makes it.
pub(crate) fn make(engine: &Engine, order: &Order, work: impl FnOnce() -> Result<Made>) -> Result<Product> {
    let started = Instant::now();
    let db = &engine.db;
    let known = order.check_name(db)?;
    let key = order.key();
    if let Some(Entry::Artifact(entry)) = &known
        && entry.key == key
    {
        return Ok(Product { entry: entry.clone(), stored: true, notes: Vec::new() });
    }
    let mut notes = Vec::new();
    if let Some(Entry::Artifact(old)) = &known {
        notes.push(format!(
            "replaced the former {} `{}` ({} rows; {})",
            old.kind.as_str(),
            old.name,
            old.rows,
            old.statement
        ));
    }
    let (entry, stored) = match catalog::by_key(db, &key)? {
        Some(same) => {
            let entry = ArtifactEntry {
                name: order.name.clone(),
                pair: order.pair.clone(),
                statement: order.statement.clone(),
                inputs: order.inputs.clone(),
                ..same
            };
            (entry, true)
        }
        None => {
            let mut made = work()?;
            let (space, rows) = artifact::save(db, &made.rows, &made.dropped, &made.unmatched)?;
            let digest = whole_digest(rows, &made.objects);
            made.facts.push((VERSION.to_string(), order.version.to_string()));
            let entry = ArtifactEntry {
                name: order.name.clone(),
                kind: order.kind,
                pair: order.pair.clone(),
                key,
                digest: digest.0,
                space: space.0,
                rows: made.over + made.rows.len() as u64,
                dropped: made.dropped.len() as u64,
                statement: order.statement.clone(),
                inputs: order.inputs.clone(),
                modalities: made.modalities,
                weights: made.weights,
                csls: made.csls,
                stages: made.stages,
                missing: made.missing,
                seed: order.seed,
                matching: made.matching,
                objects: made.objects,
                facts: made.facts,
                created: now(),
                seconds: started.elapsed().as_secs_f64(),
            };
            (entry, false)
        }
    };
    let logged = Logged {
        statement: entry.statement.clone(),
        result: format!("{} {}, {} rows", entry.kind.as_str(), entry.name, entry.rows),
        at: now(),
        seconds: started.elapsed().as_secs_f64(),
    };
    let mut batch = Batch::new();
    catalog::expect(&mut batch, &order.name, known.as_ref())?;
    catalog::put(&mut batch, &Entry::Artifact(entry.clone()), &logged)?;
    db.commit(batch)?;
    Ok(Product { entry, stored, notes })
}
