//! Matched links against reference links.

use std::collections::HashSet;

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
    let reference: HashSet<_> = links.iter().map(|link| (link.left, link.right)).collect();
    let lefts: HashSet<_> = links.iter().map(|link| link.left).collect();
    let rights: HashSet<_> = links.iter().map(|link| link.right).collect();
    let found: HashSet<_> = found.iter().copied().collect();
    let correct = found.intersection(&reference).count();
    let unjudged = found.iter().filter(|(l, r)| !lefts.contains(l) && !rights.contains(r)).count();
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
