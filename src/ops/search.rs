//! `MATCH 'entity' IN p`: the best counterparts of one entity, with the score of each modality.

use super::basis::Basis;
use super::catalog::{self, ArtifactKind, Entry};
use super::engine::{Context, Engine, LoadedPair};
use super::rows::{Column, ColumnKind, Outcome, Rows};
use super::spec::{Match, Missing, Weights};
use crate::error::{Code, Error, Result};
use crate::kg::{EntityId, Graph, Side, readable};
use crate::linalg::{Channel, TopKOptions, top_k};

/// Searches exactly; `IN` names a pair, or an alignment whose weights are then used.
pub(crate) fn search(engine: &Engine, spec: &Match, context: &Context) -> Result<Outcome> {
    let artifact = match catalog::find(&engine.db, &spec.pair)? {
        Some(Entry::Artifact(artifact)) if artifact.kind == ArtifactKind::Alignment => Some(artifact),
        _ => None,
    };
    if let Some(artifact) = &artifact
        && (spec.weights != Weights::Auto || spec.model.is_some())
    {
        let message = format!("alignment `{}` brings weights of its own", spec.pair);
        return Err(Error::new(Code::Conflict, message)
            .help(format!("leave out USING, or search in the pair: MATCH … IN {}", artifact.pair)));
    }
    let name = artifact.as_ref().map_or(&spec.pair, |artifact| &artifact.pair);
    let pair = engine.load_pair(name, context.task)?;
    let (side, entity) = find(&pair, spec)?;
    let basis = match (&artifact, &spec.model) {
        (Some(artifact), _) => Basis::of(engine, &pair, artifact)?,
        (None, Some(model)) => {
            let model = catalog::artifact(&engine.db, model, Some(ArtifactKind::Model))?.of_pair(name)?;
            let modalities = model.embedded(&spec.weights)?;
            Basis::model(engine, &pair, &model, &modalities, &spec.weights)?
        }
        (None, None) => {
            let modalities = pair.entry.wanted(&spec.weights)?;
            Basis::features(&pair, &modalities, &spec.weights, Missing::Neutral, context.settings.seed)
        }
    };
    let csls = artifact.map_or(0, |artifact| artifact.csls);
    let evidence = basis.evidence()?;
    let resolved = basis.resolve(engine, &evidence, context)?;
    let modalities = &basis.modalities;

    let channels: Vec<Channel> = evidence
        .channels(&resolved.factors())
        .into_iter()
        .map(|channel| match side {
            Side::Left => channel,
            Side::Right => Channel { left: channel.right, right: channel.left, ..channel },
        })
        .collect();
    let row = [entity];
    let options = TopKOptions { k: spec.limit, left_rows: Some(&row), both: false, ..evidence.options() };
    let found = top_k(&channels, &options, context.task)?;
    let candidates: Vec<(EntityId, f32)> = found.left.row(0).collect();

    let oriented: Vec<(EntityId, EntityId)> = candidates
        .iter()
        .map(|&(other, _)| if side == Side::Left { (entity, other) } else { (other, entity) })
        .collect();
    let modal = evidence.modal_scores(&oriented)?;
    let (own, others) = sides(&pair, side);
    let mut columns = ["entity", "name"].map(|name| Column::new(name, ColumnKind::Text)).to_vec();
    columns.push(Column::new("score", ColumnKind::Float));
    columns.extend(modalities.iter().map(|modality| Column::new(modality, ColumnKind::Float)));
    let rows = candidates.iter().zip(modal).map(|(&(other, score), modal)| {
        let mut row =
            vec![others.entities.get(other as usize).into(), others.label(other).into(), score.into()];
        row.extend(modal.into_iter().map(crate::ops::Value::from));
        row
    });
    let outcome = Outcome::rows("match", Rows::ready(columns, rows.collect()));
    let mut outcome = outcome.note(format!(
        "{} counterparts of {} <{}>",
        side.other().as_str(),
        own.label(entity),
        own.entities.get(entity as usize)
    ));
    if csls > 0 {
        outcome = outcome.note(format!(
            "plain similarities under the weights of `{}`, whose links were chosen by CSLS {csls}",
            spec.pair
        ));
    }
    if candidates.is_empty() {
        outcome =
            outcome.note("the entity has none of the modalities that take part, so nothing can be compared");
    }
    Ok(outcome)
}

fn sides(pair: &LoadedPair, side: Side) -> (&Graph, &Graph) {
    match side {
        Side::Left => (&pair.left, &pair.right),
        Side::Right => (&pair.right, &pair.left),
    }
}

/// The entity by its IRI, else by its name; a name that several bear is refused with their IRIs.
fn find(pair: &LoadedPair, spec: &Match) -> Result<(Side, EntityId)> {
    let wanted: Vec<Side> =
        Side::BOTH.into_iter().filter(|side| spec.side.is_none_or(|s| s == *side)).collect();
    let mut named = Vec::new();
    for &side in &wanted {
        let graph = sides(pair, side).0;
        for id in 0..graph.len() as u32 {
            if graph.entities.get(id as usize) == spec.entity {
                return Ok((side, id));
            }
            // By its name, or by the readable part of its IRI where it has another name.
            let iri = graph.entities.get(id as usize);
            let names = [graph.label(id), readable(iri)];
            if names.iter().any(|name| name.eq_ignore_ascii_case(&spec.entity)) {
                named.push((side, id));
            }
        }
    }
    match named[..] {
        [one] => Ok(one),
        [] => Err(Error::new(
            Code::UnknownName,
            format!("no entity of `{}` has the IRI or the name `{}`", pair.entry.name, spec.entity),
        )
        .help(format!(
            "look for it: SELECT entity, name FROM {}.left.entities WHERE name LIKE '%…%'",
            pair.entry.name
        ))),
        _ => {
            let shown: Vec<String> = named
                .iter()
                .take(6)
                .map(|&(side, id)| {
                    format!("{} <{}>", side.as_str(), sides(pair, side).0.entities.get(id as usize))
                })
                .collect();
            Err(Error::new(Code::Conflict, format!("{} entities are called `{}`", named.len(), spec.entity))
                .help(format!("give the IRI, or the side after IN (.left, .right): {}", shown.join(", "))))
        }
    }
}
