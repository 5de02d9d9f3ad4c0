//! What training needs: custom operations with hand-written gradients, parameters, an optimiser.
//!
//! Each operation is a pair of plain functions over slices (`forward`, `backward`) and a thin wrapper
//! that puts the pair on candle's tape; [`crate::psqe::tune`] calls the slices, an aligner the wrappers.
//!
//! Invariants: results are the same bytes for any number of threads (work is cut into pieces of fixed
//! size and sums have a fixed order); nothing is quadratic in the rows of a graph; a gradient is
//! computed only where somebody wants it. This layer knows graphs and feature rows, and must not know
//! the store, the language or any one model.

pub mod adamw;
pub mod attention;
mod attention_op;
mod bipartite;
pub mod contrast;
pub mod elu;
mod exp;
pub mod field;
mod gemm;
pub mod linear;
mod linear_op;
pub mod normalise;
pub mod params;
mod real;
pub mod schedule;
mod tape;
#[cfg(test)]
pub(crate) mod tests;
mod wide;

pub use adamw::{AdamOptions, AdamState, AdamW, Moments};
pub use attention_op::Attention;
pub use bipartite::Bipartite;
pub use contrast::Contrast;
pub use field::{Field, Neighbourhoods};
pub use linear::{ConstantRows, Fill};
pub use linear_op::{ConstantLinear, FeaturePair};
pub use normalise::Normalise;
pub use params::{Init, Parameter, Params};
pub use real::Real;
pub use schedule::{Schedule, Shape};
