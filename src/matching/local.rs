//! What CSLS takes off scores.

use crate::error::{Code, Error, Result};
use crate::linalg::{Biases, Channel, TopK, TopKOptions, top_k};
use crate::task::Task;

/// What CSLS takes off: half the mean of the k largest similarities of each row.
pub(crate) struct LocalMeans {
    left: Vec<f32>,
    right: Vec<f32>,
}

impl LocalMeans {
    /// Over the rows that take part under `options`; others get 0. Fails on k = 0.
    pub(crate) fn new(
        channels: &[Channel<'_>],
        options: &TopKOptions<'_>,
        k: usize,
        task: &Task,
    ) -> Result<Self> {
        Self::found_by(channels, options, k, task, &|wanted| top_k(channels, wanted, task))
    }

    /// The same with another way to search.
    pub(crate) fn found_by(
        channels: &[Channel<'_>],
        options: &TopKOptions<'_>,
        k: usize,
        task: &Task,
        search: &dyn Fn(&TopKOptions<'_>) -> Result<TopK>,
    ) -> Result<Self> {
        if k == 0 {
            return Err(Error::new(Code::OutOfRange, "csls=0 has no neighbours to take a mean of")
                .help("give csls=3 or csls=10, or leave it out for the plain similarity"));
        }
        task.phase("local means", None);
        let found = search(&TopKOptions { k: 1, means: Some(k), both: true, ..*options })?;
        let halves = |means: Option<Vec<f32>>, rows: Option<&[u32]>, len: usize| {
            let means = means.unwrap_or_default();
            let mut out = vec![0.0; len];
            for (place, mean) in means.iter().enumerate() {
                out[rows.map_or(place, |rows| rows[place] as usize)] = -0.5 * mean;
            }
            out
        };
        let (n, m) = channels.first().map_or((0, 0), |c| (c.left.present.len(), c.right.present.len()));
        Ok(LocalMeans {
            left: halves(found.left_means, options.left_rows, n),
            right: halves(found.right_means, options.right_rows, m),
        })
    }

    /// The biases.
    pub(crate) fn biases(&self) -> Biases<'_> {
        Biases { left: Some(&self.left), right: Some(&self.right) }
    }

    /// `options` with the biases in place.
    pub(crate) fn options<'a>(&'a self, options: &TopKOptions<'a>) -> TopKOptions<'a> {
        TopKOptions { left_bias: Some(&self.left), right_bias: Some(&self.right), ..*options }
    }
}
