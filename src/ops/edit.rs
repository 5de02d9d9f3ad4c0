//! INSERT, DELETE, APPLY DIFF and IMPORT … INTO a graph: one transaction each, logged by row.

use std::collections::BTreeSet;

use super::canonical::canonical;
use super::catalog::{self, Entry, Logged, PairEntry};
use super::engine::{Context, Engine};
use super::entities;
use super::maintain::count;
use super::rows::Outcome;
use super::spec::{ApplyDiff, Change, Edit, ImportInto, Request, Statement};
use crate::clock::now;
use crate::error::{Code, Error, Result};
use crate::formats;
use crate::kg::{self, Delta, Editor, EntityId, Graph, Literal, Side, Triple};
use crate::store::{Batch, Digest, Space};

/// `INSERT …` and `DELETE …`.
pub(crate) fn edit(engine: &Engine, spec: &Edit, context: &Context) -> Result<Outcome> {
    let statement = canonical(&Request::Edit(spec.clone()));
    let work = |names: &Names<'_>, editor: &mut Editor<'_>| change(names, editor, &spec.change);
    apply(engine, &spec.pair, spec.side, statement, context, "edit", work)
}

/// `APPLY DIFF 'changes.nt' TO p.left`.
pub(crate) fn apply_diff(engine: &Engine, spec: &ApplyDiff, context: &Context) -> Result<Outcome> {
    let (diff, told) = formats::read_diff(&spec.path, spec.removed.as_deref(), spec.lenient, context.task)?;
    let statement = canonical(&Request::ApplyDiff(spec.clone()));
    apply(engine, &spec.pair, spec.side, statement, context, "apply diff", |_, editor| {
        let mut notes = told;
        let (lost, touched) = take_away(editor, &diff.removed);
        if lost > 0 {
            notes.push(format!("{} that went had not been there", count(lost, "statement")));
        }
        let known = bring(editor, &diff.added);
        if known > 0 {
            notes.push(format!("{} that came had been there", count(known, "statement")));
        }
        let bare = editor.bare(&touched);
        if !bare.is_empty() && spec.prune {
            editor.delete_entities(&bare);
        } else if !bare.is_empty() {
            let entities = if bare.len() == 1 { "entity" } else { "entities" };
            notes.push(format!(
                "nothing is said of {} {entities} any more; prune=true deletes such entities",
                bare.len()
            ));
        }
        Ok(notes)
    })
}

/// `IMPORT rdf 'more.nt' INTO p.left`.
pub(crate) fn import_into(engine: &Engine, spec: &ImportInto, context: &Context) -> Result<Outcome> {
    let (graph, told) = formats::read_graph(&spec.path, spec.lenient, context.task)?;
    let statement = canonical(&Request::ImportInto(spec.clone()));
    apply(engine, &spec.pair, spec.side, statement, context, "import", |_, editor| {
        let mut notes = told;
        let known = bring(editor, &graph);
        if known > 0 {
            notes.push(format!("{} of the file had been there", count(known, "statement")));
        }
        Ok(notes)
    })
}

/// The graph that is edited, for looking names up.
struct Names<'g> {
    pair: &'g str,
    side: Side,
    graph: &'g Graph,
}

impl Names<'_> {
    /// An entity that must be there.
    fn entity(&self, text: &str) -> Result<EntityId> {
        Ok(entities::find(self.pair, &[(self.side, self.graph)], text)?.1)
    }

    /// An entity that is there or becomes new; then it is noted.
    fn entity_or_new(
        &self,
        editor: &mut Editor<'_>,
        text: &str,
        notes: &mut Vec<String>,
    ) -> Result<EntityId> {
        Ok(match entities::search(&[(self.side, self.graph)], text)? {
            Some((_, known)) => known,
            None => {
                notes.push(format!("<{text}> is a new entity"));
                editor.entity(text)
            }
        })
    }

    /// A relation or an attribute that must be there.
    fn predicate(&self, known: &kg::Strings, kind: &str, text: &str) -> Result<u32> {
        entities::predicate(known, text)?.ok_or_else(|| {
            let place = format!("{}.{}", self.pair, self.side.as_str());
            let error = Error::new(Code::UnknownName, format!("`{place}` has no {kind} `{text}`"));
            match entities::nearest(known, text) {
                Some(near) => error.help(format!("did you mean <{near}>?")),
                None => error.help(format!(
                    "look for it: SELECT {kind}, COUNT(*) AS uses FROM {place}.{} GROUP BY {kind}",
                    if kind == "relation" { "triples" } else { "attributes" }
                )),
            }
        })
    }
}

/// Makes one change; gives what to tell of it.
fn change(names: &Names<'_>, editor: &mut Editor<'_>, change: &Change) -> Result<Vec<String>> {
    let mut notes = Vec::new();
    match change {
        Change::InsertEntity { entity, name } => {
            let known = editor.find_entity(entity).is_some();
            let id = editor.entity(entity);
            let renamed = name.as_ref().is_some_and(|name| editor.rename(id, name));
            if known && !renamed {
                notes.push(format!("<{entity}> is there already"));
            }
        }
        Change::DeleteEntity { entity } => {
            let id = names.entity(entity)?;
            let gone = editor.delete_entities(&[id].into());
            notes.push(format!("{} went with it", count(gone, "statement")));
        }
        Change::InsertTriple(Statement { subject, predicate, object }) => {
            let head = names.entity_or_new(editor, subject, &mut notes)?;
            let tail = names.entity_or_new(editor, object, &mut notes)?;
            let relation = match entities::predicate(&names.graph.relations, predicate)? {
                Some(known) => known,
                None => {
                    notes.push(format!("<{predicate}> is a new relation"));
                    editor.relation(predicate)
                }
            };
            if !editor.insert_triple(Triple { head, relation, tail }) {
                notes.push("the triple is there already".to_string());
            }
        }
        Change::DeleteTriple(Statement { subject, predicate, object }) => {
            let (head, tail) = (names.entity(subject)?, names.entity(object)?);
            let relation = names.predicate(&names.graph.relations, "relation", predicate)?;
            if !editor.delete_triple(Triple { head, relation, tail }) {
                return Err(absent("triple", names, subject, "triples", "head"));
            }
        }
        Change::InsertAttribute { statement, datatype, language } => {
            let Statement { subject, predicate, object } = statement;
            let entity = names.entity_or_new(editor, subject, &mut notes)?;
            let attribute = match entities::predicate(&names.graph.attributes, predicate)? {
                Some(known) => known,
                None => {
                    notes.push(format!("<{predicate}> is a new attribute"));
                    editor.attribute(predicate)
                }
            };
            let literal = Literal {
                value: object.clone(),
                datatype: datatype.as_deref().map(formats::datatype).unwrap_or_default(),
                language: language.as_deref().unwrap_or_default().to_lowercase(),
            };
            if !editor.insert_attribute(entity, attribute, Some(literal)) {
                notes.push("the value is there already".to_string());
            }
        }
        Change::DeleteAttribute { entity, attribute, value } => {
            let id = names.entity(entity)?;
            let number = names.predicate(&names.graph.attributes, "attribute", attribute)?;
            let meant = |triple: &&kg::AttributeTriple| {
                let text = triple.literal.as_ref().map(|literal| literal.value.as_str());
                triple.attribute == number && (value.is_none() || text == value.as_deref())
            };
            let gone: Vec<_> = names.graph.attributes_of(id).iter().filter(meant).cloned().collect();
            if gone.is_empty() {
                return Err(absent("value", names, entity, "attributes", "entity"));
            }
            if gone.len() > 1 {
                notes.push(format!("{} went", count(gone.len(), "value")));
            }
            for triple in gone {
                editor.delete_attribute(triple.entity, triple.attribute, triple.literal);
            }
        }
    }
    Ok(notes)
}

fn absent(what: &str, names: &Names<'_>, entity: &str, table: &str, column: &str) -> Error {
    let place = format!("{}.{}", names.pair, names.side.as_str());
    Error::new(Code::NotFound, format!("`{place}` has no such {what}"))
        .help(format!("see what there is: SELECT * FROM {place}.{table} WHERE {column} LIKE '%{entity}%'"))
}

/// Takes the statements of a graph away from the edited one; gives how many were not there, and the
/// entities they were about.
fn take_away(editor: &mut Editor<'_>, gone: &Graph) -> (usize, BTreeSet<EntityId>) {
    let (mut lost, mut touched) = (0, BTreeSet::new());
    let ids: Vec<Option<EntityId>> = gone.entities.iter().map(|iri| editor.find_entity(iri)).collect();
    let relations: Vec<Option<u32>> = gone.relations.iter().map(|iri| editor.find_relation(iri)).collect();
    for triple in &gone.triples {
        let found =
            ids[triple.head as usize].zip(relations[triple.relation as usize]).zip(ids[triple.tail as usize]);
        let there = found.is_some_and(|((head, relation), tail)| {
            touched.extend([head, tail]);
            editor.delete_triple(Triple { head, relation, tail })
        });
        lost += usize::from(!there);
    }
    let attributes: Vec<Option<u32>> = gone.attributes.iter().map(|iri| editor.find_attribute(iri)).collect();
    for triple in &gone.attribute_triples {
        let there = ids[triple.entity as usize].zip(attributes[triple.attribute as usize]).is_some_and(
            |(entity, attribute)| {
                touched.insert(entity);
                editor.delete_attribute(entity, attribute, triple.literal.clone())
            },
        );
        lost += usize::from(!there);
    }
    for (id, name) in ids.iter().zip(gone.names.iter()) {
        if let Some(id) = id
            && !name.is_empty()
            && editor.name(*id) == name
        {
            editor.rename(*id, "");
        }
    }
    (lost, touched)
}

/// Brings the statements of a graph into the edited one; gives how many were there already. A name comes
/// where there is none, for other names stay as they are.
fn bring(editor: &mut Editor<'_>, new: &Graph) -> usize {
    let ids: Vec<EntityId> = new.entities.iter().map(|iri| editor.entity(iri)).collect();
    let relations: Vec<u32> = new.relations.iter().map(|iri| editor.relation(iri)).collect();
    let attributes: Vec<u32> = new.attributes.iter().map(|iri| editor.attribute(iri)).collect();
    let mut known = 0;
    for triple in &new.triples {
        let (head, tail) = (ids[triple.head as usize], ids[triple.tail as usize]);
        let relation = relations[triple.relation as usize];
        known += usize::from(!editor.insert_triple(Triple { head, relation, tail }));
    }
    for triple in &new.attribute_triples {
        let (entity, attribute) = (ids[triple.entity as usize], attributes[triple.attribute as usize]);
        known += usize::from(!editor.insert_attribute(entity, attribute, triple.literal.clone()));
    }
    for (id, name) in ids.iter().zip(new.names.iter()) {
        if editor.name(*id).is_empty() {
            editor.rename(*id, name);
        }
    }
    known
}

/// Gathers the changes of a graph and commits them: the log of the edit, and the pair at its new version.
fn apply(
    engine: &Engine,
    pair: &str,
    side: Side,
    statement: String,
    context: &Context,
    verb: &'static str,
    work: impl FnOnce(&Names<'_>, &mut Editor<'_>) -> Result<Vec<String>>,
) -> Result<Outcome> {
    let started = std::time::Instant::now();
    let old = catalog::pair(&engine.db, pair)?;
    let graph = engine.graph(&old, side, context.task)?;
    let mut editor = Editor::new(&graph);
    let names = Names { pair, side, graph: &graph };
    let notes = work(&names, &mut editor)?;
    let delta = editor.finish();
    let place = format!("{pair}.{}", side.as_str());
    if delta.is_empty() {
        let mut outcome = Outcome::message(verb, format!("{place} is as it was"));
        outcome.notes = notes;
        return Ok(outcome);
    }
    context.task.check()?;
    let line = format!("{place}: {}", summary(&delta, graph.len()));
    let mut edited = Graph::clone(&graph);
    delta.apply(&mut edited)?;
    let version = old.version + 1;
    let edit = kg::Edit::new(version, Digest(old.graph(side).digest), delta)?;
    let edit = kg::Edit { at: now(), author: context.settings.author.clone(), statement, ..edit };
    let new = PairEntry { version, ..old.clone() }.with_graph(side, &edited, edit.after.0);
    let mut batch = Batch::new();
    catalog::expect(&mut batch, pair, Some(&Entry::Pair(old)))?;
    kg::log_edit(&mut batch, Space(new.graph(side).space), &edit)?;
    let seconds = started.elapsed().as_secs_f64();
    let logged = Logged { statement: edit.statement.clone(), result: line.clone(), at: edit.at, seconds };
    catalog::put(&mut batch, &Entry::Pair(new), &logged)?;
    engine.db.commit(batch)?;
    engine.remember_graph(edit.after.0, std::sync::Arc::new(edited));
    let mut outcome = Outcome::message(verb, line);
    outcome.notes = notes;
    Ok(outcome)
}

impl PairEntry {
    /// The same with one of its graphs edited once more.
    fn with_graph(mut self, side: Side, graph: &Graph, digest: [u8; 32]) -> Self {
        let entry = &mut self.graphs[side as usize];
        entry.digest = digest;
        entry.entities = graph.len() as u64;
        entry.relations = graph.relations.len() as u64;
        entry.attributes = graph.attributes.len() as u64;
        entry.triples = graph.triples.len() as u64;
        entry.attribute_triples = graph.attribute_triples.len() as u64;
        entry.deleted = graph.deleted.len() as u64;
        entry.extent = catalog::extent(graph.len() as u64, &graph.deleted);
        entry.edits += 1;
        self
    }
}

/// `2 entities and 5 triples came, 1 triple went; 7 entities are touched`.
fn summary(delta: &Delta, entities: usize) -> String {
    let listed = |parts: &[(usize, &str, &str)]| {
        let shown = parts.iter().filter(|part| part.0 > 0);
        let text = |(n, one, many): &(usize, &str, &str)| format!("{n} {}", if *n == 1 { one } else { many });
        shown.map(text).collect::<Vec<_>>().join(" and ")
    };
    let came = listed(&[
        (delta.entities.len() + delta.revived.len(), "entity", "entities"),
        (delta.added.len(), "triple", "triples"),
        (delta.added_attributes.len(), "attribute triple", "attribute triples"),
    ]);
    let went = listed(&[
        (delta.deleted.len(), "entity", "entities"),
        (delta.removed.len(), "triple", "triples"),
        (delta.removed_attributes.len(), "attribute triple", "attribute triples"),
    ]);
    let mut parts = Vec::new();
    if !came.is_empty() {
        parts.push(format!("{came} came"));
    }
    if !went.is_empty() {
        parts.push(format!("{went} went"));
    }
    if parts.is_empty() {
        parts.push(listed(&[(delta.names.len(), "name changed", "names changed")]));
    }
    let touched = delta.touched(entities).len();
    format!(
        "{}; {touched} {} touched",
        parts.join(", "),
        if touched == 1 { "entity is" } else { "entities are" }
    )
}
