//! The contrastive loss of [`super::contrast`] with candle's tensor operations, for devices that our own
//! kernels do not know.
//!
//! The matrix of logits is made a strip of rows at a time, in the forward pass for the logarithms of the
//! sums and in the backward pass anew: memory is a few strips of at most [`STRIP`] numbers, and no strip
//! is on the tape. Everything is f32; where vectors are bf16, cast them before.

use candle_core::{CpuStorage, CudaStorage, CustomOp1, DType, Layout, Result, Shape, Tensor};

use super::tape;

/// Most numbers of a strip: 64 MiB.
const STRIP: usize = 1 << 24;

/// The loss on the tape of any device: `apply(z, tau)` with `z` `[2B, width]`, f32, gives a scalar.
pub struct StripContrast {
    tau: f32,
    rows: usize,
    loss: Tensor,
    /// `[2B, 1]`.
    log_sums: Tensor,
}

impl StripContrast {
    /// The loss of one batch of pairs, left rows first, with temperature `tau`; see [`super::Contrast`].
    ///
    /// Fails on an odd number of rows and on a temperature not above zero.
    pub fn apply(z: &Tensor, tau: f32) -> Result<Tensor> {
        // A strip has this many rows, and one at least.
        StripContrast::with_rows(z, tau, (STRIP / z.dim(0)?.max(1)).max(1))
    }

    /// The same with strips of so many rows.
    pub(crate) fn with_rows(z: &Tensor, tau: f32, rows: usize) -> Result<Tensor> {
        let (count, _) = z.dims2()?;
        if count == 0 || !count.is_multiple_of(2) || rows == 0 {
            candle_core::bail!("contrast: {count} rows are no stack of pairs")
        }
        if !(tau.is_finite() && tau > 0.0) {
            candle_core::bail!("contrast: temperature {tau} is not above zero")
        }
        let vectors = z.detach().contiguous()?;
        let logits = Logits::new(&vectors, tau)?;
        let mut sums = Vec::new();
        for start in (0..count).step_by(rows) {
            let strip = logits.strip(start, rows.min(count - start))?;
            let top = strip.max_keepdim(1)?;
            let powers = strip.broadcast_sub(&top)?.exp()?.sum_keepdim(1)?;
            sums.push(top.add(&powers.log()?)?);
        }
        let log_sums = Tensor::cat(&sums, 0)?;
        let positives =
            vectors.mul(&swapped(&vectors)?)?.sum_keepdim(1)?.affine(1.0 / f64::from(tau), 0.0)?;
        // Thousands of rows in f64: the mean is exact to the last place of f32.
        let loss = log_sums.sub(&positives)?.to_dtype(DType::F64)?.mean_all()?.to_dtype(DType::F32)?;
        z.apply_op1(StripContrast { tau, rows, loss, log_sums })
    }
}

/// Logits of vectors `[n, width]` against each other, a strip of rows at a time.
struct Logits<'a> {
    vectors: &'a Tensor,
    across: Tensor,
    scale: f64,
    numbers: Tensor,
}

impl<'a> Logits<'a> {
    fn new(vectors: &'a Tensor, tau: f32) -> Result<Self> {
        let numbers = Tensor::arange(0u32, vectors.dim(0)? as u32, vectors.device())?;
        Ok(Logits { vectors, across: vectors.t()?, scale: 1.0 / f64::from(tau), numbers })
    }

    /// `[rows, n]`: −∞ where a row meets itself.
    fn strip(&self, start: usize, rows: usize) -> Result<Tensor> {
        let logits = self.vectors.narrow(0, start, rows)?.matmul(&self.across)?.affine(self.scale, 0.0)?;
        let own =
            self.numbers.narrow(0, start, rows)?.unsqueeze(1)?.broadcast_eq(&self.numbers.unsqueeze(0)?)?;
        let nothing = Tensor::full(f32::NEG_INFINITY, logits.shape(), logits.device())?;
        own.where_cond(&nothing, &logits)
    }
}

/// Each row's partner in its place.
fn swapped(z: &Tensor) -> Result<Tensor> {
    let half = z.dim(0)? / 2;
    Tensor::cat(&[z.narrow(0, half, half)?, z.narrow(0, 0, half)?], 0)
}

impl CustomOp1 for StripContrast {
    fn name(&self) -> &'static str {
        "contrast"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        tape::done(&self.loss)
    }

    fn cuda_fwd(&self, _: &CudaStorage, _: &Layout) -> Result<(CudaStorage, Shape)> {
        tape::done_cuda(&self.loss)
    }

    /// grad_i = 1/(2B·τ) (Σ_j (exp(l_ij − s_i) + exp(l_ij − s_j)) z_j − 2 z_p(i)); see
    /// [`super::contrast`].
    fn bwd(&self, z: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let z = z.detach().contiguous()?;
        let count = z.dim(0)?;
        let logits = Logits::new(&z, self.tau)?;
        let others = self.log_sums.t()?;
        let mut parts = Vec::new();
        for start in (0..count).step_by(self.rows) {
            let rows = self.rows.min(count - start);
            let strip = logits.strip(start, rows)?;
            let by_row = strip.broadcast_sub(&self.log_sums.narrow(0, start, rows)?)?.exp()?;
            let by_column = strip.broadcast_sub(&others)?.exp()?;
            parts.push(by_row.add(&by_column)?.matmul(&z)?);
        }
        let pulled = Tensor::cat(&parts, 0)?.sub(&swapped(&z)?.affine(2.0, 0.0)?)?;
        let scale = 1.0 / (count as f64 * f64::from(self.tau));
        Ok(Some(pulled.broadcast_mul(&grad.affine(scale, 0.0)?)?))
    }
}
