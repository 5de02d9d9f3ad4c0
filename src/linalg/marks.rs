//! What tells whether a row is as it was.

use rayon::prelude::*;

use super::Channel;
use crate::features::Feature;

/// A mark of the content of every row of one side, over all channels.
pub(crate) fn row_marks(channels: &[Channel<'_>], side: for<'a> fn(&Channel<'a>) -> Feature<'a>) -> Vec<u64> {
    let features: Vec<Feature<'_>> = channels.iter().map(side).collect();
    let mark = |row: usize| {
        let mut hasher = blake3::Hasher::new();
        for feature in &features {
            let present = feature.present.get(row);
            hasher.update(&[u8::from(present)]);
            if present {
                feature.rows.bytes(row, |bytes| _ = hasher.update(bytes));
            }
        }
        hasher.finalize().as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
    };
    let rows = features.first().map_or(0, |feature| feature.present.len());
    (0..rows).into_par_iter().map(mark).collect()
}
