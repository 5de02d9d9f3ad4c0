//! SeedQL: text to requests.
//!
//! Three steps anyone can draw: [`tokens`] cuts text into words, [`parse`] makes a tree with spans,
//! [`bind`] turns a statement of the tree into a typed [`Request`] with parameters filled in and
//! ranges checked. The language is defined by `grammar/seedql.ebnf`; the words, options, defaults and
//! one-line docs come from one table, [`catalog`], which also feeds [`complete`], [`help`] and the
//! reference page. This layer knows no store: names are passed on as they stand.

mod params;
mod stubs;

pub use params::Params;
pub use stubs::*;
