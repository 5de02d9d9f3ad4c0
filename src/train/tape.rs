//! Between slices and candle's tape.

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CudaStorage, Device, Layout, Result, Shape, Storage, Tensor, WithDType};

/// The numbers of a tensor on the CPU; an error if they are not one stretch in row order.
pub(crate) fn slice<'a, T: WithDType>(
    name: &'static str,
    storage: &'a CpuStorage,
    layout: &Layout,
) -> Result<&'a [T]> {
    let Some((start, end)) = layout.contiguous_offsets() else {
        candle_core::bail!("{name} needs contiguous arguments; call contiguous() first")
    };
    let data = storage.as_slice::<T>()?;
    match data.get(start..end) {
        Some(data) => Ok(data),
        None => candle_core::bail!("{name}: the layout does not fit its storage"),
    }
}

/// The numbers of a tensor, copied to the CPU.
pub(crate) fn numbers<T: WithDType>(tensor: &Tensor) -> Result<Vec<T>> {
    tensor.flatten_all()?.to_vec1::<T>()
}

/// Gives `work` the numbers of tensors: lent where they stand in row order on the CPU, else copied there.
pub(crate) fn lend<T: WithDType, R, const N: usize>(
    tensors: [&Tensor; N],
    work: impl FnOnce([&[T]; N]) -> Result<R>,
) -> Result<R> {
    let here = tensors.into_iter().map(on_cpu).collect::<Result<Vec<_>>>()?;
    let held: Vec<_> = here.iter().map(Tensor::storage_and_layout).collect();
    let lent = held.iter().map(|(storage, layout)| match &**storage {
        Storage::Cpu(storage) => slice::<T>("lend", storage, layout),
        _ => candle_core::bail!("a tensor that did not come to the CPU"),
    });
    let lent = lent.collect::<Result<Vec<_>>>()?;
    work(std::array::from_fn(|at| lent[at]))
}

/// A tensor beside `like`, on its device.
pub(crate) fn tensor<T: WithDType>(data: Vec<T>, shape: impl Into<Shape>, like: &Tensor) -> Result<Tensor> {
    Tensor::from_vec(data, shape.into(), like.device())
}

/// The result of a custom operation whose work was done before, with tensor operations: on the CPU.
pub(crate) fn done(result: &Tensor) -> Result<(CpuStorage, Shape)> {
    let (storage, layout) = result.storage_and_layout();
    match &*storage {
        Storage::Cpu(storage) if whole(layout) => Ok((storage.clone(), layout.shape().clone())),
        _ => candle_core::bail!("a result that is not the whole of its storage on the CPU"),
    }
}

/// The same on a GPU.
pub(crate) fn done_cuda(result: &Tensor) -> Result<(CudaStorage, Shape)> {
    let (storage, layout) = result.storage_and_layout();
    match &*storage {
        Storage::Cuda(storage) if whole(layout) => Ok((storage.try_clone(layout)?, layout.shape().clone())),
        _ => candle_core::bail!("a result that is not the whole of its storage on a GPU"),
    }
}

fn whole(layout: &Layout) -> bool {
    layout.is_contiguous() && layout.start_offset() == 0
}

/// What a tape operation says where only the CPU has it.
pub(crate) fn cpu_only<T>(name: &'static str) -> Result<T> {
    candle_core::bail!("{name} has no CUDA kernel in this build; train on the device cpu")
}

/// A tensor where operations that have no GPU kernel can read it; the tape carries its gradient back.
pub(crate) fn on_cpu(tensor: &Tensor) -> Result<Tensor> {
    tensor.to_device(&Device::Cpu)?.contiguous()
}
