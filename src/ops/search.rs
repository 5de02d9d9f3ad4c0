//! `MATCH 'entity' IN p`: the best counterparts of one entity, with the score of each modality.

use super::basis::Basis;
use super::catalog::{self, ArtifactEntry, ArtifactKind, Entry};
use super::engine::{Context, Engine, LoadedPair};
use super::entities;
use super::explain::step;
use super::index::{Available, available, channels_from};
use super::rows::{Column, ColumnKind, Outcome, Rows, Value};
use super::spec::{Match, Missing, Weights};
use crate::error::{Code, Error, Result};
use crate::index::{self, Ask, Path};
use crate::kg::{EntityId, Graph, Side};
use crate::linalg::{Channel, TopKOptions, top_k};

/// What a search is in: a pair, or an alignment whose weights are then used.
struct Target {
    alignment: Option<ArtifactEntry>,
    pair: String,
}

impl Target {
    fn of(engine: &Engine, spec: &Match) -> Result<Target> {
        let alignment = match catalog::find(&engine.db, &spec.pair)? {
            Some(Entry::Artifact(artifact)) if artifact.kind == ArtifactKind::Alignment => Some(artifact),
            _ => None,
        };
        if let Some(alignment) = &alignment
            && (spec.weights != Weights::Auto || spec.model.is_some())
        {
            let message = format!("alignment `{}` brings weights of its own", spec.pair);
            return Err(Error::new(Code::Conflict, message)
                .help(format!("leave out USING, or search in the pair: MATCH … IN {}", alignment.pair)));
        }
        let pair = alignment.as_ref().map_or(&spec.pair, |alignment| &alignment.pair).clone();
        Ok(Target { alignment, pair })
    }

    /// What entities are compared by.
    fn basis<'p>(
        &self,
        engine: &Engine,
        pair: &'p LoadedPair,
        spec: &Match,
        context: &Context,
    ) -> Result<Basis<'p>> {
        match (&self.alignment, &spec.model) {
            (Some(alignment), _) => Basis::of(engine, pair, alignment),
            (None, Some(model)) => {
                let model = catalog::artifact(&engine.db, model, Some(ArtifactKind::Model))?;
                let model = model.of_pair(&self.pair)?;
                let modalities = model.embedded(&spec.weights)?;
                Basis::model(engine, pair, &model, &modalities, &spec.weights)
            }
            (None, None) => {
                let modalities = pair.entry.wanted(&spec.weights)?;
                let seed = context.settings.seed;
                Ok(Basis::features(pair, &modalities, &spec.weights, Missing::Neutral, seed))
            }
        }
    }
}

impl Match {
    fn ask(&self) -> Ask<'static> {
        Ask { k: self.limit, recall: self.recall as f32, exact: self.exact, allowed: None }
    }

    /// The index to go through, with what to tell of others.
    ///
    /// Fails with [`Code::MissingData`] if one is asked for and there is none.
    fn index(
        &self,
        engine: &Engine,
        basis: &Basis<'_>,
        factors: &[f32],
        searched: (Side, &[Channel<'_>]),
    ) -> Result<Available> {
        let on = self.model.as_ref().unwrap_or(&self.pair);
        let found = available(engine, on, basis, factors, searched)?;
        if let (Some(false), Available::None(notes)) = (self.exact, &found) {
            let notes = notes.iter().map(|note| format!("; {note}")).collect::<String>();
            let message = format!("exact=false, and no index is over what is compared{notes}");
            return Err(Error::new(Code::MissingData, message)
                .help(format!("make one with the same weights: CREATE INDEX name ON {on}")));
        }
        Ok(found)
    }
}

/// What to tell of rows that have changed since an index was built.
fn told(behind: usize) -> String {
    match behind {
        0 => String::new(),
        1 => "; 1 row has changed since it was built, and is seen to".into(),
        rows => format!("; {rows} rows have changed since it was built, and are seen to"),
    }
}

/// `EXPLAIN MATCH`: the way it would go, and why.
pub(crate) fn explained(engine: &Engine, spec: &Match, context: &Context) -> Result<Vec<Value>> {
    let target = Target::of(engine, spec)?;
    let pair = engine.load_pair(&target.pair, context.task)?;
    let (side, _) = find(&pair, spec)?;
    let basis = target.basis(engine, &pair, spec, context)?;
    let evidence = basis.evidence()?;
    let factors = basis.resolve(engine, &evidence, context)?.factors();
    let rows = sides(&pair, side).1.len();
    let channels = channels_from(&evidence, &factors, side);
    Ok(match spec.index(engine, &basis, &factors, (side.other(), &channels))? {
        Available::None(notes) => {
            let why =
                if notes.is_empty() { "no index is over what is compared".into() } else { notes.join("; ") };
            step("compare with all rows", "to do", &why, &format!("{rows} rows compared"))
        }
        Available::Index(name, index, changes, behind) => {
            let index = index.view();
            match index.plan(&spec.ask(), index.standing(&changes)) {
                path @ Path::Graph { visited, .. } => {
                    let (points, cells) = (index.points(), index.cells());
                    let cost = format!("{cells} centres and about {visited} of {points} points compared");
                    let why = format!("{path}{}", told(behind));
                    step(&format!("go through index {name}"), "to do", &why, &cost)
                }
                path @ Path::Exact(_) => {
                    let why = format!("index {name}: {path}{}", told(behind));
                    step("compare with all rows", "to do", &why, &format!("{rows} rows compared"))
                }
            }
        }
    })
}

/// Searches through an index where there is one and it pays, else exactly.
pub(crate) fn search(engine: &Engine, spec: &Match, context: &Context) -> Result<Outcome> {
    let target = Target::of(engine, spec)?;
    let pair = engine.load_pair(&target.pair, context.task)?;
    let (side, entity) = find(&pair, spec)?;
    let basis = target.basis(engine, &pair, spec, context)?;
    let csls = target.alignment.map_or(0, |alignment| alignment.csls);
    let evidence = basis.evidence()?;
    let resolved = basis.resolve(engine, &evidence, context)?;
    let modalities = &basis.modalities;
    let factors = resolved.factors();

    let channels = channels_from(&evidence, &factors, side);
    let (candidates, notes) = match spec.index(engine, &basis, &factors, (side.other(), &channels))? {
        Available::Index(name, index, changes, behind) => {
            let found = index::search(&index.view(), &changes, &channels, entity, &spec.ask(), context.task)?;
            (found.rows, vec![format!("index {name}: {}{}", found.path, told(behind))])
        }
        Available::None(notes) => {
            let row = [entity];
            let options = TopKOptions {
                k: spec.limit,
                left_rows: Some(&row),
                both: false,
                mask: None,
                ..evidence.options()
            };
            (top_k(&channels, &options, context.task)?.left.row(0).collect(), notes)
        }
    };

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
    outcome.notes.extend(notes);
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

/// The entity that is searched for.
fn find(pair: &LoadedPair, spec: &Match) -> Result<(Side, EntityId)> {
    let wanted = Side::BOTH.into_iter().filter(|side| spec.side.is_none_or(|wanted| wanted == *side));
    let graphs: Vec<(Side, &Graph)> = wanted.map(|side| (side, sides(pair, side).0)).collect();
    entities::find(&pair.entry.name, &graphs, &spec.entity)
}
