//! [`ConstantRows`] on the tape.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp2, Layout, Result as Candle, Shape, Tensor};

use super::linear::{ConstantRows, Fill};
use super::tape;
use crate::features::Feature;
use crate::task::Task;

/// Both sides of a modality, held for as long as the tape may need them.
pub trait FeaturePair: Send + Sync {
    /// The left side.
    fn left(&self) -> Feature<'_>;
    /// The right side.
    fn right(&self) -> Feature<'_>;
}

/// X·Wᵀ + b over some rows of constant features; only W and b have gradients.
#[derive(Clone)]
pub struct ConstantLinear {
    features: Arc<dyn FeaturePair>,
    fill: Fill,
    rows: Arc<[u32]>,
    task: Task,
}

impl ConstantLinear {
    /// The product for these rows (left ones first, then right ones); it stops when `task` is cancelled.
    pub fn new(features: Arc<dyn FeaturePair>, fill: Fill, rows: Arc<[u32]>, task: &Task) -> Self {
        ConstantLinear { features, fill, rows, task: task.clone() }
    }

    /// `weight` `[outputs, cols]` and `bias` `[outputs]` give `[rows, outputs]`, all f32. The features stay
    /// where they are: on a GPU the weights come to the CPU and the result goes back.
    pub fn apply(&self, weight: &Tensor, bias: &Tensor) -> Candle<Tensor> {
        tape::on_cpu(weight)?.apply_op2(&tape::on_cpu(bias)?, self.clone())?.to_device(weight.device())
    }

    fn constant(&self) -> Candle<ConstantRows<'_>> {
        ConstantRows::new(self.features.left(), self.features.right(), self.fill)
            .map_err(candle_core::Error::wrap)
    }
}

impl CustomOp2 for ConstantLinear {
    fn name(&self) -> &'static str {
        "constant-linear"
    }

    fn cpu_fwd(
        &self,
        weight: &CpuStorage,
        lw: &Layout,
        bias: &CpuStorage,
        lb: &Layout,
    ) -> Candle<(CpuStorage, Shape)> {
        let weight = tape::slice::<f32>(self.name(), weight, lw)?;
        let bias = tape::slice::<f32>(self.name(), bias, lb)?;
        let mut out = vec![0.0; self.rows.len() * bias.len()];
        self.constant()?
            .forward(&self.rows, weight, Some(bias), &mut out, &self.task)
            .map_err(candle_core::Error::wrap)?;
        Ok((CpuStorage::F32(out), Shape::from((self.rows.len(), bias.len()))))
    }

    fn bwd(
        &self,
        weight: &Tensor,
        bias: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Candle<(Option<Tensor>, Option<Tensor>)> {
        let (mut dw, mut db) = (vec![0.0; weight.elem_count()], vec![0.0; bias.elem_count()]);
        let constant = self.constant()?;
        tape::lend([grad], |[grad]| {
            let turned = constant.backward(&self.rows, grad, &mut dw, &mut db, &self.task);
            turned.map_err(candle_core::Error::wrap)
        })?;
        Ok((Some(tape::tensor(dw, weight.dims(), weight)?), Some(tape::tensor(db, bias.dims(), bias)?)))
    }
}
