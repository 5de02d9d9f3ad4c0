//! `DIFF a, b`: which links appeared, went or moved, and which edit or verdict is behind it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::artifact::{self, Linked};
use super::catalog::{self, ArtifactEntry, ArtifactKind, PairEntry};
use super::engine::{Context, Engine};
use super::make::VERSION;
use super::rows::{Column, ColumnKind, Outcome, Rows, Value};
use super::verdict;
use crate::error::{Code, Error, Result};
use crate::kg::{self, EntityId, Graph, Side};
use crate::store::Space;

/// Compares two seed sets or alignments of a pair, the earlier first.
pub(crate) fn diff(engine: &Engine, first: &str, second: &str, context: &Context) -> Result<Outcome> {
    let one = rated(engine, first)?;
    let two = rated(engine, second)?.of_pair(&one.pair)?;
    let pair = catalog::pair(&engine.db, &one.pair)?;
    let graphs = engine.graphs_of(&pair.name, context.task)?;
    let sizes = (graphs[0].len(), graphs[1].len());
    let links = |entry| artifact::by_left(&engine.db, entry, sizes);
    let (before, after) = (links(&one)?, links(&two)?);
    let changes = changes(&before, &after);
    let causes = Causes::new(engine, &pair, &graphs, [&one, &two])?;
    let [left, right] = &graphs;
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut rows: Vec<Vec<Value>> = Vec::new();
    for change in &changes {
        *counts.entry(change.what()).or_default() += 1;
        let name = |id: EntityId| -> Value { right.label(id).into() };
        let iri = |id: EntityId| -> Value { right.entities.get(id as usize).into() };
        rows.push(vec![
            change.what().into(),
            left.entities.get(change.left as usize).into(),
            left.label(change.left).into(),
            change.before.map_or(Value::Null, |link| iri(link.0)),
            change.before.map_or(Value::Null, |link| name(link.0)),
            change.before.map_or(Value::Null, |link| link.1.into()),
            change.after.map_or(Value::Null, |link| iri(link.0)),
            change.after.map_or(Value::Null, |link| name(link.0)),
            change.after.map_or(Value::Null, |link| link.1.into()),
            causes.of(change).into(),
        ]);
    }
    let text = |name: &str| Column::new(name, ColumnKind::Text);
    let score = |name: &str| Column::new(name, ColumnKind::Float);
    let columns = vec![
        text("change"),
        text("left"),
        text("left_name"),
        text("before"),
        text("before_name"),
        score("before_score"),
        text("after"),
        text("after_name"),
        score("after_score"),
        text("because"),
    ];
    let count = |what: &str| counts.get(what).copied().unwrap_or(0);
    let same = before.len() - count("went") - count("moved");
    let line = format!(
        "{first} and {second}: {} appeared, {} went, {} moved, {same} stayed",
        count("appeared"),
        count("went"),
        count("moved")
    );
    let mut outcome = Outcome::message("diff", line).with_rows(Rows::ready(columns, rows));
    outcome.notes.extend(causes.note);
    Ok(outcome)
}

fn rated(engine: &Engine, name: &str) -> Result<ArtifactEntry> {
    let entry = catalog::artifact(&engine.db, name, None)?;
    match entry.kind {
        ArtifactKind::Seeds | ArtifactKind::Alignment => Ok(entry),
        _ => Err(Error::new(
            Code::WrongType,
            format!("`{name}` is a {}, which has no links", entry.kind.as_str()),
        )
        .help("DIFF compares two alignments or two seed sets")),
    }
}

/// A left entity whose link is not what it was.
struct Change {
    left: EntityId,
    before: Option<Linked>,
    after: Option<Linked>,
}

impl Change {
    fn what(&self) -> &'static str {
        match (self.before, self.after) {
            (None, _) => "appeared",
            (_, None) => "went",
            _ => "moved",
        }
    }
}

fn changes(before: &BTreeMap<EntityId, Linked>, after: &BTreeMap<EntityId, Linked>) -> Vec<Change> {
    let lefts: BTreeSet<EntityId> = before.keys().chain(after.keys()).copied().collect();
    let both = lefts.into_iter().map(|left| Change {
        left,
        before: before.get(&left).copied(),
        after: after.get(&left).copied(),
    });
    both.filter(|change| change.before.map(|link| link.0) != change.after.map(|link| link.0)).collect()
}

/// How many links two sets of links differ by: appeared, went, moved.
pub(crate) fn counted(
    engine: &Engine,
    [one, two]: [&ArtifactEntry; 2],
    graphs: &[Arc<Graph>; 2],
) -> Result<[usize; 3]> {
    let sizes = (graphs[0].len(), graphs[1].len());
    let links = |entry| artifact::by_left(&engine.db, entry, sizes);
    let changes = changes(&links(one)?, &links(two)?);
    let count = |what: &str| changes.iter().filter(|change| change.what() == what).count();
    Ok([count("appeared"), count("went"), count("moved")])
}

/// What happened to entities between two versions of a pair.
struct Causes {
    /// The last line of the log on a pair of entities.
    judged: HashMap<(EntityId, EntityId), String>,
    /// The last line that accepts an entity, by side.
    accepted: [HashMap<EntityId, String>; 2],
    /// The edits that touched an entity, by side.
    edited: [HashMap<EntityId, String>; 2],
    /// Neighbours by side, only of entities that an edit touched.
    near: [HashMap<EntityId, EntityId>; 2],
    graphs: [Arc<Graph>; 2],
    note: Option<String>,
}

impl Causes {
    fn new(
        engine: &Engine,
        pair: &PairEntry,
        graphs: &[Arc<Graph>; 2],
        [one, two]: [&ArtifactEntry; 2],
    ) -> Result<Self> {
        let version = |entry: &ArtifactEntry| entry.fact(VERSION).and_then(|text| text.parse::<u64>().ok());
        let mut causes = Causes {
            judged: HashMap::new(),
            accepted: Default::default(),
            edited: Default::default(),
            near: Default::default(),
            graphs: graphs.clone(),
            note: None,
        };
        if one.recipe_differs(two) {
            causes.note =
                Some(format!("they were asked for differently: {} / {}", one.statement, two.statement));
        }
        let log = verdict::log_of(&engine.db, pair)?;
        let standing: HashSet<u64> = kg::standing(&log).iter().map(|line| line.number).collect();
        for line in log {
            let by = if line.author.is_empty() { String::new() } else { format!(" by {}", line.author) };
            let comment = if line.comment.is_empty() { String::new() } else { format!(": {}", line.comment) };
            let text = format!("verdict {}, {}{by}{comment}", line.number, line.said.as_str());
            if line.said == kg::Said::Accept && standing.contains(&line.number) {
                causes.accepted[0].insert(line.left, text.clone());
                causes.accepted[1].insert(line.right, text.clone());
            }
            causes.judged.insert((line.left, line.right), text);
        }
        let (Some(from), Some(to)) = (version(one), version(two)) else { return Ok(causes) };
        let (from, to) = (from.min(to), from.max(to));
        for side in Side::BOTH {
            let at = side as usize;
            let edits = kg::edits(&engine.db, Space(pair.graph(side).space), pair.version);
            let edits: Vec<kg::Edit> = edits.collect::<Result<_>>()?;
            // Each edit's new entities have the last ids of the graph that it made.
            let mut known = graphs[at].len();
            let before = |edit: &kg::Edit| {
                known = known.saturating_sub(edit.delta.entities.len());
                known
            };
            let mut counts: Vec<usize> = edits.iter().rev().map(before).collect();
            counts.reverse();
            let between = |(edit, _): &(&kg::Edit, usize)| edit.version > from && edit.version <= to;
            for (edit, known) in edits.iter().zip(counts).filter(between) {
                let by = if edit.author.is_empty() { String::new() } else { format!(" by {}", edit.author) };
                for entity in edit.delta.touched(known) {
                    let what = crate::error::shorten(&edit.statement, 80);
                    causes.edited[at].insert(entity, format!("edit {}{by}, {what}", edit.version));
                }
            }
            let touched: HashSet<EntityId> = causes.edited[at].keys().copied().collect();
            if !touched.is_empty() {
                for triple in &graphs[at].triples {
                    for (own, other) in [(triple.head, triple.tail), (triple.tail, triple.head)] {
                        if touched.contains(&other) {
                            causes.near[at].entry(own).or_insert(other);
                        }
                    }
                }
            }
        }
        Ok(causes)
    }

    /// The nearest cause: a verdict on the pair, one on an end, an edit of an end, one of a neighbour.
    fn of(&self, change: &Change) -> String {
        let rights: Vec<EntityId> =
            [change.after, change.before].into_iter().flatten().map(|link| link.0).collect();
        for right in &rights {
            if let Some(text) = self.judged.get(&(change.left, *right)) {
                return text.clone();
            }
        }
        let ends = || std::iter::once((0, change.left)).chain(rights.iter().map(|right| (1, *right)));
        for (side, entity) in ends() {
            if let Some(text) = self.accepted[side].get(&entity) {
                return text.clone();
            }
        }
        for (side, entity) in ends() {
            if let Some(text) = self.edited[side].get(&entity) {
                return text.clone();
            }
        }
        for (side, entity) in ends() {
            if let Some(near) = self.near[side].get(&entity) {
                let name = self.graphs[side].label(*near);
                return format!("{}; it touched the neighbour {name}", self.edited[side][near]);
            }
        }
        "another pair's change: they compete for the same entities".to_string()
    }
}
