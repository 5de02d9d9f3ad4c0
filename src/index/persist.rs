//! An index as an object: the graph and what belongs to it, without the rows it is over.
//!
//! The store compares the bytes with their digest and rkyv validates the archive; what is checked here is
//! that counts and numbers fit each other, so that a walk stays inside its arrays. The rows stay where they
//! are, as features or embeddings.

use rkyv::{Archive, Deserialize, Serialize};

use super::entrances::{Entrances, OwnedEntrances};
use super::graph::{Graph, OwnedGraph, are_lists};
use super::measure::{Measured, WIDEST};
use super::points::Groups;
use super::search::Index;
use crate::error::{Code, Error, Result};
use crate::store::{Db, Digest, Object, Record, floats, ints, longs};

/// What a build gives: an index over one side, to be stored.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct IndexData {
    /// Rows of the side.
    pub(super) rows: u64,
    /// `rows × modalities`: what rows are multiplied by.
    pub(super) scales: Vec<f32>,
    /// What each row was like.
    pub(super) marks: Vec<u64>,
    pub(super) groups: Groups,
    pub(super) entrances: OwnedEntrances,
    pub(super) graph: OwnedGraph,
    pub(super) measured: Vec<Measured>,
    pub(super) reached: u64,
    pub(super) repaired: u64,
}

impl Record for IndexData {
    const KIND: [u8; 4] = *b"hnsw";
    const VERSION: u16 = 3;
}

impl IndexData {
    /// What searches.
    ///
    /// # Errors
    /// [`Code::Corrupt`] if counts and numbers do not fit each other.
    pub fn view(&self) -> Result<Index<'_>> {
        let index = Index {
            rows: self.rows as usize,
            scales: &self.scales,
            marks: &self.marks,
            starts: &self.groups.starts,
            members: &self.groups.rows,
            entrances: self.entrances.view(),
            graph: self.graph.view(),
            measured: self.measured.clone(),
            reached: self.reached as usize,
            repaired: self.repaired as usize,
        };
        index.checked()
    }
}

/// An index, mapped from its object.
#[derive(Clone, Debug)]
pub struct StoredIndex(Object<IndexData>);

impl StoredIndex {
    /// Maps and checks the object.
    ///
    /// # Errors
    /// [`Code::Corrupt`] if it is missing, damaged, or does not fit its own counts.
    pub fn load(db: &Db, digest: &Digest) -> Result<Self> {
        let stored = StoredIndex(db.object::<IndexData>(digest)?);
        stored.view().checked()?;
        Ok(stored)
    }

    /// The digest of its object.
    pub fn digest(&self) -> Digest {
        self.0.digest()
    }

    /// What searches. Costs nothing: it was checked when it was loaded.
    pub fn view(&self) -> Index<'_> {
        let data = &*self.0;
        let measured = data.measured.iter().map(|measured| Measured {
            ef: measured.ef.to_native(),
            recall: measured.recall.to_native(),
            visited: measured.visited.to_native(),
            wanted: measured.wanted.to_native(),
        });
        Index {
            rows: data.rows.to_native() as usize,
            scales: floats(&data.scales),
            marks: longs(&data.marks),
            starts: longs(&data.groups.starts),
            members: ints(&data.groups.rows),
            entrances: Entrances {
                centres: floats(&data.entrances.centres),
                starts: longs(&data.entrances.starts),
                points: ints(&data.entrances.points),
            },
            graph: Graph { starts: longs(&data.graph.starts), links: ints(&data.graph.links) },
            measured: measured.collect(),
            reached: data.reached.to_native() as usize,
            repaired: data.repaired.to_native() as usize,
        }
    }
}

impl Index<'_> {
    /// The index, if its counts and numbers fit each other.
    pub(super) fn checked(self) -> Result<Self> {
        let points = self.starts.len().saturating_sub(1);
        let fits = self.rows <= u32::MAX as usize
            && self.scales.len().checked_rem(self.rows).unwrap_or(self.scales.len()) == 0
            && self.marks.len() == self.rows
            && self.scales.iter().all(|scale| scale.is_finite() && *scale >= 0.0)
            && are_lists(self.starts, self.members, self.rows)
            && self.starts.is_sorted_by(|a, b| a < b)
            && self.measured.iter().all(|measured| measured.ef as usize <= WIDEST);
        if !fits {
            return Err(Error::new(Code::Corrupt, "an index does not fit its own counts")
                .help("run CHECK FULL; make the index again"));
        }
        self.entrances.check(points)?;
        self.graph.check(points)?;
        Ok(self)
    }
}
