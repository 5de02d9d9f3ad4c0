//! What several test files need.

use std::path::{Path, PathBuf};

/// The folder of real data, or `None` where it is not: `SEEDBED_DATA`, else `../shared/data`.
#[allow(dead_code)]
pub fn data_dir() -> Option<PathBuf> {
    let dir = std::env::var_os("SEEDBED_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    dir.is_dir().then_some(dir)
}
