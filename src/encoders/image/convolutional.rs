//! Networks of convolutions, as torchvision has them: ResNets and VGG.

use candle_core::{D, Result, Tensor};
use candle_nn::{Linear, Module, VarBuilder};

use super::convolution::{Convolution, Window};

const ONE: Window = Window { side: 1, stride: 1, padding: 0 };
const THREE: Window = Window { side: 3, stride: 1, padding: 1 };

/// He et al., Deep Residual Learning for Image Recognition, 2015, with blocks of three convolutions; the second has
/// the stride, as torchvision has it. What comes of it is the mean over the places of the last layer.
pub(super) struct ResNet {
    stem: Convolution,
    blocks: Vec<Block>,
}

struct Block {
    steps: [Convolution; 3],
    skip: Option<Convolution>,
}

impl ResNet {
    /// Width of a vector.
    pub const WIDTH: usize = 2048;

    /// The network with so many blocks in its four layers, named as torchvision names them.
    pub fn new(counts: [usize; 4], weights: &VarBuilder<'_>) -> Result<Self> {
        let window = Window { side: 7, stride: 2, padding: 3 };
        let stem = Convolution::normalised(3, 64, window, weights, ["conv1", "bn1"], true)?;
        let (mut blocks, mut inputs) = (Vec::new(), 64);
        for (layer, count) in counts.into_iter().enumerate() {
            let inner = 64 << layer;
            for block in 0..count {
                let weights = weights.pp(format!("layer{}", layer + 1)).pp(block);
                let stride = if layer > 0 && block == 0 { 2 } else { 1 };
                blocks.push(Block::new(inputs, inner, stride, &weights)?);
                inputs = 4 * inner;
            }
        }
        Ok(ResNet { stem, blocks })
    }

    /// `n × 3 × height × width` give `n × 2048`.
    pub fn forward(&self, pictures: &Tensor) -> Result<Tensor> {
        // After a rectifier, zeros around the picture are never the greatest.
        let stem =
            self.stem.forward(pictures)?.pad_with_zeros(D::Minus1, 1, 1)?.pad_with_zeros(D::Minus2, 1, 1)?;
        let mut x = stem.max_pool2d_with_stride(3, 2)?;
        for block in &self.blocks {
            x = block.forward(&x)?;
        }
        x.flatten_from(2)?.mean(D::Minus1)
    }
}

impl Block {
    fn new(inputs: usize, inner: usize, stride: usize, weights: &VarBuilder<'_>) -> Result<Self> {
        let outputs = 4 * inner;
        let step =
            |from, to, window, names, relu| Convolution::normalised(from, to, window, weights, names, relu);
        let steps = [
            step(inputs, inner, ONE, ["conv1", "bn1"], true)?,
            step(inner, inner, Window { stride, ..THREE }, ["conv2", "bn2"], true)?,
            step(inner, outputs, ONE, ["conv3", "bn3"], false)?,
        ];
        let names = ["downsample.0", "downsample.1"];
        let skip = match stride == 1 && inputs == outputs {
            true => None,
            false => Some(step(inputs, outputs, Window { stride, ..ONE }, names, false)?),
        };
        Ok(Block { steps, skip })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let [first, second, third] = &self.steps;
        let y = third.forward(&second.forward(&first.forward(x)?)?)?;
        match &self.skip {
            Some(skip) => (skip.forward(x)? + y)?.relu(),
            None => (x + y)?.relu(),
        }
    }
}

/// Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition, 2014, configuration D,
/// without batch normalisation. What comes of it is the second hidden layer of its classifier, behind the rectifier:
/// the last before the logits, and what MMKG's pictures were given.
pub(super) struct Vgg16 {
    layers: Vec<Vec<Convolution>>,
    hidden: [Linear; 2],
}

impl Vgg16 {
    /// Width of a vector.
    pub const WIDTH: usize = 4096;
    /// Width and height of the pictures it takes.
    pub const SIDE: usize = 224;

    /// The network, named as torchvision names it.
    pub fn new(weights: &VarBuilder<'_>) -> Result<Self> {
        let (mut layers, mut inputs, mut place) = (Vec::new(), 3, 0);
        for (outputs, count) in [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)] {
            let mut layer = Vec::new();
            for _ in 0..count {
                let weights = weights.pp("features").pp(place);
                layer.push(Convolution::with_bias(inputs, outputs, THREE, &weights)?);
                // A rectifier has a place of its own, and so has the pooling after a layer.
                (inputs, place) = (outputs, place + 2);
            }
            place += 1;
            layers.push(layer);
        }
        let classifier = weights.pp("classifier");
        let pooled = 512 * (Self::SIDE / 32).pow(2);
        let hidden = [
            candle_nn::linear(pooled, Self::WIDTH, classifier.pp(0))?,
            candle_nn::linear(Self::WIDTH, Self::WIDTH, classifier.pp(3))?,
        ];
        Ok(Vgg16 { layers, hidden })
    }

    /// `n × 3 × 224 × 224` give `n × 4096`.
    pub fn forward(&self, pictures: &Tensor) -> Result<Tensor> {
        let mut x = pictures.clone();
        for layer in &self.layers {
            for convolution in layer {
                x = convolution.forward(&x)?;
            }
            x = x.max_pool2d(2)?;
        }
        // Pictures of 224 pixels come out at 7, the size that torchvision's pooling would bring others to.
        let mut x = x.flatten_from(1)?;
        for linear in &self.hidden {
            x = linear.forward(&x)?.relu()?;
        }
        Ok(x)
    }
}
