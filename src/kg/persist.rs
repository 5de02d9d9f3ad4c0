//! Graphs and links as packed blocks of a space, and back.
//!
//! A graph is five sections of sorted blocks; its digest is taken over the same content, so that two
//! imports of the same files are known to be the same graph.

use blake3::Hasher;
use rkyv::{Archive, Deserialize, Serialize};

use super::{AttributeTriple, Graph, Link, Literal, Split, Strings, Triple, edits};
use crate::error::{Code, Error, Result};
use crate::store::{Db, Digest, Record, Space, pack};
use crate::task::Task;

const ENTITIES: u8 = 0;
const RELATIONS: u8 = 1;
const ATTRIBUTES: u8 = 2;
const TRIPLES: u8 = 3;
const ATTRIBUTE_TRIPLES: u8 = 4;
const LINKS: u8 = 5;

/// Blocks between two looks at the cancel flag.
const CHECK_EVERY: usize = 64;

#[derive(Archive, Serialize, Deserialize, Clone)]
struct EntityRow {
    iri: String,
    name: String,
    source_id: Option<u32>,
    deleted: bool,
}

#[derive(Archive, Serialize, Deserialize)]
pub(crate) struct EntityBlock(Vec<EntityRow>);

/// As the first version had it, when nothing could be deleted.
#[derive(Archive, Serialize, Deserialize)]
struct FirstEntityRow {
    iri: String,
    name: String,
    source_id: Option<u32>,
}

#[derive(Archive, Serialize, Deserialize)]
struct FirstEntityBlock(Vec<FirstEntityRow>);

#[derive(Archive, Serialize, Deserialize)]
pub(crate) struct NameBlock(Vec<String>);

#[derive(Archive, Serialize, Deserialize)]
pub(crate) struct TripleBlock(Vec<[u32; 3]>);

#[derive(Archive, Serialize, Deserialize, Clone, PartialEq)]
pub(super) struct LiteralRow {
    entity: u32,
    attribute: u32,
    literal: Option<[String; 3]>,
}

impl From<&AttributeTriple> for LiteralRow {
    fn from(triple: &AttributeTriple) -> Self {
        let literal = triple.literal.clone().map(|l| [l.value, l.datatype, l.language]);
        LiteralRow { entity: triple.entity, attribute: triple.attribute, literal }
    }
}

impl From<LiteralRow> for AttributeTriple {
    fn from(row: LiteralRow) -> Self {
        let literal = row.literal.map(|[value, datatype, language]| Literal { value, datatype, language });
        AttributeTriple { entity: row.entity, attribute: row.attribute, literal }
    }
}

#[derive(Archive, Serialize, Deserialize)]
pub(crate) struct LiteralBlock(Vec<LiteralRow>);

#[derive(Archive, Serialize, Deserialize)]
pub(crate) struct LinkBlock(Vec<[u32; 3]>);

macro_rules! records {
    ($($type:ty => $kind:literal;)*) => {
        $(impl Record for $type {
            const KIND: [u8; 4] = *$kind;
            const VERSION: u16 = 1;
        })*
    };
}
records! {
    NameBlock => b"name";
    TripleBlock => b"trip";
    LiteralBlock => b"attr";
    LinkBlock => b"link";
}

impl Record for EntityBlock {
    const KIND: [u8; 4] = *b"enty";
    const VERSION: u16 = 2;

    fn upgrade(_: u16, archive: &[u8]) -> Result<Self> {
        let block = rkyv::from_bytes::<FirstEntityBlock, rkyv::rancor::Error>(archive)
            .map_err(|cause| Error::new(Code::Corrupt, format!("a block of entities: {cause}")))?;
        let renew = |row: FirstEntityRow| {
            let FirstEntityRow { iri, name, source_id } = row;
            EntityRow { iri, name, source_id, deleted: false }
        };
        Ok(EntityBlock(block.0.into_iter().map(renew).collect()))
    }
}

/// Writes a graph into a new space; it exists once a record that names the space is committed.
pub fn save_graph(db: &Db, graph: &Graph, task: &Task) -> Result<Space> {
    let space = db.new_space()?;
    let total = graph.len() + graph.triples.len() + graph.attribute_triples.len();
    task.phase("storing the graph", Some(total as u64));
    let mut done = 0;

    let entities = (0..graph.len()).map(|i| EntityRow {
        iri: graph.entities.get(i).to_string(),
        name: graph.names.get(i).to_string(),
        source_id: graph.source_ids.get(i).copied(),
        deleted: !graph.is_alive(i as u32),
    });
    let size = |row: &EntityRow| row.iri.len() + row.name.len() + 28;
    write(db, space, ENTITIES, pack(entities, size), EntityBlock, task, &mut done)?;
    for (section, strings) in [(RELATIONS, &graph.relations), (ATTRIBUTES, &graph.attributes)] {
        let names = strings.iter().map(str::to_string);
        let groups = pack(names, |text: &String| text.len() + 8);
        write(db, space, section, groups, NameBlock, task, &mut 0)?;
    }
    let triples = graph.triples.iter().map(|t| [t.head, t.relation, t.tail]);
    write(db, space, TRIPLES, pack(triples, |_| 12), TripleBlock, task, &mut done)?;
    let literals = graph.attribute_triples.iter().map(LiteralRow::from);
    let size = |row: &LiteralRow| {
        36 + row.literal.as_ref().map_or(0, |parts| parts.iter().map(String::len).sum::<usize>())
    };
    let groups = pack(literals, size);
    write(db, space, ATTRIBUTE_TRIPLES, groups, LiteralBlock, task, &mut done)?;
    Ok(space)
}

/// Reads a graph back, as it was at a version of its pair, after so many edits.
///
/// Fails with [`Code::Corrupt`] if an edit is missing.
pub fn load_graph(db: &Db, space: Space, (version, count): (u64, u64), task: &Task) -> Result<Graph> {
    let mut graph = Graph::default();
    for block in db.blocks::<EntityBlock>(space, ENTITIES) {
        task.check()?;
        for row in block?.0 {
            let id = graph.entities.push(&row.iri);
            if row.deleted {
                graph.deleted.push(id);
            }
            graph.names.push(&row.name);
            graph.source_ids.extend(row.source_id);
        }
    }
    graph.relations = load_names(db, space, RELATIONS)?;
    graph.attributes = load_names(db, space, ATTRIBUTES)?;
    for block in db.blocks::<TripleBlock>(space, TRIPLES) {
        task.check()?;
        graph.triples.extend(block?.0.into_iter().map(|[head, relation, tail]| Triple {
            head,
            relation,
            tail,
        }));
    }
    for block in db.blocks::<LiteralBlock>(space, ATTRIBUTE_TRIPLES) {
        task.check()?;
        graph.attribute_triples.extend(block?.0.into_iter().map(AttributeTriple::from));
    }
    let mut applied = 0;
    let mut last: Option<Digest> = None;
    for edit in edits(db, space, version) {
        task.check()?;
        let edit = edit?;
        if last.is_some_and(|last| last != edit.before) {
            return Err(lost_edit());
        }
        edit.delta.apply(&mut graph)?;
        last = Some(edit.after);
        applied += 1;
    }
    if applied != count {
        return Err(lost_edit());
    }
    graph.check_ids()?;
    Ok(graph)
}

fn lost_edit() -> Error {
    Error::new(Code::Corrupt, "an edit of a stored graph is missing")
        .help("restore the store from a backup or import the pair again")
}

impl Graph {
    /// Every id a graph holds must exist, and its rows be in order; a store that says otherwise is damaged.
    pub(crate) fn check_ids(&self) -> Result<()> {
        let (n, r, a) = (self.len() as u32, self.relations.len() as u32, self.attributes.len() as u32);
        let triples = self.triples.iter().all(|t| t.head < n && t.tail < n && t.relation < r);
        let attributes = self.attribute_triples.iter().all(|t| t.entity < n && t.attribute < a);
        let ids = self.source_ids.is_empty() || self.source_ids.len() == self.len();
        let deleted = self.deleted.iter().all(|id| *id < n);
        let ordered = self.deleted.is_sorted_by(|a, b| a < b)
            && self.triples.is_sorted_by(|a, b| a < b)
            && self.attribute_triples.is_sorted_by(|a, b| a < b);
        let why = match triples && attributes && ids && deleted {
            true if ordered => return Ok(()),
            true => "the rows of a stored graph are not in order",
            false => "a stored graph names entities that it does not hold",
        };
        Err(Error::new(Code::Corrupt, why)
            .help("run CHECK FULL; restore the store from a backup or import the pair again"))
    }
}

fn load_names(db: &Db, space: Space, section: u8) -> Result<Strings> {
    let mut names = Strings::new();
    for block in db.blocks::<NameBlock>(space, section) {
        for name in block?.0 {
            names.push(&name);
        }
    }
    Ok(names)
}

/// Writes reference links into a new space.
pub fn save_links(db: &Db, links: &[Link]) -> Result<Space> {
    let space = db.new_space()?;
    db.write_blocks(space, LINKS, pack(link_rows(links), |_| 12).map(LinkBlock))?;
    Ok(space)
}

/// The digest of links in their order.
pub fn digest_links(links: &[Link]) -> Digest {
    let mut hasher = Hasher::new();
    for row in link_rows(links) {
        hasher.update(bytemuck::cast_slice(&row));
    }
    Digest(*hasher.finalize().as_bytes())
}

fn link_rows(links: &[Link]) -> impl Iterator<Item = [u32; 3]> {
    links.iter().map(|link| [link.left, link.right, split_code(link.split)])
}

/// Reads reference links between graphs of so many entities back, in their order.
///
/// Fails with [`Code::Corrupt`] if one names an entity that its graph does not have.
pub fn load_links(db: &Db, space: Space, sizes: (usize, usize)) -> Result<Vec<Link>> {
    let mut links = Vec::new();
    for block in db.blocks::<LinkBlock>(space, LINKS) {
        for [left, right, split] in block?.0 {
            if left as usize >= sizes.0 || right as usize >= sizes.1 {
                return Err(Error::new(
                    Code::Corrupt,
                    "a stored link names an entity that its graph does not have",
                )
                .help("run CHECK FULL; restore the store from a backup or import the links again"));
            }
            let split = match split {
                1 => Some(Split::Train),
                2 => Some(Split::Valid),
                3 => Some(Split::Test),
                _ => None,
            };
            links.push(Link { left, right, split });
        }
    }
    Ok(links)
}

fn split_code(split: Option<Split>) -> u32 {
    match split {
        None => 0,
        Some(Split::Train) => 1,
        Some(Split::Valid) => 2,
        Some(Split::Test) => 3,
    }
}

/// The digest of a graph's content; lengths are hashed with the texts, so that no two contents meet.
pub fn digest_graph(graph: &Graph) -> Digest {
    let mut hasher = Hasher::new();
    for strings in [&graph.entities, &graph.names, &graph.relations, &graph.attributes] {
        hasher.update(&(strings.len() as u64).to_le_bytes());
        for text in strings.iter() {
            hash_text(&mut hasher, text);
        }
    }
    hasher.update(&(graph.source_ids.len() as u64).to_le_bytes());
    hasher.update(bytemuck::cast_slice(&graph.source_ids));
    if !graph.deleted.is_empty() {
        hasher.update(b"deleted").update(bytemuck::cast_slice(&graph.deleted));
    }
    hasher.update(&(graph.triples.len() as u64).to_le_bytes());
    for triple in &graph.triples {
        hasher.update(bytemuck::cast_slice(&[triple.head, triple.relation, triple.tail]));
    }
    for triple in &graph.attribute_triples {
        hasher.update(bytemuck::cast_slice(&[
            triple.entity,
            triple.attribute,
            triple.literal.is_some() as u32,
        ]));
        if let Some(literal) = &triple.literal {
            for text in [&literal.value, &literal.datatype, &literal.language] {
                hash_text(&mut hasher, text);
            }
        }
    }
    Digest(*hasher.finalize().as_bytes())
}

fn hash_text(hasher: &mut Hasher, text: &str) {
    hasher.update(&(text.len() as u64).to_le_bytes());
    hasher.update(text.as_bytes());
}

/// Writes groups of rows as the blocks of a section, with progress.
fn write<R, T: Record>(
    db: &Db,
    space: Space,
    section: u8,
    groups: impl Iterator<Item = Vec<R>>,
    block: impl Fn(Vec<R>) -> T,
    task: &Task,
    done: &mut u64,
) -> Result<()> {
    let mut writer = db.block_writer::<T>(space, section)?;
    for (i, rows) in groups.enumerate() {
        if i % CHECK_EVERY == 0 {
            task.check()?;
            task.advance(*done);
        }
        *done += rows.len() as u64;
        writer.push(&block(rows))?;
    }
    writer.finish()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kg::GraphBuilder;

    fn sample() -> Graph {
        let mut builder = GraphBuilder::new();
        for i in 0..3000 {
            let id = builder.entity(&format!("http://x.org/实体_{i}"));
            builder.name(id, &format!("name {i}"));
        }
        let r = builder.relation("http://x.org/r");
        let a = builder.attribute("http://x.org/a");
        for i in 0..2999 {
            builder.triple(i, r, i + 1);
            builder.attribute_triple(i, a, None);
        }
        let value = "long ".repeat(3000);
        builder.attribute_triple(
            7,
            a,
            Some(Literal { value, datatype: "string".into(), language: "en".into() }),
        );
        builder.finish().0
    }

    #[test]
    fn a_graph_comes_back_as_it_was() {
        let (db, task) = (Db::in_memory(), Task::quiet());
        let graph = sample();
        let space = save_graph(&db, &graph, &task).unwrap();
        let back = load_graph(&db, space, (1, 0), &task).unwrap();
        assert_eq!(back, graph);
        assert_eq!(digest_graph(&back), digest_graph(&graph));
    }

    #[test]
    fn rows_that_are_not_in_order_are_seen_on_loading() {
        let mut graph = sample();
        let edits: [fn(&mut Graph); 4] = [
            |graph| graph.triples.reverse(),
            |graph| graph.triples.push(graph.triples[graph.triples.len() - 1]),
            |graph| graph.attribute_triples.reverse(),
            |graph| graph.triples[0].tail = graph.len() as u32,
        ];
        for edit in edits {
            edit(&mut graph);
            let (db, task) = (Db::in_memory(), Task::quiet());
            let space = save_graph(&db, &graph, &task).unwrap();
            assert_eq!(load_graph(&db, space, (1, 0), &task).unwrap_err().code(), Code::Corrupt);
            graph = sample();
        }
    }

    #[test]
    fn links_keep_their_order_and_split() {
        let db = Db::in_memory();
        let links: Vec<Link> = (0..1000)
            .map(|i| Link { left: 999 - i, right: i, split: (i % 2 == 0).then_some(Split::Test) })
            .collect();
        let space = save_links(&db, &links).unwrap();
        assert_eq!(load_links(&db, space, (1000, 1000)).unwrap(), links);
        assert_eq!(load_links(&db, space, (1000, 999)).unwrap_err().code(), Code::Corrupt);
    }

    #[test]
    fn a_moved_letter_changes_the_digest() {
        let graph = |a: &str, b: &str| {
            let mut builder = GraphBuilder::new();
            builder.entity(a);
            builder.entity(b);
            digest_graph(&builder.finish().0)
        };
        assert_ne!(graph("ab", "c"), graph("a", "bc"));
    }
}
