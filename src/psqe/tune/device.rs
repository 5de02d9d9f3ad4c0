//! The tuner's network on a device of candle's.
//!
//! What does not change is put there once: dense features, and where batches are the same in each epoch
//! their rows and edges. Parameters and gradients, a few megabytes, travel with each batch, so that the
//! masters (f32), the optimiser and the state are the CPU's, and all this is a pure function of them.
//!
//! The tape begins behind the affine map: its input is constant, and candle would compute the gradient
//! of that too. Sparse features stay on the CPU with their affine map.

use candle_core::{DType, Device, Tensor, Var};

use crate::error::{Code, Error, Result};
use crate::task::Task;
use crate::train::{Attention, ConstantRows, Field, Normalise, Parameter, Pick, StripContrast};

use super::encoder::Encoder;
use super::options::TuneOptions;
use super::plan::Plan;

/// Most numbers that are put on the device at a time: 64 MiB.
const PIECE: usize = 1 << 24;

type Candle<T> = candle_core::Result<T>;

/// The networks of all modalities on a device.
pub(crate) struct OnDevice {
    device: Device,
    dtype: DType,
    /// For each modality its features `[rows, cols]`, absent rows filled; `None` where they are sparse.
    features: Vec<Option<Tensor>>,
}

/// A batch's field and places on a device.
pub(crate) struct Placed {
    rows: Rows,
    pick: Pick,
}

/// A field on a device.
struct Rows {
    /// The rows, `None` where they are all there are in their order.
    picked: Option<Tensor>,
    layers: Vec<Attention>,
}

impl Rows {
    fn new(field: &Field, count: usize, device: &Device) -> Candle<Self> {
        let all = field.rows.len() == count && (0..).zip(&field.rows).all(|(at, &row): (u32, _)| at == row);
        let rows = || Tensor::from_slice(&field.rows, field.rows.len(), device);
        let picked = if all { None } else { Some(rows()?) };
        Ok(Rows { picked, layers: field.layers.iter().cloned().map(Attention::new).collect() })
    }
}

/// A network with its place among the modalities.
type Which<'e, 'a> = (usize, &'e Encoder<'a>);

/// The parameters of attention, by place: leaves of the tape.
type Leaves = Vec<(usize, Var)>;

impl OnDevice {
    /// Puts the dense features of these networks on a device, as `dtype`: f32 or bf16.
    ///
    /// Fails with [`Code::Unsupported`] on other types, [`Code::Limit`] if memory is too small.
    pub fn new(device: &Device, dtype: DType, encoders: &[Encoder<'_>]) -> Result<Self> {
        if !matches!(dtype, DType::F32 | DType::BF16) {
            return Err(Error::new(Code::Unsupported, format!("tuning in {} is not known", dtype.as_str()))
                .help("choose f32 or bf16"));
        }
        let put = |encoder: &Encoder<'_>| {
            encoder.rows.is_dense().then(|| upload(&encoder.rows, device, dtype)).transpose()
        };
        let features = encoders.iter().map(put).collect::<Candle<_>>().map_err(failed)?;
        Ok(OnDevice { device: device.clone(), dtype, features })
    }

    /// The loss of one batch of one modality; its gradients are added to `gradients`, if they are wanted,
    /// which has a place for every parameter.
    ///
    /// Fails with [`Code::BadValue`] on a loss that is no number, [`Code::Limit`] if memory is too small,
    /// [`Code::Cancelled`].
    pub fn batch(
        &self,
        (at, encoder): Which<'_, '_>,
        parameters: &[Parameter],
        plan: &Plan,
        options: &TuneOptions,
        gradients: Option<&mut [Vec<f32>]>,
        task: &Task,
    ) -> Result<f64> {
        let placed = match plan.placed.get() {
            Some(placed) => placed,
            None => {
                let rows = Rows::new(&plan.field, encoder.rows.rows(), &self.device).map_err(failed)?;
                let pick = Pick::new(&plan.places, plan.field.written(), &self.device).map_err(failed)?;
                plan.placed.get_or_init(|| Placed { rows, pick })
            }
        };
        let (x, out) = self.affine((at, encoder), parameters, &plan.field, &placed.rows, task)?;
        task.check()?;
        let begin = Var::from_tensor(&out).map_err(failed)?;
        drop(out);
        let leaves = self.leaves(encoder, parameters).map_err(failed)?;
        let ahead = || -> Candle<Tensor> {
            let vectors = attend(begin.as_tensor(), &placed.rows, &leaves)?;
            let mut z = placed.pick.apply(&vectors)?;
            if options.normalise() {
                z = Normalise::with_tensors(&z)?;
            }
            StripContrast::apply(&z, options.tau)
        };
        let loss = ahead().map_err(failed)?;
        let found = f64::from(loss.to_scalar::<f32>().map_err(failed)?);
        encoder.check(found)?;
        let Some(gradients) = gradients else { return Ok(found) };
        task.check()?;
        let mut grads = loss.backward().map_err(failed)?;
        for (place, leaf) in &leaves {
            if let Some(grad) = grads.remove(leaf) {
                add(&mut gradients[*place], &grad).map_err(failed)?;
            }
        }
        if let Some(grad) = grads.remove(&begin) {
            // The tape is of no more use: its memory is for the products that follow.
            drop((loss, grads, begin));
            let places = &mut gradients[encoder.first..encoder.first + 2];
            self.affine_backward(encoder, &plan.field, x, &grad, places, task)?;
        }
        Ok(found)
    }

    /// The vectors of all rows that a field writes, `written × hidden`.
    pub fn vectors(
        &self,
        (at, encoder): Which<'_, '_>,
        parameters: &[Parameter],
        field: &Field,
        task: &Task,
    ) -> Result<Vec<f32>> {
        let rows = Rows::new(field, encoder.rows.rows(), &self.device).map_err(failed)?;
        let (_, out) = self.affine((at, encoder), parameters, field, &rows, task)?;
        task.check()?;
        let leaves = self.leaves(encoder, parameters).map_err(failed)?;
        let read = || attend(&out, &rows, &leaves)?.flatten_all()?.to_vec1::<f32>();
        read().map_err(failed)
    }

    /// The affine map of the rows a field reads, `[rows, hidden]` in f32, and what it was a map of.
    fn affine(
        &self,
        (at, encoder): Which<'_, '_>,
        parameters: &[Parameter],
        field: &Field,
        rows: &Rows,
        task: &Task,
    ) -> Result<(Option<Tensor>, Tensor)> {
        let (weight, bias) = (&parameters[encoder.first], &parameters[encoder.first + 1]);
        let hidden = bias.values.len();
        let Some(features) = self.features.get(at).and_then(Option::as_ref) else {
            let mut out = vec![0.0; field.rows.len() * hidden];
            encoder.rows.forward(&field.rows, &weight.values, Some(&bias.values), &mut out, task)?;
            let out = Tensor::from_vec(out, (field.rows.len(), hidden), &self.device).map_err(failed)?;
            return Ok((None, out));
        };
        let product = || -> Candle<_> {
            let x = match &rows.picked {
                Some(picked) => features.index_select(picked, 0)?,
                None => features.clone(),
            };
            let weight = self.put(weight)?.to_dtype(self.dtype)?;
            let out = x.matmul(&weight.t()?)?.to_dtype(DType::F32)?.broadcast_add(&self.put(bias)?)?;
            Ok((Some(x), out))
        };
        product().map_err(failed)
    }

    /// Adds the gradients of weight and bias to `places`.
    fn affine_backward(
        &self,
        encoder: &Encoder<'_>,
        field: &Field,
        x: Option<Tensor>,
        grad: &Tensor,
        places: &mut [Vec<f32>],
        task: &Task,
    ) -> Result<()> {
        let (weight, bias) = places.split_at_mut(1);
        match x {
            Some(x) => {
                let turned = || grad.to_dtype(self.dtype)?.t()?.matmul(&x)?.to_dtype(DType::F32);
                turned().and_then(|grad| add(&mut weight[0], &grad)).map_err(failed)?;
                grad.sum(0).and_then(|grad| add(&mut bias[0], &grad)).map_err(failed)
            }
            None => {
                let grad = grad.flatten_all().and_then(|grad| grad.to_vec1::<f32>()).map_err(failed)?;
                encoder.rows.backward(&field.rows, &grad, &mut weight[0], &mut bias[0], task)
            }
        }
    }

    fn leaves(&self, encoder: &Encoder<'_>, parameters: &[Parameter]) -> Candle<Leaves> {
        let places = encoder.first + 2..encoder.first + 2 + 2 * encoder.layers;
        places.map(|at| Ok((at, Var::from_tensor(&self.put(&parameters[at])?)?))).collect()
    }

    fn put(&self, parameter: &Parameter) -> Candle<Tensor> {
        Tensor::from_slice(&parameter.values, parameter.shape.as_slice(), &self.device)
    }
}

/// The attention layers over the rows of a field.
fn attend(out: &Tensor, rows: &Rows, leaves: &Leaves) -> Candle<Tensor> {
    let mut h = out.clone();
    for (layer, (attention, pair)) in rows.layers.iter().zip(leaves.chunks_exact(2)).enumerate() {
        h = attention.apply(&h, pair[0].1.as_tensor(), pair[1].1.as_tensor())?;
        if layer + 1 < rows.layers.len() {
            h = h.elu(1.0)?;
        }
    }
    Ok(h)
}

/// Dense features on a device, `[rows, cols]`.
fn upload(rows: &ConstantRows<'_>, device: &Device, dtype: DType) -> Candle<Tensor> {
    let (count, cols) = (rows.rows(), rows.cols());
    let all = Tensor::zeros((count, cols), dtype, device)?;
    let step = (PIECE / cols).max(1);
    for start in (0..count).step_by(step) {
        let end = (start + step).min(count);
        let piece = Tensor::from_vec(rows.filled(start as u32..end as u32), (end - start, cols), device)?;
        all.slice_set(&piece.to_dtype(dtype)?, 0, start)?;
    }
    Ok(all)
}

/// Adds a gradient on a device to one here.
fn add(into: &mut [f32], grad: &Tensor) -> Candle<()> {
    let numbers = grad.flatten_all()?.to_vec1::<f32>()?;
    if numbers.len() != into.len() {
        candle_core::bail!("a gradient of {} numbers for {}", numbers.len(), into.len())
    }
    into.iter_mut().zip(numbers).for_each(|(into, x)| *into += x);
    Ok(())
}

/// What a device refused, as our error.
fn failed(cause: candle_core::Error) -> Error {
    let text = cause.to_string();
    let full = text.contains("OUT_OF_MEMORY") || text.contains("out of memory");
    let error = match full {
        true => Error::new(Code::Limit, "the device has too little memory for this")
            .help("take smaller batches, dtype=bf16, or device='cpu'"),
        false => {
            Error::new(Code::Internal, format!("the device refused: {}", text.lines().next().unwrap_or("")))
                .help("device='cpu' does the same work; please report this message")
        }
    };
    error.because(cause)
}
