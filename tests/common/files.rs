//! What lies below a directory.

use std::path::{Path, PathBuf};

/// The files below a directory, relative to it, in order.
pub fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_path_buf()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => open.push(path),
                false => found.push(path.strip_prefix(dir).unwrap().to_path_buf()),
            }
        }
    }
    found.sort();
    found
}
