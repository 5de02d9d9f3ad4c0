//! Scored candidate pairs, and the rules that pick links among them.

use std::ops::Range;

use crate::linalg::{Neighbours, TopK};
use crate::matching::Pair;

/// Some pairs of rows with their scores, in the order of left rows and then of right rows.
///
/// A *place* is the number of a pair in this order. Memory is 8 bytes a pair and 8 a left row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Candidates {
    /// The places of left row `i` are `starts[i]..starts[i + 1]`.
    starts: Vec<usize>,
    rights: Vec<u32>,
    /// The score of each pair; finite.
    pub scores: Vec<f32>,
    right_len: usize,
}

/// Which pairs a rule picks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// By falling score, each pair if neither end is taken.
    Greedy,
    /// Pairs whose ends are each other's best.
    Mutual,
    /// The best of every left row.
    Best,
    /// The best of every left row, and of those that share a right row the best.
    BestOnce,
}

impl Candidates {
    /// The pairs of both sides' lists, between `lefts` and `rights` rows.
    pub fn new(near: &TopK, (lefts, rights): (usize, usize)) -> Self {
        let mut rows: Vec<Vec<(u32, f32)>> = (0..lefts).map(|i| list(&near.left, i)).collect();
        if let Some(back) = &near.right {
            for right in 0..rights {
                for (left, score) in list(back, right) {
                    rows[left as usize].push((right as u32, score));
                }
            }
        }
        let (mut starts, mut all, mut scores) = (vec![0], Vec::new(), Vec::new());
        for mut row in rows {
            row.sort_unstable_by_key(|&(right, _)| right);
            row.dedup_by_key(|&mut (right, _)| right);
            all.extend(row.iter().map(|&(right, _)| right));
            // Adding 0 makes −0 and 0 one number, which the order of floats does not.
            scores.extend(row.iter().map(|&(_, score)| score + 0.0));
            starts.push(all.len());
        }
        Candidates { starts, rights: all, scores, right_len: rights }
    }

    /// Number of pairs.
    pub fn len(&self) -> usize {
        self.rights.len()
    }

    /// Number of left and of right rows.
    pub fn sides(&self) -> (usize, usize) {
        (self.starts.len() - 1, self.right_len)
    }

    fn places(&self, left: usize) -> Range<usize> {
        self.starts[left]..self.starts[left + 1]
    }

    /// The place of a pair.
    pub fn place(&self, left: u32, right: u32) -> Option<usize> {
        let row = self.places(left as usize);
        self.rights[row.clone()].binary_search(&right).ok().map(|at| row.start + at)
    }

    /// The pairs of a left row, by place.
    pub fn row(&self, left: usize) -> impl Iterator<Item = Pair> + '_ {
        let pair =
            move |place| Pair { left: left as u32, right: self.rights[place], score: self.scores[place] };
        self.places(left).map(pair)
    }

    /// Every pair, by place.
    pub fn pairs(&self) -> impl Iterator<Item = Pair> + '_ {
        (0..self.sides().0).flat_map(|left| self.row(left))
    }

    /// The same pairs with other scores.
    pub fn scored(&self, scores: Vec<f32>) -> Self {
        Candidates { scores, ..self.clone() }
    }

    /// The pairs that a rule picks among those that `open` lets through, by falling score, then left,
    /// then right. Equal scores of an end go to the lower row of the other side.
    pub fn pick(&self, rule: Rule, open: &impl Fn(&Pair) -> bool) -> Vec<Pair> {
        let mut pairs: Vec<Pair> = match rule {
            Rule::Greedy => self.pairs().filter(open).collect(),
            _ => self.best_of_left(open).into_iter().flatten().collect(),
        };
        pairs.sort_unstable_by(Pair::order);
        match rule {
            Rule::Best => {}
            Rule::Mutual => {
                let back = self.best_of_right(open);
                pairs.retain(|pair| back[pair.right as usize] == Some(*pair));
            }
            Rule::Greedy | Rule::BestOnce => {
                let mut taken = (vec![false; self.sides().0], vec![false; self.sides().1]);
                pairs.retain(|pair| {
                    let ends = (&mut taken.0[pair.left as usize], &mut taken.1[pair.right as usize]);
                    let free = !*ends.0 && !*ends.1;
                    (*ends.0, *ends.1) = (*ends.0 || free, *ends.1 || free);
                    free
                });
            }
        }
        pairs
    }

    /// The best pair of every left row.
    pub fn best_of_left(&self, open: &impl Fn(&Pair) -> bool) -> Vec<Option<Pair>> {
        let best = |left| self.row(left).filter(open).min_by(Pair::order);
        (0..self.sides().0).map(best).collect()
    }

    /// The best pair of every right row.
    pub fn best_of_right(&self, open: &impl Fn(&Pair) -> bool) -> Vec<Option<Pair>> {
        let mut best: Vec<Option<Pair>> = vec![None; self.right_len];
        for pair in self.pairs().filter(open) {
            let held = &mut best[pair.right as usize];
            if held.is_none_or(|held| pair.order(&held).is_lt()) {
                *held = Some(pair);
            }
        }
        best
    }
}

fn list(of: &Neighbours, row: usize) -> Vec<(u32, f32)> {
    if row < of.len() { of.row(row).collect() } else { Vec::new() }
}
