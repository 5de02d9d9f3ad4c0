//! `SHOW STALE`, `SHOW LINEAGE` and `SHOW VERDICTS`: what has changed, and what rests on what.

use std::collections::HashSet;

use super::catalog::{self, ArtifactEntry, Entry, FeatureEntry, Input, PairEntry};
use super::describe::short;
use super::engine::{Context, Engine};
use super::lineage;
use super::rows::{Column, ColumnKind, Outcome, Rows, Value};
use super::verdict;
use crate::clock::utc;
use crate::error::Result;
use crate::kg::{self, Said};

fn text(name: &str) -> Column {
    Column::new(name, ColumnKind::Text)
}

/// What was made from something that has changed since: modalities and artifacts, of one pair or of all.
pub(crate) fn stale(engine: &Engine, pair: Option<&str>) -> Result<Rows> {
    if let Some(pair) = pair {
        catalog::pair(&engine.db, pair)?;
    }
    let mut rows = Vec::new();
    let mut add = |name: String, kind: &str, of: &str, because: Vec<String>, statement: &str| {
        if !because.is_empty() {
            rows.push(vec![name.into(), kind.into(), of.into(), because.join(", ").into(), statement.into()]);
        }
    };
    for entry in catalog::all(&engine.db)? {
        match &entry {
            Entry::Pair(of) if pair.is_none_or(|pair| pair == of.name) => {
                for feature in &of.features {
                    let name = format!("{}.{}", of.name, feature.modality);
                    let because = lineage::changes(&engine.db, &feature.inputs)?;
                    add(name, "modality", &of.name, because, &feature.statement);
                }
            }
            Entry::Artifact(of) if pair.is_none_or(|pair| pair == of.pair) => {
                let because = lineage::stale(&engine.db, of)?;
                add(of.name.clone(), of.kind.as_str(), &of.pair, because, &of.statement);
            }
            _ => {}
        }
    }
    let columns = ["name", "kind", "pair", "because", "statement"].map(text).to_vec();
    Ok(Rows::ready(columns, rows))
}

/// What a pair or an artifact came from, down to files: a row a step, deeper ones indented. What was shown
/// above is not taken apart again.
pub(crate) fn lineage_of(engine: &Engine, name: &str) -> Result<Outcome> {
    let Some(entry) = catalog::find(&engine.db, name)? else {
        return Err(catalog::unknown(&engine.db, "pair or artifact", name, |_| true));
    };
    let mut tree = Tree { engine, rows: Vec::new(), shown: HashSet::new() };
    match &entry {
        Entry::Pair(pair) => tree.pair(pair)?,
        Entry::Artifact(artifact) => tree.artifact(0, artifact)?,
    }
    let mut columns = ["what", "kind", "state", "made_by", "digest"].map(text).to_vec();
    columns.insert(0, Column::new("depth", ColumnKind::Int));
    Ok(Outcome::rows("show", Rows::ready(columns, tree.rows)))
}

struct Tree<'e> {
    engine: &'e Engine,
    rows: Vec<Vec<Value>>,
    shown: HashSet<String>,
}

impl Tree<'_> {
    fn row(&mut self, depth: usize, what: &str, kind: &str, state: &str, made_by: &str, digest: &[u8; 32]) {
        let what = format!("{}{what}", "  ".repeat(depth));
        let values: Vec<Value> =
            vec![depth.into(), what.into(), kind.into(), state.into(), made_by.into(), short(digest).into()];
        self.rows.push(values);
    }

    /// Whether something is shown for the first time.
    fn first(&mut self, what: &str) -> bool {
        self.shown.insert(what.to_string())
    }

    fn pair(&mut self, pair: &PairEntry) -> Result<()> {
        self.row(0, &pair.name, "pair", &format!("version {}", pair.version), &pair.origin, &pair.source);
        for feature in &pair.features {
            self.feature(1, pair, feature)?;
        }
        self.graphs(1, pair);
        Ok(())
    }

    fn artifact(&mut self, depth: usize, artifact: &ArtifactEntry) -> Result<()> {
        let stale = lineage::stale(&self.engine.db, artifact)?;
        let state = state(&stale);
        self.row(
            depth,
            &artifact.name,
            artifact.kind.as_str(),
            &state,
            &artifact.statement,
            &artifact.digest,
        );
        if self.first(&artifact.name) {
            self.inputs(depth + 1, &artifact.inputs)?;
        }
        Ok(())
    }

    fn feature(&mut self, depth: usize, pair: &PairEntry, feature: &FeatureEntry) -> Result<()> {
        let name = format!("{}.{}", pair.name, feature.modality);
        let stale = lineage::changes(&self.engine.db, &feature.inputs)?;
        let digest = blake3::hash(&feature.objects.concat());
        self.row(depth, &name, "modality", &state(&stale), &feature.made_by, digest.as_bytes());
        if self.first(&name) {
            self.inputs(depth + 1, &feature.inputs)?;
        }
        Ok(())
    }

    fn graphs(&mut self, depth: usize, pair: &PairEntry) {
        for (side, graph) in ["left", "right"].into_iter().zip(&pair.graphs) {
            let edits = match graph.edits {
                0 => "as imported".to_string(),
                1 => "1 edit".to_string(),
                edits => format!("{edits} edits"),
            };
            self.row(depth, &format!("{}.{side}", pair.name), "graph", &edits, &pair.origin, &graph.digest);
        }
    }

    fn inputs(&mut self, depth: usize, inputs: &[Input]) -> Result<()> {
        for input in inputs {
            let name = input.name();
            match input {
                Input::Artifact { name, digest } => match catalog::find(&self.engine.db, name)? {
                    Some(Entry::Artifact(artifact)) => self.artifact(depth, &artifact)?,
                    _ => self.row(depth, name, "artifact", "gone", "", digest),
                },
                Input::Feature { pair, modality, digest } => {
                    let entry = catalog::find(&self.engine.db, pair)?;
                    match &entry {
                        Some(Entry::Pair(pair)) if pair.feature(modality).is_some() => {
                            if let Some(feature) = pair.feature(modality) {
                                self.feature(depth, pair, feature)?;
                            }
                        }
                        _ => self.row(depth, &name, "modality", "gone", "", digest),
                    }
                }
                Input::Graphs { pair, digest } => match catalog::find(&self.engine.db, pair)? {
                    Some(Entry::Pair(pair)) if self.first(&name) => self.graphs(depth, &pair),
                    Some(_) => {}
                    None => self.row(depth, &name, "graphs", "gone", "", digest),
                },
                Input::Links { digest, .. } => self.row(depth, &name, "links", "", "reference links", digest),
                // Where nobody has said anything there is nothing to rest on.
                Input::Entities { .. } => {}
                Input::Verdicts { digest, .. } if *digest == [0; 32] => {}
                Input::Verdicts { digest, .. } => self.row(depth, &name, "verdicts", "", "people", digest),
                Input::Modalities { .. } => {}
            }
        }
        Ok(())
    }
}

fn state(stale: &[String]) -> String {
    if stale.is_empty() { "fresh".to_string() } else { format!("stale: {}", stale.join(", ")) }
}

/// The log of verdicts of one pair or of all, oldest first, with what still stands.
pub(crate) fn verdicts(engine: &Engine, pair: Option<&str>, context: &Context) -> Result<Rows> {
    let pairs = match pair {
        Some(name) => vec![catalog::pair(&engine.db, name)?],
        None => catalog::pairs(&engine.db)?,
    };
    let (columns, rows) = verdict_rows(engine, &pairs, context)?;
    Ok(Rows::ready(columns, rows))
}

/// The same as columns and rows.
pub(crate) fn verdict_rows(
    engine: &Engine,
    pairs: &[PairEntry],
    context: &Context,
) -> Result<(Vec<Column>, Vec<Vec<Value>>)> {
    let mut columns =
        ["pair", "said", "left", "right", "left_name", "right_name", "state", "author", "at", "comment"]
            .map(text)
            .to_vec();
    columns.insert(1, Column::new("number", ColumnKind::Int));
    let mut rows: Vec<Vec<Value>> = Vec::new();
    for pair in pairs {
        let log = verdict::log_of(&engine.db, pair)?;
        if log.is_empty() {
            continue;
        }
        let standing: HashSet<u64> = kg::standing(&log).iter().map(|line| line.number).collect();
        let [left, right] = engine.graphs_of(&pair.name, context.task)?;
        for line in log {
            let state = match line.said {
                Said::Undo(of) => format!("takes {of} back"),
                _ if !standing.contains(&line.number) => "taken back or replaced".to_string(),
                _ if left.is_alive(line.left) && right.is_alive(line.right) => "stands".to_string(),
                _ => "stands; an entity was deleted".to_string(),
            };
            rows.push(vec![
                pair.name.as_str().into(),
                line.number.into(),
                line.said.as_str().into(),
                left.entities.get(line.left as usize).into(),
                right.entities.get(line.right as usize).into(),
                left.label(line.left).into(),
                right.label(line.right).into(),
                state.into(),
                line.author.into(),
                utc(line.at).into(),
                line.comment.into(),
            ]);
        }
    }
    Ok((columns, rows))
}
