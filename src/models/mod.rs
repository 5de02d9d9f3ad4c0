//! Five aligners: networks that put the entities of two graphs into one space, trained on pairs.
//!
//! A model is one file: how vectors of modalities are made, fused and contrasted. [`Trainer`] runs any of
//! them: batches, steps, held-out pairs, pairs the model finds itself, a state that goes on bit for bit.
//! [`registry`] tells what there is, [`names`] what the authors' code calls the parameters.
//!
//! Where text and authors' code differ, each model's page says so, and
//! [`Variant::Reference`](crate::ops::spec::Variant) does as the code does. One thing holds for all: an
//! entity without a modality has it masked out of weights, attention and losses, where the references
//! fill in random or mean vectors (under the reference variant here: the mean).
//!
//! Only the batch's receptive field is computed. Results are the same bytes for any number of threads.
//! This layer knows graphs, features and tensors, and must not know the store or the language.

mod curriculum;
mod embeddings;
mod encoders;
mod eva;
mod fusion;
mod inputs;
mod mclea;
mod meaformer;
mod mpsea;
pub mod names;
mod numeric;
mod options;
mod outlook;
mod pcmea;
mod pseudo;
pub mod registry;
mod state;
pub mod tensors;
#[cfg(test)]
mod tests;
mod trainer;

use candle_core::{Result as Candle, Tensor};

use crate::error::{Code, Error, Result};
use crate::train::{Parameter, Params};

pub use crate::ops::spec::Architecture as Model;
pub use embeddings::Embeddings;
pub use inputs::{Inputs, ModalInput, Numbers, View};
pub use options::{Iterate, Options, Parts};
pub use state::TrainState;
pub use trainer::{EpochReport, Trainer};

impl Model {
    fn build(self, inputs: &Inputs, options: &Options) -> Box<dyn Aligner> {
        match self {
            Model::Eva => Box::new(eva::Eva::new(inputs, options)),
            Model::Mclea => Box::new(mclea::Mclea::new(inputs, options)),
            Model::Meaformer => Box::new(meaformer::Meaformer::new(inputs, options)),
            Model::Pcmea => Box::new(pcmea::Pcmea::new(inputs, options)),
            Model::Mpsea => Box::new(mpsea::Mpsea::new(inputs, options)),
        }
    }
}

/// The loss of one batch.
struct Loss {
    /// What is minimised, a scalar on the tape.
    total: Tensor,
    /// Its parts as [`Aligner::parts`] names them.
    parts: Vec<f64>,
}

impl Loss {
    /// A total with parts that stand in these vectors.
    fn new(total: Tensor, parts: &[&Tensor]) -> Result<Loss> {
        let read = |part: &&Tensor| part.flatten_all()?.to_vec1::<f32>();
        let read = parts.iter().map(read).collect::<Candle<Vec<_>>>().map_err(refused)?;
        Ok(Loss { total, parts: read.concat().into_iter().map(f64::from).collect() })
    }
}

/// Vectors of some rows.
struct Vectors {
    /// For each modality `[rows, width]`, as they leave the network.
    parts: Vec<Tensor>,
    /// `[rows, modalities]`, each row of length 1: joint vectors are unit vectors times these.
    weights: Tensor,
}

/// What a loss may depend on besides parameters and rows.
struct Step<'a> {
    /// A permutation of the batch's rows, drawn anew for each step.
    shuffled: &'a [u32],
    /// The momentum copy of the parameters, once there is one.
    momentum: Option<&'a Params>,
}

/// One architecture.
trait Aligner: Send + Sync {
    /// The maps it begins with.
    fn encoders(&self) -> &encoders::Encoders;

    /// Names of the modalities it fuses.
    fn modalities(&self) -> Vec<String> {
        self.encoders().names()
    }

    /// Fresh parameters, in an order that never changes.
    fn parameters(&self) -> Vec<Parameter>;

    /// Names of the parts of its loss.
    fn parts(&self) -> Vec<String>;

    /// The loss of a batch: the view's rows are left ends, then right ends.
    fn loss(&self, params: &Params, view: &View<'_>, step: &Step<'_>) -> Result<Loss>;

    /// Vectors of the view's rows.
    fn vectors(&self, params: &Params, view: &View<'_>) -> Result<Vectors>;
}

/// What the tape or its device refused, as our error.
fn refused(cause: candle_core::Error) -> Error {
    let text = cause.to_string();
    let first = text.lines().next().unwrap_or("");
    let full = text.contains("OUT_OF_MEMORY") || text.contains("out of memory");
    let error = match full {
        true => Error::new(Code::Limit, "the device has too little memory for this")
            .help("take smaller batches, or device='cpu'"),
        false => Error::new(Code::Internal, format!("training: {first}")).help("please report this message"),
    };
    error.because(cause)
}
