//! What the graphs say of entities, as texts for a network to read.

use std::collections::HashMap;

use super::{quantity, text};
use crate::error::{Code, Error, Result};
use crate::kg::{AttributeTriple, EntityId, Graph};
use crate::task::Task;

/// Longest text, in bytes: more than any network reads.
const LONGEST: usize = 16 << 10;

/// What of an entity is put into words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phrasing {
    /// Its label: one text.
    Names,
    /// The readable name of each of its relations, at whichever end of them it is: PSQE's relation texts.
    Relations,
    /// `name: value` of each of its attributes, `name` where no value is known: PSQE's attribute texts.
    Attributes,
    /// Its label, then what its literals say that are neither numbers nor dates, as one text.
    Descriptions,
}

/// The texts of the entities of both sides, each distinct one once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Phrases {
    /// Distinct texts, by first mention.
    pub texts: Vec<String>,
    /// For each side, where the texts of an entity end in the list of its side.
    ends: [Vec<usize>; 2],
    /// For each side, places in `texts`, entity after entity, ascending within one.
    places: [Vec<u32>; 2],
}

impl Phrases {
    /// Puts the entities of both sides into words. Deleted entities, and those of whom nothing is said, have no
    /// text.
    ///
    /// # Errors
    /// [`Code::MissingData`] if nothing is said of any entity of a side.
    pub fn of(left: &Graph, right: &Graph, phrasing: Phrasing, task: &Task) -> Result<Phrases> {
        let mut phrases = Phrases::default();
        let mut known = HashMap::new();
        for (side, graph) in [left, right].into_iter().enumerate() {
            phrases.side(side, graph, phrasing, &mut known, task)?;
            if phrases.places[side].is_empty() {
                let side = if side == 0 { "left" } else { "right" };
                let (what, help) = match phrasing {
                    Phrasing::Names => {
                        ("a name", "names come with IMPORT, or as attributes such as rdfs:label")
                    }
                    Phrasing::Relations => ("a relation", "the graph has no triples"),
                    Phrasing::Attributes => {
                        ("an attribute", "IMPORT reads attribute triples where a source has some")
                    }
                    Phrasing::Descriptions => {
                        ("a name or a text", "IMPORT reads literals where a source has some")
                    }
                };
                let message = format!("no {side} entity has {what}");
                return Err(Error::new(Code::MissingData, message).help(help));
            }
        }
        Ok(phrases)
    }

    /// The texts of an entity of a side (0 left, 1 right), as places in [`Phrases::texts`].
    pub fn of_entity(&self, side: usize, entity: usize) -> &[u32] {
        let ends = &self.ends[side];
        let start = if entity == 0 { 0 } else { ends[entity - 1] };
        &self.places[side][start..ends[entity]]
    }

    /// Entities of a side, deleted ones among them.
    pub fn entities(&self, side: usize) -> usize {
        self.ends[side].len()
    }

    fn side(
        &mut self,
        side: usize,
        graph: &Graph,
        phrasing: Phrasing,
        known: &mut HashMap<String, u32>,
        task: &Task,
    ) -> Result<()> {
        let relations: Vec<String> = graph.relations.iter().map(text::spaced).collect();
        let attributes: Vec<String> = graph.attributes.iter().map(text::spaced).collect();
        let mut related = match phrasing {
            Phrasing::Relations => relations_of(graph),
            _ => Vec::new(),
        }
        .into_iter()
        .peekable();
        for entity in 0..graph.len() as EntityId {
            if entity % (1 << 14) == 0 {
                task.check()?;
            }
            let mut said: Vec<String> = Vec::new();
            if graph.is_alive(entity) {
                match phrasing {
                    Phrasing::Names => said.push(graph.label(entity)),
                    Phrasing::Relations => {
                        while let Some((_, relation)) = related.next_if(|(of, _)| *of == entity) {
                            said.push(relations[relation as usize].clone());
                        }
                    }
                    Phrasing::Attributes => {
                        said.extend(
                            graph.attributes_of(entity).iter().map(|triple| told(triple, &attributes)),
                        );
                    }
                    Phrasing::Descriptions => said.push(description(graph, entity)),
                }
            }
            let mut places: Vec<u32> = Vec::with_capacity(said.len());
            for mut text in said.into_iter().filter(|text| !text.trim().is_empty()) {
                let cut = (0..=LONGEST.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
                text.truncate(cut.unwrap_or(0));
                let next = self.texts.len() as u32;
                let place = *known.entry(text).or_insert_with_key(|text| {
                    self.texts.push(text.clone());
                    next
                });
                places.push(place);
            }
            places.sort_unstable();
            places.dedup();
            self.places[side].extend(places);
            let end = self.places[side].len();
            self.ends[side].push(end);
        }
        Ok(())
    }
}

/// Entities with their relations, each once, by entity.
fn relations_of(graph: &Graph) -> Vec<(EntityId, u32)> {
    let ends = graph.triples.iter().flat_map(|t| [(t.head, t.relation), (t.tail, t.relation)]);
    let mut all: Vec<(EntityId, u32)> = ends.collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// `name: value`, or the name alone.
fn told(triple: &AttributeTriple, attributes: &[String]) -> String {
    let name = &attributes[triple.attribute as usize];
    match triple.literal.as_ref().map(|literal| literal.value.trim()) {
        None | Some("") => name.clone(),
        Some(value) => format!("{name}: {value}"),
    }
}

/// The label and the words of the literals, in the order of the attributes.
fn description(graph: &Graph, entity: EntityId) -> String {
    let mut text = graph.label(entity);
    for literal in graph.attributes_of(entity).iter().filter_map(|triple| triple.literal.as_ref()) {
        let value = literal.value.trim();
        // The name comes again as the literal of rdfs:label.
        if text.len() < LONGEST && !value.is_empty() && value != text && quantity(literal).is_none() {
            if !text.is_empty() {
                text.push_str(if text.ends_with(['.', '!', '?', '。']) { " " } else { ". " });
            }
            text.push_str(value);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kg::{GraphBuilder, Literal};

    fn graph() -> Graph {
        let mut builder = GraphBuilder::new();
        let (berlin, germany, mute) = (
            builder.entity("http://x/Berlin"),
            builder.entity("http://x/Germany"),
            builder.entity("http://x/"),
        );
        let (capital, name, motto, born) = (
            builder.relation("http://x/capitalOf"),
            builder.attribute("http://x/label"),
            builder.attribute("http://x/shortMotto"),
            builder.attribute("http://x/founded"),
        );
        builder.triple(berlin, capital, germany);
        let literal = |value: &str| Some(Literal { value: value.into(), ..Literal::default() });
        builder.attribute_triple(berlin, name, literal("Berlin"));
        builder.attribute_triple(berlin, motto, literal("Be Berlin."));
        builder.attribute_triple(berlin, born, literal("1237-10-28"));
        builder.attribute_triple(germany, born, None);
        let _ = mute;
        builder.finish().0
    }

    fn said(phrasing: Phrasing) -> Vec<Vec<String>> {
        let graph = graph();
        let phrases = Phrases::of(&graph, &graph, phrasing, &Task::quiet()).unwrap();
        let of = |side, entity| -> Vec<String> {
            let places = phrases.of_entity(side, entity).iter();
            places.map(|place| phrases.texts[*place as usize].clone()).collect()
        };
        for entity in 0..graph.len() {
            assert_eq!(of(0, entity), of(1, entity), "both sides are the same graph");
        }
        (0..graph.len()).map(|entity| of(0, entity)).collect()
    }

    #[test]
    fn entities_are_put_into_words() {
        assert_eq!(said(Phrasing::Names), [vec!["Berlin"], vec!["Germany"], vec!["x"]]);
        assert_eq!(said(Phrasing::Relations), [vec!["capital Of"], vec!["capital Of"], vec![]]);
        let attributes = [
            vec!["label: Berlin", "short Motto: Be Berlin.", "founded: 1237-10-28"],
            vec!["founded"],
            vec![],
        ];
        assert_eq!(said(Phrasing::Attributes), attributes);
        assert_eq!(said(Phrasing::Descriptions)[0], ["Berlin. Be Berlin."]);
    }

    #[test]
    fn a_side_of_which_nothing_is_said_is_an_error() {
        let (full, mut builder) = (graph(), GraphBuilder::new());
        builder.entity("http://x/a");
        let empty = builder.finish().0;
        let error = Phrases::of(&full, &empty, Phrasing::Attributes, &Task::quiet()).unwrap_err();
        assert_eq!(error.code(), Code::MissingData);
        assert!(error.to_string().contains("no right entity"), "{error}");
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let mut builder = GraphBuilder::new();
        let (entity, text) = (builder.entity("http://x/a"), builder.attribute("http://x/text"));
        let literal = Literal { value: "é".repeat(20_000), ..Literal::default() };
        builder.attribute_triple(entity, text, Some(literal));
        let graph = builder.finish().0;
        let phrases = Phrases::of(&graph, &graph, Phrasing::Attributes, &Task::quiet()).unwrap();
        assert!((LONGEST - 4..=LONGEST).contains(&phrases.texts[0].len()));
    }
}
