//! Graph attention on an NVIDIA GPU: launches the kernels of `attention.cu`.
//!
//! The kernels are compiled when they are first needed, for a virtual architecture that every GPU the
//! driver supports can run. Between forward and backward pass nothing is kept: α is computed anew, as on
//! the CPU. Memory beyond the results is 2·heads numbers an edge and, in the backward pass, 3·heads rows
//! for every [`PIECE`] rows read.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaView, LaunchConfig, PushKernelArg};
use candle_core::cuda_backend::cudarc::nvrtc::compile_ptx;
use candle_core::cuda_backend::{CudaDevice, DeviceId, WrapErr};
use candle_core::{CpuStorage, CudaStorage, CustomOp3, Layout, Result as Candle, Shape, Storage, Tensor};

use super::attention_op::Attention;
use super::attention_sums;
use super::bipartite::Bipartite;

/// Read rows whose parts in the weights' gradients one block sums.
const PIECE: u32 = 8;
/// Threads of a warp.
const WARP: u32 = 32;

/// A tensor's storage with where it lies in it.
type Part<'a> = (&'a CudaStorage, &'a Layout);

/// The edges on one GPU.
#[derive(Debug)]
pub(super) struct Edges {
    device: DeviceId,
    indptr: CudaSlice<u32>,
    sources: CudaSlice<u32>,
    turned: CudaSlice<u32>,
    targets: CudaSlice<u32>,
    edges: CudaSlice<u32>,
}

/// The edges where they were last used.
#[derive(Clone, Default)]
pub(super) struct Placed(Arc<Mutex<Option<Arc<Edges>>>>);

impl fmt::Debug for Placed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Placed")
    }
}

impl Placed {
    fn on(&self, device: &CudaDevice, edges: &Bipartite) -> Candle<Arc<Edges>> {
        let mut placed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &*placed
            && known.device == device.id()
        {
            return Ok(known.clone());
        }
        // The driver allocates nothing of no length.
        let put = |numbers: &[u32]| device.clone_htod(if numbers.is_empty() { &[0][..] } else { numbers });
        let fresh = Arc::new(Edges {
            device: device.id(),
            indptr: put(&edges.indptr)?,
            sources: put(&edges.sources)?,
            turned: put(&edges.turned)?,
            targets: put(&edges.targets)?,
            edges: put(&edges.edges)?,
        });
        *placed = Some(fresh.clone());
        Ok(fresh)
    }
}

/// The kernels, compiled.
fn kernels() -> Candle<&'static str> {
    static PTX: OnceLock<String> = OnceLock::new();
    if let Some(ptx) = PTX.get() {
        return Ok(ptx);
    }
    let ptx = compile_ptx(include_str!("attention.cu")).map_err(candle_core::Error::wrap)?;
    Ok(PTX.get_or_init(|| ptx.to_src()))
}

/// Launches a kernel of `attention.cu` with these arguments.
///
/// # Safety
/// The arguments must be those of the kernel, in its order, and as long as it reads and writes.
macro_rules! launch {
    ($device:expr, $name:literal, $config:expr, [$($arg:expr),* $(,)?]) => {{
        let function = $device.get_or_load_custom_func($name, "seedbed attention", kernels()?)?;
        let mut builder = function.builder();
        $(builder.arg($arg);)*
        // SAFETY: see the macro.
        unsafe { builder.launch($config) }.w()?;
    }};
}

/// The arguments of a layer, checked, and the scores of its rows.
struct Layer<'a> {
    device: &'a CudaDevice,
    edges: Arc<Edges>,
    h: CudaView<'a, f32>,
    w: CudaView<'a, f32>,
    a: CudaView<'a, f32>,
    own: CudaSlice<f32>,
    other: CudaSlice<f32>,
    written: u32,
    read: u32,
    heads: u32,
    width: u32,
}

impl<'a> Layer<'a> {
    fn new(attention: &Attention, h: Part<'a>, w: Part<'a>, a: Part<'a>) -> Candle<Self> {
        let graph = &attention.edges;
        let device = h.0.device();
        let (heads, width) = w.1.shape().dims2()?;
        let fits = h.1.dims() == [graph.read, width] && a.1.dims() == [heads, 2 * width];
        if !fits || heads == 0 || width == 0 {
            candle_core::bail!("attention: arguments that do not fit each other")
        }
        let number = |n: usize| u32::try_from(n).map_err(candle_core::Error::wrap);
        let count = |rows: usize| (rows * heads).max(1);
        let mut layer = Layer {
            device,
            edges: attention.placed.on(device, graph)?,
            h: view(h)?,
            w: view(w)?,
            a: view(a)?,
            own: device.alloc_zeros(count(graph.written))?,
            other: device.alloc_zeros(count(graph.read))?,
            written: number(graph.written)?,
            read: number(graph.read)?,
            heads: number(heads)?,
            width: number(width)?,
        };
        let warps = 4;
        if layer.read > 0 {
            let Layer { h, w, a, own, other, written, read, heads, width, .. } = &mut layer;
            let config = config(read.div_ceil(warps), warps * WARP);
            launch!(
                device,
                "attention_scores",
                config,
                [&*h, &*w, &*a, own, other, &*written, &*read, &*heads, &*width]
            );
        }
        Ok(layer)
    }

    /// Room for `heads` numbers an edge.
    fn an_edge(&self) -> Candle<CudaSlice<f32>> {
        self.device.alloc_zeros(self.edges.sources.len() * self.heads as usize)
    }

    /// Threads of a block that works on one row: a lane a column, within reason.
    fn threads(&self) -> u32 {
        self.width.next_multiple_of(WARP).clamp(2 * WARP, 16 * WARP)
    }
}

fn config(blocks: u32, threads: u32) -> LaunchConfig {
    LaunchConfig { grid_dim: (blocks, 1, 1), block_dim: (threads, 1, 1), shared_mem_bytes: 0 }
}

fn view((storage, layout): Part<'_>) -> Candle<CudaView<'_, f32>> {
    let slice = storage.as_cuda_slice::<f32>()?;
    let view = layout.contiguous_offsets().and_then(|(start, end)| slice.try_slice(start..end));
    match view {
        Some(view) => Ok(view),
        None => candle_core::bail!("attention needs contiguous arguments; call contiguous() first"),
    }
}

impl Attention {
    /// The forward pass on a GPU: `[written, width]`, f32.
    pub(super) fn forward_cuda(&self, h: Part<'_>, w: Part<'_>, a: Part<'_>) -> Candle<(CudaStorage, Shape)> {
        let layer = Layer::new(self, h, w, a)?;
        let shape = Shape::from((self.edges.written, layer.width as usize));
        let mut out = layer.device.alloc_zeros::<f32>(shape.elem_count())?;
        let mut alpha = layer.an_edge()?;
        if layer.written > 0 {
            let Layer { device, edges, h, w, own, other, heads, width, .. } = &layer;
            launch!(
                device,
                "attention_forward",
                config(layer.written, layer.threads()),
                [h, w, &edges.indptr, &edges.sources, own, other, &mut alpha, &mut out, heads, width]
            );
        }
        Ok((CudaStorage::wrap_cuda_slice(out, layer.device.clone()), shape))
    }

    /// Gradients of Σ grad⊙out by `h`, `w` and `a`, in their shapes.
    pub(super) fn backward_cuda(
        &self,
        h: &Tensor,
        w: &Tensor,
        a: &Tensor,
        grad: &Tensor,
    ) -> Candle<[Tensor; 3]> {
        // From here on nothing is for the tape.
        let [h, w, a] = [h, w, a].map(Tensor::detach);
        let grad = grad.contiguous()?;
        let (read, width) = h.dims2()?;
        let heads = w.dim(0)?;
        if grad.dims() != [self.edges.written, width] {
            candle_core::bail!("attention: a gradient of shape {:?}", grad.dims())
        }
        let both = h.apply_op3_no_bwd(&w, &a, &Gradient { attention: self, grad: &grad })?;
        let dh = both.narrow(0, 0, read * width)?.reshape((read, width))?;
        let rest = (read.div_ceil(PIECE as usize), 3 * heads * width);
        let sums = both.narrow(0, read * width, rest.0 * rest.1)?.reshape(rest)?;
        let (dw, da) = attention_sums::weights(&sums, &w, &a)?;
        Ok([dh, dw, da])
    }
}

/// The gradient as an operation of its own: it gives the gradient by `h` and, behind it, the sums that
/// those by `w` and `a` are made of.
struct Gradient<'a> {
    attention: &'a Attention,
    grad: &'a Tensor,
}

impl CustomOp3 for Gradient<'_> {
    fn name(&self) -> &'static str {
        "attention gradient"
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Candle<(CpuStorage, Shape)> {
        candle_core::bail!("{} is for GPUs only", self.name())
    }

    fn cuda_fwd(
        &self,
        h: &CudaStorage,
        lh: &Layout,
        w: &CudaStorage,
        lw: &Layout,
        a: &CudaStorage,
        la: &Layout,
    ) -> Candle<(CudaStorage, Shape)> {
        let layer = Layer::new(self.attention, (h, lh), (w, lw), (a, la))?;
        let (storage, layout) = self.grad.storage_and_layout();
        let Storage::Cuda(storage) = &*storage else {
            candle_core::bail!("{}: the gradient is not on the GPU", self.name())
        };
        let grad = view((storage, layout))?;
        let Layer { device, edges, h, w, a, own, other, written, read, heads, width } = &layer;
        let (mut alpha, mut slope) = (layer.an_edge()?, layer.an_edge()?);
        let mut by_row = device.alloc_zeros::<f32>(own.len())?;
        if *written > 0 {
            launch!(
                device,
                "attention_by_written",
                config(*written, layer.threads()),
                [
                    h,
                    w,
                    &grad,
                    &edges.indptr,
                    &edges.sources,
                    own,
                    other,
                    &mut alpha,
                    &mut slope,
                    &mut by_row,
                    heads,
                    width
                ]
            );
        }
        let pieces = read.div_ceil(PIECE);
        let rows = *read as usize * *width as usize;
        let len = rows + pieces as usize * 3 * *heads as usize * *width as usize;
        let mut both = device.alloc_zeros::<f32>(len)?;
        if *read > 0 {
            let (mut dh, mut sums) = both.split_at_mut(rows);
            launch!(
                device,
                "attention_by_read",
                config(pieces, layer.threads()),
                [
                    h,
                    w,
                    a,
                    &grad,
                    &edges.turned,
                    &edges.targets,
                    &edges.edges,
                    &alpha,
                    &slope,
                    &by_row,
                    &mut dh,
                    &mut sums,
                    written,
                    read,
                    &PIECE,
                    heads,
                    width
                ]
            );
        }
        Ok((CudaStorage::wrap_cuda_slice(both, (*device).clone()), Shape::from(len)))
    }
}
