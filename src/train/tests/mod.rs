//! Goldens, gradients against differences, and the same bytes on any number of threads.

mod attention;
mod attention_cu;
mod contrast;
pub(crate) mod data;
mod field;
mod layers;
mod linear;
mod modal;
mod strips;
