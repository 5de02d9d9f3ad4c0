//! Structural evidence: two entities are alike if their neighbours are seeds of each other.
//!
//! A neighbour that is a seed, with the direction of the edge, is a *token*, the same on both sides. The
//! support of a pair is the sum of the weights of the tokens both have, each weighing
//! 1 − ln g / ln N, where g is the larger of the numbers of entities on either side that have it: what
//! many share tells little (the inverse frequency that PARIS calls functionality, Suchanek 2011).

use rayon::prelude::*;

use crate::kg::{EntityId, Triple};

/// A seed number that no entity has.
const NONE: u32 = u32::MAX;

/// The neighbours of every entity of one side, each with the direction of the edge, once.
#[derive(Clone, Debug)]
pub struct Neighbourhood {
    starts: Vec<usize>,
    /// `2 · neighbour`, plus 1 if the edge points from the neighbour.
    ends: Vec<u32>,
}

impl Neighbourhood {
    /// The neighbourhood of `entities` entities; triples of an entity with itself say nothing.
    pub fn new(triples: &[Triple], entities: usize) -> Self {
        let mut edges: Vec<(EntityId, u32)> = triples
            .iter()
            .filter(|t| t.head != t.tail)
            .flat_map(|t| [(t.head, 2 * t.tail), (t.tail, 2 * t.head + 1)])
            .collect();
        edges.par_sort_unstable();
        edges.dedup();
        let mut starts = vec![0; entities + 1];
        edges.iter().for_each(|(entity, _)| starts[*entity as usize + 1] += 1);
        (0..entities).for_each(|i| starts[i + 1] += starts[i]);
        Neighbourhood { starts, ends: edges.into_iter().map(|(_, end)| end).collect() }
    }

    /// Number of entities.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Neighbours of an entity, ascending, each once.
    pub fn of(&self, entity: EntityId) -> impl Iterator<Item = EntityId> + '_ {
        let ends = &self.ends[self.starts[entity as usize]..self.starts[entity as usize + 1]];
        let mut last = None;
        ends.iter().map(|end| end / 2).filter(move |&neighbour| last.replace(neighbour) != Some(neighbour))
    }

    /// Number of distinct neighbours.
    pub fn degree(&self, entity: EntityId) -> usize {
        self.of(entity).count()
    }

    /// The tokens of every entity, ascending, given each entity's seed number.
    fn tokens(&self, seed_of: &[u32]) -> Rows {
        let token = |end: &u32| {
            let seed = seed_of[(end / 2) as usize];
            (seed != NONE).then(|| 2 * seed + end % 2)
        };
        let lists: Vec<Vec<u32>> = self
            .starts
            .par_windows(2)
            .map(|range| {
                let mut list: Vec<u32> = self.ends[range[0]..range[1]].iter().filter_map(token).collect();
                list.sort_unstable();
                list
            })
            .collect();
        Rows::new(lists)
    }
}

/// Lists of numbers, one after the other.
struct Rows {
    starts: Vec<usize>,
    items: Vec<u32>,
}

impl Rows {
    fn new(lists: Vec<Vec<u32>>) -> Self {
        let mut starts = Vec::with_capacity(lists.len() + 1);
        starts.push(0);
        let mut sum = 0;
        starts.extend(lists.iter().map(|list| {
            sum += list.len();
            sum
        }));
        Rows { starts, items: lists.concat() }
    }

    fn row(&self, i: u32) -> &[u32] {
        &self.items[self.starts[i as usize]..self.starts[i as usize + 1]]
    }

    fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// The rows that hold each number below `width`, ascending.
    fn inverted(&self, width: usize) -> Rows {
        let mut starts = vec![0; width + 1];
        self.items.iter().for_each(|item| starts[*item as usize + 1] += 1);
        (0..width).for_each(|i| starts[i + 1] += starts[i]);
        let mut next = starts.clone();
        let mut items = vec![0; self.items.len()];
        for row in 0..self.len() as u32 {
            for &item in self.row(row) {
                items[next[item as usize]] = row;
                next[item as usize] += 1;
            }
        }
        Rows { starts, items }
    }
}

/// What a set of seeds says of pairs of entities.
pub struct Structure {
    left: Rows,
    right: Rows,
    /// Entities with each token, left and right.
    holders: (Rows, Rows),
    weights: Vec<f32>,
}

/// Proposals look at tokens that at most this many entities of a side have.
const RARE: usize = 20;

impl Structure {
    /// The structure around the seeds.
    pub fn new(left: &Neighbourhood, right: &Neighbourhood, seeds: &[(EntityId, EntityId)]) -> Self {
        let numbers = |entities: usize, ends: &mut dyn Iterator<Item = EntityId>| {
            let mut numbers = vec![NONE; entities];
            (0u32..).zip(ends).for_each(|(seed, entity)| numbers[entity as usize] = seed);
            numbers
        };
        let (n, m) = (left.len(), right.len());
        let left = left.tokens(&numbers(n, &mut seeds.iter().map(|seed| seed.0)));
        let right = right.tokens(&numbers(m, &mut seeds.iter().map(|seed| seed.1)));
        let holders = (left.inverted(2 * seeds.len()), right.inverted(2 * seeds.len()));
        let whole = (n.max(m).max(2) as f64).ln();
        let weight = |token: u32| {
            let most = holders.0.row(token).len().max(holders.1.row(token).len()).max(1);
            (1.0 - (most as f64).ln() / whole).clamp(0.0, 1.0) as f32
        };
        let weights = (0..2 * seeds.len() as u32).map(weight).collect();
        Structure { left, right, holders, weights }
    }

    /// Support of every pair: the sum of the weights of the tokens both ends have.
    pub fn support(&self, pairs: &[(EntityId, EntityId)]) -> Vec<f32> {
        pairs
            .par_iter()
            .map(|&(left, right)| {
                let (mut a, mut b) = (self.left.row(left), self.right.row(right));
                let mut sum = 0.0;
                while let (Some(&x), Some(&y)) = (a.first(), b.first()) {
                    if x == y {
                        sum += self.weights[x as usize];
                    }
                    a = &a[usize::from(x <= y)..];
                    b = &b[usize::from(y <= x)..];
                }
                sum
            })
            .collect()
    }

    /// Pairs of at least `least` support over rare tokens, of each entity of either side its best `most`;
    /// ascending.
    pub fn proposals(&self, least: f32, most: usize) -> Vec<(EntityId, EntityId)> {
        let mut pairs = self.best(&self.left, &self.holders.1, self.right.len(), least, most);
        let back = self.best(&self.right, &self.holders.0, self.left.len(), least, most);
        pairs.extend(back.into_iter().map(|(right, left)| (left, right)));
        pairs.par_sort_unstable();
        pairs.dedup();
        pairs
    }

    fn best(&self, rows: &Rows, holders: &Rows, width: usize, least: f32, most: usize) -> Vec<(u32, u32)> {
        let rare = |token: u32| {
            let count = self.holders.0.row(token).len().max(self.holders.1.row(token).len());
            count <= RARE
        };
        (0..rows.len() as u32)
            .into_par_iter()
            .map_init(
                || (vec![0f32; width], Vec::<u32>::new()),
                |(sums, touched), row| {
                    for &token in rows.row(row).iter().filter(|token| rare(**token)) {
                        for &other in holders.row(token) {
                            if sums[other as usize] == 0.0 {
                                touched.push(other);
                            }
                            sums[other as usize] += self.weights[token as usize];
                        }
                    }
                    touched.sort_unstable();
                    touched.dedup();
                    let mut found: Vec<(f32, u32)> =
                        touched.iter().map(|&other| (sums[other as usize], other)).collect();
                    found.retain(|(sum, _)| *sum >= least);
                    found.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
                    found.truncate(most);
                    touched.drain(..).for_each(|other| sums[other as usize] = 0.0);
                    found.into_iter().map(|(_, other)| (row, other)).collect::<Vec<_>>()
                },
            )
            .flatten()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn triple(head: u32, tail: u32) -> Triple {
        Triple { head, relation: 0, tail }
    }

    /// Two stars of three rays, seeds at the rays.
    #[test]
    fn shared_seeds_support_a_pair_and_direction_counts() {
        let left = Neighbourhood::new(&[triple(0, 1), triple(0, 2), triple(3, 0), triple(0, 0)], 5);
        let right = Neighbourhood::new(&[triple(4, 1), triple(4, 2), triple(4, 3)], 5);
        assert_eq!(left.of(0).collect::<Vec<_>>(), [1, 2, 3]);
        let structure = Structure::new(&left, &right, &[(1, 1), (2, 2), (3, 3)]);
        // The third edge points the other way.
        assert_eq!(structure.support(&[(0, 4), (0, 0), (4, 4)]), [2.0, 0.0, 0.0]);
        assert_eq!(structure.proposals(1.5, 3), [(0, 4)]);
        assert_eq!(structure.proposals(2.5, 3), []);
    }
}
