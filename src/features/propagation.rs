//! Structure without training: which seeds stand around an entity.
//!
//! Both ends of a seed get the same random vector; each hop gives every entity the weighted mean of its
//! neighbours' vectors, made unit (label propagation over a graph pair, as in LightEA, Mao et al. 2022,
//! without its relation vectors). Entities near the same seeds come out alike, whatever they are called. A
//! triple weighs 1 + ln(T/T_r), with T triples in its graph, T_r of them of its relation: rare relations
//! tell more. The vectors of all hops stand side by side.

use std::ops::Range;

use rayon::prelude::*;

use super::{Matrix, OwnedFeature, Presence};
use crate::error::{Code, Error, Result};
use crate::kg::{EntityId, Graph};
use crate::rng::Rng;
use crate::task::Task;

/// Domain of the random numbers.
const DOMAIN: &str = "propagation";
/// Rows one task takes.
const PIECE: usize = 64;
/// Most columns of a hop.
const MOST_DIMS: usize = 4096;
/// Most hops; beyond, everything is near everything.
const MOST_HOPS: usize = 8;

/// Options of [`propagation`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PropagationOptions {
    /// Width of the vectors of a hop.
    pub dims: usize,
    /// Hops; the result is `dims · hops` wide.
    pub hops: usize,
    /// Random seed of the seeds' vectors.
    pub seed: u64,
}

impl Default for PropagationOptions {
    fn default() -> Self {
        PropagationOptions { dims: 256, hops: 2, seed: 42 }
    }
}

/// Vectors of both sides, `dims · hops` wide; an entity that no seed reaches is missing. Of seeds that
/// share an entity the first counts.
///
/// Takes hops · 2 · triples · dims multiplications, and `(hops + 2) · entities · dims` numbers of memory.
/// Fails with [`Code::OutOfRange`] on dims beyond 1..=4096, hops beyond 1..=8 or seeds outside the graphs,
/// and with [`Code::MissingData`] without seeds.
pub fn propagation(
    left: &Graph,
    right: &Graph,
    seeds: &[(EntityId, EntityId)],
    options: PropagationOptions,
    task: &Task,
) -> Result<(OwnedFeature, OwnedFeature)> {
    let PropagationOptions { dims, hops, seed } = options;
    check(dims, hops)?;
    if seeds.is_empty() {
        return Err(Error::new(Code::MissingData, "there are no seeds to propagate").help("make some first"));
    }
    if let Some((l, r)) = seeds.iter().find(|(l, r)| *l as usize >= left.len() || *r as usize >= right.len())
    {
        return Err(Error::new(Code::OutOfRange, format!("seed ({l}, {r}) is outside the graphs")));
    }
    let mut rng = Rng::stream(seed, DOMAIN);
    let [mut starts, mut others] = [left, right].map(|graph| vec![0f32; graph.len() * dims]);
    let mut vector = vec![0f32; dims];
    let [mut begun, mut met] = [left, right].map(|graph| vec![false; graph.len()]);
    for &(l, r) in seeds {
        if begun[l as usize] || met[r as usize] {
            continue;
        }
        (begun[l as usize], met[r as usize]) = (true, true);
        vector.iter_mut().for_each(|x| *x = rng.normal() as f32);
        unit(&mut vector);
        for (side, entity) in [(&mut starts, l), (&mut others, r)] {
            side[entity as usize * dims..][..dims].copy_from_slice(&vector);
        }
    }
    task.phase("propagating seeds", Some(2 * hops as u64));
    let blocks = 1..hops + 1;
    Ok((spread(left, starts, dims, blocks.clone(), task)?, spread(right, others, dims, blocks, task)?))
}

/// Fails with [`Code::OutOfRange`] on columns or hops that are none or too many.
pub(super) fn check(dims: usize, hops: usize) -> Result<()> {
    if (1..=MOST_DIMS).contains(&dims) && (1..=MOST_HOPS).contains(&hops) {
        return Ok(());
    }
    let message = format!("dims={dims} hops={hops} is not from 1 to {MOST_DIMS} and from 1 to {MOST_HOPS}");
    Err(Error::new(Code::OutOfRange, message).help("256 columns and 2 or 3 hops are usual"))
}

/// Neighbours of each entity along triples of either direction, with weights.
struct Adjacency {
    starts: Vec<usize>,
    ends: Vec<(EntityId, f32)>,
}

impl Adjacency {
    fn of(graph: &Graph) -> Self {
        let mut counts = vec![0f64; graph.relations.len()];
        graph.triples.iter().for_each(|triple| counts[triple.relation as usize] += 1.0);
        let all = graph.triples.len() as f64;
        let both = || graph.triples.iter().flat_map(|t| [(t.head, t.tail, t), (t.tail, t.head, t)]);
        let mut starts = vec![0usize; graph.len() + 1];
        both().for_each(|(own, ..)| starts[own as usize + 1] += 1);
        (1..starts.len()).for_each(|at| starts[at] += starts[at - 1]);
        let (mut next, mut ends) = (starts.clone(), vec![(0, 0.0); 2 * graph.triples.len()]);
        for (own, other, triple) in both() {
            let weight = 1.0 + (all / counts[triple.relation as usize]).ln();
            ends[next[own as usize]] = (other, weight as f32);
            next[own as usize] += 1;
        }
        Adjacency { starts, ends }
    }

    fn of_row(&self, row: usize) -> &[(EntityId, f32)] {
        &self.ends[self.starts[row]..self.starts[row + 1]]
    }
}

/// Makes a vector unit, unless it is zero.
pub(super) fn unit(row: &mut [f32]) {
    let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
    if length > 0.0 {
        row.iter_mut().for_each(|x| *x /= length);
    }
}

/// Vectors of `dims` numbers, spread over the triples hop by hop; side by side those of the hops
/// `blocks`, of which 0 is the start. An entity without any is missing.
pub(super) fn spread(
    graph: &Graph,
    start: Vec<f32>,
    dims: usize,
    blocks: Range<usize>,
    task: &Task,
) -> Result<OwnedFeature> {
    let adjacency = Adjacency::of(graph);
    let cols = dims * blocks.len();
    task.afford((graph.len() * (cols + dims) * size_of::<f32>()) as u64, "vectors of all hops")?;
    let (mut before, mut now) = (start, vec![0f32; graph.len() * dims]);
    let mut data = vec![0f32; graph.len() * cols];
    for hop in 0..blocks.end {
        task.check()?;
        if hop > 0 {
            now.par_chunks_mut(PIECE * dims).enumerate().for_each(|(piece, rows)| {
                for (at, out) in rows.chunks_exact_mut(dims).enumerate() {
                    out.fill(0.0);
                    for &(other, weight) in adjacency.of_row(piece * PIECE + at) {
                        let other = &before[other as usize * dims..][..dims];
                        out.iter_mut().zip(other).for_each(|(out, x)| *out += weight * x);
                    }
                    unit(out);
                }
            });
            std::mem::swap(&mut before, &mut now);
        }
        if blocks.contains(&hop) {
            let at = (hop - blocks.start) * dims;
            data.par_chunks_mut(cols).zip(before.par_chunks(dims)).for_each(|(row, reached)| {
                row[at..at + dims].copy_from_slice(reached);
            });
            task.advance(1);
        }
    }
    let present: Presence = data
        .par_chunks(cols)
        .map(|row| row.iter().any(|x| *x != 0.0))
        .collect::<Vec<_>>()
        .into_iter()
        .collect();
    Ok(OwnedFeature { rows: Matrix::Dense { data, cols }, present })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kg::GraphBuilder;

    /// A chain a – b – c – d, and an entity alone.
    fn chain(base: &str) -> Graph {
        let mut builder = GraphBuilder::new();
        let names: Vec<u32> =
            ["a", "b", "c", "d"].iter().map(|n| builder.entity(&format!("{base}{n}"))).collect();
        let relation = builder.relation("next");
        names.windows(2).for_each(|pair| {
            builder.triple(pair[0], relation, pair[1]);
        });
        builder.entity(&format!("{base}alone"));
        builder.finish().0
    }

    fn row(feature: &OwnedFeature, at: usize) -> &[f32] {
        let Matrix::Dense { data, cols } = &feature.rows else { panic!("sparse") };
        &data[at * cols..(at + 1) * cols]
    }

    #[test]
    fn entities_near_the_same_seeds_are_alike() {
        let (left, right) = (chain("l:"), chain("r:"));
        let options = PropagationOptions { dims: 64, ..PropagationOptions::default() };
        let made = || propagation(&left, &right, &[(0, 0), (3, 3)], options, &Task::quiet()).unwrap();
        let (ours, theirs) = made();
        // The graphs are alike, and so are all their vectors.
        assert_eq!(ours.rows, theirs.rows);
        // b is next to a only: its first hop is the vector of a, which c has in its second.
        let (b, c) = (row(&ours, 1), row(&ours, 2));
        assert!(b[..64].iter().zip(&c[64..]).all(|(b, c)| (b - c).abs() < 1e-6));
        let dot: f32 = b.iter().zip(c).map(|(b, c)| b * c).sum();
        assert!(dot.abs() < 0.8, "{dot}");
        let there: Vec<bool> = (0..5).map(|at| ours.present.get(at)).collect();
        assert_eq!(there, [true, true, true, true, false]);
        // The same on one thread.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(pool.install(made).0.rows, ours.rows);
    }

    #[test]
    fn what_cannot_be_propagated_is_refused() {
        let (left, right) = (chain("l:"), chain("r:"));
        let code = |seeds: &[(u32, u32)], options| {
            propagation(&left, &right, seeds, options, &Task::quiet()).unwrap_err().code()
        };
        let usual = PropagationOptions::default();
        assert_eq!(code(&[], usual), Code::MissingData);
        assert_eq!(code(&[(0, 5)], usual), Code::OutOfRange);
        assert_eq!(code(&[(0, 0)], PropagationOptions { hops: 0, ..usual }), Code::OutOfRange);
        assert_eq!(code(&[(0, 0)], PropagationOptions { dims: 1 << 24, ..usual }), Code::OutOfRange);
    }

    #[test]
    fn of_seeds_that_share_an_entity_the_first_counts() {
        let (left, right) = (chain("l:"), chain("r:"));
        let made = |seeds: &[(u32, u32)]| {
            propagation(&left, &right, seeds, PropagationOptions::default(), &Task::quiet()).unwrap()
        };
        assert_eq!(made(&[(0, 0), (0, 3), (3, 0)]).1.rows, made(&[(0, 0)]).1.rows);
    }
}
