//! Which files a session may name: all, or those of some folders.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::spec::{PairFormat, Request};
use crate::encoders::SETTINGS;
use crate::error::{Code, Error, Result};
use crate::formats::dbp15k::names_beside;
use crate::fs::parent;

/// Most entries of a folder that are looked at for links that lead out of it.
const MOST_ENTRIES: usize = 100_000;

/// Folders, with no symbolic link left in their paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach(Vec<PathBuf>);

impl Reach {
    /// These folders and what is in them.
    ///
    /// # Errors
    /// Those of the operating system, for a folder that is not there.
    pub fn within(folders: &[PathBuf]) -> Result<Reach> {
        let real = |folder: &PathBuf| {
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            folder.canonicalize().map_err(|cause| Error::io("looking for the folder", cause).path(folder))
        };
        Ok(Reach(folders.iter().map(real).collect::<Result<_>>()?))
    }

    /// Fails unless every file that a request names, and every file of the folders it names, is within.
    pub(crate) fn check(&self, request: &Request) -> Result<()> {
        request.paths().into_iter().try_for_each(|path| self.check_path(path))?;
        // Settings of a network lie beside its weights.
        if let Request::Embed(spec) = request
            && let Some(weights) = spec.weights.as_ref().filter(|weights| !weights.is_dir())
        {
            let beside = SETTINGS.iter().map(|name| parent(weights).join(name));
            beside
                .filter(|path| path.symlink_metadata().is_ok())
                .try_for_each(|path| self.check_path(&path))?;
        }
        // The one import that looks beside what it is given.
        if let Request::Import(spec) = request
            && spec.format == PairFormat::Dbp15k
        {
            let mut beside = spec.paths.iter().map(|path| names_beside(path)).filter(|path| path.exists());
            return beside.try_for_each(|path| self.check_path(&path));
        }
        Ok(())
    }

    /// Fails unless the file, or the place where it is to be, is within; a folder with all that is in it.
    pub fn check_path(&self, path: &Path) -> Result<()> {
        let real = real(path)?;
        if !self.has(&real) {
            return Err(self.outside(path, &real));
        }
        let (mut folders, mut seen, mut walked) = (vec![real], 0, HashSet::new());
        while let Some(folder) = folders.pop() {
            if !walked.insert(folder.clone()) {
                continue;
            }
            let Ok(entries) = std::fs::read_dir(&folder) else { continue };
            for entry in entries {
                let entry = entry.map_err(|cause| Error::io("looking into the folder", cause).path(path))?;
                seen += 1;
                if seen > MOST_ENTRIES {
                    let message = format!("the folder has more than {MOST_ENTRIES} entries to look at");
                    return Err(Error::new(Code::Limit, message).path(path));
                }
                let kind = entry.file_type().map_err(|cause| Error::io("looking at a file", cause))?;
                if kind.is_symlink() {
                    let target = self::real(&entry.path())?;
                    if !self.has(&target) {
                        return Err(self.outside(&entry.path(), &target));
                    }
                    folders.push(target);
                } else if kind.is_dir() {
                    folders.push(entry.path());
                }
            }
        }
        Ok(())
    }

    fn has(&self, real: &Path) -> bool {
        self.0.iter().any(|folder| real.starts_with(folder))
    }

    fn outside(&self, path: &Path, real: &Path) -> Error {
        let folders: Vec<String> = self.0.iter().map(|folder| folder.display().to_string()).collect();
        let message = match path == real {
            true => "the file lies outside of what may be used".to_string(),
            false => format!("the file is {}, outside of what may be used", real.display()),
        };
        Error::new(Code::Denied, message)
            .help(format!("this session is confined to {}", folders.join(" and ")))
            .path(path)
    }
}

/// The path without symbolic links; of what is not there, its nearest folder's and the rest of it.
fn real(path: &Path) -> Result<PathBuf> {
    let absolute =
        std::path::absolute(path).map_err(|cause| Error::io("looking for the file", cause).path(path))?;
    let mut rest = Vec::new();
    let mut there = absolute.as_path();
    loop {
        match there.canonicalize() {
            Ok(real) => return Ok(rest.iter().rev().fold(real, |path, name| path.join(name))),
            Err(cause) if cause.kind() == ErrorKind::NotFound => {}
            Err(cause) => return Err(Error::io("looking for the file", cause).path(path)),
        }
        // A link whose target is missing would be followed by who makes it.
        let dangling = there.symlink_metadata().is_ok();
        match (there.parent(), there.file_name()) {
            (Some(parent), Some(name)) if !dangling => {
                rest.push(name);
                there = parent;
            }
            _ => {
                return Err(Error::new(Code::Denied, "the path cannot be followed to its end")
                    .help("name a file without `..` and without links that lead nowhere")
                    .path(path));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn links_and_dots_do_not_lead_out() {
        let outside = tempfile::tempdir().unwrap();
        let inside = tempfile::tempdir().unwrap();
        let folder = inside.path();
        std::fs::write(outside.path().join("secret"), "x").unwrap();
        std::fs::write(folder.join("mine"), "x").unwrap();
        std::fs::create_dir_all(folder.join("deep/er")).unwrap();
        let link = |target: &Path, name: &str| std::os::unix::fs::symlink(target, folder.join(name)).unwrap();
        link(&outside.path().join("secret"), "leak");
        link(outside.path(), "door");
        link(&folder.join("mine"), "deep/fine");
        link(&outside.path().join("absent"), "dangling");
        // A folder within that has a door outwards, behind a link within.
        std::fs::create_dir_all(folder.join("other")).unwrap();
        std::fs::create_dir_all(folder.join("import")).unwrap();
        link(&outside.path().join("secret"), "other/ent_ids_1");
        link(&folder.join("other"), "import/0_3");
        let reach = Reach::within(&[folder.to_path_buf()]).unwrap();
        assert_eq!(reach.check_path(&folder.join("import")).unwrap_err().code(), Code::Denied);
        for path in ["mine", "deep", "deep/fine", "deep/new", "new/er/file", "deep/../mine"] {
            reach.check_path(&folder.join(path)).unwrap_or_else(|error| panic!("{path}: {error:?}"));
        }
        let name = outside.path().file_name().unwrap().to_str().unwrap();
        let dots = format!("../{name}/secret");
        for path in
            ["leak", "door/secret", "door/new", "dangling", "../elsewhere", "absent/../../x", &dots, "."]
        {
            let error = reach.check_path(&folder.join(path)).unwrap_err();
            assert_eq!(error.code(), Code::Denied, "{path}: {error:?}");
        }
        assert!(reach.check_path(Path::new("/etc/hostname")).is_err());
    }
}
