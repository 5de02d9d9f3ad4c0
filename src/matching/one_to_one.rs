//! Greedy one-to-one matching, exact, from top-k lists that are drawn again where they run out.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::error::Result;
use crate::linalg::{Channel, Neighbours, TopKOptions, top_k};
use crate::task::Task;

/// A scored pair of rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// Left row.
    pub left: u32,
    /// Right row.
    pub right: u32,
    /// Similarity.
    pub score: f32,
}

impl Pair {
    /// By falling score, then left, then right.
    pub fn order(&self, other: &Pair) -> Ordering {
        let rows = |pair: &Pair| (pair.left, pair.right);
        other.score.total_cmp(&self.score).then_with(|| rows(self).cmp(&rows(other)))
    }
}

/// Pairs by falling score (then left, then right), each taken if neither row is taken yet.
#[derive(Clone, Copy, Debug)]
pub struct OneToOne {
    /// At most this many pairs.
    pub count: usize,
    /// Least score of a pair.
    pub threshold: Option<f32>,
    /// Partners of a row that are looked up at a time; it changes time and memory, not the result.
    pub depth: usize,
}

impl Default for OneToOne {
    fn default() -> Self {
        OneToOne { count: usize::MAX, threshold: None, depth: 16 }
    }
}

impl OneToOne {
    /// The pairs under `options` (its row subsets and biases count, its `k`, `means` and `both` do not).
    ///
    /// A row's list that runs out stands in the queue under its last score, which bounds what it may
    /// still offer; when it comes up, all such rows are looked up again among the rows not yet taken.
    /// So the order is that of all pairs, though only `depth` of a row are in memory.
    pub fn pairs(
        &self,
        channels: &[Channel<'_>],
        options: &TopKOptions<'_>,
        task: &Task,
    ) -> Result<Vec<Pair>> {
        self.pairs_from(None, channels, options, task)
    }

    /// As [`OneToOne::pairs`], with the left rows' partners of a first look-up under the same options
    /// (same rows, same biases), so that it need not be made again.
    pub(crate) fn pairs_from(
        &self,
        first_look: Option<&Neighbours>,
        channels: &[Channel<'_>],
        options: &TopKOptions<'_>,
        task: &Task,
    ) -> Result<Vec<Pair>> {
        let mut pairs = Vec::new();
        let (Some(first), true) = (channels.first(), self.count > 0) else {
            return Ok(pairs);
        };
        let all = |rows: Option<&[u32]>, len: usize| match rows {
            Some(rows) => rows.to_vec(),
            None => (0..len as u32).collect(),
        };
        let lefts = all(options.left_rows, first.left.present.len());
        let mut rights = all(options.right_rows, first.right.present.len());
        let mut taken = vec![false; first.right.present.len()];
        let mut queue = Queue { lists: vec![Vec::new(); lefts.len()], lefts, heap: BinaryHeap::new() };
        let mut depth = self.depth.max(1);
        let every: Vec<usize> = (0..queue.lefts.len()).collect();
        match first_look {
            Some(found) => queue.take(&every, found, rights.len()),
            None => queue.draw(&every, &rights, depth, channels, options, task)?,
        }
        while let Some(best) = queue.heap.pop() {
            if self.threshold.is_some_and(|least| best.score < least) {
                break;
            }
            if best.exhausted {
                // Those near their end come along, for every look-up reads all right rows once; but not those
                // that will hardly be reached before there are pairs enough.
                let mut rows = vec![best.row];
                let least = queue.offered((self.count - pairs.len()).saturating_mul(2));
                let (lists, taken) = (&queue.lists, &taken);
                queue.heap.retain(|offer| {
                    let low = offer.exhausted || runs_low(&lists[offer.row], offer.place, taken);
                    let low = low && offer.score >= least;
                    if low {
                        rows.push(offer.row);
                    }
                    !low
                });
                rows.sort_unstable();
                rights.retain(|&right| !taken[right as usize]);
                depth = (2 * depth).min(DEEPEST).min(MOST_LISTED / rows.len()).max(self.depth.max(1));
                queue.draw(&rows, &rights, depth, channels, options, task)?;
            } else if taken[best.right as usize] {
                queue.push(best.row, best.place + 1, &taken);
            } else {
                taken[best.right as usize] = true;
                pairs.push(Pair { left: best.left, right: best.right, score: best.score });
                queue.lists[best.row] = Vec::new();
                if pairs.len() >= self.count {
                    break;
                }
                if pairs.len().is_multiple_of(256) {
                    task.check()?;
                    task.advance(pairs.len() as u64);
                }
            }
        }
        Ok(pairs)
    }
}

/// Most places of all lists of one look-up together.
const MOST_LISTED: usize = 1 << 24;

/// Most places of one list.
const DEEPEST: usize = 1024;

/// Whether a list that was cut has no more than half of its places left to offer.
fn runs_low(list: &[Scored], place: usize, taken: &[bool]) -> bool {
    let free = list[place..].iter().filter(|scored| !taken[scored.0 as usize]).count();
    list.last().is_some_and(|last| last.2) && 2 * free <= list.len()
}

/// The best that one left row may still offer.
#[derive(Clone, Copy, Debug)]
struct Offer {
    score: f32,
    left: u32,
    right: u32,
    /// Number of the left row among those that take part.
    row: usize,
    /// Place in the row's list.
    place: usize,
    /// The list ran out here, but the row has more partners, none better than this.
    exhausted: bool,
}

impl Ord for Offer {
    fn cmp(&self, other: &Self) -> Ordering {
        // A row that ran out after `right` may go on with the same score and a greater right row.
        let right = |offer: &Offer| (offer.right, offer.exhausted);
        (self.score.total_cmp(&other.score))
            .then(other.left.cmp(&self.left))
            .then(right(other).cmp(&right(self)))
    }
}

impl PartialOrd for Offer {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Offer {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Offer {}

/// Left rows with their partners so far looked up, and the best offer of each.
struct Queue {
    lefts: Vec<u32>,
    lists: Vec<Vec<Scored>>,
    heap: BinaryHeap<Offer>,
}

/// A partner, its score, and whether the list was cut after it.
type Scored = (u32, f32, bool);

impl Queue {
    /// Looks up the `depth` best partners of `rows` among `rights`, and queues them.
    fn draw(
        &mut self,
        rows: &[usize],
        rights: &[u32],
        depth: usize,
        channels: &[Channel<'_>],
        options: &TopKOptions<'_>,
        task: &Task,
    ) -> Result<()> {
        task.check()?;
        if rights.is_empty() || rows.is_empty() {
            return Ok(());
        }
        let ids: Vec<u32> = rows.iter().map(|&row| self.lefts[row]).collect();
        let k = depth.min(rights.len());
        let (left_rows, right_rows) = (Some(ids.as_slice()), Some(rights));
        let wanted = TopKOptions { k, left_rows, right_rows, means: None, both: false, ..*options };
        let found = top_k(channels, &wanted, task)?.left;
        self.take(rows, &found, rights.len());
        Ok(())
    }

    /// Takes over what was found for `rows` among so many right rows, and queues them.
    fn take(&mut self, rows: &[usize], found: &Neighbours, rights: usize) {
        for (place, &row) in rows.iter().enumerate() {
            let list: Vec<_> = found.row(place).collect();
            let cut = list.len() == found.k && found.k < rights;
            let last = list.len().wrapping_sub(1);
            // Adding 0 makes −0 and 0 one number, which the order of floats does not.
            let mark = |(at, (right, score)): (usize, (u32, f32))| (right, score + 0.0, cut && at == last);
            self.lists[row] = list.into_iter().enumerate().map(mark).collect();
            self.push(row, 0, &[]);
        }
    }

    /// A score that so many offers at least reach; −∞ if there are no more.
    fn offered(&self, count: usize) -> f32 {
        let mut scores: Vec<f32> = self.heap.iter().map(|offer| offer.score).collect();
        if count >= scores.len() {
            return f32::NEG_INFINITY;
        }
        *scores.select_nth_unstable_by(count, |a, b| b.total_cmp(a)).1
    }

    /// Queues the best offer of a row from `place` of its list on.
    fn push(&mut self, row: usize, place: usize, taken: &[bool]) {
        let list = &self.lists[row];
        let free = |&at: &usize| !taken.get(list[at].0 as usize).is_some_and(|&taken| taken);
        let left = self.lefts[row];
        if let Some(place) = (place..list.len()).find(free) {
            let (right, score, _) = list[place];
            self.heap.push(Offer { score, left, right, row, place, exhausted: false });
        } else if let Some(&(right, score, true)) = list.last() {
            self.heap.push(Offer { score, left, right, row, place: list.len(), exhausted: true });
        }
    }
}
