//! Records and objects of the store, and the texts that lie beside them.
//!
//! The envelope of a record has a checksum that no fuzzer guesses, so an input is the archive inside it.

use super::{Scratch, head, judge, judge_file};
use crate::error::Code;
use crate::features::{Matrix, MatrixObject, OwnedFeature, Presence, Rows, StoredFeature};
use crate::fs::RealFs;
use crate::index::{Ask, Changes, IndexData, StoredIndex, search};
use crate::kg::{
    EditRecord, EntityBlock, LinkBlock, LiteralBlock, NameBlock, TripleBlock, VerdictRecord, digest_graph,
    load_graph,
};
use crate::linalg::Channel;
use crate::models::TrainState;
use crate::ops::{
    DroppedBlock, Encoded, Entry, Figures, Logged, NearEntry, NearObject, RowBlock, Run, Seen,
    UnmatchedBlock, Vectors,
};
use crate::psqe::tune::TuneState;
use crate::store::{
    Batch, CURRENT_FILE, Counter, Db, FORMAT_FILE, LOCK_FILE, Live, Lock, OURS, Record, Seal, Section, Space,
    Table, Write, current, decode, encode, envelop, inspect,
};
use crate::task::Task;

/// What parts the archives of a graph within an input, and the texts of a directory.
const NEXT: &[u8] = b"\x1c\x1c";

/// Decodes an archive of a type that was written so many versions ago.
type Decoder = fn(u8, &[u8]);

/// A kind of record or object, and what decodes it.
pub(super) struct Kind {
    #[cfg(test)]
    pub name: [u8; 4],
    decode: Decoder,
}

const fn kind<T: Record>() -> Kind {
    by::<T>(|age, archive| drop(record::<T>(age, archive)))
}

const fn by<T: Record>(decode: Decoder) -> Kind {
    Kind {
        #[cfg(test)]
        name: T::KIND,
        decode,
    }
}

/// All kinds. New ones go to the end: the corpora count from the first.
pub(super) const KINDS: [Kind; 26] = [
    kind::<Counter>(),
    kind::<Section>(),
    kind::<EntityBlock>(),
    kind::<NameBlock>(),
    kind::<TripleBlock>(),
    kind::<LiteralBlock>(),
    kind::<LinkBlock>(),
    kind::<EditRecord>(),
    kind::<VerdictRecord>(),
    kind::<RowBlock>(),
    kind::<DroppedBlock>(),
    kind::<UnmatchedBlock>(),
    kind::<Entry>(),
    kind::<Run>(),
    kind::<Logged>(),
    kind::<Figures>(),
    kind::<NearEntry>(),
    kind::<Seen>(),
    kind::<TuneState>(),
    kind::<TrainState>(),
    by::<NearObject>(near),
    by::<MatrixObject>(feature),
    by::<IndexData>(index),
    kind::<Seal>(),
    kind::<Encoded>(),
    kind::<Vectors>(),
];

/// An archive of a kind, or what holds several. The first byte, a letter in the corpus, chooses: the kinds
/// from `A` on; `x` for the blocks of a graph, `y` for the texts of a directory, `z` for raw values. The second byte tells how many
/// versions ago it was written; a version that is yet to come is what 3 stands for with most kinds.
pub fn records(bytes: &[u8]) {
    let ([kind, age], content) = head(bytes);
    match kind {
        b'x' => graph(content),
        b'y' => directory(content),
        b'z' => raw(content),
        kind => {
            if let Some(kind) = KINDS.get(usize::from(kind.wrapping_sub(b'A'))) {
                (kind.decode)(age & 3, content);
            }
        }
    }
}

/// A record that reads is written and read again as it is.
fn record<T: Record>(age: u8, archive: &[u8]) -> Option<T> {
    let version = T::VERSION.wrapping_sub(u16::from(age));
    let sealed = envelop(T::KIND, version, archive).expect("an envelope");
    match decode::<T>(&sealed) {
        Ok(record) => {
            let written = encode(&record).expect("a record is written");
            let read = decode::<T>(&written).expect("a record is read back");
            assert_eq!(encode(&read).expect("a record is written"), written);
            Some(record)
        }
        Err(error) => {
            judge(&error, "");
            let known = [Code::Corrupt, Code::Unsupported, Code::NewerFormat];
            assert!(known.contains(&error.code()), "{error:?}");
            None
        }
    }
}

fn near(age: u8, archive: &[u8]) {
    let kept = record::<NearObject>(age, archive).and_then(NearObject::kept);
    let Some(kept) = kept else { return };
    for (side, other) in [(kept.left(), kept.right()), (kept.right(), kept.left())] {
        let places = side.lists.iter().flatten();
        places.for_each(|(id, _)| assert!((*id as usize) < other.lists.len()));
    }
}

/// What is accepted can be walked, and fitted to a graph with more entities.
fn feature(age: u8, archive: &[u8]) {
    let Some(object) = record::<MatrixObject>(age, archive) else { return };
    let db = Db::in_memory();
    let digest = db.put_object(&object).expect("an object is written");
    let stored = match StoredFeature::load(&db, &digest) {
        Ok(stored) => stored,
        Err(error) => return judge(&error, ""),
    };
    let rows = stored.view().present.len();
    let fitted = stored.clone().fitted(rows + 1, &[0]).expect("more entities");
    for feature in [stored, fitted] {
        let view = feature.view();
        let columns = view.rows.cols();
        for row in 0..view.present.len() {
            view.rows.each(row, |column, _| assert!(column < columns));
        }
        if let Rows::Sparse(sparse) = view.rows {
            assert_eq!(sparse.indptr.len(), view.present.len() + 1);
        }
    }
}

/// What is accepted can be searched.
fn index(age: u8, archive: &[u8]) {
    let Some(object) = record::<IndexData>(age, archive) else { return };
    let db = Db::in_memory();
    let digest = db.put_object(&object).expect("an object is written");
    let stored = match StoredIndex::load(&db, &digest) {
        Ok(stored) => stored,
        Err(error) => return judge(&error, ""),
    };
    let index = stored.view();
    let data: Vec<f32> = (0..index.rows().min(64) * 8).map(|i| (i as f32).sin()).collect();
    let Some(cols) = (1..=8).find(|cols| index.fits(&channels(&side(&data, index.rows(), *cols)))) else {
        return;
    };
    let side = side(&data, index.rows(), cols);
    let channels = channels(&side);
    let ask = Ask { k: 3, recall: 0.0, exact: Some(false), allowed: None };
    for changes in [Changes::default(), index.changes(&channels)] {
        match search(&index, &changes, &channels, 0, &ask, &Task::quiet()) {
            Ok(found) => {
                assert!(found.rows.iter().all(|(row, _)| (*row as usize) < index.rows()));
                assert!(found.rows.is_sorted_by(|a, b| a.1 >= b.1));
            }
            Err(error) => judge(&error, ""),
        }
    }
}

/// So many rows, as far as there is data for them.
fn side(data: &[f32], rows: usize, cols: usize) -> OwnedFeature {
    let rows = rows.min(data.len() / 8);
    let data = data[..rows * cols].to_vec();
    OwnedFeature { rows: Matrix::Dense { data, cols }, present: Presence::filled(rows, true) }
}

fn channels(side: &OwnedFeature) -> [Channel<'_>; 1] {
    [Channel { weight: 1.0, left: side.view(), right: side.view() }]
}

/// A graph of these blocks, one a section, and an edit of it.
fn graph(content: &[u8]) {
    let db = Db::in_memory();
    let space = db.new_space().expect("a space");
    let mut archives = parts(content);
    let mut write = |section, block: fn(&Db, Space, u8, &[u8]) -> Option<()>| {
        block(&db, space, section, archives.next().unwrap_or_default())
    };
    let written = write(0, block::<EntityBlock>)
        .and_then(|()| write(1, block::<NameBlock>))
        .and_then(|()| write(2, block::<NameBlock>))
        .and_then(|()| write(3, block::<TripleBlock>))
        .and_then(|()| write(4, block::<LiteralBlock>));
    if written.is_none() {
        return;
    }
    let mut edits = 0;
    if let Some(edit) = archives.next().and_then(|archive| record::<EditRecord>(0, archive)) {
        let mut batch = Batch::new();
        batch
            .put(Table("edits"), &[space.0.to_be_bytes(), 1u64.to_be_bytes()].concat(), &edit)
            .expect("an edit");
        db.commit(batch).expect("an edit is stored");
        edits = 1;
    }
    match load_graph(&db, space, (1, edits), &Task::quiet()) {
        Ok(graph) => {
            digest_graph(&graph);
            assert!(graph.triples.is_sorted_by(|a, b| a < b) && graph.deleted.is_sorted_by(|a, b| a < b));
            for entity in 0..graph.len() as u32 {
                graph.label(entity);
                graph.attributes_of(entity);
            }
        }
        Err(error) => judge(&error, ""),
    }
}

/// Writes a section of one block, or of none for no archive; nothing if the archive is no such block.
fn block<T: Record>(db: &Db, space: Space, section: u8, archive: &[u8]) -> Option<()> {
    let block = if archive.is_empty() { None } else { Some(record::<T>(0, archive)?) };
    db.write_blocks(space, section, block).expect("a section is written");
    Some(())
}

/// `FORMAT`, `CURRENT` and `LOCK` of a directory.
fn directory(content: &[u8]) {
    let scratch = Scratch::new();
    let mut texts = parts(content);
    for name in [FORMAT_FILE, CURRENT_FILE, LOCK_FILE] {
        if let Some(text) = texts.next() {
            scratch.file(name, text);
        }
    }
    for read_only in [true, false] {
        if let Err(error) = inspect(&RealFs, scratch.path(), read_only, &OURS) {
            judge_file(&error);
        }
    }
    match current(&RealFs, scratch.path()) {
        Ok(name) => assert!(name.starts_with("db.") && !name.contains(['/', '\\'])),
        Err(error) => judge_file(&error),
    }
    let lock = scratch.path().join(LOCK_FILE);
    let Ok(held) = std::fs::File::open(&lock) else { return };
    held.lock().expect("a lock");
    match Lock::exclusive(&lock) {
        Ok(_) => panic!("the lock is held"),
        Err(error) => judge(&error, ""),
    }
}

/// Keys and values as they lie below the tables, envelopes and all.
fn raw(content: &[u8]) {
    let db = Db::in_memory();
    let mut parts = parts(content);
    let mut writes = Vec::new();
    for table in ["catalog", "overflow:catalog", "store:blocks", "store:sections"] {
        if let (Some(key), Some(value)) = (parts.next(), parts.next()) {
            writes.push(Write { table: table.into(), key: key.to_vec(), value: Some(value.to_vec()) });
        }
    }
    db.kv().apply(&writes).expect("values are written");
    for row in db.scan::<Entry>(Table("catalog"), b"") {
        row.err().iter().for_each(|error| judge(error, ""));
    }
    for block in db.blocks::<NameBlock>(Space(1), 1) {
        block.err().iter().for_each(|error| judge(error, ""));
    }
    let live = Live { spaces: [1].into(), ..Live::default() };
    let report = db.check(true, &live, &Task::quiet()).expect("a check");
    report.problems.iter().for_each(|problem| judge(&problem.error, ""));
}

/// The parts of an input, as long as there are any.
fn parts(content: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(content);
    std::iter::from_fn(move || {
        let content = rest?;
        let end = content.windows(NEXT.len()).position(|two| two == NEXT);
        rest = end.map(|end| &content[end + NEXT.len()..]);
        Some(&content[..end.unwrap_or(content.len())])
    })
}
