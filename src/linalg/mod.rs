//! Numbers in, numbers out: exact blocked top-k, ranks, k-means, silhouette.
//!
//! Invariants: results are a pure function of the arguments, whatever the number of threads; the score
//! of a pair is a pure function of its two rows, whatever tile, subset or direction it is met in;
//! memory is tiles plus results, never rows × rows (but for 256 MiB of scores while lists are renewed); no NaN arises from finite input. This layer knows
//! feature rows and presence bitmaps, and must not know graphs, links, the store or the language.

mod cells;
mod centres;
mod cluster;
#[cfg(test)]
mod cluster_tests;
pub(crate) mod dot;
mod fused;
mod kept;
pub(crate) mod kernel;
mod lists;
mod marks;
mod mask;
mod pairs;
mod parted;
mod partition;
mod plusplus;
mod rank;
mod score;
mod served;
mod silhouette;
mod sorted;
#[cfg(test)]
pub(crate) mod tests;
mod tiles;
mod topk;

pub use cells::Cells;
pub(crate) use centres::{Centres, usual_cells};
pub use cluster::{Block, KMeans, KMeansOptions, kmeans};
pub(crate) use kept::KeptSide;
pub use kept::{Compared, Keeper, Kept, kept_top_k};
pub(crate) use marks::row_marks;
pub use mask::Mask;
pub(crate) use pairs::scores_of;
pub use pairs::{PairScores, pair_scores};
pub use parted::Parted;
pub use partition::{Partition, PartitionOptions, partition};
pub use rank::{Biases, Rank, ranks, ranks_under};
pub(crate) use score::SMALLEST_NORM;
pub use silhouette::{SilhouetteSample, silhouette};
pub(crate) use sorted::{merged, missing, picked};
pub use topk::{Neighbours, TopK, TopKOptions, top_k};

use crate::error::{Code, Error, Result};
use crate::features::{Feature, Rows};

/// One modality's evidence on both sides, with its weight in the score of a pair.
#[derive(Clone, Copy, Debug)]
pub struct Channel<'a> {
    /// Weight of the modality; finite, not negative.
    pub weight: f32,
    /// Rows of the left side.
    pub left: Feature<'a>,
    /// Rows of the right side, as wide as the left ones.
    pub right: Feature<'a>,
}

/// What one channel says of a pair of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Similarity {
    /// Cosine; a row of norm zero counts as missing.
    #[default]
    Cosine,
    /// The plain dot product of the rows as given.
    Dot,
}

/// Checks what every entry point needs of its channels; gives the number of left and of right rows.
pub(crate) fn check_channels(channels: &[Channel<'_>]) -> Result<(usize, usize)> {
    let Some(first) = channels.first() else {
        return Err(Error::new(Code::MissingData, "no modality to compare rows by")
            .help("name at least one modality that both sides have"));
    };
    let (left, right) = (first.left.present.len(), first.right.present.len());
    for (number, channel) in channels.iter().enumerate() {
        if !(channel.weight.is_finite() && channel.weight >= 0.0) {
            return Err(Error::new(
                Code::OutOfRange,
                format!("weight {} of modality {} is not a number from 0 up", channel.weight, number + 1),
            )
            .help("give weights that are finite and not negative"));
        }
        check_feature(&channel.left, left, number)?;
        check_feature(&channel.right, right, number)?;
        let (a, b) = (channel.left.rows.cols(), channel.right.rows.cols());
        if a != b {
            return Err(Error::new(
                Code::BadValue,
                format!("modality {} is {a} wide on the left and {b} wide on the right", number + 1),
            )
            .help("make the features of both sides in one run, so that their columns mean the same"));
        }
    }
    Ok((left, right))
}

/// Checks that a feature has `rows` rows and that its arrays fit each other.
pub(crate) fn check_feature(feature: &Feature<'_>, rows: usize, number: usize) -> Result<()> {
    let wrong = |what: String| {
        Err(Error::new(Code::BadValue, format!("modality {}: {what}", number + 1))
            .help("rebuild the features of this modality"))
    };
    if feature.present.len() != rows {
        return wrong(format!("presence of {} rows where {rows} were expected", feature.present.len()));
    }
    match feature.rows {
        Rows::Dense(dense) => {
            if dense.cols.checked_mul(rows) != Some(dense.data.len()) {
                return wrong(format!("{} numbers for {rows} rows of {}", dense.data.len(), dense.cols));
            }
        }
        Rows::Sparse(sparse) => {
            let stored = sparse.indices.len();
            let fits = sparse.indptr.len() == rows + 1
                && sparse.indptr.first() == Some(&0)
                && sparse.indptr.last() == Some(&(stored as u64))
                && sparse.indptr.is_sorted()
                && sparse.values.len() == stored
                && sparse.indices.iter().all(|&column| (column as usize) < sparse.cols);
            if !fits {
                return wrong(format!("sparse rows that do not fit {rows} rows of {}", sparse.cols));
            }
        }
    }
    Ok(())
}

/// Checks that every id is below `rows`; `side` names them in the message.
pub(crate) fn check_ids(ids: &[u32], rows: usize, side: &str) -> Result<()> {
    match ids.iter().find(|&&id| id as usize >= rows) {
        Some(id) => {
            Err(Error::new(Code::OutOfRange, format!("{side} row {id} does not exist: there are {rows}")))
        }
        None => Ok(()),
    }
}
