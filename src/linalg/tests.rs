//! Blocked against plain: random small inputs, every combination of what a score may be made of.

use std::collections::HashSet;

use proptest::prelude::*;

use super::kernel::Kernel;
use super::score::Scorer;
use super::tiles::Shape;
use super::*;
use crate::features::{Matrix, OwnedFeature, Presence};
use crate::rng::Rng;
use crate::task::{CancelToken, Task};

/// One channel's data, owned.
pub(super) struct Data {
    weight: f32,
    left: OwnedFeature,
    right: OwnedFeature,
}

impl Data {
    /// The same with some rows changed, some gone, and sometimes some more.
    pub(super) fn edited(&self, rng: &mut Rng, more: usize) -> Self {
        let side = |rng: &mut Rng, old: &OwnedFeature| {
            let (rows, cols) = (old.present.len() + more, old.rows.view().cols());
            let sparse = matches!(old.rows, Matrix::Sparse { .. });
            let fresh = random_feature(rng, rows, cols, sparse);
            let mut changed = OwnedFeature { present: fresh.present.clone(), rows: fresh.rows };
            for row in 0..old.present.len() {
                changed.present.set(row, fresh.present.get(row) && rng.below(8) == 0);
            }
            let padded = old.view();
            let mut overlaid = crate::features::overlaid(padded, changed).unwrap();
            for row in 0..old.present.len() {
                if rng.below(20) == 0 {
                    overlaid.present.set(row, false);
                }
            }
            overlaid
        };
        Data { weight: self.weight, left: side(rng, &self.left), right: side(rng, &self.right) }
    }

    pub(super) fn channel(&self) -> Channel<'_> {
        Channel { weight: self.weight, left: self.left.view(), right: self.right.view() }
    }
}

/// Rows of small whole numbers (so that ties occur), some missing, some zero, some equal.
pub(crate) fn random_feature(rng: &mut Rng, rows: usize, cols: usize, sparse: bool) -> OwnedFeature {
    let present: Presence = (0..rows).map(|_| rng.below(5) > 0).collect();
    let mut dense = vec![0f32; rows * cols];
    for i in 0..rows {
        if i > 0 && rng.below(6) == 0 {
            dense.copy_within((i - 1) * cols..i * cols, i * cols);
        } else if rng.below(12) > 0 {
            let fill = if sparse { 4 } else { 1 };
            let row = &mut dense[i * cols..(i + 1) * cols];
            for x in row.iter_mut() {
                if rng.below(fill) == 0 {
                    *x = rng.below(7) as f32 - 3.0;
                }
            }
        }
    }
    let rows = if sparse { compress(&dense, rows, cols) } else { Matrix::Dense { data: dense, cols } };
    OwnedFeature { rows, present }
}

fn compress(dense: &[f32], rows: usize, cols: usize) -> Matrix {
    let (mut indptr, mut indices, mut values) = (vec![0u64], Vec::new(), Vec::new());
    for i in 0..rows {
        for (column, &x) in dense[i * cols..(i + 1) * cols].iter().enumerate().filter(|(_, x)| **x != 0.0) {
            indices.push(column as u32);
            values.push(x);
        }
        indptr.push(indices.len() as u64);
    }
    Matrix::Sparse { indptr, indices, values, cols }
}

pub(super) fn random_data(rng: &mut Rng, n: usize, m: usize) -> Vec<Data> {
    (0..1 + rng.below(3))
        .map(|c| {
            let cols = [3, 17, 300, 64][rng.below(4)];
            let (a, b) = (rng.below(2) == 0, rng.below(2) == 0);
            let weight = if c == 2 && rng.below(3) == 0 { 0.0 } else { 0.1 + rng.f32() };
            Data { weight, left: random_feature(rng, n, cols, a), right: random_feature(rng, m, cols, b) }
        })
        .collect()
}

/// The score by its definition, in f64.
fn plain_score(data: &[Data], options: &TopKOptions<'_>, i: usize, j: usize) -> Option<f64> {
    let (mut sum, mut weight) = (0.0, 0.0);
    for data in data.iter().filter(|data| data.weight > 0.0) {
        let pair = [(i as u32, j as u32)];
        let s = pair_scores(&[data.channel()], &pair, options.similarity).unwrap()[0][0];
        if !s.is_nan() {
            sum += f64::from(data.weight) * f64::from(s);
            weight += f64::from(data.weight);
        }
    }
    let bias = |bias: Option<&[f32]>, i: usize| bias.map_or(0.0, |bias| f64::from(bias[i]));
    let scale = if options.renormalise { weight } else { 1.0 };
    let barred = options.mask.is_some_and(|mask| mask.bars(i as u32, j as u32));
    (weight > 0.0 && !barred).then(|| sum / scale + bias(options.left_bias, i) + bias(options.right_bias, j))
}

/// What one random case needs besides its channels.
pub(super) struct Case {
    left_rows: Option<Vec<u32>>,
    right_rows: Option<Vec<u32>>,
    left_bias: Option<Vec<f32>>,
    right_bias: Option<Vec<f32>>,
    mask: Mask,
}

impl Case {
    pub(super) fn new(rng: &mut Rng, n: usize, m: usize) -> Self {
        let mut rows = |n: usize| {
            (rng.below(3) == 0)
                .then(|| (0..n as u32).filter(|_| rng.below(3) > 0).rev().collect::<Vec<u32>>())
        };
        let (left_rows, right_rows) = (rows(n), rows(m));
        let mut bias = |n: usize| {
            (rng.below(2) == 0).then(|| (0..n).map(|_| rng.below(3) as f32 * 0.25).collect::<Vec<f32>>())
        };
        let (left_bias, right_bias) = (bias(n), bias(m));
        let mut pairs = |most: usize| -> Vec<(u32, u32)> {
            let count = if n == 0 || m == 0 { 0 } else { rng.below(most) };
            (0..count).map(|_| (rng.below(n) as u32, rng.below(m) as u32)).collect()
        };
        let mut only = pairs(8);
        let (mut lefts, mut rights) = (HashSet::new(), HashSet::new());
        only.retain(|pair| lefts.insert(pair.0) && rights.insert(pair.1));
        let mask = Mask::new(&only, &pairs(40));
        Case { left_rows, right_rows, left_bias, right_bias, mask }
    }

    pub(super) fn options(&self, rng: &mut Rng) -> TopKOptions<'_> {
        TopKOptions {
            cells: None,
            mask: Some(&self.mask),
            k: [1, 3, 10, 200][rng.below(4)],
            similarity: [Similarity::Cosine, Similarity::Dot][rng.below(2)],
            renormalise: rng.below(2) == 0,
            left_rows: self.left_rows.as_deref(),
            right_rows: self.right_rows.as_deref(),
            left_bias: self.left_bias.as_deref(),
            right_bias: self.right_bias.as_deref(),
            means: [None, Some(1), Some(5)][rng.below(3)],
            both: rng.below(2) == 0,
        }
    }
}

/// Neighbours and means by sorting all scores.
fn plain_neighbours(
    score: impl Fn(u32, u32) -> f32,
    rows: &[u32],
    others: &[u32],
    k: usize,
    means: usize,
) -> (Neighbours, Vec<f32>) {
    let mut out = Neighbours { k, ..Neighbours::default() };
    let mut all_means = Vec::new();
    for (row, &i) in rows.iter().enumerate() {
        let scores = others.iter().map(|&j| (score(i, j), j));
        let mut list: Vec<_> = scores.filter(|(score, _)| *score > f32::NEG_INFINITY).collect();
        list.sort_by(|a, b| b.0.partial_cmp(&a.0).unwrap().then(a.1.cmp(&b.1)));
        let top: Vec<f64> = list.iter().take(means).map(|entry| f64::from(entry.0)).collect();
        all_means.push(if top.is_empty() {
            0.0
        } else {
            (top.iter().sum::<f64>() / top.len() as f64) as f32
        });
        list.truncate(k);
        out.ids.extend(list.iter().map(|entry| entry.1));
        out.scores.extend(list.iter().map(|entry| entry.0));
        out.ids.resize((row + 1) * k, u32::MAX);
        out.scores.resize((row + 1) * k, f32::NEG_INFINITY);
    }
    (out, all_means)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn top_k_is_what_sorting_all_scores_gives(seed: u64, n in 0usize..70, m in 0usize..90) {
        let mut rng = Rng::new(seed);
        let data = random_data(&mut rng, n, m);
        let channels: Vec<_> = data.iter().map(Data::channel).collect();
        let case = Case::new(&mut rng, n, m);
        let options = case.options(&mut rng);
        let scorer = Scorer::new(&channels, &options).unwrap();
        for i in 0..n {
            for j in 0..m {
                let score = scorer.score(i as u32, j as u32);
                match plain_score(&data, &options, i, j) {
                    Some(plain) => prop_assert!((f64::from(score) - plain).abs() < 1e-5 * (1.0 + plain.abs()) * 8.0),
                    None => prop_assert_eq!(score, f32::NEG_INFINITY),
                }
            }
        }
        let found = top_k(&channels, &options, &Task::quiet()).unwrap();
        let (rows, cols) = (&scorer.left_ids, &scorer.right_ids);
        let count = options.means.unwrap_or(0);
        let (left, left_means) = plain_neighbours(|i, j| scorer.score(i, j), rows, cols, options.k, count);
        let (right, right_means) = plain_neighbours(|j, i| scorer.score(i, j), cols, rows, options.k, count);
        prop_assert_eq!(&found.left, &left);
        prop_assert_eq!(&found.right, &options.both.then_some(right));
        prop_assert_eq!(&found.left_means, &options.means.map(|_| left_means));
        prop_assert_eq!(&found.right_means, &options.means.map(|_| right_means));

        // Other kernels and other tiles: the same bits.
        for (kernel, band, block) in [(Kernel::plain(), 12, 32), (Kernel::best(), 24, 64)] {
            let other = topk::pass(&scorer, &options, &kernel, Shape { band, block }, &Task::quiet()).unwrap();
            prop_assert_eq!(&other, &found);
        }
    }

    #[test]
    fn ranks_count_who_is_better_and_who_is_equal(seed: u64, n in 1usize..60, m in 1usize..60, reverse: bool) {
        let mut rng = Rng::new(seed);
        let data = random_data(&mut rng, n, m);
        let channels: Vec<_> = data.iter().map(Data::channel).collect();
        let case = Case::new(&mut rng, n, m);
        let options = TopKOptions { left_rows: None, right_rows: None, mask: None, ..case.options(&mut rng) };
        let queries: Vec<_> = (0..30).map(|_| (rng.below(n) as u32, rng.below(m) as u32)).collect();
        let size = if reverse { n } else { m };
        let pool: Option<Vec<u32>> =
            (rng.below(2) == 0).then(|| (0..size as u32).filter(|_| rng.below(2) == 0).rev().collect());
        let found = ranks(&channels, &options, &queries, pool.as_deref(), reverse, &Task::quiet()).unwrap();
        let biases = [Biases::default(), Biases { left: options.left_bias, right: options.right_bias }];
        let (task, among) = (Task::quiet(), pool.as_deref());
        let both = ranks_under(&channels, &options, &biases, &queries, among, reverse, &task).unwrap();
        prop_assert_eq!(&both[1], &found);
        let scorer = Scorer::new(&channels, &options).unwrap();
        let pool = pool.unwrap_or_else(|| (0..size as u32).collect());
        for (&(i, j), rank) in queries.iter().zip(&found) {
            let own = scorer.score(i, j);
            let others = pool.iter().filter(|&&c| c != if reverse { i } else { j });
            let scores: Vec<f32> =
                others.map(|&c| if reverse { scorer.score(c, j) } else { scorer.score(i, c) }).collect();
            let lost = own == f32::NEG_INFINITY;
            let better = scores.iter().filter(|&&score| score > own || lost).count() as u32;
            let equal = scores.iter().filter(|&&score| score == own && !lost).count() as u32;
            prop_assert_eq!(*rank, Rank { better, equal, score: own });
        }
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let mut rng = Rng::new(5);
    let (n, m) = (700, 900);
    let data = random_data(&mut rng, n, m);
    let channels: Vec<_> = data.iter().map(Data::channel).collect();
    let options = TopKOptions { both: true, means: Some(10), ..TopKOptions::default() };
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| top_k(&channels, &options, &Task::quiet()).unwrap())
    };
    let one = run(1);
    assert_eq!(one, run(2));
    assert_eq!(one, run(4));
    assert!(one.left.row(0).count() > 0 || one.left.row(1).count() > 0);
}

#[test]
fn a_cancelled_pass_stops() {
    let mut rng = Rng::new(6);
    let data = random_data(&mut rng, 50, 50);
    let channels: Vec<_> = data.iter().map(Data::channel).collect();
    let token = CancelToken::new();
    token.cancel();
    let task = Task::new(token, None);
    let error = top_k(&channels, &TopKOptions::default(), &task).unwrap_err();
    assert_eq!(error.code(), Code::Cancelled);
}

#[test]
fn ill_formed_input_is_refused() {
    let mut rng = Rng::new(7);
    let left = random_feature(&mut rng, 5, 4, false);
    let right = random_feature(&mut rng, 6, 3, false);
    let channel = Channel { weight: 1.0, left: left.view(), right: right.view() };
    let code = |channels: &[Channel<'_>], options: &TopKOptions<'_>| {
        top_k(channels, options, &Task::quiet()).unwrap_err().code()
    };
    let options = TopKOptions::default();
    assert_eq!(code(&[], &options), Code::MissingData);
    assert_eq!(code(&[channel], &options), Code::BadValue);
    let channel = Channel { right: left.view(), ..channel };
    assert_eq!(code(&[Channel { weight: f32::NAN, ..channel }], &options), Code::OutOfRange);
    assert_eq!(code(&[channel], &TopKOptions { right_rows: Some(&[5]), ..options }), Code::OutOfRange);
    let bias = [0.0, f32::NAN, 0.0, 0.0, 0.0];
    assert_eq!(code(&[channel], &TopKOptions { right_bias: Some(&bias), ..options }), Code::BadValue);
}
