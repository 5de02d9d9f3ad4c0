//! Goldens, naive oracles, and figures on real data.

mod data;
mod figures;
mod goldens;
mod oracles;
