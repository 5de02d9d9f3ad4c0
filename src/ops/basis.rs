//! What entities are compared by: features of the pair, or embeddings of a model; and with what weights.

use super::catalog::ArtifactEntry;
use super::engine::{Context, Embeddings, Engine, LoadedPair};
use super::spec::{Missing, Weights};
use crate::error::Result;
use crate::features::Modality;
use crate::psqe::Evidence;
use crate::psqe::weights::{self, Resolved};
use crate::store::Digest;

/// Modalities with their weights, and where their rows are.
pub(crate) struct Basis<'p> {
    pair: &'p LoadedPair,
    /// In place of the pair's features.
    embeddings: Option<Embeddings>,
    pub modalities: Vec<String>,
    weights: Weights,
    missing: Missing,
    seed: u64,
}

impl<'p> Basis<'p> {
    /// The features of a pair.
    pub fn features(
        pair: &'p LoadedPair,
        modalities: &[String],
        weights: &Weights,
        missing: Missing,
        seed: u64,
    ) -> Self {
        let (modalities, weights) = (modalities.to_vec(), weights.clone());
        Basis { pair, embeddings: None, modalities, weights, missing, seed }
    }

    /// The embeddings of a model; what it learned to weigh is meant where nothing else is said.
    pub fn model(
        engine: &Engine,
        pair: &'p LoadedPair,
        model: &ArtifactEntry,
        modalities: &[String],
        weights: &Weights,
    ) -> Result<Self> {
        let learned = *weights == Weights::Auto && !model.weights.is_empty();
        let weights = if learned { Weights::Named(named(model)?) } else { weights.clone() };
        let embeddings = Some(engine.embeddings(pair, model)?);
        let modalities = modalities.to_vec();
        Ok(Basis { pair, embeddings, modalities, weights, missing: Missing::Neutral, seed: 0 })
    }

    /// What an artifact was made by; one that was made by a model holds its embeddings.
    pub fn of(engine: &Engine, pair: &'p LoadedPair, entry: &ArtifactEntry) -> Result<Self> {
        let embeddings = entry.is_held().then(|| engine.embeddings(pair, entry)).transpose()?;
        Ok(Basis {
            pair,
            embeddings,
            modalities: entry.modalities.clone(),
            // A tuned model has no weights of its own.
            weights: match entry.weights.is_empty() {
                true => Weights::Auto,
                false => Weights::Named(named(entry)?),
            },
            missing: Missing::from_word(&entry.missing).unwrap_or(Missing::Neutral),
            seed: entry.seed,
        })
    }

    /// Whether the rows are embeddings that the artifact holds itself.
    pub fn is_held(&self) -> bool {
        self.embeddings.is_some()
    }

    /// The rows, as the stages take them.
    pub fn evidence(&self) -> Result<Evidence<'_>> {
        match &self.embeddings {
            Some(embeddings) => embeddings.evidence(&self.modalities),
            None => self.pair.evidence(&self.modalities, self.missing, self.seed),
        }
    }

    /// The pair.
    pub fn pair_name(&self) -> &str {
        &self.pair.entry.name
    }

    /// A digest of all that scores under these weights depend on: modalities, weights and rows of both
    /// sides. `None` where scores are no sums of weighted cosines, for a missing row is not simply left out.
    pub fn over(&self, factors: &[f32]) -> Option<Digest> {
        (self.missing == Missing::Neutral).then(|| self.rows_digest(factors))
    }

    /// The rule for missing rows.
    pub fn missing(&self) -> Missing {
        self.missing
    }

    /// A digest of modalities, weights and rows of both sides.
    pub fn rows_digest(&self, factors: &[f32]) -> Digest {
        let features = match &self.embeddings {
            Some(embeddings) => embeddings.features(),
            None => &self.pair.features,
        };
        // In the order of the evidence, as the weights are.
        let wanted = features.iter().filter(|(name, ..)| self.modalities.iter().any(|m| m == name.as_str()));
        let mut hasher = blake3::Hasher::new();
        for ((modality, left, right), factor) in wanted.zip(factors).filter(|(_, factor)| **factor > 0.0) {
            hasher.update(&(modality.as_str().len() as u64).to_le_bytes());
            hasher.update(modality.as_str().as_bytes());
            hasher.update(&factor.to_le_bytes());
            hasher.update(&left.digest().0);
            hasher.update(&right.digest().0);
        }
        // Rows of entities that were deleted do not count, and those that came later have none.
        self.pair.entry.graphs.iter().for_each(|graph| _ = hasher.update(&graph.extent));
        Digest(*hasher.finalize().as_bytes())
    }

    /// The weights over [`Basis::evidence`].
    pub fn resolve(&self, engine: &Engine, evidence: &Evidence<'_>, context: &Context) -> Result<Resolved> {
        match self.embeddings {
            Some(_) => weights::resolve(&self.weights, evidence, context.task),
            None => engine.weights(self.pair, &self.weights, self.missing, evidence, context),
        }
    }
}

impl ArtifactEntry {
    /// Whether it holds the rows it compares by, as what a model made does.
    pub fn is_held(&self) -> bool {
        self.objects.iter().any(|(name, _)| name.ends_with(".left"))
    }
}

/// The weights an artifact was made with, or learned.
pub(crate) fn named(entry: &ArtifactEntry) -> Result<Vec<(Modality, f32)>> {
    let pairs = entry.modalities.iter().zip(&entry.weights);
    pairs.map(|(modality, &weight)| Ok((Modality::new(modality)?, weight))).collect()
}
