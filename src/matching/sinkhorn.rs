//! Entropy-regularised optimal transport between the two sides, over candidate pairs.

use rayon::prelude::*;

use crate::error::Result;
use crate::matching::{Candidates, Pair};
use crate::task::Task;

/// Change of a logarithm below which the iteration has converged.
const CONVERGED: f64 = 1e-6;

/// How [`Matching::Sinkhorn`](crate::ops::spec::Matching::Sinkhorn) proceeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SinkhornOptions {
    /// What similarities are divided by; above 0. The lower, the nearer to the best assignment, and the
    /// slower.
    pub temperature: f32,
    /// Most iterations.
    pub iterations: usize,
}

impl Default for SinkhornOptions {
    fn default() -> Self {
        SinkhornOptions { temperature: 0.05, iterations: 100 }
    }
}

/// What [`sinkhorn`] found.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Transport {
    /// How much of each candidate pair's ends goes to each other, by place, from 0 to 1.
    pub shares: Vec<f32>,
    /// Iterations done.
    pub iterations: usize,
    /// Whether the last one changed next to nothing.
    pub converged: bool,
}

/// Shares exp(s/T + f + g) of the candidates' scores s, in turn normalised by rows and by columns through f
/// and g (Cuturi 2013; in logarithms as in Peyré and Cuturi 2019, sec. 4.4). All other pairs have share 0.
///
/// Rows that have candidates weigh alike, and so do such columns; those of the larger side, which comes
/// last, sum to 1. What is added to all scores of a row or of a column, as CSLS does, changes nothing but
/// which pairs are candidates. Memory is 16 bytes a candidate.
pub(crate) fn sinkhorn(candidates: &Candidates, options: &SinkhornOptions, task: &Task) -> Result<Transport> {
    let (lefts, rights) = candidates.sides();
    let temperature = f64::from(options.temperature);
    let rows = Lines::new(lefts, candidates, |pair| (pair.left, pair.right));
    let columns = Lines::new(rights, candidates, |pair| (pair.right, pair.left));
    let (n, m) = (rows.filled(), columns.filled());
    let goal = |count: usize| (n.max(m) as f64 / count.max(1) as f64).ln();
    let (mut f, mut g) = (vec![0f64; lefts], vec![0f64; rights]);
    let (mut iterations, mut converged) = (0, false);
    task.phase("balancing rows and columns", Some(options.iterations as u64));
    while iterations < options.iterations && !converged {
        task.check()?;
        let before = if n > m { g.clone() } else { f.clone() };
        if n > m {
            g = columns.balanced(&f, temperature, goal(m));
            f = rows.balanced(&g, temperature, goal(n));
        } else {
            f = rows.balanced(&g, temperature, goal(n));
            g = columns.balanced(&f, temperature, goal(m));
        }
        let now = if n > m { &g } else { &f };
        converged = before.iter().zip(now).all(|(old, new)| (old - new).abs() < CONVERGED);
        iterations += 1;
        task.advance(iterations as u64);
    }
    let share = |pair: Pair| {
        let fixed = f[pair.left as usize] + g[pair.right as usize];
        (f64::from(pair.score) / temperature + fixed).exp().min(1.0) as f32
    };
    Ok(Transport { shares: candidates.pairs().map(share).collect(), iterations, converged })
}

/// The pairs of every row of one side: the row on the other side, and the score.
struct Lines {
    starts: Vec<usize>,
    pairs: Vec<(u32, f32)>,
}

impl Lines {
    /// Of `count` rows; `ends` gives the row and that of the other side.
    fn new(count: usize, candidates: &Candidates, ends: fn(&Pair) -> (u32, u32)) -> Self {
        let mut starts = vec![0; count + 1];
        candidates.pairs().for_each(|pair| starts[ends(&pair).0 as usize + 1] += 1);
        (1..=count).for_each(|row| starts[row] += starts[row - 1]);
        let mut next = starts.clone();
        let mut lines = vec![(0, 0.0); starts[count]];
        for pair in candidates.pairs() {
            let (row, other) = ends(&pair);
            lines[next[row as usize]] = (other, pair.score);
            next[row as usize] += 1;
        }
        Lines { starts, pairs: lines }
    }

    /// Rows that have pairs.
    fn filled(&self) -> usize {
        self.starts.windows(2).filter(|ends| ends[0] < ends[1]).count()
    }

    /// What makes the shares of every row sum to e^`goal`, given the same of the other side.
    fn balanced(&self, other: &[f64], temperature: f64, goal: f64) -> Vec<f64> {
        let balance = |ends: &[usize]| {
            let row = &self.pairs[ends[0]..ends[1]];
            let logs = row.iter().map(|&(at, score)| f64::from(score) / temperature + other[at as usize]);
            let most = logs.clone().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = logs.map(|log| (log - most).exp()).sum();
            if row.is_empty() { 0.0 } else { goal - most - sum.ln() }
        };
        self.starts.par_windows(2).map(balance).collect()
    }
}
