//! MPSEA (Li et al., CMC 2025, "Multi-Modal Pre-Synergistic Fusion Entity Alignment Based on Mutual
//! Information Strategy Optimization"). There is no public code; where the text is silent, the decision:
//!
//! - Graph attention with maps of an entity and of its neighbours (Eq. 1): LeakyReLU slope 0.2, heads
//!   averaged, ELU between layers, on learned entity vectors as in its forerunners.
//! - The graph transformer attends within an entity, over its one vector of structure: that softmax is 1.
//!   Taken as β_g (Eq. 9) it would give structure most of the weight whatever is learned (on DBP15K .82 of
//!   it, Hits@1 .26); β_g is what structure's key gets in the attention among the other modalities, or,
//!   without pre-synergistic fusion, what a key gets on average.
//! - Pre-synergistic fusion (Eq. 6, 7): the text adds λ_g·K_g and λ_v·K_v to the keys of every textual
//!   modality; the queries see all keys of an entity in one softmax, so they stand there once. λ begin
//!   at 1. All modalities that are neither structure nor visual are textual.
//! - Structure's weight (Eq. 9) is divided as the others are (Eq. 8), by √(|M₁|·N_s), not by √N_s alone: all
//!   are sums over the same queries.
//! - A modality's weight (Eq. 8) sums over its own key; what λ_v·K_v gets counts for none. Weights
//!   multiply unit vectors, as in MEAformer.
//! - One feed-forward network for all textual modalities, one for structure; inner width is the width.
//! - ICL and LICL are plain sums over the modalities; the joint loss is that of the late vectors (§3.6).
//!   The result is the early joint vectors, as in MEAformer: late ones have seen all modalities of few
//!   pairs and overfit them (on DBP15K with 1,000 pairs Hits@1 .21 against .64). Pre-synergistic fusion,
//!   outlook and policy shape the late ones, and the early ones by the weights only: what they are worth
//!   is seen without `early-joint`, which makes the late ones the result (`benches/supervised.seedql`: at
//!   FB15K's size, 20 %, Hits@1 .63, without pre-fusion .59; outlook and policy gain nothing there).
//! - Policy (Eq. 10–13): J and R of its cosine are vectors as they are, not unit; the J that it decides by is
//!   that of the loss, of unit vectors. The action taken is "match" for both ends of a pair; the reward
//!   weighs its log probability and is not differentiated (REINFORCE). β = 1: a shortfall costs what a
//!   surplus earns.

use candle_core::Tensor;

use super::encoders::{During, Encoded, Encoders, Graph, unit};
use super::fusion::{Net, add_affine, add_norm, both, joint};
use super::inputs::{Inputs, View};
use super::meaformer::entity_weights;
use super::{Aligner, Candle, Loss, Options, Step, Vectors, numeric, outlook};
use crate::error::Result;
use crate::train::{Init, ModalContrast, Parameter, Params, Tokens};

/// θ: the cosine above which the policy is rewarded.
const THETA: f64 = 0.63;
/// α: weight of the mutual information in the reward.
const ALPHA: f64 = 0.34;
/// β: weight of the penalty.
const BETA: f64 = 1.0;
/// ε of its layer normalisations.
const EPSILON: f64 = 1e-5;

/// The model.
pub(super) struct Mpsea {
    encoders: Encoders,
    numbers: Option<std::sync::Arc<super::Numbers>>,
    options: Options,
}

/// Vectors before and after the transformer, with the weights of the modalities.
struct Fused {
    early: Encoded,
    late: Vec<Tensor>,
    /// `[rows, modalities]`, rows of length 1.
    v: Tensor,
}

impl Mpsea {
    pub fn new(inputs: &Inputs, options: &Options) -> Self {
        let numbers = inputs.numbers.clone();
        let graph = Graph::Full { separate: options.parts.separate };
        let own = numbers.is_some();
        let encoders = Encoders::new(inputs, options, graph, |name| !(own && name == "numeric"));
        Mpsea { encoders, numbers, options: options.clone() }
    }

    /// Vectors of all modalities; numeric attributes come last.
    fn encode(&self, params: &Params, view: &View<'_>) -> Result<Encoded> {
        let mut encoded = self.encoders.encode(params, view)?;
        if let Some(numbers) = &self.numbers {
            let (part, there) = numeric::encode(params, numbers, view)?;
            let count = encoded.parts.len();
            encoded.parts.push(part);
            let mut present = Vec::with_capacity(encoded.present.len() + there.len());
            for (row, &there) in there.iter().enumerate() {
                present.extend_from_slice(&encoded.present[row * count..(row + 1) * count]);
                present.push(there);
            }
            encoded.present = present;
        }
        Ok(encoded)
    }

    fn fuse(&self, params: &Params, view: &View<'_>) -> Result<Fused> {
        let early = self.encode(params, view)?;
        let net = Net { params, task: view.task };
        let (late, v) = self.transform(net, &early).during(view.task)?;
        Ok(Fused { early, late, v })
    }

    /// The late vectors and the weights.
    fn transform(&self, net: Net<'_>, early: &Encoded) -> Candle<(Vec<Tensor>, Tensor)> {
        let (names, count) = (self.modalities(), early.parts.len());
        let (rows, width) = early.parts[0].dims2()?;
        let heads = self.options.fusion_heads;
        let structure = names.iter().position(|name| name == "structure");
        let visual = names.iter().position(|name| name == "visual");
        let others: Vec<usize> = (0..count).filter(|at| Some(*at) != structure).collect();
        let map = |m: usize, part: &str| net.affine(&format!("fusion.{}.{part}", names[m]), &early.parts[m]);
        let there = |row: usize, m: usize| early.present[row * count + m];
        let mut late = early.parts.clone();
        let mut masses: Vec<Option<Tensor>> = vec![None; count];
        if !others.is_empty() {
            let mut keys: Vec<Tensor> = others.iter().map(|&m| map(m, "key")).collect::<Candle<_>>()?;
            let mut values: Vec<Tensor> = others.iter().map(|&m| map(m, "value")).collect::<Candle<_>>()?;
            let mut owners = others.clone();
            if self.options.parts.pre_fusion {
                let lambda = net.get("fusion.lambda")?;
                for (at, m) in [structure, visual].into_iter().enumerate() {
                    let Some(m) = m else { continue };
                    let lambda = lambda.narrow(0, at, 1)?;
                    keys.push(map(m, "key")?.broadcast_mul(&lambda)?);
                    values.push(map(m, "value")?.broadcast_mul(&lambda)?);
                    owners.push(m);
                }
            }
            let queries = others.iter().map(|&m| map(m, "query")).collect::<Candle<Vec<_>>>()?;
            let list = |of: &[usize]| -> Vec<bool> {
                (0..rows).flat_map(|row| of.iter().map(move |&m| there(row, m))).collect()
            };
            let tokens = Tokens {
                queries: others.len(),
                keys: owners.len(),
                heads,
                asking: list(&others).into(),
                asked: list(&owners).into(),
            };
            let flat = |parts: &[Tensor]| Tensor::stack(parts, 1)?.reshape((rows * parts.len(), width));
            let (q, k) = (flat(&queries)?, flat(&keys)?);
            let context = net.affine("fusion.output", &tokens.attend(&q, &k, &flat(&values)?)?)?;
            let context = context.reshape((rows, others.len(), width))?;
            let mass = tokens.masses(&q, &k)?.affine(1.0 / ((others.len() * heads) as f64).sqrt(), 0.0)?;
            for (at, &m) in owners.iter().enumerate() {
                // The second key of the visual vectors counts for none.
                if masses[m].is_none() {
                    masses[m] = Some(mass.narrow(1, at, 1)?);
                }
            }
            for (at, &m) in others.iter().enumerate() {
                let attended = context.narrow(1, at, 1)?.squeeze(1)?.add(&early.parts[m])?;
                let attended = net.norm("fusion.norm", &attended, EPSILON)?;
                late[m] = if Some(m) == visual {
                    let mut inner = net.affine("visual.inner", &attended)?;
                    if self.options.parts.outlook {
                        inner = outlook::apply(net, "visual.outlook", &inner)?;
                    }
                    net.affine("visual.outer", &inner.relu()?)?
                } else {
                    forward(net, "textual", &attended)?
                };
            }
        }
        if let Some(m) = structure {
            let context = net.affine("structure.output", &map(m, "value")?)?;
            let attended = net.norm("structure.attention_norm", &context.add(&early.parts[m])?, EPSILON)?;
            late[m] = forward(net, "structure", &attended)?;
            if masses[m].is_none() {
                // Nobody asked for it: what a key gets if all get the same.
                let mean = (heads as f32 / others.len().max(1) as f32).sqrt();
                masses[m] = Some(Tensor::full(mean, (rows, 1), late[m].device())?);
            }
        }
        let masses: Vec<Tensor> = masses.into_iter().flatten().collect();
        Ok((late, entity_weights(&Tensor::cat(&masses, 1)?, &early.present)?))
    }

    /// The loss of the policy, a mean over the rows (Eq. 10–13).
    fn policy(&self, net: Net<'_>, fused: &Fused, joint: &Tensor) -> Candle<Tensor> {
        let square = |part: &Tensor| part.sqr()?.sum_keepdim(1);
        let squares = fused.late.iter().map(square).collect::<Candle<Vec<_>>>()?;
        let there: Vec<f32> = fused.early.present.iter().map(|&there| f32::from(u8::from(there))).collect();
        let mask = Tensor::from_vec(there, fused.v.dims(), joint.device())?;
        // |x̃_m|² of the modalities that are there: J·R = Σ v|x̃|², |J|² = Σ v²|x̃|², |R|² = Σ |x̃|².
        let squares = Tensor::cat(&squares, 1)?.mul(&mask)?;
        let along = squares.mul(&fused.v)?.sum_keepdim(1)?;
        let length = squares.mul(&fused.v.sqr()?)?.sum_keepdim(1)?.mul(&squares.sum_keepdim(1)?)?;
        let cosine = along.div(&length.affine(1.0, 1e-24)?.sqrt()?)?;
        let information = cosine.exp()?;
        let reward = cosine.affine(1.0, -THETA)?.relu()?.add(&information.affine(ALPHA, 0.0)?)?;
        let gain = reward.sub(&cosine.affine(-BETA, BETA * THETA)?)?;
        let logits = net.affine("policy", &Tensor::cat(&[joint, &information], 1)?)?;
        // −log softmax of "match", the second action: log(1 + exp(other − match)), without overflow.
        let gap = logits.narrow(1, 0, 1)?.sub(&logits.narrow(1, 1, 1)?)?;
        let cost = gap.relu()?.add(&gap.abs()?.neg()?.exp()?.affine(1.0, 1.0)?.log()?)?;
        // REINFORCE: the reward weighs the action, and is no function to descend.
        gain.detach().mul(&cost)?.mean_all()
    }
}

/// LN(W₂ relu(W₁ x + b₁) + b₂ + x).
fn forward(net: Net<'_>, name: &str, x: &Tensor) -> Candle<Tensor> {
    let inner = net.affine(&format!("{name}.inner"), x)?.relu()?;
    net.norm(&format!("{name}.norm"), &net.affine(&format!("{name}.outer"), &inner)?.add(x)?, EPSILON)
}

impl Aligner for Mpsea {
    fn encoders(&self) -> &Encoders {
        &self.encoders
    }

    fn modalities(&self) -> Vec<String> {
        let mut names = self.encoders.names();
        names.extend(self.numbers.as_ref().map(|_| "numeric".to_owned()));
        names
    }

    fn parameters(&self) -> Vec<Parameter> {
        let mut all = Vec::new();
        self.encoders.parameters(&mut all);
        let (names, &Options { width, seed, parts, .. }) = (self.modalities(), &self.options);
        if let Some(numbers) = &self.numbers {
            numeric::parameters(&mut all, numbers, width, seed);
        }
        let affine = |all: &mut Vec<Parameter>, name: &str| add_affine(all, name, width, width, seed);
        for name in &names {
            if name != "structure" {
                affine(&mut all, &format!("fusion.{name}.query"));
            }
            if name != "structure" || parts.pre_fusion {
                affine(&mut all, &format!("fusion.{name}.key"));
            }
            affine(&mut all, &format!("fusion.{name}.value"));
        }
        if names.iter().any(|name| name != "structure") {
            affine(&mut all, "fusion.output");
            add_norm(&mut all, "fusion.norm", width);
        }
        if parts.pre_fusion {
            all.push(Parameter::new("fusion.lambda", &[2], Init::Constant(1.0), seed));
        }
        let network = |all: &mut Vec<Parameter>, name: &str| {
            affine(all, &format!("{name}.inner"));
            affine(all, &format!("{name}.outer"));
        };
        if names.iter().any(|name| name == "structure") {
            network(&mut all, "structure");
            affine(&mut all, "structure.output");
            add_norm(&mut all, "structure.attention_norm", width);
            add_norm(&mut all, "structure.norm", width);
        }
        if names.iter().any(|name| name == "visual") {
            network(&mut all, "visual");
            if parts.outlook {
                outlook::parameters(&mut all, "visual.outlook", width, seed);
            }
        }
        if names.iter().any(|name| name != "structure" && name != "visual") {
            network(&mut all, "textual");
            add_norm(&mut all, "textual.norm", width);
        }
        if parts.policy {
            add_affine(&mut all, "policy", 2, width * names.len() + 1, seed);
        }
        all
    }

    fn parts(&self) -> Vec<String> {
        let (names, late) = (self.modalities(), |name: &String| format!("{name}.late"));
        let early = names.iter().cloned().chain(["joint".to_owned()]);
        let policy = self.options.parts.policy.then(|| "policy".to_owned());
        early.chain(names.iter().map(late)).chain(policy).collect()
    }

    fn loss(&self, params: &Params, view: &View<'_>, _: &Step<'_>) -> Result<Loss> {
        let fused = self.fuse(params, view)?;
        let net = Net { params, task: view.task };
        let run = || {
            let (z, widths) = unit(&fused.early.parts)?;
            let op = ModalContrast {
                widths,
                tau: self.options.tau,
                inversion: false,
                joint: false,
                alignment: None,
                present: Some(both(&fused.early.present).into()),
            };
            let early = op.apply(&z, None, view.task)?;
            let units = unit(&fused.late)?.0;
            let late = ModalContrast { joint: true, ..op }.apply(&units, Some(&fused.v), view.task)?;
            let sum = early.sum_all()?.add(&late.sum_all()?)?;
            let policy = match self.options.parts.policy {
                true => Some(self.policy(net, &fused, &joint(&units, &fused.v)?)?),
                false => None,
            };
            let total = policy.as_ref().map_or(Ok(sum.clone()), |policy| sum.add(policy))?;
            Ok((total, early, late, policy))
        };
        let (total, early, late, policy) = run().during(view.task)?;
        let parts: Vec<&Tensor> = [&early, &late].into_iter().chain(&policy).collect();
        Loss::new(total, &parts)
    }

    fn vectors(&self, params: &Params, view: &View<'_>) -> Result<Vectors> {
        let fused = self.fuse(params, view)?;
        let parts = if self.options.parts.early_joint { fused.early.parts } else { fused.late };
        Ok(Vectors { parts, weights: fused.v })
    }
}
