//! What makes a vector of a picture.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use candle_core::{Device, Result as Candle, Tensor};
use rayon::prelude::*;

use super::attention::{Clip, Config, Vit};
use super::convolutional::{ResNet, Vgg16};
use super::plain;
use super::prepare::Preprocessing;
use super::{Broken, Limits, Picture, Prepared};
use crate::encoders::{ENCODERS_VERSION, Weights, tensor_error};
use crate::error::{Code, Error, Result};
use crate::task::Task;

/// Pixels of a picture for which memory is not asked: some 48 MiB while it is decoded.
const SMALL: u64 = 4 << 20;
/// Bytes that a pixel takes at most while it is decoded.
const DECODING: u64 = 12;
/// Pictures encoded at once.
const WAVE: usize = 64;
/// Pictures that go through a network at once on a GPU. On the CPU each goes alone, on a thread of its own.
const GPU_BATCH: usize = 64;

/// A network that makes a vector of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PictureNetwork {
    /// torchvision's `resnet50`: 2048 numbers, before `fc`.
    Resnet50,
    /// torchvision's `resnet152`: 2048 numbers, before `fc`.
    Resnet152,
    /// torchvision's `vgg16`: 4096 numbers, before `classifier.6`.
    Vgg16,
    /// transformers' `ViTModel`: as many numbers as its hidden size.
    Vit,
    /// transformers' `CLIPModel` or `CLIPVisionModelWithProjection`: as many numbers as its `projection_dim`.
    Clip,
}

impl PictureNetwork {
    /// All of them.
    pub const ALL: [PictureNetwork; 5] =
        [Self::Resnet50, Self::Resnet152, Self::Vgg16, Self::Vit, Self::Clip];

    /// `resnet50`, `resnet152`, `vgg16`, `vit` or `clip`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Resnet50 => "resnet50",
            Self::Resnet152 => "resnet152",
            Self::Vgg16 => "vgg16",
            Self::Vit => "vit",
            Self::Clip => "clip",
        }
    }

    /// The network of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|network| network.as_str() == name)
    }
}

/// An encoder of pictures with its weights, or one that has none.
pub struct PictureEncoder {
    kind: Kind,
    width: usize,
    digest: [u8; 32],
    described: String,
    /// Held by whoever decodes a large picture.
    large: Mutex<()>,
}

enum Kind {
    Pixels,
    Network(Box<Trained>),
}

struct Trained {
    network: Network,
    preprocessing: Preprocessing,
    device: Device,
}

enum Network {
    ResNet(ResNet),
    Vgg16(Vgg16),
    Vit(Box<Vit>),
    Clip(Box<Clip>),
}

impl Network {
    fn forward(&self, pictures: &Tensor) -> Candle<Tensor> {
        match self {
            Network::ResNet(network) => network.forward(pictures),
            Network::Vgg16(network) => network.forward(pictures),
            Network::Vit(network) => network.forward(pictures),
            Network::Clip(network) => network.forward(pictures),
        }
    }
}

impl PictureEncoder {
    /// A network with its weights: a safetensors file named as torchvision names parameters, for `vit` and `clip` a
    /// Hugging Face folder or the weights in one.
    ///
    /// # Errors
    /// [`Code::NotFound`] for what is not there, [`Code::BadFile`] and [`Code::BadValue`] for files that are broken or
    /// do not fit each other, [`Code::Unsupported`] for settings that are not known, [`Code::Limit`] if the weights are
    /// more than memory allows.
    pub fn load(network: PictureNetwork, path: &Path, device: &Device, task: &Task) -> Result<Self> {
        task.phase("reading the weights", None);
        // Settings first: they are soon read, and soon found wrong.
        let folder = if path.is_dir() { path } else { crate::fs::parent(path) };
        let kinds: &[&str] = match network {
            PictureNetwork::Vit => &["vit"],
            PictureNetwork::Clip => &["clip", "clip_vision_model"],
            _ => &[],
        };
        let config = match kinds {
            [] => None,
            kinds if path.exists() => Some(Config::read(folder, kinds)?),
            _ => None,
        };
        let preprocessing = match &config {
            None => Preprocessing::torchvision(),
            Some(config) => {
                let size = config.image_size as u32;
                let usual = match network {
                    PictureNetwork::Clip => Preprocessing::clip(size),
                    _ => Preprocessing::vit(size),
                };
                let said = usual.of_folder(folder)?;
                if said.size() != (size, size) {
                    let message = format!(
                        "the network takes pictures of {size} x {size} pixels, but they are prepared as {} x {}",
                        said.size().0,
                        said.size().1
                    );
                    return Err(Error::new(Code::BadValue, message)
                        .help("config.json and preprocessor_config.json do not belong to each other")
                        .path(folder));
                }
                said
            }
        };
        let weights = Weights::open(path, device, task)?;
        let mut hasher = blake3::Hasher::new();
        hasher.update(&ENCODERS_VERSION.to_le_bytes()).update(network.as_str().as_bytes());
        hasher.update(&weights.digest()).update(format!("{preprocessing:?} {config:?}").as_bytes());
        // Vectors of a GPU differ in their last bits.
        hasher.update(if device.is_cpu() { b"cpu" } else { b"gpu" });
        let (made, width) = made(network, config.as_ref(), weights).map_err(|error| error.path(path))?;
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        Ok(PictureEncoder {
            width,
            digest: *hasher.finalize().as_bytes(),
            described: format!("{} {name}", network.as_str()),
            large: Mutex::default(),
            kind: Kind::Network(Box::new(Trained { network: made, preprocessing, device: device.clone() })),
        })
    }

    /// The encoder that has no weights, for who has no network at hand: 384 numbers in four blocks of unit length, for
    /// layout, colours of the layout, all colours, and edges. It tells pictures that look alike, not what they show.
    pub fn pixels() -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher
            .update(b"pixels")
            .update(&ENCODERS_VERSION.to_le_bytes())
            .update(&plain::VERSION.to_le_bytes());
        PictureEncoder {
            kind: Kind::Pixels,
            width: plain::WIDTH,
            digest: *hasher.finalize().as_bytes(),
            described: "pixels (layout, colours and edges; no network)".into(),
            large: Mutex::default(),
        }
    }

    /// Width of a vector.
    pub fn width(&self) -> usize {
        self.width
    }

    /// A digest of all that a vector depends on but the picture.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// For a person: which network this is.
    pub fn described(&self) -> &str {
        &self.described
    }

    /// What the encoder looks at of a picture: some 600 KiB at most networks, however large the picture was.
    pub fn prepare(&self, picture: &Picture) -> Prepared {
        match &self.kind {
            Kind::Pixels => Prepared(plain::pixels(picture)),
            Kind::Network(trained) => trained.preprocessing.prepare(picture),
        }
    }

    /// The same of a file's bytes, or why the file is no picture that can be used.
    ///
    /// # Errors
    /// [`Code::Limit`] for a picture that takes more memory than there is to be had.
    pub fn read(&self, bytes: &[u8], task: &Task) -> Result<Result<Prepared, Broken>> {
        let usual = Limits::default();
        let decoded = match Picture::decode(bytes, Limits { pixels: SMALL, ..usual }) {
            Err(Broken::TooLarge { width, height, .. }) => {
                let pixels = u64::from(width) * u64::from(height);
                // One at a time, so that what is asked for is what is taken.
                let _one = self.large.lock().unwrap_or_else(PoisonError::into_inner);
                if pixels <= usual.pixels {
                    task.afford(pixels * DECODING, "decoding a picture")?;
                }
                Picture::decode(bytes, usual)
            }
            decoded => decoded,
        };
        Ok(decoded.map(|picture| self.prepare(&picture)))
    }

    /// Vectors of pictures that this encoder has prepared, one after the other: `n × width` numbers.
    ///
    /// On the CPU a vector has the same bits whatever is encoded beside it and on however many threads.
    ///
    /// # Errors
    /// [`Code::BadValue`] for numbers that are not finite and for what another encoder prepared; [`Code::Cancelled`] and
    /// [`Code::Limit`] between pictures.
    pub fn encode(&self, pictures: &[Prepared], task: &Task) -> Result<Vec<f32>> {
        let mut vectors = Vec::with_capacity(pictures.len() * self.width);
        for wave in pictures.chunks(WAVE) {
            task.check()?;
            match &self.kind {
                Kind::Pixels => wave.iter().for_each(|prepared| vectors.extend_from_slice(&prepared.0)),
                Kind::Network(trained) => {
                    let Trained { network, preprocessing, device } = &**trained;
                    let (width, height) = preprocessing.size();
                    let shape = [width as usize, height as usize];
                    let each = if device.is_cpu() { 1 } else { GPU_BATCH };
                    let parts: Vec<Vec<f32>> = wave
                        .par_chunks(each)
                        .map(|some| task.check().and_then(|()| forward(network, some, shape, device)))
                        .collect::<Result<_>>()?;
                    parts.iter().for_each(|part| vectors.extend_from_slice(part));
                }
            }
        }
        if vectors.len() != pictures.len() * self.width {
            return Err(foreign());
        }
        match vectors.iter().all(|x| x.is_finite()) {
            true => Ok(vectors),
            false => Err(Error::new(Code::BadValue, "the network gives numbers that are not finite")
                .help("its weights are damaged or do not belong to its settings")),
        }
    }
}

fn made(network: PictureNetwork, config: Option<&Config>, weights: Weights) -> Result<(Network, usize)> {
    let usual = Config::default();
    let config = config.unwrap_or(&usual);
    match network {
        PictureNetwork::Vit => {
            Vit::new(config, weights).map(|(vit, width)| (Network::Vit(Box::new(vit)), width))
        }
        PictureNetwork::Clip => {
            Clip::new(config, weights).map(|(clip, width)| (Network::Clip(Box::new(clip)), width))
        }
        PictureNetwork::Vgg16 => {
            let builder = weights.without_prefix(&["module."]).builder();
            Ok((Network::Vgg16(Vgg16::new(&builder).map_err(tensor_error)?), Vgg16::WIDTH))
        }
        PictureNetwork::Resnet50 | PictureNetwork::Resnet152 => {
            let counts = if network == PictureNetwork::Resnet50 { [3, 4, 6, 3] } else { [3, 8, 36, 3] };
            let builder = weights.without_prefix(&["module."]).builder();
            Ok((Network::ResNet(ResNet::new(counts, &builder).map_err(tensor_error)?), ResNet::WIDTH))
        }
    }
}

fn forward(
    network: &Network,
    pictures: &[Prepared],
    [width, height]: [usize; 2],
    device: &Device,
) -> Result<Vec<f32>> {
    if pictures.iter().any(|prepared| prepared.0.len() != 3 * width * height) {
        return Err(foreign());
    }
    let run = || {
        let numbers: Vec<f32> = pictures.iter().flat_map(|prepared| prepared.0.iter().copied()).collect();
        let pictures = Tensor::from_vec(numbers, (pictures.len(), 3, height, width), device)?;
        network.forward(&pictures)?.flatten_all()?.to_vec1::<f32>()
    };
    run().map_err(tensor_error)
}

fn foreign() -> Error {
    Error::new(Code::BadValue, "these pictures were prepared for another encoder")
        .help("prepare them with the encoder that is to encode them")
}
