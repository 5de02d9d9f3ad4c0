//! [`ModalContrast`] on the tape.

use std::sync::OnceLock;

use candle_core::{CpuStorage, CustomOp2, DType, Layout, Result as Candle, Shape, Tensor};

use super::modal_contrast::{Call, Kept, ModalContrast};
use super::tape;
use crate::task::Task;

/// A call on the tape, with what its forward pass leaves.
struct OnTape {
    options: ModalContrast,
    task: Task,
    kept: OnceLock<Kept>,
}

impl ModalContrast {
    /// The losses on the tape, `[losses]`: `z` `[2B, Σ widths]` and, for a joint space, `v` `[2B, spaces]`,
    /// f32.
    pub fn apply(&self, z: &Tensor, v: Option<&Tensor>, task: &Task) -> Candle<Tensor> {
        let op = OnTape { options: self.clone(), task: task.clone(), kept: OnceLock::new() };
        let rows = tape::on_cpu(z)?;
        let v = match v {
            Some(v) => tape::on_cpu(v)?,
            None => Tensor::zeros((z.dim(0)?, self.widths.len()), DType::F32, rows.device())?,
        };
        rows.apply_op2(&v, op)?.to_device(z.device())
    }
}

impl CustomOp2 for OnTape {
    fn name(&self) -> &'static str {
        "modal-contrast"
    }

    fn cpu_fwd(
        &self,
        z: &CpuStorage,
        lz: &Layout,
        v: &CpuStorage,
        lv: &Layout,
    ) -> Candle<(CpuStorage, Shape)> {
        let (z, v) = (tape::slice::<f32>(self.name(), z, lz)?, tape::slice::<f32>(self.name(), v, lv)?);
        let call = Call::new(&self.options, z, v).map_err(candle_core::Error::wrap)?;
        let (losses, kept) = call.forward(&self.task).map_err(candle_core::Error::wrap)?;
        let _ = self.kept.set(kept);
        let count = losses.len();
        Ok((CpuStorage::F32(losses.into_iter().map(|loss| loss as f32).collect()), Shape::from(count)))
    }

    fn bwd(
        &self,
        z: &Tensor,
        v: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Candle<(Option<Tensor>, Option<Tensor>)> {
        let Some(kept) = self.kept.get() else {
            candle_core::bail!("modal contrast: the backward pass came before the forward pass")
        };
        let slopes = tape::lend([z, v, grad], |[z, v, upstream]| {
            let turn = || Call::new(&self.options, z, v)?.backward(kept, upstream, &self.task);
            turn().map_err(candle_core::Error::wrap)
        })?;
        Ok((Some(tape::tensor(slopes.z, z.dims(), z)?), Some(tape::tensor(slopes.v, v.dims(), v)?)))
    }
}
