//! A place for stores that tests make, break and throw away.

use std::path::Path;

use tempfile::TempDir;

/// A directory in memory where the system has such a place: neither damage nor a kill needs a disk.
pub fn scratch() -> TempDir {
    match Path::new("/dev/shm").is_dir() {
        true => tempfile::tempdir_in("/dev/shm").unwrap(),
        false => tempfile::tempdir().unwrap(),
    }
}
