//! `EVALUATE x`: against reference links, or what can be known without.

use std::collections::HashSet;

use super::artifact;
use super::basis::Basis;
use super::catalog::{self, ArtifactEntry, ArtifactKind};
use super::cells;
use super::engine::{Context, Engine, LoadedPair};
use super::lineage;
use super::rows::{Column, ColumnKind, Outcome, Rows, Value};
use super::seen::{self, Seen};
use super::spec::{Evaluate, Protocol, Search};
use crate::error::{Code, Error, Result};
use crate::evaluate::{self, Metrics, Ranking, RankingOptions, Sample};
use crate::features::Modality;
use crate::kg::{EntityId, Link, Split};
use crate::matching::Links;
use crate::psqe::Evidence;
use crate::psqe::weights::Resolved;

/// Judges a seed set or an alignment.
pub(crate) fn evaluate(engine: &Engine, spec: &Evaluate, context: &Context) -> Result<Outcome> {
    let entry = catalog::with_rows(&engine.db, &spec.target)?;
    let pair = engine.load_pair(&entry.pair, context.task)?;
    let links = read(engine, &entry, &pair)?;
    let judged = Judged { entry: &entry, pair: &pair, basis: Basis::of(engine, &pair, &entry)? };
    let mut outcome = judge(engine, spec, &judged, &links, context)?;
    outcome.notes.extend(seen::unknown(&entry));
    let stale = lineage::stale(&engine.db, &entry)?;
    if !stale.is_empty() {
        let ranked = match judged.basis.is_held() {
            true => "",
            false => ", but what is ranked are the features of today",
        };
        outcome.notes.push(format!(
            "`{}` is stale ({}): its rows are as they were made{ranked}; issue its statement again",
            entry.name,
            stale.join(", ")
        ));
    }
    Ok(outcome)
}

/// An artifact, its pair, and what it compared entities by.
struct Judged<'a> {
    entry: &'a ArtifactEntry,
    pair: &'a LoadedPair,
    basis: Basis<'a>,
}

fn judge(
    engine: &Engine,
    spec: &Evaluate,
    judged: &Judged<'_>,
    links: &Links,
    context: &Context,
) -> Result<Outcome> {
    let &Judged { entry, pair, ref basis } = judged;
    if pair.links.is_empty() {
        if spec.last.is_some() || spec.split.is_some() || spec.protocol == Protocol::Paper {
            let message = format!(
                "pair {} has no reference links for last=, split= or protocol= to pick from",
                pair.entry.name
            );
            return Err(Error::new(Code::Conflict, message)
                .help(format!("leave them out, or bring links: IMPORT LINKS … INTO {}", pair.entry.name)));
        }
        let (evidence, resolved, told) = cells::compared(engine, basis, &Search::default(), context)?;
        let mut outcome = without_links(&evidence, &resolved, links, context)?;
        outcome.notes.extend(told.map(|text| format!("neighbourhoods compared: {text}")));
        return Ok(outcome.note(format!(
            "pair {} has no reference links: these figures need none, and none of them is a precision \
             (IMPORT LINKS … INTO {} brings some)",
            pair.entry.name, pair.entry.name
        )));
    }
    match entry.kind {
        ArtifactKind::Seeds | ArtifactKind::Model
            if spec.last.is_some() || spec.split.is_some() || spec.protocol == Protocol::Paper =>
        {
            let what = if entry.kind == ArtifactKind::Model {
                "a model, judged by what it learned"
            } else {
                "a seed set"
            };
            let message = format!("`{}` is {what}: all links count", entry.name);
            Err(Error::new(Code::Conflict, message).help("leave out last=, split= and protocol="))
        }
        ArtifactKind::Seeds | ArtifactKind::Model => {
            let seen = known(engine, entry, pair)?;
            Ok(seeds(pair, links, &seen))
        }
        // An index is refused where it is looked up.
        ArtifactKind::Alignment | ArtifactKind::Index => alignment(engine, spec, judged, links, context),
    }
}

/// Links by which an artifact cannot be judged: those it rests on, and those that people accepted.
fn known(engine: &Engine, entry: &ArtifactEntry, pair: &LoadedPair) -> Result<HashSet<(EntityId, EntityId)>> {
    let mut known = Seen::of(&engine.db, entry)?;
    known.extend(pair.verdicts.accepted());
    Ok(known)
}

/// The artifact's pairs and scores as links.
fn read(engine: &Engine, entry: &ArtifactEntry, pair: &LoadedPair) -> Result<Links> {
    let mut links = Links::default();
    for modality in &entry.modalities {
        links.modalities.push(Modality::new(modality)?);
    }
    for row in artifact::rows(&engine.db, entry, (pair.left.len(), pair.right.len())) {
        let row = row?;
        links.left.push(row.left);
        links.right.push(row.right);
        links.score.push(row.score);
        links.margin.push(row.margin);
        links.rank.push(1);
        links.modal.push(row.modal);
    }
    Ok(links)
}

fn pairs(links: &Links) -> Vec<(EntityId, EntityId)> {
    links.left.iter().copied().zip(links.right.iter().copied()).collect()
}

/// Seeds against the links, less those that a model behind them was given.
fn seeds(pair: &LoadedPair, links: &Links, seen: &HashSet<(EntityId, EntityId)>) -> Outcome {
    let judged: Vec<_> = pairs(links).into_iter().filter(|pair| !seen.contains(pair)).collect();
    let reference = unseen(&pair.links, seen);
    let quality =
        evaluate::seeds(&judged, &reference, &pair.links, (&pair.left.triples, &pair.right.triples));
    let mut table = Table::default();
    table.int("seeds", quality.seeds);
    table.int("correct", quality.correct);
    table.int("unjudged", quality.unjudged);
    table.share("precision", quality.precision);
    table.share("precision_judged", quality.precision_judged);
    table.share("recall", quality.recall);
    table.int("links", quality.links);
    table.share("edge_coverage", quality.edge_coverage);
    table.int("covered_edges", quality.covered_edges);
    table.int("edges", quality.edges);
    let mut outcome = Outcome::rows("evaluate", table.finish());
    if !seen.is_empty() {
        outcome = outcome.note(format!("{} links that a model learned from are left out", seen.len()));
    }
    if quality.unjudged > 0 {
        outcome = outcome.note(format!(
            "{} seeds have both ends outside the reference links: they are unjudged, not wrong, and \
             precision_judged leaves them out",
            quality.unjudged
        ));
    }
    outcome
}

/// Links that are ranked where all are too many, unless `last` says how many.
const SAMPLE: usize = 10_000;

/// What links are ranked by, and how.
pub(crate) struct Asked {
    pub protocol: Protocol,
    pub split: Option<Split>,
    pub last: Option<usize>,
    /// Neighbours of CSLS, beside the plain similarity.
    pub csls: Option<usize>,
}

/// The links that nothing was learned from.
pub(crate) fn unseen(links: &[Link], seen: &HashSet<(EntityId, EntityId)>) -> Vec<Link> {
    links.iter().copied().filter(|link| !seen.contains(&(link.left, link.right))).collect()
}

/// Ranking figures over links that nothing was learned from: by the plain similarity, then under CSLS. Where
/// some links were learned and there is no test split, all that are left are judged.
pub(crate) fn rankings(
    evidence: &Evidence<'_>,
    resolved: &Resolved,
    links: &[Link],
    learned: bool,
    asked: &Asked,
    context: &Context,
) -> Result<Vec<(Option<usize>, Ranking)>> {
    let &Asked { protocol, split, mut last, csls } = asked;
    if learned && split.is_none() && !links.iter().any(|link| link.split == Some(Split::Test)) {
        last.get_or_insert(links.len());
    }
    // Who says how many gets all of them.
    let sample = asked.last.is_none().then_some(Sample { above: cells::AFFORDABLE, links: SAMPLE });
    let similarities: Vec<Option<usize>> = std::iter::once(None).chain(csls.map(Some)).collect();
    let options = RankingOptions { protocol, split, last, sample };
    let found = evaluate::rankings(evidence, resolved, links, &options, &similarities, context.task)?;
    Ok(similarities.into_iter().zip(found).collect())
}

/// Who the candidates are, for a person.
pub(crate) fn candidates(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Paper => "candidates are the judged links' own entities (protocol=paper)",
        Protocol::Strict => "candidates are all entities of the other side (protocol=strict)",
    }
}

/// The name of a similarity, plain or under CSLS.
pub(crate) fn similarity(csls: Option<usize>) -> String {
    csls.map_or("cosine".to_string(), |k| format!("csls {k}"))
}

fn alignment(
    engine: &Engine,
    spec: &Evaluate,
    judged: &Judged<'_>,
    links: &Links,
    context: &Context,
) -> Result<Outcome> {
    let &Judged { entry, pair, ref basis } = judged;
    // Ranks are among all candidates; only the neighbourhoods of CSLS can do with cells.
    let search = Search { exact: (entry.csls == 0).then_some(true), ..Search::default() };
    let (evidence, resolved, told) = cells::compared(engine, basis, &search, context)?;
    let seen = known(engine, entry, pair)?;
    let reference = unseen(&pair.links, &seen);
    let found: Vec<_> = pairs(links).into_iter().filter(|pair| !seen.contains(pair)).collect();
    let quality = evaluate::links(&found, &reference, &pair.links);
    let asked = Asked {
        protocol: spec.protocol,
        split: spec.split,
        last: spec.last,
        csls: (entry.csls > 0).then_some(entry.csls as usize),
    };
    let mut rows = Vec::new();
    let mut judged = String::new();
    for (csls, ranking) in rankings(&evidence, &resolved, &reference, !seen.is_empty(), &asked, context)? {
        let name = similarity(csls);
        for (direction, metrics) in
            [("left to right", ranking.left_to_right), ("right to left", ranking.right_to_left)]
        {
            rows.push(metrics_row(direction, &name, &metrics));
        }
        judged = ranking.judged;
    }
    let judged_links: [Value; 7] = [
        quality.precision.into(),
        quality.precision_judged.into(),
        quality.recall.into(),
        quality.f1.into(),
        quality.found.into(),
        quality.correct.into(),
        quality.unjudged.into(),
    ];
    // The links are judged as a whole, so that every row says the same of them.
    for row in &mut rows {
        row.extend(judged_links.clone());
    }
    let candidates = candidates(spec.protocol);
    let mut outcome = Outcome::rows("evaluate", Rows::ready(alignment_columns(), rows))
        .note(format!("ranked: {judged}; {candidates}"))
        .note("precision, recall and f1 are of the alignment's links, against all reference links");
    let told = told.map(|text| format!("neighbourhoods of CSLS were found within {text}"));
    outcome.notes.extend(told);
    if !seen.is_empty() {
        let left_out = pair.links.len() - reference.len();
        outcome = outcome.note(match pair.verdicts.accepted() {
            [] => format!("{left_out} links that the model learned from are left out"),
            _ => format!("{left_out} links that were learned from or accepted by people are left out"),
        });
    }
    Ok(outcome)
}

fn alignment_columns() -> Vec<Column> {
    let text = ["direction", "similarity"].map(|name| Column::new(name, ColumnKind::Text));
    let ranked = ["hits@1", "hits@5", "hits@10", "mrr"].map(|name| Column::new(name, ColumnKind::Float));
    let sizes = ["queries", "candidates"].map(|name| Column::new(name, ColumnKind::Int));
    let shares =
        ["precision", "precision_judged", "recall", "f1"].map(|name| Column::new(name, ColumnKind::Float));
    let counts = ["found", "correct", "unjudged"].map(|name| Column::new(name, ColumnKind::Int));
    text.into_iter().chain(ranked).chain(sizes).chain(shares).chain(counts).collect()
}

fn metrics_row(direction: &str, similarity: &str, metrics: &Metrics) -> Vec<Value> {
    vec![
        direction.into(),
        similarity.into(),
        metrics.hits_1.into(),
        metrics.hits_5.into(),
        metrics.hits_10.into(),
        metrics.mrr.into(),
        metrics.queries.into(),
        metrics.candidates.into(),
    ]
}

fn without_links(
    evidence: &Evidence,
    resolved: &Resolved,
    links: &Links,
    context: &Context,
) -> Result<Outcome> {
    let known = evaluate::unlabelled(evidence, resolved, links, context.task)?;
    let mut table = Table::default();
    table.int("links", known.links);
    table.share("mutual_nearest", known.mutual);
    for (name, value) in ["margin_q25", "margin_median", "margin_q75"].into_iter().zip(known.margin_quartiles)
    {
        table.share(name, value);
    }
    for (modality, both, agree) in &known.agreement {
        table.share(&format!("agreement_{modality}"), *agree as f64 / *both as f64);
    }
    for (modalities, links) in known.supported_by.iter().enumerate() {
        table.int(&format!("supported_by_{modalities}"), *links);
    }
    Ok(Outcome::rows("evaluate", table.finish()))
}

/// A table of one row, filled column by column.
#[derive(Default)]
struct Table {
    columns: Vec<Column>,
    values: Vec<Value>,
}

impl Table {
    fn int(&mut self, name: &str, value: usize) {
        self.columns.push(Column::new(name, ColumnKind::Int));
        self.values.push(value.into());
    }

    fn share(&mut self, name: &str, value: f64) {
        self.columns.push(Column::new(name, ColumnKind::Float));
        self.values.push(if value.is_finite() { value.into() } else { Value::Null });
    }

    fn finish(self) -> Rows {
        Rows::ready(self.columns, vec![self.values])
    }
}
