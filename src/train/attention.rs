//! Graph attention with diagonal weights: one operation with its own gradient.
//!
//! For each head with weights `w` and attention vectors `a = [s ‖ d]`, over the edges j → i:
//! x_ij = −LeakyReLU₀.₂(s·(w⊙h_i) + d·(w⊙h_j)), α_ij = softmax_j(x_ij), out_i = Σ_j α_ij (w⊙h_j); heads
//! are averaged (PSQE, stage II; the minus sign is the reference's). Since w does not depend on j it is
//! taken out of the sum, and α is the softmax of x − max x, so no power overflows.
//!
//! Time is edges × width; memory beyond the results is a few numbers an edge. Every row is written by
//! one task, sums over rows go in pieces of a fixed number of rows that are added in order.

use rayon::prelude::*;

use super::bipartite::Bipartite;
use super::real::{Real, axpy, dot};
use super::wide::wide;
use crate::error::{Code, Error, Result};

/// Rows one task takes.
const PIECE: usize = 64;
/// Slope of LeakyReLU below zero.
const SLOPE: f64 = 0.2;

/// Weights of one layer, as slices: `w` is `heads × width`, `a` is `heads × 2·width`.
#[derive(Clone, Copy, Debug)]
pub struct Weights<'a, T> {
    /// Element-wise weights.
    pub w: &'a [T],
    /// Attention vectors.
    pub a: &'a [T],
    /// Number of heads.
    pub heads: usize,
    /// Width of a row.
    pub width: usize,
}

/// Gradients of one layer, in the shapes of its arguments; they are added to.
#[derive(Debug)]
pub struct Gradients<'a, T> {
    /// Of the rows read.
    pub h: &'a mut [T],
    /// Of the element-wise weights.
    pub w: &'a mut [T],
    /// Of the attention vectors.
    pub a: &'a mut [T],
}

/// What an edge's exponent is made of: one number a row and head for each end.
struct Scores<T> {
    /// `w ⊙ s` and `w ⊙ d`, `heads × width` each.
    own: Vec<T>,
    other: Vec<T>,
    /// s·(w⊙h_i), `written × heads`.
    written: Vec<T>,
    /// d·(w⊙h_j), `read × heads`.
    read: Vec<T>,
}

impl<T: Real> Scores<T> {
    fn new(edges: &Bipartite, h: &[T], weights: &Weights<'_, T>) -> Self {
        let Weights { w, a, heads, width } = *weights;
        let folded = |half: usize| -> Vec<T> {
            let part = |k: usize| &a[(2 * k + half) * width..(2 * k + half + 1) * width];
            (0..heads)
                .flat_map(|k| w[k * width..(k + 1) * width].iter().zip(part(k)).map(|(&w, &a)| w * a))
                .collect()
        };
        let (own, other) = (folded(0), folded(1));
        let mut scores = Scores {
            own,
            other,
            written: vec![T::ZERO; edges.written * heads],
            read: vec![T::ZERO; edges.read * heads],
        };
        for (folded, out) in [(&scores.own, &mut scores.written), (&scores.other, &mut scores.read)] {
            out.par_chunks_mut(PIECE * heads).zip(h.par_chunks(PIECE * width)).for_each(|(out, rows)| {
                wide(|| {
                    for (out, row) in out.chunks_exact_mut(heads).zip(rows.chunks_exact(width)) {
                        for (out, folded) in out.iter_mut().zip(folded.chunks_exact(width)) {
                            *out = dot(folded, row);
                        }
                    }
                });
            });
        }
        scores
    }

    /// Writes α of row `i`'s edges to `alpha` (edge by edge, `heads` numbers each) and, if wanted, the
    /// derivative of the exponent by the sum of its scores to `slope`.
    #[inline(always)]
    fn softmax(
        &self,
        edges: &Bipartite,
        i: usize,
        heads: usize,
        alpha: &mut [T],
        mut slope: Option<&mut [T]>,
    ) {
        let sources = &edges.sources[edges.of_written(i)];
        for k in 0..heads {
            let own = self.written[i * heads + k];
            let mut top = None::<T>;
            for (e, &j) in sources.iter().enumerate() {
                let sum = own + self.read[j as usize * heads + k];
                let steep = if sum > T::ZERO { T::ONE } else { T::of(SLOPE) };
                let x = T::ZERO - steep * sum;
                alpha[e * heads + k] = x;
                if let Some(slope) = &mut slope {
                    slope[e * heads + k] = T::ZERO - steep;
                }
                top = Some(match top {
                    Some(top) if top >= x => top,
                    _ => x,
                });
            }
            let top = top.unwrap_or(T::ZERO);
            let mut total = T::ZERO;
            for e in 0..sources.len() {
                let power = (alpha[e * heads + k] - top).power();
                alpha[e * heads + k] = power;
                total += power;
            }
            for e in 0..sources.len() {
                alpha[e * heads + k] /= total;
            }
        }
    }
}

/// Checks the shapes of a layer's arguments.
fn check<T>(edges: &Bipartite, h: &[T], weights: &Weights<'_, T>, written: usize) -> Result<()> {
    let Weights { w, a, heads, width } = *weights;
    let fits = heads > 0
        && width > 0
        && h.len() == edges.read * width
        && w.len() == heads * width
        && a.len() == 2 * heads * width
        && written == edges.written * width;
    if fits {
        Ok(())
    } else {
        Err(Error::new(Code::Internal, "attention: arguments that do not fit each other"))
    }
}

/// The layer: `h` `read × width` to `out` `written × width`.
///
/// Fails with [`Code::Internal`] on shapes that do not fit.
pub fn forward<T: Real>(edges: &Bipartite, h: &[T], weights: &Weights<'_, T>, out: &mut [T]) -> Result<()> {
    check(edges, h, weights, out.len())?;
    let Weights { w, heads, width, .. } = *weights;
    let scores = Scores::new(edges, h, weights);
    let share = T::ONE / T::of(heads as f64);
    out.par_chunks_mut(PIECE * width).enumerate().for_each(|(piece, out)| {
        wide(|| {
            let (mut alpha, mut sums) = (Vec::new(), vec![T::ZERO; heads * width]);
            for (r, out) in out.chunks_exact_mut(width).enumerate() {
                let i = piece * PIECE + r;
                let sources = &edges.sources[edges.of_written(i)];
                alpha.resize(sources.len() * heads, T::ZERO);
                scores.softmax(edges, i, heads, &mut alpha, None);
                sums.fill(T::ZERO);
                for (&j, alpha) in sources.iter().zip(alpha.chunks_exact(heads)) {
                    let row = &h[j as usize * width..(j as usize + 1) * width];
                    for (sum, &alpha) in sums.chunks_exact_mut(width).zip(alpha) {
                        axpy(alpha, row, sum);
                    }
                }
                out.fill(T::ZERO);
                for (w, sum) in w.chunks_exact(width).zip(sums.chunks_exact(width)) {
                    for ((out, &w), &sum) in out.iter_mut().zip(w).zip(sum) {
                        *out += w * sum * share;
                    }
                }
            }
        });
    });
    Ok(())
}

/// Gradients of Σ grad⊙out, where `grad` is `written × width`; they are added to `into`.
///
/// Fails with [`Code::Internal`] on shapes that do not fit.
pub fn backward<T: Real>(
    edges: &Bipartite,
    h: &[T],
    weights: &Weights<'_, T>,
    grad: &[T],
    into: Gradients<'_, T>,
) -> Result<()> {
    check(edges, h, weights, grad.len())?;
    let Weights { w, a, heads, width } = *weights;
    if into.h.len() != h.len() || into.w.len() != w.len() || into.a.len() != a.len() {
        return Err(Error::new(Code::Internal, "attention: gradients that do not fit their arguments"));
    }
    let scores = Scores::new(edges, h, weights);
    let share = T::ONE / T::of(heads as f64);
    // By written row: α and the gradient of the score sum, for every edge and head.
    let count = edges.sources.len() * heads;
    let (mut alpha, mut slope) = (vec![T::ZERO; count], vec![T::ZERO; count]);
    let mut own = vec![T::ZERO; edges.written * heads];
    pieces(edges, heads, &mut alpha, &mut slope)
        .into_par_iter()
        .zip(own.par_chunks_mut(PIECE * heads))
        .enumerate()
        .for_each(|(piece, ((mut alpha, mut slope), own))| {
            wide(|| {
                let mut scaled = vec![T::ZERO; heads * width];
                for (r, own) in own.chunks_exact_mut(heads).enumerate() {
                    let i = piece * PIECE + r;
                    let sources = &edges.sources[edges.of_written(i)];
                    let (now, rest) = std::mem::take(&mut alpha).split_at_mut(sources.len() * heads);
                    let (steep, later) = std::mem::take(&mut slope).split_at_mut(sources.len() * heads);
                    (alpha, slope) = (rest, later);
                    scores.softmax(edges, i, heads, now, Some(steep));
                    let row = &grad[i * width..(i + 1) * width];
                    for (scaled, w) in scaled.chunks_exact_mut(width).zip(w.chunks_exact(width)) {
                        scaled.iter_mut().zip(row).zip(w).for_each(|((x, &g), &w)| *x = g * w * share);
                    }
                    through_softmax(h, sources, &scaled, width, now, steep, own);
                }
            });
        });
    // By read row: everything that flows to it, and its part in the gradients of the weights.
    let mut sums = vec![T::ZERO; edges.read.div_ceil(PIECE) * 3 * heads * width];
    into.h.par_chunks_mut(PIECE * width).zip(sums.par_chunks_mut(3 * heads * width)).enumerate().for_each(
        |(piece, (out, sums))| {
            wide(|| {
                let mut flow = vec![T::ZERO; heads * width];
                let mut other = vec![T::ZERO; heads];
                for (r, out) in out.chunks_exact_mut(width).enumerate() {
                    let j = piece * PIECE + r;
                    let row = &h[j * width..(j + 1) * width];
                    flow.fill(T::ZERO);
                    other.fill(T::ZERO);
                    let range = edges.of_read(j);
                    for (&i, &e) in edges.targets[range.clone()].iter().zip(&edges.edges[range]) {
                        let from = &grad[i as usize * width..(i as usize + 1) * width];
                        for k in 0..heads {
                            axpy(alpha[e as usize * heads + k], from, &mut flow[k * width..(k + 1) * width]);
                            other[k] += slope[e as usize * heads + k];
                        }
                    }
                    for k in 0..heads {
                        let lanes = k * width..(k + 1) * width;
                        let flow = &flow[lanes.clone()];
                        for ((out, &flow), &w) in out.iter_mut().zip(flow).zip(&w[lanes.clone()]) {
                            *out += w * flow * share;
                        }
                        axpy(other[k], &scores.other[lanes.clone()], out);
                        let (by_w, rest) = sums.split_at_mut(heads * width);
                        let (by_own, by_other) = rest.split_at_mut(heads * width);
                        for ((sum, &flow), &x) in by_w[lanes.clone()].iter_mut().zip(flow).zip(row) {
                            *sum += flow * x * share;
                        }
                        axpy(other[k], row, &mut by_other[lanes.clone()]);
                        if j < edges.written {
                            axpy(own[j * heads + k], &scores.own[lanes.clone()], out);
                            axpy(own[j * heads + k], row, &mut by_own[lanes]);
                        }
                    }
                }
            });
        },
    );
    let mut total = vec![T::ZERO; 3 * heads * width];
    for part in sums.chunks_exact(3 * heads * width) {
        total.iter_mut().zip(part).for_each(|(total, &part)| *total += part);
    }
    let (by_w, rest) = total.split_at(heads * width);
    let (by_own, by_other) = rest.split_at(heads * width);
    for k in 0..heads {
        for c in 0..width {
            let (at, s, d) = (k * width + c, 2 * k * width + c, (2 * k + 1) * width + c);
            into.w[at] += by_w[at] + a[s] * by_own[at] + a[d] * by_other[at];
            into.a[s] += w[at] * by_own[at];
            into.a[d] += w[at] * by_other[at];
        }
    }
    Ok(())
}

/// From `scaled` (the gradient of Σ_j α_ij h_j, `heads × width`) to the gradient of each edge's score
/// sum, written over `slope`; their sum over the edges goes to `own`.
#[inline(always)]
fn through_softmax<T: Real>(
    h: &[T],
    sources: &[u32],
    scaled: &[T],
    width: usize,
    alpha: &[T],
    slope: &mut [T],
    own: &mut [T],
) {
    let heads = own.len();
    // dx_ij = α_ij (g_ij − Σ_k α_ik g_ik) with g_ij = scaled·h_j; the slope waits in `slope`.
    let mut mean = vec![T::ZERO; heads];
    let mut gains = vec![T::ZERO; sources.len() * heads];
    for ((&j, alpha), gain) in
        sources.iter().zip(alpha.chunks_exact(heads)).zip(gains.chunks_exact_mut(heads))
    {
        let row = &h[j as usize * width..(j as usize + 1) * width];
        for k in 0..heads {
            gain[k] = dot(&scaled[k * width..(k + 1) * width], row);
            mean[k] += alpha[k] * gain[k];
        }
    }
    own.fill(T::ZERO);
    let edges = slope.chunks_exact_mut(heads).zip(alpha.chunks_exact(heads)).zip(gains.chunks_exact(heads));
    for ((slope, alpha), gain) in edges {
        for k in 0..heads {
            slope[k] = slope[k] * alpha[k] * (gain[k] - mean[k]);
            own[k] += slope[k];
        }
    }
}

/// The edge arrays cut where pieces of written rows end.
fn pieces<'a, T>(
    edges: &Bipartite,
    heads: usize,
    mut alpha: &'a mut [T],
    mut slope: &'a mut [T],
) -> Vec<(&'a mut [T], &'a mut [T])> {
    let mut cut = Vec::new();
    for start in (0..edges.written).step_by(PIECE) {
        let end = (start + PIECE).min(edges.written);
        let len = (edges.indptr[end] - edges.indptr[start]) as usize * heads;
        let (now, rest) = std::mem::take(&mut alpha).split_at_mut(len);
        let (steep, later) = std::mem::take(&mut slope).split_at_mut(len);
        (alpha, slope) = (rest, later);
        cut.push((now, steep));
    }
    cut
}
