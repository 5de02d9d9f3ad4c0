//! Pictures as vectors: by networks whose weights somebody has, or by what the pixels say.
//!
//! Data goes one way: bytes of a file → [`Picture`] → [`Prepared`] → vector. The first two steps do what Pillow and
//! torchvision do, number for number, since networks are trained behind them. Between a picture and what is prepared of
//! it lie orders of magnitude, so pictures are prepared one by one and forgotten.

mod attention;
mod convolution;
mod convolutional;
mod encoder;
mod format;
mod picture;
mod plain;
mod prepare;
mod resample;
#[cfg(test)]
mod tests;

pub use encoder::{PictureEncoder, PictureNetwork};
pub use picture::{Broken, Limits, MOST_BYTES, Picture};
pub use prepare::Prepared;
