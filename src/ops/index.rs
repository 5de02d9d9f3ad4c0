//! `CREATE INDEX i ON x`, and the index that a search may go through.
//!
//! An index belongs to what it was built over: modalities, weights and the digests of their rows make one
//! digest, kept with it. A search that compares by the very same finds it, whatever either is called. After a
//! change of rows one that compares by the same modalities and weights still does, and sees to those rows apart;
//! after a change of a weight none does.

use std::fmt::Write as _;
use std::sync::Arc;

use super::basis::Basis;
use super::catalog::{self, ArtifactEntry, ArtifactKind, Entry};
use super::engine::{Context, Engine};
use super::lineage;
use super::make::{Made, make};
use super::plan::Plan;
use super::rows::Outcome;
use super::seed::stored;
use super::spec::{CreateIndex, Missing, Request};
use crate::error::{Code, Error, Result};
use crate::features::Rows;
use crate::index::{Changes, Index, IndexOptions, StoredIndex, build};
use crate::kg::Side;
use crate::linalg::Channel;
use crate::psqe::Evidence;
use crate::store::Digest;

/// The fact that tells what an index is over.
const OVER: &str = "over";
/// The fact that names what an index was made on.
const ON: &str = "on";

/// Builds an index over both sides.
pub(crate) fn create(engine: &Engine, spec: &CreateIndex, context: &Context) -> Result<Outcome> {
    let plan = Plan::new(engine, &Request::CreateIndex(spec.clone()), context)?;
    let work = || built(engine, spec, &plan, context);
    let product = make(engine, &plan.order, work)?;
    let entry = &product.entry;
    let mut outcome = Outcome::message("create index", format!("{}: {}", entry.name, summary(entry)));
    outcome.message += stored(&product);
    outcome.notes = product.notes.clone();
    if product.stored
        && let Err(error) = Side::BOTH.iter().try_for_each(|&side| load(engine, entry, side).map(drop))
    {
        // Its objects are named by their content: made again, they take the place of the damaged ones.
        if built(engine, spec, &plan, context)?.objects != entry.objects {
            return Err(error);
        }
        outcome.notes.push(format!("it was damaged ({error}) and is built anew"));
    }
    Ok(outcome)
}

fn built(engine: &Engine, spec: &CreateIndex, plan: &Plan, context: &Context) -> Result<Made> {
    let pair = engine.load_pair(&plan.pair.name, context.task)?;
    let basis = match &plan.model {
        Some(model) if model.kind == ArtifactKind::Model => {
            Basis::model(engine, &pair, model, &plan.modalities, &spec.weights)?
        }
        Some(alignment) => Basis::of(engine, &pair, alignment)?,
        None => Basis::features(&pair, &plan.modalities, &spec.weights, Missing::Neutral, plan.order.seed),
    };
    let evidence = basis.evidence()?;
    let factors = basis.resolve(engine, &evidence, context)?.factors();
    let Some(over) = basis.over(&factors) else {
        let message = format!("`{}` does not let missing rows count as nothing", spec.on);
        return Err(Error::new(Code::Unsupported, message)
            .help("an index is over sums of cosines: index what was made with missing=neutral"));
    };
    for (number, (modality, _)) in
        evidence.modalities().zip(&factors).enumerate().filter(|(_, (_, w))| **w > 0.0)
    {
        if matches!(evidence.features(number).0.rows, Rows::Sparse(_)) {
            let message = format!("{modality} is sparse, and an index is over dense modalities");
            return Err(Error::new(Code::Unsupported, message)
                .help("name dense ones, such as weights(visual=1), or index a model"));
        }
    }
    let mut made = Made {
        modalities: basis.modalities.clone(),
        weights: factors.clone(),
        missing: Missing::Neutral.as_str().to_string(),
        facts: vec![(ON.to_string(), spec.on.clone())],
        ..Made::default()
    };
    let options = IndexOptions { m: spec.m, ef: spec.ef };
    for side in Side::BOTH {
        let channels = channels_from(&evidence, &factors, side.other());
        let data = build(&channels, &options, &context.task.within(side.as_str()))?;
        let index = data.view()?;
        made.facts.extend(facts(side, &index));
        made.over += index.indexed() as u64;
        made.objects.push((side.as_str().to_string(), engine.db.put_object(&data)?.0));
    }
    made.facts.push((OVER.to_string(), over.to_string()));
    Ok(made)
}

/// What `DESCRIBE` tells of one side.
fn facts(side: Side, index: &Index<'_>) -> Vec<(String, String)> {
    let side = side.as_str();
    let mut recall = String::new();
    for measured in index.measured() {
        let parted = if recall.is_empty() { "" } else { ", " };
        let _ = write!(
            recall,
            "{parted}{:.3} at ef {} ({} compared)",
            measured.recall, measured.ef, measured.visited
        );
    }
    let reached = match index.repaired() {
        0 => format!("{} of {}", index.reached(), index.points()),
        added => format!("{} of {}, by {added} added entrances", index.reached(), index.points()),
    };
    vec![
        (format!("{side}.rows"), format!("{} of {} have what is compared", index.indexed(), index.rows())),
        (format!("{side}.points"), format!("{} different ones in {} cells", index.points(), index.cells())),
        (format!("{side}.reached"), reached),
        (format!("{side}.recall@10"), recall),
    ]
}

fn summary(entry: &ArtifactEntry) -> String {
    let of = |side: Side| {
        let fact = |name: &str| entry.fact(&format!("{}.{name}", side.as_str())).unwrap_or_default();
        format!("{} rows: {}, {} reached", side.as_str(), fact("points"), fact("reached"))
    };
    Side::BOTH.map(of).join("; ")
}

/// The index of an artifact over one side.
fn load(engine: &Engine, entry: &ArtifactEntry, side: Side) -> Result<StoredIndex> {
    let found = entry.objects.iter().find(|(name, _)| name == side.as_str());
    let (_, digest) = found.ok_or_else(|| {
        Error::new(Code::Corrupt, format!("index `{}` has no {} side", entry.name, side.as_str()))
            .help("DROP it and make it again")
    })?;
    engine.index(&Digest(*digest))
}

/// What a search has of indexes.
pub(crate) enum Available {
    /// One over what is compared, what has happened to its rows, and how many have changed, gone or come.
    Index(String, StoredIndex, Arc<Changes>, usize),
    /// None, and what to tell of those that there are.
    None(Vec<String>),
}

/// The index over the right side of `channels` under these weights: one over the very rows, or one that was built
/// with the same modalities and weights and is not far behind. `on` is what the search is in, `side` that of the
/// graphs that is searched.
///
/// A damaged one counts as none, and is told of.
pub(crate) fn available(
    engine: &Engine,
    on: &str,
    basis: &Basis<'_>,
    factors: &[f32],
    (side, channels): (Side, &[Channel<'_>]),
) -> Result<Available> {
    let mut notes = Vec::new();
    let Some(over) = basis.over(factors) else { return Ok(Available::None(notes)) };
    let (mut fresh, mut behind) = (Vec::new(), Vec::new());
    for entry in catalog::all(&engine.db)? {
        let Entry::Artifact(entry) = entry else { continue };
        if entry.kind != ArtifactKind::Index || entry.pair != basis.pair_name() {
            continue;
        }
        if entry.fact(OVER) == Some(over.to_string().as_str()) {
            fresh.push(entry);
        } else if entry.fact(ON) == Some(on) {
            behind.push(entry);
        }
    }
    for entry in fresh.iter().chain(&behind) {
        let is_behind = entry.fact(OVER) != Some(over.to_string().as_str());
        let index = match load(engine, entry, side) {
            Ok(index) => index,
            Err(error) if matches!(error.code(), Code::Corrupt | Code::Unsupported) => {
                notes.push(format!("index `{}` is not used ({error}): {}", entry.name, entry.statement));
                continue;
            }
            Err(error) => return Err(error),
        };
        if !is_behind {
            return Ok(Available::Index(entry.name.clone(), index, Arc::default(), 0));
        }
        let same = entry.modalities == basis.modalities && entry.weights == factors;
        let view = index.view();
        let now = channels.first().map_or(0, |channel| channel.right.present.len());
        if same && view.rows() <= now && view.fits(channels) {
            let changes = engine.index_changes((index.digest(), over, side), || view.changes(channels));
            let behind = changes.len() + now - view.rows();
            if !Changes::are_too_many(behind, view.indexed()) {
                return Ok(Available::Index(entry.name.clone(), index, changes, behind));
            }
        }
        let stale = lineage::stale(&engine.db, entry)?;
        if !stale.is_empty() {
            let why = stale.join(", ");
            notes.push(format!("index `{}` is stale ({why}): {}", entry.name, entry.statement));
        }
    }
    Ok(Available::None(notes))
}

/// Channels whose left side is `from`: as the evidence has them, or turned round.
pub(crate) fn channels_from<'e>(evidence: &'e Evidence<'_>, factors: &[f32], from: Side) -> Vec<Channel<'e>> {
    let mut channels = evidence.channels(factors);
    if from == Side::Right {
        for channel in &mut channels {
            std::mem::swap(&mut channel.left, &mut channel.right);
        }
    }
    channels
}
