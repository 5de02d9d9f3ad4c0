//! The logs of a pair as sheets: the edits of its graphs, and what people have said.

use std::iter::Peekable;
use std::vec::IntoIter;

use super::folder::Folder;
use super::graph::{known, put_literal, take_literal};
use super::sheet::{Cells, Fields, Line};
use crate::error::{Code, Error, Result};
use crate::formats::new_folder::NewFolder;
use crate::kg::{AttributeTriple, Delta, Edit, Literal, Said, Triple, Verdict};
use crate::store::Digest;

/// An edit without what it changes.
struct Head {
    version: u64,
    at: u64,
    author: String,
    statement: String,
    before: Digest,
    after: Digest,
}

impl Line for Head {
    const COLUMNS: &'static [&'static str] = &["version", "at", "author", "statement", "before", "after"];

    fn write(&self, cells: &mut Cells) {
        cells.put(&self.version).put(&self.at).put(&self.author).put(&self.statement);
        cells.put(&self.before).put(&self.after);
    }

    fn read(fields: &mut Fields<'_>) -> Result<Self> {
        Ok(Head {
            version: fields.take()?,
            at: fields.take()?,
            author: fields.take()?,
            statement: fields.take()?,
            before: fields.take()?,
            after: fields.take()?,
        })
    }
}

/// What one line of an edit changes.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    NewEntity,
    NewRelation,
    NewAttribute,
    Delete,
    Revive,
    Name,
    Remove,
    Add,
    RemoveAttribute,
    AddAttribute,
}

const KINDS: [(&str, Kind); 10] = [
    ("new entity", Kind::NewEntity),
    ("new relation", Kind::NewRelation),
    ("new attribute", Kind::NewAttribute),
    ("delete", Kind::Delete),
    ("revive", Kind::Revive),
    ("name", Kind::Name),
    ("remove", Kind::Remove),
    ("add", Kind::Add),
    ("remove attribute", Kind::RemoveAttribute),
    ("add attribute", Kind::AddAttribute),
];

/// One change; cells that a kind does not need hold nothing.
struct Change {
    version: u64,
    kind: Kind,
    ids: [Option<u32>; 3],
    literal: Option<Literal>,
}

impl Line for Change {
    const COLUMNS: &'static [&'static str] =
        &["version", "change", "subject", "predicate", "object", "value", "datatype", "language"];

    fn write(&self, cells: &mut Cells) {
        let word = KINDS.iter().find(|(_, kind)| *kind == self.kind).map_or("", |(word, _)| word);
        cells.put(&self.version).word(word);
        self.ids.iter().for_each(|id| _ = cells.put(id));
        put_literal(cells, self.literal.as_ref());
    }

    fn read(fields: &mut Fields<'_>) -> Result<Self> {
        let (version, kind) = (fields.take()?, fields.word(&KINDS)?);
        let ids = [fields.take()?, fields.take()?, fields.take()?];
        let change = Change { version, kind, ids, literal: take_literal(fields)? };
        let needed = match kind {
            Kind::NewEntity | Kind::NewRelation | Kind::NewAttribute => [false; 3],
            Kind::Delete | Kind::Revive | Kind::Name => [true, false, false],
            Kind::Remove | Kind::Add => [true; 3],
            Kind::RemoveAttribute | Kind::AddAttribute => [true, true, false],
        };
        if change.ids.map(|id| id.is_some()) != needed {
            let message = "the change has other ids than its kind needs";
            return Err(Error::new(Code::BadFile, message));
        }
        Ok(change)
    }
}

/// The lines of an edit.
fn changes(edit: &Edit) -> impl Iterator<Item = Change> + '_ {
    let version = edit.version;
    let text = |value: &str| Some(Literal { value: value.to_string(), ..Literal::default() });
    let change = move |kind, ids, literal| Change { version, kind, ids, literal };
    let iris = move |kind, iris: &'_ [String]| -> Vec<Change> {
        iris.iter().map(|iri| change(kind, [None; 3], text(iri))).collect()
    };
    let entities = move |kind, ids: &'_ [u32]| -> Vec<Change> {
        ids.iter().map(|id| change(kind, [Some(*id), None, None], None)).collect()
    };
    let triples = move |kind, triples: &'_ [Triple]| -> Vec<Change> {
        triples.iter().map(|t| change(kind, [t.head, t.relation, t.tail].map(Some), None)).collect()
    };
    let literals = move |kind, triples: &'_ [AttributeTriple]| -> Vec<Change> {
        let ids = |t: &AttributeTriple| [Some(t.entity), Some(t.attribute), None];
        triples.iter().map(|t| change(kind, ids(t), t.literal.clone())).collect()
    };
    let delta = &edit.delta;
    let names = delta.names.iter().map(|(id, name)| change(Kind::Name, [Some(*id), None, None], text(name)));
    [
        iris(Kind::NewEntity, &delta.entities),
        iris(Kind::NewRelation, &delta.relations),
        iris(Kind::NewAttribute, &delta.attributes),
        entities(Kind::Delete, &delta.deleted),
        entities(Kind::Revive, &delta.revived),
        names.collect(),
        triples(Kind::Remove, &delta.removed),
        triples(Kind::Add, &delta.added),
        literals(Kind::RemoveAttribute, &delta.removed_attributes),
        literals(Kind::AddAttribute, &delta.added_attributes),
    ]
    .into_iter()
    .flatten()
}

/// Adds a line to what an edit changes.
fn take(delta: &mut Delta, change: Change) {
    let [a, b, c] = change.ids.map(Option::unwrap_or_default);
    let text = |literal: Option<Literal>| literal.map(|literal| literal.value).unwrap_or_default();
    let triple = Triple { head: a, relation: b, tail: c };
    let attribute = |literal| AttributeTriple { entity: a, attribute: b, literal };
    match change.kind {
        Kind::NewEntity => delta.entities.push(text(change.literal)),
        Kind::NewRelation => delta.relations.push(text(change.literal)),
        Kind::NewAttribute => delta.attributes.push(text(change.literal)),
        Kind::Delete => delta.deleted.push(a),
        Kind::Revive => delta.revived.push(a),
        Kind::Name => delta.names.push((a, text(change.literal))),
        Kind::Remove => delta.removed.push(triple),
        Kind::Add => delta.added.push(triple),
        Kind::RemoveAttribute => delta.removed_attributes.push(attribute(change.literal)),
        Kind::AddAttribute => delta.added_attributes.push(attribute(change.literal)),
    }
}

/// Writes the edits of a graph: one line an edit, and one a change.
pub fn write_edits(new: &mut NewFolder<'_>, folder: &str, edits: &[Edit]) -> Result<()> {
    let heads = edits.iter().map(|edit| {
        Ok(Head {
            version: edit.version,
            at: edit.at,
            author: edit.author.clone(),
            statement: edit.statement.clone(),
            before: edit.before,
            after: edit.after,
        })
    });
    new.sheet(&format!("{folder}/edits.tsv"), heads)?;
    new.sheet(&format!("{folder}/changes.tsv"), edits.iter().flat_map(changes).map(Ok))?;
    Ok(())
}

/// Reads the edits of a graph. Each must be what its digests say, and follow on the one before; the
/// first on `before`.
pub fn read_edits(dump: &Folder<'_>, folder: &str, mut before: Digest) -> Result<Vec<Edit>> {
    let mut changes: Peekable<IntoIter<Change>> =
        dump.rows::<Change>(&format!("{folder}/changes.tsv"))?.into_iter().peekable();
    let mut edits: Vec<Edit> = Vec::new();
    dump.sheet(&format!("{folder}/edits.tsv"), |head: Head| {
        let Head { version, at, author, statement, .. } = head;
        let mut delta = Delta::default();
        while let Some(change) = changes.next_if(|change| change.version == version) {
            take(&mut delta, change);
        }
        let edit = Edit { at, author, statement, ..Edit::new(version, head.before, delta)? };
        let follows = edits.last().is_none_or(|last| last.version < version);
        if head.before != before || edit.after != head.after || !follows || !edit.delta.is_ordered() {
            let message = format!("edit {version} is not what its digests say, or follows on another");
            return Err(Error::new(Code::BadValue, message));
        }
        before = edit.after;
        edits.push(edit);
        Ok(())
    })?;
    if let Some(change) = changes.next() {
        let message = format!("a change of version {} belongs to no edit", change.version);
        return Err(Error::new(Code::BadValue, message).path(&dump.place(&format!("{folder}/changes.tsv"))));
    }
    Ok(edits)
}

impl Line for Verdict {
    const COLUMNS: &'static [&'static str] =
        &["number", "said", "takes_back", "left", "right", "author", "comment", "at"];

    fn write(&self, cells: &mut Cells) {
        let of = match self.said {
            Said::Undo(of) => Some(of),
            Said::Accept | Said::Reject => None,
        };
        cells.put(&self.number).word(self.said.as_str()).put(&of).put(&self.left).put(&self.right);
        cells.put(&self.author).put(&self.comment).put(&self.at);
    }

    fn read(fields: &mut Fields<'_>) -> Result<Self> {
        let number = fields.take()?;
        let words = [Said::Accept, Said::Reject, Said::Undo(0)].map(|said| (said.as_str(), said));
        let said = match (fields.word(&words)?, fields.take::<Option<u64>>()?) {
            (Said::Undo(_), Some(of)) => Said::Undo(of),
            (said @ (Said::Accept | Said::Reject), None) => said,
            _ => return Err(Error::new(Code::BadFile, "`undo`, and nothing else, takes a line back")),
        };
        Ok(Verdict {
            number,
            said,
            left: fields.take()?,
            right: fields.take()?,
            author: fields.take()?,
            comment: fields.take()?,
            at: fields.take()?,
        })
    }
}

/// Writes the log of a pair.
pub fn write_verdicts(new: &mut NewFolder<'_>, path: &str, log: &[Verdict]) -> Result<()> {
    new.sheet(path, log.iter().map(|line| Ok(line.clone())))?;
    Ok(())
}

/// Reads the log of a pair whose graphs have so many entities.
pub fn read_verdicts(dump: &Folder<'_>, path: &str, (left, right): (usize, usize)) -> Result<Vec<Verdict>> {
    let mut log: Vec<Verdict> = Vec::new();
    dump.sheet(path, |line: Verdict| {
        known(line.left, left, "left entity")?;
        known(line.right, right, "right entity")?;
        let wanted = log.len() as u64 + 1;
        if line.number != wanted {
            let message = format!("expected line {wanted} of the log, found {}", line.number);
            return Err(Error::new(Code::BadValue, message));
        }
        log.push(line);
        Ok(())
    })?;
    Ok(log)
}
