//! All of some rows compared, at the speed of memory: which may be among the best.
//!
//! Similarities computed here are not the bits of exact search, but as near to the true sums: both add up at
//! most `width` products, whose sizes sum to Σ wₘ at most (Cauchy–Schwarz over unit rows), in 32 bits. Rows
//! that rounding leaves in doubt are all given, so that exact search over those gives what it gives over all.

use rayon::prelude::*;

use super::embedding::{Embedding, Query};
use crate::error::Result;

/// Rows of which a thread takes the next many.
const STEP: usize = 1024;

/// Those of the rows that may be among the best `k`, by rows and the factors of each (see
/// [`Embedding::scales`]); rows that share no modality with the query are never given.
pub(super) fn contenders<S: AsRef<[f32]>>(
    embedding: &Embedding<'_>,
    query: &Query,
    rows: &[u32],
    scales: impl Fn(u32) -> Result<S> + Sync,
    k: usize,
) -> Result<Vec<u32>> {
    let similarity = |&row: &u32| Ok(embedding.similarity(row, scales(row)?.as_ref(), query));
    let similarities = rows.par_iter().with_min_len(STEP).map(similarity).collect::<Result<Vec<f32>>>()?;
    let mut least = f32::MIN;
    if k > 0 && k < rows.len() {
        let mut ordered = similarities.clone();
        let (_, kth, _) = ordered.select_nth_unstable_by(k - 1, |a, b| b.total_cmp(a));
        least = (*kth - embedding.doubt()).max(f32::MIN);
    }
    let near = rows.iter().zip(&similarities).filter(|&(_, &similarity)| similarity >= least);
    Ok(near.map(|(&row, _)| row).collect())
}
