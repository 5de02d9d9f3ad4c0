//! Matchers against the plain way: all permutations, textbook algorithms, dense matrices in `f64`.

use proptest::prelude::*;

use super::assignment::Assignment;
use super::*;
use crate::features::{Matrix, OwnedFeature, Presence};
use crate::linalg::{Channel, Similarity, TopKOptions, top_k};
use crate::rng::Rng;
use crate::task::Task;

/// A matrix of scores as features: the rows on the left, unit vectors on the right; NaN where a pair must
/// have no common modality.
struct Scores {
    left: OwnedFeature,
    right: OwnedFeature,
    matrix: Vec<Vec<f32>>,
}

impl Scores {
    fn new(matrix: Vec<Vec<f32>>, cols: usize) -> Self {
        let rows = matrix.len();
        let present = |len: usize, has: &dyn Fn(usize) -> bool| (0..len).map(has).collect::<Presence>();
        let left = present(rows, &|i| matrix[i].iter().any(|score| !score.is_nan()) || cols == 0);
        let right = present(cols, &|j| matrix.iter().any(|row| !row[j].is_nan()) || rows == 0);
        let data = matrix.iter().flatten().map(|score| if score.is_nan() { 0.0 } else { *score }).collect();
        let unit = (0..cols * cols).map(|at| f32::from(u8::from(at / cols.max(1) == at % cols.max(1))));
        Scores {
            left: OwnedFeature { rows: Matrix::Dense { data, cols }, present: left },
            right: OwnedFeature { rows: Matrix::Dense { data: unit.collect(), cols }, present: right },
            matrix,
        }
    }

    /// Random scores: whole sixteenths from a small range (so that ties abound) or any from 0 to 1; a row
    /// and a column in eight missing.
    fn random(n: usize, m: usize, ties: bool, gaps: bool, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let gone: Vec<bool> = (0..n + m).map(|_| gaps && rng.below(8) == 0).collect();
        let mut score = |i: usize, j: usize| {
            let x = if ties { rng.below(8) as f32 / 16.0 - 0.125 } else { rng.f32() };
            if gone[i] || gone[n + j] { f32::NAN } else { x }
        };
        let matrix = (0..n).map(|i| (0..m).map(|j| score(i, j)).collect()).collect();
        Scores::new(matrix, m)
    }

    fn sides(&self) -> (usize, usize) {
        (self.left.present.len(), self.right.present.len())
    }

    fn channels(&self) -> [Channel<'_>; 1] {
        [Channel { weight: 1.0, left: self.left.view(), right: self.right.view() }]
    }

    fn options(&self) -> TopKOptions<'static> {
        TopKOptions { similarity: Similarity::Dot, renormalise: false, ..TopKOptions::default() }
    }

    /// The candidates of lists that long.
    fn candidates(&self, k: usize) -> Candidates {
        let wanted = TopKOptions { k, both: true, ..self.options() };
        Candidates::new(&top_k(&self.channels(), &wanted, &Task::quiet()).unwrap(), self.sides())
    }

    fn assign(&self, k: usize, floor: Floor) -> Assignment {
        let candidates = self.candidates(k);
        assign(&self.channels(), &self.options(), &candidates, floor, &Task::quiet()).unwrap()
    }

    /// All pairs that have a score, by falling score, then left, then right.
    fn sorted(&self) -> Vec<Pair> {
        let (n, m) = self.sides();
        let pairs = (0..n * m).map(|at| Pair {
            left: (at / m) as u32,
            right: (at % m) as u32,
            score: self.matrix[at / m][at % m] + 0.0,
        });
        let mut pairs: Vec<Pair> = pairs.filter(|pair| !pair.score.is_nan()).collect();
        pairs.sort_by(Pair::order);
        pairs
    }

    /// The greatest total of Σ (score − floor) over one-to-one links, by trying all.
    fn greatest(&self, floor: f64) -> f64 {
        fn of(scores: &[Vec<f32>], taken: &mut Vec<bool>, floor: f64) -> f64 {
            let Some((row, rest)) = scores.split_first() else { return 0.0 };
            let mut best = of(rest, taken, floor);
            for (j, &score) in row.iter().enumerate() {
                if !taken[j] && !score.is_nan() {
                    taken[j] = true;
                    best = best.max(f64::from(score) - floor + of(rest, taken, floor));
                    taken[j] = false;
                }
            }
            best
        }
        of(&self.matrix, &mut vec![false; self.sides().1], floor)
    }
}

fn total(pairs: &[Pair], floor: f64) -> f64 {
    pairs.iter().map(|pair| f64::from(pair.score) - floor).sum()
}

fn assert_one_to_one(pairs: &[Pair]) {
    for end in [|pair: &Pair| pair.left, |pair: &Pair| pair.right] {
        let mut ends: Vec<u32> = pairs.iter().map(end).collect();
        ends.sort_unstable();
        assert!(ends.windows(2).all(|two| two[0] < two[1]), "{pairs:?}");
    }
}

/// The greatest total by best augmenting paths, found by relaxing all pairs until nothing changes.
fn by_augmentation(scores: &Scores, floor: f64) -> f64 {
    let (n, m) = scores.sides();
    let worth = |i: usize, j: usize| f64::from(scores.matrix[i][j]) - floor;
    let (mut of_left, mut of_right) = (vec![None; n], vec![None; m]);
    let mut total = 0.0;
    loop {
        // The most that the links may gain on the way to a left row, and to a right one and from where.
        let mut lefts: Vec<f64> =
            of_left.iter().map(|of| if of.is_none() { 0.0 } else { f64::MIN }).collect();
        let mut rights = vec![(f64::MIN, 0); m];
        let mut changed = true;
        while changed {
            changed = false;
            for (i, j) in (0..n * m).map(|at| (at / m, at % m)) {
                let gain = lefts[i] + worth(i, j);
                if of_left[i] != Some(j) && gain > rights[j].0 + 1e-9 {
                    rights[j] = (gain, i);
                    changed = true;
                    if let Some(held) = of_right[j] {
                        lefts[held] = gain - worth(held, j);
                    }
                }
            }
        }
        let free = (0..m).filter(|&j| of_right[j].is_none());
        let Some(end) = free.max_by(|&a, &b| rights[a].0.total_cmp(&rights[b].0)) else { return total };
        if rights[end].0 <= 1e-9 {
            return total;
        }
        total += rights[end].0;
        let mut next = Some(end);
        while let Some(j) = next {
            let i = rights[j].1;
            of_right[j] = Some(i);
            next = of_left[i].replace(j);
        }
    }
}

/// Gale and Shapley on complete lists of preferences, lefts proposing; equal scores by lower row.
fn deferred_acceptance(scores: &Scores) -> Vec<(u32, u32)> {
    let (n, m) = scores.sides();
    let sorted = scores.sorted();
    let of = |left: usize| sorted.iter().filter(move |pair| pair.left as usize == left);
    let mut lists: Vec<Vec<u32>> =
        (0..n).map(|left| of(left).map(|pair| pair.right).rev().collect()).collect();
    let mut holds: Vec<Option<usize>> = vec![None; m];
    let mut free: Vec<usize> = (0..n).collect();
    while let Some(left) = free.pop() {
        let Some(right) = lists[left].pop() else { continue };
        let right = right as usize;
        let key = |left: usize| (-scores.matrix[left][right], left);
        match holds[right] {
            Some(held) if key(held) < key(left) => free.push(left),
            held => {
                free.extend(held);
                holds[right] = Some(left);
            }
        }
    }
    let mut pairs: Vec<(u32, u32)> =
        holds.iter().enumerate().filter_map(|(j, held)| Some(((*held)? as u32, j as u32))).collect();
    pairs.sort_unstable();
    pairs
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_set_of_links_has_a_greater_total(
        n in 0usize..7, m in 0usize..7, k in 1usize..9, ties in any::<bool>(), seed in any::<u64>(),
    ) {
        let scores = Scores::random(n, m, ties, true, seed);
        for (floor, worth) in
            [(Floor::Zero, 0.0), (Floor::AtLeast(0.25), 0.25), (Floor::AtLeast(-5.0), -5.0)]
        {
            let found = scores.assign(k, floor);
            assert_one_to_one(&found.pairs);
            prop_assert!(found.pairs.iter().all(|pair| pair.score >= floor.score()));
            prop_assert_eq!(found.gap, 0.0);
            prop_assert!((total(&found.pairs, worth) - scores.greatest(worth)).abs() < 1e-5);
            for pair in &found.pairs {
                prop_assert_eq!(pair.score, scores.matrix[pair.left as usize][pair.right as usize]);
            }
        }
    }

    #[test]
    fn larger_assignments_are_the_best_too(
        n in 1usize..40, m in 1usize..40, k in 1usize..6, ties in any::<bool>(), gaps in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let scores = Scores::random(n, m, ties, gaps, seed);
        // Below every score, so that as many are linked as can be.
        for (floor, worth) in [(Floor::AtLeast(-1.0), -1.0), (Floor::AtLeast(0.5), 0.5)] {
            let found = scores.assign(k, floor);
            assert_one_to_one(&found.pairs);
            prop_assert!((total(&found.pairs, worth) - by_augmentation(&scores, worth)).abs() < 1e-4);
            if !gaps && worth < 0.0 {
                prop_assert_eq!(found.pairs.len(), n.min(m));
            }
        }
    }

    #[test]
    fn greedy_is_gale_and_shapley_s_and_no_pair_blocks_it(
        n in 0usize..30, m in 0usize..30, depth in 1usize..5, ties in any::<bool>(), seed in any::<u64>(),
    ) {
        let scores = Scores::random(n, m, ties, true, seed);
        let of = OneToOne { depth, ..OneToOne::default() };
        let found = of.pairs(&scores.channels(), &scores.options(), &Task::quiet()).unwrap();
        let mut ends: Vec<(u32, u32)> = found.iter().map(|pair| (pair.left, pair.right)).collect();
        ends.sort_unstable();
        prop_assert_eq!(ends, deferred_acceptance(&scores));
        for pair in scores.sorted() {
            let held = |other: &&Pair| other.left == pair.left || other.right == pair.right;
            let content = found.iter().filter(held).any(|other| other.order(&pair).is_le());
            prop_assert!(content, "{pair:?} would rather have each other");
        }
    }

    #[test]
    fn rules_pick_what_they_say(
        n in 0usize..20, m in 0usize..20, ties in any::<bool>(), seed in any::<u64>(),
    ) {
        let scores = Scores::random(n, m, ties, true, seed);
        let candidates = scores.candidates(n.max(m).max(1));
        let sorted = scores.sorted();
        prop_assert_eq!(candidates.len(), sorted.len());
        let least = |pair: &Pair| pair.score >= 0.1;
        let open: Vec<Pair> = sorted.iter().copied().filter(least).collect();
        let first = |of: &dyn Fn(&Pair) -> bool| open.iter().copied().find(|pair| of(pair));
        let best: Vec<Pair> =
            open.iter().copied().filter(|pair| first(&|other| other.left == pair.left) == Some(*pair)).collect();
        prop_assert_eq!(&candidates.pick(Rule::Best, &least), &best);
        let mutual: Vec<Pair> = best.iter().copied()
            .filter(|pair| first(&|other| other.right == pair.right) == Some(*pair)).collect();
        prop_assert_eq!(&candidates.pick(Rule::Mutual, &least), &mutual);
        let once: Vec<Pair> = best.iter().copied()
            .filter(|pair| best.iter().find(|other| other.right == pair.right) == Some(pair)).collect();
        prop_assert_eq!(&candidates.pick(Rule::BestOnce, &least), &once);
        let mut greedy: Vec<Pair> = Vec::new();
        for pair in open {
            if greedy.iter().all(|other| other.left != pair.left && other.right != pair.right) {
                greedy.push(pair);
            }
        }
        prop_assert_eq!(&candidates.pick(Rule::Greedy, &least), &greedy);
    }

    #[test]
    fn shares_are_those_of_a_dense_sinkhorn(
        n in 1usize..30, m in 1usize..30, tenths in 1u32..20, iterations in 1usize..40, seed in any::<u64>(),
    ) {
        let scores = Scores::random(n, m, false, false, seed);
        let temperature = tenths as f32 / 20.0;
        let options = SinkhornOptions { temperature, iterations };
        let candidates = scores.candidates(n.max(m));
        let found = sinkhorn(&candidates, &options, &Task::quiet()).unwrap();
        let mut dense: Vec<Vec<f64>> = scores.matrix.iter()
            .map(|row| row.iter().map(|&x| (f64::from(x) / f64::from(temperature)).exp()).collect()).collect();
        let most = n.max(m) as f64;
        let rows = |dense: &mut Vec<Vec<f64>>| for row in dense {
            let sum: f64 = row.iter().sum();
            row.iter_mut().for_each(|x| *x *= most / n as f64 / sum);
        };
        let columns = |dense: &mut Vec<Vec<f64>>| for j in 0..m {
            let sum: f64 = dense.iter().map(|row| row[j]).sum();
            dense.iter_mut().for_each(|row| row[j] *= most / m as f64 / sum);
        };
        for _ in 0..found.iterations {
            if n > m {
                columns(&mut dense);
                rows(&mut dense);
            } else {
                rows(&mut dense);
                columns(&mut dense);
            }
        }
        for (share, expected) in found.shares.iter().zip(dense.iter().flatten()) {
            prop_assert!((f64::from(*share) - expected).abs() < 1e-5, "{share} {expected}");
        }
    }

    #[test]
    fn reciprocal_ranks_are_those_of_the_full_matrix(
        n in 1usize..25, m in 1usize..25, k in 1usize..30, seed in any::<u64>(),
    ) {
        // Whole parts of 1,024, so that no difference is lost to rounding.
        let matrix = Scores::random(n, m, false, false, seed).matrix;
        let whole = |row: Vec<f32>| row.iter().map(|x| (x * 1024.0).round() / 1024.0).collect();
        let scores = Scores::new(matrix.into_iter().map(whole).collect(), m);
        let at = |i: usize, j: usize| f64::from(scores.matrix[i][j]);
        let of_row = |i: usize| (0..m).map(|j| at(i, j)).fold(f64::MIN, f64::max);
        let of_column = |j: usize| (0..n).map(|i| at(i, j)).fold(f64::MIN, f64::max);
        let part = 1.0 - 1.0 / 4096.0;
        let from_left = |i: usize, j: usize| at(i, j) - part * of_column(j);
        let from_right = |i: usize, j: usize| at(i, j) - part * of_row(i);
        let rank = |i: usize, j: usize| {
            let ahead = |score: f64, than: f64, lower: bool| score > than || (score == than && lower);
            let lefts = (0..m).filter(|&k| ahead(from_left(i, k), from_left(i, j), k < j)).count();
            let rights = (0..n).filter(|&k| ahead(from_right(k, j), from_right(i, j), k < i)).count();
            (lefts + 1, rights + 1)
        };
        let found = rinf(&scores.channels(), &scores.options(), k, scores.sides(), &Task::quiet()).unwrap();
        for (pair, similarity) in found.candidates.pairs().zip(&found.similarities) {
            let (i, j) = (pair.left as usize, pair.right as usize);
            let (before, behind) = rank(i, j);
            let sum = before.min(k + 1) + behind.min(k + 1);
            prop_assert!((pair.score - 2.0 / sum as f32).abs() < 1e-6);
            prop_assert!((similarity - scores.matrix[i][j]).abs() < 1e-5);
        }
        let candidates = (0..n * m).filter(|at| {
            let (before, behind) = rank(at / m, at % m);
            before <= k || behind <= k
        });
        prop_assert_eq!(found.candidates.len(), candidates.count());
    }
}

#[test]
fn sides_may_be_empty_or_have_nothing_in_common() {
    for (n, m) in [(0, 0), (0, 3), (3, 0), (1, 1), (4, 3)] {
        let scores = Scores::new(vec![vec![f32::NAN; m]; n], m);
        let none = |pairs: Vec<Pair>| assert!(pairs.is_empty() || (n, m) == (1, 1), "{pairs:?}");
        none(scores.assign(5, Floor::AtLeast(-1.0)).pairs);
        let candidates = scores.candidates(5);
        for rule in [Rule::Greedy, Rule::Mutual, Rule::Best, Rule::BestOnce] {
            none(candidates.pick(rule, &|_| true));
        }
        let options = SinkhornOptions { temperature: 0.05, iterations: 5 };
        assert!(sinkhorn(&candidates, &options, &Task::quiet()).unwrap().shares.is_empty());
        let ranked = rinf(&scores.channels(), &scores.options(), 5, scores.sides(), &Task::quiet()).unwrap();
        assert_eq!(ranked.candidates.len(), 0);
    }
}

#[test]
fn equal_scores_go_to_the_lower_rows() {
    for (n, m) in [(1, 1), (5, 5), (3, 7), (7, 3)] {
        let scores = Scores::new(vec![vec![0.5; m]; n], m);
        let diagonal: Vec<(u32, u32)> = (0..n.min(m) as u32).map(|i| (i, i)).collect();
        let ends = |pairs: &[Pair]| pairs.iter().map(|pair| (pair.left, pair.right)).collect::<Vec<_>>();
        let greedy =
            OneToOne::default().pairs(&scores.channels(), &scores.options(), &Task::quiet()).unwrap();
        assert_eq!(ends(&greedy), diagonal);
        assert_eq!(scores.assign(1, Floor::Zero).pairs.len(), n.min(m));
        let candidates = scores.candidates(n.max(m));
        assert_eq!(ends(&candidates.pick(Rule::Mutual, &|_| true)), [(0, 0)]);
        let options = SinkhornOptions { temperature: 0.05, iterations: 5 };
        let shares = sinkhorn(&candidates, &options, &Task::quiet()).unwrap().shares;
        assert!(shares.iter().all(|share| (share - 1.0 / n.min(m) as f32).abs() < 1e-6));
    }
}

#[test]
fn a_cut_keeps_as_many_as_the_decoys_allow() {
    let found = [0.9, 0.8, 0.7, 0.6, 0.5, 0.5, 0.4, 0.3, 0.2, 0.1];
    // Above 0.5 no decoy; one from 0.5 on, three from 0.3 on.
    let decoys = [0.5, 0.35, 0.3];
    assert_eq!(wrong_shares(&found, &decoys)[..6], [0.0, 0.0, 0.0, 0.0, 1.0 / 7.0, 1.0 / 7.0]);
    let at = |precision: f64| cut(&found, &decoys, precision);
    assert_eq!(at(0.9), Cut { kept: 4, threshold: 0.6, precision: 1.0 });
    assert_eq!(at(0.85), Cut { kept: 7, threshold: 0.4, precision: 1.0 - 1.0 / 7.0 });
    assert_eq!(at(0.5).kept, 10);
    let nothing = cut(&[0.5], &[0.9], 0.9);
    assert!(nothing.kept == 0 && nothing.precision.is_nan() && nothing.threshold == f32::INFINITY);
    // Of the links that share a score all stay or none does.
    assert_eq!(cut(&[0.5, 0.5, 0.5, 0.5], &[0.5], 0.7).kept, 4);
    assert_eq!(cut(&[0.9, 0.5, 0.5], &[0.5, 0.5], 0.4).kept, 1);
}
