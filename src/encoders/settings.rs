//! Settings of networks: the JSON files beside their weights.

use std::io::Read;
use std::path::Path;

use serde::de::DeserializeOwned;

use crate::error::{Code, Error, Result};

/// Longest file of settings that is read.
pub(super) const LONGEST: u64 = 16 << 20;

/// Settings of a file.
pub(super) fn json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    parse(&bytes(path, LONGEST)?, path)
}

/// Settings of a file that was read.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8], path: &Path) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|cause| {
        Error::new(Code::BadFile, format!("the settings cannot be used: {cause}"))
            .help("copy the file again from where the network came from")
            .path(path)
    })
}

/// A file of at most so many bytes, as it is.
pub(super) fn bytes(path: &Path, most: u64) -> Result<Vec<u8>> {
    let failed = |cause| Error::io("cannot read the settings of the network", cause).path(path);
    let about = std::fs::metadata(path).map_err(failed)?;
    let bad = |message: String| {
        Error::new(Code::BadFile, message).help("copy the network's folder again").path(path)
    };
    if !about.is_file() {
        return Err(bad("this is no file".into()));
    }
    // Whatever it claims to have: it may grow while it is read.
    let mut bytes = Vec::new();
    std::fs::File::open(path).and_then(|file| file.take(most + 1).read_to_end(&mut bytes)).map_err(failed)?;
    if bytes.len() as u64 > most {
        return Err(bad(format!("the file has more than {most} bytes, too many for settings")));
    }
    Ok(bytes)
}
