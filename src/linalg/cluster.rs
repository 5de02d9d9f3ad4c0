//! k-means over the rows of both sides.

use rayon::prelude::*;

use crate::error::{Code, Error, Result};
use crate::features::Feature;
use crate::linalg::fused::{Fused, Move, Points, Sums};
use crate::linalg::plusplus::Beginning;
use crate::rng::Rng;
use crate::task::Task;

/// Relative error allowed for in a distance.
const MARGIN: f64 = 1e-5;

/// One stretch of columns of the fused vectors: left rows first, then right rows.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    /// Factor of every number.
    pub weight: f32,
    /// Whether each row is first brought to norm 1 (rows of norm zero stay zero).
    pub normalise: bool,
    /// Rows of the left side.
    pub left: Feature<'a>,
    /// Rows of the right side, as wide as the left ones.
    pub right: Feature<'a>,
}

/// How [`kmeans`] proceeds.
#[derive(Clone, Copy, Debug)]
pub struct KMeansOptions<'a> {
    /// Number of clusters.
    pub k: usize,
    /// Random seed of k-means++.
    pub seed: u64,
    /// Most iterations.
    pub max_iterations: usize,
    /// Stop when the centres moved by no more than this times the mean variance of a column (squared).
    pub tolerance: f64,
    /// Centres to begin with, `k × columns`, in place of k-means++.
    pub init: Option<&'a [f32]>,
    /// Beginnings tried, at least 1; the one of least inertia after a few iterations goes on to the end.
    /// One alone often stops some percent above the best.
    pub restarts: usize,
}

impl Default for KMeansOptions<'_> {
    fn default() -> Self {
        KMeansOptions { k: 4, seed: 42, max_iterations: 300, tolerance: 1e-4, init: None, restarts: 2 }
    }
}

/// What [`kmeans`] found.
#[derive(Clone, Debug, PartialEq)]
pub struct KMeans {
    /// Cluster of every left row, then of every right row.
    pub labels: Vec<u32>,
    /// Centres, `k × columns`.
    pub centroids: Vec<f32>,
    /// Sum of squared distances of the rows to their centres.
    pub inertia: f64,
    /// Iterations made.
    pub iterations: usize,
}

/// Lloyd's k-means over the fused rows of both sides, begun by k-means++.
///
/// A fused row is its blocks' rows times their weights, side by side; a row missing in a block stands
/// there at the mean of the block's rows. Distances are those of Lloyd's algorithm, but Hamerly's bounds
/// (2010) spare the rows that cannot have changed. A cluster that falls empty takes the row farthest
/// from its centre. Ends when no label changes, or when the centres moved by no more than the tolerance,
/// after which the rows are assigned once more. The same bytes for any number of threads.
///
/// Fails on ill-formed blocks, on fewer rows than clusters, on centres of the wrong size or not finite,
/// and when the task is cancelled.
pub fn kmeans(blocks: &[Block<'_>], options: &KMeansOptions<'_>, task: &Task) -> Result<KMeans> {
    let fused = Fused::new(blocks)?;
    let k = options.k;
    if k == 0 || fused.rows < k {
        return Err(Error::new(
            Code::OutOfRange,
            format!("{k} clusters cannot be made of {} rows", fused.rows),
        )
        .help("choose k between 1 and the number of entities"));
    }
    if let Some(init) = options.init
        && (init.len() != k * fused.width || init.iter().any(|x| !x.is_finite()))
    {
        return Err(Error::new(
            Code::BadValue,
            format!("{} numbers as centres; {k} × {} finite ones were expected", init.len(), fused.width),
        ));
    }
    if let Some(init) = options.init {
        return Lloyd::new(&fused, Beginning::given(&fused, init)).run(options, task);
    }
    // Beginnings are compared after a few iterations, when their order is mostly settled; only the best
    // one goes on to the end.
    let mut rng = Rng::stream(options.seed, "kmeans");
    let mut best: Option<(f64, Lloyd<'_, '_>)> = None;
    for _ in 0..options.restarts.max(1) {
        let mut lloyd = Lloyd::new(&fused, Beginning::draw(&fused, k, &mut rng, task)?);
        if options.restarts > 1 {
            let most = options.max_iterations.min(TRIAL_ITERATIONS);
            lloyd.iterate(most, options.tolerance, task)?;
        }
        let inertia = lloyd.own_squares().iter().sum();
        if best.as_ref().is_none_or(|(least, _)| inertia < *least) {
            best = Some((inertia, lloyd));
        }
    }
    match best {
        Some((_, lloyd)) => lloyd.run(options, task),
        None => Err(Error::new(Code::Internal, "k-means made no run")),
    }
}

/// Iterations after which beginnings are compared.
const TRIAL_ITERATIONS: usize = 4;

/// The state of one run.
struct Lloyd<'f, 'a> {
    fused: &'f Fused<'a>,
    k: usize,
    centres: Points,
    sums: Sums,
    counts: Vec<usize>,
    rows: Vec<Standing>,
    iterations: usize,
    settled: bool,
}

/// Where a row stands: its cluster, and bounds on its distance to that centre and to any other.
#[derive(Clone, Copy)]
struct Standing {
    label: u32,
    /// No less than the distance to the own centre.
    own: f64,
    /// No more than the distance to any other centre.
    other: f64,
}

impl Standing {
    /// From squared distances to all centres; the first of equals wins.
    fn new(squares: &[f64]) -> Self {
        let mut best = Standing { label: 0, own: f64::INFINITY, other: f64::INFINITY };
        for (c, &square) in squares.iter().enumerate() {
            if square < best.own {
                best = Standing { label: c as u32, own: square, other: best.own };
            } else {
                best.other = best.other.min(square);
            }
        }
        Standing { own: best.own.sqrt(), other: best.other.sqrt(), ..best }
    }
}

impl<'f, 'a> Lloyd<'f, 'a> {
    fn new(fused: &'f Fused<'a>, beginning: Beginning) -> Self {
        let k = beginning.centres.len() / fused.width;
        let rows: Vec<Standing> = beginning.distances.par_chunks(k).map(Standing::new).collect();
        let mut counts = vec![0; k];
        let enter =
            |(row, standing): (usize, &Standing)| Move { row, from: None, to: standing.label as usize };
        let moves: Vec<Move> = rows.iter().enumerate().map(enter).collect();
        moves.iter().for_each(|entry| counts[entry.to] += 1);
        let mut sums = Sums::new(fused, k);
        sums.apply(fused, &moves);
        Lloyd {
            fused,
            k,
            centres: fused.points(beginning.centres),
            sums,
            counts,
            rows,
            iterations: 0,
            settled: false,
        }
    }

    /// Iterates to the end, counting what was iterated before.
    fn run(mut self, options: &KMeansOptions<'_>, task: &Task) -> Result<KMeans> {
        task.phase("clustering", Some(options.max_iterations as u64));
        self.iterate(options.max_iterations, options.tolerance, task)?;
        let inertia = self.own_squares().iter().sum();
        let labels = self.rows.iter().map(|standing| standing.label).collect();
        Ok(KMeans { labels, centroids: self.centres.data, inertia, iterations: self.iterations })
    }

    /// Iterates until it settles, or until `most` iterations were made in all.
    fn iterate(&mut self, most: usize, tolerance: f64, task: &Task) -> Result<()> {
        let tolerance = tolerance * self.mean_variance();
        while !self.settled && self.iterations < most.max(1) {
            task.check()?;
            self.iterations += 1;
            task.advance(self.iterations as u64);
            let repaired = self.fill_empty();
            let shift = self.move_centres();
            let changed = self.assign();
            let whole = !repaired && self.counts.iter().all(|&count| count > 0);
            // One more assignment than changes, as scikit-learn counts.
            if shift <= tolerance && whole {
                self.settled = true;
            } else if !changed && !repaired {
                self.iterations += usize::from(self.iterations < most);
                self.settled = true;
            }
        }
        Ok(())
    }

    /// Mean over the columns of their variance: from the distances and the sums, without another pass.
    fn mean_variance(&self) -> f64 {
        let n = self.fused.rows as f64;
        let mut total: f64 = self.rows.iter().map(|standing| standing.own.powi(2)).sum();
        let mut mean = vec![0f64; self.fused.width];
        for (c, centre) in self.centres.data.chunks_exact(self.fused.width).enumerate() {
            let count = self.counts[c] as f64;
            for ((mean, sum), x) in mean.iter_mut().zip(self.sums.of(self.fused, c)).zip(centre) {
                let x = f64::from(*x);
                total += 2.0 * sum * x - count * x * x;
                *mean += sum / n;
            }
        }
        let offset: f64 = mean.iter().map(|x| x * x).sum();
        (total / n - offset).max(0.0) / self.fused.width as f64
    }

    /// Puts the centres at the means of their rows and loosens the bounds; gives the squared shift.
    fn move_centres(&mut self) -> f64 {
        let width = self.fused.width;
        let mut data = self.centres.data.clone();
        let mut shifts = vec![0f64; self.k];
        data.par_chunks_exact_mut(width).zip(&mut shifts).enumerate().for_each(|(c, (centre, shift))| {
            if self.counts[c] == 0 {
                return;
            }
            for (x, sum) in centre.iter_mut().zip(self.sums.of(self.fused, c)) {
                let new = (sum / self.counts[c] as f64) as f32;
                *shift += f64::from(new - *x).powi(2);
                *x = new;
            }
        });
        self.centres = self.fused.points(data);
        let total = shifts.iter().sum();
        let steps: Vec<f64> = shifts.iter().map(|shift| shift.sqrt()).collect();
        let largest = |except: u32| {
            let others = steps.iter().enumerate().filter(|(c, _)| *c != except as usize);
            others.map(|(_, step)| *step).fold(0.0, f64::max)
        };
        let largest: Vec<f64> = (0..self.k as u32).map(largest).collect();
        for standing in &mut self.rows {
            standing.own += steps[standing.label as usize];
            standing.other -= largest[standing.label as usize];
        }
        total
    }

    /// Gives every row its nearest centre and moves the sums along; tells whether a label changed.
    fn assign(&mut self) -> bool {
        let (fused, centres, k) = (self.fused, &self.centres, self.k);
        let moves: Vec<Move> = self
            .rows
            .par_iter_mut()
            .enumerate()
            .map_init(
                || vec![0f64; k],
                |squares, (row, standing)| {
                    // The margin covers the rounding of distances in `f32`.
                    if standing.own * (1.0 + MARGIN) < standing.other {
                        return None;
                    }
                    fused.squared_distances(row, centres, squares);
                    let old = standing.label as usize;
                    *standing = Standing::new(squares);
                    let to = standing.label as usize;
                    (to != old).then_some(Move { row, from: Some(old), to })
                },
            )
            .flatten()
            .collect();
        self.apply(&moves);
        !moves.is_empty()
    }

    fn apply(&mut self, moves: &[Move]) {
        self.sums.apply(self.fused, moves);
        for entry in moves {
            self.counts[entry.to] += 1;
            if let Some(from) = entry.from {
                self.counts[from] -= 1;
            }
        }
    }

    /// Gives each empty cluster the row farthest from its centre, of those not alone in theirs.
    fn fill_empty(&mut self) -> bool {
        if self.counts.iter().all(|&count| count > 0) {
            return false;
        }
        let squares = self.own_squares();
        let mut order: Vec<usize> = (0..self.rows.len()).filter(|&row| squares[row] > 0.0).collect();
        order.sort_by(|&a, &b| squares[b].total_cmp(&squares[a]).then(a.cmp(&b)));
        let mut farthest = order.into_iter();
        let mut repaired = false;
        for to in 0..self.k {
            if self.counts[to] > 0 {
                continue;
            }
            let counts = &self.counts;
            let alone = |row: &usize| counts[self.rows[*row].label as usize] < 2;
            let Some(row) = farthest.find(|row| !alone(row)) else { break };
            let from = Some(self.rows[row].label as usize);
            // Both bounds at nothing: the row is looked at again.
            self.rows[row] = Standing { label: to as u32, own: 0.0, other: 0.0 };
            self.apply(&[Move { row, from, to }]);
            repaired = true;
        }
        repaired
    }

    /// Squared distance of every row to its own centre.
    fn own_squares(&self) -> Vec<f64> {
        let each = self.rows.par_iter().enumerate().map_init(
            || vec![0f64; self.k],
            |squares, (row, standing)| {
                self.fused.squared_distances(row, &self.centres, squares);
                squares[standing.label as usize]
            },
        );
        each.collect()
    }
}
