//! Doors for fuzzing: one function a target, given any bytes.
//!
//! Each hands the bytes to what reads such bytes from outside and asserts what holds of any: no panic; an
//! error is never a defect of ours, says something and can be drawn; what is accepted is consistent. Compiled
//! for fuzzers (`--cfg fuzzing`) and for tests only. `fuzz/` has the programs, the corpora and the script that
//! runs them; the test here runs each corpus in every ordinary run of the tests.

mod encoders;
mod graphs;
mod matrices;
mod records;
mod statement;
#[cfg(test)]
mod tests;

pub use encoders::encoders;
pub use graphs::graphs;
pub use matrices::{matrices, pickle};
pub use records::records;
pub use statement::statement;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Code, Error};
use crate::ql::report;

/// What holds of every error.
fn judge(error: &Error, text: &str) {
    assert_ne!(error.code(), Code::Internal, "{error:?}");
    assert!(!error.message().is_empty(), "{:?} says nothing", error.code());
    let drawn = report(error, text, false);
    assert!(drawn.chars().all(|c| c == '\n' || !c.is_control()), "{drawn:?}");
}

/// What holds of an error about a file: it names the file besides.
fn judge_file(error: &Error) {
    judge(error, "");
    assert!(error.place().is_some(), "no place: {error:?}");
}

/// The first `N` bytes, zeros where there are fewer, and the rest.
fn head<const N: usize>(bytes: &[u8]) -> ([u8; N], &[u8]) {
    let mut head = [0; N];
    let taken = bytes.len().min(N);
    head[..taken].copy_from_slice(&bytes[..taken]);
    (head, &bytes[taken..])
}

/// A folder for the files of one input; it goes with them.
struct Scratch(PathBuf);

impl Scratch {
    /// An empty one.
    ///
    /// # Panics
    /// If the machine has no room for temporary files.
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("seedbed-fuzz-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a temporary folder");
        Scratch(path)
    }

    fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file, with folders above it, and gives its path.
    ///
    /// # Panics
    /// If the machine has no room for temporary files.
    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        let folder = path.parent().unwrap_or(&self.0);
        std::fs::create_dir_all(folder).expect("a temporary folder");
        std::fs::write(&path, bytes).expect("a temporary file");
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A leftover is harmless.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
