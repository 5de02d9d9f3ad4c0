//! Seeds against reference links.

use super::links::Ends;
use crate::kg::{EntityId, Link, Triple};

/// Quality of a seed set, with the counts behind every share.
#[derive(Clone, Debug, PartialEq)]
pub struct SeedQuality {
    /// Seeds.
    pub seeds: usize,
    /// Seeds that are reference links.
    pub correct: usize,
    /// Seeds neither end of which is in any link known: nothing tells whether they are right.
    pub unjudged: usize,
    /// Reference links.
    pub links: usize,
    /// `correct / seeds`.
    pub precision: f64,
    /// `correct / (seeds − unjudged)`.
    pub precision_judged: f64,
    /// `correct / links`.
    pub recall: f64,
    /// Relation triples of both graphs with a seed entity at an end.
    pub covered_edges: usize,
    /// Relation triples of both graphs.
    pub edges: usize,
    /// `covered_edges / edges`.
    pub edge_coverage: f64,
}

/// Judges seeds (or any pairs) against `links`. A seed is judged if at least one of its ends is in one of
/// the links `known`, which are these and others that are not asked for. The triples are the relation
/// triples of the left and of the right graph.
pub fn seeds(
    pairs: &[(EntityId, EntityId)],
    links: &[Link],
    known: &[Link],
    triples: (&[Triple], &[Triple]),
) -> SeedQuality {
    let judged = super::links(pairs, links, known);
    let covered = |side: fn(&(EntityId, EntityId)) -> EntityId, triples: &[Triple]| {
        let ends = Ends::new(pairs.iter().map(side));
        triples.iter().filter(|t| ends.has(t.head) || ends.has(t.tail)).count()
    };
    let covered_edges = covered(|pair| pair.0, triples.0) + covered(|pair| pair.1, triples.1);
    let edges = triples.0.len() + triples.1.len();
    SeedQuality {
        seeds: pairs.len(),
        correct: judged.correct,
        unjudged: judged.unjudged,
        links: judged.links,
        precision: judged.precision,
        precision_judged: judged.precision_judged,
        recall: judged.recall,
        covered_edges,
        edges,
        edge_coverage: super::share(covered_edges, edges),
    }
}
