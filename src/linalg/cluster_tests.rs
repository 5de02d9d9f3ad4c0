//! k-means and silhouette against plain loops, the golden, and odd inputs.

use super::fused::Fused;
use super::tests::random_feature;
use super::*;
use crate::features::{Feature, Matrix, OwnedFeature, Presence};
use crate::rng::Rng;
use crate::shared::data_dir;
use crate::task::Task;

fn dense(data: Vec<f32>, cols: usize) -> OwnedFeature {
    let present = Presence::filled(data.len() / cols, true);
    OwnedFeature { rows: Matrix::Dense { data, cols }, present }
}

fn block<'a>(left: &'a OwnedFeature, right: &'a OwnedFeature) -> Block<'a> {
    Block { weight: 1.0, normalise: false, left: left.view(), right: right.view() }
}

/// All fused rows, written out.
fn written_out(blocks: &[Block<'_>]) -> (Vec<Vec<f32>>, usize) {
    let fused = Fused::new(blocks).unwrap();
    let row = |i: usize| {
        let mut row = Vec::new();
        fused.expand(i, &mut row);
        row
    };
    ((0..fused.rows).map(row).collect(), fused.width)
}

fn square(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(x, y)| (f64::from(*x) - f64::from(*y)).powi(2)).sum()
}

/// Around `k` centres, the rows of both sides.
fn mixture(seed: u64, rows: usize, cols: usize, k: usize) -> Vec<f32> {
    let mut rng = Rng::new(seed);
    let centres: Vec<f32> = (0..k * cols).map(|_| 6.0 * rng.normal() as f32).collect();
    let row = |_| {
        let c = rng.below(k);
        let noise: Vec<f32> = (0..cols).map(|q| centres[c * cols + q] + rng.normal() as f32).collect();
        noise
    };
    (0..rows).flat_map(row).collect()
}

#[test]
fn the_golden_of_the_reference_is_met() {
    let Some(data) = data_dir() else { return };
    let path = data.join("../golden/psqe_stage1.safetensors");
    let Ok(bytes) = std::fs::read(&path) else {
        eprintln!("skipped: no {}", path.display());
        return;
    };
    let golden = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let floats = |name: &str| -> Vec<f32> {
        let bytes = golden.tensor(name).unwrap().data().to_vec();
        bytes.chunks_exact(4).map(|x| f32::from_le_bytes(x.try_into().unwrap())).collect()
    };
    let wholes = |name: &str| -> Vec<i64> {
        let bytes = golden.tensor(name).unwrap().data().to_vec();
        bytes.chunks_exact(8).map(|x| i64::from_le_bytes(x.try_into().unwrap())).collect()
    };
    let fused = floats("fused");
    let (left, right) = fused.split_at(320 * 96);
    let (left, right) = (dense(left.to_vec(), 96), dense(right.to_vec(), 96));
    let init = floats("init_centroids");
    let options = KMeansOptions { k: 3, init: Some(&init), ..KMeansOptions::default() };
    let found = kmeans(&[block(&left, &right)], &options, &Task::quiet()).unwrap();
    let labels: Vec<i64> = found.labels.iter().map(|&label| i64::from(label)).collect();
    assert_eq!(labels, wholes("labels"));
    assert_eq!(found.iterations as i64, wholes("n_iter")[0]);
    let inertia = f64::from(floats("inertia")[0]);
    assert!((found.inertia / inertia - 1.0).abs() < 1e-5, "{} {inertia}", found.inertia);
    for (x, y) in found.centroids.iter().zip(floats("centroids")) {
        assert!((x - y).abs() < 1e-5, "{x} {y}");
    }
}

#[test]
fn bounds_spare_work_and_change_nothing() {
    for seed in 0..40 {
        let mut rng = Rng::new(seed);
        let (rows, cols, k) = (30 + rng.below(200), 1 + rng.below(40), 1 + rng.below(6));
        let data = mixture(seed, rows, cols, 3);
        let init: Vec<f32> = data[..k * cols].to_vec();
        let (a, b) = data.split_at(rows / 3 * cols);
        let (left, right) = (dense(a.to_vec(), cols), dense(b.to_vec(), cols));
        let options = KMeansOptions { k, init: Some(&init), tolerance: 0.0, ..KMeansOptions::default() };
        let found = kmeans(&[block(&left, &right)], &options, &Task::quiet()).unwrap();

        let row = |i: usize| &data[i * cols..(i + 1) * cols];
        let mut centres: Vec<Vec<f32>> = init.chunks(cols).map(<[f32]>::to_vec).collect();
        let mut labels = vec![usize::MAX; rows];
        let mut fell_empty = false;
        for _ in 0..300 {
            let nearest = |i: usize| {
                (0..k)
                    .min_by(|&a, &b| square(row(i), &centres[a]).total_cmp(&square(row(i), &centres[b])))
                    .unwrap()
            };
            let new: Vec<usize> = (0..rows).map(nearest).collect();
            if new == labels {
                break;
            }
            labels = new;
            for (c, centre) in centres.iter_mut().enumerate() {
                let own: Vec<usize> = (0..rows).filter(|&i| labels[i] == c).collect();
                fell_empty |= own.is_empty();
                for (q, x) in centre.iter_mut().enumerate() {
                    let sum: f64 = own.iter().map(|&i| f64::from(row(i)[q])).sum();
                    *x = (sum / own.len() as f64) as f32;
                }
            }
        }
        if fell_empty {
            continue;
        }
        let plain: Vec<u32> = labels.iter().map(|&label| label as u32).collect();
        assert_eq!(found.labels, plain, "seed {seed}");
        let inertia: f64 = (0..rows).map(|i| square(row(i), &centres[labels[i]])).sum();
        assert!((found.inertia - inertia).abs() <= 1e-5 * inertia + 1e-9);
    }
}

#[test]
fn sparse_missing_and_weighted_blocks_are_what_they_look_like_written_out() {
    for seed in 0..30 {
        let mut rng = Rng::new(seed);
        let (n, m) = (20 + rng.below(30), 20 + rng.below(30));
        let parts: Vec<_> = [(true, true), (false, false), (true, false)]
            .map(|(a, b)| {
                let cols = [5, 40, 300][rng.below(3)];
                (random_feature(&mut rng, n, cols, a), random_feature(&mut rng, m, cols, b))
            })
            .into();
        let blocks: Vec<Block<'_>> = parts
            .iter()
            .enumerate()
            .map(|(c, (left, right))| Block {
                weight: 0.5 + c as f32,
                normalise: c != 1,
                ..block(left, right)
            })
            .collect();
        let (rows, width) = written_out(&blocks);
        let fused = Fused::new(&blocks).unwrap();
        let points = fused.points(rows[..7].concat());
        let mut found = [0f64; 7];
        for i in 0..rows.len() {
            fused.squared_distances(i, &points, &mut found);
            for (c, found) in found.iter().enumerate() {
                let plain = square(&rows[i], &rows[c]);
                assert!((found - plain).abs() < 1e-4 * (1.0 + plain), "{found} {plain}");
            }
        }
        let init = rows[..3].concat();
        let options = KMeansOptions { k: 3, init: Some(&init), ..KMeansOptions::default() };
        let found = kmeans(&blocks, &options, &Task::quiet()).unwrap();
        let centre = |c: usize| &found.centroids[c * width..(c + 1) * width];
        let own = rows.iter().zip(&found.labels).map(|(row, &c)| square(row, centre(c as usize)));
        assert!((own.sum::<f64>() / found.inertia - 1.0).abs() < 1e-4);
        for (row, &label) in rows.iter().zip(&found.labels) {
            let squares: Vec<f64> = (0..3).map(|c| square(row, centre(c))).collect();
            let least = squares.iter().copied().fold(f64::INFINITY, f64::min);
            assert!(squares[label as usize] <= least * (1.0 + 1e-4));
        }
    }
}

#[test]
fn empty_clusters_take_the_farthest_rows() {
    let left = dense(vec![0.0, 0.1, 0.2, 9.0, 0.3, 5.0], 1);
    let right = dense(vec![0.15, 0.05], 1);
    let init = [0.1, 1000.0, 2000.0];
    let options = KMeansOptions { k: 3, init: Some(&init), ..KMeansOptions::default() };
    let found = kmeans(&[block(&left, &right)], &options, &Task::quiet()).unwrap();
    assert_eq!(found.labels, [0, 0, 0, 1, 0, 2, 0, 0]);
}

#[test]
fn rows_that_lack_a_block_draw_no_cluster_to_themselves() {
    // Nothing but noise; where the first block is missing, a row stands at its mean.
    for seed in 0..8 {
        let mut rng = Rng::new(seed);
        let side = |rng: &mut Rng, cols: usize, share: f64| {
            let mut owned = dense((0..400 * cols).map(|_| rng.normal() as f32).collect(), cols);
            owned.present = (0..400).map(|_| rng.f64() >= share).collect();
            owned
        };
        let (a, b) = (side(&mut rng, 64, 0.2), side(&mut rng, 64, 0.2));
        let (c, d) = (side(&mut rng, 32, 0.0), side(&mut rng, 32, 0.0));
        let blocks = [
            Block { weight: 0.8, normalise: true, left: a.view(), right: b.view() },
            Block { weight: 0.1, normalise: true, left: c.view(), right: d.view() },
        ];
        let options = KMeansOptions { k: 4, seed, ..KMeansOptions::default() };
        let found = kmeans(&blocks, &options, &Task::quiet()).unwrap();
        for cluster in 0..4 {
            let size = found.labels.iter().filter(|&&label| label == cluster).count();
            assert!(size > 20, "seed {seed}: a cluster of {size}");
        }
    }
}

#[test]
fn fewer_distinct_rows_than_clusters_is_no_trap() {
    let left = dense(vec![1.0; 12], 2);
    let right = dense(vec![1.0; 6], 2);
    for k in 1..=9 {
        let options = KMeansOptions { k, ..KMeansOptions::default() };
        let found = kmeans(&[block(&left, &right)], &options, &Task::quiet()).unwrap();
        assert_eq!(found.inertia, 0.0);
        assert!(found.centroids.iter().all(|x| x.is_finite()));
    }
    let options = KMeansOptions { k: 10, ..KMeansOptions::default() };
    let error = kmeans(&[block(&left, &right)], &options, &Task::quiet()).unwrap_err();
    assert_eq!(error.code(), Code::OutOfRange);
}

#[test]
fn planted_clusters_are_found_and_threads_change_nothing() {
    let data = mixture(3, 900, 20, 5);
    let (a, b) = data.split_at(400 * 20);
    let (left, right) = (dense(a.to_vec(), 20), dense(b.to_vec(), 20));
    let blocks = [block(&left, &right)];
    let run = |threads: usize, k: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let options = KMeansOptions { k, restarts: 3, ..KMeansOptions::default() };
        pool.install(|| kmeans(&blocks, &options, &Task::quiet()).unwrap())
    };
    let one = run(1, 5);
    assert_eq!(one, run(2, 5));
    assert_eq!(one, run(4, 5));
    // 20 columns of variance 1 around the centres.
    assert!((one.inertia / (900.0 * 20.0) - 1.0).abs() < 0.1, "{}", one.inertia);

    let sample = SilhouetteSample::new(&blocks, 300, 1, &Task::quiet()).unwrap();
    let score = |k: usize| sample.score(&run(2, k).labels, k);
    let scores: Vec<f64> = (2..=8).map(score).collect();
    let best = (0..7).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap();
    assert_eq!(best + 2, 5, "{scores:?}");
}

#[test]
fn a_silhouette_by_hand() {
    let left = dense(vec![0.0, 1.0, 10.0], 1);
    let right = dense(vec![11.0], 1);
    let found = silhouette(&[block(&left, &right)], &[0, 0, 1, 1], 2, 100, 1, &Task::quiet()).unwrap();
    // Rows 0 and 3: a = 1, b = 10.5; rows 1 and 2: a = 1, b = 9.5.
    assert!((found - (9.5 / 10.5 + 8.5 / 9.5) / 2.0).abs() < 1e-6, "{found}");
}

#[test]
fn an_empty_side_is_no_trap() {
    let left = dense(Vec::new(), 3);
    let right = dense(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 3);
    let options = KMeansOptions { k: 2, ..KMeansOptions::default() };
    let found = kmeans(&[block(&left, &right)], &options, &Task::quiet()).unwrap();
    assert_eq!(found.labels.len(), 2);
    let none = Feature { ..left.view() };
    let blocks = [Block { weight: 1.0, normalise: true, left: none, right: none }];
    assert!(kmeans(&blocks, &options, &Task::quiet()).is_err());
    assert!(kmeans(&[], &options, &Task::quiet()).is_err());
}
