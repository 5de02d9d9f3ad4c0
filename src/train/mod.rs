//! What training needs: custom operations with hand-written gradients, parameters, an optimiser.
//!
//! Each operation is a pair of plain functions over slices (`forward`, `backward`) and a thin wrapper
//! that puts the pair on candle's tape; [`crate::psqe::tune`] calls the slices on the CPU and the wrappers
//! on a GPU, an aligner the wrappers. On a GPU the wrappers are kernels of ours (`attention.cu`) or
//! candle's tensor operations; those run on the CPU too, which is how they are tested without a GPU.
//!
//! Invariants: results are the same bytes for any number of threads (work is cut into pieces of fixed
//! size and sums have a fixed order); nothing is quadratic in the rows of a graph; a gradient is
//! computed only where somebody wants it. This layer knows graphs and feature rows, and must not know
//! the store, the language or any one model.

pub mod adamw;
pub mod affine;
pub mod attention;
#[cfg(feature = "cuda")]
mod attention_cuda;
mod attention_op;
#[cfg(any(test, feature = "cuda"))]
mod attention_sums;
mod bipartite;
pub mod contrast;
mod contrast_strips;
pub mod edge_softmax;
pub mod elu;
mod exp;
pub mod field;
mod gelu;
pub(crate) mod gemm;
pub mod layer_norm;
pub mod linear;
mod linear_op;
pub mod modal_contrast;
mod modal_contrast_op;
mod modal_contrast_slopes;
pub mod nca;
pub mod normalise;
pub mod params;
mod pick;
mod propagate;
mod real;
mod run;
pub mod schedule;
mod spaces;
pub(crate) mod tape;
#[cfg(test)]
pub(crate) mod tests;
pub mod tokens;
mod tokens_op;
mod warm;
mod wide;

pub use adamw::{AdamOptions, AdamState, AdamW, Moments};
pub use affine::Affine;
pub use attention_op::Attention;
pub use bipartite::Bipartite;
pub use contrast::Contrast;
pub use contrast_strips::StripContrast;
pub use edge_softmax::EdgeSoftmax;
pub use elu::Elu;
pub use field::{Field, Neighbourhoods};
pub use gelu::Gelu;
pub use layer_norm::LayerNorm;
pub use linear::{ConstantRows, Fill};
pub use linear_op::{ConstantLinear, FeaturePair};
pub use modal_contrast::ModalContrast;
pub use nca::Nca;
pub use normalise::Normalise;
pub use params::{Init, Parameter, Params};
pub use pick::Pick;
pub use propagate::Propagate;
pub use real::Real;
pub use run::{Best, Embedding, EpochLoss, hold_out};
pub use schedule::{Schedule, Shape};
pub use tokens::Tokens;
pub(crate) use warm::{Grown, warmed};
