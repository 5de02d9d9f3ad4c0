//! From candidate scores to links.
//!
//! Purpose: one-to-one by falling score, mutual nearest, or each row's best, plain or under CSLS.
//! Invariants: links come by falling score, then left, then right; the greedy matching is that of all
//! pairs, however few of them were in memory at a time. It sees channels and numbers; it must not know
//! graphs, the store or the language.

mod align;
mod one_to_one;

pub(crate) use align::LocalMeans;
pub use align::{AlignOptions, Links, align};
pub use one_to_one::{OneToOne, Pair};
