//! File formats that users bring and take away.
//!
//! Readers of whole pairs stream their files into [`crate::kg::GraphBuilder`]s and give plain values;
//! nothing here knows of the store, so an import that fails has touched nothing. A line that breaks
//! its format is an error with file, line number, the line, what was expected and a remedy; a lenient
//! import skips and counts such lines instead. Decompression and lines are bounded in memory.

pub(crate) mod dbp15k;
mod diff;
pub mod dump;
pub mod export;
mod fields;
mod folder;
mod jape;
pub mod lines;
pub mod links;
mod literals;
mod lookup;
mod markup;
pub mod matrix;
mod mmkg;
mod new_folder;
mod openea;
pub mod pair;
pub mod pictures;
mod prefixes;
mod rdf;
mod reading;
pub mod report;
mod sheet;
mod tables;
mod translated;
mod xml;

pub use diff::{Diff, read_diff, read_graph};
pub(crate) use literals::datatype;
pub use markup::{latex_text, markdown_text};
pub use new_folder::{Listed, NewFolder};
pub use pair::{PairSource, read_pair};
pub use report::{ImportReport, LinkCounts, Lint, LintKind, SideCounts, Skipped};
