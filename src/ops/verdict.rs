//! ACCEPT, REJECT, UNDO, and verdicts from and to files: lines of an append-only log.

use std::collections::HashMap;
use std::sync::Arc;

use super::canonical::canonical;
use super::catalog::{self, Entry, Logged, PairEntry, VerdictsEntry};
use super::engine::{Context, Engine, LoadedPair};
use super::entities;
use super::export::refuse_inside;
use super::maintain::{bytes, count};
use super::rows::Outcome;
use super::spec::{Export, ExportFormat, ExportVerdicts, ImportVerdicts, Judge, Request, Undo};
use crate::clock::{self, now};
use crate::error::{Code, Error, Result};
use crate::formats::export::{ExportMeta, ExportRow, Justification, Reviewed, write_rows};
use crate::formats::links::read_verdicts;
use crate::kg::{self, EntityId, Said, Side, Verdict, Verdicts};
use crate::store::{Batch, Db, Digest};

/// `ACCEPT ('a', 'b') IN p` and `REJECT …`.
pub(crate) fn judge(engine: &Engine, spec: &Judge, context: &Context) -> Result<Outcome> {
    let pair = engine.load_pair(&pair_of(engine, &spec.pair)?, context.task)?;
    let mut log = Log::open(engine, pair)?;
    let said = if spec.accept { Said::Accept } else { Said::Reject };
    let mut lines = Vec::new();
    for (left, right) in &spec.pairs {
        let (left, right) = log.entities(left, right)?;
        lines.push(Line { said, left, right, comment: spec.comment.clone().unwrap_or_default(), at: None });
    }
    let author = spec.author.clone().unwrap_or_else(|| context.settings.author.clone());
    let notes = log.say(lines, &author)?;
    log.commit(engine, canonical(&Request::Judge(spec.clone())), said.as_str(), notes)
}

/// The pair itself, or that of an artifact: links are judged where they are seen.
fn pair_of(engine: &Engine, name: &str) -> Result<String> {
    Ok(match catalog::find(&engine.db, name)? {
        Some(Entry::Artifact(artifact)) => artifact.pair,
        _ => name.to_string(),
    })
}

/// `UNDO ('a', 'b') IN p`, or `UNDO IN p` for the last verdict.
pub(crate) fn undo(engine: &Engine, spec: &Undo, context: &Context) -> Result<Outcome> {
    let pair = engine.load_pair(&pair_of(engine, &spec.pair)?, context.task)?;
    let mut log = Log::open(engine, pair)?;
    let mut lines = Vec::new();
    let standing: Vec<Verdict> = kg::standing(&log.lines).into_iter().cloned().collect();
    let none = |what: String| Error::new(Code::NotFound, what).help("see what stands: SHOW VERDICTS");
    if spec.pairs.is_empty() {
        let last = standing.last().ok_or_else(|| none(format!("no verdict on `{}` stands", spec.pair)))?;
        lines.push(Line::taking_back(last));
    }
    for (left, right) in &spec.pairs {
        let ends = log.known_entities(left, right)?;
        let line = standing.iter().find(|line| (line.left, line.right) == ends);
        lines.push(Line::taking_back(
            line.ok_or_else(|| none(format!("no verdict stands on `{left}` and `{right}`")))?,
        ));
    }
    let notes = log.say(lines, &context.settings.author)?;
    log.commit(engine, canonical(&Request::Undo(spec.clone())), "undo", notes)
}

/// `IMPORT VERDICTS 'file' INTO p`.
pub(crate) fn import(engine: &Engine, spec: &ImportVerdicts, context: &Context) -> Result<Outcome> {
    let pair = engine.load_pair(&spec.pair, context.task)?;
    let (read, mut notes) = read_verdicts(&spec.path, &pair.left, &pair.right, spec.lenient, context.task)?;
    let mut log = Log::open(engine, pair)?;
    let mut by_author: Vec<(String, Vec<Line>)> = Vec::new();
    for verdict in read {
        let said = if verdict.denied { Said::Reject } else { Said::Accept };
        let (left, right, comment) = (verdict.left, verdict.right, verdict.comment);
        let line = Line { said, left, right, comment, at: clock::seconds(&verdict.date) };
        match by_author.last_mut() {
            Some((author, lines)) if *author == verdict.author => lines.push(line),
            _ => by_author.push((verdict.author, vec![line])),
        }
    }
    for (author, lines) in by_author {
        let author = if author.is_empty() { context.settings.author.clone() } else { author };
        notes.extend(log.say(lines, &author)?);
    }
    log.commit(engine, canonical(&Request::ImportVerdicts(spec.clone())), "import verdicts", notes)
}

/// `EXPORT VERDICTS FROM p TO 'file'`: what stands, as SSSOM.
pub(crate) fn export(engine: &Engine, spec: &ExportVerdicts, context: &Context) -> Result<Outcome> {
    refuse_inside(engine.db.path(), &spec.path)?;
    let pair = engine.load_pair(&spec.pair, context.task)?;
    let log = Log::open(engine, pair)?;
    let standing = kg::standing(&log.lines);
    let (left, right) = (&log.pair.left, &log.pair.right);
    let rows = standing.iter().map(|line| {
        Ok(ExportRow {
            left_iri: left.entities.get(line.left as usize).to_string(),
            right_iri: right.entities.get(line.right as usize).to_string(),
            left_label: left.label(line.left),
            right_label: right.label(line.right),
            left_source_id: left.source_id(line.left),
            right_source_id: right.source_id(line.right),
            score: None,
            rank: 1,
            stage: None,
            justification: Justification::Curation,
            measure: None,
            reviewed: Some(Reviewed {
                denied: line.said == Said::Reject,
                author: line.author.clone(),
                date: clock::day(line.at),
                comment: line.comment.clone(),
            }),
        })
    });
    let meta = ExportMeta {
        pair: spec.pair.clone(),
        artifact: format!("verdicts on {}", spec.pair),
        digest: Digest(log.pair.verdicts.digest()).to_string(),
        tool_version: env!("CARGO_PKG_VERSION").to_string(),
        date: clock::day(now()),
        subject_source: String::new(),
        object_source: String::new(),
        reviewed: true,
    };
    let how = Export {
        format: Some(ExportFormat::Sssom),
        overwrite: spec.overwrite,
        auto_prefixes: true,
        ..Export::new(&spec.pair, spec.path.clone())
    };
    let report = write_rows(&*engine.outside, &how, rows, &meta, context.task)?;
    let line = format!(
        "{} to {} as sssom, {}",
        count(report.rows as usize, "verdict"),
        spec.path.display(),
        bytes(report.bytes)
    );
    let mut outcome = Outcome::message("export", line);
    outcome.notes = report.notes;
    Ok(outcome)
}

/// What is to be said of a pair of entities.
struct Line {
    said: Said,
    left: EntityId,
    right: EntityId,
    comment: String,
    /// When it was said, where that is known.
    at: Option<u64>,
}

impl Line {
    fn taking_back(verdict: &Verdict) -> Self {
        let (left, right) = (verdict.left, verdict.right);
        Line { said: Said::Undo(verdict.number), left, right, comment: String::new(), at: None }
    }
}

/// What was said on a pair, oldest first.
///
/// Fails with [`Code::Corrupt`] if it is not what the entry tells: damaged, or of another pair that has the
/// name by now.
pub(crate) fn log_of(db: &Db, pair: &PairEntry) -> Result<Vec<Verdict>> {
    let Some(said) = &pair.verdicts else { return Ok(Vec::new()) };
    let lines = kg::verdict_log(db, &pair.name, said.logged)?;
    match Verdicts::of(&lines, |_, _| true).digest() == said.digest {
        true => Ok(lines),
        false => {
            Err(Error::new(Code::Corrupt, format!("the verdicts on `{}` are not those it had", pair.name))
                .help("restore the store from a backup"))
        }
    }
}

/// The log of a pair with the lines that are to come.
struct Log {
    pair: Arc<LoadedPair>,
    lines: Vec<Verdict>,
    /// Lines that are stored.
    stored: usize,
}

impl Log {
    fn open(engine: &Engine, pair: Arc<LoadedPair>) -> Result<Self> {
        let lines = log_of(&engine.db, &pair.entry)?;
        Ok(Log { stored: lines.len(), pair, lines })
    }

    fn entities(&self, left: &str, right: &str) -> Result<(EntityId, EntityId)> {
        let find = |side, graph, text| {
            Ok::<_, Error>(entities::find(&self.pair.entry.name, &[(side, graph)], text)?.1)
        };
        Ok((find(Side::Left, &*self.pair.left, left)?, find(Side::Right, &*self.pair.right, right)?))
    }

    /// The same by IRI also for entities that were deleted: what was said of them can be taken back.
    fn known_entities(&self, left: &str, right: &str) -> Result<(EntityId, EntityId)> {
        let known = |graph: &kg::Graph, iri: &str| graph.entities.iter().position(|known| known == iri);
        match (known(&self.pair.left, left), known(&self.pair.right, right)) {
            (Some(left), Some(right)) => Ok((left as EntityId, right as EntityId)),
            _ => self.entities(left, right),
        }
    }

    /// Adds lines; what stands already is left out and told.
    ///
    /// Fails with [`Code::Conflict`] if an entity would have two accepted partners.
    fn say(&mut self, lines: Vec<Line>, author: &str) -> Result<Vec<String>> {
        let mut stands: HashMap<(EntityId, EntityId), Said> =
            kg::standing(&self.lines).iter().map(|line| ((line.left, line.right), line.said)).collect();
        let accepted =
            |stands: &HashMap<(EntityId, EntityId), Said>| -> (HashMap<u32, u32>, HashMap<u32, u32>) {
                let pairs = stands.iter().filter(|(_, said)| **said == Said::Accept).map(|(pair, _)| *pair);
                (pairs.clone().collect(), pairs.map(|(left, right)| (right, left)).collect())
            };
        let (mut of_left, mut of_right) = accepted(&stands);
        let mut notes = Vec::new();
        for line in lines {
            let ends = (line.left, line.right);
            if stands.get(&ends) == Some(&line.said) {
                notes.push(format!("{} was said before", self.shown(ends)));
                continue;
            }
            if line.said == Said::Accept {
                let other = (of_left.get(&line.left).map(|right| (line.left, *right)))
                    .or(of_right.get(&line.right).map(|left| (*left, line.right)));
                if let Some(other) = other.filter(|other| *other != ends) {
                    let message =
                        format!("{} cannot be accepted beside {}", self.shown(ends), self.shown(other));
                    return Err(Error::new(Code::Conflict, message).help(format!(
                        "an entity has one partner; take the other back first: UNDO ('{}', '{}') IN {}",
                        self.pair.left.entities.get(other.0 as usize).replace('\'', "''"),
                        self.pair.right.entities.get(other.1 as usize).replace('\'', "''"),
                        self.pair.entry.name,
                    )));
                }
            }
            let number = self.lines.len() as u64 + 1;
            let (author, comment) = (author.to_string(), line.comment);
            let at = line.at.unwrap_or_else(now);
            let (left, right) = ends;
            self.lines.push(Verdict { number, said: line.said, left, right, author, comment, at });
            match line.said {
                Said::Undo(_) => {
                    // An earlier verdict on the pair may stand again.
                    stands = kg::standing(&self.lines).iter().map(|l| ((l.left, l.right), l.said)).collect();
                    (of_left, of_right) = accepted(&stands);
                    let count = stands.values().filter(|said| **said == Said::Accept).count();
                    if of_left.len() < count || of_right.len() < count {
                        let message = format!(
                            "with that taken back {} would be accepted again, beside another pair",
                            self.shown(ends)
                        );
                        return Err(Error::new(Code::Conflict, message)
                            .help("an entity has one partner; take the other back first"));
                    }
                }
                said => {
                    if stands.insert(ends, said) == Some(Said::Accept) {
                        of_left.remove(&left);
                        of_right.remove(&right);
                    }
                    if said == Said::Accept {
                        of_left.insert(left, right);
                        of_right.insert(right, left);
                    }
                }
            }
        }
        Ok(notes)
    }

    fn shown(&self, (left, right): (EntityId, EntityId)) -> String {
        format!("`{}` = `{}`", self.pair.left.label(left), self.pair.right.label(right))
    }

    /// Stores the new lines with the pair's next version.
    fn commit(
        self,
        engine: &Engine,
        statement: String,
        verb: &'static str,
        notes: Vec<String>,
    ) -> Result<Outcome> {
        let started = std::time::Instant::now();
        let new = &self.lines[self.stored..];
        let old = self.pair.entry.clone();
        let name = old.name.clone();
        let stands = Verdicts::of(&self.lines, |left, right| {
            self.pair.left.is_alive(left) && self.pair.right.is_alive(right)
        });
        let (accepted, rejected) = (stands.accepted().len() as u64, stands.rejected().len() as u64);
        let line = format!(
            "{} on {name}: {accepted} accepted and {rejected} rejected stand",
            count(new.len(), "verdict")
        );
        if !new.is_empty() {
            let entry = VerdictsEntry {
                logged: self.lines.len() as u64,
                // Of all that stands, whoever is there just now: that is an input of its own.
                digest: Verdicts::of(&self.lines, |_, _| true).digest(),
                accepted,
                rejected,
            };
            let entry = PairEntry { version: old.version + 1, verdicts: Some(entry), ..old.clone() };
            let mut batch = Batch::new();
            catalog::expect(&mut batch, &name, Some(&Entry::Pair(old)))?;
            kg::log_verdicts(&mut batch, &name, new)?;
            let seconds = started.elapsed().as_secs_f64();
            let logged = Logged { statement, result: line.clone(), at: now(), seconds };
            catalog::put(&mut batch, &Entry::Pair(entry), &logged)?;
            engine.db.commit(batch)?;
        }
        let mut outcome = Outcome::message(verb, line);
        outcome.notes = notes;
        Ok(outcome)
    }
}
