//! Pairs that are no candidates, whatever they score.

use std::collections::HashMap;
use std::ops::Range;

/// Pairs of rows that are decided: some rows have one partner only, and some pairs are barred.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mask {
    /// Left rows with their only partner.
    left_only: HashMap<u32, u32>,
    /// Right rows with their only partner.
    right_only: HashMap<u32, u32>,
    /// Barred pairs, ascending.
    barred: Vec<(u32, u32)>,
}

impl Mask {
    /// The ends of `only` (one to one) have each other and no other partner; the pairs of `barred` are none.
    pub fn new(only: &[(u32, u32)], barred: &[(u32, u32)]) -> Self {
        let mut barred = barred.to_vec();
        barred.sort_unstable();
        barred.dedup();
        Mask {
            left_only: only.iter().copied().collect(),
            right_only: only.iter().map(|&(left, right)| (right, left)).collect(),
            barred,
        }
    }

    /// Whether nothing is decided.
    pub fn is_empty(&self) -> bool {
        self.left_only.is_empty() && self.barred.is_empty()
    }

    /// Whether a pair is no candidate.
    pub fn bars(&self, left: u32, right: u32) -> bool {
        let other = |only: Option<&u32>, partner: u32| only.is_some_and(|only| *only != partner);
        other(self.left_only.get(&left), right)
            || other(self.right_only.get(&right), left)
            || self.barred.binary_search(&(left, right)).is_ok()
    }

    /// The only partner of a row of the left or of the right side, if it has one.
    pub(crate) fn only(&self, row: u32, is_left: bool) -> Option<u32> {
        let only = if is_left { &self.left_only } else { &self.right_only };
        only.get(&row).copied()
    }

    fn barred_of(&self, left: u32) -> &[(u32, u32)] {
        let start = self.barred.partition_point(|pair| pair.0 < left);
        let length = self.barred[start..].partition_point(|pair| pair.0 == left);
        &self.barred[start..start + length]
    }
}

/// A mask over the columns of a block of tiles.
#[derive(Default)]
pub(crate) struct MaskedColumns {
    /// Places of columns that have one partner, with it.
    only: Vec<(usize, u32)>,
    /// Places of the right rows that a left row or a barred pair names.
    places: HashMap<u32, usize>,
}

impl MaskedColumns {
    /// For the right rows `ids[cols]`.
    pub fn new(mask: &Mask, ids: &[u32], cols: Range<usize>) -> Self {
        let mut columns = MaskedColumns::default();
        if mask.is_empty() {
            return columns;
        }
        let named: std::collections::HashSet<u32> = mask.barred.iter().map(|pair| pair.1).collect();
        for (place, &id) in ids[cols].iter().enumerate() {
            if let Some(&partner) = mask.right_only.get(&id) {
                columns.only.push((place, partner));
            }
            if mask.right_only.contains_key(&id) || named.contains(&id) {
                columns.places.insert(id, place);
            }
        }
        columns
    }

    /// Sets the scores of left row `left` to −∞ where the pair is no candidate.
    pub fn apply(&self, mask: &Mask, left: u32, scores: &mut [f32]) {
        if let Some(partner) = mask.left_only.get(&left) {
            let kept = self.places.get(partner).map(|&place| (place, scores[place]));
            scores.fill(f32::NEG_INFINITY);
            if let Some((place, score)) = kept {
                scores[place] = score;
            }
        }
        for &(place, partner) in &self.only {
            if partner != left {
                scores[place] = f32::NEG_INFINITY;
            }
        }
        for (_, right) in mask.barred_of(left) {
            if let Some(&place) = self.places.get(right) {
                scores[place] = f32::NEG_INFINITY;
            }
        }
    }
}
