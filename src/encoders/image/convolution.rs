//! Convolutions. On the CPU they are products by the register kernels of [`crate::linalg`], whose numbers are the same
//! bits in whatever tile and on whatever processor; on a GPU they are candle's.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use candle_nn::VarBuilder;

use crate::train::gemm::{DEPTH, Kernel, Packed, sized};
use crate::train::tape;

/// Pixels of the result that are computed at once: what a block of filters is multiplied with stays in the caches.
const STRIP: usize = 192;

/// Sizes of a convolution with square filters.
#[derive(Clone, Copy)]
pub(super) struct Window {
    /// Width and height of a filter.
    pub side: usize,
    /// Pixels from one place of it to the next.
    pub stride: usize,
    /// Zeros around the picture.
    pub padding: usize,
}

/// A convolution with a bias for each filter, and whether negative results become zero.
pub(super) struct Convolution {
    weight: Tensor,
    bias: Tensor,
    biases: Vec<f32>,
    packed: Option<Packed>,
    kernel: Kernel,
    window: Window,
    inputs: usize,
    relu: bool,
}

/// Where a stretch of a panel's lanes comes from.
struct Piece {
    lane: usize,
    count: usize,
    from: usize,
}

impl Convolution {
    /// A convolution with its own bias, as torch names them: `weight` and `bias`.
    pub fn with_bias(
        inputs: usize,
        outputs: usize,
        window: Window,
        weights: &VarBuilder<'_>,
    ) -> Result<Self> {
        let weight = weights.get((outputs, inputs, window.side, window.side), "weight")?;
        Self::new(weight, weights.get(outputs, "bias")?, window, true)
    }

    /// A convolution without one, followed by batch normalisation with what it has learned, which is another
    /// convolution: `w · γ/√(σ² + ε)` and `β − μ · γ/√(σ² + ε)`.
    pub fn normalised(
        inputs: usize,
        outputs: usize,
        window: Window,
        weights: &VarBuilder<'_>,
        [convolution, norm]: [&str; 2],
        relu: bool,
    ) -> Result<Self> {
        let shape = (outputs, inputs, window.side, window.side);
        let weight = weights.pp(convolution).get(shape, "weight")?;
        let part = |name| weights.pp(norm).get(outputs, name);
        let scale = (part("weight")? / (part("running_var")? + 1e-5)?.sqrt()?)?;
        let bias = (part("bias")? - (part("running_mean")? * &scale)?)?;
        Self::new(weight.broadcast_mul(&scale.reshape((outputs, 1, 1, 1))?)?, bias, window, relu)
    }

    fn new(weight: Tensor, bias: Tensor, window: Window, relu: bool) -> Result<Self> {
        let kernel = Kernel::best();
        let (outputs, inputs, _, _) = weight.dims4()?;
        let depth = inputs * window.side * window.side;
        let packed = match weight.device().is_cpu() {
            true => {
                let numbers = tape::numbers::<f32>(&weight)?;
                let row = |i: usize| &numbers[i * depth..(i + 1) * depth];
                Some(Packed::along(row, outputs, kernel.left, depth, DEPTH))
            }
            false => None,
        };
        let biases = tape::numbers::<f32>(&bias)?;
        // A variance below zero is a number, its root is none; the rectifier would make 0 of it without a word.
        if !biases.iter().chain(&tape::numbers::<f32>(&weight)?).all(|x| x.is_finite()) {
            candle_core::bail!("batch normalisation by these numbers gives none that are finite");
        }
        // The packed ones are all that is needed then.
        let weight = if packed.is_some() { bias.clone() } else { weight };
        Ok(Convolution { weight, bias, biases, packed, kernel, window, inputs, relu })
    }

    /// `n × inputs × height × width` give `n × outputs × height' × width'`.
    pub fn forward(&self, pictures: &Tensor) -> Result<Tensor> {
        if self.packed.is_some() {
            return pictures.contiguous()?.apply_op1_no_bwd(self);
        }
        let Window { stride, padding, .. } = self.window;
        let sums = pictures.conv2d(&self.weight, padding, stride, 1, 1)?;
        let sums = sums.broadcast_add(&self.bias.reshape((1, self.biases.len(), 1, 1))?)?;
        if self.relu { sums.relu() } else { Ok(sums) }
    }

    /// One picture. `out` is `outputs × height' × width'`.
    fn picture(&self, packed: &Packed, picture: &[f32], height: usize, width: usize, out: &mut [f32]) {
        let Window { side, stride, padding } = self.window;
        let padded = padded(picture, height, width, padding);
        let picture = padded.as_deref().unwrap_or(picture);
        let (height, width) = (height + 2 * padding, width + 2 * padding);
        let cols = (width - side) / stride + 1;
        let pixels = out.len() / self.biases.len();
        let wide = self.kernel.right;
        let (mut tile, mut panels) = (Vec::new(), Vec::new());
        for first in (0..pixels).step_by(STRIP) {
            let count = STRIP.min(pixels - first);
            let lanes = count.next_multiple_of(wide);
            let tile = sized(&mut tile, packed.lanes * lanes);
            tile.fill(0.0);
            let place = |pixel: usize| (pixel / cols) * stride * width + (pixel % cols) * stride;
            let pieces: Vec<Vec<Piece>> = (first..first + count)
                .step_by(wide)
                .map(|start| pieces(start..(start + wide).min(first + count), cols, stride, place))
                .collect();
            for block in 0..packed.blocks() {
                let (filters, deep) = packed.part(block, 0, packed.lanes);
                let panels = sized(&mut panels, lanes * deep);
                for (panel, pieces) in panels.chunks_exact_mut(wide * deep).zip(&pieces) {
                    if pieces.iter().map(|piece| piece.count).sum::<usize>() < wide {
                        panel.fill(0.0);
                    }
                    for (p, row) in panel.chunks_exact_mut(wide).enumerate() {
                        let p = block * DEPTH + p;
                        let (channel, y, x) = (p / (side * side), p / side % side, p % side);
                        let offset = (channel * height + y) * width + x;
                        for piece in pieces {
                            let to = &mut row[piece.lane..piece.lane + piece.count];
                            let from = &picture[offset + piece.from..];
                            match stride {
                                1 => to.copy_from_slice(&from[..piece.count]),
                                _ => to
                                    .iter_mut()
                                    .zip(from.iter().step_by(stride))
                                    .for_each(|(to, from)| *to = *from),
                            }
                        }
                    }
                }
                self.kernel.multiply(deep, filters, panels, tile, lanes);
            }
            for ((sums, bias), out) in tile.chunks(lanes).zip(&self.biases).zip(out.chunks_mut(pixels)) {
                let least = if self.relu { 0.0 } else { f32::NEG_INFINITY };
                let out = &mut out[first..first + count];
                out.iter_mut().zip(sums).for_each(|(out, sum)| *out = (sum + bias).max(least));
            }
        }
    }
}

/// Stretches of pixels that stand side by side in the source, `stride` apart.
fn pieces(
    pixels: std::ops::Range<usize>,
    cols: usize,
    stride: usize,
    place: impl Fn(usize) -> usize,
) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut at = pixels.start;
    while at < pixels.end {
        let count = (cols - at % cols).min(pixels.end - at);
        let from = place(at);
        match pieces.last_mut() {
            Some(last) if last.from + last.count * stride == from => last.count += count,
            _ => pieces.push(Piece { lane: at - pixels.start, count, from }),
        }
        at += count;
    }
    pieces
}

/// The channels of a picture with zeros around each, or `None` where none are asked for.
fn padded(picture: &[f32], height: usize, width: usize, padding: usize) -> Option<Vec<f32>> {
    if padding == 0 {
        return None;
    }
    let (channels, wide) = (picture.len() / (height * width), width + 2 * padding);
    let mut padded = vec![0.0; channels * (height + 2 * padding) * wide];
    for (channel, to) in picture.chunks(height * width).zip(padded.chunks_mut((height + 2 * padding) * wide))
    {
        for (row, to) in channel.chunks(width).zip(to[padding * wide..].chunks_mut(wide)) {
            to[padding..padding + width].copy_from_slice(row);
        }
    }
    Some(padded)
}

impl CustomOp1 for Convolution {
    fn name(&self) -> &'static str {
        "convolution"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let pictures = tape::slice::<f32>("convolution", storage, layout)?;
        let (count, channels, height, width) = layout.shape().dims4()?;
        let Window { side, stride, padding } = self.window;
        let Some(packed) = &self.packed else { candle_core::bail!("filters that lie on a GPU") };
        if channels != self.inputs || (height.min(width) + 2 * padding) < side {
            candle_core::bail!("a convolution of {} channels was given {channels}", self.inputs)
        }
        let after = |length: usize| (length + 2 * padding - side) / stride + 1;
        let (outputs, rows, cols) = (self.biases.len(), after(height), after(width));
        let mut out = vec![0.0; count * outputs * rows * cols];
        let each = pictures.chunks(channels * height * width).zip(out.chunks_mut(outputs * rows * cols));
        each.for_each(|(picture, out)| self.picture(packed, picture, height, width, out));
        Ok((CpuStorage::F32(out), Shape::from((count, outputs, rows, cols))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Tensor};

    #[test]
    fn a_convolution_is_candles() {
        let device = &Device::Cpu;
        let numbers =
            |n: usize| (0..n).map(|i| ((i * 7919 + 13) % 1013) as f32 / 1013.0 - 0.5).collect::<Vec<_>>();
        let cases = [(3, 5, 1, 1, 0), (3, 7, 3, 1, 1), (8, 33, 3, 2, 1), (3, 16, 7, 2, 3), (40, 9, 1, 2, 0)];
        for (inputs, outputs, side, stride, padding) in cases {
            let (height, width) = (23, 37);
            let shape = (outputs, inputs, side, side);
            let weight = Tensor::from_vec(numbers(outputs * inputs * side * side), shape, device).unwrap();
            let bias = Tensor::from_vec(numbers(outputs), outputs, device).unwrap();
            let picture = numbers(2 * inputs * height * width);
            let picture = Tensor::from_vec(picture, (2, inputs, height, width), device).unwrap();
            for relu in [false, true] {
                let window = Window { side, stride, padding };
                let ours = Convolution::new(weight.clone(), bias.clone(), window, relu).unwrap();
                let found = ours.forward(&picture).unwrap();
                let sums = picture.conv2d(&weight, padding, stride, 1, 1).unwrap();
                let sums = sums.broadcast_add(&bias.reshape((1, outputs, 1, 1)).unwrap()).unwrap();
                let wanted = if relu { sums.relu().unwrap() } else { sums };
                assert_eq!(found.dims(), wanted.dims());
                let most =
                    (found - wanted).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
                assert!(most < 1e-4, "{most} at {side} x {side}, {stride}, {padding}");
            }
        }
    }
}
