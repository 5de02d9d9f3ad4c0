//! One graph in memory, and the builder that readers feed.

use std::collections::HashMap;

use super::naming::Naming;
use super::{EntityId, Strings};

/// A relation triple; all three are dense ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Triple {
    /// Entity the relation starts from.
    pub head: EntityId,
    /// Row of [`Graph::relations`].
    pub relation: u32,
    /// Entity the relation points to.
    pub tail: EntityId,
}

/// A literal with its XSD datatype and language, where the source gives them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Literal {
    /// The lexical form.
    pub value: String,
    /// Datatype IRI or short name ("float", "gYear"); empty when not given.
    pub datatype: String,
    /// Language tag; empty when not given.
    pub language: String,
}

/// An attribute triple. A source that names only the attribute (DBP15K) gives no literal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AttributeTriple {
    /// The entity described.
    pub entity: EntityId,
    /// Row of [`Graph::attributes`].
    pub attribute: u32,
    /// The value, where known.
    pub literal: Option<Literal>,
}

/// One knowledge graph: what the stages see and what the store keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    /// IRIs of the entities; the row is the entity's id.
    pub entities: Strings,
    /// A name literal per entity; empty where the source gives none (see [`Graph::label`]).
    pub names: Strings,
    /// The source's own integer id per entity (dbp15k row numbers), or empty when it has none. Entities
    /// that came later have [`Graph::NO_SOURCE_ID`].
    pub source_ids: Vec<u32>,
    /// Entities that were deleted, ascending: they keep their ids, and nothing is said of them.
    pub deleted: Vec<EntityId>,
    /// IRIs of the relations.
    pub relations: Strings,
    /// IRIs of the attributes.
    pub attributes: Strings,
    /// Sorted by head, relation, tail; no duplicates.
    pub triples: Vec<Triple>,
    /// Sorted by entity, attribute, literal; no duplicates.
    pub attribute_triples: Vec<AttributeTriple>,
    /// Entities by what they are called.
    pub(crate) naming: Naming,
}

impl Graph {
    /// Stands for the source's id of an entity that the source did not have.
    pub const NO_SOURCE_ID: u32 = u32::MAX;

    /// Number of ids: deleted entities keep theirs.
    pub fn len(&self) -> usize {
        self.entities.len()
    }

    /// Whether there is such an entity: it was not deleted.
    pub fn is_alive(&self, entity: EntityId) -> bool {
        (entity as usize) < self.len() && self.deleted.binary_search(&entity).is_err()
    }

    /// The source's own id of an entity, if it gave one.
    pub fn source_id(&self, entity: EntityId) -> Option<u32> {
        self.source_ids.get(entity as usize).copied().filter(|id| *id != Self::NO_SOURCE_ID)
    }

    /// The attribute triples of an entity.
    pub fn attributes_of(&self, entity: EntityId) -> &[AttributeTriple] {
        let start = self.attribute_triples.partition_point(|triple| triple.entity < entity);
        let length = self.attribute_triples[start..].partition_point(|triple| triple.entity == entity);
        &self.attribute_triples[start..start + length]
    }

    /// Whether the graph has no entity.
    pub fn is_empty(&self) -> bool {
        self.entities.is_empty()
    }

    /// What a person calls the entity: its name literal, else the last part of its IRI,
    /// percent-decoded, with blanks for underscores.
    pub fn label(&self, entity: EntityId) -> String {
        match self.names.get(entity as usize) {
            "" => readable(self.entities.get(entity as usize)),
            name => name.to_string(),
        }
    }
}

/// The readable last part of an IRI: after the last `/` or `#`, percent-decoded, underscores as blanks.
pub fn readable(iri: &str) -> String {
    let trimmed = iri.trim_end_matches(['/', '#']);
    // DBpedia names may hold a slash of their own, but nothing tells it from a path; the last part it is.
    let last = trimmed.rsplit(['/', '#']).next().unwrap_or(trimmed);
    let decoded = percent_encoding::percent_decode_str(last).decode_utf8_lossy();
    decoded.replace('_', " ").trim().to_string()
}

/// Collects one graph from a stream of statements in any order; IRIs become dense ids as they come.
#[derive(Debug, Default)]
pub struct GraphBuilder {
    graph: Graph,
    entity_ids: HashMap<String, EntityId>,
    relation_ids: HashMap<String, u32>,
    attribute_ids: HashMap<String, u32>,
    names: HashMap<EntityId, String>,
}

impl GraphBuilder {
    /// An empty builder.
    pub fn new() -> Self {
        Self::default()
    }

    /// The id of an entity, new or known.
    pub fn entity(&mut self, iri: &str) -> EntityId {
        if let Some(&id) = self.entity_ids.get(iri) {
            return id;
        }
        let id = self.graph.entities.push(iri);
        self.entity_ids.insert(iri.to_string(), id);
        id
    }

    /// The id of an entity that is known already.
    pub fn find_entity(&self, iri: &str) -> Option<EntityId> {
        self.entity_ids.get(iri).copied()
    }

    /// The IRI of an entity.
    ///
    /// # Panics
    /// If the builder gave no such id.
    pub fn iri(&self, entity: EntityId) -> &str {
        self.graph.entities.get(entity as usize)
    }

    /// The id of a relation, new or known.
    pub fn relation(&mut self, iri: &str) -> u32 {
        intern(&mut self.graph.relations, &mut self.relation_ids, iri)
    }

    /// The id of an attribute, new or known.
    pub fn attribute(&mut self, iri: &str) -> u32 {
        intern(&mut self.graph.attributes, &mut self.attribute_ids, iri)
    }

    /// Adds a relation triple.
    pub fn triple(&mut self, head: EntityId, relation: u32, tail: EntityId) {
        self.graph.triples.push(Triple { head, relation, tail });
    }

    /// Adds an attribute triple.
    pub fn attribute_triple(&mut self, entity: EntityId, attribute: u32, literal: Option<Literal>) {
        self.graph.attribute_triples.push(AttributeTriple { entity, attribute, literal });
    }

    /// Names an entity; the first name stays.
    pub fn name(&mut self, entity: EntityId, name: &str) {
        self.names.entry(entity).or_insert_with(|| name.to_string());
    }

    /// Sets the source's own ids, one per entity in order.
    pub fn source_ids(&mut self, ids: Vec<u32>) {
        self.graph.source_ids = ids;
    }

    /// Number of entities so far.
    pub fn len(&self) -> usize {
        self.graph.len()
    }

    /// Whether no entity was added yet.
    pub fn is_empty(&self) -> bool {
        self.graph.is_empty()
    }

    /// Sorts, drops duplicates, and gives the graph with the number of duplicate relation triples.
    pub fn finish(self) -> (Graph, usize) {
        let mut duplicates = 0;
        let graph =
            self.finish_with(|_, repeat| duplicates += usize::from(matches!(repeat, Repeat::Triple(_))));
        (graph, duplicates)
    }

    /// Like [`finish`](GraphBuilder::finish), but shows every duplicate that it drops. The graph that
    /// `repeated` sees has its strings, yet no triples.
    pub fn finish_with(mut self, mut repeated: impl FnMut(&Graph, Repeat<'_>)) -> Graph {
        for id in 0..self.graph.entities.len() as u32 {
            let name = self.names.get(&id).map_or("", String::as_str);
            self.graph.names.push(name);
        }
        let mut triples = std::mem::take(&mut self.graph.triples);
        triples.sort_unstable();
        triples.dedup_by(|later, first| {
            let same = later == first;
            if same {
                repeated(&self.graph, Repeat::Triple(later));
            }
            same
        });
        let mut attributes = std::mem::take(&mut self.graph.attribute_triples);
        attributes.sort_unstable();
        attributes.dedup_by(|later, first| {
            let same = later == first;
            if same {
                repeated(&self.graph, Repeat::Attribute(later));
            }
            same
        });
        self.graph.triples = triples;
        self.graph.attribute_triples = attributes;
        self.graph
    }
}

/// A statement that a [`GraphBuilder`] was given more than once.
#[derive(Clone, Copy, Debug)]
pub enum Repeat<'a> {
    /// A relation triple.
    Triple(&'a Triple),
    /// An attribute triple.
    Attribute(&'a AttributeTriple),
}

fn intern(strings: &mut Strings, ids: &mut HashMap<String, u32>, text: &str) -> u32 {
    if let Some(&id) = ids.get(text) {
        return id;
    }
    let id = strings.push(text);
    ids.insert(text.to_string(), id);
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entity_without_a_name_is_called_by_its_iri() {
        assert_eq!(readable("http://zh.dbpedia.org/resource/民族陣線_(法國)"), "民族陣線 (法國)");
        assert_eq!(readable("http://x.org/a#Caf%C3%A9"), "Café");
        assert_eq!(readable("plain"), "plain");
        assert_eq!(readable("http://x.org/dir/"), "dir");
    }

    #[test]
    fn duplicates_are_dropped_and_counted() {
        let mut builder = GraphBuilder::new();
        let (a, b) = (builder.entity("a"), builder.entity("b"));
        let r = builder.relation("r");
        builder.triple(b, r, a);
        builder.triple(a, r, b);
        builder.triple(a, r, b);
        builder.name(a, "first");
        builder.name(a, "second");
        let (graph, duplicates) = builder.finish();
        assert_eq!((graph.triples.len(), duplicates), (2, 1));
        assert_eq!((graph.label(a), graph.label(b)), ("first".into(), "b".into()));
        assert!(graph.is_alive(b) && !graph.is_alive(b + 1));
    }
}
