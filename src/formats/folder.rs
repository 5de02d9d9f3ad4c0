//! A folder that holds the files of one layout, each plain or compressed.

use std::path::{Path, PathBuf};

use crate::error::{Code, Error, Result, shorten};

/// An existing folder and the layout it should have.
pub(super) struct Folder {
    path: PathBuf,
    layout: &'static str,
}

impl Folder {
    /// Checks that `path` is a folder.
    pub fn open(path: &Path, layout: &'static str) -> Result<Self> {
        let data = std::fs::metadata(path)
            .map_err(|cause| Error::io(format!("cannot open the {layout} folder"), cause).path(path))?;
        if !data.is_dir() {
            return Err(Error::new(
                Code::BadFile,
                format!("this is a file; the {layout} layout is a folder"),
            )
            .help("give the folder that holds the files")
            .path(path));
        }
        Ok(Folder { path: path.to_path_buf(), layout })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file of that name, plain, `.gz` or `.zst`.
    pub fn find(&self, name: &str) -> Option<PathBuf> {
        ["", ".gz", ".zst"]
            .iter()
            .map(|ending| self.path.join(format!("{name}{ending}")))
            .find(|path| path.exists())
    }

    /// A file that the layout cannot do without.
    pub fn need(&self, name: &str) -> Result<PathBuf> {
        self.find(name).ok_or_else(|| self.missing(&[name]))
    }

    /// The error for files that are not there: what was looked for, and what is there instead.
    pub fn missing(&self, names: &[&str]) -> Error {
        let found = self.names();
        let listed = match found.len() {
            0 => "the folder is empty".to_string(),
            _ => format!("the folder holds {}", shorten(&found.join(", "), 300)),
        };
        Error::new(
            Code::NotFound,
            format!("the {} folder has no {} (nor with .gz or .zst)", self.layout, names.join(" or ")),
        )
        .help(format!("{listed}; check the path and the layout"))
        .path(&self.path)
    }

    /// Names of everything in the folder, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(&self.path)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort_unstable();
        names
    }
}
