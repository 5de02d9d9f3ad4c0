//! Attention among the few tokens of each row: scaled dot products (Vaswani et al.) within an entity.
//!
//! An entity has `queries` rows of q and `keys` rows of k and v; with heads of width s,
//! p = softmax over the keys that are there of q·k/√s. Either the context Σ p·v is wanted, or the mass
//! each key got, Σ over heads and over the queries that are there of p (MEAformer weighs modalities by
//! it). The probabilities are a handful of numbers an entity: the backward pass makes them anew.

use std::sync::Arc;

use rayon::prelude::*;

use super::real::{Real, axpy, dot};
use super::wide::wide;
use crate::error::{Code, Error, Result};

/// Entities one task takes.
const PIECE: usize = 16;

/// Which tokens there are.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// Queries of an entity.
    pub queries: usize,
    /// Keys of an entity.
    pub keys: usize,
    /// Heads; they divide the width.
    pub heads: usize,
    /// `entities × queries`: a query that is not there gives no mass.
    pub asking: Arc<[bool]>,
    /// `entities × keys`: a key that is not there has probability 0.
    pub asked: Arc<[bool]>,
}

/// What flows back into the probabilities.
#[derive(Clone, Copy, Debug)]
pub enum Upstream<'a, T> {
    /// Values, and the gradient of the context, `entities·queries × width`.
    Context(&'a [T], &'a [T]),
    /// The gradient of the mass, `entities × keys`.
    Mass(&'a [T]),
}

impl Tokens {
    /// Tokens that attend to each other; `present` is `entities × count`.
    pub fn among(count: usize, heads: usize, present: Arc<[bool]>) -> Tokens {
        Tokens { queries: count, keys: count, heads, asking: present.clone(), asked: present }
    }

    /// Number of entities.
    pub fn entities(&self) -> usize {
        self.asked.len().checked_div(self.keys).unwrap_or(0)
    }

    /// Fails with [`Code::Internal`] on arguments that do not fit; gives the width of a row.
    fn check(&self, q: usize, k: usize) -> Result<usize> {
        let rows = self.entities() * self.queries;
        let width = q.checked_div(rows).unwrap_or(0);
        let fits = width * rows == q
            && self.entities() * self.keys * width == k
            && self.asking.len() == rows
            && self.heads > 0
            && width > 0
            && width.is_multiple_of(self.heads);
        if fits {
            return Ok(width);
        }
        let what = format!("tokens: {q} and {k} numbers do not fit {} heads and {rows} queries", self.heads);
        Err(Error::new(Code::Internal, what))
    }

    /// Probabilities of one entity, `heads × queries × keys`.
    #[inline(always)]
    fn weigh<T: Real>(&self, entity: usize, q: &[T], k: &[T], width: usize, p: &mut [T]) {
        let (size, keys) = (width / self.heads, self.keys);
        let scale = T::of(1.0 / (size as f64).sqrt());
        let asked = &self.asked[entity * keys..(entity + 1) * keys];
        for (line, p) in p.chunks_exact_mut(keys).enumerate() {
            let (head, query) = (line / self.queries, line % self.queries);
            let part = |row: usize| row * width + head * size..row * width + (head + 1) * size;
            let own = &q[part(entity * self.queries + query)];
            let mut top = None;
            for (key, p) in p.iter_mut().enumerate().filter(|(key, _)| asked[*key]) {
                *p = dot(own, &k[part(entity * keys + key)]) * scale;
                top = Some(match top {
                    Some(top) if top >= *p => top,
                    _ => *p,
                });
            }
            let Some(top) = top else {
                p.fill(T::ZERO);
                continue;
            };
            let mut total = T::ZERO;
            for (p, &there) in p.iter_mut().zip(asked) {
                *p = if there { (*p - top).power() } else { T::ZERO };
                total += *p;
            }
            p.iter_mut().for_each(|p| *p /= total);
        }
    }

    /// The context, `entities·queries × width`.
    ///
    /// Fails with [`Code::Internal`] on arguments that do not fit.
    pub fn context<T: Real>(&self, q: &[T], k: &[T], v: &[T]) -> Result<Vec<T>> {
        let width = self.check(q.len(), k.len())?;
        self.check(q.len(), v.len())?;
        let size = width / self.heads;
        let mut out = vec![T::ZERO; q.len()];
        let one = self.queries * width;
        out.par_chunks_mut(PIECE * one).enumerate().for_each(|(piece, out)| {
            wide(|| {
                let mut p = vec![T::ZERO; self.heads * self.queries * self.keys];
                for (at, out) in out.chunks_exact_mut(one).enumerate() {
                    let entity = piece * PIECE + at;
                    self.weigh(entity, q, k, width, &mut p);
                    for (line, p) in p.chunks_exact(self.keys).enumerate() {
                        let (head, query) = (line / self.queries, line % self.queries);
                        let part = |row: usize| row * width + head * size..row * width + (head + 1) * size;
                        let out = &mut out[part(query)];
                        for (key, &p) in p.iter().enumerate() {
                            axpy(p, &v[part(entity * self.keys + key)], out);
                        }
                    }
                }
            });
        });
        Ok(out)
    }

    /// The mass each key got, `entities × keys`; fails as [`Tokens::context`] does.
    pub fn mass<T: Real>(&self, q: &[T], k: &[T]) -> Result<Vec<T>> {
        let width = self.check(q.len(), k.len())?;
        let mut out = vec![T::ZERO; self.asked.len()];
        out.par_chunks_mut(PIECE * self.keys).enumerate().for_each(|(piece, out)| {
            wide(|| {
                let mut p = vec![T::ZERO; self.heads * self.queries * self.keys];
                for (at, out) in out.chunks_exact_mut(self.keys).enumerate() {
                    let entity = piece * PIECE + at;
                    self.weigh(entity, q, k, width, &mut p);
                    for (line, p) in p.chunks_exact(self.keys).enumerate() {
                        if self.asking[entity * self.queries + line % self.queries] {
                            axpy(T::ONE, p, out);
                        }
                    }
                }
            });
        });
        Ok(out)
    }

    /// Gradients by q, k and, of a context, v; fails as [`Tokens::context`] does.
    pub fn backward<T: Real>(&self, q: &[T], k: &[T], upstream: Upstream<'_, T>) -> Result<[Vec<T>; 3]> {
        let width = self.check(q.len(), k.len())?;
        let size = width / self.heads;
        let scale = T::of(1.0 / (size as f64).sqrt());
        let (ask, key_row) = (self.queries * width, self.keys * width);
        let (mut dq, mut dk) = (vec![T::ZERO; q.len()], vec![T::ZERO; k.len()]);
        let mut dv = vec![T::ZERO; k.len()];
        let keys = dk.par_chunks_mut(PIECE * key_row).zip(dv.par_chunks_mut(PIECE * key_row));
        dq.par_chunks_mut(PIECE * ask).zip(keys).enumerate().for_each(|(piece, (dq, (dk, dv)))| {
            wide(|| {
                let mut p = vec![T::ZERO; self.heads * self.queries * self.keys];
                let mut slope = vec![T::ZERO; self.keys];
                let pairs = dk.chunks_exact_mut(key_row).zip(dv.chunks_exact_mut(key_row));
                for (at, (dq, (dk, dv))) in dq.chunks_exact_mut(ask).zip(pairs).enumerate() {
                    let entity = piece * PIECE + at;
                    self.weigh(entity, q, k, width, &mut p);
                    for (line, p) in p.chunks_exact(self.keys).enumerate() {
                        let (head, query) = (line / self.queries, line % self.queries);
                        let part = |row: usize| row * width + head * size..row * width + (head + 1) * size;
                        let asking = entity * self.queries + query;
                        match upstream {
                            Upstream::Context(v, grad) => {
                                let grad = &grad[part(asking)];
                                for (key, slope) in slope.iter_mut().enumerate() {
                                    *slope = dot(grad, &v[part(entity * self.keys + key)]);
                                    axpy(p[key], grad, &mut dv[part(key)]);
                                }
                            }
                            Upstream::Mass(_) if !self.asking[asking] => continue,
                            Upstream::Mass(grad) => {
                                slope.copy_from_slice(&grad[entity * self.keys..(entity + 1) * self.keys]);
                            }
                        }
                        let mean = dot(p, &slope);
                        for (key, (&slope, &p)) in slope.iter().zip(p).enumerate() {
                            let slope = p * (slope - mean) * scale;
                            axpy(slope, &k[part(entity * self.keys + key)], &mut dq[part(query)]);
                            axpy(slope, &q[part(asking)], &mut dk[part(key)]);
                        }
                    }
                }
            });
        });
        Ok([dq, dk, dv])
    }
}
