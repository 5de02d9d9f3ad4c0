//! PCMEA (Wang et al., AAAI 2024, "Pseudo-Label Calibration Semi-supervised Multi-Modal Entity Alignment").
//!
//! MCLEA's vectors, weights and losses, with
//! - self-attention and an adapter behind the vectors of structure: y = x + LN(x) + O·V·LN(x), then
//!   2y + up(relu(down(y))). The authors' attention runs over a sequence of one vector, so that query and
//!   key say nothing and are left out here;
//! - cross-attention behind relations and attributes, z = 2u + O·context(LN(u)), then z + mlp(z). The
//!   authors' has one key again, the vector itself, and never looks at its text; here the text
//!   (modalities `relation_text`, `attribute_text`) is a second key, but not under
//!   [`Variant::Reference`](crate::ops::spec::Variant);
//! - mutual information of each modality with the joint vectors (MINE, Belghazi et al.), averaged over the
//!   modalities. The reference takes its marginal from the very same pairs, for which a constant is best;
//!   here the joint vectors are shuffled, but not under the reference variant;
//! - from `momentum_from` on, a contrast of the left joint vectors with the right ones of a momentum copy,
//!   τ = 0.05.
//!
//! Up to `momentum_from` batches are picked by [`super::curriculum`]; how pairs that it finds join is in
//! [`super::pseudo`]. The weights of the parts are not in the text: 1.

use candle_core::{Tensor, Var};

use super::encoders::{During, Encoded, Encoders, Graph, unit};
use super::fusion::{Net, add_affine, add_norm, joint, row_weights, softmax};
use super::inputs::{Inputs, View};
use super::mclea::{self, contrast};
use super::{Aligner, Candle, Loss, Options, Step, Vectors};
use crate::error::Result;
use crate::train::{Affine, Init, ModalContrast, Parameter, Params, Pick, Tokens};

/// ε of its layer normalisations.
const EPSILON: f64 = 1e-5;
/// Temperature of the momentum contrast.
const TAU: f32 = 0.05;
/// Modalities whose text is attended to.
const TEXTUAL: [&str; 2] = ["relation", "attribute"];

/// The model.
pub(super) struct Pcmea {
    encoders: Encoders,
    /// Maps of the texts.
    texts: Encoders,
    options: Options,
}

fn is_text(name: &str) -> bool {
    TEXTUAL.iter().any(|textual| name.strip_suffix("_text") == Some(textual))
}

/// y + y + adapter(y) with y = x + LN(x) + O·V·LN(x).
pub(super) fn self_attention(net: Net<'_>, name: &str, x: &Tensor) -> Candle<Tensor> {
    let normal = net.norm(&format!("{name}.norm"), x, EPSILON)?;
    let value = net.affine(&format!("{name}.value"), &normal)?;
    let attended = net.affine(&format!("{name}.output"), &value)?.add(&normal)?.add(x)?;
    let down = net.affine(&format!("{name}.down"), &attended)?.relu()?;
    attended.affine(2.0, 0.0)?.add(&net.affine(&format!("{name}.up"), &down)?)
}

/// z + mlp(z) with z = 2u + O·context; `text` is a second key where its mask says so.
pub(super) fn cross_attention(
    net: Net<'_>,
    name: &str,
    u: &Tensor,
    text: Option<(&Tensor, &[bool])>,
) -> Candle<Tensor> {
    let normal = net.norm(&format!("{name}.norm"), u, EPSILON)?;
    let map = |part: &str, x: &Tensor| net.affine(&format!("{name}.{part}"), x);
    let context = match text {
        None => map("value", &normal)?,
        Some((text, present)) => {
            let (rows, width) = u.dims2()?;
            let keys = Tensor::stack(&[&normal, text], 1)?.reshape((2 * rows, width))?;
            let tokens = Tokens {
                queries: 1,
                keys: 2,
                heads: 1,
                asking: vec![true; rows].into(),
                asked: present.iter().flat_map(|&there| [true, there]).collect(),
            };
            tokens.attend(&map("query", &normal)?, &map("key", &keys)?, &map("value", &keys)?)?
        }
    };
    let z = map("output", &context)?.add(&u.affine(2.0, 0.0)?)?;
    map("outer", &map("inner", &z)?.relu()?)?.add(&z)
}

/// −log₂e·(mean T − log mean exp T') for the scores of pairs and of the marginal, each `[n, 1]`.
pub(super) fn information(pairs: &Tensor, marginal: &Tensor) -> Candle<Tensor> {
    let top = marginal.detach().max_all()?;
    let spread = marginal.broadcast_sub(&top)?.exp()?.mean_all()?.log()?.add(&top)?;
    pairs.mean_all()?.sub(&spread)?.affine(-std::f64::consts::LOG2_E, 0.0)
}

/// The first map of T(x, y) = Linear–ReLU–Linear of x and y side by side, as the parts that x and y have in it:
/// rows may meet others without being mapped again.
pub(super) fn halves(net: Net<'_>, name: &str, x: &Tensor, y: &Tensor) -> Candle<[Tensor; 2]> {
    let (weight, bias) = (net.get(&format!("{name}.0.weight"))?, net.get(&format!("{name}.0.bias"))?);
    let part = |from: &Tensor, start: usize, bias: &Tensor| {
        Affine::apply(from, &weight.narrow(1, start, from.dim(1)?)?, bias, net.task)
    };
    Ok([part(x, 0, bias)?, part(y, x.dim(1)?, &bias.zeros_like()?)?])
}

/// T from the [`halves`] of rows, `[n, 1]`.
pub(super) fn score(net: Net<'_>, name: &str, x: &Tensor, y: &Tensor) -> Candle<Tensor> {
    net.affine(&format!("{name}.1"), &x.add(y)?.relu()?)
}

impl Pcmea {
    pub fn new(inputs: &Inputs, options: &Options) -> Self {
        let encoders = Encoders::new(inputs, options, Graph::Diagonal, |name| !is_text(name));
        let without = Options { structure: false, ..options.clone() };
        let texts = Encoders::new(inputs, &without, Graph::Diagonal, is_text);
        Pcmea { encoders, texts, options: options.clone() }
    }

    /// Vectors after attention.
    fn encode(&self, params: &Params, view: &View<'_>) -> Result<Encoded> {
        let mut encoded = self.encoders.encode(params, view)?;
        let texts = self.texts.encode(params, view)?;
        let (net, known) = (Net { params, task: view.task }, self.texts.names());
        for (part, name) in encoded.parts.iter_mut().zip(self.encoders.names()) {
            let attended = if name == "structure" {
                self_attention(net, "structure.attention", part)
            } else if TEXTUAL.contains(&name.as_str()) {
                let place = known.iter().position(|text| text.strip_suffix("_text") == Some(&name));
                let place = place.filter(|_| !self.options.quirks());
                let present = |at: usize| -> Vec<bool> {
                    texts.present.iter().skip(at).step_by(known.len()).copied().collect()
                };
                let present = place.map(present);
                let text = place.zip(present.as_deref()).map(|(at, there)| (&texts.parts[at], there));
                cross_attention(net, &format!("{name}.attention"), part, text)
            } else {
                continue;
            };
            *part = attended.during(view.task)?;
        }
        Ok(encoded)
    }

    /// Mean of −I over the modalities, by the rows that have them.
    fn mutual_information(
        &self,
        net: Net<'_>,
        (units, widths): (&Tensor, &[usize]),
        joint: &Tensor,
        present: &[bool],
        shuffled: &[u32],
    ) -> Candle<Tensor> {
        let names = self.encoders.names();
        let (count, mut start, mut losses) = (names.len(), 0, Vec::new());
        for (m, (name, &width)) in names.iter().zip(widths).enumerate() {
            start += width;
            let there = |row: &u32| present[*row as usize * count + m];
            let rows: Vec<u32> = (0..shuffled.len() as u32).filter(there).collect();
            if rows.is_empty() {
                continue;
            }
            let others: Vec<u32> = shuffled.iter().copied().filter(there).collect();
            let pick = |x: &Tensor, rows: &[u32]| Pick::new(rows, x.dim(0)?, x.device())?.apply(x);
            let x = pick(&units.narrow(1, start - width, width)?, &rows)?;
            let name = format!("information.{name}");
            let [x, y] = halves(net, &name, &x, joint)?;
            let pairs = score(net, &name, &x, &pick(&y, &rows)?)?;
            let marginal = if self.options.quirks() {
                pairs.clone()
            } else {
                score(net, &name, &x, &pick(&y, &others)?)?
            };
            losses.push(information(&pairs, &marginal)?);
        }
        match losses.is_empty() {
            // A batch without a present row has nothing to tell.
            true => Tensor::zeros((), joint.dtype(), joint.device()),
            false => Tensor::stack(&losses, 0)?.mean_all(),
        }
    }

    /// Left joint vectors, contrasted with the momentum copy's right ones.
    fn momentum_contrast(&self, joint: &Tensor, momentum: &Params, view: &View<'_>) -> Result<Tensor> {
        let task = view.task;
        let encoded = self.encode(momentum, view)?;
        let target = self.joint(momentum, &encoded).during(task)?;
        let run = || {
            let (rows, width) = joint.dims2()?;
            let left = joint.narrow(0, 0, rows / 2)?;
            let z = Tensor::cat(&[left, target.narrow(0, rows / 2, rows / 2)?.detach()], 0)?;
            let op = ModalContrast {
                widths: vec![width],
                tau: TAU,
                inversion: false,
                joint: false,
                alignment: None,
                present: None,
            };
            op.apply(&z, None, task)?.get(0)
        };
        run().during(task)
    }

    fn joint(&self, params: &Params, encoded: &Encoded) -> Candle<Tensor> {
        let raw: &Var = params.get("fusion.weight").map_err(candle_core::Error::wrap)?;
        joint(&unit(&encoded.parts)?.0, &row_weights(&softmax(raw)?, &encoded.present)?)
    }
}

impl Aligner for Pcmea {
    fn encoders(&self) -> &Encoders {
        &self.encoders
    }

    fn parameters(&self) -> Vec<Parameter> {
        let mut all = Vec::new();
        self.encoders.parameters(&mut all);
        self.texts.parameters(&mut all);
        let (names, &Options { width, seed, .. }) = (self.encoders.names(), &self.options);
        for name in &names {
            let affine = |all: &mut Vec<Parameter>, part: &str, out, inputs| {
                add_affine(all, &format!("{name}.attention.{part}"), out, inputs, seed);
            };
            if name == "structure" {
                add_norm(&mut all, "structure.attention.norm", width);
                let narrow = width.div_ceil(10);
                for (part, out, inputs) in
                    [("value", width, width), ("output", width, width), ("down", narrow, width)]
                {
                    affine(&mut all, part, out, inputs);
                }
                // The adapter begins as nothing.
                for (part, shape) in [("weight", vec![width, narrow]), ("bias", vec![width])] {
                    let name = format!("structure.attention.up.{part}");
                    all.push(Parameter::new(name, &shape, Init::Constant(0.0), seed));
                }
            } else if TEXTUAL.contains(&name.as_str()) {
                add_norm(&mut all, &format!("{name}.attention.norm"), width);
                for part in ["query", "key", "value", "output", "inner", "outer"] {
                    affine(&mut all, part, width, width);
                }
            }
        }
        for name in &names {
            let inputs = width * (names.len() + 1);
            add_affine(&mut all, &format!("information.{name}.0"), width, inputs, seed);
            add_affine(&mut all, &format!("information.{name}.1"), 1, width, seed);
        }
        all.extend(mclea::weights(names.len(), seed));
        all
    }

    fn parts(&self) -> Vec<String> {
        let more = ["information", "momentum"].map(str::to_owned);
        mclea::parts(&self.encoders.names()).into_iter().chain(more).collect()
    }

    fn loss(&self, params: &Params, view: &View<'_>, step: &Step<'_>) -> Result<Loss> {
        let encoded = self.encode(params, view)?;
        let found = contrast(params, &encoded, view, &self.options)?;
        let net = Net { params, task: view.task };
        let run = || {
            let joint = joint(&found.units, &found.v)?;
            let spaces = (&found.units, found.widths.as_slice());
            let information =
                self.mutual_information(net, spaces, &joint, &encoded.present, step.shuffled)?;
            Ok((joint, information))
        };
        let (joint, information) = run().during(view.task)?;
        let momentum = match step.momentum {
            Some(copy) => self.momentum_contrast(&joint, copy, view)?,
            None => information.zeros_like().during(view.task)?,
        };
        let total = found.total.add(&information).and_then(|total| total.add(&momentum));
        Loss::new(total.during(view.task)?, &[&found.losses, &information, &momentum])
    }

    fn vectors(&self, params: &Params, view: &View<'_>) -> Result<Vectors> {
        let encoded = self.encode(params, view)?;
        let raw = params.get("fusion.weight")?;
        let weights = softmax(raw).and_then(|soft| row_weights(&soft, &encoded.present)).during(view.task)?;
        Ok(Vectors { parts: encoded.parts, weights })
    }
}
