//! Matched links against reference links.

use crate::kg::{EntityId, Link};

/// Quality of a set of links, with the counts behind every share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinkQuality {
    /// Links found.
    pub found: usize,
    /// Links found that are reference links.
    pub correct: usize,
    /// Links found neither end of which is in any reference link.
    pub unjudged: usize,
    /// Reference links asked for.
    pub links: usize,
    /// `correct / found`: a link of an entity that the reference does not know counts as wrong.
    pub precision: f64,
    /// `correct / (found − unjudged)`.
    pub precision_judged: f64,
    /// `correct / links`.
    pub recall: f64,
    /// Harmonic mean of precision and recall.
    pub f1: f64,
}

/// Judges pairs found (repeated ones count once) against all of `links`, whatever their split.
pub fn links(found: &[(EntityId, EntityId)], links: &[Link]) -> LinkQuality {
    let reference = distinct(links.iter().map(|link| (link.left, link.right)));
    let found = distinct(found.iter().copied());
    let known = |pair: &&(EntityId, EntityId)| reference.binary_search(pair).is_ok();
    let correct = found.iter().filter(known).count();
    let lefts = Ends::new(reference.iter().map(|pair| pair.0));
    let rights = Ends::new(reference.iter().map(|pair| pair.1));
    let unjudged = found.iter().filter(|(l, r)| !lefts.has(*l) && !rights.has(*r)).count();
    let precision = super::share(correct, found.len());
    let recall = super::share(correct, reference.len());
    let f1 = if correct == 0 && precision + recall == 0.0 {
        0.0
    } else {
        2.0 * precision * recall / (precision + recall)
    };
    LinkQuality {
        found: found.len(),
        correct,
        unjudged,
        links: reference.len(),
        precision,
        precision_judged: super::share(correct, found.len() - unjudged),
        recall,
        f1,
    }
}

fn distinct(pairs: impl Iterator<Item = (EntityId, EntityId)>) -> Vec<(EntityId, EntityId)> {
    let mut pairs: Vec<_> = pairs.collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

/// A set of entities; ids are dense.
pub(super) struct Ends(Vec<bool>);

impl Ends {
    pub fn new(entities: impl Iterator<Item = EntityId>) -> Self {
        let mut ends = Vec::new();
        for entity in entities {
            let at = entity as usize;
            if at >= ends.len() {
                ends.resize(at + 1, false);
            }
            ends[at] = true;
        }
        Ends(ends)
    }

    pub fn has(&self, entity: EntityId) -> bool {
        self.0.get(entity as usize).is_some_and(|&there| there)
    }
}
