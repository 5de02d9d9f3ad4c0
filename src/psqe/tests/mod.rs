//! Goldens, naive oracles, and figures on real data.

pub(crate) mod data;
mod figures;
mod goldens;
mod oracles;
