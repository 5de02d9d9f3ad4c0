//! The sparse product of a graph convolution (Kipf and Welling): weighted sums over neighbours.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, Layout, Result as Candle, Shape, Tensor};
use rayon::prelude::*;

use super::bipartite::Bipartite;
use super::real::axpy;
use super::tape;
use super::wide::wide;

/// Rows one task takes.
const PIECE: usize = 64;

/// Weighted sums over neighbours on the tape: `apply(h)` with `h` `[read, width]` gives
/// `[written, width]`, out_i = Σ_j a_ij h_j.
#[derive(Clone, Debug)]
pub struct Propagate {
    edges: Arc<Bipartite>,
    weights: Arc<[f32]>,
}

impl Propagate {
    /// The product with these weights, one for each of the edges' sources; see
    /// [`Neighbourhoods::normalised`](super::Neighbourhoods::normalised).
    pub fn new(edges: Arc<Bipartite>, weights: Arc<[f32]>) -> Self {
        Propagate { edges, weights }
    }

    /// Runs it; fails on shapes that do not fit.
    pub fn apply(&self, h: &Tensor) -> Candle<Tensor> {
        if h.dim(0)? != self.edges.read || self.weights.len() != self.edges.sources.len() {
            candle_core::bail!("propagate: {} rows where {} are read", h.dim(0)?, self.edges.read)
        }
        tape::on_cpu(h)?.apply_op1(self.clone())?.to_device(h.device())
    }
}

impl CustomOp1 for Propagate {
    fn name(&self) -> &'static str {
        "propagate"
    }

    fn cpu_fwd(&self, h: &CpuStorage, layout: &Layout) -> Candle<(CpuStorage, Shape)> {
        let (_, width) = layout.shape().dims2()?;
        let h = tape::slice::<f32>(self.name(), h, layout)?;
        let mut out = vec![0.0; self.edges.written * width];
        out.par_chunks_mut(PIECE * width.max(1)).enumerate().for_each(|(piece, out)| {
            wide(|| {
                for (r, out) in out.chunks_exact_mut(width).enumerate() {
                    for e in self.edges.of_written(piece * PIECE + r) {
                        let j = self.edges.sources[e] as usize;
                        axpy(self.weights[e], &h[j * width..(j + 1) * width], out);
                    }
                }
            });
        });
        Ok((CpuStorage::F32(out), Shape::from((self.edges.written, width))))
    }

    fn bwd(&self, h: &Tensor, _: &Tensor, grad: &Tensor) -> Candle<Option<Tensor>> {
        let width = h.dim(1)?;
        let mut out = vec![0.0; self.edges.read * width];
        tape::lend([grad], |[grad]| {
            out.par_chunks_mut(PIECE * width.max(1)).enumerate().for_each(|(piece, out)| {
                wide(|| {
                    for (r, out) in out.chunks_exact_mut(width).enumerate() {
                        let range = self.edges.of_read(piece * PIECE + r);
                        for (&i, &e) in self.edges.targets[range.clone()].iter().zip(&self.edges.edges[range])
                        {
                            let i = i as usize;
                            axpy(self.weights[e as usize], &grad[i * width..(i + 1) * width], out);
                        }
                    }
                });
            });
            Ok(())
        })?;
        tape::tensor(out, h.dims(), h).map(Some)
    }
}
