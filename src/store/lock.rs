//! The lock file: one process writes, or several read.
//!
//! The lock is the operating system's (`flock` or its like) and dies with its process: a killed holder
//! needs no cleaning up after. The text in the file only serves the message a second process gets; a
//! reader writes nothing and is therefore not named.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::path::Path;

use crate::clock;
use crate::error::{Code, Error, Result};

/// Held as long as it lives.
pub(crate) struct Lock {
    file: File,
    exclusive: bool,
}

impl Lock {
    /// Takes the lock for writing.
    pub(crate) fn exclusive(path: &Path) -> Result<Lock> {
        let failed = |cause| Error::io("locking the store", cause).path(path);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(held(&mut file)),
            Err(TryLockError::Error(cause)) => return Err(failed(cause)),
        }
        let text = format!("{}\n{}\n{}\n", std::process::id(), host(), clock::utc(clock::now()));
        file.set_len(0).and_then(|()| file.write_all(text.as_bytes())).map_err(failed)?;
        Ok(Lock { file, exclusive: true })
    }

    /// Takes the lock for reading. Where there is no lock file, nobody ever wrote here: none is needed.
    pub(crate) fn shared(path: &Path) -> Result<Option<Lock>> {
        let failed = |cause| Error::io("locking the store", cause).path(path);
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(Some(Lock { file, exclusive: false })),
            Err(TryLockError::WouldBlock) => Err(held(&mut file)),
            Err(TryLockError::Error(cause)) => Err(failed(cause)),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if self.exclusive {
            // Only the text: the lock goes with the descriptor.
            let _ = self.file.set_len(0);
        }
    }
}

fn held(file: &mut File) -> Error {
    let mut text = String::new();
    let _ = file.take(1024).read_to_string(&mut text);
    let mut lines = text.lines();
    let holder = match (lines.next().map(str::parse::<u32>), lines.next(), lines.next()) {
        (Some(Ok(pid)), Some(on), Some(since)) if on != host() || alive(pid) => {
            let own = if pid == std::process::id() && on == host() { " (this one)" } else { "" };
            format!("process {pid}{own} on {on} holds the store since {since}")
        }
        _ => "another process has the store open for reading".to_string(),
    };
    Error::new(Code::Locked, holder)
        .help("wait until it is done or end it; several processes may read a store that none writes to")
}

/// Whether the process lives, as far as that can be told.
fn alive(pid: u32) -> bool {
    !cfg!(target_os = "linux") || Path::new(&format!("/proc/{pid}")).exists()
}

fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = name.or_else(|| std::env::var("HOSTNAME").ok()).or_else(|| std::env::var("COMPUTERNAME").ok());
    name.map(|name| name.trim().to_string()).filter(|name| !name.is_empty()).unwrap_or("this host".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_share_and_a_writer_is_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("LOCK");
        assert!(Lock::shared(&path).unwrap().is_none());
        let writer = Lock::exclusive(&path).unwrap();
        let error = Lock::exclusive(&path).err().unwrap();
        assert_eq!(error.code(), Code::Locked);
        assert!(error.message().contains(&std::process::id().to_string()), "{error}");
        assert_eq!(Lock::shared(&path).err().unwrap().code(), Code::Locked);
        drop(writer);
        let (first, second) = (Lock::shared(&path).unwrap(), Lock::shared(&path).unwrap());
        assert!(first.is_some() && second.is_some());
        let error = Lock::exclusive(&path).err().unwrap();
        assert!(error.message().contains("for reading"), "{error}");
        drop((first, second));
        Lock::exclusive(&path).unwrap();
    }
}
