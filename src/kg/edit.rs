//! Changing a graph: statements are gathered by an [`Editor`] into a [`Delta`], which says by row what
//! comes and what goes, and which gives the same graph whenever it is applied.
//!
//! Ids are for ever: a deleted entity keeps its id and its IRI, has no statement and no name, and comes
//! back under the same id when it is inserted again. Seed sets, links and verdicts made before an edit
//! so name the same entities after it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::naming::Naming;
use super::{AttributeTriple, EntityId, Graph, Literal, Strings, Triple};
use crate::error::{Code, Error, Result};

/// Searches by IRI that are made one by one before all IRIs are put into a map.
const LINEAR_SEARCHES: usize = 8;

/// What an edit changes, by row. Every list is sorted and free of duplicates but the first three, which
/// are in the order of the ids they take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    /// IRIs of new entities; their ids follow those of the graph.
    pub entities: Vec<String>,
    /// IRIs of new relations.
    pub relations: Vec<String>,
    /// IRIs of new attributes.
    pub attributes: Vec<String>,
    /// Entities that go.
    pub deleted: Vec<EntityId>,
    /// Deleted entities that come back.
    pub revived: Vec<EntityId>,
    /// New names; empty where an entity has none any more.
    pub names: Vec<(EntityId, String)>,
    /// Relation triples that go.
    pub removed: Vec<Triple>,
    /// Relation triples that come.
    pub added: Vec<Triple>,
    /// Attribute triples that go.
    pub removed_attributes: Vec<AttributeTriple>,
    /// Attribute triples that come.
    pub added_attributes: Vec<AttributeTriple>,
}

impl Delta {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        *self == Delta::default()
    }

    /// Whether every list that is to be sorted and free of duplicates is so.
    pub fn is_ordered(&self) -> bool {
        fn ascending<T: PartialOrd>(rows: &[T]) -> bool {
            rows.is_sorted_by(|a, b| a < b)
        }
        ascending(&self.deleted)
            && ascending(&self.revived)
            && self.names.is_sorted_by(|a, b| a.0 < b.0)
            && ascending(&self.removed)
            && ascending(&self.added)
            && ascending(&self.removed_attributes)
            && ascending(&self.added_attributes)
    }

    /// Entities of a graph of `before` entities whose own row or statements change, ascending.
    pub fn touched(&self, before: usize) -> BTreeSet<EntityId> {
        let new = (before as u32..).take(self.entities.len());
        let named = self.names.iter().map(|(id, _)| *id);
        let ends = self.removed.iter().chain(&self.added).flat_map(|t| [t.head, t.tail]);
        let described = self.removed_attributes.iter().chain(&self.added_attributes).map(|t| t.entity);
        let listed = self.deleted.iter().chain(&self.revived).copied();
        new.chain(named).chain(ends).chain(described).chain(listed).collect()
    }

    /// Makes the changes.
    ///
    /// Fails with [`Code::Corrupt`], leaving the graph in part changed, if the delta is not of this graph.
    pub fn apply(&self, graph: &mut Graph) -> Result<()> {
        graph.naming = Naming::default();
        for iri in &self.entities {
            graph.entities.push(iri);
            graph.names.push("");
            if !graph.source_ids.is_empty() {
                graph.source_ids.push(Graph::NO_SOURCE_ID);
            }
        }
        self.relations.iter().for_each(|iri| _ = graph.relations.push(iri));
        self.attributes.iter().for_each(|iri| _ = graph.attributes.push(iri));
        if !self.names.is_empty() {
            let new: HashMap<EntityId, &str> =
                self.names.iter().map(|(id, name)| (*id, name.as_str())).collect();
            let name = |(id, old)| new.get(&id).copied().unwrap_or(old);
            let renamed: Strings = (0u32..).zip(graph.names.iter()).map(name).collect();
            graph.names = renamed;
        }
        merge(&mut graph.deleted, &self.revived, &self.deleted)?;
        merge(&mut graph.triples, &self.removed, &self.added)?;
        merge(&mut graph.attribute_triples, &self.removed_attributes, &self.added_attributes)
    }
}

/// Takes `removed` out of sorted rows and puts `added` in.
fn merge<T: Ord + Clone>(rows: &mut Vec<T>, removed: &[T], added: &[T]) -> Result<()> {
    let foreign = || {
        Error::new(Code::Corrupt, "an edit of a graph does not fit the graph that it was made for")
            .help("run CHECK FULL; restore the store from a backup or import the pair again")
    };
    if !removed.is_empty() {
        let before = rows.len();
        rows.retain(|row| removed.binary_search(row).is_err());
        if before - rows.len() != removed.len() {
            return Err(foreign());
        }
    }
    if added.is_empty() {
        return Ok(());
    }
    let old = std::mem::take(rows);
    rows.reserve(old.len() + added.len());
    let mut new = added.iter().cloned().peekable();
    for row in old {
        while let Some(earlier) = new.next_if(|new| *new < row) {
            rows.push(earlier);
        }
        if new.peek() == Some(&row) {
            return Err(foreign());
        }
        rows.push(row);
    }
    rows.extend(new);
    Ok(())
}

/// Gathers changes of one graph. What is there already is not added again and what is not there is not
/// taken away; every function says whether it changed anything.
pub struct Editor<'g> {
    graph: &'g Graph,
    delta: Delta,
    added: BTreeSet<Triple>,
    removed: BTreeSet<Triple>,
    added_attributes: BTreeSet<AttributeTriple>,
    removed_attributes: BTreeSet<AttributeTriple>,
    names: BTreeMap<EntityId, String>,
    deleted: BTreeSet<EntityId>,
    revived: BTreeSet<EntityId>,
    entities: Ids<'g>,
    relations: Ids<'g>,
    attributes: Ids<'g>,
}

impl<'g> Editor<'g> {
    /// An editor that has changed nothing yet.
    pub fn new(graph: &'g Graph) -> Self {
        Editor {
            graph,
            delta: Delta::default(),
            added: BTreeSet::new(),
            removed: BTreeSet::new(),
            added_attributes: BTreeSet::new(),
            removed_attributes: BTreeSet::new(),
            names: BTreeMap::new(),
            deleted: BTreeSet::new(),
            revived: BTreeSet::new(),
            entities: Ids::new(&graph.entities),
            relations: Ids::new(&graph.relations),
            attributes: Ids::new(&graph.attributes),
        }
    }

    /// The entity of an IRI, if it is there.
    pub fn find_entity(&mut self, iri: &str) -> Option<EntityId> {
        self.entities.find(iri).filter(|id| self.is_alive(*id))
    }

    /// The relation of an IRI, if there is one.
    pub fn find_relation(&mut self, iri: &str) -> Option<u32> {
        self.relations.find(iri)
    }

    /// The attribute of an IRI, if there is one.
    pub fn find_attribute(&mut self, iri: &str) -> Option<u32> {
        self.attributes.find(iri)
    }

    /// The entity of an IRI, made or brought back where it is not there.
    pub fn entity(&mut self, iri: &str) -> EntityId {
        match self.entities.find(iri) {
            Some(id) => {
                if !self.is_alive(id) && !self.deleted.remove(&id) {
                    self.revived.insert(id);
                }
                id
            }
            None => {
                self.delta.entities.push(iri.to_string());
                self.entities.add(iri)
            }
        }
    }

    /// The relation of an IRI, new or known.
    pub fn relation(&mut self, iri: &str) -> u32 {
        self.relations.find(iri).unwrap_or_else(|| {
            self.delta.relations.push(iri.to_string());
            self.relations.add(iri)
        })
    }

    /// The attribute of an IRI, new or known.
    pub fn attribute(&mut self, iri: &str) -> u32 {
        self.attributes.find(iri).unwrap_or_else(|| {
            self.delta.attributes.push(iri.to_string());
            self.attributes.add(iri)
        })
    }

    /// The name literal of an entity as it is now; empty where it has none.
    pub fn name(&self, entity: EntityId) -> &str {
        match self.names.get(&entity) {
            Some(name) => name,
            None if (entity as usize) < self.graph.len() => self.graph.names.get(entity as usize),
            None => "",
        }
    }

    /// Names an entity; an empty text takes its name away.
    pub fn rename(&mut self, entity: EntityId, name: &str) -> bool {
        let differs = self.name(entity) != name;
        let stored =
            if (entity as usize) < self.graph.len() { self.graph.names.get(entity as usize) } else { "" };
        if stored == name {
            self.names.remove(&entity);
        } else {
            self.names.insert(entity, name.to_string());
        }
        differs
    }

    /// Deletes entities with all their statements; gives how many statements went.
    pub fn delete_entities(&mut self, entities: &BTreeSet<EntityId>) -> usize {
        let known = self.graph.len() as u32;
        let mut gone = 0;
        for triple in &self.graph.triples {
            if entities.contains(&triple.head) || entities.contains(&triple.tail) {
                gone += usize::from(self.removed.insert(*triple));
            }
        }
        let before = self.added.len() + self.added_attributes.len();
        self.added.retain(|t| !entities.contains(&t.head) && !entities.contains(&t.tail));
        self.added_attributes.retain(|t| !entities.contains(&t.entity));
        gone += before - self.added.len() - self.added_attributes.len();
        for &entity in entities {
            if entity < known {
                for triple in self.graph.attributes_of(entity) {
                    gone += usize::from(self.removed_attributes.insert(triple.clone()));
                }
            }
            self.rename(entity, "");
            if !self.revived.remove(&entity) {
                self.deleted.insert(entity);
            }
        }
        gone
    }

    /// Adds a relation triple.
    pub fn insert_triple(&mut self, triple: Triple) -> bool {
        insert(&self.graph.triples, &mut self.removed, &mut self.added, triple)
    }

    /// Takes a relation triple away.
    pub fn delete_triple(&mut self, triple: Triple) -> bool {
        delete(&self.graph.triples, &mut self.removed, &mut self.added, triple)
    }

    /// Adds an attribute triple.
    pub fn insert_attribute(&mut self, entity: EntityId, attribute: u32, literal: Option<Literal>) -> bool {
        let triple = AttributeTriple { entity, attribute, literal };
        let (removed, added) = (&mut self.removed_attributes, &mut self.added_attributes);
        insert(&self.graph.attribute_triples, removed, added, triple)
    }

    /// Takes an attribute triple away.
    pub fn delete_attribute(&mut self, entity: EntityId, attribute: u32, literal: Option<Literal>) -> bool {
        let triple = AttributeTriple { entity, attribute, literal };
        let (removed, added) = (&mut self.removed_attributes, &mut self.added_attributes);
        delete(&self.graph.attribute_triples, removed, added, triple)
    }

    /// The entities among these that no statement is about any more, names left aside.
    pub fn bare(&self, of: &BTreeSet<EntityId>) -> BTreeSet<EntityId> {
        let mut bare: BTreeSet<EntityId> = of.iter().copied().filter(|id| self.is_alive(*id)).collect();
        let kept = self.graph.triples.iter().filter(|triple| !self.removed.contains(triple));
        for triple in kept.chain(&self.added) {
            bare.remove(&triple.head);
            bare.remove(&triple.tail);
        }
        for triple in &self.added_attributes {
            bare.remove(&triple.entity);
        }
        let known = |id: &EntityId| (*id as usize) < self.graph.len();
        let described = |id: &EntityId| {
            known(id) && self.graph.attributes_of(*id).iter().any(|t| !self.removed_attributes.contains(t))
        };
        bare.retain(|id| !described(id));
        bare
    }

    /// The changes.
    pub fn finish(self) -> Delta {
        Delta {
            deleted: self.deleted.into_iter().collect(),
            revived: self.revived.into_iter().collect(),
            names: self.names.into_iter().collect(),
            removed: self.removed.into_iter().collect(),
            added: self.added.into_iter().collect(),
            removed_attributes: self.removed_attributes.into_iter().collect(),
            added_attributes: self.added_attributes.into_iter().collect(),
            ..self.delta
        }
    }

    fn is_alive(&self, entity: EntityId) -> bool {
        if self.deleted.contains(&entity) {
            return false;
        }
        self.revived.contains(&entity) || self.graph.is_alive(entity)
    }
}

fn insert<T: Ord>(there: &[T], removed: &mut BTreeSet<T>, added: &mut BTreeSet<T>, row: T) -> bool {
    if removed.remove(&row) {
        return true;
    }
    there.binary_search(&row).is_err() && added.insert(row)
}

fn delete<T: Ord>(there: &[T], removed: &mut BTreeSet<T>, added: &mut BTreeSet<T>, row: T) -> bool {
    if added.remove(&row) {
        return true;
    }
    there.binary_search(&row).is_ok() && removed.insert(row)
}

/// Numbers of strings: a few are searched for, many are looked up.
struct Ids<'g> {
    known: &'g Strings,
    searches: usize,
    map: HashMap<&'g str, u32>,
    new: HashMap<String, u32>,
}

impl<'g> Ids<'g> {
    fn new(known: &'g Strings) -> Self {
        Ids { known, searches: 0, map: HashMap::new(), new: HashMap::new() }
    }

    fn find(&mut self, text: &str) -> Option<u32> {
        if let Some(&id) = self.new.get(text) {
            return Some(id);
        }
        self.searches += 1;
        if self.searches <= LINEAR_SEARCHES {
            return self.known.iter().position(|known| known == text).map(|id| id as u32);
        }
        if self.map.is_empty() {
            self.map = self.known.iter().zip(0..).collect();
        }
        self.map.get(text).copied()
    }

    fn add(&mut self, text: &str) -> u32 {
        let id = (self.known.len() + self.new.len()) as u32;
        self.new.insert(text.to_string(), id);
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kg::GraphBuilder;

    /// a -r-> b -r-> c, a has attribute x = 1.
    fn small() -> Graph {
        let mut builder = GraphBuilder::new();
        let [a, b, c] = ["a", "b", "c"].map(|iri| builder.entity(iri));
        let r = builder.relation("r");
        builder.triple(a, r, b);
        builder.triple(b, r, c);
        let x = builder.attribute("x");
        builder.attribute_triple(a, x, Some(one()));
        builder.name(a, "Anna");
        builder.finish().0
    }

    fn one() -> Literal {
        Literal { value: "1".into(), ..Literal::default() }
    }

    fn edited(graph: &Graph, edit: impl FnOnce(&mut Editor<'_>)) -> Graph {
        let mut editor = Editor::new(graph);
        edit(&mut editor);
        let mut graph = graph.clone();
        editor.finish().apply(&mut graph).unwrap();
        graph
    }

    #[test]
    fn a_deleted_entity_keeps_its_id_and_comes_back_under_it() {
        let graph = small();
        let without = edited(&graph, |editor| {
            let b = editor.find_entity("b").unwrap();
            assert_eq!(editor.delete_entities(&[b].into()), 2);
            assert_eq!(editor.find_entity("b"), None);
        });
        assert_eq!((without.len(), without.deleted.as_slice(), without.triples.len()), (3, &[1][..], 0));
        let back = edited(&without, |editor| {
            let (a, b, r) = (editor.entity("a"), editor.entity("b"), editor.relation("r"));
            assert!(editor.insert_triple(Triple { head: a, relation: r, tail: b }));
            assert!(!editor.insert_triple(Triple { head: a, relation: r, tail: b }));
        });
        assert_eq!((back.deleted.len(), back.triples.as_slice()), (0, &graph.triples[..1]));
    }

    #[test]
    fn what_is_undone_within_an_edit_changes_nothing() {
        let graph = small();
        let mut editor = Editor::new(&graph);
        let (a, b, r) = (editor.entity("a"), editor.entity("b"), editor.relation("r"));
        let triple = Triple { head: a, relation: r, tail: b };
        assert!(editor.delete_triple(triple) && editor.insert_triple(triple));
        assert!(editor.delete_attribute(a, 0, Some(one())) && editor.insert_attribute(a, 0, Some(one())));
        assert!(editor.rename(a, "Eve") && editor.rename(a, "Anna"));
        assert!(editor.finish().is_empty());
    }

    #[test]
    fn deleting_an_entity_that_came_in_the_same_edit_leaves_its_tombstone_alone() {
        let graph = edited(&small(), |editor| {
            let (d, r) = (editor.entity("d"), editor.relation("s"));
            assert!(editor.insert_triple(Triple { head: 0, relation: r, tail: d }));
            assert_eq!(editor.delete_entities(&[d].into()), 1);
        });
        assert_eq!((graph.len(), graph.deleted.as_slice(), graph.relations.len()), (4, &[3][..], 2));
        assert_eq!(graph.triples, small().triples);
    }

    #[test]
    fn entities_without_statements_are_told() {
        let graph = small();
        let mut editor = Editor::new(&graph);
        assert!(editor.delete_triple(Triple { head: 1, relation: 0, tail: 2 }));
        assert_eq!(editor.bare(&[0, 1, 2].into()), [2].into());
        assert!(editor.delete_triple(Triple { head: 0, relation: 0, tail: 1 }));
        assert_eq!(editor.bare(&[0, 1, 2].into()), [1, 2].into());
    }

    #[test]
    fn many_searches_find_what_few_find() {
        let graph = small();
        let mut editor = Editor::new(&graph);
        for _ in 0..2 * LINEAR_SEARCHES {
            assert_eq!((editor.find_entity("c"), editor.find_entity("zz")), (Some(2), None));
        }
    }

    #[test]
    fn a_delta_of_another_graph_is_refused() {
        let delta = Delta { removed: vec![Triple { head: 2, relation: 0, tail: 0 }], ..Delta::default() };
        assert_eq!(delta.apply(&mut small()).unwrap_err().code(), Code::Corrupt);
        let delta = Delta { added: small().triples, ..Delta::default() };
        assert_eq!(delta.apply(&mut small()).unwrap_err().code(), Code::Corrupt);
    }
}
