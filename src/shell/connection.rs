//! The store behind the shell, opened when it is first needed.
//!
//! So that starting a shell in the wrong directory leaves nothing behind, a store that is not there yet
//! is made by the first statement and not by the prompt.

use std::path::{Path, PathBuf};

use seedbed::ops::Outcome;
use seedbed::ql::{NameKind, Params, Statement};
use seedbed::{Code, Error, Result, Task};

/// A store that may not be open yet.
pub struct Connection {
    dir: PathBuf,
    readonly: bool,
    session: Option<Session>,
}

/// Stands in for the library's session.
struct Session;

impl Connection {
    pub fn new(dir: PathBuf, readonly: bool) -> Self {
        Connection { dir, readonly, session: None }
    }

    /// The store's directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether the store is open for reading only.
    pub fn is_readonly(&self) -> bool {
        self.readonly
    }

    /// Whether there is anything at the store's place yet.
    pub fn exists(&self) -> bool {
        self.dir.exists()
    }

    /// Opens the store, unless it is open.
    pub fn open(&mut self) -> Result<()> {
        self.session()?;
        Ok(())
    }

    /// Runs a statement.
    pub fn execute(&mut self, statement: &Statement, params: &Params, task: &Task) -> Result<Outcome> {
        let _ = self.session()?;
        let _ = (statement, params, task);
        Err(Error::new(Code::Unsupported, "statements cannot be run yet"))
    }

    /// The names in the store, for completion; none if it is not open.
    pub fn names(&self) -> Vec<(String, NameKind)> {
        Vec::new()
    }

    fn session(&mut self) -> Result<&mut Session> {
        Ok(self.session.get_or_insert(Session))
    }
}
