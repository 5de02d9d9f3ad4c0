//! Matched links against reference links.

use crate::kg::{EntityId, Link};

/// Quality of a set of links, with the counts behind every share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinkQuality {
    /// Links found.
    pub found: usize,
    /// Links found that are reference links.
    pub correct: usize,
    /// Links found neither end of which is in any link known.
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

/// Judges pairs found (repeated ones count once) against all of `links`, whatever their split. `known` are
/// these and others that are not asked for: what contradicts one of those is wrong as well.
pub fn links(found: &[(EntityId, EntityId)], links: &[Link], known: &[Link]) -> LinkQuality {
    let reference = distinct(links.iter().map(|link| (link.left, link.right)));
    let found = distinct(found.iter().copied());
    let right = |pair: &&(EntityId, EntityId)| reference.binary_search(pair).is_ok();
    let correct = found.iter().filter(right).count();
    let lefts = Ends::new(known.iter().map(|link| link.left));
    let rights = Ends::new(known.iter().map(|link| link.right));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_contradicts_a_link_that_is_not_asked_for_is_wrong_too() {
        let link = |left, right| Link { left, right, split: None };
        let known = [link(0, 0), link(1, 1), link(2, 2)];
        // (0, 0) was learned. Of the pairs found one is right, one contradicts it, one nobody can judge.
        let found = [(1, 1), (0, 7), (8, 8)];
        let quality = links(&found, &known[1..], &known);
        assert_eq!((quality.correct, quality.unjudged, quality.links), (1, 1, 2));
        assert_eq!(quality.precision_judged, 0.5);
        assert_eq!(quality.recall, 0.5);
    }
}
