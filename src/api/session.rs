//! Sessions: statements with settings and parameters.

use std::sync::Arc;

use crate::error::{Code, Error, Result};
use crate::ops::{self, Engine, Outcome, Reach, Settings};
use crate::ql::{self, NameKind, Params, Statement};
use crate::task::Task;

/// Runs statements under settings of its own (`SET` changes them, for this session only).
#[derive(Clone)]
pub struct Session {
    engine: Arc<Engine>,
    settings: Settings,
}

/// A statement that was parsed once and may run many times with other parameters.
#[derive(Clone, Debug)]
pub struct Prepared {
    statement: Statement,
}

/// A name that a statement may use, for completion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The name.
    pub name: String,
    /// What it names.
    pub kind: NameKind,
}

impl Session {
    pub(super) fn new(engine: Arc<Engine>) -> Self {
        Session { engine, settings: Settings::default() }
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Confines the statements of this session to files of some folders; `None` lifts it.
    pub fn confine(&mut self, reach: Option<Reach>) {
        self.settings.reach = reach;
    }

    /// Parses, binds and runs one statement.
    ///
    /// # Errors
    /// [`Code::Syntax`] and the other request codes, with a span of `statement`; whatever the
    /// statement's documentation names.
    pub fn execute(&mut self, statement: &str, params: &Params, task: &Task) -> Result<Outcome> {
        let prepared = self.prepare(statement)?;
        self.run(&prepared, params, task)
    }

    /// Parses one statement, to be run later.
    pub fn prepare(&self, statement: &str) -> Result<Prepared> {
        let mut statements = ql::parse(statement)?.into_iter();
        match (statements.next(), statements.next()) {
            (Some(statement), None) => Ok(Prepared { statement }),
            (None, _) => Err(Error::new(Code::Syntax, "expected a statement, found nothing")
                .help("write one, such as SHOW PAIRS")),
            (_, Some(second)) => {
                Err(Error::new(Code::Syntax, "expected one statement, found another after it")
                    .span(second.span)
                    .help("run them one by one, or as a script"))
            }
        }
    }

    /// Runs a prepared statement.
    pub fn run(&mut self, prepared: &Prepared, params: &Params, task: &Task) -> Result<Outcome> {
        self.run_statement(&prepared.statement, params, task)
    }

    /// Runs one statement of a parsed script.
    pub fn run_statement(&mut self, statement: &Statement, params: &Params, task: &Task) -> Result<Outcome> {
        let request = ql::bind(statement, params)?;
        ops::run(&self.engine, &request, &mut self.settings, task).map_err(|error| error.span(statement.span))
    }

    /// Every pair, artifact and modality, for completion.
    pub fn names(&self) -> Result<Vec<Name>> {
        let names = ops::names(&self.engine)?;
        Ok(names
            .into_iter()
            .map(|(name, kind)| {
                let kind = match kind {
                    "pair" => NameKind::Pair,
                    "seeds" => NameKind::Seeds,
                    "alignment" => NameKind::Alignment,
                    _ => NameKind::Modality,
                };
                Name { name, kind }
            })
            .collect())
    }
}
