//! Vectors that networks made of texts and pictures, kept so that nothing is encoded twice: not after a kill, which
//! costs the last seconds, and not after an edit, which brings a few new texts.
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
        let due = INTERVAL.max(self.cost * SHARE).max(self.begun.elapsed() / PARTS);
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
        let part = self.db.put_object(&std::mem::take(&mut self.fresh))?.0;
        self.commit([&self.names[..], &[part]].concat())?;
        self.take(&part)?;
        self.unstored.clear();
        (self.last, self.cost) = (Instant::now(), started.elapsed());
        Ok(())
    }

    /// Ends a run whose modality is stored: what it is made of is named so, also where nothing was new.
    pub fn finish(mut self) -> Result<()> {
        self.checkpoint()?;
        self.commit(self.names.clone())
    }

    /// Names these parts, and the modality as one that is made of them.
    fn commit(&mut self, parts: Vec<[u8; 32]>) -> Result<()> {
        let mut modalities = self.stored.as_ref().map_or(Vec::new(), |stored| stored.modalities.clone());
        if !modalities.iter().any(|known| known == self.modality) {
            modalities.push(self.modality.to_string());
        }
        let new = Encoded { modalities, parts };
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

/// Forgets, of encoders other than `by`, what only this modality of a pair was made of.
pub(crate) fn supersede(
    db: &Db,
    batch: &mut Batch,
    pair: &str,
    modality: &str,
    by: Option<&[u8; 32]>,
) -> Result<()> {
    for (key, mut encoded) in of_pair(db, pair)? {
        let made_by = key.get(pair.len() + 1..);
        if made_by == by.map(|digest| &digest[..])
            || !encoded.modalities.iter().any(|known| known == modality)
        {
            continue;
        }
        batch.expect(ENCODED, &key, Some(&encoded))?;
        encoded.modalities.retain(|known| known != modality);
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
