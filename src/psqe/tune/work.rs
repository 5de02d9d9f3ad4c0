//! What tuning costs, before any of it is done.

use super::encoder::Encoder;
use super::options::TuneOptions;
use super::plan::Plan;

/// What an epoch costs; see [`super::Tuner::work`].
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Work {
    /// Pairs of a batch.
    pub pairs: usize,
    /// Rows that a batch reads of the structural modality: its field.
    pub read: usize,
    /// Additions and multiplications.
    pub operations: f64,
    /// Memory beside the features, in bytes.
    pub bytes: u64,
}

impl Work {
    /// The cost of one batch, modality by modality.
    pub(crate) fn of_batch<'e, 'a: 'e>(
        pairs: usize,
        options: &TuneOptions,
        modalities: impl Iterator<Item = (&'e Encoder<'a>, &'e Option<Plan>)>,
    ) -> Work {
        let (hidden, heads) = (options.hidden, options.heads);
        let mut work = Work { pairs, ..Work::default() };
        for (encoder, plan) in modalities {
            let Some(plan) = plan else { continue };
            let (rows, cols) = (plan.field.rows.len(), encoder.rows.cols());
            let edges: usize = plan.field.layers.iter().map(|layer| layer.sources.len()).sum();
            if encoder.layers > 0 {
                work.read = rows;
            }
            // Multiply-adds. The affine map: forward, and once more for the gradient. Attention: its backward
            // pass goes over the edges thrice. The loss: half of its tiles, the others being their mirror
            // images, are made twice, and all multiplied once.
            let loss = 2 * plan.places.len() * plan.places.len();
            let all = 2 * rows * cols + 4 * edges * heads + loss;
            work.operations += 2.0 * all as f64 * hidden as f64;
            // What each layer read, its gradient, and the vectors of the loss; parameters with their moments.
            let held = 2 * (encoder.layers + 2) * rows * hidden + 4 * cols * hidden;
            work.bytes = work.bytes.max(4 * held as u64);
        }
        work
    }

    /// So many batches one after the other.
    pub(crate) fn times(self, batches: usize) -> Work {
        Work { operations: self.operations * batches as f64, ..self }
    }
}
