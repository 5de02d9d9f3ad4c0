//! The files of a dump: what a store holds, as text and numpy arrays, for whoever has no Seedbed.
//!
//! A dump is a folder. Rows are [sheets](Line): UTF-8, one row a line, cells parted by tabs, columns
//! named by the first line. Numbers in bulk are `.npy` arrays. Each file has its length and digest in
//! [`crate::formats::Listed`], which whoever makes a dump keeps in its manifest. A folder being made has another name
//! until it is whole ([`crate::formats::NewFolder`]); one being read is believed in nothing ([`Folder`]).
//!
//! This layer knows graphs, links, verdicts and matrices; which of them a store holds, and under which
//! names, the layer above says.

mod array;
mod cell;
mod folder;
mod graph;
mod log;
mod matrix;
mod sheet;

pub use array::Number;
pub use cell::Cell;
pub use folder::Folder;
pub use graph::{read_graph, read_links, write_graph, write_links};
pub use log::{read_edits, read_verdicts, write_edits, write_verdicts};
pub use matrix::{read_feature, write_feature};
pub use sheet::{Cells, Fields, Line};
