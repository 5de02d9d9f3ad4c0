//! Reading a dump into a store: everything is written where nothing names it, then named in one commit.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::manifest::{ArtifactPart, Manifest, ObjectKind, ObjectPart, PairPart};
use super::rows::{FigureRow, JournalRow};
use super::{Sizes, objects, sizes, state};
use crate::error::{Code, Error, Result};
use crate::features::StoredFeature;
use crate::formats::dump::{Folder, read_edits, read_graph, read_links, read_verdicts};
use crate::kg::{self, Side, Verdicts};
use crate::ops::artifact::{self, ArtifactRow, DroppedRow, UnmatchedRow};
use crate::ops::bench;
use crate::ops::catalog::{self, ArtifactEntry, ArtifactKind, Entry, FeatureEntry, GraphEntry, PairEntry};
use crate::ops::engine::{Context, Engine};
use crate::ops::import::save_links;
use crate::ops::maintain::count;
use crate::ops::make::whole_digest;
use crate::ops::rows::Outcome;
use crate::ops::runs::{self, Run};
use crate::store::{Batch, Digest};

/// `LOAD FROM 'dir'`.
///
/// # Errors
/// [`Code::NameTaken`] where the store has something of a name that the dump has; what is wrong with a
/// dump is told by file and line. The store is then as it was.
pub(crate) fn load(engine: &Engine, from: &Path, context: &Context) -> Result<Outcome> {
    let (db, task) = (&engine.db, context.task);
    let dump = Folder::new(from, task);
    let manifest = Manifest::read(&dump, from)?;
    let loader = Loader { engine, dump: dump.listing(manifest.files), from, context };
    let mut batch = Batch::new();
    let mut names = BTreeSet::new();
    let entries = manifest.pairs.iter().map(|part| &part.entry.name);
    for name in entries.chain(manifest.artifacts.iter().map(|part| &part.entry.name)) {
        if !names.insert(name.clone()) {
            return Err(loader.wrong(format!("it has two things of the name `{name}`")));
        }
        if let Some(known) = catalog::find(db, name)? {
            let message = format!("the store has something of the name `{name}` already ({})", known.kind());
            return Err(Error::new(Code::NameTaken, message)
                .help(format!("LOAD into an empty store, or DROP {name} first"))
                .path(from));
        }
        catalog::expect(&mut batch, name, None)?;
    }
    task.phase("loading objects", Some(manifest.objects.len() as u64));
    for (part, done) in manifest.objects.iter().zip(1..) {
        objects::read(db, &loader.dump, part)?;
        task.advance(done);
    }
    let objects = manifest.objects.iter().map(|part| (part.digest, part)).collect();
    task.phase("loading pairs", Some(manifest.pairs.len() as u64));
    let mut pairs = BTreeMap::new();
    for (part, done) in manifest.pairs.iter().zip(1..) {
        let entry = loader.pair(part, &objects, &mut batch)?;
        pairs.insert(entry.name.clone(), sizes(&entry));
        catalog::restore(&mut batch, &Entry::Pair(entry))?;
        task.advance(done);
    }
    for part in &manifest.artifacts {
        let Some(sizes) = pairs.get(&part.entry.pair) else {
            let message =
                format!("`{}` is of the pair `{}`, which it has not", part.entry.name, part.entry.pair);
            return Err(loader.wrong(message));
        };
        let entry = loader.artifact(part, &objects, *sizes)?;
        catalog::restore(&mut batch, &Entry::Artifact(entry))?;
    }
    for run in manifest.runs {
        let of_training = [ObjectKind::TrainState, ObjectKind::TuneState];
        let state = objects.get(&run.state).filter(|part| run.finished && of_training.contains(&part.kind));
        let Some(state) = state else {
            return Err(loader.wrong(format!("the training of `{}` has no final state", run.name)));
        };
        let curve = state::curve(&loader.dump, &state.folder())?;
        runs::restore(db, &mut batch, &Run { curve, ..run })?;
    }
    let mut figures = Vec::new();
    loader.dump.sheet("figures.tsv", |row: FigureRow| {
        row.gather(&mut figures);
        Ok(())
    })?;
    figures.iter().try_for_each(|(key, run)| bench::restore(db, &mut batch, key, run))?;
    let mut lines = 0;
    loader.dump.sheet("journal.tsv", |row: JournalRow| {
        lines += 1;
        catalog::restore_line(&mut batch, &row.key(), &row.logged)
    })?;
    db.commit(batch)?;
    let what = [
        count(pairs.len(), "pair"),
        count(manifest.artifacts.len(), "artifact"),
        format!("{} of the journal", count(lines, "line")),
    ];
    let mut outcome = Outcome::message("load", format!("{} from {}", what.join(", "), from.display()));
    outcome.notes.extend(manifest.left_out.iter().map(|what| format!("the dump left out: {what}")));
    Ok(outcome)
}

/// The objects of a dump by digest.
type Known<'m> = BTreeMap<[u8; 32], &'m ObjectPart>;

struct Loader<'a> {
    engine: &'a Engine,
    dump: Folder<'a>,
    from: &'a Path,
    context: &'a Context<'a>,
}

impl Loader<'_> {
    /// The error for a manifest that does not agree with itself or with the files.
    fn wrong(&self, what: String) -> Error {
        Error::new(Code::BadValue, format!("the dump does not agree with itself: {what}"))
            .help("copy the dump again; a dump is read as it was written, or not at all")
            .path(self.from)
    }

    /// Stores a pair's graphs and links, and puts its logs into the batch.
    fn pair(&self, part: &PairPart, objects: &Known<'_>, batch: &mut Batch) -> Result<PairEntry> {
        let PairPart { folder, entry } = part;
        let name = &entry.name;
        let [left, right] = Side::BOTH.map(|side| self.graph(folder, entry, side, batch));
        let graphs = [left?, right?];
        let sizes = (graphs[0].entities as usize, graphs[1].entities as usize);
        let links = read_links(&self.dump, &format!("{folder}/links.tsv"), sizes)?;
        let log = read_verdicts(&self.dump, &format!("{folder}/verdicts.tsv"), sizes)?;
        kg::log_verdicts(batch, name, &log)?;
        let loaded = PairEntry { graphs, links: save_links(self.engine, &links)?, ..entry.clone() };
        if !same_links(&loaded, entry) {
            return Err(self.wrong(format!("the links of `{name}` are not those of the manifest")));
        }
        let digest = Verdicts::of(&log, |_, _| true).digest();
        let said = entry.verdicts.as_ref().map(|verdicts| (verdicts.logged, verdicts.digest));
        if said != (!log.is_empty()).then_some((log.len() as u64, digest)) {
            return Err(self.wrong(format!("the verdicts on `{name}` are not those of the manifest")));
        }
        if !entry.features.is_sorted_by(|a, b| a.modality < b.modality) {
            return Err(self.wrong(format!("the modalities of `{name}` are not in order")));
        }
        for feature in &entry.features {
            self.feature(name, feature, objects, sizes)?;
        }
        Ok(loaded)
    }

    /// Stores a graph as it was brought, and puts the edits since into the batch.
    fn graph(&self, folder: &str, pair: &PairEntry, side: Side, batch: &mut Batch) -> Result<GraphEntry> {
        let folder = format!("{folder}/{}", side.as_str());
        let mut graph = read_graph(&self.dump, &folder)?;
        let before = kg::digest_graph(&graph);
        let edits = read_edits(&self.dump, &folder, before)?;
        let space = kg::save_graph(&self.engine.db, &graph, self.context.task)?;
        let foreign = || self.wrong(format!("an edit of {folder} does not fit the graph"));
        for edit in &edits {
            edit.delta.apply(&mut graph).map_err(|_| foreign())?;
            kg::log_edit(batch, space, edit)?;
        }
        let entry = GraphEntry {
            digest: edits.last().map_or(before, |last| last.after).0,
            edits: edits.len() as u64,
            ..GraphEntry::of(space, before.0, &graph)
        };
        let (wanted, name) = (pair.graph(side), &pair.name);
        let versions = edits.last().is_none_or(|last| last.version <= pair.version);
        if (GraphEntry { space: wanted.space, ..entry.clone() }) != *wanted || !versions {
            let message = format!("the {} graph of `{name}` is not that of the manifest", side.as_str());
            return Err(self.wrong(message));
        }
        graph.check_ids().map_err(|_| foreign())?;
        Ok(entry)
    }

    /// Whether a modality's matrices are there and fit the graphs and the entry.
    fn feature(&self, pair: &str, feature: &FeatureEntry, objects: &Known<'_>, sizes: Sizes) -> Result<()> {
        let kind = if feature.sparse { ObjectKind::SparseMatrix } else { ObjectKind::DenseMatrix };
        for (side, entities) in [(0, sizes.0), (1, sizes.1)] {
            let digest = &feature.objects[side];
            let fits =
                objects.get(digest).is_some_and(|part| part.kind == kind && part.cols == Some(feature.cols));
            if !fits {
                let message = format!("the matrices of `{pair}.{}` are not there", feature.modality);
                return Err(self.wrong(message));
            }
            let stored = StoredFeature::load(&self.engine.db, &Digest(*digest))?;
            let present = stored.view().present;
            if present.len() > entities || present.count() as u64 != feature.present[side] {
                let message = format!("the matrices of `{pair}.{}` do not fit its graphs", feature.modality);
                return Err(self.wrong(message));
            }
        }
        Ok(())
    }

    /// Stores an artifact's rows, which must have the digest that it had.
    fn artifact(&self, part: &ArtifactPart, objects: &Known<'_>, sizes: Sizes) -> Result<ArtifactEntry> {
        let ArtifactPart { folder, entry } = part;
        let (name, dump) = (&entry.name, &self.dump);
        if entry.kind == ArtifactKind::Index {
            return Err(self.wrong(format!("`{name}` is an index, which no dump has")));
        }
        let missing = entry.objects.iter().find(|(_, digest)| !objects.contains_key(digest));
        if let Some((object, _)) = missing {
            return Err(self.wrong(format!("the object `{object}` of `{name}` is not there")));
        }
        let (stages, known) = (entry.stages.len(), entry.modalities.len());
        let mut rows = Vec::new();
        dump.sheet(&format!("{folder}/rows.tsv"), |row: ArtifactRow| {
            fits(&row, sizes, stages, known)?;
            rows.push(row);
            Ok(())
        })?;
        let mut dropped = Vec::new();
        dump.sheet(&format!("{folder}/dropped.tsv"), |row: DroppedRow| {
            fits(&row.row, sizes, stages, known)?;
            dropped.push(row);
            Ok(())
        })?;
        let mut unmatched = Vec::new();
        dump.sheet(&format!("{folder}/unmatched.tsv"), |row: UnmatchedRow| {
            let (own, other) = if row.right { (sizes.1, sizes.0) } else { sizes };
            entity(row.entity, own)?;
            row.candidate.map_or(Ok(()), |candidate| entity(candidate, other))?;
            unmatched.push(row);
            Ok(())
        })?;
        let (space, digest) = artifact::save(&self.engine.db, &rows, &dropped, &unmatched)?;
        let counted = (rows.len() as u64, dropped.len() as u64) == (entry.rows, entry.dropped);
        if !counted || whole_digest(digest, &entry.objects).0 != entry.digest {
            return Err(self.wrong(format!("the rows of `{name}` are not those of the manifest")));
        }
        Ok(ArtifactEntry { space: space.0, ..entry.clone() })
    }
}

/// Whether two entries have the same links, wherever those are stored.
fn same_links(a: &PairEntry, b: &PairEntry) -> bool {
    let told = |pair: &PairEntry| pair.links.as_ref().map(|links| (links.digest, links.count, links.splits));
    told(a) == told(b)
}

/// Whether a row names what there is.
fn fits(row: &ArtifactRow, sizes: Sizes, stages: usize, modalities: usize) -> Result<()> {
    entity(row.left, sizes.0)?;
    entity(row.right, sizes.1)?;
    let bad = |message: String| Err(Error::new(Code::BadValue, message));
    if usize::from(row.stage) >= stages {
        return bad(format!("there is no stage {}: there are {stages}, counted from 0", row.stage));
    }
    if row.score.is_nan() {
        return bad("the score is not a number".to_string());
    }
    // The pairs that a model learned from have none.
    if ![0, modalities].contains(&row.modal.len()) {
        return bad(format!("there are {} cosines for {modalities} modalities", row.modal.len()));
    }
    Ok(())
}

fn entity(id: u32, count: usize) -> Result<()> {
    if (id as usize) < count {
        return Ok(());
    }
    let message = format!("there is no entity {id}: there are {count}, counted from 0");
    Err(Error::new(Code::BadValue, message))
}
