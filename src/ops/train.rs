//! `TRAIN meaformer ON p USING s AS m`: an aligner, with checkpoints.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use candle_core::DType;

use super::artifact::ArtifactRow;
use super::catalog::PairEntry;
use super::engine::{Context, Engine, LoadedPair};
use super::maintain::count;
use super::make::{Made, Product, make};
use super::plan::Plan;
use super::rows::{Outcome, Rows};
use super::runs;
use super::seed::stored;
use super::seen::{self, BEGAN, Seen};
use super::settings::Device;
use super::spec::{Lesson, Missing, Request, Train, Variant, Weights};
use crate::error::{Code, Error, Result};
use crate::features::{
    Feature, Matrix, OwnedFeature, Presence, Quantities, StoredFeature, Vocabulary, quantities, save_feature,
};
use crate::kg::{Link, Split};
use crate::models::{
    Embeddings, Inputs, ModalInput, Model, Numbers, Options, TrainState, Trainer, names, tensors,
};
use crate::psqe::Stage;
use crate::rng::Rng;
use crate::store::Db;
use crate::task::Task;
use crate::train::{Embedding, FeaturePair, Grown, Neighbourhoods, Schedule, Shape};

/// Name of the fact that tells which aligner a model is.
pub(crate) const ARCHITECTURE: &str = "aligner";
/// Name of the modality of the joint vectors.
pub(crate) const JOINT: &str = "joint";

/// Trains a model.
pub(crate) fn train(engine: &Engine, spec: &Train, context: &Context) -> Result<Outcome> {
    let plan = Plan::new(engine, &Request::Train(spec.clone()), context)?;
    let product = model(engine, spec, &plan, context)?;
    let entry = &product.entry;
    let line =
        format!("{}: {} trained on {}", entry.name, spec.model.as_str(), count(entry.rows as usize, "pair"))
            + stored(&product);
    let mut outcome = Outcome::message("train", line).with_rows(Rows::facts(&entry.facts));
    outcome.notes = product.notes;
    outcome.notes.extend(plan.notes);
    Ok(outcome)
}

/// The stored model of a plan, or a new one.
pub(crate) fn model(engine: &Engine, spec: &Train, plan: &Plan, context: &Context) -> Result<Product> {
    make(engine, &plan.order, || work(engine, spec, plan, context))
}

fn work(engine: &Engine, spec: &Train, plan: &Plan, context: &Context) -> Result<Made> {
    let (task, seed) = (context.task, plan.order.seed);
    let pair = engine.load_pair(&plan.pair.name, task)?;
    let mut made = Made { missing: Missing::Neutral.as_str().to_string(), ..Made::default() };
    let lessons = learn(engine, spec, plan, &pair)?;
    let seen = seen(engine, &lessons, plan)?;
    keep_pairs(lessons, &mut made);
    let pairs: Vec<(u32, u32)> = made.rows.iter().map(|row| (row.left, row.right)).collect();
    let former = plan.former.as_ref();
    let left_in = former.map(|former| runs::left_in::<TrainState>(&engine.db, former)).transpose()?.flatten();
    let goes_on = left_in.as_ref().and(plan.epochs);
    let mut options = options(&Train { epochs: goes_on.or(spec.epochs), ..spec.clone() }, seed, pairs.len())?;
    if goes_on.is_some() {
        // It goes on from where a rate that fell, or a curriculum, had come to.
        options.schedule = Schedule::default();
        options.momentum_from = 0;
    }
    let inputs = inputs(spec, &plan.modalities, &pair, task)?;
    let mut trainer = Trainer::new(inputs, &pairs, options)?;
    if plan.device != Device::Cpu {
        trainer = trainer.on(&plan.device.open()?, DType::F32)?;
    }
    if let (Some(mut state), Some(former)) = (left_in, former) {
        let there = |(l, r): &(u32, u32)| pair.left.is_alive(*l) && pair.right.is_alive(*r);
        state.found.pairs.retain(there);
        state.found.candidates.retain(there);
        let then = |side: &str| -> Result<usize> {
            let object = former.object(&format!("{JOINT}.{side}"));
            let rows = object.map(|digest| StoredFeature::load(&engine.db, &digest)).transpose()?;
            Ok(rows.map_or(0, |rows| rows.view().present.len()))
        };
        let grown =
            Grown { before: (then("left")?, then("right")?), now: (pair.left.len(), pair.right.len()) };
        trainer.begin(state, grown)?;
        made.facts.push(("goes on from".to_string(), format!("{} as it was trained before", former.name)));
    }
    match (&spec.init, &plan.initial) {
        (Some(path), Some(bytes)) if goes_on.is_none() => {
            let known = tensors::from_bytes(bytes).map_err(|error| error.path(path))?;
            let known = names::import(spec.model, &trainer.modalities(), known);
            trainer.import(&known).map_err(|error| error.path(path))?;
            made.facts.push((BEGAN.to_string(), path.display().to_string()));
        }
        _ => seen::inherit_beginning(plan, &mut made),
    }
    let epochs = goes_on.or(spec.epochs).unwrap_or_default() as u64;
    let parts = trainer.parts();
    let state = runs::run(engine, &plan.order, epochs, &parts, &mut trainer, task)?;
    let best = trainer.restore_best()?;
    made.objects.push((runs::STATE.to_string(), state));
    seen.keep(&engine.db, &mut made)?;
    let curve = trainer.state()?.curve;
    made.facts.push((ARCHITECTURE.to_string(), spec.model.as_str().to_string()));
    made.facts.push(("epochs".to_string(), curve.len().to_string()));
    if let (Some(first), Some(last)) = (curve.first(), curve.last()) {
        let text = format!("{:.4} at first, {:.4} at last", first.total, last.total);
        made.facts.push(("loss".to_string(), text));
    }
    if best {
        made.facts.push(("parameters".to_string(), "those with the lowest held-out loss".to_string()));
    }
    if spec.iterative {
        made.facts.push(("pairs it found itself".to_string(), trainer.found().len().to_string()));
    }
    task.phase("embedding all entities", None);
    keep(&engine.db, &mut made, trainer.embeddings(task)?, pair.left.len())?;
    Ok(made)
}

/// What the key of a training says beside its request where the same request once gave another result, so
/// that all other results stay answered. 2: schedules end with the training (MEAformer), short runs have
/// momentum contrast (PCMEA), log variances are read in their authors' order (MCLEA, PCMEA).
pub(crate) fn revision(model: Model) -> &'static str {
    match model {
        Model::Mclea | Model::Meaformer | Model::Pcmea => " revision=2",
        Model::Eva | Model::Mpsea => "",
    }
}

/// The file of parameters to begin with.
///
/// Fails with [`Code::BadFile`] on what is no ordinary file: a device has no end.
pub(crate) fn initial(path: &Path) -> Result<Vec<u8>> {
    if std::fs::metadata(path).is_ok_and(|known| !known.is_file()) {
        return Err(Error::new(Code::BadFile, "this is no ordinary file").path(path));
    }
    std::fs::read(path).map_err(|cause| Error::io(format!("reading {}", path.display()), cause))
}

/// The pairs of one lesson.
struct Learned {
    pairs: Vec<(u32, u32)>,
    /// Whether they are reference links or verdicts, by which nothing made of them may be judged.
    links: bool,
}

/// What each lesson teaches, in the order in which they are named.
///
/// What people have accepted comes first, and what they bar is not learned.
fn learn(engine: &Engine, spec: &Train, plan: &Plan, pair: &LoadedPair) -> Result<Vec<Learned>> {
    let (mut sources, links) = (plan.sources.iter(), &pair.links);
    let learned = |lesson: &Lesson| {
        Ok(match lesson {
            Lesson::Seeds(_) => match sources.next() {
                Some(source) => {
                    let pairs = super::seed::load_standing(engine, source, pair)?.pairs();
                    Learned { pairs, links: false }
                }
                None => return Err(Error::new(Code::Internal, "a seed set that was not looked up")),
            },
            Lesson::Split(split) => Learned { pairs: of_split(&plan.pair, links, *split)?, links: true },
            Lesson::Share(share) => Learned { pairs: of_share(links, *share, plan.order.seed)?, links: true },
        })
    };
    let mut lessons = vec![Learned { pairs: pair.verdicts.accepted().to_vec(), links: true }];
    lessons.extend(spec.lessons.iter().map(learned).collect::<Result<Vec<_>>>()?);
    let decided = pair.mask();
    lessons.iter_mut().for_each(|lesson| lesson.pairs.retain(|pair| !decided.bars(pair.0, pair.1)));
    Ok(lessons)
}

/// The pairs to learn from as rows: an entity is learned in its first pair only.
fn keep_pairs(lessons: Vec<Learned>, made: &mut Made) {
    let (mut lefts, mut rights) = (HashSet::new(), HashSet::new());
    let stage = made.stage(Stage::Learned.to_string());
    for (left, right) in lessons.into_iter().flat_map(|learned| learned.pairs) {
        if !lefts.contains(&left) && !rights.contains(&right) {
            lefts.insert(left);
            rights.insert(right);
            let (score, margin) = (1.0, f32::NAN);
            made.rows.push(ArtifactRow { left, right, score, margin, stage, modal: Vec::new() });
        }
    }
}

fn of_split(pair: &PairEntry, links: &[Link], split: Split) -> Result<Vec<(u32, u32)>> {
    let links = links.iter().filter(|link| link.split == Some(split));
    let links: Vec<(u32, u32)> = links.map(|link| (link.left, link.right)).collect();
    if !links.is_empty() {
        return Ok(links);
    }
    let name = &pair.name;
    Err(Error::new(Code::MissingData, format!("pair {name} has no links in the {} split", split.as_str()))
        .help("name a seed set, or a share of all links such as split '20%'"))
}

/// So many of the links that are not of the test split, drawn at random.
fn of_share(links: &[Link], share: f64, seed: u64) -> Result<Vec<(u32, u32)>> {
    let may = links.iter().filter(|link| link.split != Some(Split::Test));
    let mut may: Vec<(u32, u32)> = may.map(|link| (link.left, link.right)).collect();
    let wanted = (share * links.len() as f64).round() as usize;
    if wanted > may.len() || wanted == 0 {
        let message =
            format!("{wanted} of {} links are asked for, {} may be learned", links.len(), may.len());
        return Err(Error::new(Code::MissingData, message)
            .help("links of the test split are never learned; import some links, or ask for another share"));
    }
    Rng::stream(seed, "train share of links").shuffle(&mut may);
    may.truncate(wanted);
    Ok(may)
}

/// The reference links that a training has seen when it is done, told before.
pub(crate) fn will_see(engine: &Engine, spec: &Train, plan: &Plan, pair: &LoadedPair) -> Result<Seen> {
    seen(engine, &learn(engine, spec, plan, pair)?, plan)
}

/// What a model has seen that learned these lessons, and what their sources have.
fn seen(engine: &Engine, lessons: &[Learned], plan: &Plan) -> Result<Seen> {
    let links = lessons.iter().filter(|learned| learned.links);
    let from = plan.sources.iter().chain(&plan.former);
    Seen::new(&engine.db, links.flat_map(|learned| learned.pairs.iter().copied()), from)
}

impl Train {
    /// Fails on what cannot be trained, before anything is loaded: parts that the model does not have,
    /// numbers out of range, links that nobody may learn, modalities that bear names of the model's own.
    pub(crate) fn check(&self, modalities: &[String]) -> Result<()> {
        for lesson in &self.lessons {
            match *lesson {
                Lesson::Split(Split::Test) => {
                    return Err(Error::new(
                        Code::Conflict,
                        "a model cannot learn from the links it is judged by",
                    )
                    .help("train on the split train, or on a share of the links"));
                }
                Lesson::Share(share) if !(share > 0.0 && share < 1.0) => {
                    return Err(Error::new(Code::OutOfRange, format!("{share} is no share of the links"))
                        .help("a share lies between 0 and 1: what is left is to judge by"));
                }
                _ => {}
            }
        }
        // The last two would have parameters of the model's own names.
        let own = [JOINT, "structure", "fusion", "policy"];
        if let Some(name) = modalities.iter().find(|name| own.contains(&name.as_str())) {
            return Err(Error::new(
                Code::Conflict,
                format!("the modality {name} has the name of what a model makes"),
            )
            .help(format!(
                "leave it out by naming the others in weights(…), or import it under another name than {name}"
            )));
        }
        if self.weights == Weights::Named(Vec::new()) {
            return Err(
                Error::new(Code::OutOfRange, "all weights are zero").help("name a modality to train on")
            );
        }
        for part in &self.without {
            let parts = Options::parts(self.model);
            if !parts.contains(&part.as_str()) && !modalities.contains(part) {
                let known = parts.iter().copied().chain(modalities.iter().map(String::as_str));
                let message = format!("{} has no part `{part}`", self.model.as_str());
                return Err(Error::new(Code::UnknownName, message)
                    .help(format!("it has {}", known.collect::<Vec<_>>().join(", "))));
            }
        }
        options(self, 0, 1)?.check()
    }

    /// The same with the model's settings where none were given.
    pub(crate) fn filled(mut self) -> Self {
        let model = Options::of(self.model);
        // As people write them: the default and the same value written out are one request.
        let written = |x: f32| x.to_string().parse().unwrap_or(f64::from(x));
        self.epochs.get_or_insert(model.epochs as usize);
        self.lr.get_or_insert(written(model.rate));
        self.batch.get_or_insert(model.batch);
        self.dims.get_or_insert(model.width);
        if self.model != Model::Eva {
            self.temperature.get_or_insert(written(model.tau));
        }
        self.without.iter_mut().for_each(|part| *part = part.to_lowercase());
        self.without.sort_unstable();
        self.without.dedup();
        if self.variant != Variant::Reference {
            self.variant = Variant::Paper;
        }
        self
    }
}

/// Fails with [`Code::Conflict`] on a temperature where there is none.
fn options(spec: &Train, seed: u64, pairs: usize) -> Result<Options> {
    let published = Options::of(spec.model);
    let spec = spec.clone().filled();
    if spec.model == Model::Eva && spec.temperature.is_some() {
        return Err(Error::new(Code::Conflict, "eva has no temperature").help("leave temperature= out"));
    }
    let (epochs, batch) = (spec.epochs.unwrap_or_default() as u64, spec.batch.unwrap_or_default());
    let dims = spec.dims.unwrap_or_default();
    let mut options = Options {
        variant: if spec.variant == Variant::Reference { Variant::Reference } else { Variant::Paper },
        epochs,
        rate: spec.lr.unwrap_or_default() as f32,
        batch,
        width: dims,
        hidden: if dims == published.width { published.hidden } else { dims },
        tau: spec.temperature.map_or(published.tau, |tau| tau as f32),
        seed,
        // As many heads as published, or the next fewer that the width can be cut into.
        fusion_heads: (1..=published.fusion_heads).rev().find(|h| dims.is_multiple_of(*h)).unwrap_or(1),
        patience: spec.patience.map(|patience| patience.try_into().unwrap_or(u32::MAX)),
        ..published
    };
    if let Shape::Cosine { total, .. } = &mut options.schedule.shape {
        *total = epochs * pairs.div_ceil(batch.max(1)).max(1) as u64;
    }
    options.momentum_from = options.momentum_within(epochs);
    if spec.iterative {
        options.iterate = Some(options.iterate_within(epochs));
    }
    for part in &spec.without {
        options.leave_out(part);
    }
    Ok(options)
}

/// Both sides of a modality, mapped.
struct Held(StoredFeature, StoredFeature);

impl FeaturePair for Held {
    fn left(&self) -> Feature<'_> {
        self.0.view()
    }

    fn right(&self) -> Feature<'_> {
        self.1.view()
    }
}

fn inputs(spec: &Train, modalities: &[String], pair: &LoadedPair, task: &Task) -> Result<Inputs> {
    let graph =
        Neighbourhoods::new(&pair.left.triples, pair.left.len(), &pair.right.triples, pair.right.len())?;
    let wanted = |name: &str| modalities.iter().any(|m| m == name) && !spec.without.iter().any(|w| w == name);
    let given = pair.features.iter().filter(|(modality, ..)| wanted(modality.as_str()));
    let modal = |(modality, left, right): &(_, StoredFeature, StoredFeature)| ModalInput {
        name: crate::features::Modality::to_string(modality),
        features: Arc::new(Held(left.clone(), right.clone())),
    };
    let mut inputs = Inputs {
        graph: Arc::new(graph),
        split: pair.left.len(),
        modalities: given.map(modal).collect(),
        numbers: None,
        decided: pair.mask(),
        deleted: [pair.left.deleted.clone(), pair.right.deleted.clone()],
    };
    let named = matches!(spec.weights, Weights::Named(_)) && !wanted("numeric");
    if spec.model == Model::Mpsea && !named && !spec.without.iter().any(|part| part == "numeric") {
        let (values, count) = quantities(&pair.left, &pair.right, Vocabulary::default(), task)?;
        if count > 0 {
            inputs.modalities.retain(|modality| modality.name != "numeric");
            inputs.numbers = Some(Arc::new(numbers(values, count, [pair.left.len(), pair.right.len()])));
        }
    }
    Ok(inputs)
}

/// Values of both sides, row by row.
fn numbers(values: [Quantities; 2], count: usize, rows: [usize; 2]) -> Numbers {
    let mut numbers = Numbers { indptr: vec![0], count, ..Numbers::default() };
    for (values, rows) in values.iter().zip(rows) {
        let mut groups = values.chunk_by(|a, b| a.0 == b.0).peekable();
        for row in 0..rows as u32 {
            for &(_, attribute, value) in groups.next_if(|group| group[0].0 == row).unwrap_or_default() {
                numbers.attributes.push(attribute);
                numbers.values.push(value);
            }
            numbers.indptr.push(numbers.values.len() as u32);
        }
    }
    numbers
}

/// Stores the vectors: joint ones, which weigh 1, and those of each modality, which weigh nothing and tell
/// why a pair is alike.
fn keep(db: &Db, made: &mut Made, embeddings: Embeddings, split: usize) -> Result<()> {
    let Embeddings { mut joint, modalities, weights } = embeddings;
    joint.name = JOINT.to_string();
    let (names, rows) = (modalities.len(), joint.values.len() / joint.width.max(1));
    let there = |at: usize, range: std::ops::Range<usize>| {
        let mut there = Presence::filled(range.len(), false);
        range.clone().for_each(|row| there.set(row - range.start, weights[row * names + at] > 0.0));
        there
    };
    for (at, modality) in modalities.iter().enumerate() {
        let mut sums = (0.0, 0usize);
        for row in (0..rows).filter(|row| weights[row * names + at] > 0.0) {
            sums = (sums.0 + f64::from(weights[row * names + at]).powi(2), sums.1 + 1);
        }
        let fact = format!("{:.4} of {} entities", sums.0 / sums.1.max(1) as f64, sums.1);
        made.facts.push((format!("mean share of {}", modality.name), fact));
    }
    let all = |range: std::ops::Range<usize>| Presence::filled(range.len(), true);
    let mut put = |embedding: Embedding, present: [Presence; 2], weight: f32| -> Result<()> {
        let Embedding { name, values: mut left, width: cols } = embedding;
        let right = left.split_off(split * cols);
        for (side, (data, present)) in
            ["left", "right"].into_iter().zip([left, right].into_iter().zip(present))
        {
            let digest = save_feature(db, OwnedFeature { rows: Matrix::Dense { data, cols }, present })?;
            made.objects.push((format!("{name}.{side}"), digest.0));
        }
        made.modalities.push(name);
        made.weights.push(weight);
        Ok(())
    };
    put(joint, [all(0..split), all(split..rows)], 1.0)?;
    for (at, modality) in modalities.into_iter().enumerate() {
        put(modality, [there(at, 0..split), there(at, split..rows)], 0.0)?;
    }
    for row in &mut made.rows {
        row.modal = vec![f32::NAN; made.modalities.len()];
    }
    Ok(())
}
