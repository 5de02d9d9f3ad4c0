//! The edits of a graph since its blocks were written: an append-only table, one record an edit.
//!
//! A graph is its blocks and then these, in order. The key is the graph's space and the version of the
//! pair that the edit made, so that whoever has read an older record of the pair sees no later edit.

use rkyv::{Archive, Deserialize, Serialize};

use super::persist::LiteralRow;
use super::{AttributeTriple, Delta, Triple};
use crate::error::Result;
use crate::store::{Batch, Db, Digest, Record, Space, Table, encode};

const EDITS: Table = Table("edits");

/// An edit as it was done.
#[derive(Clone, Debug, PartialEq)]
pub struct Edit {
    /// The pair's version that it made.
    pub version: u64,
    /// Seconds since 1970.
    pub at: u64,
    /// Who did it; empty where nobody was named.
    pub author: String,
    /// The statement, in SeedQL.
    pub statement: String,
    /// Digest of the graph before.
    pub before: Digest,
    /// Digest of the graph after.
    pub after: Digest,
    /// What changed.
    pub delta: Delta,
}

#[derive(Archive, Serialize, Deserialize)]
pub(crate) struct EditRecord {
    at: u64,
    author: String,
    statement: String,
    before: [u8; 32],
    after: [u8; 32],
    entities: Vec<String>,
    relations: Vec<String>,
    attributes: Vec<String>,
    deleted: Vec<u32>,
    revived: Vec<u32>,
    names: Vec<(u32, String)>,
    removed: Vec<[u32; 3]>,
    added: Vec<[u32; 3]>,
    removed_attributes: Vec<LiteralRow>,
    added_attributes: Vec<LiteralRow>,
}

impl Record for EditRecord {
    const KIND: [u8; 4] = *b"edit";
    const VERSION: u16 = 1;
}

impl Edit {
    /// An edit that nobody has signed yet; the digest after it is one of the digest before and the delta.
    pub fn new(version: u64, before: Digest, delta: Delta) -> Result<Self> {
        let unsigned = Edit {
            version,
            at: 0,
            author: String::new(),
            statement: String::new(),
            before,
            after: before,
            delta,
        };
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"edit").update(&encode(&unsigned.record())?);
        Ok(Edit { after: Digest(*hasher.finalize().as_bytes()), ..unsigned })
    }

    fn record(&self) -> EditRecord {
        let triples = |triples: &[Triple]| triples.iter().map(|t| [t.head, t.relation, t.tail]).collect();
        let literals = |triples: &[AttributeTriple]| triples.iter().map(LiteralRow::from).collect();
        EditRecord {
            at: self.at,
            author: self.author.clone(),
            statement: self.statement.clone(),
            before: self.before.0,
            after: self.after.0,
            entities: self.delta.entities.clone(),
            relations: self.delta.relations.clone(),
            attributes: self.delta.attributes.clone(),
            deleted: self.delta.deleted.clone(),
            revived: self.delta.revived.clone(),
            names: self.delta.names.clone(),
            removed: triples(&self.delta.removed),
            added: triples(&self.delta.added),
            removed_attributes: literals(&self.delta.removed_attributes),
            added_attributes: literals(&self.delta.added_attributes),
        }
    }

    fn of(version: u64, record: EditRecord) -> Self {
        let triple = |[head, relation, tail]: [u32; 3]| Triple { head, relation, tail };
        let triples = |rows: Vec<[u32; 3]>| rows.into_iter().map(triple).collect();
        let literals = |rows: Vec<LiteralRow>| rows.into_iter().map(AttributeTriple::from).collect();
        Edit {
            version,
            at: record.at,
            author: record.author,
            statement: record.statement,
            before: Digest(record.before),
            after: Digest(record.after),
            delta: Delta {
                entities: record.entities,
                relations: record.relations,
                attributes: record.attributes,
                deleted: record.deleted,
                revived: record.revived,
                names: record.names,
                removed: triples(record.removed),
                added: triples(record.added),
                removed_attributes: literals(record.removed_attributes),
                added_attributes: literals(record.added_attributes),
            },
        }
    }
}

/// Puts an edit of the graph in `space` into a batch.
pub fn log_edit(batch: &mut Batch, space: Space, edit: &Edit) -> Result<()> {
    batch.put(EDITS, &key(space, edit.version), &edit.record())
}

/// The edits of the graph in `space` up to a version of its pair, oldest first.
pub fn edits(db: &Db, space: Space, version: u64) -> impl Iterator<Item = Result<Edit>> {
    let prefix = space.0.to_be_bytes();
    let last = key(space, version);
    let records = db.scan::<EditRecord>(EDITS, &prefix);
    let until = records.take_while(move |record| record.as_ref().map_or(true, |(key, _)| *key <= last));
    until.map(|record| {
        let (key, record) = record?;
        let version = key.last_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        Ok(Edit::of(version, record))
    })
}

/// Deletes the edits of the graph in `space`, for a pair that goes.
pub fn forget_edits(db: &Db, batch: &mut Batch, space: Space) -> Result<()> {
    for edit in edits(db, space, u64::MAX) {
        batch.delete(EDITS, &key(space, edit?.version));
    }
    Ok(())
}

fn key(space: Space, version: u64) -> Vec<u8> {
    [space.0.to_be_bytes(), version.to_be_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kg::Literal;

    #[test]
    fn edits_come_back_in_order_and_up_to_a_version() {
        let db = Db::in_memory();
        let literal = Some(Literal { value: "1".into(), datatype: "int".into(), language: "en".into() });
        let attribute = AttributeTriple { entity: 4, attribute: 2, literal };
        let delta = Delta {
            entities: vec!["x".into()],
            names: vec![(3, "name".into())],
            added: vec![Triple { head: 1, relation: 0, tail: 2 }],
            removed_attributes: vec![attribute],
            ..Delta::default()
        };
        let first = Edit::new(2, Digest([1; 32]), delta).unwrap();
        let signed = Edit { at: 7, author: "anna".into(), statement: "DELETE".into(), ..first.clone() };
        let second = Edit::new(300, first.after, Delta { deleted: vec![1], ..Delta::default() }).unwrap();
        assert_ne!(first.after, second.after);
        let (space, mut batch) = (db.new_space().unwrap(), Batch::new());
        log_edit(&mut batch, space, &second).unwrap();
        log_edit(&mut batch, space, &signed).unwrap();
        db.commit(batch).unwrap();
        let read = |version| edits(&db, space, version).collect::<Result<Vec<_>>>().unwrap();
        assert_eq!(read(u64::MAX), [signed.clone(), second]);
        assert_eq!(read(299), [signed]);
        assert_eq!(read(1), []);
        let mut batch = Batch::new();
        forget_edits(&db, &mut batch, space).unwrap();
        db.commit(batch).unwrap();
        assert_eq!(read(u64::MAX), []);
    }
}
