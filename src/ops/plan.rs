//! A statement that makes an artifact, before any work: what it reads is loaded, and its key is known.
//!
//! Doing it and explaining it begin alike, here.

use super::canonical::canonical;
use super::catalog::{self, ArtifactEntry, ArtifactKind, Input};
use super::engine::{Context, Engine, LoadedPair};
use super::lineage;
use super::make::Order;
use super::seed;
use super::spec::{Request, SeedMethod, Weights};
use crate::error::{Code, Error, Result};
use crate::features::Modality;
use crate::psqe::SeedSet;

/// What a statement needs before it can start.
pub(crate) struct Plan {
    /// What is to be made, from what, under which key.
    pub order: Order,
    /// The pair it belongs to.
    pub pair: LoadedPair,
    /// The modalities it looks at.
    pub modalities: Vec<String>,
    /// The seed set it starts from, where it does.
    pub source: Option<ArtifactEntry>,
}

impl Plan {
    /// Looks up what the request names. Fails on unknown names, and on requests that make no artifact.
    pub fn new(engine: &Engine, request: &Request, context: &Context) -> Result<Plan> {
        let (request, seed) = request.seeded(context.settings.seed);
        let seeds = |name: &str| catalog::artifact(&engine.db, name, Some(ArtifactKind::Seeds));
        let (kind, source, pair, weights) = match &request {
            Request::Seed(spec) => {
                // Pivots are chosen by one modality, but bear the scores of all.
                let weights = match spec.method {
                    SeedMethod::Pivots(_) => &Weights::Equal,
                    SeedMethod::Cluster { .. } => &spec.weights,
                };
                (ArtifactKind::Seeds, None, spec.pair.clone(), weights)
            }
            Request::Correct(spec) => {
                let source = seeds(&spec.seeds)?;
                let pair = source.pair.clone();
                (ArtifactKind::Seeds, Some(source), pair, &spec.weights)
            }
            Request::Align(spec) => (ArtifactKind::Alignment, None, spec.pair.clone(), &spec.weights),
            _ => return Err(Error::new(Code::Internal, "the statement makes no artifact")),
        };
        let loaded = engine.load_pair(&pair, context.task)?;
        if let Request::Seed(spec) = &request
            && let SeedMethod::Pivots(modality) = &spec.method
        {
            loaded.check_modality(modality)?;
        }
        let modalities = loaded.wanted(weights)?;
        let mut inputs: Vec<_> = source.iter().map(lineage::artifact_input).collect();
        inputs.extend(loaded.inputs(weights, &modalities));
        let order = Order {
            name: request.name().to_string(),
            pair,
            kind,
            statement: canonical(&request),
            recipe: canonical(&request.unnamed()),
            inputs,
            seed,
        };
        Ok(Plan { order, pair: loaded, modalities, source })
    }

    /// The seed set it starts from; empty where it starts from none.
    pub fn seeds(&self, engine: &Engine) -> Result<SeedSet> {
        match &self.source {
            Some(source) => seed::load(engine, source, &self.pair),
            None => Ok(SeedSet::default()),
        }
    }
}

impl Request {
    /// The name of the artifact it makes; empty where it makes none.
    fn name(&self) -> &str {
        match self {
            Request::Seed(spec) => &spec.name,
            Request::Correct(spec) => &spec.name,
            Request::Align(spec) => &spec.name,
            _ => "",
        }
    }

    /// The same without the name of its result, which does not change what is named.
    fn unnamed(&self) -> Request {
        let mut request = self.clone();
        match &mut request {
            Request::Seed(spec) => spec.name.clear(),
            Request::Correct(spec) => spec.name.clear(),
            Request::Align(spec) => spec.name.clear(),
            _ => {}
        }
        request
    }

    /// The same with its random seed filled in, and that seed.
    fn seeded(&self, default: u64) -> (Request, u64) {
        let mut request = self.clone();
        let seed = match &mut request {
            Request::Seed(spec) => &mut spec.seed,
            Request::Correct(spec) => &mut spec.seed,
            Request::Align(spec) => &mut spec.seed,
            _ => return (request, default),
        };
        let seed = *seed.get_or_insert(default);
        (request, seed)
    }
}

impl LoadedPair {
    /// The modalities as inputs: those named, or all there are.
    pub fn inputs(&self, weights: &Weights, modalities: &[String]) -> Vec<Input> {
        match weights {
            Weights::Named(_) => lineage::feature_inputs(&self.entry, modalities),
            Weights::Auto | Weights::Equal => lineage::all_feature_inputs(&self.entry, modalities),
        }
    }

    /// Names of all modalities of the pair.
    pub fn all_modalities(&self) -> Vec<String> {
        self.features.iter().map(|(modality, ..)| modality.to_string()).collect()
    }

    /// Fails unless the pair has the modality.
    pub fn check_modality(&self, modality: &Modality) -> Result<()> {
        if self.features.iter().any(|(known, ..)| known == modality) {
            return Ok(());
        }
        let name = &self.entry.name;
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
