//! Statements that make a pair or add to one: IMPORT, IMPORT LINKS, IMPORT FEATURES, GENERATE.
//!
//! Each reads everything first, writes blocks and objects that nothing names yet, and ends in one
//! commit of the catalogue: what fails before that leaves the store as it was.

use super::canonical::canonical;
use super::catalog::{self, Entry, FeatureEntry, GraphEntry, Input, LinksEntry, Logged, PairEntry};
use super::encoded;
use super::engine::{Context, Engine};
use super::rows::{Column, ColumnKind, Outcome, Rows, Value};
use super::spec::{Import, ImportFeatures, ImportLinks, Request};
use crate::clock::now;
use crate::error::{Code, Error, Result};
use crate::features::{self, Matrix, Modality, OwnedFeature};
use crate::formats::{self, ImportReport, matrix::PairIds};
use crate::kg::{self, Graph, Link, Split};
use crate::store::{Batch, Digest, Space};

/// A modality of the left and of the right side.
pub(crate) type BothSides = (OwnedFeature, OwnedFeature);

/// `IMPORT … AS p`.
pub(crate) fn import(engine: &Engine, import: &Import, context: &Context) -> Result<Outcome> {
    let started = std::time::Instant::now();
    let source = formats::read_pair(import, context.task)?;
    let origin = format!("{} {}", import.format.as_str(), import.paths[0].display());
    let statement = canonical(&Request::Import(import.clone()));
    let (left, right) = (&source.left, &source.right);
    let new = NewPair { name: &import.name, origin, statement, left, right, links: &source.links };
    let (entry, fresh) = store_pair(engine, new, Vec::new(), context, started)?;
    let mut outcome = Outcome::message("import", pair_line(&entry, fresh));
    outcome.notes = report_notes(&source.report);
    Ok(outcome.with_rows(pair_counts(&entry)))
}

/// `IMPORT LINKS … INTO p`.
pub(crate) fn import_links(engine: &Engine, spec: &ImportLinks, context: &Context) -> Result<Outcome> {
    let started = std::time::Instant::now();
    let pair = engine.load_pair(&spec.pair, context.task)?;
    let import = formats::links::read_links(spec, &pair.left, &pair.right, context.task)?;
    // All of them: what leads to deleted entities stands again when those come back.
    let mut links = match &pair.entry.links {
        Some(links) => kg::load_links(&engine.db, Space(links.space), (pair.left.len(), pair.right.len()))?,
        None => Vec::new(),
    };
    let known: std::collections::HashMap<(u32, u32), usize> =
        links.iter().enumerate().map(|(i, link)| ((link.left, link.right), i)).collect();
    let before = links.len();
    for link in import.links {
        match known.get(&(link.left, link.right)) {
            Some(&i) => links[i].split = link.split.or(links[i].split),
            None => links.push(link),
        }
    }
    let added = links.len() - before;
    let old = Entry::Pair(pair.entry.clone());
    let entry = PairEntry {
        links: save_links(engine, &links)?,
        version: pair.entry.version + 1,
        ..pair.entry.clone()
    };
    let statement = canonical(&Request::ImportLinks(spec.clone()));
    let result = format!("{added} links added to {}", entry.name);
    commit(engine, Some(&old), Entry::Pair(entry), statement, &result, started)?;
    let mut outcome = Outcome::message("import links", format!("{result}; {} in all", links.len()));
    outcome.notes = import.report.notes.clone();
    Ok(outcome)
}

/// `IMPORT FEATURES m FROM … INTO p`.
pub(crate) fn import_features(engine: &Engine, spec: &ImportFeatures, context: &Context) -> Result<Outcome> {
    let started = std::time::Instant::now();
    let pair = engine.load_pair(&spec.pair, context.task)?;
    let ids = PairIds { left: &pair.left, right: &pair.right };
    let import = formats::matrix::read_features(spec, &ids, context.task)?;
    let file = spec.paths[0].file_name().unwrap_or_default().to_string_lossy();
    let text = format!("import {file} ({})", import.report.dtype);
    let made_by = MadeBy { text, ..MadeBy::default() };
    let notes = import.report.notes.clone();
    let statement = canonical(&Request::ImportFeatures(spec.clone()));
    let both = (import.left, import.right);
    let mut outcome =
        add_modality(engine, pair.entry.clone(), &spec.modality, both, made_by, statement, started)?;
    outcome.verb = "import features";
    outcome.notes.extend(notes);
    Ok(outcome)
}

/// `UPDATE FEATURES m FROM … INTO p`: rows of the file replace those of the modality; the others stay.
pub(crate) fn update_features(engine: &Engine, spec: &ImportFeatures, context: &Context) -> Result<Outcome> {
    let started = std::time::Instant::now();
    let pair = engine.load_pair(&spec.pair, context.task)?;
    pair.entry.check_modality(&spec.modality)?;
    let ids = PairIds { left: &pair.left, right: &pair.right };
    let import = formats::matrix::read_features(spec, &ids, context.task)?;
    let Some((_, left, right)) = pair.features.iter().find(|(modality, ..)| *modality == spec.modality)
    else {
        return Err(Error::new(Code::Internal, "a modality that was there is not"));
    };
    let before = import.left.present.count() + import.right.present.count();
    let both =
        (features::overlaid(left.view(), import.left)?, features::overlaid(right.view(), import.right)?);
    let file = spec.paths[0].file_name().unwrap_or_default().to_string_lossy();
    let made_by = match pair.entry.feature(spec.modality.as_str()) {
        Some(known) => format!("{}; {before} rows of {file}", known.made_by),
        None => format!("{before} rows of {file}"),
    };
    let made_by = MadeBy { text: made_by, ..MadeBy::default() };
    let statement = canonical(&Request::UpdateFeatures(spec.clone()));
    let mut outcome =
        add_modality(engine, pair.entry.clone(), &spec.modality, both, made_by, statement, started)?;
    outcome.verb = "update features";
    outcome.notes.insert(0, format!("{before} rows of {} were replaced or added", spec.modality));
    outcome.notes.extend(import.report.notes);
    Ok(outcome)
}

pub(super) struct NewPair<'a> {
    pub name: &'a str,
    pub origin: String,
    pub statement: String,
    pub left: &'a Graph,
    pub right: &'a Graph,
    pub links: &'a [Link],
}

/// Stores a new pair; the same content under the same name is left as it is.
pub(super) fn store_pair(
    engine: &Engine,
    new: NewPair,
    features: Vec<FeatureEntry>,
    context: &Context,
    started: std::time::Instant,
) -> Result<(PairEntry, bool)> {
    let known = catalog::find(&engine.db, new.name)?;
    let digests = [kg::digest_graph(new.left).0, kg::digest_graph(new.right).0];
    let mut source = blake3::Hasher::new();
    source.update(&digests.concat()).update(&kg::digest_links(new.links).0);
    for feature in &features {
        source.update(feature.modality.as_bytes()).update(&feature.objects.concat());
    }
    let source = *source.finalize().as_bytes();
    if let Some(known) = known {
        if let Entry::Pair(pair) = &known
            && pair.source == source
        {
            return Ok((pair.clone(), false));
        }
        return Err(Error::new(
            Code::NameTaken,
            format!("`{}` is already the name of {}", new.name, of_kind(&known)),
        )
        .help(format!("choose another name after AS, or DROP {} first", new.name)));
    }
    let graph_entry = |graph: &Graph, digest| -> Result<GraphEntry> {
        Ok(GraphEntry::of(kg::save_graph(&engine.db, graph, context.task)?, digest, graph))
    };
    let entry = PairEntry {
        name: new.name.to_string(),
        version: 1,
        graphs: [graph_entry(new.left, digests[0])?, graph_entry(new.right, digests[1])?],
        links: save_links(engine, new.links)?,
        features,
        verdicts: None,
        origin: new.origin,
        source,
        created: now(),
    };
    let result = format!("pair {}", entry.name);
    commit(engine, None, Entry::Pair(entry.clone()), new.statement, &result, started)?;
    Ok((entry, true))
}

fn of_kind(entry: &Entry) -> &'static str {
    match entry.kind() {
        "pair" => "a pair with other content",
        "seeds" => "a seed set",
        _ => "an alignment",
    }
}

/// Stores links, if there are any.
pub(crate) fn save_links(engine: &Engine, links: &[Link]) -> Result<Option<LinksEntry>> {
    if links.is_empty() {
        return Ok(None);
    }
    let space = kg::save_links(&engine.db, links)?;
    let count = |split: Option<Split>| links.iter().filter(|link| link.split == split).count() as u64;
    Ok(Some(LinksEntry {
        space: space.0,
        digest: kg::digest_links(links).0,
        count: links.len() as u64,
        splits: [count(Some(Split::Train)), count(Some(Split::Valid)), count(Some(Split::Test)), count(None)],
    }))
}

pub(super) fn save_modality(
    engine: &Engine,
    modality: &Modality,
    (left, right): BothSides,
    made: MadeBy,
) -> Result<FeatureEntry> {
    let (cols, sparse) = match &left.rows {
        Matrix::Dense { cols, .. } => (*cols, false),
        Matrix::Sparse { cols, .. } => (*cols, true),
    };
    let present = [left.present.count() as u64, right.present.count() as u64];
    if present.contains(&0) {
        let side = if present[0] == 0 { "left" } else { "right" };
        return Err(Error::new(Code::MissingData, format!("no {side} entity has a {modality} row"))
            .help("check that the ids of the file are those of the pair, and that both sides are in it"));
    }
    let objects = [features::save_feature(&engine.db, left)?, features::save_feature(&engine.db, right)?];
    Ok(FeatureEntry {
        modality: modality.to_string(),
        objects: objects.map(|digest: Digest| digest.0),
        present,
        cols: cols as u64,
        sparse,
        made_by: made.text,
        statement: made.statement,
        inputs: made.inputs,
    })
}

/// How a modality came to be.
#[derive(Default)]
pub(crate) struct MadeBy {
    /// For a person: "import visual_sim.npy (f16)".
    pub text: String,
    /// The statement that makes it again; empty where it came from files.
    pub statement: String,
    /// What it was made from.
    pub inputs: Vec<Input>,
    /// The encoder whose vectors are kept, if there is one.
    pub encoder: Option<[u8; 32]>,
}

pub(crate) fn add_modality(
    engine: &Engine,
    pair: PairEntry,
    modality: &Modality,
    both: BothSides,
    made_by: MadeBy,
    statement: String,
    started: std::time::Instant,
) -> Result<Outcome> {
    let encoder = made_by.encoder;
    let feature = save_modality(engine, modality, both, made_by)?;
    let line = format!(
        "{modality} of {}: {} + {} of {} + {} entities, {} {}",
        pair.name,
        feature.present[0],
        feature.present[1],
        pair.graphs[0].entities,
        pair.graphs[1].entities,
        feature.cols,
        if feature.sparse { "columns, sparse" } else { "columns" },
    );
    let known = pair.feature(modality.as_str()).cloned();
    if known.as_ref() == Some(&feature) {
        return Ok(Outcome::message("", format!("{line} (unchanged)")));
    }
    let mut outcome = Outcome::message("", line);
    if known.is_some_and(|known| known.objects != feature.objects) {
        outcome = outcome.note(format!(
            "replaced the former {modality}; seeds and alignments made from it are stale now (SHOW ARTIFACTS)"
        ));
    }
    let old = Entry::Pair(pair.clone());
    let mut entry = pair;
    entry.set_feature(feature);
    let result = format!("{modality} of {}", entry.name);
    let mut batch = Batch::new();
    encoded::claim(&engine.db, &mut batch, &entry.name, modality.as_str(), encoder.as_ref())?;
    commit_with(engine, batch, Some(&old), Entry::Pair(entry), statement, &result, started)?;
    Ok(outcome)
}

/// Commits an entry, provided that the catalogue still holds what it was made from.
pub(crate) fn commit(
    engine: &Engine,
    old: Option<&Entry>,
    entry: Entry,
    statement: String,
    result: &str,
    started: std::time::Instant,
) -> Result<()> {
    commit_with(engine, Batch::new(), old, entry, statement, result, started)
}

/// The same, with what else is to be changed.
fn commit_with(
    engine: &Engine,
    mut batch: Batch,
    old: Option<&Entry>,
    entry: Entry,
    statement: String,
    result: &str,
    started: std::time::Instant,
) -> Result<()> {
    catalog::expect(&mut batch, entry.name(), old)?;
    let seconds = started.elapsed().as_secs_f64();
    let logged = Logged { statement, result: result.to_string(), at: now(), seconds };
    catalog::put(&mut batch, &entry, &logged)?;
    engine.db.commit(batch)
}

pub(super) fn pair_line(entry: &PairEntry, fresh: bool) -> String {
    let links = match &entry.links {
        Some(links) => format!("{} reference links", links.count),
        None => "no reference links".to_string(),
    };
    let note = if fresh { "" } else { " (unchanged)" };
    format!("pair {} with {links}{note}", entry.name)
}

pub(super) fn pair_counts(entry: &PairEntry) -> Rows {
    let columns = vec![
        Column::new("side", ColumnKind::Text),
        Column::new("entities", ColumnKind::Int),
        Column::new("relations", ColumnKind::Int),
        Column::new("triples", ColumnKind::Int),
        Column::new("attributes", ColumnKind::Int),
        Column::new("attribute_triples", ColumnKind::Int),
    ];
    let row = |(side, graph): (&str, &GraphEntry)| -> Vec<Value> {
        vec![
            side.into(),
            graph.entities.into(),
            graph.relations.into(),
            graph.triples.into(),
            graph.attributes.into(),
            graph.attribute_triples.into(),
        ]
    };
    Rows::ready(columns, ["left", "right"].into_iter().zip(&entry.graphs).map(row).collect())
}

fn report_notes(report: &ImportReport) -> Vec<String> {
    let mut notes: Vec<String> = report.lints.iter().map(|lint| lint.to_string()).collect();
    notes.extend(report.skipped.note());
    notes.extend(report.notes.iter().cloned());
    notes
}
