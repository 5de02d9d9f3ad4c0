//! What an artifact was made from, whether that still stands, and the key it is known by.

use super::catalog::{self, ArtifactEntry, Entry, Input, PairEntry};
use super::spec::Dtype;
use crate::error::Result;
use crate::store::Db;

/// Raised when an operation's result for the same request and inputs changes.
const OPERATIONS_VERSION: u32 = 7;

/// What numbers are made by: the class of the device and the type. Two GPUs of a machine are one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    /// 32 bits, on the processor.
    Cpu,
    /// On a GPU, in this type.
    Cuda(Dtype),
}

impl Arithmetic {
    fn as_str(self) -> &'static str {
        match self {
            Arithmetic::Cpu => "f32 cpu",
            Arithmetic::Cuda(Dtype::F32) => "f32 cuda",
            Arithmetic::Cuda(Dtype::Bf16) => "bf16 cuda",
        }
    }
}

/// Inputs of a stage that looks at some modalities of a pair.
pub(crate) fn feature_inputs(pair: &PairEntry, modalities: &[String]) -> Vec<Input> {
    let input = |modality: &String| {
        Some(Input::Feature {
            pair: pair.name.clone(),
            modality: modality.clone(),
            digest: feature_digest(pair, modality)?,
        })
    };
    modalities.iter().filter_map(input).collect()
}

/// Inputs of a stage that looks at all modalities of a pair, whatever they are: which ones there are is
/// an input too.
pub(crate) fn all_feature_inputs(pair: &PairEntry, modalities: &[String]) -> Vec<Input> {
    let mut inputs = feature_inputs(pair, modalities);
    inputs.push(Input::Modalities { pair: pair.name.clone(), names: modalities.to_vec() });
    inputs
}

/// The triples of a pair as an input.
pub(crate) fn graphs_input(pair: &PairEntry) -> Input {
    Input::Graphs { pair: pair.name.clone(), digest: graphs_digest(pair) }
}

/// The reference links of a pair as an input.
pub(crate) fn links_input(pair: &PairEntry) -> Input {
    Input::Links { pair: pair.name.clone(), digest: links_digest(pair) }
}

/// The digest of a pair's links; zeros where there are none.
pub(crate) fn links_digest(pair: &PairEntry) -> [u8; 32] {
    pair.links.as_ref().map(|links| links.digest).unwrap_or_default()
}

/// The entities of a pair as an input.
pub(crate) fn entities_input(pair: &PairEntry) -> Input {
    Input::Entities { pair: pair.name.clone(), digest: entities_digest(pair) }
}

fn entities_digest(pair: &PairEntry) -> [u8; 32] {
    *blake3::hash(&pair.graphs.each_ref().map(|graph| graph.extent).concat()).as_bytes()
}

/// The verdicts on a pair as an input.
pub(crate) fn verdicts_input(pair: &PairEntry) -> Input {
    Input::Verdicts { pair: pair.name.clone(), digest: verdicts_digest(pair) }
}

fn verdicts_digest(pair: &PairEntry) -> [u8; 32] {
    pair.verdicts.as_ref().map(|verdicts| verdicts.digest).unwrap_or_default()
}

fn graphs_digest(pair: &PairEntry) -> [u8; 32] {
    *blake3::hash(&pair.graphs.each_ref().map(|graph| graph.digest).concat()).as_bytes()
}

/// An artifact as an input.
pub(crate) fn artifact_input(artifact: &ArtifactEntry) -> Input {
    Input::Artifact { name: artifact.name.clone(), digest: artifact.digest }
}

fn feature_digest(pair: &PairEntry, modality: &str) -> Option<[u8; 32]> {
    let feature = pair.feature(modality)?;
    Some(*blake3::hash(&feature.objects.concat()).as_bytes())
}

/// `blake3(version, recipe, inputs with their names, dtype and device class)`; the recipe is the
/// canonical request without its result's name, for a name does not change what it names.
pub(crate) fn key(recipe: &str, inputs: &[Input], arithmetic: Arithmetic) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    let mut part = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    part(&OPERATIONS_VERSION.to_le_bytes());
    part(recipe.as_bytes());
    for input in inputs {
        match input {
            // An artifact is its rows, under whatever name; a feature's name decides its weight.
            Input::Artifact { digest, .. }
            | Input::Graphs { digest, .. }
            | Input::Links { digest, .. }
            | Input::Entities { digest, .. }
            | Input::Verdicts { digest, .. } => part(digest),
            Input::Feature { modality, digest, .. } => {
                part(modality.as_bytes());
                part(digest);
            }
            Input::Modalities { names, .. } => part(names.join(",").as_bytes()),
        }
    }
    part(arithmetic.as_str().as_bytes());
    *hasher.finalize().as_bytes()
}

/// Why an artifact is stale, by name of the input that changed; empty if it is fresh.
pub(crate) fn stale(db: &Db, artifact: &ArtifactEntry) -> Result<Vec<String>> {
    let mut reasons = changes(db, &artifact.inputs)?;
    // What was made before graphs could be edited does not say of which entities.
    let says = |input: &Input| matches!(input, Input::Entities { .. });
    if !artifact.inputs.iter().any(says)
        && let Some(Entry::Pair(pair)) = catalog::find(db, &artifact.pair)?
        && pair.graphs.iter().any(|graph| graph.edits > 0)
    {
        reasons.push(format!("{} was edited", pair.name));
    }
    Ok(reasons)
}

/// Which inputs have changed, by name; empty if none has.
pub(crate) fn changes(db: &Db, inputs: &[Input]) -> Result<Vec<String>> {
    let mut reasons = Vec::new();
    for input in inputs {
        reasons.extend(changed(db, input)?);
    }
    Ok(reasons)
}

fn changed(db: &Db, input: &Input) -> Result<Option<String>> {
    let (now, then) = match input {
        Input::Artifact { name, digest } => match catalog::find(db, name)? {
            Some(Entry::Artifact(artifact)) => (Some(artifact.digest), digest),
            _ => (None, digest),
        },
        Input::Feature { pair, modality, digest } => match catalog::find(db, pair)? {
            Some(Entry::Pair(pair)) => (feature_digest(&pair, modality), digest),
            _ => (None, digest),
        },
        Input::Graphs { pair, digest } => match catalog::find(db, pair)? {
            Some(Entry::Pair(pair)) => (Some(graphs_digest(&pair)), digest),
            _ => (None, digest),
        },
        Input::Links { pair, digest } => match catalog::find(db, pair)? {
            Some(Entry::Pair(pair)) => (Some(links_digest(&pair)), digest),
            _ => (None, digest),
        },
        Input::Entities { pair, digest } => match catalog::find(db, pair)? {
            Some(Entry::Pair(pair)) => (Some(entities_digest(&pair)), digest),
            _ => (None, digest),
        },
        Input::Verdicts { pair, digest } => match catalog::find(db, pair)? {
            Some(Entry::Pair(pair)) => (Some(verdicts_digest(&pair)), digest),
            _ => (None, digest),
        },
        Input::Modalities { pair, names } => {
            let Some(Entry::Pair(entry)) = catalog::find(db, pair)? else { return Ok(None) };
            let new = entry.features.iter().find(|feature| !names.contains(&feature.modality));
            return Ok(new.map(|feature| format!("{pair}.{} is new", feature.modality)));
        }
    };
    Ok(match now {
        Some(now) if now == *then => None,
        Some(_) => Some(format!("{} changed", input.name())),
        None => Some(format!("{} is gone", input.name())),
    })
}
