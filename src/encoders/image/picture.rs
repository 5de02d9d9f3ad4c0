//! A picture decoded: 8-bit RGB, as Pillow's `Image.open(…).convert("RGB")` gives it.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader};

use super::format;
use crate::error::shorten;

/// Most bytes of a file that is read as a picture. Photographs of a good camera have some 20 MiB.
pub const MOST_BYTES: u64 = 64 << 20;

/// What a picture may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most pixels. A picture takes up to 12 bytes of memory a pixel while it is decoded.
    pub pixels: u64,
    /// Longest side, in pixels.
    pub side: u32,
}

impl Default for Limits {
    /// 89,478,485 pixels, from where on Pillow speaks of a decompression bomb; sides as JPEG can have them.
    fn default() -> Self {
        Limits { pixels: (1 << 30) / 12, side: 65_535 }
    }
}

/// Rows of pixels from the top, red, green and blue a byte each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    width: u32,
    height: u32,
    rgb: Vec<u8>,
}

/// Why a file is no picture that can be used; the text goes on after "the file".
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Broken {
    /// It has no bytes.
    Empty,
    /// It ends before the picture does.
    CutShort,
    /// It is something else, by its media type where that is known.
    NoPicture(Option<&'static str>),
    /// It has more bytes than [`MOST_BYTES`].
    TooLong(u64),
    /// It claims more pixels than allowed.
    TooLarge {
        /// Claimed width in pixels.
        width: u32,
        /// Claimed height in pixels.
        height: u32,
        /// What was allowed.
        limits: Limits,
    },
    /// Its decoder gave up, for this reason.
    Damaged(String),
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Broken::Empty => write!(f, "is empty"),
            Broken::CutShort => write!(f, "is cut short"),
            Broken::NoPicture(Some(kind)) => {
                write!(f, "is {kind}, which is not read (jpg, png, webp and gif are)")
            }
            Broken::NoPicture(None) => write!(f, "is no picture (jpg, png, webp or gif)"),
            Broken::TooLong(bytes) => {
                write!(f, "has {} MiB, more than the {} MiB allowed", bytes >> 20, MOST_BYTES >> 20)
            }
            Broken::TooLarge { width, height, limits } => write!(
                f,
                "claims {width} x {height} pixels, more than the {} million allowed (no side above {})",
                limits.pixels / 1_000_000,
                limits.side
            ),
            Broken::Damaged(why) => write!(f, "is damaged: {why}"),
        }
    }
}

impl Picture {
    /// A picture of these pixels, or `None` if they are not `3 · width · height` bytes or none.
    pub fn new(width: u32, height: u32, rgb: Vec<u8>) -> Option<Picture> {
        let bytes = (u64::from(width) * u64::from(height)).checked_mul(3)?;
        (bytes > 0 && rgb.len() as u64 == bytes).then_some(Picture { width, height, rgb })
    }

    /// Decodes a file. What it is goes by its first bytes and not by its name; of an animation the first frame is
    /// taken. Sizes are looked at before anything of those sizes is made.
    ///
    /// As Pillow does it, alpha is dropped and not blended with a background, the colours of a palette stand for
    /// themselves, and a rotation that the metadata ask for is not done (torchvision does none either). Of 16-bit
    /// numbers the high byte is taken; Pillow does so too but for 16-bit grey, where it takes all above 255 for white,
    /// so that most of such a picture is lost.
    pub fn decode(bytes: &[u8], limits: Limits) -> Result<Picture, Broken> {
        let length = bytes.len() as u64;
        if length > MOST_BYTES {
            return Err(Broken::TooLong(length));
        }
        let format = format::of(bytes)?;
        if !format::is_whole(bytes, format) {
            return Err(Broken::CutShort);
        }
        // A defect of a decoder loses one picture and not the run. It borrows nothing but the bytes.
        catch_unwind(AssertUnwindSafe(|| decode(bytes, format, limits)))
            .unwrap_or_else(|_| Err(Broken::Damaged("its decoder met a defect of its own".into())))
    }

    /// Width in pixels, at least 1.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels, at least 1.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// All pixels: `3 · width · height` bytes.
    pub fn rgb(&self) -> &[u8] {
        &self.rgb
    }

    /// Row `y` of pixels: `3 · width` bytes.
    pub fn row(&self, y: usize) -> &[u8] {
        let stride = 3 * self.width as usize;
        &self.rgb[y * stride..(y + 1) * stride]
    }
}

fn decode(bytes: &[u8], format: ImageFormat, limits: Limits) -> Result<Picture, Broken> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut allowed = image::Limits::default();
    // Eight bytes a pixel are 16-bit RGBA; the rest is for buffers.
    allowed.max_alloc = Some(limits.pixels.saturating_mul(8).saturating_add(64 << 20));
    reader.limits(allowed);
    let decoder = reader.into_decoder().map_err(broken)?;
    let (width, height) = decoder.dimensions();
    if width.max(height) > limits.side || u64::from(width) * u64::from(height) > limits.pixels {
        return Err(Broken::TooLarge { width, height, limits });
    }
    let rgb = rgb(DynamicImage::from_decoder(decoder).map_err(broken)?);
    Picture::new(width, height, rgb).ok_or_else(|| Broken::Damaged("it has no pixels".into()))
}

/// Pixels as three bytes each, in the memory that they had where they shrink.
fn rgb(decoded: DynamicImage) -> Vec<u8> {
    let high = |x: u16| (x >> 8) as u8;
    match decoded {
        DynamicImage::ImageRgb8(pixels) => pixels.into_raw(),
        DynamicImage::ImageRgba8(pixels) => {
            let mut bytes = pixels.into_raw();
            for i in 0..bytes.len() / 4 {
                bytes.copy_within(4 * i..4 * i + 3, 3 * i);
            }
            bytes.truncate(bytes.len() / 4 * 3);
            bytes
        }
        DynamicImage::ImageLuma8(pixels) => pixels.iter().flat_map(|&x| [x; 3]).collect(),
        DynamicImage::ImageLumaA8(pixels) => pixels.pixels().flat_map(|p| [p.0[0]; 3]).collect(),
        DynamicImage::ImageLuma16(pixels) => pixels.iter().flat_map(|&x| [high(x); 3]).collect(),
        DynamicImage::ImageLumaA16(pixels) => pixels.pixels().flat_map(|p| [high(p.0[0]); 3]).collect(),
        DynamicImage::ImageRgb16(pixels) => pixels.iter().map(|&x| high(x)).collect(),
        DynamicImage::ImageRgba16(pixels) => {
            pixels.pixels().flat_map(|p| [0, 1, 2].map(|c| high(p.0[c]))).collect()
        }
        // Numbers with a point: none of the four formats has them.
        other => other.into_rgb8().into_raw(),
    }
}

fn broken(error: ImageError) -> Broken {
    let text = error.to_string();
    let ended = match &error {
        ImageError::IoError(error) => error.kind() == std::io::ErrorKind::UnexpectedEof,
        // The decoder of GIF has no type of its own for it that is seen here.
        _ => text.to_ascii_lowercase().contains("unexpected end of file"),
    };
    match error {
        _ if ended => Broken::CutShort,
        ImageError::Limits(_) => Broken::Damaged("it needs more memory than its size explains".into()),
        _ => Broken::Damaged(shorten(&text.lines().collect::<Vec<_>>().join(" "), 200)),
    }
}
