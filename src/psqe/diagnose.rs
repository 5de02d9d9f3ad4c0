//! Where seeds are, where they are thin, and what Theorem 1 makes of it.
//!
//! Source: PSQE, section 5 and appendix A.3. With unit vectors the contrastive loss of an anchor i with
//! partner i' and negatives N_i is at least \[½‖z_i − z'_i‖² − 1\] + \[ln |N_i| + 1 − 1/(2|N_i|) Σ_n ‖z_i − z_n‖²\]:
//! the first bracket attracts the pair, the second repels the negatives. How hard a region repels an
//! anchor grows with the seeds in it, so that seeds crowded into one region shape the space there and
//! leave the rest alone: that is why balance matters.

use crate::error::Result;
use crate::kg::EntityId;
use crate::linalg::{Channel, Similarity, pair_scores};
use crate::psqe::weights::Resolved;
use crate::psqe::{Evidence, Graphs};
use crate::rng::Rng;
use crate::task::Task;

/// Seeds that Theorem 1's brackets are averaged over, as anchors and as negatives.
const SAMPLE: (usize, usize) = (400, 800);

/// Every entity of both sides in one of so many cells.
#[derive(Clone, Debug)]
pub struct Cells {
    /// Cell of every left entity.
    pub left: Vec<u32>,
    /// Cell of every right entity.
    pub right: Vec<u32>,
    /// What the cells are called.
    pub names: Vec<String>,
}

/// One cell of entities.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// What it is called.
    pub name: String,
    /// Its entities, of both sides.
    pub entities: usize,
    /// Those of them that are ends of seeds.
    pub seed_ends: usize,
    /// Mean of ½‖z − z'‖² over its seeds: what is left to attract; NaN without any.
    pub attraction: f64,
    /// Mean of 1/(2|N|) Σ ‖z − z_n‖² over its seeds: how far the negatives are already; NaN without any.
    pub repulsion: f64,
    /// Share of the repelling gradient that comes from its seeds, over its share of the entities: above 1
    /// it shapes the space more than it should; NaN without seeds at all.
    pub pull: f64,
}

/// How seeds lie among the entities.
#[derive(Clone, Debug, PartialEq)]
pub struct Spread {
    /// exp(−KL(seeds ‖ entities)) over the cells, each count plus one: 1 where seeds lie as entities do.
    pub balance: f64,
    /// Share of the entities that are in a seed or next to one.
    pub reach: f64,
    /// Entities that are in a seed or next to one.
    pub reached: usize,
    /// The cells, in their order.
    pub cells: Vec<Cell>,
}

impl Cells {
    /// Deciles of the number of neighbours, over both sides together; equal degrees share a cell.
    pub fn by_degree(graphs: &Graphs) -> Cells {
        let of = |side: &super::Neighbourhood| -> Vec<usize> {
            (0..side.len() as u32).map(|entity| side.degree(entity)).collect()
        };
        let (left, right) = (of(&graphs.left), of(&graphs.right));
        let mut all: Vec<usize> = left.iter().chain(&right).copied().collect();
        all.sort_unstable();
        // The least degree of each decile.
        let mut bounds: Vec<usize> =
            (0..10).filter_map(|decile| all.get(decile * all.len() / 10)).copied().collect();
        bounds.dedup();
        let cell = |degree: &usize| bounds.partition_point(|bound| bound <= degree).saturating_sub(1) as u32;
        let most = all.last().copied().unwrap_or(0);
        let name = |at: usize| {
            let (low, high) = (bounds[at], bounds.get(at + 1).map_or(most, |bound| bound - 1));
            if low == high { format!("degree {low}") } else { format!("degree {low}-{high}") }
        };
        Cells {
            left: left.iter().map(cell).collect(),
            right: right.iter().map(cell).collect(),
            names: (0..bounds.len()).map(name).collect(),
        }
    }

    /// Cells by labels of the left and the right entities.
    pub fn by_label(left: &[u32], right: &[u32], names: Vec<String>) -> Cells {
        Cells { left: left.to_vec(), right: right.to_vec(), names }
    }

    /// Every cell of one division cut by the cells of another.
    pub fn crossed(&self, other: &Cells) -> Cells {
        let width = other.names.len() as u32;
        let cross = |a: &[u32], b: &[u32]| a.iter().zip(b).map(|(a, b)| a * width + b).collect();
        let names = self.names.iter().flat_map(|a| other.names.iter().map(move |b| format!("{a}, {b}")));
        Cells {
            left: cross(&self.left, &other.left),
            right: cross(&self.right, &other.right),
            names: names.collect(),
        }
    }
}

/// How the seeds lie among the cells, in the space of the evidence's fused unit vectors.
pub fn spread(
    seeds: &[(EntityId, EntityId)],
    cells: &Cells,
    graphs: &Graphs,
    evidence: &Evidence<'_>,
    weights: &Resolved,
    task: &Task,
) -> Result<Spread> {
    let count = cells.names.len();
    let (mut entities, mut ends) = (vec![0usize; count], vec![0usize; count]);
    cells.left.iter().chain(&cells.right).for_each(|&cell| entities[cell as usize] += 1);
    for &(left, right) in seeds {
        ends[cells.left[left as usize] as usize] += 1;
        ends[cells.right[right as usize] as usize] += 1;
    }
    let (all, taken) = (entities.iter().sum::<usize>(), ends.iter().sum::<usize>());
    let smoothed = |n: usize, of: usize| (n as f64 + 1.0) / (of + count) as f64;
    let divergence: f64 = ends
        .iter()
        .zip(&entities)
        .map(|(&seeds, &here)| smoothed(seeds, taken) * (smoothed(seeds, taken) / smoothed(here, all)).ln())
        .sum();
    let reached = reached(seeds, graphs);
    let forces = forces(seeds, cells, evidence, weights, task)?;
    let cell = |at: usize| Cell {
        name: cells.names[at].clone(),
        entities: entities[at],
        seed_ends: ends[at],
        attraction: forces.attraction[at],
        repulsion: forces.repulsion[at],
        pull: forces.gradient[at] / (entities[at] as f64 / all.max(1) as f64),
    };
    Ok(Spread {
        balance: (-divergence).exp(),
        reach: reached as f64 / all.max(1) as f64,
        reached,
        cells: (0..count).map(cell).collect(),
    })
}

/// Entities in a seed or next to one.
fn reached(seeds: &[(EntityId, EntityId)], graphs: &Graphs) -> usize {
    let mut sum = 0;
    for (side, ends) in [
        (&graphs.left, seeds.iter().map(|seed| seed.0).collect::<Vec<_>>()),
        (&graphs.right, seeds.iter().map(|seed| seed.1).collect()),
    ] {
        let mut seen = vec![false; side.len()];
        for end in ends {
            seen[end as usize] = true;
            side.of(end).for_each(|neighbour| seen[neighbour as usize] = true);
        }
        sum += seen.iter().filter(|seen| **seen).count();
    }
    sum
}

/// By cell: the brackets of Theorem 1, and the share of the repelling gradient.
struct Forces {
    attraction: Vec<f64>,
    repulsion: Vec<f64>,
    gradient: Vec<f64>,
}

/// Anchors are left ends of sampled seeds, negatives the ends of others on both sides; similarities are
/// Σ w·cos / Σ w over the modalities both rows have, so that ½‖a − b‖² = 1 − s.
fn forces(
    seeds: &[(EntityId, EntityId)],
    cells: &Cells,
    evidence: &Evidence<'_>,
    weights: &Resolved,
    task: &Task,
) -> Result<Forces> {
    let count = cells.names.len();
    let mut order: Vec<usize> = (0..seeds.len()).collect();
    Rng::stream(0, "seeds that Theorem 1 is shown by").shuffle(&mut order);
    let anchors: Vec<usize> = order.iter().take(SAMPLE.0).copied().collect();
    let others: Vec<usize> = order.iter().take(SAMPLE.1).copied().collect();
    let factors = weights.factors();
    let across = evidence.channels(&factors);
    let within: Vec<Channel<'_>> = across.iter().map(|c| Channel { right: c.left, ..*c }).collect();
    task.phase("weighing attraction and repulsion", Some(anchors.len() as u64));
    let pairs: Vec<(u32, u32)> = anchors.iter().map(|&at| seeds[at]).collect();
    let own = fused(&across, &pairs)?;
    let (mut attraction, mut repulsion, mut number) =
        (vec![0f64; count], vec![0f64; count], vec![0usize; count]);
    let mut gradient = vec![0f64; count];
    for (done, (&anchor, own)) in anchors.iter().zip(own).enumerate() {
        task.check()?;
        let here = cells.left[seeds[anchor].0 as usize] as usize;
        let rest: Vec<usize> = others.iter().copied().filter(|&other| other != anchor).collect();
        let left = seeds[anchor].0;
        let right_ends: Vec<(u32, u32)> = rest.iter().map(|&at| (left, seeds[at].1)).collect();
        let left_ends: Vec<(u32, u32)> = rest.iter().map(|&at| (left, seeds[at].0)).collect();
        let scores = [fused(&across, &right_ends)?, fused(&within, &left_ends)?].concat();
        let places = rest.iter().map(|&at| cells.right[seeds[at].1 as usize]);
        let places = places.chain(rest.iter().map(|&at| cells.left[seeds[at].0 as usize]));
        number[here] += 1;
        attraction[here] += 1.0 - own;
        repulsion[here] += scores.iter().map(|s| 1.0 - s).sum::<f64>() / scores.len().max(1) as f64;
        // The loss's gradient weighs a negative by its share of the softmax.
        let mass: f64 = scores.iter().map(|s| (s / TEMPERATURE).exp()).sum();
        for (place, score) in places.zip(&scores) {
            gradient[place as usize] += (score / TEMPERATURE).exp() / mass;
        }
        task.advance(done as u64 + 1);
    }
    let total: f64 = gradient.iter().sum();
    let mean = |sums: Vec<f64>| sums.iter().zip(&number).map(|(sum, &n)| sum / n as f64).collect();
    Ok(Forces {
        attraction: mean(attraction),
        repulsion: mean(repulsion),
        gradient: gradient.iter().map(|mass| mass / total).collect(),
    })
}

/// Temperature of the softmax, as in tuning.
const TEMPERATURE: f64 = 0.1;

/// Weighted mean of the cosines a pair has; 0 where it has none.
fn fused(channels: &[Channel<'_>], pairs: &[(u32, u32)]) -> Result<Vec<f64>> {
    let scores = pair_scores(channels, pairs, Similarity::Cosine)?;
    let of = |at: usize| {
        let known = channels.iter().zip(&scores).filter(|(_, scores)| !scores[at].is_nan());
        let (sum, weight) = known.fold((0.0, 0.0), |(sum, weight), (channel, scores)| {
            (sum + f64::from(channel.weight * scores[at]), weight + f64::from(channel.weight))
        });
        if weight > 0.0 { sum / weight } else { 0.0 }
    };
    Ok((0..pairs.len()).map(of).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kg::Triple;
    use crate::ops::spec::{Missing, Weights};
    use crate::psqe::Neighbourhood;
    use crate::psqe::tests::data::{Owned, evidence};
    use crate::psqe::weights::resolve;

    /// A path of ten entities on both sides; the first four are seeds.
    #[test]
    fn a_crowd_of_seeds_is_seen() {
        let path: Vec<Triple> = (0..9).map(|i| Triple { head: i, relation: 0, tail: i + 1 }).collect();
        let side = || Neighbourhood::new(&path, 10);
        let graphs = Graphs { left: side(), right: side() };
        let mut rng = Rng::new(3);
        let rows: Vec<f32> = (0..80).map(|_| rng.normal() as f32).collect();
        let parts = [Owned::dense("visual", rows.clone(), rows, 8)];
        let evidence = evidence(&parts, Missing::Neutral);
        let weights = resolve(&Weights::Equal, &evidence, &Task::quiet()).unwrap();
        let half: Vec<u32> = (0..10).map(|i| u32::from(i >= 5)).collect();
        let cells = Cells::by_label(&half, &half, vec!["first".into(), "second".into()]);
        let seeds: Vec<(u32, u32)> = (0..4).map(|i| (i, i)).collect();
        let found = spread(&seeds, &cells, &graphs, &evidence, &weights, &Task::quiet()).unwrap();
        // KL of (9/10, 1/10) from (11/22, 11/22).
        let kl = 0.9 * (1.8f64).ln() + 0.1 * (0.2f64).ln();
        assert!((found.balance - (-kl).exp()).abs() < 1e-12, "{found:?}");
        assert_eq!(found.reached, 10);
        assert_eq!((found.cells[0].seed_ends, found.cells[1].seed_ends), (8, 0));
        assert!(found.cells[0].attraction.abs() < 1e-6 && found.cells[1].attraction.is_nan());
        assert!((found.cells[0].pull - 2.0).abs() < 1e-9 && found.cells[1].pull == 0.0);
        let even: Vec<(u32, u32)> = [0, 3, 6, 9].map(|i| (i, i)).to_vec();
        let even = spread(&even, &cells, &graphs, &evidence, &weights, &Task::quiet()).unwrap();
        assert!((even.balance - 1.0).abs() < 1e-12 && even.reached == 20);
        assert_eq!(Cells::by_degree(&graphs).names, ["degree 1", "degree 2"]);
    }
}
