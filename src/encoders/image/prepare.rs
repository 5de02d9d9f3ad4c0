//! What a network is shown of a picture: resized, cropped, and each channel moved and scaled.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::Picture;
use super::resample::{Filter, Span, resample};
use crate::encoders::settings::json;
use crate::error::{Code, Error, Result};

/// Largest side of what a network is shown, in pixels.
const LARGEST: u32 = 2048;

/// The size that a picture is brought to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resize {
    /// The shorter side gets this length, the other as many as keep the shape, rounded down.
    Shorter(u32),
    /// Width and height, whatever the shape was.
    Exact(u32, u32),
}

/// Where the middle part begins when what is left over is odd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Middle {
    /// At half of it, halves to the even number: torchvision.
    Rounded,
    /// At half of it, rounded down: transformers.
    Floor,
}

/// From a picture to numbers, channel by channel: `(x / 255 − mean) / std`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Preprocessing {
    /// First it is resized,
    pub resize: Resize,
    /// by this filter,
    pub filter: Filter,
    /// then the middle of this width and height is kept,
    pub crop: Option<(u32, u32, Middle)>,
    /// a byte is multiplied by this,
    pub scale: f64,
    /// less the mean of the channel,
    pub mean: [f32; 3],
    /// by its standard deviation.
    pub std: [f32; 3],
}

/// What a network is shown of one picture, or the finished vector of an encoder without one.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared(pub(super) Vec<f32>);

impl Prepared {
    /// The numbers: red, then green, then blue, each row by row from the top.
    pub fn numbers(&self) -> &[f32] {
        &self.0
    }
}

impl Preprocessing {
    /// torchvision's for ImageNet: the shorter side to 256, the middle 224 × 224.
    pub fn torchvision() -> Self {
        Preprocessing {
            resize: Resize::Shorter(256),
            filter: Filter::Bilinear,
            crop: Some((224, 224, Middle::Rounded)),
            scale: 1.0 / 255.0,
            mean: [0.485, 0.456, 0.406],
            std: [0.229, 0.224, 0.225],
        }
    }

    /// That of transformers for ViT: `size × size`, whatever the shape was.
    pub fn vit(size: u32) -> Self {
        Preprocessing {
            resize: Resize::Exact(size, size),
            filter: Filter::Bilinear,
            crop: None,
            scale: 1.0 / 255.0,
            mean: [0.5; 3],
            std: [0.5; 3],
        }
    }

    /// That of transformers for CLIP: the shorter side to `size`, the middle `size × size`.
    pub fn clip(size: u32) -> Self {
        Preprocessing {
            resize: Resize::Shorter(size),
            filter: Filter::Bicubic,
            crop: Some((size, size, Middle::Floor)),
            scale: 1.0 / 255.0,
            mean: [0.48145466, 0.4578275, 0.40821073],
            std: [0.26862954, 0.261_302_6, 0.275_777_1],
        }
    }

    /// What `preprocessor_config.json` of a folder says instead, where there is one.
    ///
    /// # Errors
    /// [`Code::BadFile`] and [`Code::BadValue`] for settings that cannot be, [`Code::Unsupported`] for filters other
    /// than bilinear and bicubic.
    pub fn of_folder(self, folder: &Path) -> Result<Self> {
        let path = folder.join("preprocessor_config.json");
        if !path.exists() {
            return Ok(self);
        }
        self.with(json(&path)?).map_err(|error| error.path(&path))
    }

    fn with(mut self, settings: Settings) -> Result<Self> {
        if let Some(size) = &settings.size {
            self.resize = resize(size, self.resize)?;
        }
        if let Some(number) = settings.resample {
            self.filter = match number {
                2 => Filter::Bilinear,
                3 => Filter::Bicubic,
                other => {
                    let message = format!("the filter number {other} for resizing is not known");
                    return Err(
                        Error::new(Code::Unsupported, message).help("known are 2, bilinear, and 3, bicubic")
                    );
                }
            };
        }
        match (settings.do_center_crop, &settings.crop_size) {
            (Some(false), _) => self.crop = None,
            (_, Some(size)) if settings.do_center_crop == Some(true) || self.crop.is_some() => {
                let (width, height) = sides(size)?;
                self.crop = Some((width, height, Middle::Floor));
            }
            _ => {}
        }
        self.scale = if settings.do_rescale == Some(false) {
            1.0
        } else {
            settings.rescale_factor.unwrap_or(self.scale)
        };
        if settings.do_normalize == Some(false) {
            (self.mean, self.std) = ([0.0; 3], [1.0; 3]);
        } else {
            self.mean = settings.image_mean.unwrap_or(self.mean);
            self.std = settings.image_std.unwrap_or(self.std);
        }
        if settings.do_resize == Some(false) {
            return Err(Error::new(
                Code::Unsupported,
                "do_resize is false, so pictures would keep their sizes",
            )
            .help("networks that are known here take pictures of one size: set do_resize to true"));
        }
        self.check()?;
        Ok(self)
    }

    /// Fails with [`Code::BadValue`] for sizes and numbers that cannot be meant.
    fn check(&self) -> Result<()> {
        let wrong = |message: String| {
            Err(Error::new(Code::BadValue, message).help("the settings are damaged: copy them again"))
        };
        let (width, height) = match self.resize {
            Resize::Shorter(side) => (side, side),
            Resize::Exact(width, height) => (width, height),
        };
        if width.min(height) == 0 || width.max(height) > LARGEST {
            return wrong(format!(
                "pictures would be {width} x {height} pixels, expected 1 to {LARGEST} a side"
            ));
        }
        match self.crop {
            Some((w, h, _)) if w.min(h) == 0 || w > width || h > height => {
                return wrong(format!(
                    "a part of {w} x {h} pixels cannot be cut from one of {width} x {height}"
                ));
            }
            None if matches!(self.resize, Resize::Shorter(_)) => {
                return wrong(
                    "pictures keep their shapes and nothing is cut, so their sizes would differ".into(),
                );
            }
            _ => {}
        }
        let numbers = self.mean.iter().chain(&self.std).all(|x| x.is_finite() && x.abs() < 1e6);
        if !numbers || !self.scale.is_finite() || self.std.iter().any(|x| x.abs() < 1e-6) {
            return wrong("mean, standard deviation or scale are no numbers to work with".into());
        }
        Ok(())
    }

    /// Width and height of what comes out.
    pub fn size(&self) -> (u32, u32) {
        match (self.crop, self.resize) {
            (Some((width, height, _)), _) | (None, Resize::Exact(width, height)) => (width, height),
            (None, Resize::Shorter(side)) => (side, side),
        }
    }

    /// The picture's bytes once resized and cropped: rows of `3 · width`.
    pub fn pixels(&self, picture: &Picture) -> Vec<u8> {
        let whole = self.resized(picture.width(), picture.height());
        let (width, height) = self.size();
        let spans = match self.crop {
            Some((_, _, middle)) => [(whole.0, width), (whole.1, height)]
                .map(|(all, part)| Span { start: middle.start(all - part), len: part }),
            None => [width, height].map(|len| Span { start: 0, len }),
        };
        resample(picture, self.filter, whole, spans[0], spans[1])
    }

    /// What a network is shown of a picture: `3 × height × width` numbers.
    pub fn prepare(&self, picture: &Picture) -> Prepared {
        let pixels = self.pixels(picture);
        let (pixels, _) = pixels.as_chunks::<3>();
        let mut numbers = Vec::with_capacity(3 * pixels.len());
        for channel in 0..3 {
            // All that a byte can become.
            let (mean, std) = (self.mean[channel], self.std[channel]);
            let table: [f32; 256] = std::array::from_fn(|x| ((x as f64 * self.scale) as f32 - mean) / std);
            numbers.extend(pixels.iter().map(|pixel| table[usize::from(pixel[channel])]));
        }
        Prepared(numbers)
    }

    /// Width and height of a picture that is resized and not yet cropped.
    fn resized(&self, width: u32, height: u32) -> (u32, u32) {
        match self.resize {
            Resize::Exact(width, height) => (width, height),
            Resize::Shorter(side) => {
                let longer = |long: u32, short: u32| {
                    u32::try_from(u64::from(side) * u64::from(long) / u64::from(short)).unwrap_or(u32::MAX)
                };
                if width <= height { (side, longer(height, width)) } else { (longer(width, height), side) }
            }
        }
    }
}

impl Middle {
    /// First pixel of the middle part when `over` pixels are left out.
    fn start(self, over: u32) -> u32 {
        match self {
            Middle::Floor => over / 2,
            // 1.5 and 2.5 both are 2.
            Middle::Rounded => over / 2 + u32::from(over % 4 == 3),
        }
    }
}

/// `preprocessor_config.json`.
#[derive(Deserialize)]
struct Settings {
    do_resize: Option<bool>,
    size: Option<Value>,
    resample: Option<u32>,
    do_center_crop: Option<bool>,
    crop_size: Option<Value>,
    do_rescale: Option<bool>,
    rescale_factor: Option<f64>,
    do_normalize: Option<bool>,
    image_mean: Option<[f32; 3]>,
    image_std: Option<[f32; 3]>,
}

/// A size as any version of transformers writes it: a number, or sides by name. A number alone means what the
/// network's own preprocessing does with one.
fn resize(size: &Value, usual: Resize) -> Result<Resize> {
    if let Some(side) = size.get("shortest_edge") {
        return Ok(Resize::Shorter(length(side)?));
    }
    let (width, height) = sides(size)?;
    Ok(match usual {
        Resize::Shorter(_) if size.is_number() => Resize::Shorter(width),
        _ => Resize::Exact(width, height),
    })
}

fn sides(size: &Value) -> Result<(u32, u32)> {
    match (size.get("width"), size.get("height")) {
        (Some(width), Some(height)) => Ok((length(width)?, length(height)?)),
        _ => length(size).map(|side| (side, side)),
    }
}

fn length(value: &Value) -> Result<u32> {
    value.as_u64().and_then(|length| u32::try_from(length).ok()).ok_or_else(|| {
        Error::new(Code::BadValue, format!("`{value}` is no size of a picture"))
            .help("a size is a number of pixels, or `height` and `width`, or `shortest_edge`")
    })
}
