//! What several test files, benches and the crate's own tests need.

use std::path::{Path, PathBuf};

/// The folder of real data, or `None` with a word on standard error where it is not: `SEEDBED_DATA`,
/// else `../shared/data`.
#[allow(dead_code)]
pub fn data_dir() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let dir = std::env::var_os("SEEDBED_DATA").map_or_else(beside, PathBuf::from);
    if !dir.is_dir() {
        eprintln!("skipped: no data at {}", dir.display());
        return None;
    }
    Some(dir)
}
