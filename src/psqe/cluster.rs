//! PSQE stage I: fuse, cluster, sample.

use std::collections::HashSet;

use crate::error::{Code, Error, Result};
use crate::features::{DenseRows, Modality};
use crate::linalg::{
    Block, Channel, KMeans, KMeansOptions, SilhouetteSample, Similarity, TopKOptions, kmeans, top_k,
};
use crate::matching::{OneToOne, Pair};
use crate::ops::spec::{Auto, Variant};
use crate::psqe::weights::Resolved;
use crate::psqe::{Evidence, SeedSet, Stage};
use crate::task::Task;

/// How [`cluster`] proceeds.
#[derive(Clone, Copy, Debug)]
pub struct ClusterOptions<'a> {
    /// Number of clusters; `Auto` takes the one of 2..=8 with the best silhouette on a sample.
    pub k: Auto<usize>,
    /// Seeds asked for, over all clusters.
    pub count: usize,
    /// Text or code; see [`cluster`].
    pub variant: Variant,
    /// Random seed of k-means++ and of the silhouette's sample.
    pub seed: u64,
    /// Centres to begin with, `k × columns`, in place of k-means++ (for comparison with other systems).
    pub init: Option<&'a [f32]>,
}

/// What the clusters were.
#[derive(Clone, Debug, PartialEq)]
pub struct Clustering {
    /// Cluster of every left entity, then of every right entity.
    pub labels: Vec<u32>,
    /// Number of clusters.
    pub k: usize,
    /// Their centres, `k × columns` of the fused vectors.
    pub centres: Vec<f32>,
    /// Iterations of k-means.
    pub iterations: usize,
    /// Mean silhouette for every k tried, if k was chosen.
    pub silhouettes: Vec<(usize, f64)>,
    /// Per cluster: left entities, right entities, quota, seeds found.
    pub clusters: Vec<(usize, usize, usize, usize)>,
}

/// Rows of the silhouette's sample.
const SILHOUETTE_ROWS: usize = 2_000;

/// The reference looks at no more than this many pairs for each seed of a quota.
pub(super) const REFERENCE_PAIRS: usize = 100;

/// Partners of an entity that are looked up at first: only the best pairs of a cluster become seeds, and of the
/// 48 partners of a kept list at least four are of the same cluster, as a rule.
const FIRST: usize = 4;

/// PSQE stage I (section 4.1): entities of both sides, as fused vectors, fall into k clusters; each
/// cluster gives seeds in proportion to its size, best first, one-to-one. Seeds come by cluster, then
/// by falling score.
///
/// The fused vector puts the modalities side by side, each times its factor
/// ([`Resolved::vector_factors`]); `visual` as given, others brought to norm 1.
/// - [`Variant::Paper`]: within a cluster pairs are ranked by the dot product of fused vectors over
///   unit rows, under the evidence's rule for missing rows.
/// - [`Variant::Reference`]: by the plain dot product of all modalities but `visual`, as given and
///   unweighted, and only the 100 · quota best pairs are looked at. Modalities of weight 0 are left out.
pub fn cluster(
    evidence: &Evidence<'_>,
    weights: &Resolved,
    options: &ClusterOptions<'_>,
    task: &Task,
) -> Result<(SeedSet, Clustering)> {
    let (n, m) = (evidence.left_len(), evidence.right_len());
    if options.count == 0 {
        return Err(Error::new(Code::OutOfRange, "0 seeds were asked for").help("give n=1000, say"));
    }
    if let Auto::Fixed(k) = options.k
        && (k == 0 || k > n + m)
    {
        return Err(Error::new(Code::OutOfRange, format!("{k} clusters of {} entities", n + m))
            .help("k from 2 to 8 is usual"));
    }
    let factors = weights.vector_factors();
    let (found, k, silhouettes) = clusters(&blocks(evidence, &factors), n + m, options, task)?;
    let (on, base) = ranking_of(evidence, weights, options.variant)?;
    let channels = evidence.channels(&on);
    let mut admitted = Vec::new();
    let mut sizes = Vec::with_capacity(k);
    for number in 0..k as u32 {
        task.phase(format!("pairing within cluster {}", number + 1), None);
        let members = |labels: &[u32]| -> Vec<u32> {
            (0u32..).zip(labels).filter(|&(_, &label)| label == number).map(|(id, _)| id).collect()
        };
        let (left, right) = (members(&found.labels[..n]), members(&found.labels[n..]));
        let quota = (options.count as u128 * (left.len() + right.len()) as u128 / (n + m) as u128) as usize;
        let rows = TopKOptions { left_rows: Some(&left), right_rows: Some(&right), ..base };
        let pairs = if quota == 0 || left.is_empty() || right.is_empty() {
            Vec::new()
        } else if options.variant != Variant::Reference {
            let first = TopKOptions { k: FIRST, ..rows };
            let near = evidence.top_k(&on, &first, task)?.left;
            let greedy = OneToOne { count: quota, ..OneToOne::default() };
            greedy.pairs_from(Some(&near), &channels, &rows, task)?
        } else {
            one_to_one(best_pairs(&channels, &rows, quota.saturating_mul(REFERENCE_PAIRS), task)?, quota)
        };
        sizes.push((left.len(), right.len(), quota, pairs.len()));
        admitted.extend(pairs.into_iter().map(|p| (p.left, p.right, p.score, Stage::Cluster(number))));
    }
    let seeds = SeedSet::admitted(evidence, admitted)?;
    let KMeans { labels, centroids, iterations, .. } = found;
    Ok((seeds, Clustering { labels, k, centres: centroids, iterations, silhouettes, clusters: sizes }))
}

/// Whether centres are as wide as the fused vectors of the evidence under these weights, and not more than
/// its rows, so that [`cluster`] can begin with them.
pub fn fits(evidence: &Evidence<'_>, weights: &Resolved, centres: DenseRows<'_>) -> bool {
    let blocks = blocks(evidence, &weights.vector_factors());
    let width: usize = blocks.iter().map(|block| block.left.rows.cols()).sum();
    let count = centres.data.len().checked_div(centres.cols).unwrap_or(0);
    width == centres.cols && (1..=evidence.left_len() + evidence.right_len()).contains(&count)
}

/// The columns of the fused vectors; what has factor 0 is left out.
fn blocks<'e>(evidence: &'e Evidence<'_>, factors: &[f32]) -> Vec<Block<'e>> {
    let of = |(i, modality): (usize, &Modality)| {
        let (left, right) = evidence.features(i);
        Block { weight: factors[i], normalise: modality.as_str() != "visual", left, right }
    };
    let parts = evidence.modalities().enumerate().map(of);
    parts.filter(|block| block.weight > 0.0).collect()
}

/// Mean silhouette for every k tried.
type Silhouettes = Vec<(usize, f64)>;

/// k-means with the k asked for, or with the k of 2..=8 whose silhouette is best (the least of equals).
fn clusters(
    blocks: &[Block<'_>],
    rows: usize,
    options: &ClusterOptions<'_>,
    task: &Task,
) -> Result<(KMeans, usize, Silhouettes)> {
    let with = |k: usize| {
        task.phase(format!("clustering into {k}"), None);
        let how = KMeansOptions { k, seed: options.seed, init: options.init, ..KMeansOptions::default() };
        kmeans(blocks, &how, task)
    };
    match options.k {
        Auto::Fixed(k) => Ok((with(k)?, k, Vec::new())),
        Auto::Auto if rows < 3 => Ok((with(1)?, 1, Vec::new())),
        Auto::Auto => {
            let sample = SilhouetteSample::new(blocks, SILHOUETTE_ROWS, options.seed, task)?;
            let mut best: Option<(KMeans, usize, f64)> = None;
            let mut tried = Vec::new();
            for k in 2..=8.min(rows - 1) {
                let found = with(k)?;
                let score = sample.score(&found.labels, k);
                tried.push((k, score));
                if best.as_ref().is_none_or(|(_, _, best)| score > *best) {
                    best = Some((found, k, score));
                }
            }
            match best {
                Some((found, k, _)) => Ok((found, k, tried)),
                None => Ok((with(1)?, 1, tried)),
            }
        }
    }
}

/// The weights of the similarities that rank pairs within a cluster, and how.
fn ranking_of<'e>(
    evidence: &'e Evidence<'_>,
    weights: &Resolved,
    variant: Variant,
) -> Result<(Vec<f32>, TopKOptions<'e>)> {
    match variant {
        Variant::Paper | Variant::Seedbed => Ok((weights.similarity_factors(), evidence.options())),
        Variant::Reference => {
            let on = |(modality, &factor): (&Modality, &f32)| {
                if modality.as_str() != "visual" && factor > 0.0 { 1.0 } else { 0.0 }
            };
            let factors = weights.vector_factors();
            let plain: Vec<f32> = evidence.modalities().zip(&factors).map(on).collect();
            if plain.iter().all(|factor| *factor == 0.0) {
                return Err(Error::new(
                    Code::MissingData,
                    "variant=reference ranks pairs without images, and no other modality takes part",
                )
                .help("give a relation or attribute modality a weight, or use variant=paper"));
            }
            let options =
                TopKOptions { similarity: Similarity::Dot, renormalise: false, ..evidence.options() };
            Ok((plain, options))
        }
    }
}

/// The `count` best pairs, exactly, by falling score, then left, then right.
///
/// Rows whose list is full to a score that still counts are looked up again, deeper.
pub(super) fn best_pairs(
    channels: &[Channel<'_>],
    options: &TopKOptions<'_>,
    count: usize,
    task: &Task,
) -> Result<Vec<Pair>> {
    let (lefts, width) = (options.left_rows.unwrap_or_default(), options.right_rows.map_or(0, <[u32]>::len));
    let mut rows: Vec<u32> = lefts.to_vec();
    let mut depth = (2 * count / lefts.len().max(1)).max(64);
    let mut pairs: Vec<Pair> = Vec::new();
    loop {
        let k = depth.min(width);
        let wanted = TopKOptions { k, left_rows: Some(&rows), both: false, means: None, ..*options };
        let found = top_k(channels, &wanted, task)?.left;
        let mut last = Vec::new();
        for (place, &left) in rows.iter().enumerate() {
            let list = found.row(place).map(|(right, score)| Pair { left, right, score: score + 0.0 });
            let before = pairs.len();
            pairs.extend(list);
            if k < width && pairs.len() - before == k {
                last.push((left, pairs[pairs.len() - 1].score));
            }
        }
        let order = |a: &Pair, b: &Pair| {
            b.score.total_cmp(&a.score).then(a.left.cmp(&b.left)).then(a.right.cmp(&b.right))
        };
        pairs.sort_unstable_by(order);
        pairs.truncate(count);
        let least = if pairs.len() < count { f32::NEG_INFINITY } else { pairs[pairs.len() - 1].score };
        rows = last.into_iter().filter(|&(_, score)| score >= least).map(|(left, _)| left).collect();
        if rows.is_empty() {
            return Ok(pairs);
        }
        let again: HashSet<u32> = rows.iter().copied().collect();
        pairs.retain(|pair| !again.contains(&pair.left));
        depth = depth.saturating_mul(4);
    }
}

/// The first `count` of sorted pairs, each taken if neither end is taken yet.
pub(super) fn one_to_one(pairs: Vec<Pair>, count: usize) -> Vec<Pair> {
    let (mut left, mut right) = (HashSet::new(), HashSet::new());
    let free = |pair: &Pair| {
        let free = !left.contains(&pair.left) && !right.contains(&pair.right);
        free && left.insert(pair.left) && right.insert(pair.right)
    };
    pairs.into_iter().filter(free).take(count).collect()
}

/// Cluster of every left and of every right entity, as stage I would make them.
pub fn labels(
    evidence: &Evidence<'_>,
    weights: &Resolved,
    k: usize,
    seed: u64,
    task: &Task,
) -> Result<(Vec<u32>, Vec<u32>)> {
    task.phase(format!("clustering into {k}"), None);
    let k = k.min(evidence.left_len() + evidence.right_len());
    let how = KMeansOptions { k, seed, ..KMeansOptions::default() };
    let mut left = kmeans(&blocks(evidence, &weights.vector_factors()), &how, task)?.labels;
    let right = left.split_off(evidence.left_len());
    Ok((left, right))
}
