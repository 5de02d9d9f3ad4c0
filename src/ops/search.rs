//! `MATCH 'entity' IN p`: the best counterparts of one entity, with the score of each modality.

use super::basis::Basis;
use super::catalog::{self, ArtifactKind, Entry};
use super::engine::{Context, Engine, LoadedPair};
use super::entities;
use super::rows::{Column, ColumnKind, Outcome, Rows};
use super::spec::{Match, Missing, Weights};
use crate::error::{Code, Error, Result};
use crate::kg::{EntityId, Graph, Side};
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
    let graphs: Vec<(Side, &Graph)> = Side::BOTH
        .into_iter()
        .filter(|side| spec.side.is_none_or(|wanted| wanted == *side))
        .map(|side| (side, sides(&pair, side).0))
        .collect();
    let (side, entity) = entities::find(&pair.entry.name, &graphs, &spec.entity)?;
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
    let options =
        TopKOptions { k: spec.limit, left_rows: Some(&row), both: false, mask: None, ..evidence.options() };
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
    let judged = !pair.verdicts.is_empty();
    if judged {
        columns.push(Column::new("verdict", ColumnKind::Text));
    }
    columns.extend(modalities.iter().map(|modality| Column::new(modality, ColumnKind::Float)));
    let rows =
        candidates.iter().zip(modal).zip(&oriented).map(|((&(other, score), modal), &(left, right))| {
            let mut row =
                vec![others.entities.get(other as usize).into(), others.label(other).into(), score.into()];
            if judged {
                row.push(pair.verdicts.said(left, right).map(|said| said.as_str()).into());
            }
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
