//! Where `SELECT` and `EXPORT` take rows from: artifacts, links, entities, triples, attributes.

use std::sync::Arc;

use super::align::UNMATCHED;
use super::artifact;
use super::catalog::{self, ArtifactEntry, Entry};
use super::describe::short;
use super::engine::{Context, Engine};
use super::living::verdict_rows;
use super::rows::{Column, ColumnKind, Value};
use super::spec::From;
use crate::error::{Code, Error, Result};
use crate::kg::{Graph, Side, load_links};
use crate::store::Space;

type RowIter = Box<dyn Iterator<Item = Result<Vec<Value>>> + Send>;

/// Columns and streamed rows of a source.
pub(crate) struct Source {
    pub columns: Vec<Column>,
    pub rows: RowIter,
}

/// Opens a source; rows are read as they are asked for.
pub(crate) fn open(engine: &Engine, from: &From, context: &Context) -> Result<Source> {
    let entry = catalog::find(&engine.db, &from.name)?;
    match entry {
        Some(Entry::Artifact(_)) => {
            let artifact = catalog::with_rows(&engine.db, &from.name)?;
            let graphs = engine.graphs_of(&artifact.pair, context.task)?;
            match from.side.map(Side::as_str).or(from.table.as_deref()) {
                None => Ok(artifact_rows(engine, &artifact, graphs)),
                Some("dropped") => dropped_rows(engine, &artifact, graphs),
                Some("unmatched") if artifact.fact(UNMATCHED).is_some() => {
                    Ok(unmatched_rows(engine, &artifact, graphs))
                }
                Some(table) => Err(Error::new(
                    Code::UnknownName,
                    format!("`{}` is {}; it has no `{table}`", from.name, artifact_word(&artifact)),
                )
                .help(format!(
                    "write FROM {0}, FROM {0}.dropped for what a correction left out, or of an alignment \
                     FROM {0}.unmatched for entities without a link",
                    from.name
                ))),
            }
        }
        Some(Entry::Pair(pair)) => {
            let table = from.table.as_deref().unwrap_or(if from.side.is_some() { "entities" } else { "" });
            let [left, right] = engine.graphs_of(&pair.name, context.task)?;
            match (from.side, table) {
                (None, "links") => {
                    let links = match &pair.links {
                        Some(links) => load_links(&engine.db, Space(links.space), (left.len(), right.len()))?,
                        None => Vec::new(),
                    };
                    let rows = links.into_iter().map(move |link| {
                        Ok(vec![
                            left.entities.get(link.left as usize).into(),
                            right.entities.get(link.right as usize).into(),
                            link.split.map(|split| split.as_str()).into(),
                            left.label(link.left).into(),
                            right.label(link.right).into(),
                        ])
                    });
                    let columns = texts(&["left", "right", "split", "left_name", "right_name"]);
                    Ok(Source { columns, rows: Box::new(rows) })
                }
                (None, "verdicts") => {
                    let (columns, rows) = verdict_rows(engine, &[pair], context)?;
                    Ok(Source { columns, rows: Box::new(rows.into_iter().map(Ok)) })
                }
                (Some(side), table) => {
                    let graph = if side == Side::Left { left } else { right };
                    graph_rows(graph, table).ok_or_else(|| no_table(from, table))
                }
                (None, table) => Err(no_table(from, table)),
            }
        }
        None => Err(catalog::unknown(&engine.db, "pair or artifact", &from.name, |_| true)),
    }
}

fn artifact_word(artifact: &ArtifactEntry) -> &'static str {
    match artifact.kind {
        catalog::ArtifactKind::Seeds => "a seed set",
        catalog::ArtifactKind::Alignment => "an alignment",
        catalog::ArtifactKind::Model => "a model",
        catalog::ArtifactKind::Index => "an index",
    }
}

fn no_table(from: &From, table: &str) -> Error {
    let name = &from.name;
    let message = match (from.side, table) {
        (None, "") => format!("`{name}` is a pair; name one of its tables"),
        (None, table) => format!("pair `{name}` has no table `{table}` of its own"),
        (Some(side), table) => format!("`{name}.{}` has no table `{table}`", side.as_str()),
    };
    Error::new(Code::UnknownName, message).help(format!(
        "there is {name}.links, {name}.verdicts, and of each side {name}.left.entities, {name}.left.triples, {name}.left.attributes"
    ))
}

fn texts(names: &[&str]) -> Vec<Column> {
    names.iter().map(|name| Column::new(*name, ColumnKind::Text)).collect()
}

fn graph_rows(graph: Arc<Graph>, table: &str) -> Option<Source> {
    Some(match table {
        "entities" => {
            let mut columns = texts(&["entity", "name"]);
            columns.insert(0, Column::new("id", ColumnKind::Int));
            columns.push(Column::new("source_id", ColumnKind::Int));
            let alive: Vec<usize> = (0..graph.len()).filter(|&i| graph.is_alive(i as u32)).collect();
            let rows = alive.into_iter().map(move |i| {
                Ok(vec![
                    i.into(),
                    graph.entities.get(i).into(),
                    graph.label(i as u32).into(),
                    graph.source_id(i as u32).into(),
                ])
            });
            Source { columns, rows: Box::new(rows) }
        }
        "triples" => {
            let rows = (0..graph.triples.len()).map(move |i| {
                let triple = graph.triples[i];
                Ok(vec![
                    graph.entities.get(triple.head as usize).into(),
                    graph.relations.get(triple.relation as usize).into(),
                    graph.entities.get(triple.tail as usize).into(),
                ])
            });
            Source { columns: texts(&["head", "relation", "tail"]), rows: Box::new(rows) }
        }
        "attributes" => {
            let rows = (0..graph.attribute_triples.len()).map(move |i| {
                let triple = &graph.attribute_triples[i];
                let part = |take: fn(&crate::kg::Literal) -> &str| -> Value {
                    triple.literal.as_ref().map(take).filter(|text| !text.is_empty()).into()
                };
                Ok(vec![
                    graph.entities.get(triple.entity as usize).into(),
                    graph.attributes.get(triple.attribute as usize).into(),
                    triple.literal.as_ref().map(|literal| literal.value.as_str()).into(),
                    part(|literal| &literal.datatype),
                    part(|literal| &literal.language),
                ])
            });
            let columns = texts(&["entity", "attribute", "value", "datatype", "language"]);
            Source { columns, rows: Box::new(rows) }
        }
        _ => return None,
    })
}

/// The rows of an artifact, in its order: IRIs, score, margin, position, stage, names, one column a modality.
fn artifact_rows(engine: &Engine, entry: &ArtifactEntry, [left, right]: [Arc<Graph>; 2]) -> Source {
    let mut columns = texts(&["left", "right"]);
    columns.push(Column::new("score", ColumnKind::Float));
    columns.push(Column::new("margin", ColumnKind::Float));
    columns.push(Column::new("position", ColumnKind::Int));
    columns.extend(texts(&["stage", "left_name", "right_name"]));
    columns.extend(entry.modalities.iter().map(|modality| Column::new(modality, ColumnKind::Float)));
    columns.extend(texts(&["id"]));
    let stages = entry.stages.clone();
    let rows =
        artifact::rows(&engine.db, entry, (left.len(), right.len())).enumerate().map(move |(place, row)| {
            let row = row?;
            let mut values: Vec<Value> = vec![
                left.entities.get(row.left as usize).into(),
                right.entities.get(row.right as usize).into(),
                row.score.into(),
                row.margin.into(),
                (place + 1).into(),
                stages.get(usize::from(row.stage)).map(String::as_str).into(),
                left.label(row.left).into(),
                right.label(row.right).into(),
            ];
            values.extend(row.modal.iter().map(|&score| Value::from(score)));
            let ends = (left.entities.get(row.left as usize), right.entities.get(row.right as usize));
            values.push(link_id(ends.0, ends.1).into());
            Ok(values)
        });
    Source { columns, rows: Box::new(rows) }
}

/// The name of a link, for as long as its entities bear their IRIs: 16 hexadecimal digits.
pub(crate) fn link_id(left: &str, right: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(left.as_bytes()).update(&[0]).update(right.as_bytes());
    short(hasher.finalize().as_bytes())
}

/// The entities that an alignment leaves without a link.
fn unmatched_rows(engine: &Engine, entry: &ArtifactEntry, [left, right]: [Arc<Graph>; 2]) -> Source {
    let mut columns = texts(&["side", "entity", "name", "candidate", "candidate_name"]);
    columns.push(Column::new("score", ColumnKind::Float));
    columns.extend(texts(&["reason"]));
    let rows = artifact::unmatched(&engine.db, entry, (left.len(), right.len())).map(move |row| {
        let row = row?;
        let (side, own, other) =
            if row.right { (Side::Right, &right, &left) } else { (Side::Left, &left, &right) };
        Ok(vec![
            side.as_str().into(),
            own.entities.get(row.entity as usize).into(),
            own.label(row.entity).into(),
            row.candidate.map(|candidate| other.entities.get(candidate as usize)).into(),
            row.candidate.map(|candidate| other.label(candidate)).into(),
            row.score.into(),
            row.reason.into(),
        ])
    });
    Source { columns, rows: Box::new(rows) }
}

/// What a correction dropped, and why.
fn dropped_rows(engine: &Engine, entry: &ArtifactEntry, [left, right]: [Arc<Graph>; 2]) -> Result<Source> {
    let mut columns = texts(&["left", "right"]);
    columns.push(Column::new("score", ColumnKind::Float));
    columns.extend(texts(&["reason", "stage", "left_name", "right_name"]));
    let stages = entry.stages.clone();
    let rows =
        artifact::dropped(&engine.db, entry, (left.len(), right.len()))?.into_iter().map(move |dropped| {
            let row = dropped.row;
            Ok(vec![
                left.entities.get(row.left as usize).into(),
                right.entities.get(row.right as usize).into(),
                row.score.into(),
                dropped.reason.into(),
                stages.get(usize::from(row.stage)).map(String::as_str).into(),
                left.label(row.left).into(),
                right.label(row.right).into(),
            ])
        });
    Ok(Source { columns, rows: Box::new(rows) })
}
