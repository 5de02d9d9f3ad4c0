//! `EXPLAIN SEEDS s`: where seeds come from, how good they are, and where they are thin.

use std::collections::HashSet;

use super::artifact::{self, ArtifactRow};
use super::basis::Basis;
use super::catalog::{self, ArtifactEntry, ArtifactKind, Entry, Input};
use super::engine::{Context, Engine, LoadedPair};
use super::export::refuse_inside;
use super::maintain::count;
use super::picture::{self, Picture};
use super::rows::{Column, ColumnKind, Outcome, Rows, Value};
use super::seed;
use super::spec::{ExplainSeeds, Grouping};
use crate::error::{Code, Error, Result};
use crate::evaluate;
use crate::kg::{EntityId, Graph};
use crate::psqe::weights::Resolved;
use crate::psqe::{self, Cell, Cells, Evidence, Graphs, Spread};

/// Clusters that cells are cut by.
const CLUSTERS: usize = 4;
/// Types that get a cell of their own.
const TYPES: usize = 10;
/// Weakest pairs that are shown.
const WEAKEST: usize = 5;

/// Tells about a seed set.
pub(crate) fn explain(engine: &Engine, spec: &ExplainSeeds, context: &Context) -> Result<Outcome> {
    let entry = catalog::artifact(&engine.db, &spec.seeds, Some(ArtifactKind::Seeds))?;
    if let Some(path) = &spec.path {
        refuse_inside(engine.db.path(), path)?;
    }
    let pair = engine.load_pair(&entry.pair, context.task)?;
    let basis = Basis::of(engine, &pair, &entry)?;
    let evidence = basis.evidence()?;
    let weights = basis.resolve(engine, &evidence, context)?;
    let graphs = pair.neighbourhoods();
    let set = seed::load(engine, &entry, &pair.entry)?;
    let seeds = set.pairs();
    let by = |grouping: Grouping| -> Result<Cells> {
        match grouping {
            Grouping::Degree => Ok(Cells::by_degree(graphs)),
            Grouping::Cluster => clusters(&evidence, &weights, &entry, context),
            Grouping::Type => types(&pair),
        }
    };
    let spread = |cells: &Cells| psqe::spread(&seeds, cells, graphs, &evidence, &weights, context.task);
    let mut outcome = match spec.by {
        Some(grouping) => {
            let found = spread(&by(grouping)?)?;
            Outcome::rows("explain", table(&found, seeds.len()))
        }
        None => {
            let cells = Cells::by_degree(graphs).crossed(&clusters(&evidence, &weights, &entry, context)?);
            let facts = Facts { engine, entry: &entry, pair: &pair, graphs, seeds: &seeds };
            let estimate = psqe::estimated(&seeds, &evidence, graphs, &weights, context.task)?;
            Outcome::rows("explain", facts.overview(&spread(&cells)?, &estimate)?)
        }
    };
    if let Some(path) = &spec.path {
        let degrees = spread(&Cells::by_degree(graphs))?;
        let picture = Picture { name: &entry.name, cells: &degrees.cells, curve: curve(&seeds, &pair) };
        let bytes = picture::write(&*engine.outside, &picture, path, spec.overwrite)?;
        outcome = outcome.note(format!("{bytes} bytes to {}", path.display()));
    }
    Ok(outcome)
}

fn clusters(
    evidence: &Evidence<'_>,
    weights: &Resolved,
    entry: &ArtifactEntry,
    context: &Context,
) -> Result<Cells> {
    let (left, right) = psqe::labels(evidence, weights, CLUSTERS, entry.seed, context.task)?;
    let most = left.iter().chain(&right).max().copied().unwrap_or(0);
    Ok(Cells::by_label(&left, &right, (0..=most).map(|number| format!("cluster {number}")).collect()))
}

/// Cells by the first `rdf:type` an entity has; rare types share one.
fn types(pair: &LoadedPair) -> Result<Cells> {
    let is_type = |iri: &str| iri.ends_with("#type") || iri.ends_with("/type") || iri == "rdf:type";
    let of = |graph: &Graph| -> Vec<Option<String>> {
        let mut types = vec![None; graph.len()];
        for triple in graph.triples.iter().filter(|t| is_type(graph.relations.get(t.relation as usize))) {
            types[triple.head as usize].get_or_insert(graph.label(triple.tail));
        }
        for triple in &graph.attribute_triples {
            if let (Some(literal), true) =
                (&triple.literal, is_type(graph.attributes.get(triple.attribute as usize)))
            {
                types[triple.entity as usize].get_or_insert(literal.value.clone());
            }
        }
        types
    };
    let (left, right) = (of(&pair.left), of(&pair.right));
    let mut counts = std::collections::BTreeMap::<&str, usize>::new();
    left.iter().chain(&right).flatten().for_each(|name| *counts.entry(name).or_default() += 1);
    if counts.is_empty() {
        let message = format!("no entity of `{}` has an rdf:type", pair.entry.name);
        return Err(Error::new(Code::MissingData, message).help("use BY degree or BY cluster"));
    }
    let mut names: Vec<&str> = counts.keys().copied().collect();
    names.sort_by_key(|name| std::cmp::Reverse(counts[name]));
    names.truncate(TYPES);
    let cell = |name: &Option<String>| match name {
        Some(name) => names.iter().position(|known| known == name).unwrap_or(names.len()) as u32,
        None => names.len() as u32 + 1,
    };
    let cells: (Vec<u32>, Vec<u32>) = (left.iter().map(cell).collect(), right.iter().map(cell).collect());
    let all = names.iter().copied().chain(["other types", "no type"]).map(String::from).collect();
    Ok(Cells::by_label(&cells.0, &cells.1, all))
}

/// One row a cell, with a word on what to do.
fn table(spread: &Spread, seeds: usize) -> Rows {
    let columns = vec![
        Column::new("cell", ColumnKind::Text),
        Column::new("entities", ColumnKind::Int),
        Column::new("seed_ends", ColumnKind::Int),
        Column::new("share_of_entities", ColumnKind::Float),
        Column::new("share_of_seeds", ColumnKind::Float),
        Column::new("attraction", ColumnKind::Float),
        Column::new("repulsion", ColumnKind::Float),
        Column::new("pull", ColumnKind::Float),
        Column::new("advice", ColumnKind::Text),
    ];
    let entities: usize = spread.cells.iter().map(|cell| cell.entities).sum();
    let row = |cell: &Cell| -> Vec<Value> {
        let here = cell.entities as f64 / entities.max(1) as f64;
        let taken = cell.seed_ends as f64 / (2 * seeds).max(1) as f64;
        vec![
            cell.name.as_str().into(),
            (cell.entities as u64).into(),
            (cell.seed_ends as u64).into(),
            here.into(),
            taken.into(),
            cell.attraction.into(),
            cell.repulsion.into(),
            cell.pull.into(),
            advice(cell, here, taken).into(),
        ]
    };
    Rows::ready(columns, spread.cells.iter().map(row).collect())
}

fn advice(cell: &Cell, here: f64, taken: f64) -> &'static str {
    match () {
        () if cell.entities == 0 => "",
        () if cell.seed_ends == 0 => "no seed: training will not see these entities; EXPAND may reach them",
        () if taken < 0.5 * here => "thin: a lower precision= in SEED global or EXPAND brings more",
        () if cell.pull > 2.0 => "crowded: its seeds shape the space more than its entities count",
        () => "even",
    }
}

/// Precision of the first so many seeds, where links tell.
fn curve(seeds: &[(EntityId, EntityId)], pair: &LoadedPair) -> Vec<(usize, f64)> {
    if pair.links.is_empty() {
        return Vec::new();
    }
    let step = seeds.len().div_ceil(50).max(1);
    let at = (1..=seeds.len()).filter(|n| n % step == 0 || *n == seeds.len());
    at.map(|n| (n, evaluate::links(&seeds[..n], &pair.links, &pair.links).precision)).collect()
}

/// What the overview is told from.
struct Facts<'a> {
    engine: &'a Engine,
    entry: &'a ArtifactEntry,
    pair: &'a LoadedPair,
    graphs: &'a Graphs,
    seeds: &'a [(EntityId, EntityId)],
}

impl Facts<'_> {
    fn overview(&self, spread: &Spread, estimate: &psqe::Estimate) -> Result<Rows> {
        let mut rows: Vec<Vec<Value>> = Vec::new();
        let mut add = |name: &str, value: String| rows.push(vec![name.into(), value.into()]);
        let sizes = (self.pair.left.len(), self.pair.right.len());
        let all: Vec<ArtifactRow> =
            artifact::rows(&self.engine.db, self.entry, sizes).collect::<Result<_>>()?;
        add("seeds", self.seeds.len().to_string());
        for (number, stage) in self.entry.stages.iter().enumerate() {
            let of = all.iter().filter(|row| usize::from(row.stage) == number).count();
            add(&format!("admitted by {stage}"), of.to_string());
        }
        self.history(&mut add)?;
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        if self.pair.links.is_empty() {
            add("precision", "unknown: the pair has no reference links".to_string());
        } else {
            let q = evaluate::seeds(self.seeds, &self.pair.links, &self.pair.links, (&[], &[]));
            let (low, high) = psqe::wilson(q.correct as f64, (q.seeds - q.unjudged) as f64);
            add("precision", format!("{} ({} of {})", percent(q.precision), q.correct, q.seeds));
            add(
                "precision of the judged",
                format!(
                    "{} ({} to {} at 95 %), {} unjudged",
                    percent(q.precision_judged),
                    percent(low),
                    percent(high),
                    q.unjudged
                ),
            );
        }
        add(
            "precision without labels",
            format!(
                "at least about {} (decoys; {} to {} at 95 %); {} of the seeds are mutual best, {} without \
                 any one kind of evidence",
                percent(1.0 - estimate.wrong),
                percent(1.0 - estimate.interval.1),
                percent(1.0 - estimate.interval.0),
                percent(estimate.mutual),
                percent(estimate.unanimous)
            ),
        );
        let triples = (self.pair.left.triples.as_slice(), self.pair.right.triples.as_slice());
        let covered = evaluate::seeds(self.seeds, &[], &[], triples);
        add(
            "edge coverage",
            format!(
                "{} ({} of {} edges have a seed end)",
                percent(covered.edge_coverage),
                covered.covered_edges,
                covered.edges
            ),
        );
        let (aggregated, scattered) = self.company();
        add("seed ends beside other seeds", aggregated.to_string());
        add("seed ends without", scattered.to_string());
        add(
            "balance",
            format!("{:.3} over {} cells of degree and cluster", spread.balance, spread.cells.len()),
        );
        add(
            "reach",
            format!("{} ({} entities in a seed or next to one)", percent(spread.reach), spread.reached),
        );
        let mut thin: Vec<&Cell> =
            spread.cells.iter().filter(|cell| cell.entities > 0 && cell.seed_ends == 0).collect();
        thin.sort_by_key(|cell| std::cmp::Reverse(cell.entities));
        if let Some(worst) = thin.first() {
            let text =
                format!("{}, the largest: {} ({})", count(thin.len(), "cell"), worst.name, worst.entities);
            add("without a seed", text);
        }
        let mut weakest: Vec<&ArtifactRow> = all.iter().collect();
        weakest.sort_by(|a, b| a.score.total_cmp(&b.score).then(a.left.cmp(&b.left)));
        for row in weakest.into_iter().take(WEAKEST) {
            let (left, right) = (self.pair.left.label(row.left), self.pair.right.label(row.right));
            let modal = self.entry.modalities.iter().zip(&row.modal);
            let modal: Vec<String> = modal.map(|(name, score)| format!("{name} {score:.3}")).collect();
            add("weakest", format!("{left} = {right}: {:.4} ({})", row.score, modal.join(", ")));
        }
        let columns = ["property", "value"].map(|name| Column::new(name, ColumnKind::Text)).to_vec();
        Ok(Rows::ready(columns, rows))
    }

    /// The seed sets it came from, nearest first, and what corrections among them dropped.
    fn history(&self, add: &mut impl FnMut(&str, String)) -> Result<()> {
        let mut next = Some(self.entry.clone());
        let mut told = HashSet::new();
        while let Some(entry) = next {
            told.insert(entry.key);
            if entry.dropped > 0 {
                let sizes = (self.pair.left.len(), self.pair.right.len());
                let dropped = artifact::dropped(&self.engine.db, &entry, sizes)?;
                let example = dropped.first().map_or("", |row| row.reason.as_str());
                add(
                    &format!("dropped making {}", entry.name),
                    format!("{}; such as: {example}", entry.dropped),
                );
            }
            let source = entry.inputs.iter().find_map(|input| match input {
                Input::Artifact { name, .. } => Some(name.clone()),
                _ => None,
            });
            let Some(source) = source else { break };
            next = match catalog::find(&self.engine.db, &source)? {
                // Names can be rebound, so that sets may be found to come from each other.
                Some(Entry::Artifact(found)) if !told.contains(&found.key) => {
                    add(
                        "made from",
                        format!("{} ({}, {} rows)", found.name, found.kind.as_str(), found.rows),
                    );
                    Some(found)
                }
                _ => None,
            };
        }
        Ok(())
    }

    /// Seed ends that have a neighbour in a seed, and those that have none, of both sides.
    fn company(&self) -> (usize, usize) {
        let mut found = (0, 0);
        let sides = [
            (&self.graphs.left, self.seeds.iter().map(|seed| seed.0).collect::<Vec<EntityId>>()),
            (&self.graphs.right, self.seeds.iter().map(|seed| seed.1).collect()),
        ];
        for (side, ends) in sides {
            let mut is_end = vec![false; side.len()];
            ends.iter().for_each(|end| is_end[*end as usize] = true);
            for end in ends {
                match side.of(end).any(|neighbour| is_end[neighbour as usize]) {
                    true => found.0 += 1,
                    false => found.1 += 1,
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use crate::{Params, Store, Task};

    #[test]
    fn the_history_of_sets_that_took_each_other_s_names_comes_to_an_end() {
        let mut session = Store::in_memory().session();
        for statement in [
            "GENERATE PAIR p entities=60 seed=3",
            "SEED visual n=20 FROM p AS s",
            "CORRECT s AS c",
            "CORRECT c AS s",
            "EXPLAIN SEEDS s",
        ] {
            session.execute(statement, &Params::new(), &Task::quiet()).unwrap();
        }
    }
}
