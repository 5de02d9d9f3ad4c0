//! The store behind the shell, opened when it is first needed.
//!
//! So that starting a shell in the wrong directory leaves nothing behind, a store that is not there yet
//! is made by the first statement and not by the prompt.

use std::path::{Path, PathBuf};

use seedbed::ql::{Params, Statement};
use seedbed::{Name, Outcome, Reach, Result, Session, Store, Task};

/// A store that may not be open yet.
pub struct Connection {
    dir: PathBuf,
    readonly: bool,
    reach: Option<Reach>,
    session: Option<Session>,
}

impl Connection {
    pub fn new(dir: PathBuf, readonly: bool) -> Self {
        Connection { dir, readonly, reach: None, session: None }
    }

    /// Confines what comes to files within reach.
    pub fn confine(&mut self, reach: Option<Reach>) {
        if let Some(session) = &mut self.session {
            session.confine(reach.clone());
        }
        self.reach = reach;
    }

    /// Fails for a file out of reach.
    pub fn check_path(&self, path: &Path) -> Result<()> {
        self.reach.as_ref().map_or(Ok(()), |reach| reach.check_path(path))
    }

    /// Fails for a file in the store's own directory, which would be taken for damage, or be it.
    pub fn refuse_inside(&self, path: &Path) -> Result<()> {
        seedbed::refuse_inside(&self.dir, path)
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
        self.session()?.run_statement(statement, params, task)
    }

    /// The names in the store, for completion; none if it is not open or cannot tell them.
    pub fn names(&self) -> Vec<Name> {
        self.session.as_ref().and_then(|session| session.names().ok()).unwrap_or_default()
    }

    fn session(&mut self) -> Result<&mut Session> {
        let session = match self.session.take() {
            Some(session) => session,
            // Where reading is all that is allowed, a missing store is not made.
            None => {
                let store =
                    Store::options().read_only(self.readonly).create(!self.readonly).open(&self.dir)?;
                let mut session = store.session();
                session.confine(self.reach.clone());
                session
            }
        };
        Ok(self.session.insert(session))
    }
}
