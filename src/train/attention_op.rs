//! Graph attention on the tape.

use std::sync::Arc;

use candle_core::{CpuStorage, CudaStorage, CustomOp3, Layout, Result as Candle, Shape, Tensor};

use super::attention::{Gradients, Weights, backward, forward};
use super::bipartite::Bipartite;
use super::real::Real;
use super::tape;

/// One attention layer on the tape: `apply(h, w, a)` with `h` `[read, width]`, `w` `[heads, width]` and
/// `a` `[heads, 2·width]` (the written row's half first) gives `[written, width]`.
#[derive(Clone, Debug)]
pub struct Attention {
    pub(super) edges: Arc<Bipartite>,
    /// The edges on the GPU where they were last used; clones share them.
    #[cfg(feature = "cuda")]
    pub(super) placed: super::attention_cuda::Placed,
}

impl Attention {
    /// The layer over these edges.
    pub fn new(edges: Arc<Bipartite>) -> Self {
        Attention {
            edges,
            #[cfg(feature = "cuda")]
            placed: Default::default(),
        }
    }

    /// Runs it; see [`Attention`]. Fails on shapes that do not fit, and on types other than f32 and (on the
    /// CPU) f64.
    pub fn apply(&self, h: &Tensor, w: &Tensor, a: &Tensor) -> Candle<Tensor> {
        let (width, heads) = (h.dim(1)?, w.dim(0)?);
        if h.dims() != [self.edges.read, width]
            || w.dims() != [heads, width]
            || a.dims() != [heads, 2 * width]
        {
            candle_core::bail!(
                "attention over {} rows of {width} with {heads} heads: shapes {:?}, {:?}, {:?}",
                self.edges.read,
                h.dims(),
                w.dims(),
                a.dims()
            );
        }
        h.contiguous()?.apply_op3(&w.contiguous()?, &a.contiguous()?, self.clone())
    }

    fn run<T: Real>(&self, h: &[T], w: &[T], a: &[T], heads: usize) -> Candle<(CpuStorage, Shape)> {
        let width = w.len() / heads.max(1);
        let mut out = vec![T::ZERO; self.edges.written * width];
        forward(&self.edges, h, &Weights { w, a, heads, width }, &mut out)
            .map_err(candle_core::Error::wrap)?;
        Ok((T::to_cpu_storage_owned(out), Shape::from((self.edges.written, width))))
    }

    fn turn<T: Real>(&self, h: &Tensor, w: &Tensor, a: &Tensor, grad: &Tensor) -> Candle<[Tensor; 3]> {
        let (heads, width) = w.dims2()?;
        let zeros = |like: &Tensor| vec![T::ZERO; like.elem_count()];
        let (mut dh, mut dw, mut da) = (zeros(h), zeros(w), zeros(a));
        let into = Gradients { h: &mut dh, w: &mut dw, a: &mut da };
        tape::lend([h, w, a, grad], |[h, w, a, grad]| {
            let weights = Weights { w, a, heads, width };
            backward(&self.edges, h, &weights, grad, into).map_err(candle_core::Error::wrap)
        })?;
        Ok([tape::tensor(dh, h.dims(), h)?, tape::tensor(dw, w.dims(), w)?, tape::tensor(da, a.dims(), a)?])
    }
}

impl CustomOp3 for Attention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn cpu_fwd(
        &self,
        h: &CpuStorage,
        lh: &Layout,
        w: &CpuStorage,
        lw: &Layout,
        a: &CpuStorage,
        la: &Layout,
    ) -> Candle<(CpuStorage, Shape)> {
        let heads = lw.dims().first().copied().unwrap_or(0);
        let name = self.name();
        match h {
            CpuStorage::F64(_) => self.run::<f64>(
                tape::slice(name, h, lh)?,
                tape::slice(name, w, lw)?,
                tape::slice(name, a, la)?,
                heads,
            ),
            _ => self.run::<f32>(
                tape::slice(name, h, lh)?,
                tape::slice(name, w, lw)?,
                tape::slice(name, a, la)?,
                heads,
            ),
        }
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        h: &CudaStorage,
        lh: &Layout,
        w: &CudaStorage,
        lw: &Layout,
        a: &CudaStorage,
        la: &Layout,
    ) -> Candle<(CudaStorage, Shape)> {
        self.forward_cuda((h, lh), (w, lw), (a, la))
    }

    #[cfg(not(feature = "cuda"))]
    fn cuda_fwd(
        &self,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
    ) -> Candle<(CudaStorage, Shape)> {
        tape::cpu_only(self.name())
    }

    fn bwd(
        &self,
        h: &Tensor,
        w: &Tensor,
        a: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Candle<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        #[cfg(feature = "cuda")]
        if h.device().is_cuda() {
            let [dh, dw, da] = self.backward_cuda(h, w, a, grad)?;
            return Ok((Some(dh), Some(dw), Some(da)));
        }
        let [dh, dw, da] = match h.dtype() {
            candle_core::DType::F64 => self.turn::<f64>(h, w, a, grad)?,
            _ => self.turn::<f32>(h, w, a, grad)?,
        };
        Ok((Some(dh), Some(dw), Some(da)))
    }
}
