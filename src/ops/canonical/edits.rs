//! Edits and verdicts as SeedQL.

use super::{flag, identifier, option, quoted, quoted_path};
use crate::kg::Side;
use crate::ops::spec::*;

pub(super) fn edit_text(edit: &Edit) -> String {
    let graph = graph(&edit.pair, edit.side);
    let triple =
        |s: &Statement| format!("({}, {}, {})", quoted(&s.subject), quoted(&s.predicate), quoted(&s.object));
    match &edit.change {
        Change::InsertEntity { entity, name } => {
            let mut text = format!("INSERT ENTITY {}", quoted(entity));
            option(&mut text, "name", name.as_deref().map(quoted));
            text + &format!(" INTO {graph}")
        }
        Change::DeleteEntity { entity } => format!("DELETE ENTITY {} FROM {graph}", quoted(entity)),
        Change::InsertTriple(statement) => format!("INSERT TRIPLE {} INTO {graph}", triple(statement)),
        Change::DeleteTriple(statement) => format!("DELETE TRIPLE {} FROM {graph}", triple(statement)),
        Change::InsertAttribute { statement, datatype, language } => {
            let mut text = format!("INSERT ATTRIBUTE {}", triple(statement));
            option(&mut text, "datatype", datatype.as_deref().map(quoted));
            option(&mut text, "language", language.as_deref().map(quoted));
            text + &format!(" INTO {graph}")
        }
        Change::DeleteAttribute { entity, attribute, value } => {
            let value = value.as_ref().map_or(String::new(), |value| format!(", {}", quoted(value)));
            format!("DELETE ATTRIBUTE ({}, {}{value}) FROM {graph}", quoted(entity), quoted(attribute))
        }
    }
}

pub(super) fn diff_text(diff: &ApplyDiff) -> String {
    let mut text = format!("APPLY DIFF {}", quoted_path(&diff.path));
    option(&mut text, "removed", diff.removed.as_deref().map(quoted_path));
    flag(&mut text, "prune", diff.prune);
    flag(&mut text, "lenient", diff.lenient);
    text + &format!(" TO {}", graph(&diff.pair, diff.side))
}

pub(super) fn import_text(import: &ImportInto) -> String {
    let mut text = format!("IMPORT rdf {}", quoted_path(&import.path));
    flag(&mut text, "lenient", import.lenient);
    text + &format!(" INTO {}", graph(&import.pair, import.side))
}

pub(super) fn judge_text(judge: &Judge) -> String {
    let mut text = format!("{} {}", if judge.accept { "ACCEPT" } else { "REJECT" }, couples(&judge.pairs));
    option(&mut text, "comment", judge.comment.as_deref().map(quoted));
    option(&mut text, "author", judge.author.as_deref().map(quoted));
    text + &format!(" IN {}", identifier(&judge.pair))
}

pub(super) fn undo_text(undo: &Undo) -> String {
    let pairs = if undo.pairs.is_empty() { String::new() } else { couples(&undo.pairs) + " " };
    format!("UNDO {pairs}IN {}", identifier(&undo.pair))
}

pub(super) fn verdicts_text(import: &ImportVerdicts) -> String {
    let mut text = format!("IMPORT VERDICTS {}", quoted_path(&import.path));
    flag(&mut text, "lenient", import.lenient);
    text + &format!(" INTO {}", identifier(&import.pair))
}

fn graph(pair: &str, side: Side) -> String {
    format!("{}.{}", identifier(pair), side.as_str())
}

fn couples(pairs: &[(String, String)]) -> String {
    let text = |(left, right): &(String, String)| format!("({}, {})", quoted(left), quoted(right));
    pairs.iter().map(text).collect::<Vec<_>>().join(", ")
}
