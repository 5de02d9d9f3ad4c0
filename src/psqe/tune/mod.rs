//! PSQE, stage II, step 1 to 3: tuning the modalities of two graphs towards each other on seeds.
//!
//! Each modality has its own small encoder (an affine map; for the structural one two layers of
//! diagonal graph attention behind it) and its own contrastive loss over the seeds; the total is their
//! sum. Where the text and the authors' code differ, [`TuneOptions::of`] gives either.
//!
//! A [`Tuner`] borrows features and owns everything else. Between two epochs its whole state is a
//! [`TuneState`], plain data; a tuner that resumes from it goes on with the very same bytes, on any
//! number of threads. An epoch that fails or is cancelled leaves the state as it was.
//!
//! [`Tuner::on`] moves the network to a device; parameters, optimiser and state stay on the CPU, so that
//! a state made on one device goes on on another.

mod device;
#[cfg(test)]
mod device_tests;
mod encoder;
mod options;
mod plan;
mod state;
#[cfg(test)]
mod tests;
mod tuner;
mod work;

pub use crate::train::{Best, Embedding, EpochLoss};
pub use options::TuneOptions;
pub use state::TuneState;
pub use tuner::{EpochReport, TuneModality, Tuner};
pub use work::Work;
