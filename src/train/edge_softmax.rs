//! Softmax over a row's edges of given scores, and the weighted sum of what they lead to.
//!
//! The part of graph attention that is sparse, for layers whose maps are full matrices: with scores o_i of
//! the written row and r_j of the row read, α_ij = softmax_j LeakyReLU₀.₂(o_i + r_j) and
//! out_i = Σ_j α_ij x_j, for each head with scores of its own. (Veličković et al.; maps of the rows go
//! before or behind, W·Σ α x = Σ α W·x. Diagonal maps: [`super::attention`].)

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp3, Layout, Result as Candle, Shape, Tensor};
use rayon::prelude::*;

use super::bipartite::Bipartite;
use super::real::{Real, axpy, dot};
use super::tape;
use super::wide::wide;

/// Rows one task takes.
const PIECE: usize = 64;
/// Slope of LeakyReLU below zero.
const SLOPE: f64 = 0.2;

/// The operation on the tape; the heads' sums stand side by side in a row.
#[derive(Clone, Debug)]
pub struct EdgeSoftmax {
    edges: Arc<Bipartite>,
}

/// Arguments of one call: `own` is `written × heads`, `other` `read × heads`, `values` `read × width`.
#[derive(Clone, Copy, Debug)]
pub struct Arguments<'a, T> {
    /// Scores of the written rows.
    pub own: &'a [T],
    /// Scores of the rows read.
    pub other: &'a [T],
    /// Rows that every head sums.
    pub values: &'a [T],
    /// Number of heads.
    pub heads: usize,
}

impl<T: Real> Arguments<'_, T> {
    fn width(&self, edges: &Bipartite) -> usize {
        self.values.len() / edges.read.max(1)
    }

    /// α of row `i`'s edges, edge by edge, and if wanted the slope of each exponent.
    #[inline(always)]
    fn weigh(&self, edges: &Bipartite, i: usize, alpha: &mut [T], mut slope: Option<&mut [T]>) {
        let (heads, sources) = (self.heads, &edges.sources[edges.of_written(i)]);
        for k in 0..heads {
            let own = self.own[i * heads + k];
            let mut top = None::<T>;
            for (e, &j) in sources.iter().enumerate() {
                let sum = own + self.other[j as usize * heads + k];
                let steep = if sum > T::ZERO { T::ONE } else { T::of(SLOPE) };
                let x = steep * sum;
                alpha[e * heads + k] = x;
                if let Some(slope) = &mut slope {
                    slope[e * heads + k] = steep;
                }
                top = Some(match top {
                    Some(top) if top >= x => top,
                    _ => x,
                });
            }
            let top = top.unwrap_or(T::ZERO);
            let mut total = T::ZERO;
            for alpha in alpha.iter_mut().skip(k).step_by(heads) {
                *alpha = (*alpha - top).power();
                total += *alpha;
            }
            alpha.iter_mut().skip(k).step_by(heads).for_each(|alpha| *alpha /= total);
        }
    }
}

/// The weighted sums, `written × heads·width`.
pub fn forward<T: Real>(edges: &Bipartite, call: &Arguments<'_, T>) -> Vec<T> {
    let (heads, width) = (call.heads, call.width(edges));
    let row = heads * width;
    let mut out = vec![T::ZERO; edges.written * row];
    out.par_chunks_mut(PIECE * row.max(1)).enumerate().for_each(|(piece, out)| {
        wide(|| {
            let mut alpha = Vec::new();
            for (r, out) in out.chunks_exact_mut(row).enumerate() {
                let i = piece * PIECE + r;
                let sources = &edges.sources[edges.of_written(i)];
                alpha.clear();
                alpha.resize(sources.len() * heads, T::ZERO);
                call.weigh(edges, i, &mut alpha, None);
                for (&j, alpha) in sources.iter().zip(alpha.chunks_exact(heads)) {
                    let values = &call.values[j as usize * width..(j as usize + 1) * width];
                    for (out, &alpha) in out.chunks_exact_mut(width).zip(alpha) {
                        axpy(alpha, values, out);
                    }
                }
            }
        });
    });
    out
}

/// Gradients of Σ grad⊙out by `own`, `other` and `values`.
pub fn backward<T: Real>(edges: &Bipartite, call: &Arguments<'_, T>, grad: &[T]) -> [Vec<T>; 3] {
    let (heads, width) = (call.heads, call.width(edges));
    let row = heads * width;
    // By written row: α and the gradient of the sum of scores, for every edge and head.
    let parts: Vec<(Vec<T>, Vec<T>, Vec<T>)> = (0..edges.written)
        .collect::<Vec<_>>()
        .par_chunks(PIECE)
        .map(|rows| {
            wide(|| {
                let (mut all_alpha, mut all_slope, mut all_own) = (Vec::new(), Vec::new(), Vec::new());
                for &i in rows {
                    let sources = &edges.sources[edges.of_written(i)];
                    let mut alpha = vec![T::ZERO; sources.len() * heads];
                    let mut slope = alpha.clone();
                    call.weigh(edges, i, &mut alpha, Some(&mut slope));
                    let mut gains = vec![T::ZERO; alpha.len()];
                    let (mut mean, mut own) = (vec![T::ZERO; heads], vec![T::ZERO; heads]);
                    for (e, &j) in sources.iter().enumerate() {
                        let values = &call.values[j as usize * width..(j as usize + 1) * width];
                        for k in 0..heads {
                            let lanes = i * row + k * width..i * row + (k + 1) * width;
                            gains[e * heads + k] = dot(&grad[lanes], values);
                            mean[k] += alpha[e * heads + k] * gains[e * heads + k];
                        }
                    }
                    for (at, slope) in slope.iter_mut().enumerate() {
                        *slope = *slope * alpha[at] * (gains[at] - mean[at % heads]);
                        own[at % heads] += *slope;
                    }
                    all_alpha.extend(alpha);
                    all_slope.extend(slope);
                    all_own.extend(own);
                }
                (all_alpha, all_slope, all_own)
            })
        })
        .collect();
    let mut alpha = Vec::with_capacity(edges.sources.len() * heads);
    let (mut slope, mut own) = (Vec::with_capacity(alpha.capacity()), Vec::new());
    for part in parts {
        alpha.extend(part.0);
        slope.extend(part.1);
        own.extend(part.2);
    }
    // By read row: everything that flows to it.
    let mut values = vec![T::ZERO; call.values.len()];
    let mut other = vec![T::ZERO; call.other.len()];
    let rows = values.par_chunks_mut(PIECE * width.max(1)).zip(other.par_chunks_mut(PIECE * heads));
    rows.enumerate().for_each(|(piece, (values, other))| {
        wide(|| {
            let rows = values.chunks_exact_mut(width).zip(other.chunks_exact_mut(heads));
            for (r, (values, other)) in rows.enumerate() {
                let range = edges.of_read(piece * PIECE + r);
                for (&i, &e) in edges.targets[range.clone()].iter().zip(&edges.edges[range]) {
                    let from = &grad[i as usize * row..(i as usize + 1) * row];
                    for (k, from) in from.chunks_exact(width).enumerate() {
                        axpy(alpha[e as usize * heads + k], from, values);
                        other[k] += slope[e as usize * heads + k];
                    }
                }
            }
        });
    });
    [own, other, values]
}

impl EdgeSoftmax {
    /// The operation over these edges.
    pub fn new(edges: Arc<Bipartite>) -> Self {
        EdgeSoftmax { edges }
    }

    /// `own` `[written, heads]`, `other` `[read, heads]` and `values` `[read, width]`, f32, give
    /// `[written, heads·width]`. Fails on shapes that do not fit.
    pub fn apply(&self, own: &Tensor, other: &Tensor, values: &Tensor) -> Candle<Tensor> {
        let heads = own.dim(1)?;
        let fits = own.dim(0)? == self.edges.written
            && other.dims() == [self.edges.read, heads]
            && values.dims2()?.0 == self.edges.read
            && heads > 0;
        if !fits {
            candle_core::bail!("edge softmax: shapes {own:?}, {other:?}, {values:?} do not fit the edges")
        }
        let [own, other, rows] = [own, other, values].map(tape::on_cpu);
        own?.apply_op3(&other?, &rows?, self.clone())?.to_device(values.device())
    }
}

impl CustomOp3 for EdgeSoftmax {
    fn name(&self) -> &'static str {
        "edge-softmax"
    }

    fn cpu_fwd(
        &self,
        own: &CpuStorage,
        lo: &Layout,
        other: &CpuStorage,
        lr: &Layout,
        values: &CpuStorage,
        lv: &Layout,
    ) -> Candle<(CpuStorage, Shape)> {
        let (_, heads) = lo.shape().dims2()?;
        let (_, width) = lv.shape().dims2()?;
        let own = tape::slice::<f32>(self.name(), own, lo)?;
        let (other, values) = (tape::slice(self.name(), other, lr)?, tape::slice(self.name(), values, lv)?);
        let out = forward(&self.edges, &Arguments { own, other, values, heads });
        Ok((CpuStorage::F32(out), Shape::from((self.edges.written, heads * width))))
    }

    fn bwd(
        &self,
        own: &Tensor,
        other: &Tensor,
        values: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Candle<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let heads = own.dim(1)?;
        let [d_own, d_other, d_values] =
            tape::lend([own, other, values, grad], |[own, other, values, grad]: [&[f32]; 4]| {
                Ok(backward(&self.edges, &Arguments { own, other, values, heads }, grad))
            })?;
        Ok((
            Some(tape::tensor(d_own, own.dims(), own)?),
            Some(tape::tensor(d_other, other.dims(), other)?),
            Some(tape::tensor(d_values, values.dims(), values)?),
        ))
    }
}
