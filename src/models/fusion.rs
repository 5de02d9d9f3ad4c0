//! How vectors of modalities become one: weights of modalities, uncertainty weights, MEAformer's block.

use candle_core::{D, Tensor};

use super::{Candle, Options};
use crate::error::Result;
use crate::task::Task;
use crate::train::{Affine, Gelu, Init, LayerNorm, Normalise, Parameter, Params, Tokens};

/// Σ exp(−s)·L + s over losses `[n]` under log-variances `[n]` (Kendall, Gal and Cipolla, as MCLEA has it).
pub(super) fn uncertain(losses: &Tensor, log_variances: &Tensor) -> Candle<Tensor> {
    log_variances.neg()?.exp()?.mul(losses)?.add(log_variances)?.sum_all()
}

/// Rows of weights of length 1 over the modalities that are there: `weights` is `[rows, modalities]` or
/// one row for all, `present` `rows × modalities`.
pub(super) fn row_weights(weights: &Tensor, present: &[bool]) -> Candle<Tensor> {
    let count = weights.dim(D::Minus1)?;
    let rows = present.len() / count.max(1);
    let mask: Vec<f32> = present.iter().map(|&there| if there { 1.0 } else { 0.0 }).collect();
    let mask = Tensor::from_vec(mask, (rows, count), weights.device())?;
    Normalise::apply(&mask.broadcast_mul(weights)?)
}

/// Softmax over a row of weights, one a modality: `[1, modalities]`.
pub(super) fn softmax(raw: &Tensor) -> Candle<Tensor> {
    let powers = raw.broadcast_sub(&raw.detach().max_all()?)?.exp()?;
    powers.broadcast_div(&powers.sum_all()?)?.reshape((1, raw.elem_count()))
}

/// The weighted concatenation of unit rows, equally wide, side by side: unit again.
pub(super) fn joint(units: &Tensor, weights: &Tensor) -> Candle<Tensor> {
    let (rows, count) = weights.dims2()?;
    let width = units.dim(1)? / count.max(1);
    let weighted = units.reshape((rows, count, width))?.broadcast_mul(&weights.unsqueeze(2)?)?;
    weighted.reshape((rows, count * width))
}

/// Whether both sides of each pair have each modality, where `present` is of stacked rows.
pub(super) fn both(present: &[bool]) -> Vec<bool> {
    let (left, right) = present.split_at(present.len() / 2);
    left.iter().zip(right).map(|(&left, &right)| left && right).collect()
}

/// Adds the parameters of an affine map.
pub(super) fn add_affine(into: &mut Vec<Parameter>, name: &str, out: usize, inputs: usize, seed: u64) {
    into.push(Parameter::new(format!("{name}.weight"), &[out, inputs], Init::affine(inputs), seed));
    into.push(Parameter::new(format!("{name}.bias"), &[out], Init::affine(inputs), seed));
}

/// Adds the parameters of a layer normalisation.
pub(super) fn add_norm(into: &mut Vec<Parameter>, name: &str, width: usize) {
    into.push(Parameter::new(format!("{name}.weight"), &[width], Init::Constant(1.0), 0));
    into.push(Parameter::new(format!("{name}.bias"), &[width], Init::Constant(0.0), 0));
}

/// Parameters by name with a task, for chains of layers.
#[derive(Clone, Copy)]
pub(super) struct Net<'a> {
    /// The parameters.
    pub params: &'a Params,
    /// The work, to be cancelled.
    pub task: &'a Task,
}

impl Net<'_> {
    /// A parameter.
    pub fn get(&self, name: &str) -> Candle<&Tensor> {
        self.params.get(name).map(|var| var.as_tensor()).map_err(candle_core::Error::wrap)
    }

    /// The affine map `name` of rows.
    pub fn affine(&self, name: &str, x: &Tensor) -> Candle<Tensor> {
        let (weight, bias) = (self.get(&format!("{name}.weight"))?, self.get(&format!("{name}.bias"))?);
        Affine::apply(x, weight, bias, self.task)
    }

    /// The layer normalisation `name` of rows.
    pub fn norm(&self, name: &str, x: &Tensor, epsilon: f64) -> Candle<Tensor> {
        let (weight, bias) = (self.get(&format!("{name}.weight"))?, self.get(&format!("{name}.bias"))?);
        LayerNorm::apply(x, weight, bias, epsilon)
    }
}

/// MEAformer's fusion block: one layer of BERT over the modality tokens of each entity.
pub(super) struct Block {
    options: Options,
    tokens: usize,
}

/// What the block gives.
pub(super) struct Fused {
    /// The tokens after the block, `[rows, tokens, width]`.
    pub hidden: Tensor,
    /// The attention mass c of each token, `[rows, tokens]`.
    pub mass: Tensor,
}

impl Block {
    /// Its ε of layer normalisation.
    const EPSILON: f64 = 1e-12;

    /// The block over so many tokens.
    pub fn new(options: &Options, tokens: usize) -> Self {
        Block { options: options.clone(), tokens }
    }

    /// Fresh parameters, under `fusion.`.
    pub fn parameters(&self, into: &mut Vec<Parameter>) {
        let &Options { width, feed_forward, seed, .. } = &self.options;
        for part in ["query", "key", "value", "output"] {
            add_affine(into, &format!("fusion.{part}"), width, width, seed);
        }
        add_norm(into, "fusion.attention_norm", width);
        if let Some(inner) = feed_forward {
            add_affine(into, "fusion.inner", inner, width, seed);
            add_affine(into, "fusion.outer", width, inner, seed);
            add_norm(into, "fusion.norm", width);
        }
    }

    /// Runs it on vectors `[rows, width]` of each token; `present` is `rows × tokens`.
    ///
    /// Post-norm, exact GELU. The mass of token k is c_k = Σ_q Σ_h p_hqk / √(tokens·heads), over the
    /// queries that are there.
    pub fn run(&self, params: &Params, parts: &[Tensor], present: &[bool], task: &Task) -> Result<Fused> {
        use super::encoders::During;
        let net = Net { params, task };
        let tokens = Tokens::among(self.tokens, self.options.fusion_heads, present.to_vec().into());
        let run = || -> Candle<Fused> {
            let (rows, width) = parts[0].dims2()?;
            let x = Tensor::stack(parts, 1)?.reshape((rows * self.tokens, width))?;
            let [q, k, v] = ["query", "key", "value"].map(|name| net.affine(&format!("fusion.{name}"), &x));
            let (q, k) = (q?, k?);
            let context = tokens.attend(&q, &k, &v?)?;
            let mass = tokens.masses(&q, &k)?;
            let scale = 1.0 / ((self.tokens * self.options.fusion_heads) as f64).sqrt();
            let attended = net.affine("fusion.output", &context)?.add(&x)?;
            let mut hidden = net.norm("fusion.attention_norm", &attended, Self::EPSILON)?;
            if self.options.feed_forward.is_some() {
                let inner = Gelu::apply(&net.affine("fusion.inner", &hidden)?)?;
                let outer = net.affine("fusion.outer", &inner)?.add(&hidden)?;
                hidden = net.norm("fusion.norm", &outer, Self::EPSILON)?;
            }
            let hidden = hidden.reshape((rows, self.tokens, width))?;
            Ok(Fused { hidden, mass: mass.affine(scale, 0.0)? })
        };
        run().during(task)
    }
}
