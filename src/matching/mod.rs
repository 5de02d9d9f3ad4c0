//! From candidate scores to links.
//!
//! Purpose: links by falling score, mutual nearest, each row's best, of greatest total or by transport, from
//! similarities as they are or rescaled; and which entities stay without. Invariants: links come by falling
//! score, then left, then right; what is said to hold for all pairs does, however few of them were in memory
//! at a time. It sees channels and numbers; it must not know graphs, the store or the language.

mod align;
mod assignment;
mod candidates;
mod links;
mod local;
mod one_to_one;
mod rinf;
mod sinkhorn;
#[cfg(test)]
mod tests;
mod threshold;

pub(crate) use align::ALL_PAIRS;
pub use align::{AlignOptions, Alignment, Guarantee, align};
pub(crate) use assignment::{Floor, assign, assign_among};
pub(crate) use candidates::{Candidates, Rule};
pub use links::{Links, Unmatched, Why};
pub(crate) use local::LocalMeans;
pub use one_to_one::{OneToOne, Pair};
pub(crate) use rinf::rinf;
pub use sinkhorn::SinkhornOptions;
pub(crate) use sinkhorn::sinkhorn;
pub use threshold::Cut;
pub(crate) use threshold::{cut, wrong_shares};
