//! The one-to-one links of greatest total score, exactly, though only lists of candidates are held.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::error::Result;
use crate::linalg::{Channel, TopKOptions, scores_of, top_k};
use crate::matching::{Candidates, Pair};
use crate::task::Task;

/// Worths and prices are whole multiples of 2⁻³², so that sums are exact and ties are ties.
const UNIT: f64 = (1u64 << 32) as f64;

/// Scores beyond these bounds count as the bound.
const LARGEST: f32 = (1u32 << 20) as f32;

/// Pairs of a row that one look over all pairs may bring in.
const BROUGHT_IN: usize = 8;

/// How far a score that a pass computes under prices may be from the exact one.
const ROUNDING: f64 = 1e-5;

/// Looks over all pairs before the search for better ones is given up.
const MOST_LOOKS: usize = 60;

const NOBODY: u32 = u32::MAX;

/// What a link has to score to be worth anything.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Floor {
    /// More than 0: the plain maximum-weight matching.
    Zero,
    /// At least this much; a link is worth what it has above.
    AtLeast(f32),
}

impl Floor {
    /// The score that is worth nothing.
    pub fn score(self) -> f32 {
        match self {
            Floor::Zero => 0.0,
            Floor::AtLeast(score) => score,
        }
    }

    /// Whether a link of that score may be made.
    pub fn admits(self, score: f32) -> bool {
        if self == Floor::Zero { score > 0.0 } else { score >= self.score() }
    }

    /// What a link of that score is worth, if it may be made.
    fn worth(self, score: f32) -> Option<i64> {
        let bounded = |score: f32| f64::from(score.clamp(-LARGEST, LARGEST));
        let above = bounded(score) - bounded(self.score());
        self.admits(score).then_some((above.max(0.0) * UNIT).round() as i64)
    }
}

/// Links of greatest total worth.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Assignment {
    /// The links, by falling score.
    pub pairs: Vec<Pair>,
    /// How much more the total could be at most, beside rounding of about 10⁻⁶ a link.
    pub gap: f64,
    /// Looks over all pairs.
    pub looks: usize,
}

/// The links of greatest total worth among the candidates alone, by falling score.
pub(crate) fn assign_among(candidates: &Candidates, floor: Floor, task: &Task) -> Result<Vec<Pair>> {
    let mut solver = Solver::new(candidates, floor);
    solver.settle_all(task)?;
    Ok(solver.pairs(candidates, &[]))
}

/// Among all pairs, beginning with the candidates.
///
/// Maximises Σ (score − floor) over one-to-one links: Kuhn's assignment problem, solved on lists of
/// candidates by shortest augmenting paths (Jonker and Volgenant 1987), from which a pair left out is
/// *priced*: if it is worth more than the prices of its two ends together, it might better the total and
/// joins the lists, and the solution goes on from where it was. When a look over all pairs finds none, the
/// prices prove that no set of links has a greater total (strong duality). Each look is a pass of
/// [`top_k`] with the prices as biases, so memory is the lists plus tiles.
pub(crate) fn assign(
    channels: &[Channel<'_>],
    options: &TopKOptions<'_>,
    candidates: &Candidates,
    floor: Floor,
    task: &Task,
) -> Result<Assignment> {
    let (lefts, rights) = candidates.sides();
    let mut solver = Solver::new(candidates, floor);
    solver.settle_all(task)?;
    let mut added: Vec<Pair> = Vec::new();
    let mut gap = 0.0;
    let mut looks = 0;
    while candidates.len() < lefts.saturating_mul(rights) && looks < MOST_LOOKS {
        looks += 1;
        let left_bias = solver.biases(0..lefts, options.left_bias);
        let right_bias = solver.biases(lefts..lefts + rights, options.right_bias);
        let priced = TopKOptions {
            k: BROUGHT_IN,
            left_bias: Some(&left_bias),
            right_bias: Some(&right_bias),
            means: None,
            both: false,
            ..*options
        };
        let found = top_k(channels, &priced, task)?.left;
        let promising = f64::from(floor.score()) - ROUNDING;
        let mut new = Vec::new();
        for left in 0..found.len() {
            let row = found.row(left).take_while(|&(_, score)| f64::from(score) > promising);
            new.extend(row.map(|(right, _)| (left as u32, right)).filter(|&pair| !solver.knows(pair)));
        }
        let scores = scores_of(channels, options, &new)?;
        let mut lacking = vec![0i64; lefts];
        for (&(left, right), score) in new.iter().zip(scores) {
            if let Some(worth) = floor.worth(score) {
                let lack = worth - solver.price[left as usize] - solver.price[lefts + right as usize];
                if lack > 0 {
                    lacking[left as usize] = lacking[left as usize].max(lack);
                    solver.connect(left, right, worth);
                    added.push(Pair { left, right, score: score + 0.0 });
                }
            }
        }
        gap = lacking.iter().map(|&lack| lack as f64 / UNIT).sum();
        if gap == 0.0 {
            break;
        }
        solver.settle_again(&lacking, task)?;
    }
    added.sort_unstable_by_key(|pair| (pair.left, pair.right));
    Ok(Assignment { pairs: solver.pairs(candidates, &added), gap, looks })
}

/// A bipartite graph with prices and a matching; left nodes come first.
///
/// Between calls no price is negative, no edge is worth more than its ends' prices together, an edge of the
/// matching is worth exactly that, and a single node has price 0: the conditions under which the matching
/// is of greatest worth. Memory is 32 bytes an edge and 32 a node.
struct Solver {
    lefts: usize,
    /// Of every node its edges: the row on the other side, and the worth.
    edges: Vec<Vec<(u32, i64)>>,
    price: Vec<i64>,
    /// The node it is linked to.
    mate: Vec<u32>,
    /// Length of the shortest path from the root, while a search is on.
    length: Vec<i64>,
    /// The node before on that path.
    before: Vec<u32>,
}

impl Solver {
    fn new(candidates: &Candidates, floor: Floor) -> Self {
        let (lefts, rights) = candidates.sides();
        let nodes = lefts + rights;
        let mut solver = Solver {
            lefts,
            edges: vec![Vec::new(); nodes],
            price: vec![0; nodes],
            mate: vec![NOBODY; nodes],
            length: vec![i64::MAX; nodes],
            before: vec![NOBODY; nodes],
        };
        for pair in candidates.pairs() {
            if let Some(worth) = floor.worth(pair.score) {
                solver.connect(pair.left, pair.right, worth);
            }
        }
        solver
    }

    fn connect(&mut self, left: u32, right: u32, worth: i64) {
        self.edges[left as usize].push((right, worth));
        self.edges[self.lefts + right as usize].push((left, worth));
    }

    fn knows(&self, (left, right): (u32, u32)) -> bool {
        self.edges[left as usize].iter().any(|edge| edge.0 == right)
    }

    /// What the rows of `nodes` are biased by, less their prices.
    fn biases(&self, nodes: std::ops::Range<usize>, bias: Option<&[f32]>) -> Vec<f32> {
        let price = nodes.map(|node| (self.price[node] as f64 / UNIT) as f32);
        price.enumerate().map(|(row, price)| bias.map_or(0.0, |bias| bias[row]) - price).collect()
    }

    /// Links all left nodes, one after the other.
    fn settle_all(&mut self, task: &Task) -> Result<()> {
        task.phase("assigning", Some(self.lefts as u64));
        for left in 0..self.lefts {
            self.raise(left);
            self.settle(left);
            if left.is_multiple_of(256) {
                task.check()?;
                task.advance(left as u64);
            }
        }
        Ok(())
    }

    /// Goes on after left nodes got edges that are worth more than their ends' prices.
    fn settle_again(&mut self, lacking: &[i64], task: &Task) -> Result<()> {
        let raised: Vec<usize> = (0..self.lefts).filter(|&left| lacking[left] > 0).collect();
        task.phase("assigning", Some(raised.len() as u64));
        let mut parted = Vec::new();
        for &left in &raised {
            self.raise(left);
            let mate = std::mem::replace(&mut self.mate[left], NOBODY);
            if mate != NOBODY {
                self.mate[mate as usize] = NOBODY;
                parted.push(mate as usize);
            }
        }
        for (done, node) in raised.into_iter().chain(parted).enumerate() {
            if self.mate[node] == NOBODY {
                self.settle(node);
            }
            if done.is_multiple_of(256) {
                task.check()?;
                task.advance(done as u64);
            }
        }
        Ok(())
    }

    /// The least price of a node that none of its edges is worth more than.
    fn raise(&mut self, node: usize) {
        let other = self.other_side(node);
        let worth = |&(row, worth): &(u32, i64)| worth - self.price[other + row as usize];
        let needed = self.edges[node].iter().map(worth).max().unwrap_or(0);
        self.price[node] = self.price[node].max(needed);
    }

    /// The first node of the other side.
    fn other_side(&self, node: usize) -> usize {
        if node < self.lefts { self.lefts } else { 0 }
    }

    /// Links a single node, or brings its price to 0, by the shortest path that changes who is linked to
    /// whom: it ends at a single node of the other side, or at a node of this side that stays single
    /// instead. Of equal ends the first is preferred, and of those the one with the lowest row.
    fn settle(&mut self, root: usize) {
        let other = self.other_side(root);
        let mut queue = BinaryHeap::new();
        let mut reached = Vec::new();
        // Nodes of this side on shortest paths, with the paths' lengths.
        let mut scanned = Vec::new();
        let mut single = (self.price[root], root);
        let (mut node, mut so_far) = (root, 0i64);
        let end = loop {
            scanned.push((node, so_far));
            if so_far + self.price[node] < single.0 {
                single = (so_far + self.price[node], node);
            }
            for &(row, worth) in &self.edges[node] {
                let next = other + row as usize;
                let length = so_far + self.price[node] + self.price[next] - worth;
                if length <= single.0 && length < self.length[next] {
                    self.length[next] = length;
                    self.before[next] = node as u32;
                    reached.push(next);
                    queue.push(Reverse((length, next)));
                }
            }
            // An entry that a shorter path has overtaken is passed over.
            while queue.peek().is_some_and(|&Reverse((length, next))| length > self.length[next]) {
                queue.pop();
            }
            match queue.pop() {
                Some(Reverse((length, next))) if length <= single.0 => {
                    if self.mate[next] == NOBODY {
                        break Some((length, next));
                    }
                    (node, so_far) = (self.mate[next] as usize, length);
                }
                _ => break None,
            }
        };
        let length = end.map_or(single.0, |(length, _)| length);
        for &(node, so_far) in &scanned {
            self.price[node] -= length - so_far;
            if node != root {
                self.price[self.mate[node] as usize] += length - so_far;
            }
        }
        let mut next = match end {
            Some((_, next)) => next as u32,
            None => std::mem::replace(&mut self.mate[single.1], NOBODY),
        };
        while next != NOBODY {
            let node = self.before[next as usize];
            self.mate[next as usize] = node;
            next = std::mem::replace(&mut self.mate[node as usize], next);
        }
        for node in reached {
            self.length[node] = i64::MAX;
        }
    }

    /// The links with their scores; `added` are pairs beyond the candidates, by left and right row.
    fn pairs(&self, candidates: &Candidates, added: &[Pair]) -> Vec<Pair> {
        let scored = |left: u32, right: u32| match candidates.place(left, right) {
            Some(place) => Some(candidates.scores[place]),
            None => {
                let place = added.binary_search_by_key(&(left, right), |pair| (pair.left, pair.right));
                place.ok().map(|place| added[place].score)
            }
        };
        let link = |left: usize| {
            let right = (self.mate[left] != NOBODY).then(|| self.mate[left] - self.lefts as u32)?;
            let score = scored(left as u32, right)?;
            Some(Pair { left: left as u32, right, score })
        };
        let mut pairs: Vec<Pair> = (0..self.lefts).filter_map(link).collect();
        pairs.sort_unstable_by(Pair::order);
        pairs
    }
}
