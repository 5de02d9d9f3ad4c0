//! `EMBED`: a modality made from what the graphs hold, or from seeds and the graphs.

use super::canonical::canonical;
use super::catalog::{self, ArtifactEntry, ArtifactKind};
use super::engine::{Context, Engine, LoadedPair};
use super::import::{BothSides, MadeBy, add_modality};
use super::lineage;
use super::rows::Outcome;
use super::seen::{BEGAN, Seen};
use super::spec::{Embed, Encoder, Request, Source};
use crate::error::{Code, Error, Result};
use crate::features::{self, Modality};
use crate::kg::{Graph, Said};

/// Columns of a bag of words, as the reference systems have them.
const BOW_COLUMNS: usize = 1000;

/// `EMBED name USING ngrams INTO p`.
pub(crate) fn embed(engine: &Engine, spec: &Embed, context: &Context) -> Result<Outcome> {
    let started = std::time::Instant::now();
    let spec = &Embed { seed: Some(spec.seed.unwrap_or(context.settings.seed)), ..spec.clone() };
    let pair = engine.load_pair(&spec.pair, context.task)?;
    let mut inputs = vec![lineage::graphs_input(&pair.entry)];
    let (both, text) = match &spec.seeds {
        Some(seeds) => {
            let seeds =
                catalog::artifact(&engine.db, seeds, Some(ArtifactKind::Seeds))?.of_pair(&spec.pair)?;
            inputs.push(lineage::artifact_input(&seeds));
            propagate(engine, spec, &seeds, &pair, context)?
        }
        None => encode(spec, &pair.left, &pair.right, context)?,
    };
    let usual = match spec.source {
        Source::Name => "text",
        Source::Structure => "neighbours",
        source => source.as_str(),
    };
    let modality = match &spec.modality {
        Some(modality) => modality.clone(),
        None => Modality::new(usual)?,
    };
    let statement = canonical(&Request::Embed(Embed { modality: Some(modality.clone()), ..spec.clone() }));
    let made_by = MadeBy { text, statement: statement.clone(), inputs };
    let mut outcome = add_modality(engine, pair.entry.clone(), &modality, both, made_by, statement, started)?;
    outcome.verb = "embed";
    Ok(outcome)
}

/// The vectors of seeds, spread over the triples.
fn propagate(
    engine: &Engine,
    spec: &Embed,
    entry: &ArtifactEntry,
    pair: &LoadedPair,
    context: &Context,
) -> Result<(BothSides, String)> {
    if (spec.source, spec.encoder) != (Source::Structure, Encoder::Propagation) {
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
    Ok((features::propagation(&pair.left, &pair.right, &pairs, options, context.task)?, made_by))
}

fn encode(spec: &Embed, left: &Graph, right: &Graph, context: &Context) -> Result<(BothSides, String)> {
    let task = context.task;
    let vocabulary = features::Vocabulary::default();
    Ok(match (spec.source, spec.encoder) {
        (Source::Name, Encoder::Ngrams) => {
            let options = features::NgramOptions {
                min_n: spec.min_n,
                max_n: spec.max_n,
                dims: spec.dims.unwrap_or(features::NgramOptions::default().dims),
            };
            let made_by = format!("character {}..{}-grams of names, tf-idf", spec.min_n, spec.max_n);
            (features::ngrams(left, right, options, task)?, made_by)
        }
        (Source::Relation, Encoder::Bow) => {
            let width = spec.dims.unwrap_or(BOW_COLUMNS);
            (
                features::relation_bow(left, right, width, vocabulary, task)?,
                format!("bag of the {width} most frequent relations"),
            )
        }
        (Source::Attribute, Encoder::Bow) => {
            let width = spec.dims.unwrap_or(BOW_COLUMNS);
            (
                features::attribute_bow(left, right, width, vocabulary, task)?,
                format!("bag of the {width} most frequent attributes"),
            )
        }
        (Source::Numeric | Source::Attribute, Encoder::Numeric) => (
            features::numeric(left, right, vocabulary, task)?,
            "numeric literals, normalised per attribute".to_string(),
        ),
        (source, encoder) => {
            let fits = match source {
                Source::Name => "EMBED name USING ngrams",
                Source::Relation => "EMBED relation USING bow",
                Source::Attribute => "EMBED attribute USING bow",
                Source::Numeric => "EMBED numeric USING numeric",
                Source::Structure => "EMBED structure USING propagation FROM seeds",
            };
            return Err(Error::new(
                Code::Unsupported,
                format!("{} cannot be embedded using {}", source.as_str(), encoder.as_str()),
            )
            .help(format!("write {fits} INTO {}", spec.pair)));
        }
    })
}
