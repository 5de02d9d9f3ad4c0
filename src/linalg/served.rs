//! What kept lists give a search under other biases, masks and subsets than they were made under.

use rayon::prelude::*;

use super::kept::{Kept, KeptSide, NOTHING, Place, order};
use super::score::Scorer;
use super::{Biases, Channel, Neighbours, TopKOptions, top_k};
use crate::error::Result;
use crate::task::Task;

/// Rows whose biases have risen most, one in so many, are compared with all: the others' are then no surprise.
const LIGHT: usize = 256;

/// That is done where more than one list in so many does not reach without it.
const FAILING: usize = 256;

/// More than sums of a score and two biases are rounded by, for each unit of the score.
const ROUNDING: f64 = 1e-4;

/// One side of the pairs that are served: who takes part, and its biases now and when the lists were made.
#[derive(Clone, Copy)]
struct Side<'a> {
    kept: &'a KeptSide,
    rows: Option<&'a [u32]>,
    bias: Option<&'a [f32]>,
    base: &'a [f32],
}

impl Side<'_> {
    /// By how much the bias of a row has risen.
    fn rise(&self, row: u32) -> f64 {
        let now = self.bias.map_or(0.0, |bias| bias[row as usize]);
        f64::from(now) - f64::from(self.base.get(row as usize).copied().unwrap_or(0.0))
    }

    /// More than any bias is in size, then and now together.
    fn largest(&self) -> f32 {
        let largest = |bias: &[f32]| {
            bias.iter().filter(|x| x.is_finite()).fold(0f32, |largest, x| largest.max(x.abs()))
        };
        largest(self.base) + largest(self.bias.unwrap_or_default())
    }
}

/// Rows of the other side that all rows were compared with anew; no other's bias has risen by more than `most`.
struct Light {
    rows: Vec<u32>,
    near: Neighbours,
    most: f64,
}

/// What is asked for of one side.
pub(super) struct Served<'a, 'c> {
    scorer: &'a Scorer<'c>,
    options: &'a TopKOptions<'c>,
    /// Places of each list.
    need: usize,
    /// Whether the rows are left ones.
    is_left: bool,
    own: Side<'a>,
    other: Side<'a>,
    /// The rows asked for.
    rows: Vec<u32>,
    /// Which rows of the other side take part, if not all do.
    among: Option<Vec<bool>>,
}

impl<'a, 'c> Served<'a, 'c> {
    pub fn new(
        kept: &'a Kept,
        scorer: &'a Scorer<'c>,
        options: &'a TopKOptions<'c>,
        need: usize,
        is_left: bool,
    ) -> Self {
        let [left_base, right_base] = kept.biases();
        let left =
            Side { kept: kept.left(), rows: options.left_rows, bias: options.left_bias, base: left_base };
        let right =
            Side { kept: kept.right(), rows: options.right_rows, bias: options.right_bias, base: right_base };
        let (own, other) = if is_left { (left, right) } else { (right, left) };
        let all = 0..own.kept.lists.len() as u32;
        let rows = own.rows.map_or_else(|| all.collect(), <[u32]>::to_vec);
        let among = other.rows.map(|rows| {
            let mut among = vec![false; other.kept.lists.len()];
            rows.iter().for_each(|&row| among[row as usize] = true);
            among
        });
        Served { scorer, options, need, is_left, own, other, rows, among }
    }

    /// The lists of the rows asked for, in their order; `None` if most would have to be found anew.
    pub fn lists(&self, channels: &[Channel<'_>], task: &Task) -> Result<Option<Vec<Vec<Place>>>> {
        if self.own.base.iter().chain(self.other.base).any(|bias| !bias.is_finite()) {
            return Ok(None);
        }
        let takes_part = |&id: &u32| self.asked(id) && !self.other.kept.lists[id as usize].is_empty();
        let mut by_rise: Vec<u32> = match self.has_biases() {
            true => (0..self.other.kept.lists.len() as u32).filter(takes_part).collect(),
            false => Vec::new(),
        };
        let most = by_rise.iter().map(|&id| self.other.rise(id)).fold(0.0, f64::max);
        let (mut lists, mut again) =
            self.serve_all(&Light { rows: Vec::new(), near: Neighbours::default(), most });
        if again.len() > self.rows.len() / FAILING && most > 0.0 {
            by_rise.sort_by(|a, b| self.other.rise(*b).total_cmp(&self.other.rise(*a)).then(a.cmp(b)));
            let rest = by_rise.split_off(by_rise.len() / LIGHT);
            let most = rest.first().map_or(0.0, |&id| self.other.rise(id)).max(0.0);
            by_rise.sort_unstable();
            if !by_rise.is_empty() {
                let near = self.search(self.own.rows, Some(&by_rise), channels, task)?;
                (lists, again) = self.serve_all(&Light { rows: by_rise, near, most });
            }
        }
        if 2 * again.len() > self.rows.len() {
            return Ok(None);
        }
        if !again.is_empty() {
            let ids: Vec<u32> = again.iter().map(|&at| self.rows[at]).collect();
            let found = self.search(Some(&ids), self.other.rows, channels, task)?;
            for (place, at) in again.into_iter().enumerate() {
                lists[at] = Some(found.row(place).collect());
            }
        }
        Ok(Some(lists.into_iter().map(Option::unwrap_or_default).collect()))
    }

    /// Whether there are biases of the other side, or were when the lists were made.
    fn has_biases(&self) -> bool {
        self.other.bias.is_some() || !self.other.base.is_empty()
    }

    fn asked(&self, id: u32) -> bool {
        self.among.as_ref().is_none_or(|among| among[id as usize])
    }

    /// Left and right row of a pair.
    fn pair(&self, row: u32, id: u32) -> (u32, u32) {
        if self.is_left { (row, id) } else { (id, row) }
    }

    /// A search of some rows of this side among some of the other.
    fn search(
        &self,
        own: Option<&[u32]>,
        others: Option<&[u32]>,
        channels: &[Channel<'_>],
        task: &Task,
    ) -> Result<Neighbours> {
        let (left_rows, right_rows) = if self.is_left { (own, others) } else { (others, own) };
        let both = !self.is_left;
        let wanted = TopKOptions { k: self.need, means: None, both, left_rows, right_rows, ..*self.options };
        let found = top_k(channels, &wanted, task)?;
        Ok(if self.is_left { found.left } else { found.right.unwrap_or_default() })
    }

    /// The lists of all rows, and the places of those that lists do not reach for.
    fn serve_all(&self, light: &Light) -> (Vec<Option<Vec<Place>>>, Vec<usize>) {
        // Sums are rounded by their parts.
        let parts = self.own.largest() + self.other.largest();
        let rows = (0..self.rows.len()).into_par_iter();
        let lists: Vec<Option<Vec<Place>>> = rows.map(|at| self.serve(at, light, parts)).collect();
        let again = (0..lists.len()).filter(|&at| lists[at].is_none()).collect();
        (lists, again)
    }

    fn serve(&self, at: usize, light: &Light, parts: f32) -> Option<Vec<Place>> {
        let row = self.rows[at];
        let options = self.options;
        if let Some(only) = options.mask.and_then(|mask| mask.only(row, self.is_left)) {
            let (left, right) = self.pair(row, only);
            let score = self.scorer.score(left, right);
            let counts = self.asked(only) && score > f32::NEG_INFINITY;
            return Some(if counts { vec![(only, score)] } else { Vec::new() });
        }
        let biases = Biases { left: options.left_bias, right: options.right_bias };
        let now = |&(id, score): &Place| {
            let (left, right) = self.pair(row, id);
            let stands = self.asked(id)
                && !options.mask.is_some_and(|mask| mask.bars(left, right))
                && light.rows.binary_search(&id).is_err();
            stands.then(|| (id, biases.score(score, left, right)))
        };
        let (list, tail) = (&self.own.kept.lists[row as usize], self.own.kept.tails[row as usize]);
        let mut places: Vec<Place> = list.iter().filter_map(now).collect();
        places.retain(|place| place.1 > f32::NEG_INFINITY);
        if !light.rows.is_empty() {
            places.extend(light.near.row(at));
        }
        places.sort_unstable_by(order);
        if tail != NOTHING && self.certain(&places, tail, self.own.rise(row), light.most, parts) < self.need {
            return None;
        }
        places.truncate(self.need);
        Some(places)
    }

    /// How many of a row's places come before all that could follow its tail.
    fn certain(&self, places: &[Place], tail: Place, own_rise: f64, most: f64, parts: f32) -> usize {
        if !self.has_biases() && own_rise == 0.0 {
            return places.iter().take_while(|place| order(place, &tail).is_le()).count();
        }
        // What is not listed has at most the tail's score, and what biases have risen by.
        let rounding = ROUNDING * (1.0 + f64::from(tail.1.abs() + parts));
        let bound = f64::from(tail.1) + most + own_rise + rounding;
        places.iter().take_while(|place| f64::from(place.1) > bound).count()
    }
}
