//! From rows to an index: grouped, linked, refined, measured.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::embedding::Embedding;
use super::graph::{Graph, OwnedLayer};
use super::hnsw::HnswRs;
use super::measure::measure;
use super::persist::IndexData;
use super::points::{Groups, Points};
use super::refine::{reached, refine};
use crate::error::{Code, Error, Result};
use crate::linalg::{Channel, check_channels};
use crate::task::Task;

/// How an index is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexOptions {
    /// Neighbours chosen for a point (M of the paper); a list holds at most twice as many, and those that
    /// keep others reachable. From 4 to 64.
    pub m: usize,
    /// Points kept while the neighbours of a point are searched (efConstruction). From 16 to 2,000.
    pub ef: usize,
}

impl Default for IndexOptions {
    fn default() -> Self {
        IndexOptions { m: 16, ef: 128 }
    }
}

/// Makes a first graph.
pub(crate) trait Rough {
    /// Layers over all points, the lowest first: `links` neighbours a point, searched at width `ef`.
    fn layers(&self, points: &Points, links: usize, ef: usize, task: &Task) -> Result<Vec<OwnedLayer>>;
}

/// Builds an index over the right side, to be searched with rows of the left one.
///
/// The result is a pure function of the arguments. Memory: one dense row an entity, and the lists.
///
/// # Errors
/// [`Code::OutOfRange`] for options out of range; [`Code::Unsupported`] for sparse modalities;
/// [`Code::BadValue`] for numbers that are not finite or features that do not fit each other;
/// [`Code::Cancelled`].
pub fn build(channels: &[Channel<'_>], options: &IndexOptions, task: &Task) -> Result<IndexData> {
    build_by(&HnswRs, channels, options, task)
}

/// [`build`] with the maker of the first graph chosen by the caller.
pub(crate) fn build_by(
    rough: &impl Rough,
    channels: &[Channel<'_>],
    options: &IndexOptions,
    task: &Task,
) -> Result<IndexData> {
    let IndexOptions { m, ef } = *options;
    if !(4..=64).contains(&m) || !(16..=2000).contains(&ef) {
        return Err(Error::new(Code::OutOfRange, format!("an index of m={m} ef={ef}"))
            .help("m is from 4 to 64, ef from 16 to 2000"));
    }
    check_channels(channels)?;
    let embedding = Embedding::new(channels.iter().map(|channel| (channel.weight, channel.right)))?;
    let scales = embedding.scales()?;
    let groups = Groups::new(&embedding, &scales);
    let points = Points::new(&embedding, &scales, &groups.representatives());
    let mut layers = match points.len() {
        0 => Vec::new(),
        // It needs to lead somewhere, no more: half the neighbours, searched with little effort.
        _ => {
            let work = AssertUnwindSafe(|| rough.layers(&points, m / 2, m, task));
            catch_unwind(work).unwrap_or_else(|_| Err(useless()))?
        }
    };
    Graph::new(layers.iter().map(OwnedLayer::view).collect()).check(points.len()).map_err(|_| useless())?;
    let repaired = refine(&mut layers, &points, m, ef, task)? as u64;
    let reached = reached(&Graph::new(layers.iter().map(OwnedLayer::view).collect()));
    let reached = reached.into_iter().filter(|&reached| reached).count() as u64;
    drop(points);
    let rows = embedding.len() as u64;
    let mut data = IndexData { rows, scales, groups, layers, measured: Vec::new(), reached, repaired };
    data.measured = measure(&data.view()?, channels, task)?;
    Ok(data)
}

fn useless() -> Error {
    Error::new(Code::Internal, "the first graph of the index could not be made")
        .help("please report this; exact search needs no index")
}
