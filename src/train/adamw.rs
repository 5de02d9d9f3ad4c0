//! AdamW with decoupled weight decay (Loshchilov and Hutter), whose state is plain data.

use candle_core::backprop::GradStore;
use rayon::prelude::*;

use super::params::Params;
use super::tape;
use crate::error::{Code, Error, Result};

/// Numbers one task takes.
const PIECE: usize = 1 << 14;

/// What does not change from step to step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamOptions {
    /// Decay rates of the two moments.
    pub betas: (f32, f32),
    /// Added to the root of the second moment.
    pub epsilon: f32,
    /// Decoupled weight decay, times the learning rate.
    pub weight_decay: f32,
    /// Largest norm of all gradients together; longer ones are scaled down to it.
    pub clip: Option<f32>,
}

impl Default for AdamOptions {
    fn default() -> Self {
        AdamOptions { betas: (0.9, 0.999), epsilon: 1e-8, weight_decay: 0.01, clip: None }
    }
}

/// The moments of one parameter.
#[derive(Clone, Debug, PartialEq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Moments {
    /// Name of the parameter.
    pub name: String,
    /// Running mean of the gradient.
    pub first: Vec<f32>,
    /// Running mean of its square.
    pub second: Vec<f32>,
}

/// What a checkpoint keeps of an optimiser.
#[derive(Clone, Debug, PartialEq, Default, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct AdamState {
    /// Steps taken.
    pub step: u64,
    /// One entry a parameter that has had a gradient, in the order of the first.
    pub moments: Vec<Moments>,
}

/// The optimiser.
#[derive(Clone, Debug)]
pub struct AdamW {
    options: AdamOptions,
    state: AdamState,
}

/// A parameter and its gradient.
#[derive(Debug)]
pub struct Slot<'a> {
    /// Name of the parameter.
    pub name: &'a str,
    /// The parameter, to be changed.
    pub values: &'a mut [f32],
    /// Its gradient, as long.
    pub grad: &'a [f32],
}

impl AdamW {
    /// An optimiser that has not taken a step.
    pub fn new(options: AdamOptions) -> Self {
        AdamW { options, state: AdamState::default() }
    }

    /// Goes on from a stored state.
    pub fn resume(options: AdamOptions, state: AdamState) -> Self {
        AdamW { options, state }
    }

    /// The state, for a checkpoint.
    pub fn state(&self) -> &AdamState {
        &self.state
    }

    /// Takes one step with the learning rate `rate`; gives the norm of all gradients together.
    ///
    /// m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g², θ ← θ(1 − rate·decay) − rate·m̂/(√v̂ + ε). Nothing is
    /// changed on an error: [`Code::Internal`] for lengths that do not fit, [`Code::BadValue`] for a
    /// gradient that is not finite.
    pub fn step(&mut self, slots: &mut [Slot<'_>], rate: f32) -> Result<f64> {
        let square = |grad: &[f32]| -> f64 {
            let piece = |piece: &[f32]| piece.iter().map(|&g| f64::from(g) * f64::from(g)).sum::<f64>();
            grad.par_chunks(PIECE).map(piece).collect::<Vec<f64>>().iter().sum()
        };
        let norm = slots.iter().map(|slot| square(slot.grad)).sum::<f64>().sqrt();
        if !norm.is_finite() {
            return Err(Error::new(Code::BadValue, "the gradients are not finite")
                .help("lower the learning rate, clip the gradients, or look for huge feature values"));
        }
        let places = slots.iter().map(|slot| self.place(slot)).collect::<Result<Vec<_>>>()?;
        let AdamOptions { betas: (b1, b2), epsilon, weight_decay, clip } = self.options;
        let scale = match clip {
            Some(clip) if norm > f64::from(clip) => (f64::from(clip) / norm) as f32,
            _ => 1.0,
        };
        self.state.step += 1;
        let power = |beta: f32| f64::from(beta).powi(self.state.step.min(i32::MAX as u64) as i32);
        let size = (f64::from(rate) / (1.0 - power(b1))) as f32;
        let root = (1.0 - power(b2)).sqrt() as f32;
        let keep = 1.0 - rate * weight_decay;
        for (slot, place) in slots.iter_mut().zip(places) {
            let place = place.unwrap_or_else(|| {
                let zeros = vec![0.0; slot.values.len()];
                let (first, second) = (zeros.clone(), zeros);
                self.state.moments.push(Moments { name: slot.name.to_owned(), first, second });
                self.state.moments.len() - 1
            });
            let moments = &mut self.state.moments[place];
            let numbers = slot.values.par_chunks_mut(PIECE).zip(slot.grad.par_chunks(PIECE));
            let means = moments.first.par_chunks_mut(PIECE).zip(moments.second.par_chunks_mut(PIECE));
            numbers.zip(means).for_each(|((values, grads), (first, second))| {
                for (((value, &grad), m), v) in values.iter_mut().zip(grads).zip(first).zip(second) {
                    let grad = grad * scale;
                    *m = b1 * *m + (1.0 - b1) * grad;
                    *v = b2 * *v + (1.0 - b2) * grad * grad;
                    *value = *value * keep - size * *m / (v.sqrt() / root + epsilon);
                }
            });
        }
        Ok(norm)
    }

    /// Where a parameter's moments are, if it has any.
    fn place(&self, slot: &Slot<'_>) -> Result<Option<usize>> {
        let place = self.state.moments.iter().position(|moments| moments.name == slot.name);
        let len = place.map_or(slot.values.len(), |at| self.state.moments[at].first.len());
        let second = place.map_or(len, |at| self.state.moments[at].second.len());
        if [slot.grad.len(), slot.values.len(), second] != [len; 3] {
            let message = format!("the gradient or moments of `{}` do not fit it", slot.name);
            return Err(Error::new(Code::Internal, message));
        }
        Ok(place)
    }

    /// Takes one step for the parameters on a tape that have a gradient; see [`AdamW::step`].
    pub fn step_tape(&mut self, params: &Params, grads: &GradStore, rate: f32) -> Result<f64> {
        let mut work = Vec::new();
        for (name, var) in params.iter() {
            if let Some(grad) = grads.get(var.as_tensor()) {
                let read = |tensor| tape::numbers::<f32>(tensor).map_err(|e| params.lost(name, e));
                work.push((name, var, read(var.as_tensor())?, read(grad)?));
            }
        }
        let slots = work.iter_mut().map(|(name, _, values, grad)| Slot { name, values, grad });
        let norm = self.step(&mut slots.collect::<Vec<_>>(), rate)?;
        for (name, var, values, _) in work {
            let set = tape::tensor(values, var.dims(), var.as_tensor()).and_then(|tensor| var.set(&tensor));
            set.map_err(|e| params.lost(name, e))?;
        }
        Ok(norm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_step_has_the_size_of_the_rate() {
        let mut adam = AdamW::new(AdamOptions { weight_decay: 0.0, ..AdamOptions::default() });
        let mut values = [1.0, 2.0];
        let norm =
            adam.step(&mut [Slot { name: "x", values: &mut values, grad: &[3.0, -4.0] }], 0.1).unwrap();
        assert_eq!(norm, 5.0);
        assert!((values[0] - 0.9).abs() < 1e-6 && (values[1] - 2.1).abs() < 1e-6);
    }

    #[test]
    fn clipping_keeps_the_direction() {
        let options = AdamOptions { clip: Some(1.0), ..AdamOptions::default() };
        let mut adam = AdamW::new(options);
        adam.step(&mut [Slot { name: "x", values: &mut [1.0, 2.0], grad: &[3.0, -4.0] }], 0.1).unwrap();
        let first = &adam.state().moments[0].first;
        assert!((first[0] - 0.06).abs() < 1e-6 && (first[1] + 0.08).abs() < 1e-6);
    }

    #[test]
    fn a_gradient_that_is_no_number_changes_nothing() {
        let mut adam = AdamW::new(AdamOptions::default());
        let mut values = [1.0];
        let slot = Slot { name: "x", values: &mut values, grad: &[f32::NAN] };
        assert_eq!(adam.step(&mut [slot], 0.1).unwrap_err().code(), Code::BadValue);
        assert_eq!((values, adam.state().step), ([1.0], 0));
    }
}
