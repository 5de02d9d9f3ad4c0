//! What all aligners begin with: vectors of each modality, before they are fused.

use std::sync::Arc;

use candle_core::{DType, Tensor};

use super::inputs::{Inputs, View};
use super::{Candle, Options};
use crate::error::Result;
use crate::task::Task;
use crate::train::{
    Affine, Attention, Bipartite, ConstantLinear, EdgeSoftmax, Elu, Fill, Init, Normalise, Parameter, Params,
    Pick, Propagate,
};

/// The network over the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Graph {
    /// Convolutions (EVA).
    Convolution,
    /// Attention with diagonal maps (MCLEA, MEAformer, PCMEA).
    Diagonal,
    /// Attention with full maps, of an entity and of its neighbours; separate or one (MPSEA).
    Full {
        /// Whether they are two.
        separate: bool,
    },
}

/// One modality's map.
struct Map {
    name: String,
    cols: usize,
    input: usize,
}

/// Maps of all modalities, with the learned vectors of structure among them.
pub(super) struct Encoders {
    graph: Graph,
    maps: Vec<Map>,
    /// Place of structure among the modalities, if it is one.
    structure: Option<usize>,
    rows: usize,
    options: Options,
}

/// Vectors of some rows.
pub(super) struct Encoded {
    /// For each modality `[rows, width]`.
    pub parts: Vec<Tensor>,
    /// `rows × modalities`: whether the row has the modality.
    pub present: Vec<bool>,
}

impl Encoders {
    /// Maps of the modalities that `keep` names, and of structure if the options want it.
    pub fn new(inputs: &Inputs, options: &Options, graph: Graph, keep: impl Fn(&str) -> bool) -> Self {
        let modalities = inputs.modalities.iter().enumerate().filter(|(_, modality)| keep(&modality.name));
        let map = |(input, modality): (usize, &super::ModalInput)| Map {
            name: modality.name.clone(),
            cols: modality.features.left().rows.cols(),
            input,
        };
        let maps: Vec<Map> = modalities.map(map).collect();
        let before = maps.iter().filter(|map| map.input < inputs.structure_place()).count();
        let structure = options.structure.then_some(before);
        Encoders { graph, maps, structure, rows: inputs.graph.rows(), options: options.clone() }
    }

    /// Names of the modalities, in their order.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.maps.iter().map(|map| map.name.clone()).collect();
        if let Some(at) = self.structure {
            names.insert(at, "structure".into());
        }
        names
    }

    /// Graph layers.
    pub fn layers(&self) -> usize {
        if self.structure.is_some() { self.options.layers } else { 0 }
    }

    /// Fresh parameters: `structure.entities` (normal, deviation 1/√N), the layers of the graph, and of
    /// each modality `name.weight` `[width, cols]` and `name.bias`.
    pub fn parameters(&self, into: &mut Vec<Parameter>) {
        let &Options { hidden, width, heads, layers, seed, .. } = &self.options;
        let mut add = |name: String, shape: &[usize], init| {
            into.push(Parameter::new(name, shape, init, seed));
        };
        if self.structure.is_some() {
            let deviation = 1.0 / (self.rows.max(1) as f32).sqrt();
            add("structure.entities".into(), &[self.rows, hidden], Init::Normal { deviation });
            for layer in 0..layers {
                let name = |part: &str| format!("structure.{layer}.{part}");
                let out = if layer + 1 == layers { width } else { hidden };
                match self.graph {
                    Graph::Convolution => {
                        add(name("weight"), &[out, hidden], Init::affine(out));
                        add(name("bias"), &[out], Init::affine(out));
                    }
                    Graph::Diagonal => {
                        add(name("w"), &[heads, hidden], Init::Constant(1.0));
                        add(name("a"), &[heads, 2 * hidden], Init::affine(2 * hidden));
                    }
                    Graph::Full { separate } => {
                        if separate {
                            add(name("own"), &[heads * hidden, hidden], Init::affine(hidden));
                        }
                        add(name("other"), &[heads * hidden, hidden], Init::affine(hidden));
                        add(name("omega"), &[heads, 2 * hidden], Init::affine(2 * hidden));
                    }
                }
            }
        }
        for map in &self.maps {
            add(format!("{}.weight", map.name), &[width, map.cols], Init::affine(map.cols));
            add(format!("{}.bias", map.name), &[width], Init::affine(map.cols));
        }
    }

    /// Vectors of the view's rows.
    pub fn encode(&self, params: &Params, view: &View<'_>) -> Result<Encoded> {
        let mut parts = Vec::new();
        for map in &self.maps {
            parts.push(self.map(params, view, map)?);
        }
        if let Some(at) = self.structure {
            let all = match &view.structure {
                Some(all) => all.clone(),
                None => self.structure(params, view)?,
            };
            let places = if view.structure.is_some() { view.rows.to_vec() } else { view.places() };
            let picked = || Pick::new(&places, all.dim(0)?, view.device)?.apply(&all);
            parts.insert(at, picked().during(view.task)?);
        }
        let count = parts.len();
        let mut present = vec![true; view.rows.len() * count];
        let others = (0..count).filter(|at| Some(*at) != self.structure);
        for (map, at) in self.maps.iter().zip(others).filter(|_| !self.options.quirks()) {
            let features = &view.inputs.modalities[map.input].features;
            let (left, right) = (features.left(), features.right());
            for (row, present) in view.rows.iter().zip(present.iter_mut().skip(at).step_by(count)) {
                let row = *row as usize;
                let split = view.inputs.split;
                *present = if row < split { left.present.get(row) } else { right.present.get(row - split) };
            }
        }
        Ok(Encoded { parts, present })
    }

    /// One modality's affine map of the view's rows. What a row that is not there gets is masked out of
    /// all that follows; under the reference's quirks it is the mean of the others, and takes part.
    fn map(&self, params: &Params, view: &View<'_>, map: &Map) -> Result<Tensor> {
        let features = view.inputs.modalities[map.input].features.clone();
        let fill = if self.options.quirks() { Fill::Mean } else { Fill::Zero };
        let linear = ConstantLinear::new(features, fill, view.rows.clone(), view.task);
        let weight = params.get(&format!("{}.weight", map.name))?;
        linear.apply(weight, params.get(&format!("{}.bias", map.name))?).during(view.task)
    }

    /// Vectors of structure of the rows that the view's field writes.
    pub fn structure(&self, params: &Params, view: &View<'_>) -> Result<Tensor> {
        let entities = params.get("structure.entities")?;
        let (field, task) = (&view.field, view.task);
        let whole = field.rows.len() == self.rows && field.rows.is_sorted();
        let begin = || match whole {
            true => Ok(entities.as_tensor().clone()),
            false => Pick::new(&field.rows, self.rows, view.device)?.apply(entities),
        };
        let mut h = begin().during(task)?;
        for (layer, edges) in field.layers.iter().enumerate() {
            task.check()?;
            let get = |part: &str| params.get(&format!("structure.{layer}.{part}"));
            let last = layer + 1 == field.layers.len();
            h = match self.graph {
                Graph::Convolution => {
                    let weights = view.inputs.graph.normalised(&field.rows, edges);
                    let (weight, bias) = (get("weight")?, get("bias")?);
                    let propagate = Propagate::new(edges.clone(), weights.into());
                    let run = || {
                        let out = Affine::apply(&propagate.apply(&h)?, weight, bias, task)?;
                        if last { Ok(out) } else { out.relu() }
                    };
                    run().during(task)?
                }
                Graph::Diagonal => {
                    let (w, a) = (get("w")?, get("a")?);
                    let run = || {
                        let out = Attention::new(edges.clone()).apply(&h, w, a)?;
                        if last { Ok(out) } else { Elu::apply(&out) }
                    };
                    run().during(task)?
                }
                Graph::Full { separate } => {
                    let other = get("other")?;
                    let own = if separate { get("own")? } else { other };
                    let omega = get("omega")?;
                    let run = || {
                        let out = full(edges, &h, [own, other, omega].map(|var| var.as_tensor()), task)?;
                        if last { Ok(out) } else { Elu::apply(&out) }
                    };
                    run().during(task)?
                }
            };
        }
        Ok(h)
    }
}

/// Graph attention with full maps (MPSEA eq. 1), heads averaged: out_i = Σ_j α_ij W_j h_j with
/// α = softmax LeakyReLU(ω·[W_i h_i ‖ W_j h_j]).
///
/// No row read is mapped: a score is (Wᵀω)·h, and W_j is applied to the sums over the edges, which in a
/// batch are far fewer.
fn full(
    edges: &Arc<Bipartite>,
    h: &Tensor,
    [own, other, omega]: [&Tensor; 3],
    task: &Task,
) -> Candle<Tensor> {
    let (heads, width, inputs) = (omega.dim(0)?, omega.dim(1)? / 2, h.dim(1)?);
    let zeros = |count: usize| Tensor::zeros(count, DType::F32, h.device());
    let fold = |maps: &Tensor, half: usize| -> Candle<Tensor> {
        let omega = omega.narrow(1, half * width, width)?.unsqueeze(2)?;
        maps.reshape((heads, width, inputs))?.broadcast_mul(&omega)?.sum(1)
    };
    let folded = Tensor::cat(&[fold(own, 0)?, fold(other, 1)?], 0)?;
    let scores = Affine::apply(h, &folded, &zeros(2 * heads)?, task)?;
    let written = scores.narrow(0, 0, edges.written)?.narrow(1, 0, heads)?;
    let sums = EdgeSoftmax::new(edges.clone()).apply(&written, &scores.narrow(1, heads, heads)?, h)?;
    // The heads' maps side by side, as their sums are.
    let maps = other.reshape((heads, width, inputs))?.transpose(0, 1)?.reshape((width, heads * inputs))?;
    Affine::apply(&sums, &maps.affine(1.0 / heads as f64, 0.0)?, &zeros(width)?, task)
}

/// Errors of the tape, as ours.
pub(super) trait During<T> {
    /// The result, or the error: [`Code::Cancelled`](crate::Code::Cancelled) where the task was.
    fn during(self, task: &Task) -> Result<T>;
}

impl<T> During<T> for Candle<T> {
    fn during(self, task: &Task) -> Result<T> {
        self.or_else(|cause| {
            task.check()?;
            Err(super::refused(cause))
        })
    }
}

/// Unit rows of all modalities side by side, `[rows, Σ widths]`, and the widths; all are equally wide.
pub(super) fn unit(parts: &[Tensor]) -> Candle<(Tensor, Vec<usize>)> {
    units(&Tensor::stack(parts, 1)?)
}

/// The same of `[rows, modalities, width]`.
pub(super) fn units(stacked: &Tensor) -> Candle<(Tensor, Vec<usize>)> {
    let (rows, count, width) = stacked.dims3()?;
    let units = Normalise::apply(&stacked.reshape((rows * count, width))?)?;
    Ok((units.reshape((rows, count * width))?, vec![width; count]))
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::train::tests::data::{close, normals, random_graph};

    /// Row `at` of a map (`inputs` wide) times a vector.
    fn times(map: &[f32], at: usize, x: &[f32]) -> f64 {
        map[at * x.len()..(at + 1) * x.len()].iter().zip(x).map(|(w, x)| f64::from(w * x)).sum()
    }

    #[test]
    fn attention_with_full_maps_is_the_plain_formula() {
        let (heads, width) = (2, 5);
        let edges = random_graph(9, 9, 30, 1).field(&[0, 4, 12], 1).unwrap().layers.remove(0);
        let rows = [(edges.read, 1), (heads * width, 2), (heads * width, 3), (2 * heads, 4)];
        let list = rows.map(|(rows, seed)| normals(rows * width, seed));
        let shape = |at: usize| if at == 3 { (heads, 2 * width) } else { (list[at].len() / width, width) };
        let tensor = |at: usize| Tensor::from_slice(&list[at], shape(at), &Device::Cpu).unwrap();
        let found = full(&edges, &tensor(0), [&tensor(1), &tensor(2), &tensor(3)], &Task::quiet()).unwrap();
        let [h, own, other, omega] = &list;
        let row = |j: usize| &h[j * width..(j + 1) * width];
        let mut expected = vec![0.0; edges.written * width];
        for (i, k) in (0..edges.written).flat_map(|i| (0..heads).map(move |k| (i, k))) {
            let part = |map: &[f32], j: usize, half: usize| -> f64 {
                let one = |o: usize| {
                    f64::from(omega[(2 * k + half) * width + o]) * times(map, k * width + o, row(j))
                };
                (0..width).map(one).sum()
            };
            let sources: Vec<usize> =
                edges.sources[edges.of_written(i)].iter().map(|&j| j as usize).collect();
            let power = |&j: &usize| {
                let sum = part(own, i, 0) + part(other, j, 1);
                (if sum > 0.0 { sum } else { 0.2 * sum }).exp()
            };
            let total: f64 = sources.iter().map(power).sum();
            for (j, o) in sources.iter().flat_map(|&j| (0..width).map(move |o| (j, o))) {
                let value = times(other, k * width + o, row(j)) * power(&j) / total / heads as f64;
                expected[i * width + o] += value;
            }
        }
        let expected: Vec<f32> = expected.into_iter().map(|x: f64| x as f32).collect();
        close("full", &found.flatten_all().unwrap().to_vec1::<f32>().unwrap(), &expected, 1e-5);
    }
}
