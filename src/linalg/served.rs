//! What kept lists give a search under other biases, masks and subsets than they were made under.

use rayon::prelude::*;

use super::kept::{Kept, NOTHING, Place, order};
use super::score::Scorer;
use super::{Biases, Channel, Neighbours, TopKOptions, top_k};
use crate::error::Result;
use crate::task::Task;

/// Rows whose biases have risen most, one in so many, are compared with all: the others' are then no surprise.
const LIGHT: usize = 256;

/// More than sums of a score and two biases are rounded by, for each unit of the score.
const ROUNDING: f64 = 1e-4;

/// What is asked for of one side.
#[derive(Clone, Copy)]
pub(super) struct Served<'a, 'c> {
    pub kept: &'a Kept,
    pub scorer: &'a Scorer<'c>,
    pub options: &'a TopKOptions<'c>,
    /// Places of each list.
    pub need: usize,
    /// Whether the rows are left ones.
    pub is_left: bool,
}

impl Served<'_, '_> {
    /// The lists of the rows asked for, in their order; `None` if most would have to be found anew.
    pub fn lists(
        &self,
        channels: &[Channel<'_>],
        (own_len, other_len): (usize, usize),
        task: &Task,
    ) -> Result<Option<Vec<Vec<Place>>>> {
        let options = self.options;
        let (own_rows, other_rows, own_bias, other_bias) = match self.is_left {
            true => (options.left_rows, options.right_rows, options.left_bias, options.right_bias),
            false => (options.right_rows, options.left_rows, options.right_bias, options.left_bias),
        };
        let (own, other) = match self.is_left {
            true => (self.kept.left(), self.kept.right()),
            false => (self.kept.right(), self.kept.left()),
        };
        let rows: Vec<u32> = own_rows.map_or_else(|| (0..own_len as u32).collect(), <[u32]>::to_vec);
        let among = other_rows.map(|rows| {
            let mut among = vec![false; other_len];
            rows.iter().for_each(|&row| among[row as usize] = true);
            among
        });
        let asked = |id: u32| among.as_ref().is_none_or(|among| among[id as usize]);
        // How far the biases have moved since; rows whose have risen most are compared with all.
        let [base_own, base_other] = match self.is_left {
            true => self.kept.biases().each_ref(),
            false => {
                let [left, right] = self.kept.biases();
                [right, left]
            }
        };
        let bias = |bias: Option<&[f32]>, id: u32| bias.map_or(0.0, |bias| bias[id as usize]);
        let base = |bias: &[f32], id: u32| bias.get(id as usize).copied().unwrap_or(0.0);
        let risen = |id: u32| f64::from(bias(other_bias, id)) - f64::from(base(base_other, id));
        let moved = other_bias.is_some() || !base_other.is_empty();
        if base_own.iter().chain(base_other).any(|bias| !bias.is_finite()) {
            return Ok(None);
        }
        // Sums are rounded by their parts.
        let large =
            |bias: &[f32]| bias.iter().filter(|x| x.is_finite()).fold(0f32, |most, x| most.max(x.abs()));
        let parts = [base_own, base_other].map(|bias| large(bias)).into_iter().sum::<f32>()
            + [own_bias, other_bias].map(|bias| large(bias.unwrap_or_default())).into_iter().sum::<f32>();
        let mut by_rise: Vec<u32> = match moved {
            true => (0..other_len as u32)
                .filter(|&id| asked(id) && !other.lists[id as usize].is_empty())
                .collect(),
            false => Vec::new(),
        };
        let most = by_rise.iter().map(|&id| risen(id)).fold(0.0, f64::max);
        // A search of some rows of this side among some of the other.
        let search = |own: Option<&[u32]>, others: Option<&[u32]>| -> Result<Neighbours> {
            let wanted = TopKOptions { k: self.need, means: None, both: !self.is_left, ..*options };
            Ok(match self.is_left {
                true => {
                    top_k(channels, &TopKOptions { left_rows: own, right_rows: others, ..wanted }, task)?.left
                }
                false => {
                    let wanted = TopKOptions { left_rows: others, right_rows: own, ..wanted };
                    top_k(channels, &wanted, task)?.right.unwrap_or_default()
                }
            })
        };
        let bars = |row: u32, id: u32| {
            let (left, right) = if self.is_left { (row, id) } else { (id, row) };
            options.mask.is_some_and(|mask| mask.bars(left, right))
        };
        let biases = Biases { left: options.left_bias, right: options.right_bias };
        // With some rows of the other side compared anew, the light ones; no other's bias has risen by more than
        // `most`.
        let serve = |at: usize, light: &[u32], near_light: &Neighbours, most: f64| -> Option<Vec<Place>> {
            let row = rows[at];
            if let Some(only) = options.mask.and_then(|mask| mask.only(row, self.is_left)) {
                let (left, right) = if self.is_left { (row, only) } else { (only, row) };
                let score = self.scorer.score(left, right);
                let counts = asked(only) && score > f32::NEG_INFINITY;
                return Some(if counts { vec![(only, score)] } else { Vec::new() });
            }
            let (list, tail) = (&own.lists[row as usize], own.tails[row as usize]);
            let own_rise = f64::from(bias(own_bias, row)) - f64::from(base(base_own, row));
            let stands = list.iter().copied().filter(|place| {
                asked(place.0) && !bars(row, place.0) && light.binary_search(&place.0).is_err()
            });
            let mut places: Vec<Place> = stands
                .map(|(id, score)| {
                    let (left, right) = if self.is_left { (row, id) } else { (id, row) };
                    (id, biases.score(score, left, right))
                })
                .collect();
            if !light.is_empty() {
                places.extend(near_light.row(at));
            }
            places.sort_unstable_by(order);
            if tail != NOTHING {
                // What is not listed has at most the tail's score, and what biases have risen by.
                let certain = match moved || own_rise != 0.0 {
                    false => places.iter().take_while(|place| order(place, &tail).is_le()).count(),
                    true => {
                        let bound = f64::from(tail.1)
                            + most
                            + own_rise
                            + ROUNDING * (1.0 + f64::from(tail.1.abs() + parts));
                        places.iter().take_while(|place| f64::from(place.1) > bound).count()
                    }
                };
                if certain < self.need {
                    return None;
                }
            }
            places.truncate(self.need);
            Some(places)
        };
        let serve_all = |light: &[u32], near_light: &Neighbours, most: f64| {
            let lists = (0..rows.len()).into_par_iter().map(|at| serve(at, light, near_light, most));
            let lists: Vec<Option<Vec<Place>>> = lists.collect();
            let again: Vec<usize> = (0..lists.len()).filter(|&at| lists[at].is_none()).collect();
            (lists, again)
        };
        let (mut lists, mut again) = serve_all(&[], &Neighbours::default(), most);
        if again.len() > rows.len() / LIGHT && most > 0.0 {
            by_rise.sort_by(|a, b| risen(*b).total_cmp(&risen(*a)).then(a.cmp(b)));
            let rest = by_rise.split_off(by_rise.len() / LIGHT);
            let most = rest.first().map_or(0.0, |&id| risen(id)).max(0.0);
            let mut light = by_rise;
            light.sort_unstable();
            if !light.is_empty() {
                (lists, again) = serve_all(&light, &search(own_rows, Some(&light))?, most);
            }
        }
        if 2 * again.len() > rows.len() {
            return Ok(None);
        }
        if !again.is_empty() {
            let ids: Vec<u32> = again.iter().map(|&at| rows[at]).collect();
            let found = search(Some(&ids), other_rows)?;
            for (place, at) in again.into_iter().enumerate() {
                lists[at] = Some(found.row(place).collect());
            }
        }
        Ok(Some(lists.into_iter().map(Option::unwrap_or_default).collect()))
    }
}
