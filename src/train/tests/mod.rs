//! Goldens, gradients against differences, and the same bytes on any number of threads.

mod attention;
mod contrast;
pub(crate) mod data;
mod field;
mod linear;
