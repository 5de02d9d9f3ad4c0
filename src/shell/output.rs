//! Where results go: standard output, or a file.

use std::fs::File;
use std::io::{self, BufWriter, Stdout, Write};
use std::path::PathBuf;

use seedbed::{Error, Result};

/// The place results are written to.
pub enum Output {
    Stdout(BufWriter<Stdout>),
    File { path: PathBuf, file: BufWriter<File> },
}

impl Output {
    /// Standard output.
    pub fn stdout() -> Self {
        Output::Stdout(BufWriter::new(io::stdout()))
    }

    /// A file, emptied first.
    pub fn file(path: PathBuf) -> Result<Self> {
        let file =
            File::create(&path).map_err(|cause| Error::io("opening the output file", cause).path(&path))?;
        Ok(Output::File { path, file: BufWriter::new(file) })
    }

    /// Whether results go to standard output.
    pub fn is_stdout(&self) -> bool {
        matches!(self, Output::Stdout(_))
    }

    /// The name a user gave it.
    pub fn name(&self) -> String {
        match self {
            Output::Stdout(_) => "stdout".to_string(),
            Output::File { path, .. } => path.display().to_string(),
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Output::Stdout(out) => out.write(bytes),
            Output::File { file, .. } => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Output::Stdout(out) => out.flush(),
            Output::File { file, .. } => file.flush(),
        }
    }
}
