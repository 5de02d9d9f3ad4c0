//! PSQE stage I: fuse, cluster, sample.

use crate::error::Result;
use crate::ops::spec::{Auto, Variant};
use crate::psqe::weights::Resolved;
use crate::psqe::{Evidence, SeedSet};
use crate::task::Task;

/// How [`cluster`] proceeds.
#[derive(Clone, Copy, Debug)]
pub struct ClusterOptions<'a> {
    /// Number of clusters; `Auto` takes the one of 2..=8 with the best silhouette on a sample.
    pub k: Auto<usize>,
    /// Seeds asked for, over all clusters.
    pub count: usize,
    /// Text or code.
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
    /// Iterations of k-means.
    pub iterations: usize,
    /// Mean silhouette for every k tried, if k was chosen.
    pub silhouettes: Vec<(usize, f64)>,
    /// Per cluster: left entities, right entities, quota, seeds found.
    pub clusters: Vec<(usize, usize, usize, usize)>,
}

/// Stage I.
pub fn cluster(
    _evidence: &Evidence<'_>,
    _weights: &Resolved,
    _options: &ClusterOptions<'_>,
    _task: &Task,
) -> Result<(SeedSet, Clustering)> {
    todo!()
}
