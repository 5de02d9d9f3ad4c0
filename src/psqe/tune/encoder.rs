//! One modality's network: an affine map, then graph attention if the modality is structural.

use crate::error::{Code, Error, Result};
use crate::task::Task;
use crate::train::attention::{self, Gradients, Weights};
use crate::train::{ConstantRows, Field, Init, Parameter, elu};

use super::options::TuneOptions;

/// The network of one modality; its parameters stand in the tuner's list from `first` on.
pub(crate) struct Encoder<'a> {
    pub name: String,
    pub rows: ConstantRows<'a>,
    /// Attention layers; 0 for a modality that is no more than an affine map.
    pub layers: usize,
    /// Place of its first parameter: weight and bias of the affine map, then `w` and `a` of each layer.
    pub first: usize,
    hidden: usize,
    heads: usize,
}

/// What each attention layer read, for the backward pass.
pub(crate) type Trace = Vec<Vec<f32>>;

impl<'a> Encoder<'a> {
    /// The network, its fresh parameters appended to `parameters`: `linear.weight` `[hidden, cols]`,
    /// `linear.bias` `[hidden]` uniform in ±1/√cols, and for each layer `attention.l.w`
    /// `[heads, hidden]`, all 1, and `attention.l.a` `[heads, 2·hidden]`, uniform in ±1/√(2·hidden).
    pub fn new(
        name: &str,
        rows: ConstantRows<'a>,
        structural: bool,
        options: &TuneOptions,
        parameters: &mut Vec<Parameter>,
    ) -> Self {
        let &TuneOptions { hidden, heads, seed, .. } = options;
        let layers = if structural { options.layers } else { 0 };
        let (first, cols) = (parameters.len(), rows.cols());
        let mut add = |part: &str, shape: &[usize], init| {
            parameters.push(Parameter::new(format!("{name}.{part}"), shape, init, seed));
        };
        add("linear.weight", &[hidden, cols], Init::affine(cols));
        add("linear.bias", &[hidden], Init::affine(cols));
        for layer in 0..layers {
            add(&format!("attention.{layer}.w"), &[heads, hidden], Init::Constant(1.0));
            add(&format!("attention.{layer}.a"), &[heads, 2 * hidden], Init::affine(2 * hidden));
        }
        Encoder { name: name.to_owned(), rows, layers, first, hidden, heads }
    }

    fn weights<'p>(&self, parameters: &'p [Parameter], layer: usize) -> Weights<'p, f32> {
        let at = self.first + 2 + 2 * layer;
        let (w, a) = (&parameters[at].values, &parameters[at + 1].values);
        Weights { w, a, heads: self.heads, width: self.hidden }
    }

    /// Fails with [`Code::BadValue`] on a loss that is no number.
    pub fn check(&self, loss: f64) -> Result<()> {
        if loss.is_finite() {
            return Ok(());
        }
        Err(Error::new(Code::BadValue, format!("the loss of {} is not finite any more", self.name))
            .help("lower the learning rate, or use unit vectors with a temperature"))
    }

    /// The vectors of the rows that the field writes, `written × hidden`, and, if it is to be kept, what
    /// the layers read.
    pub fn forward(
        &self,
        parameters: &[Parameter],
        field: &Field,
        keep: bool,
        task: &Task,
    ) -> Result<(Vec<f32>, Trace)> {
        let (weight, bias) = (&parameters[self.first].values, &parameters[self.first + 1].values);
        let mut x = vec![0.0; field.rows.len() * self.hidden];
        self.rows.forward(&field.rows, weight, Some(bias), &mut x, task)?;
        let mut trace = Trace::new();
        for (layer, edges) in field.layers.iter().enumerate() {
            task.check()?;
            let mut out = vec![0.0; edges.written * self.hidden];
            attention::forward(edges, &x, &self.weights(parameters, layer), &mut out)?;
            if layer + 1 < field.layers.len() {
                elu::forward(&mut out);
            }
            let read = std::mem::replace(&mut x, out);
            if keep {
                trace.push(read);
            }
        }
        Ok((x, trace))
    }

    /// Adds the gradients of Σ grad⊙out to `gradients`, which has a place for every parameter.
    pub fn backward(
        &self,
        parameters: &[Parameter],
        field: &Field,
        mut trace: Trace,
        mut grad: Vec<f32>,
        gradients: &mut [Vec<f32>],
        task: &Task,
    ) -> Result<()> {
        for (layer, edges) in field.layers.iter().enumerate().rev() {
            task.check()?;
            let read = trace.pop().unwrap_or_default();
            let mut below = vec![0.0; read.len()];
            let at = self.first + 2 + 2 * layer;
            let (w, a) = gradients[at..at + 2].split_at_mut(1);
            let into = Gradients { h: &mut below, w: &mut w[0], a: &mut a[0] };
            attention::backward(edges, &read, &self.weights(parameters, layer), &grad, into)?;
            if layer > 0 {
                elu::backward(&read, &mut below);
            }
            grad = below;
        }
        drop(trace);
        let (weight, bias) = gradients[self.first..self.first + 2].split_at_mut(1);
        self.rows.backward(&field.rows, &grad, &mut weight[0], &mut bias[0], task)
    }
}
