//! Settings of networks: the JSON files beside their weights.

use std::path::Path;

use serde::de::DeserializeOwned;

use crate::error::{Code, Error, Result};

/// Longest file of settings that is read.
const LONGEST: u64 = 16 << 20;

/// Settings of a file.
pub(super) fn json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    parse(&bytes(path)?, path)
}

/// Settings of a file that was read.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8], path: &Path) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|cause| {
        Error::new(Code::BadFile, format!("the settings cannot be used: {cause}"))
            .help("copy the file again from where the network came from")
            .path(path)
    })
}

/// A file of settings as it is.
pub(super) fn bytes(path: &Path) -> Result<Vec<u8>> {
    let failed = |cause| Error::io("cannot read the settings of the network", cause).path(path);
    let length = std::fs::metadata(path).map_err(failed)?.len();
    if length > LONGEST {
        let message = format!("the file has {length} bytes, too many for settings");
        return Err(Error::new(Code::BadFile, message).path(path));
    }
    std::fs::read(path).map_err(failed)
}
