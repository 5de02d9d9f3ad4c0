//! The rows of seed sets and alignments, as packed blocks of a space.

use std::collections::BTreeMap;

use rkyv::{Archive, Deserialize, Serialize};

use super::catalog::ArtifactEntry;
use crate::error::{Code, Error, Result};
use crate::store::{Db, Digest, Record, Space, pack};

const KEPT: u8 = 0;
const DROPPED: u8 = 1;
const UNMATCHED: u8 = 2;

/// One scored pair of a seed set or an alignment.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct ArtifactRow {
    /// Left entity.
    pub left: u32,
    /// Right entity.
    pub right: u32,
    /// Its score under the weights of the artifact.
    pub score: f32,
    /// Score minus the best rival's; NaN where no rival was looked at.
    pub margin: f32,
    /// Row of [`ArtifactEntry::stages`]: what admitted it.
    pub stage: u16,
    /// Cosine of each modality of [`ArtifactEntry::modalities`]; NaN where a row lacks it.
    pub modal: Vec<f32>,
}

/// A seed that a correction dropped.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct DroppedRow {
    /// The seed as it was.
    pub row: ArtifactRow,
    /// Why, for a person.
    pub reason: String,
    /// The entity that contradicted it.
    pub rival: Option<u32>,
}

/// An entity that an alignment leaves without a link.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct UnmatchedRow {
    /// Whether it is of the right graph.
    pub right: bool,
    /// The entity.
    pub entity: u32,
    /// Its best candidate of the other graph.
    pub candidate: Option<u32>,
    /// The score of the two; NaN without a candidate.
    pub score: f32,
    /// Why they are not linked, for a person.
    pub reason: String,
}

#[derive(Archive, Serialize, Deserialize)]
pub(crate) struct RowBlock(Vec<ArtifactRow>);

impl Record for RowBlock {
    const KIND: [u8; 4] = *b"rows";
    const VERSION: u16 = 1;
}

#[derive(Archive, Serialize, Deserialize)]
pub(crate) struct DroppedBlock(Vec<DroppedRow>);

impl Record for DroppedBlock {
    const KIND: [u8; 4] = *b"drop";
    const VERSION: u16 = 1;
}

#[derive(Archive, Serialize, Deserialize)]
pub(crate) struct UnmatchedBlock(Vec<UnmatchedRow>);

impl Record for UnmatchedBlock {
    const KIND: [u8; 4] = *b"unma";
    const VERSION: u16 = 1;
}

/// Writes the rows into a new space and gives their digest.
pub fn save(
    db: &Db,
    rows: &[ArtifactRow],
    dropped: &[DroppedRow],
    unmatched: &[UnmatchedRow],
) -> Result<(Space, Digest)> {
    let space = db.new_space()?;
    let size = |row: &ArtifactRow| 28 + 4 * row.modal.len();
    db.write_blocks(space, KEPT, pack(rows.iter().cloned(), size).map(RowBlock))?;
    let size = |row: &DroppedRow| size(&row.row) + 20 + row.reason.len();
    db.write_blocks(space, DROPPED, pack(dropped.iter().cloned(), size).map(DroppedBlock))?;
    let size = |row: &UnmatchedRow| 32 + row.reason.len();
    db.write_blocks(space, UNMATCHED, pack(unmatched.iter().cloned(), size).map(UnmatchedBlock))?;

    let mut hasher = blake3::Hasher::new();
    for row in rows {
        hash_row(&mut hasher, row);
    }
    hasher.update(&(rows.len() as u64).to_le_bytes());
    for row in dropped {
        hash_row(&mut hasher, &row.row);
    }
    for row in unmatched {
        let candidate = row.candidate.unwrap_or(u32::MAX);
        hasher.update(bytemuck::cast_slice(&[row.entity, candidate, row.score.to_bits()]));
        hasher.update(&[u8::from(row.right)]);
        hasher.update(row.reason.as_bytes());
    }
    Ok((space, Digest(*hasher.finalize().as_bytes())))
}

fn hash_row(hasher: &mut blake3::Hasher, row: &ArtifactRow) {
    hasher.update(bytemuck::cast_slice(&[row.left, row.right, row.score.to_bits(), row.margin.to_bits()]));
    hasher.update(&row.stage.to_le_bytes());
    hasher.update(bytemuck::cast_slice(&row.modal));
}

/// The rows of an artifact between graphs of `left` and `right` entities, streamed.
pub fn rows(
    db: &Db,
    entry: &ArtifactEntry,
    (left, right): (usize, usize),
) -> impl Iterator<Item = Result<ArtifactRow>> + Send + 'static {
    let blocks = db.blocks::<RowBlock>(Space(entry.space), KEPT);
    let name = entry.name.clone();
    let rows = blocks.flat_map(|block| match block {
        Ok(block) => block.0.into_iter().map(Ok).collect::<Vec<_>>(),
        Err(error) => vec![Err(error)],
    });
    rows.map(move |row| {
        let row = row?;
        if (row.left as usize) < left && (row.right as usize) < right {
            return Ok(row);
        }
        Err(unknown_entity(&name))
    })
}

/// A right entity and the score of the link to it.
pub type Linked = (u32, f32);

/// The links of an artifact by left entity; of several the first, which is the best.
pub fn by_left(db: &Db, entry: &ArtifactEntry, sizes: (usize, usize)) -> Result<BTreeMap<u32, Linked>> {
    let mut links = BTreeMap::new();
    for row in rows(db, entry, sizes) {
        let row = row?;
        links.entry(row.left).or_insert((row.right, row.score));
    }
    Ok(links)
}

fn unknown_entity(artifact: &str) -> Error {
    Error::new(Code::Corrupt, format!("`{artifact}` names an entity that its pair does not have"))
        .help("run CHECK FULL; make it again or restore a backup")
}

/// The entities that an alignment leaves without a link, streamed: those of the left graph first. Graphs
/// have `left` and `right` entities.
pub fn unmatched(
    db: &Db,
    entry: &ArtifactEntry,
    (left, right): (usize, usize),
) -> impl Iterator<Item = Result<UnmatchedRow>> + Send + 'static {
    let blocks = db.blocks::<UnmatchedBlock>(Space(entry.space), UNMATCHED);
    let name = entry.name.clone();
    let rows = blocks.flat_map(|block| match block {
        Ok(block) => block.0.into_iter().map(Ok).collect::<Vec<_>>(),
        Err(error) => vec![Err(error)],
    });
    rows.map(move |row| {
        let row = row?;
        let (own, other) = if row.right { (right, left) } else { (left, right) };
        if (row.entity as usize) < own && row.candidate.is_none_or(|row| (row as usize) < other) {
            return Ok(row);
        }
        Err(unknown_entity(&name))
    })
}

/// The seeds a correction dropped, all at once: they are few. Graphs have `left` and `right` entities.
pub fn dropped(db: &Db, entry: &ArtifactEntry, (left, right): (usize, usize)) -> Result<Vec<DroppedRow>> {
    let mut all = Vec::new();
    for block in db.blocks::<DroppedBlock>(Space(entry.space), DROPPED) {
        all.extend(block?.0);
    }
    match all.iter().all(|DroppedRow { row, .. }| (row.left as usize) < left && (row.right as usize) < right)
    {
        true => Ok(all),
        false => Err(unknown_entity(&entry.name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::catalog::ArtifactKind;

    #[test]
    fn rows_of_any_table_name_entities_that_there_are() {
        let db = Db::in_memory();
        let row = |left, right| ArtifactRow { left, right, score: 1.0, margin: 0.5, stage: 0, modal: vec![] };
        let fallen = DroppedRow { row: row(1, 6), reason: "rival".into(), rival: Some(2) };
        let single =
            UnmatchedRow { right: true, entity: 6, candidate: Some(1), score: 0.1, reason: "none".into() };
        let (space, digest) = save(&db, &[row(1, 6)], &[fallen], &[single]).unwrap();
        let entry = ArtifactEntry {
            name: "s".into(),
            kind: ArtifactKind::Seeds,
            pair: "p".into(),
            key: [0; 32],
            digest: digest.0,
            space: space.0,
            rows: 1,
            dropped: 1,
            statement: String::new(),
            inputs: Vec::new(),
            modalities: Vec::new(),
            weights: Vec::new(),
            csls: 0,
            stages: Vec::new(),
            missing: String::new(),
            seed: 0,
            matching: String::new(),
            objects: Vec::new(),
            facts: Vec::new(),
            created: 0,
            seconds: 0.0,
        };
        let all = |sizes| {
            rows(&db, &entry, sizes).collect::<Result<Vec<_>>>()?;
            unmatched(&db, &entry, sizes).collect::<Result<Vec<_>>>()?;
            dropped(&db, &entry, sizes)
        };
        assert_eq!(all((2, 7)).unwrap().len(), 1);
        for sizes in [(1, 7), (2, 6)] {
            assert_eq!(dropped(&db, &entry, sizes).unwrap_err().code(), Code::Corrupt);
            assert_eq!(all(sizes).unwrap_err().code(), Code::Corrupt);
        }
    }
}
