//! A pair as a folder of comma- or tab-separated tables with header lines.
//!
//! | file (`.csv` or `.tsv`, `_1` left and `_2` right) | columns | also |
//! |---|---|---|
//! | `entities_1`, `entities_2` (optional) | `entity` | `name`, `id` |
//! | `triples_1`, `triples_2` | `head`, `relation`, `tail` | |
//! | `attributes_1`, `attributes_2` (optional) | `entity`, `attribute`, `value` | `datatype`, `language` |
//! | `links` (optional) | `left`, `right` | `split`: `train`, `valid` or `test` |
//!
//! Columns may stand in any order and others beside them. Where a side has a table of entities, it is
//! complete, and its order is theirs; else entities are numbered as triples, then attributes bring them
//! up. `id` is the source's own integer id. An attribute row without a value says that the entity has
//! the attribute.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::error::{Code, Error, Result};
use crate::kg::{EntityId, GraphBuilder, Literal, Side, Split};
use crate::ops::spec::Import;
use crate::task::Task;

use super::fields::{integer, iri};
use super::folder::Folder;
use super::literals::{self, Names};
use super::pair::PairSource;
use super::reading::{LinkList, Reading};
use super::report::LintKind;
use super::sheet::{Columns, each_record};

/// Reads a folder of tables.
pub(super) fn read(spec: &Import, task: &Task, path: &Path) -> Result<PairSource> {
    let folder = Folder::open(path, "csv")?;
    let mut reading = Reading::new(spec, task);
    let left = read_side(&mut reading, &folder, Side::Left)?;
    let right = read_side(&mut reading, &folder, Side::Right)?;
    let mut links = LinkList::default();
    match table(&folder, "links") {
        Some(path) => read_links(&mut reading, &path, &left, &right, &mut links)?,
        None => reading.note_no_links("looked for links.csv and links.tsv"),
    }
    reading.finish(spec, left, right, links)
}

fn table(folder: &Folder, name: &str) -> Option<PathBuf> {
    folder.find(&format!("{name}.csv")).or_else(|| folder.find(&format!("{name}.tsv")))
}

fn read_side(reading: &mut Reading<'_>, folder: &Folder, at: Side) -> Result<GraphBuilder> {
    let mut side = GraphBuilder::new();
    let number = at as usize + 1;
    let [entities, triples, attributes] =
        ["entities", "triples", "attributes"].map(|name| table(folder, &format!("{name}_{number}")));
    if entities.is_none() && triples.is_none() && attributes.is_none() {
        let names = [format!("triples_{number}.csv"), format!("triples_{number}.tsv")];
        return Err(folder.missing(&names.each_ref().map(String::as_str)));
    }
    let complete = entities.is_some();
    if let Some(path) = entities {
        read_entities(reading, &path, at, &mut side)?;
    }
    // With a table of entities, others must keep to it.
    let look_up = |side: &mut GraphBuilder, text: &str, what: &str| -> Result<EntityId> {
        let name = iri(text, what)?;
        if !complete {
            return Ok(side.entity(name));
        }
        side.find_entity(name).ok_or_else(|| {
            Error::new(Code::BadFile, format!("the {what} '{name}' is not in the table entities_{number}"))
                .help("add the entity to that table, or remove the table to take entities from the triples")
        })
    };
    if let Some(path) = triples {
        let columns = Columns { needed: &["head", "relation", "tail"], optional: &[] };
        each_record(reading, &path, &columns, |_, fields| {
            let (relation, tail) = (iri(fields[1], "relation")?, iri(fields[2], "tail")?);
            let head = look_up(&mut side, fields[0], "head")?;
            let tail = look_up(&mut side, tail, "tail")?;
            let relation = side.relation(relation);
            side.triple(head, relation, tail);
            Ok(())
        })?;
    }
    if let Some(path) = attributes {
        let columns =
            Columns { needed: &["entity", "attribute", "value"], optional: &["datatype", "language"] };
        let mut names = Names::default();
        each_record(reading, &path, &columns, |_, fields| {
            let attribute = iri(fields[1], "attribute")?;
            let entity = look_up(&mut side, fields[0], "entity")?;
            let literal = (!fields[2].is_empty()).then(|| Literal {
                value: fields[2].to_string(),
                datatype: literals::datatype(fields[3]),
                language: fields[4].to_ascii_lowercase(),
            });
            if let Some(literal) = &literal {
                names.offer(entity, attribute, literal);
            }
            let attribute = side.attribute(attribute);
            side.attribute_triple(entity, attribute, literal);
            Ok(())
        })?;
        names.settle(&mut side);
    }
    Ok(side)
}

fn read_entities(reading: &mut Reading<'_>, path: &Path, at: Side, side: &mut GraphBuilder) -> Result<()> {
    let columns = Columns { needed: &["entity"], optional: &["name", "id"] };
    let mut ids = Vec::new();
    let mut seen = HashSet::new();
    let mut without = 0usize;
    each_record(reading, path, &columns, |tally, fields| {
        let name = iri(fields[0], "entity")?;
        if side.find_entity(name).is_some() {
            tally.add(LintKind::RepeatedId, Some(at), || name.to_string());
            return Ok(());
        }
        if fields[2].is_empty() {
            without += 1;
        } else {
            let id = integer(fields[2], "id")?;
            if !seen.insert(id) {
                return Err(Error::new(
                    Code::BadFile,
                    format!("the id {id} stands for another entity already"),
                )
                .help("give each entity an id of its own"));
            }
            ids.push(id);
        }
        let entity = side.entity(name);
        if !fields[1].is_empty() {
            side.name(entity, fields[1]);
        }
        Ok(())
    })?;
    match (ids.is_empty(), without) {
        (true, _) => {}
        (false, 0) => side.source_ids(ids),
        (false, _) => reading.note(format!(
            "{without} {} entities have no id, so the ids of that side were left out",
            at.as_str()
        )),
    }
    Ok(())
}

fn read_links(
    reading: &mut Reading<'_>,
    path: &Path,
    left: &GraphBuilder,
    right: &GraphBuilder,
    links: &mut LinkList,
) -> Result<()> {
    links.begin(path);
    let columns = Columns { needed: &["left", "right"], optional: &["split"] };
    each_record(reading, path, &columns, |tally, fields| {
        let (l, r) = (iri(fields[0], "left entity")?, iri(fields[1], "right entity")?);
        let split = match fields[2].to_ascii_lowercase().as_str() {
            "" => None,
            "train" => Some(Split::Train),
            "valid" | "val" | "validation" | "dev" => Some(Split::Valid),
            "test" => Some(Split::Test),
            other => {
                return Err(Error::new(
                    Code::BadFile,
                    format!("unknown split '{other}', expected train, valid or test"),
                ));
            }
        };
        links.add(tally, (left.find_entity(l), right.find_entity(r)), split, (l, r));
        Ok(())
    })?;
    Ok(())
}
