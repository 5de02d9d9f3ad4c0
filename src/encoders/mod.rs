//! Vectors of texts and pictures by networks whose weights are files on this machine.
//!
//! Nothing here is fetched: a network is a folder or a file that somebody has. What is made of an item (a text, a
//! picture) depends on it and on the weights alone, bit for bit on the CPU, whatever is encoded beside it and on
//! however many threads. So what was encoded once need not be encoded again.

pub mod image;
mod settings;
pub mod text;
mod weights;

pub use weights::Weights;

use crate::error::{Code, Error};

/// Files that may lie beside weights and are read with them.
pub(crate) const SETTINGS: [&str; 2] = ["config.json", "preprocessor_config.json"];

/// Raised when the same weights give other vectors than before.
pub const ENCODERS_VERSION: u32 = 1;

/// A failure inside the tensor library.
pub(crate) fn tensor_error(cause: candle_core::Error) -> Error {
    // The library wraps its errors in others; the first line of the text is the innermost one's.
    let message = cause.to_string();
    let line = message.lines().next().unwrap_or_default();
    if let Some(name) = line.strip_prefix("cannot find tensor ") {
        return Error::new(Code::BadFile, format!("the weights have no tensor `{name}`"))
            .help("these are weights of another network, or they are named as another library names them");
    }
    Error::new(Code::BadFile, format!("the network does not fit its weights: {line}"))
        .help("check that config.json and the weights belong to each other")
}
