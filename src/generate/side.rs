//! One graph: a side's share of the world in its own words and order.

use super::rows_of;
use super::vocabulary::Vocabulary;
use super::world::World;
use crate::error::Result;
use crate::kg::{AttributeTriple, Graph, Side, Strings, Triple};
use crate::rng::Rng;
use crate::task::Task;

/// Letters of the right side's codes: no digit and no vowel, so that they resemble neither the left
/// side's numbers nor a name.
const LETTERS: &[u8; 16] = b"bcdfghjkmpqrtvxz";

/// Draws the graph of the members, given as entities of the world in row order.
pub(super) fn draw(world: &World, side: Side, members: &[u32], task: &Task) -> Result<Graph> {
    let spec = &world.spec;
    let relations = Vocabulary::new(side, spec.relations, "relations", world.seed);
    let attributes = Vocabulary::new(side, spec.attributes, "attributes", world.seed);
    let triples = triples(world, side, members, &relations, task)?;

    let (mut entities, mut names) = (Strings::new(), Strings::new());
    let mut attribute_triples = Vec::new();
    for (row, &entity) in members.iter().enumerate() {
        if row % 4096 == 0 {
            task.check()?;
            task.advance(row as u64);
        }
        entities.push(&iri(side, row as u32));
        names.push(&world.name_on(side, entity).unwrap_or_default());
        for (attribute, literal) in world.values_on(side, entity) {
            let attribute = attributes.row(attribute, 0);
            attribute_triples.push(AttributeTriple { entity: row as u32, attribute, literal: Some(literal) });
        }
    }
    attribute_triples.sort_unstable();
    attribute_triples.dedup();
    Ok(Graph {
        entities,
        names,
        relations: relations.iris,
        attributes: attributes.iris,
        triples,
        attribute_triples,
        ..Graph::default()
    })
}

/// The world's triples among the members, a share of them replaced: head, relation and tail of a
/// replacement come from three random triples, which keeps the degrees and relations as they are.
fn triples(
    world: &World,
    side: Side,
    members: &[u32],
    relations: &Vocabulary,
    task: &Task,
) -> Result<Vec<Triple>> {
    let rows = rows_of(members, world.len());
    let mut kept = Vec::new();
    for (i, triple) in world.triples.iter().enumerate() {
        if i % (1 << 16) == 0 {
            task.check()?;
        }
        let (head, tail) = (rows[triple.head as usize], rows[triple.tail as usize]);
        if head != u32::MAX && tail != u32::MAX {
            // Where the side tells two relations apart, it goes by the thing at the tail.
            let relation = relations.row(triple.relation, triple.tail);
            kept.push(Triple { head, relation, tail });
        }
    }
    let mut rng = Rng::stream(world.seed ^ side as u64, "edge noise");
    let mut noisy = kept.clone();
    for triple in &mut noisy {
        if rng.f64() >= world.spec.edge_noise {
            continue;
        }
        // A few tries for ends that differ; a graph of one edge has none.
        for _ in 0..8 {
            let [a, b, c] = [0; 3].map(|_| kept[rng.below(kept.len())]);
            if a.head != b.tail {
                *triple = Triple { head: a.head, relation: c.relation, tail: b.tail };
                break;
            }
        }
    }
    noisy.sort_unstable();
    noisy.dedup();
    Ok(noisy)
}

/// A number on the left, letters on the right; rows are shuffled, so neither tells what it stands for.
fn iri(side: Side, row: u32) -> String {
    match side {
        Side::Left => format!("http://left.example/resource/{}", 100_000 + row),
        Side::Right => {
            // Multiplying by an odd number permutes the 32-bit numbers.
            let scrambled = row.wrapping_add(1).wrapping_mul(0x9e37_79b1);
            let letter = |place: u32| LETTERS[(scrambled >> (4 * place) & 15) as usize] as char;
            format!("http://right.example/id/{}", (0..8).map(letter).collect::<String>())
        }
    }
}
