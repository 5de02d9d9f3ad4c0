//! Vectors that networks made of texts and pictures, kept so that nothing is encoded twice: not after a kill, which
//! costs a thirtieth of what was done and at most a minute, and not after an edit, which brings a few new texts.
//!
//! They are kept for a pair under the encoder's digest, each by a digest of what it was made of, until no modality of the
//! pair is made by that encoder any more; those of texts that are gone stay as long. They can be lost without harm.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use rkyv::{Archive, Deserialize, Serialize};

use crate::error::{Code, Error, Result};
use crate::store::{Batch, Db, Digest, Object, Record, Table, floats};

/// Pair and digest of the encoder to [`Encoded`].
const ENCODED: Table = Table("encoded");

/// Least time between two checkpoints.
const INTERVAL: Duration = Duration::from_secs(1);
/// A checkpoint is due when encoding went on for so many times what the last one took.
const SHARE: u32 = 20;
/// What is not stored is at most such a part of what was done.
const PARTS: u32 = 32;
/// Most time between two checkpoints that come soon enough to cost little.
const LONGEST: Duration = Duration::from_secs(60);
/// Vectors of a part that edits bring.
const FEW: usize = 256;
/// Parts of so few vectors are folded into one when they become so many.
const MOST_SMALL: usize = 64;

/// Digest of a text or of a picture's bytes.
pub(crate) type Mark = [u8; 16];

/// The mark of some bytes.
pub(crate) fn mark(bytes: &[u8]) -> Mark {
    let mut mark = [0; 16];
    mark.copy_from_slice(&blake3::hash(bytes).as_bytes()[..16]);
    mark
}

/// What an encoder made for a pair.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub(crate) struct Encoded {
    /// Modalities of the pair that are made of it.
    modalities: Vec<String>,
    /// Objects of [`Vectors`], in the order they were made.
    parts: Vec<[u8; 32]>,
}

impl Record for Encoded {
    const KIND: [u8; 4] = *b"encd";
    const VERSION: u16 = 1;
}

/// Some vectors with what they are of.
#[derive(Archive, Serialize, Deserialize, Default)]
pub(crate) struct Vectors {
    marks: Vec<Mark>,
    /// One vector after the other.
    numbers: Vec<f32>,
}

impl Record for Vectors {
    const KIND: [u8; 4] = *b"vecs";
    const VERSION: u16 = 1;
}

/// The vectors of one encoder for one modality of a pair, old and new.
pub(crate) struct Kept<'a> {
    db: &'a Db,
    key: Vec<u8>,
    modality: &'a str,
    width: usize,
    stored: Option<Encoded>,
    /// Digests of the parts, those that cannot be read left out.
    names: Vec<[u8; 32]>,
    parts: Vec<Object<Vectors>>,
    /// Part and row of each vector.
    places: HashMap<Mark, (u32, u32)>,
    /// What is not stored yet.
    fresh: Vectors,
    unstored: HashSet<Mark>,
    begun: Instant,
    last: Instant,
    cost: Duration,
}

impl<'a> Kept<'a> {
    /// What is kept of an encoder whose vectors are so wide.
    pub fn open(db: &'a Db, pair: &str, encoder: &[u8; 32], modality: &'a str, width: usize) -> Result<Self> {
        let key = [pair.as_bytes(), &[0], encoder].concat();
        let stored = db.get::<Encoded>(ENCODED, &key)?;
        let mut kept = Kept {
            db,
            key,
            modality,
            width,
            stored,
            names: Vec::new(),
            parts: Vec::new(),
            places: HashMap::new(),
            fresh: Vectors::default(),
            unstored: HashSet::new(),
            begun: Instant::now(),
            last: Instant::now(),
            cost: Duration::ZERO,
        };
        let parts = kept.stored.as_ref().map_or(Vec::new(), |stored| stored.parts.clone());
        for part in parts {
            match kept.take(&part) {
                // What is damaged is encoded again.
                Err(error) if error.code() == Code::Corrupt => {}
                taken => taken?,
            }
        }
        Ok(kept)
    }

    fn take(&mut self, part: &[u8; 32]) -> Result<()> {
        let object = self.db.object::<Vectors>(&Digest(*part))?;
        if object.marks.len().checked_mul(self.width) != Some(object.numbers.len()) {
            let message = format!("object {} has no vectors that fit its own counts", Digest(*part));
            return Err(Error::new(Code::Corrupt, message).help("EMBED makes it again"));
        }
        let number = self.parts.len() as u32;
        self.names.push(*part);
        self.places.extend(object.marks.iter().zip(0..).map(|(mark, row)| (*mark, (number, row))));
        self.parts.push(object);
        Ok(())
    }

    /// Whether there is a vector of that.
    pub fn has(&self, mark: &Mark) -> bool {
        self.places.contains_key(mark) || self.unstored.contains(mark)
    }

    /// The vector of that. Those of the last checkpoint on have to be stored first: [`Kept::checkpoint`].
    pub fn get(&self, mark: &Mark) -> Option<&[f32]> {
        let &(part, row) = self.places.get(mark)?;
        let (object, start) = (self.parts.get(part as usize)?, row as usize * self.width);
        floats(&object.numbers).get(start..start + self.width)
    }

    /// Takes new vectors, one after the other, and stores what there is from time to time.
    pub fn add(&mut self, marks: &[Mark], vectors: &[f32]) -> Result<()> {
        self.fresh.marks.extend(marks);
        self.unstored.extend(marks);
        self.fresh.numbers.extend(vectors);
        // Parts grow with what is done, so that they stay few and a kill costs a thirtieth.
        let due = INTERVAL.max(self.cost * SHARE).max(LONGEST.min(self.begun.elapsed() / PARTS));
        match self.last.elapsed() >= due {
            true => self.checkpoint(),
            false => Ok(()),
        }
    }

    /// Stores what is new.
    pub fn checkpoint(&mut self) -> Result<()> {
        if self.fresh.marks.is_empty() {
            return Ok(());
        }
        let started = Instant::now();
        let stay = self.fold();
        let part = self.db.put_object(&std::mem::take(&mut self.fresh))?.0;
        self.commit(&[&stay[..], &[part]].concat())?;
        if stay.len() < self.names.len() {
            self.names.clear();
            self.parts.clear();
            self.places.clear();
            stay.iter().try_for_each(|part| self.take(part))?;
        }
        self.take(&part)?;
        self.unstored.clear();
        (self.last, self.cost) = (Instant::now(), started.elapsed());
        Ok(())
    }

    /// Takes small parts together with what is new, once they are many; gives the names of those that stay.
    fn fold(&mut self) -> Vec<[u8; 32]> {
        let small = |part: &Object<Vectors>| part.marks.len() <= FEW;
        if self.parts.iter().filter(|part| small(part)).count() < MOST_SMALL {
            return self.names.clone();
        }
        let (folded, stay): (Vec<_>, Vec<_>) =
            self.names.iter().zip(&self.parts).partition(|(_, part)| small(part));
        for (_, part) in folded {
            self.fresh.marks.extend_from_slice(&part.marks);
            self.fresh.numbers.extend_from_slice(floats(&part.numbers));
        }
        stay.into_iter().map(|(name, _)| *name).collect()
    }

    /// Names these parts, and the modality as one that is made of them.
    fn commit(&mut self, parts: &[[u8; 32]]) -> Result<()> {
        let mut modalities = self.stored.as_ref().map_or(Vec::new(), |stored| stored.modalities.clone());
        if !modalities.iter().any(|known| known == self.modality) {
            modalities.push(self.modality.to_string());
        }
        let new = Encoded { modalities, parts: parts.to_vec() };
        if self.stored.as_ref() != Some(&new) {
            let mut batch = Batch::new();
            batch.expect(ENCODED, &self.key, self.stored.as_ref())?;
            batch.put(ENCODED, &self.key, &new)?;
            self.db.commit(batch)?;
            self.stored = Some(new);
        }
        Ok(())
    }
}

/// Names a modality as made of what is kept of the encoder `by`, and forgets what only it was made of before.
pub(crate) fn claim(
    db: &Db,
    batch: &mut Batch,
    pair: &str,
    modality: &str,
    by: Option<&[u8; 32]>,
) -> Result<()> {
    for (key, mut encoded) in of_pair(db, pair)? {
        let named = encoded.modalities.iter().any(|known| known == modality);
        let names = key.get(pair.len() + 1..) == by.map(|digest| &digest[..]);
        if named == names {
            continue;
        }
        batch.expect(ENCODED, &key, Some(&encoded))?;
        match names {
            true => encoded.modalities.push(modality.to_string()),
            false => encoded.modalities.retain(|known| known != modality),
        }
        match encoded.modalities.is_empty() {
            true => batch.delete(ENCODED, &key),
            false => batch.put(ENCODED, &key, &encoded)?,
        }
    }
    Ok(())
}

/// Forgets what is kept of a pair that goes.
pub(crate) fn forget(db: &Db, batch: &mut Batch, pair: &str) -> Result<()> {
    of_pair(db, pair)?.iter().for_each(|(key, _)| batch.delete(ENCODED, key));
    Ok(())
}

fn of_pair(db: &Db, pair: &str) -> Result<Vec<(Vec<u8>, Encoded)>> {
    db.scan::<Encoded>(ENCODED, &[pair.as_bytes(), &[0]].concat()).collect()
}

/// Objects that a sweep must keep.
pub(crate) fn objects(db: &Db) -> Result<Vec<Digest>> {
    let mut objects = Vec::new();
    for row in db.scan::<Encoded>(ENCODED, b"") {
        objects.extend(row?.1.parts.into_iter().map(Digest));
    }
    Ok(objects)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::OpenOptions;

    #[test]
    fn vectors_that_edits_bring_one_by_one_stay_in_few_objects() {
        let dir = tempfile::tempdir().unwrap();
        let options = OpenOptions { create: true, ..OpenOptions::default() };
        let db = Db::open(&dir.path().join("store"), &options).unwrap();
        let vector = |number: u32| [number as f32, 0.5];
        let open = || Kept::open(&db, "p", &[7; 32], "text", 2).unwrap();
        let mut many = open();
        let marks: Vec<Mark> = (0..1000u32).map(|number| mark(&number.to_le_bytes())).collect();
        many.add(&marks, &(0..1000).flat_map(vector).collect::<Vec<_>>()).unwrap();
        many.checkpoint().unwrap();
        for number in 1000..1200u32 {
            let mut kept = open();
            kept.add(&[mark(&number.to_le_bytes())], &vector(number)).unwrap();
            kept.checkpoint().unwrap();
        }
        let kept = open();
        assert!(kept.parts.len() <= MOST_SMALL + 1, "{} parts", kept.parts.len());
        assert_eq!(objects(&db).unwrap().len(), kept.parts.len());
        for number in 0..1200u32 {
            assert_eq!(kept.get(&mark(&number.to_le_bytes())), Some(&vector(number)[..]));
        }
    }
}
