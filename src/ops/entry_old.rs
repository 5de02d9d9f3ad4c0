//! Records of the catalogue as versions 2 and 3 wrote them, before graphs could be edited.

use rkyv::{Archive, Deserialize, Serialize};

use super::entry::{ArtifactEntry, Entry, FeatureEntry, GraphEntry, Input, LinksEntry, PairEntry, extent};
use crate::error::{Code, Error, Result};

#[derive(Archive, Serialize, Deserialize)]
struct Graph {
    space: u64,
    digest: [u8; 32],
    entities: u64,
    relations: u64,
    attributes: u64,
    triples: u64,
    attribute_triples: u64,
}

#[derive(Archive, Serialize, Deserialize)]
struct Feature {
    modality: String,
    objects: [[u8; 32]; 2],
    present: [u64; 2],
    cols: u64,
    sparse: bool,
    made_by: String,
}

#[derive(Archive, Serialize, Deserialize)]
struct Pair {
    name: String,
    version: u64,
    graphs: [Graph; 2],
    links: Option<LinksEntry>,
    features: Vec<Feature>,
    origin: String,
    source: [u8; 32],
    created: u64,
}

// The artifact is the larger one now; its form is the one of today.
#[allow(clippy::large_enum_variant)]
#[derive(Archive, Serialize, Deserialize)]
enum Old {
    Pair(Pair),
    Artifact(ArtifactEntry),
}

/// Reads one.
pub(super) fn read(archive: &[u8]) -> Result<Entry> {
    let old = rkyv::from_bytes::<Old, rkyv::rancor::Error>(archive)
        .map_err(|cause| Error::new(Code::Corrupt, format!("a record of the catalogue: {cause}")))?;
    Ok(match old {
        Old::Artifact(mut artifact) => {
            // Nobody could judge then.
            artifact.inputs.push(Input::Verdicts { pair: artifact.pair.clone(), digest: [0; 32] });
            Entry::Artifact(artifact)
        }
        Old::Pair(pair) => Entry::Pair(PairEntry {
            name: pair.name,
            version: pair.version,
            graphs: pair.graphs.map(graph),
            links: pair.links,
            features: pair.features.into_iter().map(feature).collect(),
            verdicts: None,
            origin: pair.origin,
            source: pair.source,
            created: pair.created,
        }),
    })
}

fn graph(old: Graph) -> GraphEntry {
    GraphEntry {
        space: old.space,
        digest: old.digest,
        entities: old.entities,
        relations: old.relations,
        attributes: old.attributes,
        triples: old.triples,
        attribute_triples: old.attribute_triples,
        deleted: 0,
        extent: extent(old.entities, &[]),
        edits: 0,
    }
}

/// How it was made was not kept: it counts as brought in files, and is made again by hand.
fn feature(old: Feature) -> FeatureEntry {
    FeatureEntry {
        modality: old.modality,
        objects: old.objects,
        present: old.present,
        cols: old.cols,
        sparse: old.sparse,
        made_by: old.made_by,
        statement: String::new(),
        inputs: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_of_version_3_is_read() {
        let side = |space| Graph {
            space,
            digest: [space as u8; 32],
            entities: 10,
            relations: 2,
            attributes: 3,
            triples: 20,
            attribute_triples: 30,
        };
        let visual = Feature {
            modality: "visual".into(),
            objects: [[5; 32], [6; 32]],
            present: [9, 8],
            cols: 64,
            sparse: false,
            made_by: "import v.npy".into(),
        };
        let old = Old::Pair(Pair {
            name: "p".into(),
            version: 4,
            graphs: [side(1), side(2)],
            links: None,
            features: vec![visual],
            origin: "dbp15k x".into(),
            source: [7; 32],
            created: 11,
        });
        let bytes = rkyv::to_bytes::<rkyv::rancor::Error>(&old).unwrap();
        let Entry::Pair(pair) = read(&bytes).unwrap() else { panic!("a pair") };
        assert_eq!((pair.name.as_str(), pair.version, pair.graphs[1].space), ("p", 4, 2));
        assert_eq!((pair.features[0].cols, pair.features[0].inputs.len(), pair.verdicts), (64, 0, None));
        assert_eq!(read(&bytes[..bytes.len() / 2]).unwrap_err().code(), Code::Corrupt);
    }
}
