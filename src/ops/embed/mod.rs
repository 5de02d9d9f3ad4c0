//! `EMBED`: a modality made from what the graphs hold, from pictures, or from seeds and the graphs.

mod pictures;
mod texts;

use std::path::Path;

use super::canonical::canonical;
use super::catalog::{self, ArtifactEntry, ArtifactKind};
use super::describe::short;
use super::encoded::{Kept, Mark};
use super::engine::{Context, Engine, LoadedPair};
use super::import::{BothSides, MadeBy, add_modality};
use super::lineage;
use super::rows::Outcome;
use super::seen::{BEGAN, Seen};
use super::spec::{Embed, Encoder, Request, Source};
use crate::error::{Code, Error, Result};
use crate::features::{self, Matrix, Modality, OwnedFeature, Phrasing, Presence};
use crate::kg::Said;
use crate::task::Task;

/// Columns of a bag of words, as the reference systems have them.
const BOW_COLUMNS: usize = 1000;

/// `EMBED name USING ngrams INTO p`.
pub(crate) fn embed(engine: &Engine, spec: &Embed, context: &Context) -> Result<Outcome> {
    let started = std::time::Instant::now();
    let mut spec = Embed { seed: Some(spec.seed.unwrap_or(context.settings.seed)), ..spec.clone() };
    // The statement is run again by REFRESH, wherever that is asked for.
    for path in spec.weights.iter_mut().chain(&mut spec.pictures).chain(&mut spec.folder) {
        *path = std::path::absolute(&path)
            .map_err(|cause| Error::io("looking for the file", cause).path(path))?;
    }
    let spec = &spec;
    let pair = engine.load_pair(&spec.pair, context.task)?;
    let modality = match &spec.modality {
        Some(modality) => modality.clone(),
        None => Modality::new(spec.source.modality(spec.encoder))?,
    };
    let mut inputs = vec![lineage::graphs_input(&pair.entry)];
    let embedded = match &spec.seeds {
        Some(seeds) => {
            let seeds =
                catalog::artifact(&engine.db, seeds, Some(ArtifactKind::Seeds))?.of_pair(&spec.pair)?;
            inputs.push(lineage::artifact_input(&seeds));
            propagate(engine, spec, &seeds, &pair, context)?
        }
        None => encode(engine, spec, &pair, &modality, context)?,
    };
    let statement = canonical(&Request::Embed(Embed { modality: Some(modality.clone()), ..spec.clone() }));
    let Embedded { both, made_by: text, encoder, notes } = embedded;
    let made_by = MadeBy { text, statement: statement.clone(), inputs, encoder };
    let mut outcome = add_modality(engine, pair.entry.clone(), &modality, both, made_by, statement, started)?;
    outcome.verb = "embed";
    outcome.notes.extend(notes);
    Ok(outcome)
}

/// A modality that was made.
struct Embedded {
    both: BothSides,
    /// For a person: how.
    made_by: String,
    /// The digest of the encoder whose vectors are kept, if they are.
    encoder: Option<[u8; 32]>,
    /// What to tell.
    notes: Vec<String>,
}

impl Embedded {
    /// Made without a network.
    fn plain(both: BothSides, made_by: impl Into<String>) -> Self {
        Embedded { both, made_by: made_by.into(), encoder: None, notes: Vec::new() }
    }
}

/// Where the weights of a network are.
fn weights(spec: &Embed) -> Result<&Path> {
    spec.weights.as_deref().ok_or_else(|| {
        Error::new(Code::MissingData, "the network has no weights")
            .help("name the folder or the file they are in")
    })
}

/// For a person: which encoder made what.
fn encoder_told(described: &str, digest: &[u8; 32], what: &str) -> String {
    format!("{described} {what}; encoder {}", short(digest))
}

/// The mean of the vectors of what each entity has, `of` giving places in `marks`. Entities of which nothing is
/// kept are missing.
fn means<'a>(
    kept: &Kept<'_>,
    marks: &[Mark],
    entities: usize,
    of: impl Fn(usize) -> &'a [u32],
    cols: usize,
    task: &Task,
) -> Result<OwnedFeature> {
    task.afford((entities * cols * size_of::<f32>()) as u64, "the vectors of the entities")?;
    let mut data = vec![0f32; entities * cols];
    let mut present = Presence::filled(entities, false);
    for (entity, row) in data.chunks_exact_mut(cols).enumerate() {
        let mut number = 0;
        for vector in of(entity).iter().filter_map(|place| kept.get(&marks[*place as usize])) {
            row.iter_mut().zip(vector).for_each(|(sum, x)| *sum += x);
            number += 1;
        }
        if number > 1 {
            row.iter_mut().for_each(|sum| *sum /= number as f32);
        }
        present.set(entity, number > 0);
    }
    Ok(OwnedFeature { rows: Matrix::Dense { data, cols }, present })
}

/// The vectors of seeds, spread over the triples.
fn propagate(
    engine: &Engine,
    spec: &Embed,
    entry: &ArtifactEntry,
    pair: &LoadedPair,
    context: &Context,
) -> Result<Embedded> {
    if spec.encoder != Encoder::Propagation {
        let message = format!("{} has no use for seeds", spec.encoder.as_str());
        return Err(Error::new(Code::Conflict, message).help("leave them out"));
    }
    let seeds = &entry.name;
    // What people accepted is left out by whoever judges, also when a feature rests on it.
    let accepted = |(left, right): &(u32, u32)| pair.verdicts.said(*left, *right) == Some(Said::Accept);
    if !Seen::of(&engine.db, entry)?.iter().all(accepted) || entry.fact(BEGAN).is_some() {
        let message =
            format!("`{seeds}` rests on reference links that a model learned, which features do not tell");
        return Err(Error::new(Code::Conflict, message).help(
            "propagate seeds that were made without links: what is made of them is judged by all links",
        ));
    }
    let pairs = super::seed::load_standing(engine, entry, pair)?.pairs();
    let usual = features::PropagationOptions::default();
    let (dims, hops) = (spec.dims.unwrap_or(usual.dims), spec.hops);
    let seed = spec.seed.unwrap_or(usual.seed);
    let options = features::PropagationOptions { dims, hops, seed };
    let made_by = format!("{} seeds of {seeds} propagated, hops={hops} dims={dims} seed={seed}", pairs.len());
    Ok(Embedded::plain(
        features::propagation(&pair.left, &pair.right, &pairs, options, context.task)?,
        made_by,
    ))
}

fn encode(
    engine: &Engine,
    spec: &Embed,
    pair: &LoadedPair,
    modality: &Modality,
    context: &Context,
) -> Result<Embedded> {
    let (left, right, task) = (&pair.left, &pair.right, context.task);
    let vocabulary = features::Vocabulary::default();
    Ok(match (spec.source, spec.encoder) {
        (Source::Name, Encoder::Ngrams) => {
            let usual = features::NgramOptions::default();
            let dims = spec.dims.unwrap_or(usual.dims);
            let options = features::NgramOptions { min_n: spec.min_n, max_n: spec.max_n, dims };
            let made_by = format!("character {}..{}-grams of names, tf-idf", spec.min_n, spec.max_n);
            Embedded::plain(features::ngrams(left, right, options, task)?, made_by)
        }
        (Source::Relation, Encoder::Bow) => {
            let width = spec.dims.unwrap_or(BOW_COLUMNS);
            let both = features::relation_bow(left, right, width, vocabulary, task)?;
            Embedded::plain(both, format!("bag of the {width} most frequent relations"))
        }
        (Source::Attribute, Encoder::Bow) => {
            let width = spec.dims.unwrap_or(BOW_COLUMNS);
            let both = features::attribute_bow(left, right, width, vocabulary, task)?;
            Embedded::plain(both, format!("bag of the {width} most frequent attributes"))
        }
        (Source::Numeric, Encoder::Numeric) => {
            let both = features::numeric(left, right, vocabulary, task)?;
            Embedded::plain(both, "numeric literals, normalised per attribute")
        }
        (source, Encoder::Bert) if spec.encoder.fits(source) => {
            let phrasing = match source {
                Source::Relation => Phrasing::Relations,
                Source::Attribute => Phrasing::Attributes,
                Source::Text => Phrasing::Descriptions,
                _ => Phrasing::Names,
            };
            texts::texts(engine, pair, phrasing, weights(spec)?, modality, context)?
        }
        (Source::Image, encoder) if encoder.fits(Source::Image) => {
            pictures::pictures(engine, spec, pair, modality, context)?
        }
        (Source::Temporal, Encoder::Numeric) => {
            let both = features::temporal(left, right, vocabulary, task)?;
            Embedded::plain(both, "dates, on an absolute axis")
        }
        (Source::Geo, Encoder::Numeric) => {
            Embedded::plain(features::geo(left, right, task)?, "places on the earth")
        }
        (Source::Structure, Encoder::Walks) => {
            let usual = features::WalkOptions::default();
            let (dims, seed) = (spec.dims.unwrap_or(usual.dims), spec.seed.unwrap_or(usual.seed));
            let options = features::WalkOptions { dims, hops: spec.hops, seed };
            let made_by = format!("random walks of {} hops, dims={dims} seed={seed}", spec.hops);
            Embedded::plain(features::walks(left, right, options, vocabulary, task)?, made_by)
        }
        (source, encoder) => {
            let message = format!("{} cannot be embedded using {}", source.as_str(), encoder.as_str());
            return Err(Error::new(Code::Unsupported, message).help("HELP EMBED tells what goes with what"));
        }
    })
}
