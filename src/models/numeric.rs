//! Vectors of numeric attributes (MPSEA eq. 4, "DNEF").
//!
//! Of each value of an entity φ = value·γ_a + ζ_a with γ and ζ learned by attribute a, then a feed-forward
//! network (Linear–ReLU–Linear), then the mean over the entity's values. The text does not say how several
//! values of an entity become one vector: the mean is ours. It normalises "per entity"; here a value is its
//! rank among those of its attribute, for values of several attributes have no common measure.

use std::sync::Arc;

use candle_core::Tensor;

use super::encoders::During;
use super::fusion::{Net, add_affine};
use super::inputs::{Numbers, View};
use crate::error::Result;
use crate::train::{Bipartite, Init, Parameter, Params, Pick, Propagate};

/// Fresh parameters: γ 1, ζ normal with deviation 1/√width, and the network.
pub(super) fn parameters(into: &mut Vec<Parameter>, numbers: &Numbers, width: usize, seed: u64) {
    let shape = [numbers.count.max(1), width];
    into.push(Parameter::new("numeric.gamma", &shape, Init::Constant(1.0), seed));
    let deviation = 1.0 / (width.max(1) as f32).sqrt();
    into.push(Parameter::new("numeric.zeta", &shape, Init::Normal { deviation }, seed));
    add_affine(into, "numeric.inner", width, width, seed);
    add_affine(into, "numeric.outer", width, width, seed);
}

/// `[rows, width]` of the view's rows, 0 for an entity without values, and which have values.
pub(super) fn encode(params: &Params, numbers: &Numbers, view: &View<'_>) -> Result<(Tensor, Vec<bool>)> {
    let range = |row: u32| numbers.indptr[row as usize] as usize..numbers.indptr[row as usize + 1] as usize;
    let present: Vec<bool> = view.rows.iter().map(|&row| !range(row).is_empty()).collect();
    let places: Vec<usize> = view.rows.iter().flat_map(|&row| range(row)).collect();
    let (gamma, zeta) = (params.get("numeric.gamma")?, params.get("numeric.zeta")?);
    let width = gamma.dims().get(1).copied().unwrap_or(0);
    if places.is_empty() {
        let none = Tensor::zeros((view.rows.len(), width), gamma.dtype(), view.device);
        return Ok((none.during(view.task)?, present));
    }
    // The mean over an entity's values as a sparse product, which reads at least as many rows as it writes.
    let read = places.len().max(view.rows.len());
    let (mut indptr, mut weights) = (vec![0u32], Vec::with_capacity(places.len()));
    for &row in view.rows.iter() {
        let count = range(row).len();
        weights.extend(std::iter::repeat_n(1.0 / count as f32, count));
        indptr.push(weights.len() as u32);
    }
    let edges = Arc::new(Bipartite::new(read, indptr, (0..places.len() as u32).collect())?);
    let net = Net { params, task: view.task };
    let run = || {
        let attributes: Vec<u32> = places.iter().map(|&at| numbers.attributes[at]).collect();
        let values: Vec<f32> = places.iter().map(|&at| numbers.values[at]).collect();
        let pick = Pick::new(&attributes, numbers.count, view.device)?;
        let values = Tensor::from_vec(values, (places.len(), 1), view.device)?;
        let phi = pick.apply(gamma)?.broadcast_mul(&values)?.add(&pick.apply(zeta)?)?;
        let mut x = net.affine("numeric.outer", &net.affine("numeric.inner", &phi)?.relu()?)?;
        if read > places.len() {
            let rest = Tensor::zeros((read - places.len(), width), x.dtype(), view.device)?;
            x = Tensor::cat(&[x, rest], 0)?;
        }
        Propagate::new(edges, weights.into()).apply(&x)
    };
    Ok((run().during(view.task)?, present))
}
