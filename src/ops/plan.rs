//! A statement that makes an artifact, before any work: what it reads is known, and so is its key.
//!
//! Doing it and explaining it begin alike, here. Nothing large of the store is read, so that a stored result
//! is given back at once.

use std::fmt::Write as _;

use super::basis;
use super::canonical::canonical;
use super::catalog::{self, ArtifactEntry, ArtifactKind, Entry, Input, PairEntry};
use super::engine::{Context, Engine, LoadedPair};
use super::lineage::{self, Arithmetic};
use super::make::Order;
use super::runs;
use super::seed::{self, CENTRES};
use super::settings::{Device, Settings};
use super::spec::{Dtype, Lesson, Missing, Request, SeedMethod, Train, Variant, Weights};
use super::train::{initial, revision};
use crate::error::{Code, Error, Result};
use crate::features::{Modality, StoredFeature};
use crate::psqe::SeedSet;
use crate::store::Digest;

/// What a statement needs before it can start.
pub(crate) struct Plan {
    /// What is to be made, from what, under which key.
    pub order: Order,
    /// The pair it belongs to.
    pub pair: PairEntry,
    /// The modalities it looks at.
    pub modalities: Vec<String>,
    /// The seed sets or the model it starts from, where it does.
    pub sources: Vec<ArtifactEntry>,
    /// The model whose embeddings it uses, where it does.
    pub model: Option<ArtifactEntry>,
    /// The file of parameters that it begins with, where it does.
    pub initial: Option<Vec<u8>>,
    /// What is refreshed, where something is: what was settled for it stays so.
    pub former: Option<ArtifactEntry>,
    /// Epochs that a training which is refreshed goes on for.
    pub epochs: Option<usize>,
    /// Where it runs.
    pub device: Device,
    /// What the user should know of that.
    pub notes: Vec<String>,
}

/// What tells statements apart that make artifacts.
struct Outline {
    kind: ArtifactKind,
    sources: Vec<ArtifactEntry>,
    model: Option<ArtifactEntry>,
    pair: String,
    weights: Weights,
    /// Whether the triples of the graphs take part.
    graphs: bool,
    /// Whether reference links take part.
    links: bool,
    /// Whether the embeddings of the model take the place of the features.
    embeddings: bool,
}

impl Plan {
    /// Looks up what the request names; loads no rows. Fails on unknown names, and on requests that make
    /// no artifact.
    pub fn new(engine: &Engine, request: &Request, context: &Context) -> Result<Plan> {
        let (mut request, seed) = request.seeded(context.settings.seed);
        let (device, arithmetic, mut notes) = request.placed(context.settings)?;
        let outline = Outline::of(engine, &request)?;
        let pair = catalog::pair(&engine.db, &outline.pair)?;
        if let Request::Seed(spec) = &request
            && let SeedMethod::Pivots(modality) = &spec.method
        {
            pair.check_modality(modality)?;
        }
        let mut modalities = outline.modalities(&pair)?;
        let mut whole = true;
        if let Request::Train(spec) = &request {
            spec.check(&modalities)?;
            modalities.retain(|modality| !spec.without.contains(modality));
            whole = spec.without.is_empty();
        }
        let mut inputs: Vec<_> =
            outline.sources.iter().chain(&outline.model).map(lineage::artifact_input).collect();
        // Where a model is the source, it is named once.
        inputs.dedup();
        if !outline.embeddings {
            inputs.extend(match whole {
                true => pair.inputs(&outline.weights, &modalities),
                // What is left out does not matter, nor what comes to be.
                false => lineage::feature_inputs(&pair, &modalities),
            });
        }
        if outline.graphs {
            inputs.push(lineage::graphs_input(&pair));
        }
        if outline.links {
            inputs.push(lineage::links_input(&pair));
        }
        inputs.push(lineage::entities_input(&pair));
        inputs.push(lineage::verdicts_input(&pair));
        let mut recipe = canonical(&request.unnamed());
        if let Request::Train(Train { model, .. }) = &request {
            recipe += revision(*model);
        }
        let mut begun = None;
        if let Request::Train(Train { init: Some(path), .. }) = &request {
            // The bytes of the file decide, wherever it lies.
            let bytes = begun.insert(initial(path)?);
            let _ = write!(recipe, " init={}", Digest::of(bytes));
            notes.push(format!(
                "which links the parameters of {} have learned is not known: EVALUATE judges by those too",
                path.display()
            ));
        }
        let former = context.former;
        let epochs = former.and_then(|_| context.epochs.or_else(|| request.epochs_of_refresh()));
        if let Some(former) = former {
            recipe += &settled(former, &request, &modalities, epochs);
        }
        let order = Order {
            version: pair.version,
            name: request.name().to_string(),
            pair: outline.pair,
            kind: outline.kind,
            statement: canonical(&request),
            recipe,
            inputs,
            seed,
            arithmetic,
        };
        order.check_name(&engine.db)?;
        let Outline { sources, model, .. } = outline;
        let former = former.cloned();
        Ok(Plan { order, pair, modalities, sources, model, initial: begun, former, epochs, device, notes })
    }

    /// The centres that clustering begins with, where an earlier result is refreshed.
    pub fn centres(&self, engine: &Engine) -> Result<Option<StoredFeature>> {
        let centres = self.former.as_ref().and_then(|former| former.object(CENTRES));
        centres.map(|digest| StoredFeature::load(&engine.db, &digest)).transpose()
    }

    /// What stands of the seeds it starts from.
    pub fn seeds(&self, engine: &Engine, pair: &LoadedPair) -> Result<SeedSet> {
        match self.sources.first() {
            Some(source) => seed::load_standing(engine, source, pair),
            None => Err(Error::new(Code::Internal, "the statement starts from no seeds")),
        }
    }
}

/// What was settled for an earlier result and stays so, for the key.
fn settled(
    former: &ArtifactEntry,
    request: &Request,
    modalities: &[String],
    epochs: Option<usize>,
) -> String {
    let mut text = String::new();
    let weights = match request {
        Request::Seed(spec) if !matches!(spec.method, SeedMethod::Pivots(_)) => Some(&spec.weights),
        Request::Correct(spec) => Some(&spec.weights),
        Request::Expand(spec) => Some(&spec.weights),
        Request::Align(spec) if spec.model.is_none() => Some(&spec.weights),
        Request::CreateIndex(spec) => Some(&spec.weights),
        _ => None,
    };
    if weights == Some(&Weights::Auto)
        && let Some(weights) = former.settled_weights(modalities)
    {
        let bits: Vec<String> = weights.iter().map(|weight| format!("{:08x}", weight.to_bits())).collect();
        let _ = write!(text, " settled weights={}", bits.join(","));
    }
    if let Request::Tune(_) | Request::Train(_) = request
        && let (Some(state), Some(epochs)) = (former.object(runs::STATE), epochs)
    {
        let _ = write!(text, " begun by={state} epochs={epochs}");
    }
    if let Some(centres) = former.object(CENTRES) {
        let _ = write!(text, " settled centres={centres}");
    }
    text
}

impl Outline {
    fn of(engine: &Engine, request: &Request) -> Result<Outline> {
        let artifact = |name: &str, kind| catalog::artifact(&engine.db, name, Some(kind));
        let seeds = |name: &str| artifact(name, ArtifactKind::Seeds);
        let of_pair = |kind, pair: &str, weights: &Weights| Outline {
            kind,
            sources: Vec::new(),
            model: None,
            pair: pair.to_string(),
            weights: weights.clone(),
            graphs: false,
            links: false,
            embeddings: false,
        };
        let of = |kind, source: ArtifactEntry, weights: &Weights| Outline {
            sources: vec![source.clone()],
            ..of_pair(kind, &source.pair, weights)
        };
        Ok(match request {
            Request::Seed(spec) => match &spec.method {
                // Pivots are chosen by one modality, but bear the scores of all.
                SeedMethod::Pivots(_) => of_pair(ArtifactKind::Seeds, &spec.from, &Weights::Equal),
                SeedMethod::Cluster { .. } => of_pair(ArtifactKind::Seeds, &spec.from, &spec.weights),
                SeedMethod::Global { variant } => {
                    let source = catalog::with_rows(&engine.db, &spec.from)?;
                    if source.kind == ArtifactKind::Alignment {
                        seeds(&spec.from)?;
                    }
                    let model = (source.kind == ArtifactKind::Model).then(|| source.clone());
                    let graphs = *variant == Variant::Seedbed;
                    let outline = of(ArtifactKind::Seeds, source, &spec.weights);
                    Outline { graphs, embeddings: model.is_some(), model, ..outline }
                }
            },
            Request::Tune(spec) => {
                let outline = of(ArtifactKind::Model, seeds(&spec.seeds)?, &spec.weights.chosen());
                Outline { graphs: true, ..outline }
            }
            Request::Train(spec) => {
                catalog::pair(&engine.db, &spec.pair)?;
                let mut sources = Vec::new();
                for lesson in &spec.lessons {
                    if let Lesson::Seeds(name) = lesson {
                        sources.push(seeds(name)?.of_pair(&spec.pair)?);
                    }
                }
                let links = spec.lessons.iter().any(|lesson| !matches!(lesson, Lesson::Seeds(_)));
                let outline = of_pair(ArtifactKind::Model, &spec.pair, &spec.weights.chosen());
                Outline { sources, links, graphs: true, ..outline }
            }
            Request::Correct(spec) => {
                let graphs = spec.variant == Variant::Seedbed;
                Outline { graphs, ..of(ArtifactKind::Seeds, seeds(&spec.seeds)?, &spec.weights) }
            }
            Request::Expand(spec) => {
                let model =
                    spec.model.as_deref().map(|name| artifact(name, ArtifactKind::Model)).transpose()?;
                if let (Some(model), Variant::Seedbed) = (&model, spec.variant) {
                    let message = format!("variant=seedbed does not look at the model `{}`", model.name);
                    return Err(Error::new(Code::Conflict, message)
                        .help("leave out USING, or take variant=paper or variant=reference"));
                }
                let source = seeds(&spec.seeds)?;
                let model = model.map(|model| model.of_pair(&source.pair)).transpose()?;
                Outline { model, graphs: true, ..of(ArtifactKind::Seeds, source, &spec.weights) }
            }
            Request::Align(spec) => {
                if let Some((_, error)) = spec.nonsense() {
                    return Err(error);
                }
                let model =
                    spec.model.as_deref().map(|name| artifact(name, ArtifactKind::Model)).transpose()?;
                let model = model.map(|model| model.of_pair(&spec.pair)).transpose()?;
                let outline = of_pair(ArtifactKind::Alignment, &spec.pair, &spec.weights);
                Outline { embeddings: model.is_some(), model, ..outline }
            }
            Request::CreateIndex(spec) => match catalog::find(&engine.db, &spec.on)? {
                Some(Entry::Artifact(_)) => {
                    let source = catalog::with_rows(&engine.db, &spec.on)?;
                    let outline = of_pair(ArtifactKind::Index, &source.pair, &spec.weights);
                    match source.kind {
                        ArtifactKind::Model => Outline { embeddings: true, model: Some(source), ..outline },
                        ArtifactKind::Alignment if spec.weights == Weights::Auto => {
                            let weights = Weights::Named(basis::named(&source)?);
                            Outline { embeddings: source.is_held(), weights, model: Some(source), ..outline }
                        }
                        ArtifactKind::Alignment => {
                            let message = format!("alignment `{}` brings weights of its own", spec.on);
                            return Err(Error::new(Code::Conflict, message).help("leave out weights"));
                        }
                        ArtifactKind::Seeds | ArtifactKind::Index => {
                            let message =
                                format!("`{}` is {} and has no embeddings", spec.on, source.kind.as_str());
                            return Err(Error::new(Code::WrongType, message)
                                .help("index a pair, a model or an alignment"));
                        }
                    }
                }
                _ => of_pair(ArtifactKind::Index, &spec.on, &spec.weights),
            },
            _ => return Err(Error::new(Code::Internal, "the statement makes no artifact")),
        })
    }
}

impl Outline {
    /// The modalities it looks at: of the pair, and of the model where there is one.
    fn modalities(&self, pair: &PairEntry) -> Result<Vec<String>> {
        let Some(model) = &self.model else { return pair.wanted(&self.weights) };
        let embedded = model.embedded(&self.weights)?;
        if self.embeddings {
            return Ok(embedded);
        }
        let mut wanted = pair.wanted(&self.weights)?;
        wanted.retain(|modality| embedded.contains(modality));
        Ok(wanted)
    }
}

impl ArtifactEntry {
    /// The artifact, if it is of this pair.
    pub fn of_pair(self, pair: &str) -> Result<Self> {
        if self.pair == pair {
            return Ok(self);
        }
        let message = format!("`{}` is of the pair `{}`, not of `{pair}`", self.name, self.pair);
        Err(Error::new(Code::Conflict, message).help("what works together must be of the same pair"))
    }

    /// The embeddings of a model that weights ask for: those named, else all.
    ///
    /// Fails with [`Code::UnknownName`] if weights name one that it has not.
    pub fn embedded(&self, weights: &Weights) -> Result<Vec<String>> {
        let Weights::Named(named) = weights else { return Ok(self.modalities.clone()) };
        let named: Vec<String> = named.iter().map(|(modality, _)| modality.to_string()).collect();
        match named.iter().find(|modality| !self.modalities.contains(modality)) {
            None => Ok(named),
            Some(lacking) => {
                let message = format!("model `{}` has no embedding of {lacking}", self.name);
                Err(Error::new(Code::UnknownName, message)
                    .help(format!("it has {}", self.modalities.join(", "))))
            }
        }
    }
}

impl Request {
    /// The name of the artifact it makes; empty where it makes none.
    fn name(&self) -> &str {
        match self {
            Request::Seed(spec) => &spec.name,
            Request::Tune(spec) => &spec.name,
            Request::Train(spec) => &spec.name,
            Request::Correct(spec) => &spec.name,
            Request::Expand(spec) => &spec.name,
            Request::Align(spec) => &spec.name,
            Request::CreateIndex(spec) => &spec.name,
            _ => "",
        }
    }

    /// Epochs that a training goes on for when it is refreshed, unless told otherwise: a fifteenth of its own.
    fn epochs_of_refresh(&self) -> Option<usize> {
        let own = match self {
            Request::Tune(spec) => spec.epochs,
            Request::Train(spec) => spec.epochs?,
            _ => return None,
        };
        Some((own / 15).max(1))
    }

    /// Gives what it makes another name.
    pub(crate) fn rename(&mut self, to: &str) {
        let name = match self {
            Request::Seed(spec) => &mut spec.name,
            Request::Tune(spec) => &mut spec.name,
            Request::Train(spec) => &mut spec.name,
            Request::Correct(spec) => &mut spec.name,
            Request::Expand(spec) => &mut spec.name,
            Request::Align(spec) => &mut spec.name,
            Request::CreateIndex(spec) => &mut spec.name,
            _ => return,
        };
        *name = to.to_string();
    }

    /// The same without the names of its result and of what it starts from: they do not change what is
    /// named, and digests tell the inputs.
    fn unnamed(&self) -> Request {
        let mut request = self.clone();
        match &mut request {
            Request::Seed(spec) => {
                spec.name.clear();
                if let SeedMethod::Global { .. } = spec.method {
                    spec.from.clear();
                }
            }
            // The key has the device's class; which one of a class does not matter.
            Request::Tune(spec) => {
                (spec.name, spec.seeds, spec.device) = Default::default();
                // Which modalities are tuned matters, not how much they weigh.
                spec.weights = spec.weights.chosen();
            }
            Request::Train(spec) => {
                (spec.name, spec.device, spec.init) = Default::default();
                spec.weights = spec.weights.chosen();
                for lesson in &mut spec.lessons {
                    if let Lesson::Seeds(name) = lesson {
                        name.clear();
                    }
                }
            }
            Request::Correct(spec) => (spec.name, spec.seeds) = (String::new(), String::new()),
            Request::Expand(spec) => {
                (spec.name, spec.seeds) = Default::default();
                spec.model = spec.model.take().map(|_| String::new());
            }
            Request::Align(spec) => {
                spec.name.clear();
                if spec.model.take().is_some() {
                    // Embeddings have their own rule for missing rows, and nothing is drawn.
                    (spec.missing, spec.seed) = (Missing::Neutral, Some(0));
                    spec.model = Some(String::new());
                }
            }
            Request::CreateIndex(spec) => (spec.name, spec.on) = Default::default(),
            _ => {}
        }
        request
    }

    /// Fills in the device, and gives it with what numbers are made by and what to tell of the choice.
    /// All but tuning and training runs on the CPU.
    ///
    /// Fails with [`Code::Unsupported`] on a device that is not there, [`Code::Conflict`] on a type that
    /// it does not compute in.
    fn placed(&mut self, settings: &Settings) -> Result<(Device, Arithmetic, Vec<String>)> {
        let (asked, dtype) = match self {
            Request::Tune(spec) => (&mut spec.device, spec.dtype),
            Request::Train(spec) => (&mut spec.device, Dtype::F32),
            _ => return Ok((Device::Cpu, Arithmetic::Cpu, Vec::new())),
        };
        let device = if asked.is_empty() { settings.device } else { Device::resolve(asked)? };
        let notes = device.choice(asked).into_iter().collect();
        *asked = device.to_string();
        let arithmetic = match (device, dtype) {
            (Device::Cuda(_), dtype) => Arithmetic::Cuda(dtype),
            (Device::Cpu, Dtype::F32) => Arithmetic::Cpu,
            (Device::Cpu, Dtype::Bf16) => {
                return Err(Error::new(
                    Code::Conflict,
                    "dtype=bf16 needs a GPU, and this would run on the cpu",
                )
                .help("add device='cuda:0', or leave dtype=f32"));
            }
        };
        Ok((device, arithmetic, notes))
    }

    /// The same with its random seed, and a model's own settings, filled in; and that seed.
    fn seeded(&self, default: u64) -> (Request, u64) {
        let mut request = self.clone();
        let seed = match &mut request {
            Request::Seed(spec) => &mut spec.seed,
            Request::Tune(spec) => &mut spec.seed,
            Request::Train(spec) => {
                *spec = spec.clone().filled();
                &mut spec.seed
            }
            Request::Correct(spec) => &mut spec.seed,
            Request::Expand(spec) => &mut spec.seed,
            Request::Align(spec) => &mut spec.seed,
            _ => return (request, default),
        };
        let seed = *seed.get_or_insert(default);
        (request, seed)
    }
}

impl PairEntry {
    /// The modalities as inputs: those named, or all there are.
    pub fn inputs(&self, weights: &Weights, modalities: &[String]) -> Vec<Input> {
        match weights {
            Weights::Named(_) => lineage::feature_inputs(self, modalities),
            Weights::Auto | Weights::Equal => lineage::all_feature_inputs(self, modalities),
        }
    }

    /// Names of all modalities of the pair.
    pub fn all_modalities(&self) -> Vec<String> {
        self.features.iter().map(|feature| feature.modality.clone()).collect()
    }

    /// Fails unless the pair has the modality.
    pub fn check_modality(&self, modality: &Modality) -> Result<()> {
        if self.feature(modality.as_str()).is_some() {
            return Ok(());
        }
        let name = &self.name;
        let known = self.all_modalities();
        let error = Error::new(Code::UnknownName, format!("pair `{name}` has no modality `{modality}`"));
        Err(if known.is_empty() {
            error.help(format!(
                "it has none yet; EMBED name USING ngrams INTO {name} makes one from names, \
                 IMPORT FEATURES {modality} FROM 'file' INTO {name} reads one"
            ))
        } else {
            error.help(format!("it has {}", known.join(", ")))
        })
    }

    /// Names of the modalities that weights ask for: those named, else all.
    pub fn wanted(&self, weights: &Weights) -> Result<Vec<String>> {
        match weights {
            Weights::Named(named) => {
                for (modality, _) in named {
                    self.check_modality(modality)?;
                }
                Ok(self
                    .all_modalities()
                    .into_iter()
                    .filter(|m| named.iter().any(|(n, _)| n.as_str() == m))
                    .collect())
            }
            Weights::Auto | Weights::Equal => Ok(self.all_modalities()),
        }
    }
}
