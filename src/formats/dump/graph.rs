//! Graphs and links as sheets.

use super::folder::Folder;
use super::sheet::{Cells, Fields, Line};
use crate::error::{Code, Error, Result};
use crate::formats::new_folder::NewFolder;
use crate::kg::{AttributeTriple, Graph, Link, Literal, Split, Strings, Triple};

struct Entity {
    id: u32,
    iri: String,
    name: String,
    source_id: Option<u32>,
    deleted: bool,
}

impl Line for Entity {
    const COLUMNS: &'static [&'static str] = &["id", "iri", "name", "source_id", "deleted"];

    fn write(&self, cells: &mut Cells) {
        cells.put(&self.id).put(&self.iri).put(&self.name).put(&self.source_id).put(&self.deleted);
    }

    fn read(fields: &mut Fields<'_>) -> Result<Self> {
        Ok(Entity {
            id: fields.take()?,
            iri: fields.take()?,
            name: fields.take()?,
            source_id: fields.take()?,
            deleted: fields.take()?,
        })
    }
}

/// A relation or an attribute.
struct Named {
    id: u32,
    iri: String,
}

impl Line for Named {
    const COLUMNS: &'static [&'static str] = &["id", "iri"];

    fn write(&self, cells: &mut Cells) {
        cells.put(&self.id).put(&self.iri);
    }

    fn read(fields: &mut Fields<'_>) -> Result<Self> {
        Ok(Named { id: fields.take()?, iri: fields.take()? })
    }
}

impl Line for Triple {
    const COLUMNS: &'static [&'static str] = &["head", "relation", "tail"];

    fn write(&self, cells: &mut Cells) {
        cells.put(&self.head).put(&self.relation).put(&self.tail);
    }

    fn read(fields: &mut Fields<'_>) -> Result<Self> {
        Ok(Triple { head: fields.take()?, relation: fields.take()?, tail: fields.take()? })
    }
}

/// A literal takes three cells; of none the first says so.
pub(super) fn put_literal(cells: &mut Cells, literal: Option<&Literal>) {
    let part = |part: fn(&Literal) -> &String| literal.map(part).cloned();
    cells.put(&part(|l| &l.value));
    cells.put(&part(|l| &l.datatype).unwrap_or_default());
    cells.put(&part(|l| &l.language).unwrap_or_default());
}

pub(super) fn take_literal(fields: &mut Fields<'_>) -> Result<Option<Literal>> {
    let value: Option<String> = fields.take()?;
    let (datatype, language) = (fields.take()?, fields.take()?);
    Ok(value.map(|value| Literal { value, datatype, language }))
}

impl Line for AttributeTriple {
    const COLUMNS: &'static [&'static str] = &["entity", "attribute", "value", "datatype", "language"];

    fn write(&self, cells: &mut Cells) {
        cells.put(&self.entity).put(&self.attribute);
        put_literal(cells, self.literal.as_ref());
    }

    fn read(fields: &mut Fields<'_>) -> Result<Self> {
        let (entity, attribute) = (fields.take()?, fields.take()?);
        Ok(AttributeTriple { entity, attribute, literal: take_literal(fields)? })
    }
}

/// The words of a link's split.
const SPLITS: [(&str, Option<Split>); 4] =
    [("", None), ("train", Some(Split::Train)), ("valid", Some(Split::Valid)), ("test", Some(Split::Test))];

impl Line for Link {
    const COLUMNS: &'static [&'static str] = &["left", "right", "split"];

    fn write(&self, cells: &mut Cells) {
        cells.put(&self.left).put(&self.right).word(self.split.map_or("", Split::as_str));
    }

    fn read(fields: &mut Fields<'_>) -> Result<Self> {
        Ok(Link { left: fields.take()?, right: fields.take()?, split: fields.word(&SPLITS)? })
    }
}

/// Writes a graph into a folder of the dump.
pub fn write_graph(new: &mut NewFolder<'_>, folder: &str, graph: &Graph) -> Result<()> {
    let entities = (0u32..).zip(graph.entities.iter().zip(graph.names.iter())).map(|(id, (iri, name))| {
        let source_id = graph.source_ids.get(id as usize).copied();
        let deleted = !graph.is_alive(id);
        Ok(Entity { id, iri: iri.to_string(), name: name.to_string(), source_id, deleted })
    });
    new.sheet(&format!("{folder}/entities.tsv"), entities)?;
    for (file, names) in [("relations", &graph.relations), ("attributes", &graph.attributes)] {
        let rows = (0u32..).zip(names.iter()).map(|(id, iri)| Ok(Named { id, iri: iri.to_string() }));
        new.sheet(&format!("{folder}/{file}.tsv"), rows)?;
    }
    new.sheet(&format!("{folder}/triples.tsv"), graph.triples.iter().map(|triple| Ok(*triple)))?;
    let literals = graph.attribute_triples.iter().map(|triple| Ok(triple.clone()));
    new.sheet(&format!("{folder}/attribute_triples.tsv"), literals)?;
    Ok(())
}

/// Reads a graph back.
pub fn read_graph(dump: &Folder<'_>, folder: &str) -> Result<Graph> {
    let mut graph = Graph::default();
    dump.sheet(&format!("{folder}/entities.tsv"), |row: Entity| {
        in_turn(row.id, graph.entities.push(&row.iri))?;
        graph.names.push(&row.name);
        graph.source_ids.extend(row.source_id);
        if row.deleted {
            graph.deleted.push(row.id);
        }
        Ok(())
    })?;
    if !graph.source_ids.is_empty() && graph.source_ids.len() != graph.len() {
        let place = dump.place(&format!("{folder}/entities.tsv"));
        return Err(bad("some entities have a source_id and others have none".to_string()).path(&place));
    }
    let names = |file: &str| -> Result<Strings> {
        let mut names = Strings::new();
        let path = format!("{folder}/{file}.tsv");
        dump.sheet(&path, |row: Named| in_turn(row.id, names.push(&row.iri)))?;
        Ok(names)
    };
    graph.relations = names("relations")?;
    graph.attributes = names("attributes")?;
    let (entities, relations) = (graph.len(), graph.relations.len());
    dump.sheet(&format!("{folder}/triples.tsv"), |triple: Triple| {
        known(triple.head, entities, "entity")?;
        known(triple.relation, relations, "relation")?;
        known(triple.tail, entities, "entity")?;
        ascending(&mut graph.triples, triple)
    })?;
    let attributes = graph.attributes.len();
    dump.sheet(&format!("{folder}/attribute_triples.tsv"), |triple: AttributeTriple| {
        known(triple.entity, entities, "entity")?;
        known(triple.attribute, attributes, "attribute")?;
        ascending(&mut graph.attribute_triples, triple)
    })?;
    Ok(graph)
}

/// Writes links as a sheet.
pub fn write_links(new: &mut NewFolder<'_>, path: &str, links: &[Link]) -> Result<()> {
    new.sheet(path, links.iter().map(|link| Ok(*link)))?;
    Ok(())
}

/// Reads links between graphs of so many entities.
pub fn read_links(dump: &Folder<'_>, path: &str, (left, right): (usize, usize)) -> Result<Vec<Link>> {
    let mut links = Vec::new();
    dump.sheet(path, |link: Link| {
        known(link.left, left, "left entity")?;
        known(link.right, right, "right entity")?;
        links.push(link);
        Ok(())
    })?;
    Ok(links)
}

/// Fails on an id that there is not.
pub(super) fn known(id: u32, count: usize, what: &str) -> Result<()> {
    if (id as usize) < count {
        return Ok(());
    }
    Err(bad(format!("there is no {what} {id}: there are {count}, counted from 0")))
}

fn in_turn(found: u32, expected: u32) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(bad(format!("expected id {expected}, found {found}: ids are in order and without gaps")))
}

fn ascending<T: Ord>(rows: &mut Vec<T>, row: T) -> Result<()> {
    if rows.last().is_some_and(|last| *last >= row) {
        return Err(bad(
            "the line is not after the one before: triples are sorted and each is there once".into()
        ));
    }
    rows.push(row);
    Ok(())
}

fn bad(message: String) -> Error {
    Error::new(Code::BadValue, message)
}
