//! `REVIEW a` and `EXPLAIN MATCH 'a', 'b' IN x`: links to judge, and what speaks for each.

use std::collections::{BTreeMap, HashMap};

use super::artifact::{self, ArtifactRow};
use super::basis::Basis;
use super::catalog::{self, ArtifactEntry, ArtifactKind, Entry};
use super::engine::{Context, Engine, LoadedPair};
use super::entities;
use super::index::channels_from;
use super::rows::{Column, ColumnKind, Outcome, Rows, Value};
use super::spec::{ExplainPair, Missing, Review, ReviewOrder, Weights};
use crate::error::{Code, Error, Result};
use crate::kg::{EntityId, Graph, Side, readable};
use crate::linalg::{TopKOptions, top_k};
use crate::rng::Rng;

/// Rivals shown of either entity.
const RIVALS: usize = 3;
/// Attributes and neighbours shown.
const SHOWN: usize = 12;
/// Longest text of a cell, in characters.
const LONGEST: usize = 80;

/// A link that a person is to judge.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// IRI of the left entity.
    pub left: String,
    /// IRI of the right entity.
    pub right: String,
    /// What a person calls the left entity.
    pub left_name: String,
    /// What a person calls the right entity.
    pub right_name: String,
    /// Its score.
    pub score: f32,
    /// Score less that of the best rival; NaN where none is known.
    pub margin: f32,
}

/// The links to judge, in order; what was judged before is left out.
pub(crate) fn queue(engine: &Engine, spec: &Review, context: &Context) -> Result<Vec<Case>> {
    let entry = catalog::with_rows(&engine.db, &spec.name)?;
    if entry.kind == ArtifactKind::Model {
        return Err(Error::new(Code::WrongType, format!("`{}` is a model, which has no links", spec.name))
            .help("make an alignment by it first: ALIGN … USING model AS name"));
    }
    let pair = engine.load_pair(&entry.pair, context.task)?;
    let mut open: Vec<ArtifactRow> = Vec::new();
    for row in artifact::rows(&engine.db, &entry, (pair.left.len(), pair.right.len())) {
        let row = row?;
        let alive = pair.left.is_alive(row.left) && pair.right.is_alive(row.right);
        if alive && pair.verdicts.said(row.left, row.right).is_none() {
            open.push(row);
        }
    }
    match spec.order {
        // A margin that is not known says nothing: such links come last.
        ReviewOrder::Uncertainty => open.sort_by(|a, b| key(a.margin).total_cmp(&key(b.margin))),
        ReviewOrder::Score => open.sort_by(|a, b| key(a.score).total_cmp(&key(b.score))),
        ReviewOrder::Random => Rng::stream(context.settings.seed, "review").shuffle(&mut open),
    }
    open.truncate(spec.limit);
    let case = |row: ArtifactRow| Case {
        left: pair.left.entities.get(row.left as usize).to_string(),
        right: pair.right.entities.get(row.right as usize).to_string(),
        left_name: pair.left.label(row.left),
        right_name: pair.right.label(row.right),
        score: row.score,
        margin: row.margin,
    };
    Ok(open.into_iter().map(case).collect())
}

fn key(number: f32) -> f32 {
    if number.is_nan() { f32::INFINITY } else { number }
}

/// `REVIEW a`: the links to judge as rows. A terminal goes through them one by one.
pub(crate) fn review(engine: &Engine, spec: &Review, context: &Context) -> Result<Outcome> {
    let cases = queue(engine, spec, context)?;
    let text = |name: &str| Column::new(name, ColumnKind::Text);
    let columns = vec![
        text("left"),
        text("right"),
        text("left_name"),
        text("right_name"),
        Column::new("score", ColumnKind::Float),
        Column::new("margin", ColumnKind::Float),
    ];
    let row = |case: Case| -> Vec<Value> {
        vec![
            case.left.into(),
            case.right.into(),
            case.left_name.into(),
            case.right_name.into(),
            case.score.into(),
            case.margin.into(),
        ]
    };
    let rows = Rows::ready(columns, cases.into_iter().map(row).collect());
    Ok(Outcome::rows("review", rows)
        .note("say of each: ACCEPT ('left', 'right') IN pair, or REJECT; at a prompt REVIEW asks one by one"))
}

/// `EXPLAIN MATCH 'a', 'b' IN x`: names, scores, rivals, attributes and neighbours of both, side by side.
pub(crate) fn explain(engine: &Engine, spec: &ExplainPair, context: &Context) -> Result<Outcome> {
    let found = catalog::find(&engine.db, &spec.name)?;
    let artifact = match found {
        Some(Entry::Artifact(_)) => Some(catalog::with_rows(&engine.db, &spec.name)?),
        _ => None,
    };
    let name = artifact.as_ref().map_or(&spec.name, |artifact| &artifact.pair);
    let pair = engine.load_pair(name, context.task)?;
    let find =
        |side, graph: &Graph, text: &str| Ok::<_, Error>(entities::find(name, &[(side, graph)], text)?.1);
    let left = find(Side::Left, &pair.left, &spec.left)?;
    let right = find(Side::Right, &pair.right, &spec.right)?;
    let mut table = Table { rows: Vec::new() };
    table.row("name", pair.left.label(left), pair.right.label(right));
    let iri = |graph: &Graph, id: EntityId| graph.entities.get(id as usize).to_string();
    table.row("IRI", iri(&pair.left, left), iri(&pair.right, right));
    if let Some(said) = pair.verdicts.said(left, right) {
        table.row("verdict", said.as_str().to_string(), String::new());
    }
    let linked = links(engine, artifact.as_ref(), &pair)?;
    scores(engine, &pair, artifact.as_ref(), (left, right), &mut table, context)?;
    attributes(&pair, (left, right), &mut table);
    neighbours(&pair, (left, right), &linked, &mut table);
    let columns = ["what", "left", "right"].map(|name| Column::new(name, ColumnKind::Text)).to_vec();
    let mut outcome = Outcome::rows("explain", Rows::ready(columns, table.rows));
    if let Some(artifact) = &artifact {
        outcome = outcome.note(match linked.get(&left) {
            Some(other) if *other == right => format!("`{}` links the two", artifact.name),
            Some(other) => {
                format!("`{}` links the left one to {} instead", artifact.name, pair.right.label(*other))
            }
            None => format!("`{}` leaves the left one without a link", artifact.name),
        });
    }
    Ok(outcome)
}

struct Table {
    rows: Vec<Vec<Value>>,
}

impl Table {
    fn row(&mut self, what: &str, left: String, right: String) {
        let short = |text: &str| crate::error::shorten(text, LONGEST);
        self.rows.push(vec![what.into(), short(&left).into(), short(&right).into()]);
    }
}

/// The links of an artifact by left entity; without one, what people accepted.
fn links(
    engine: &Engine,
    artifact: Option<&ArtifactEntry>,
    pair: &LoadedPair,
) -> Result<HashMap<EntityId, EntityId>> {
    let Some(entry) = artifact else { return Ok(pair.verdicts.accepted().iter().copied().collect()) };
    let links = artifact::by_left(&engine.db, entry, (pair.left.len(), pair.right.len()))?;
    Ok(links.into_iter().map(|(left, (right, _))| (left, right)).collect())
}

/// How alike the two are, in all and in each modality, and who else is like them.
fn scores(
    engine: &Engine,
    pair: &LoadedPair,
    artifact: Option<&ArtifactEntry>,
    (left, right): (EntityId, EntityId),
    table: &mut Table,
    context: &Context,
) -> Result<()> {
    let basis = match artifact {
        Some(artifact) => Basis::of(engine, pair, artifact)?,
        None => {
            let modalities = pair.entry.wanted(&Weights::Auto)?;
            Basis::features(pair, &modalities, &Weights::Auto, Missing::Neutral, context.settings.seed)
        }
    };
    let evidence = basis.evidence()?;
    let factors = basis.resolve(engine, &evidence, context)?.factors();
    let channels = evidence.channels(&factors);
    let (lefts, rights) = ([left], [right]);
    // What people said bars nothing here: rivals are shown as they are.
    let base = TopKOptions { k: RIVALS + 1, mask: None, both: false, ..evidence.options() };
    let of_left = top_k(&channels, &TopKOptions { left_rows: Some(&lefts), ..base }, context.task)?.left;
    let turned = channels_from(&evidence, &factors, Side::Right);
    let of_right = top_k(&turned, &TopKOptions { left_rows: Some(&rights), ..base }, context.task)?.left;
    let one = TopKOptions { left_rows: Some(&lefts), right_rows: Some(&rights), ..base };
    let own = top_k(&channels, &one, context.task)?.left.best(0);
    let shown = |score: Option<f32>| score.map_or("nothing in common".to_string(), |s| format!("{s:.4}"));
    table.row("similarity", shown(own.map(|own| own.1)), String::new());
    let modal = evidence.modal_scores(&[(left, right)])?;
    for ((modality, score), factor) in evidence.modalities().zip(&modal[0]).zip(&factors) {
        let score = if score.is_nan() { "one of them lacks it".to_string() } else { format!("{score:.4}") };
        table.row(&format!("  by {modality}"), score, format!("weight {factor:.3}"));
    }
    let rivals = |near: &crate::linalg::Neighbours, own: EntityId, graph: &Graph| -> Vec<String> {
        let others = near.row(0).filter(|(id, _)| *id != own).take(RIVALS);
        others.map(|(id, score)| format!("{} ({score:.4})", graph.label(id))).collect()
    };
    let (of_left, of_right) = (rivals(&of_left, right, &pair.right), rivals(&of_right, left, &pair.left));
    for at in 0..of_left.len().max(of_right.len()) {
        let cell = |list: &[String]| list.get(at).cloned().unwrap_or_default();
        table.row(&format!("rival {} of it", at + 1), cell(&of_left), cell(&of_right));
    }
    Ok(())
}

/// Attributes, those of one name beside each other.
fn attributes(pair: &LoadedPair, (left, right): (EntityId, EntityId), table: &mut Table) {
    let mut by_name: BTreeMap<String, [Vec<String>; 2]> = BTreeMap::new();
    for (side, graph, id) in [(0, &pair.left, left), (1, &pair.right, right)] {
        for triple in graph.attributes_of(id) {
            let name = readable(graph.attributes.get(triple.attribute as usize));
            let value = triple.literal.as_ref().map_or("(no value)".to_string(), |l| l.value.clone());
            by_name.entry(name).or_default()[side].push(value);
        }
    }
    // What both have tells more.
    let mut all: Vec<(String, [Vec<String>; 2])> = by_name.into_iter().collect();
    all.sort_by_key(|(_, [left, right])| left.is_empty() || right.is_empty());
    let more = all.len().saturating_sub(SHOWN);
    for (name, [left, right]) in all.into_iter().take(SHOWN) {
        table.row(&name, left.join("; "), right.join("; "));
    }
    if more > 0 {
        table.row("", format!("and {more} attributes more"), String::new());
    }
}

/// Neighbours, those that are linked with each other beside each other.
fn neighbours(
    pair: &LoadedPair,
    (left, right): (EntityId, EntityId),
    linked: &HashMap<EntityId, EntityId>,
    table: &mut Table,
) {
    let of = |graph: &Graph, id: EntityId| -> BTreeMap<EntityId, String> {
        let mut near = BTreeMap::new();
        for triple in graph.triples.iter().filter(|t| (t.head == id) != (t.tail == id)) {
            let relation = readable(graph.relations.get(triple.relation as usize));
            let (other, text) = match triple.head == id {
                true => (triple.tail, format!("{relation} → {}", graph.label(triple.tail))),
                false => (triple.head, format!("{} → {relation}", graph.label(triple.head))),
            };
            near.entry(other).or_insert(text);
        }
        near
    };
    let (of_left, mut of_right) = (of(&pair.left, left), of(&pair.right, right));
    let (mut both, mut alone) = (Vec::new(), Vec::new());
    for (id, text) in of_left {
        match linked.get(&id).and_then(|other| of_right.remove(other)) {
            Some(other) => both.push((text, other)),
            None => alone.push((text, String::new())),
        }
    }
    let rest = of_right.into_values().map(|text| (String::new(), text));
    let matched = both.len();
    let all: Vec<(String, String)> = both.into_iter().chain(alone).chain(rest).collect();
    let more = all.len().saturating_sub(SHOWN);
    for (at, (left, right)) in all.into_iter().take(SHOWN).enumerate() {
        table.row(if at < matched { "neighbours, linked" } else { "neighbour" }, left, right);
    }
    if more > 0 {
        table.row("", format!("and {more} neighbours more"), String::new());
    }
}
