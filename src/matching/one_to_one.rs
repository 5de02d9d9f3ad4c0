//! Greedy one-to-one matching, exact, from top-k lists that are drawn again where they run out.

use crate::error::Result;
use crate::linalg::{Channel, TopKOptions};
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
    pub fn pairs(
        &self,
        _channels: &[Channel<'_>],
        _options: &TopKOptions<'_>,
        _task: &Task,
    ) -> Result<Vec<Pair>> {
        todo!()
    }
}
