//! What an artifact was made from, whether that still stands, and the key it is known by.

use super::catalog::{self, ArtifactEntry, Entry, Input, PairEntry};
use crate::error::Result;
use crate::store::Db;

/// Raised when an operation's result for the same request and inputs changes.
const OPERATIONS_VERSION: u32 = 1;

/// Inputs of a stage that looks at some modalities of a pair.
pub(crate) fn feature_inputs(pair: &PairEntry, modalities: &[String]) -> Vec<Input> {
    let mut inputs = Vec::new();
    for modality in modalities {
        if let Some(feature) = pair.feature(modality) {
            let mut hasher = blake3::Hasher::new();
            hasher.update(&feature.objects[0]).update(&feature.objects[1]);
            inputs.push(Input {
                name: format!("{}.{modality}", pair.name),
                digest: *hasher.finalize().as_bytes(),
            });
        }
    }
    inputs
}

/// An artifact as an input.
pub(crate) fn artifact_input(artifact: &ArtifactEntry) -> Input {
    Input { name: artifact.name.clone(), digest: artifact.digest }
}

/// `blake3(version, canonical request without its result's name, inputs, device class)`.
pub(crate) fn key(request: &str, inputs: &[Input]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&OPERATIONS_VERSION.to_le_bytes());
    // The name a result is given does not change the result.
    let unnamed = request.rsplit_once(" AS ").map_or(request, |(unnamed, _)| unnamed);
    hasher.update(&(unnamed.len() as u64).to_le_bytes());
    hasher.update(unnamed.as_bytes());
    for input in inputs {
        hasher.update(&input.digest);
    }
    hasher.update(b"f32 cpu");
    *hasher.finalize().as_bytes()
}

/// Why an artifact is stale, by name of the input that changed; empty if it is fresh.
pub(crate) fn stale(db: &Db, artifact: &ArtifactEntry) -> Result<Vec<String>> {
    let mut reasons = Vec::new();
    for input in &artifact.inputs {
        match current(db, input)? {
            Some(digest) if digest == input.digest => {}
            Some(_) => reasons.push(format!("{} changed", input.name)),
            None => reasons.push(format!("{} is gone", input.name)),
        }
    }
    Ok(reasons)
}

/// The digest an input has now, or `None` if it is gone.
fn current(db: &Db, input: &Input) -> Result<Option<[u8; 32]>> {
    if let Some(Entry::Artifact(artifact)) = catalog::find(db, &input.name)? {
        return Ok(Some(artifact.digest));
    }
    let Some((pair, modality)) = input.name.rsplit_once('.') else { return Ok(None) };
    let Some(Entry::Pair(pair)) = catalog::find(db, pair)? else { return Ok(None) };
    Ok(feature_inputs(&pair, &[modality.to_string()]).pop().map(|input| input.digest))
}
