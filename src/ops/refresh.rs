//! `REFRESH x`: what rests on something that changed is made again, in order, and no more than that.
//!
//! The wave goes from what was changed towards `x`: modalities and artifacts that `x` came from, each after
//! what it came from itself. What comes out as it was stops the wave there. What was settled when an
//! artifact was made, weights and clusters that the data chose, stays settled, for a small edit must not
//! move everything; `full=true` lets the data choose again.

use std::collections::HashSet;
use std::time::Instant;

use super::catalog::{self, ArtifactEntry, ArtifactKind, Entry, Input};
use super::diff;
use super::engine::{Context, Engine};
use super::lineage;
use super::rows::{Column, ColumnKind, Outcome, Rows, Value};
use super::spec::{Refresh, Request};
use crate::error::{Code, Error, Result};

/// Brings an artifact, or all of a pair, up to date.
pub(crate) fn refresh(engine: &Engine, spec: &Refresh, context: &Context) -> Result<Outcome> {
    let Some(entry) = catalog::find(&engine.db, &spec.name)? else {
        return Err(catalog::unknown(&engine.db, "pair or artifact", &spec.name, |_| true));
    };
    if spec.full {
        let pair = match &entry {
            Entry::Pair(pair) => &pair.name,
            Entry::Artifact(artifact) => &artifact.pair,
        };
        engine.forget_near(pair)?;
    }
    let mut wave = Wave {
        engine,
        context,
        spec,
        rows: Vec::new(),
        settled: HashSet::new(),
        path: Vec::new(),
        notes: Vec::new(),
    };
    match &entry {
        Entry::Pair(pair) => {
            if spec.result.is_some() {
                return Err(Error::new(Code::Conflict, "a pair's refresh has no result of one name")
                    .help("leave AS out, or name the artifact to refresh"));
            }
            for feature in &pair.features {
                wave.feature(&pair.name, &feature.modality)?;
            }
            for name in catalog::artifacts_of(&engine.db, &pair.name)? {
                wave.artifact(&name)?;
            }
        }
        Entry::Artifact(artifact) => wave.target(artifact)?,
    }
    // What rests on itself, by way of a modality that was made from seeds that were found with it.
    let mut stale = Vec::new();
    for name in &wave.settled {
        if let Some(Entry::Artifact(artifact)) = catalog::find(&engine.db, name)?
            && !lineage::stale(&engine.db, &artifact)?.is_empty()
        {
            stale.push(name.clone());
        }
    }
    stale.sort();
    let mut notes = std::mem::take(&mut wave.notes);
    if !stale.is_empty() {
        notes.push(format!("still stale, for it rests on what was made from it: {}", stale.join(", ")));
    }
    let made = wave.rows.iter().filter(|row| row[2] == Value::from(AGAIN)).count();
    let stopped = wave.rows.iter().filter(|row| row[2] == Value::from(SAME)).count();
    let line = match made + stopped {
        0 => format!("{} is up to date: nothing it came from has changed", spec.name),
        _ => format!("{}: {made} made anew, {stopped} came out as they were", spec.name),
    };
    let text = |name: &str| Column::new(name, ColumnKind::Text);
    let int = |name: &str| Column::new(name, ColumnKind::Int);
    let columns = vec![
        text("what"),
        text("kind"),
        text("outcome"),
        text("because"),
        int("rows"),
        int("appeared"),
        int("went"),
        int("moved"),
        Column::new("seconds", ColumnKind::Float),
    ];
    let mut outcome = Outcome::message("refresh", line).with_rows(Rows::ready(columns, wave.rows));
    outcome.notes = notes;
    Ok(outcome)
}

const AGAIN: &str = "made anew";
const SAME: &str = "as it was";

struct Wave<'a> {
    engine: &'a Engine,
    context: &'a Context<'a>,
    spec: &'a Refresh,
    rows: Vec<Vec<Value>>,
    /// What was looked at.
    settled: HashSet<String>,
    /// What is being looked at: each rests on the next.
    path: Vec<String>,
    notes: Vec<String>,
}

impl Wave<'_> {
    /// The artifact that was asked for, under its own name or another.
    fn target(&mut self, artifact: &ArtifactEntry) -> Result<()> {
        let Some(result) = &self.spec.result else { return self.artifact(&artifact.name) };
        self.check_name(artifact, result)?;
        self.inputs(&artifact.name, &artifact.inputs)?;
        self.remake(artifact, Some(result), &lineage::stale(&self.engine.db, artifact)?)
    }

    /// Fails, before any work, if the result cannot bear that name.
    fn check_name(&self, artifact: &ArtifactEntry, result: &str) -> Result<()> {
        if let Some(Entry::Pair(_)) = catalog::find(&self.engine.db, result)? {
            return Err(Error::new(Code::NameTaken, format!("`{result}` is already the name of a pair"))
                .help("choose another name after AS"));
        }
        let (mut open, mut seen) = (vec![artifact.clone()], HashSet::new());
        while let Some(next) = open.pop() {
            for input in &next.inputs {
                let Input::Artifact { name, .. } = input else { continue };
                if name == result {
                    let message =
                        format!("`{}` came from `{result}` and cannot take its name", artifact.name);
                    return Err(Error::new(Code::Conflict, message).help("choose another name after AS"));
                }
                if seen.insert(name.clone())
                    && let Some(Entry::Artifact(source)) = catalog::find(&self.engine.db, name)?
                {
                    open.push(source);
                }
            }
        }
        Ok(())
    }

    /// What something rests on that is no more.
    fn gone(&self, inputs: &[Input]) -> Result<Option<String>> {
        for input in inputs {
            if let Input::Artifact { name, .. } = input
                && catalog::find(&self.engine.db, name)?.is_none()
            {
                return Ok(Some(name.clone()));
            }
        }
        Ok(None)
    }

    /// Where all of a pair is refreshed, one thing that cannot be made again does not stop the others.
    fn lost(&mut self, what: &str, gone: &str) -> Result<()> {
        let message = format!("`{what}` cannot be made again: `{gone}`, which it came from, is gone");
        if self.spec.name != what && self.spec.result.is_none() {
            self.notes.push(message);
            return Ok(());
        }
        Err(Error::new(Code::NotFound, message)
            .help(format!("make `{gone}` again under that name, or DROP {what}")))
    }

    fn artifact(&mut self, name: &str) -> Result<()> {
        if !self.settled.insert(name.to_string()) {
            return Ok(());
        }
        // Dropped meanwhile, or of another kind: whoever rests on it will say so.
        let Some(Entry::Artifact(artifact)) = catalog::find(&self.engine.db, name)? else { return Ok(()) };
        self.inputs(name, &artifact.inputs)?;
        let because = lineage::stale(&self.engine.db, &artifact)?;
        if because.is_empty() && !self.spec.full {
            return Ok(());
        }
        self.remake(&artifact, None, &because)
    }

    /// Brings what something rests on up to date first.
    fn inputs(&mut self, of: &str, inputs: &[Input]) -> Result<()> {
        self.path.push(of.to_string());
        for input in inputs {
            match input {
                Input::Artifact { name, .. } => self.artifact(name)?,
                Input::Feature { pair, modality, .. } => self.feature(pair, modality)?,
                // What takes all modalities will rest on those that came since.
                Input::Modalities { pair, names } => {
                    let now = catalog::pair(&self.engine.db, pair)?.features.into_iter();
                    for new in now.filter(|feature| !names.contains(&feature.modality)) {
                        self.feature(pair, &new.modality)?;
                    }
                }
                _ => {}
            }
        }
        self.path.pop();
        Ok(())
    }

    fn feature(&mut self, pair: &str, modality: &str) -> Result<()> {
        let name = format!("{pair}.{modality}");
        // A modality made from seeds that were found with it: once around is enough.
        if self.path.contains(&name) || !self.settled.insert(name.clone()) {
            return Ok(());
        }
        let Some(entry) = catalog::pair(&self.engine.db, pair)?.feature(modality).cloned() else {
            return Ok(());
        };
        if entry.statement.is_empty() {
            return Ok(());
        }
        self.inputs(&name, &entry.inputs)?;
        let because = lineage::changes(&self.engine.db, &entry.inputs)?;
        if because.is_empty() {
            return Ok(());
        }
        if let Some(gone) = self.gone(&entry.inputs)? {
            return self.lost(&name, &gone);
        }
        let started = Instant::now();
        let request = self.read(&entry.statement)?;
        self.context.settings.check_reach(&request)?;
        super::run_made(self.engine, &request, self.context)?;
        let pair = catalog::pair(&self.engine.db, pair)?;
        let now = pair.feature(modality);
        let same = now.is_some_and(|now| now.objects == entry.objects);
        let rows = now.map_or(0, |now| now.present[0] + now.present[1]);
        self.row(&name, "modality", same, &because, rows, None, started);
        Ok(())
    }

    fn remake(
        &mut self,
        artifact: &ArtifactEntry,
        result: Option<&String>,
        because: &[String],
    ) -> Result<()> {
        self.context.task.check()?;
        let started = Instant::now();
        if let Some(gone) = self.gone(&artifact.inputs)? {
            return self.lost(&artifact.name, &gone);
        }
        let mut request = self.read(&artifact.statement)?;
        if let Some(result) = result {
            request.rename(result);
        }
        self.context.settings.check_reach(&request)?;
        let former = (!self.spec.full).then_some(artifact);
        let context = Context { former, epochs: self.spec.epochs, ..*self.context };
        let done = super::run_made(self.engine, &request, &context)?;
        if result.is_some() {
            self.notes.extend(done.notes);
        }
        let name = result.unwrap_or(&artifact.name);
        let now = catalog::artifact(&self.engine.db, name, None)?;
        let moved = match now.kind {
            ArtifactKind::Seeds | ArtifactKind::Alignment => {
                let graphs = self.engine.graphs_of(&now.pair, self.context.task)?;
                Some(diff::counted(self.engine, [artifact, &now], &graphs)?)
            }
            _ => None,
        };
        let same = now.digest == artifact.digest;
        self.row(name, now.kind.as_str(), same, because, now.rows, moved, started);
        Ok(())
    }

    /// The statement that makes something again.
    fn read(&self, statement: &str) -> Result<Request> {
        (self.engine.read)(statement).map_err(|error| {
            Error::new(Code::Corrupt, format!("the statement `{statement}` cannot be read: {error}"))
                .help("make the result again by hand")
        })
    }

    #[allow(clippy::too_many_arguments)]
    fn row(
        &mut self,
        what: &str,
        kind: &str,
        same: bool,
        because: &[String],
        rows: u64,
        moved: Option<[usize; 3]>,
        started: Instant,
    ) {
        let count = |at: usize| moved.map_or(Value::Null, |moved| moved[at].into());
        let because = match because {
            [] => "asked for".to_string(),
            reasons => reasons.join(", "),
        };
        self.rows.push(vec![
            what.into(),
            kind.into(),
            if same { SAME } else { AGAIN }.into(),
            because.into(),
            rows.into(),
            count(0),
            count(1),
            count(2),
            started.elapsed().as_secs_f64().into(),
        ]);
    }
}

/// `EXPLAIN REFRESH …`: everything that would be looked at, in order, and what would become of it. What is
/// stale because of something that would be remade may come out as it was; then the wave stops there.
pub(crate) fn explained(engine: &Engine, spec: &Refresh) -> Result<Vec<Vec<Value>>> {
    let Some(entry) = catalog::find(&engine.db, &spec.name)? else {
        return Err(catalog::unknown(&engine.db, "pair or artifact", &spec.name, |_| true));
    };
    let mut preview = Preview { engine, steps: Vec::new(), seen: HashSet::new(), remade: HashSet::new() };
    match &entry {
        Entry::Pair(pair) => {
            for feature in &pair.features {
                preview.feature(&pair.name, &feature.modality)?;
            }
            for name in catalog::artifacts_of(&engine.db, &pair.name)? {
                preview.artifact(&name)?;
            }
        }
        Entry::Artifact(artifact) => preview.artifact(&artifact.name)?,
    }
    Ok(preview.steps)
}

/// What a wave would come by.
struct Preview<'a> {
    engine: &'a Engine,
    steps: Vec<Vec<Value>>,
    seen: HashSet<String>,
    /// What would be made anew.
    remade: HashSet<String>,
}

impl Preview<'_> {
    fn artifact(&mut self, name: &str) -> Result<()> {
        if !self.seen.insert(name.to_string()) {
            return Ok(());
        }
        match catalog::find(&self.engine.db, name)? {
            Some(Entry::Artifact(artifact)) => {
                let what = format!("{} {name}: {}", artifact.kind.as_str(), artifact.statement);
                let because = lineage::stale(&self.engine.db, &artifact)?;
                self.step(name, what, because, &artifact.inputs, artifact.seconds)
            }
            _ => {
                let what = format!("{name}, which something rests on");
                self.steps.push(vec![what.into(), "missing".into(), "it was dropped".into(), "".into()]);
                Ok(())
            }
        }
    }

    fn feature(&mut self, pair: &str, modality: &str) -> Result<()> {
        let name = format!("{pair}.{modality}");
        if !self.seen.insert(name.clone()) {
            return Ok(());
        }
        let Some(entry) = catalog::pair(&self.engine.db, pair)?.feature(modality).cloned() else {
            return Ok(());
        };
        if entry.statement.is_empty() {
            return Ok(());
        }
        let because = lineage::changes(&self.engine.db, &entry.inputs)?;
        let what = format!("modality {name}: {}", entry.statement);
        self.step(&name, what, because, &entry.inputs, 0.0)
    }

    fn step(
        &mut self,
        name: &str,
        what: String,
        mut because: Vec<String>,
        inputs: &[Input],
        seconds: f64,
    ) -> Result<()> {
        for input in inputs {
            match input {
                Input::Artifact { name, .. } => self.artifact(name)?,
                Input::Feature { pair, modality, .. } => self.feature(pair, modality)?,
                _ => {}
            }
        }
        let remade = inputs.iter().map(Input::name).filter(|input| self.remade.contains(input));
        because.extend(remade.map(|input| format!("{input} would be made anew")));
        let state = if because.is_empty() { "fresh" } else { "stale" };
        if !because.is_empty() {
            self.remade.insert(name.to_string());
        }
        let cost = match seconds {
            _ if because.is_empty() => String::new(),
            0.0 => String::new(),
            seconds => format!("{seconds:.1} s when it was made"),
        };
        self.steps.push(vec![what.into(), state.into(), because.join(", ").into(), cost.into()]);
        Ok(())
    }
}
