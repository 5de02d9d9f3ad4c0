//! Networks of attention over patches of a picture, from Hugging Face folders: ViT and the picture half of CLIP.

use std::path::Path;

use candle_core::{IndexOp, Result as Candle, Tensor};
use candle_nn::{Activation, LayerNorm, Linear, Module};
use candle_transformers::models::clip::{text_model, vision_model};
use candle_transformers::models::vit;
use serde::Deserialize;

use crate::encoders::settings::json;
use crate::encoders::{Weights, tensor_error};
use crate::error::{Code, Error, Result};

/// Most patches of a picture: attention compares each with each.
const MOST_PATCHES: usize = 4096;

/// Settings of either, with what leaving them out means.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub(super) struct Config {
    model_type: String,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    hidden_act: Option<String>,
    layer_norm_eps: Option<f64>,
    pub image_size: usize,
    patch_size: Option<usize>,
    num_channels: usize,
    qkv_bias: bool,
    projection_dim: usize,
    vision_config: Option<Box<Config>>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            model_type: String::new(),
            hidden_size: 768,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            intermediate_size: 3072,
            hidden_act: None,
            layer_norm_eps: None,
            image_size: 224,
            patch_size: None,
            num_channels: 3,
            qkv_bias: true,
            projection_dim: 512,
            vision_config: None,
        }
    }
}

impl Config {
    /// The settings of a folder's `config.json`: of CLIP those of its picture half, whose `projection_dim` is that of
    /// the whole.
    ///
    /// # Errors
    /// [`Code::NotFound`]; [`Code::BadFile`] for what is no JSON, [`Code::BadValue`] for sizes that cannot be,
    /// [`Code::Unsupported`] for other networks.
    pub fn read(folder: &Path, kinds: &[&str]) -> Result<Config> {
        let path = folder.join("config.json");
        if !path.exists() {
            return Err(Error::new(Code::NotFound, "there is no config.json beside the weights")
                .help("name a Hugging Face folder with config.json and model.safetensors")
                .path(folder));
        }
        let whole: Config = json(&path)?;
        let config = match &whole.vision_config {
            Some(vision) => Config { projection_dim: whole.projection_dim, ..(**vision).clone() },
            None => whole.clone(),
        };
        if !kinds.contains(&whole.model_type.as_str()) {
            let message = format!("the folder holds a network of the kind `{}`", whole.model_type);
            return Err(Error::new(Code::Unsupported, message)
                .help(format!("expected one of the kind {}", kinds.join(" or ")))
                .path(&path));
        }
        config.check().map_err(|error| error.path(&path))?;
        Ok(config)
    }

    fn check(&self) -> Result<()> {
        let known = [
            ("hidden_size", self.hidden_size, 65_536),
            ("num_hidden_layers", self.num_hidden_layers, 1_000),
            ("num_attention_heads", self.num_attention_heads, 1_000),
            ("intermediate_size", self.intermediate_size, 1_000_000),
            ("image_size", self.image_size, 2_048),
            ("patch_size", self.patch(), self.image_size),
            ("projection_dim", self.projection_dim, 65_536),
        ];
        let wrong = |message: String| {
            Err(Error::new(Code::BadValue, message).help("these settings are damaged: copy them again"))
        };
        for (name, size, most) in known {
            if !(1..=most).contains(&size) {
                return wrong(format!("{name} is {size}, expected 1 to {most}"));
            }
        }
        if self.num_channels != 3 {
            return wrong(format!("pictures of {} channels are expected, not of three", self.num_channels));
        }
        if !self.hidden_size.is_multiple_of(self.num_attention_heads) {
            return wrong(format!(
                "a hidden_size of {} cannot be shared by {} heads",
                self.hidden_size, self.num_attention_heads
            ));
        }
        let patches = (self.image_size / self.patch()).pow(2);
        if patches > MOST_PATCHES {
            return wrong(format!("a picture has {patches} patches, expected {MOST_PATCHES} at most"));
        }
        Ok(())
    }

    fn patch(&self) -> usize {
        self.patch_size.unwrap_or(if self.model_type.starts_with("clip") { 32 } else { 16 })
    }
}

/// Dosovitskiy et al., An Image is Worth 16x16 Words, 2020: the first token behind the last normalisation, which is what
/// the classifier of transformers' `ViTForImageClassification` reads.
pub(super) struct Vit {
    embeddings: vit::Embeddings,
    encoder: vit::Encoder,
    norm: LayerNorm,
}

impl Vit {
    /// The network; with it the width of its vectors.
    pub fn new(config: &Config, weights: Weights) -> Result<(Self, usize)> {
        let hidden_act = match config.hidden_act.as_deref().unwrap_or("gelu") {
            "gelu" => Activation::Gelu,
            "gelu_new" | "gelu_pytorch_tanh" => Activation::NewGelu,
            "relu" => Activation::Relu,
            other => return Err(unknown(other)),
        };
        let settings = vit::Config {
            hidden_size: config.hidden_size,
            num_hidden_layers: config.num_hidden_layers,
            num_attention_heads: config.num_attention_heads,
            intermediate_size: config.intermediate_size,
            hidden_act,
            layer_norm_eps: config.layer_norm_eps.unwrap_or(1e-12),
            image_size: config.image_size,
            patch_size: config.patch(),
            num_channels: config.num_channels,
            qkv_bias: config.qkv_bias,
        };
        let builder = weights.without_prefix(&["module.", "vit."]).builder();
        let made = || {
            Ok(Vit {
                embeddings: vit::Embeddings::new(&settings, false, builder.pp("embeddings"))?,
                encoder: vit::Encoder::new(&settings, builder.pp("encoder"))?,
                norm: candle_nn::layer_norm(
                    settings.hidden_size,
                    settings.layer_norm_eps,
                    builder.pp("layernorm"),
                )?,
            })
        };
        Ok((made().map_err(tensor_error)?, config.hidden_size))
    }

    /// `n × 3 × height × width` give `n × hidden`.
    pub fn forward(&self, pictures: &Tensor) -> Candle<Tensor> {
        let tokens = self.encoder.forward(&self.embeddings.forward(pictures, None, false)?)?;
        self.norm.forward(&tokens.i((.., 0, ..))?.contiguous()?)
    }
}

/// Radford et al., Learning Transferable Visual Models From Natural Language Supervision, 2021: the picture's vector in
/// the space that it shares with texts, not made unit length.
pub(super) struct Clip {
    vision: vision_model::ClipVisionTransformer,
    projection: Linear,
}

impl Clip {
    /// The network; with it the width of its vectors.
    pub fn new(config: &Config, weights: Weights) -> Result<(Self, usize)> {
        let activation = match config.hidden_act.as_deref().unwrap_or("quick_gelu") {
            "quick_gelu" => text_model::Activation::QuickGelu,
            other => return Err(unknown(other)),
        };
        if config.layer_norm_eps.is_some_and(|eps| eps != 1e-5) {
            return Err(Error::new(Code::Unsupported, "layer_norm_eps is not 1e-5, as CLIP has it")
                .help("this is another network than CLIP"));
        }
        let weights = weights.without_prefix(&["module."]);
        let class = "vision_model.embeddings.class_embedding";
        if !weights.has(class) {
            return Err(tensor_error(candle_core::Error::CannotFindTensor { path: class.into() }));
        }
        let settings = vision_model::ClipVisionConfig {
            embed_dim: config.hidden_size,
            activation,
            intermediate_size: config.intermediate_size,
            num_hidden_layers: config.num_hidden_layers,
            num_attention_heads: config.num_attention_heads,
            projection_dim: config.projection_dim,
            num_channels: config.num_channels,
            image_size: config.image_size,
            patch_size: config.patch(),
        };
        let builder = weights.builder();
        let made = || {
            let projection = builder.pp("visual_projection");
            Ok(Clip {
                vision: vision_model::ClipVisionTransformer::new(builder.pp("vision_model"), &settings)?,
                projection: candle_nn::linear_no_bias(config.hidden_size, config.projection_dim, projection)?,
            })
        };
        Ok((made().map_err(tensor_error)?, config.projection_dim))
    }

    /// `n × 3 × height × width` give `n × projection`.
    pub fn forward(&self, pictures: &Tensor) -> Candle<Tensor> {
        self.projection.forward(&self.vision.forward(pictures)?)
    }
}

fn unknown(activation: &str) -> Error {
    Error::new(Code::Unsupported, format!("the activation `{activation}` of config.json is not known here"))
        .help("known are gelu, gelu_new and relu for ViT, quick_gelu for CLIP")
}
