//! What the graphs say of entities, encoded by a network.

use std::path::Path;

use super::{Embedded, encoder_told, means};
use crate::encoders::text::TextEncoder;
use crate::error::Result;
use crate::features::{Modality, Phrases, Phrasing};
use crate::ops::encoded::{Kept, Mark, mark};
use crate::ops::engine::{Context, Engine, LoadedPair};

/// The mean of the vectors of an entity's texts. What was encoded for the pair before is not encoded again.
pub(super) fn texts(
    engine: &Engine,
    pair: &LoadedPair,
    phrasing: Phrasing,
    weights: &Path,
    modality: &Modality,
    context: &Context,
) -> Result<Embedded> {
    let task = context.task;
    let encoder = TextEncoder::load(weights, &context.settings.device.open()?, task)?;
    let phrases = Phrases::of(&pair.left, &pair.right, phrasing, task)?;
    let marks: Vec<Mark> = phrases.texts.iter().map(|text| mark(text.as_bytes())).collect();
    let (digest, width) = (encoder.digest(), encoder.width());
    let mut kept = Kept::open(&engine.db, &pair.entry.name, &digest, modality.as_str(), width)?;
    let new: Vec<usize> = (0..marks.len()).filter(|&text| !kept.has(&marks[text])).collect();
    let mut notes = Vec::new();
    if new.len() < marks.len() {
        let known = marks.len() - new.len();
        notes.push(format!("{known} of {} texts were encoded before", marks.len()));
    }
    let texts: Vec<&str> = new.iter().map(|&text| phrases.texts[text].as_str()).collect();
    task.phase("encoding texts", Some(texts.len() as u64));
    let outcome = encoder.encode(&texts, task, |places, vectors| {
        let made: Vec<Mark> = places.iter().map(|&place| marks[new[place]]).collect();
        kept.add(&made, vectors)
    });
    // What was encoded is kept, whatever stopped the rest: the same statement goes on from here.
    kept.checkpoint()?;
    outcome?;
    let side = |side: usize| {
        let of = |entity: usize| phrases.of_entity(side, entity);
        means(&kept, &marks, phrases.entities(side), of, width, task)
    };
    let both = (side(0)?, side(1)?);
    let what = match phrasing {
        Phrasing::Names => "of names",
        Phrasing::Relations => "of relations' names, their mean",
        Phrasing::Attributes => "of attributes and their values, their mean",
        Phrasing::Descriptions => "of names and literals",
    };
    let made_by = encoder_told(encoder.described(), &digest, what);
    Ok(Embedded { both, made_by, encoder: Some(digest), notes })
}
