//! Statements that came and went: a file of N-Triples whose lines say `+` or `-`, or two files.
//!
//! A line is a statement after its mark: `+` or `-` as `diff` writes them, `A` or `D` as RDF Patch does.
//! Comments, blank lines and the headers of `diff -u` are passed over. Blank nodes are refused: one file's
//! have nothing to do with another's.

use std::path::Path;

use oxrdfio::{RdfFormat, RdfParser};

use crate::error::{Code, Error, Result};
use crate::kg::Graph;
use crate::task::Task;

use super::rdf::{Statements, format_of, read_side};
use super::reading::Reading;

/// Statements that came and those that went, each as a graph of its own.
#[derive(Debug, Default)]
pub struct Diff {
    /// What came.
    pub added: Graph,
    /// What went.
    pub removed: Graph,
}

/// Reads what changed, with what to tell of it: a file with marked lines or, with `removed`, a file of what came and one of what
/// went, in any RDF syntax.
///
/// Errors: [`Code::NotFound`]; [`Code::BadFile`] with file and line; [`Code::MissingData`] where nothing
/// changed; [`Code::Cancelled`].
pub fn read_diff(
    path: &Path,
    removed: Option<&Path>,
    lenient: bool,
    task: &Task,
) -> Result<(Diff, Vec<String>)> {
    let mut reading = Reading::of_file(lenient, task);
    let diff = match removed {
        Some(gone) => Diff { added: whole(&mut reading, path)?, removed: whole(&mut reading, gone)? },
        None => marked(&mut reading, path)?,
    };
    for graph in [&diff.added, &diff.removed] {
        if let Some(blank) = graph.entities.iter().find(|iri| iri.starts_with("_:")) {
            let message = format!("the statements name the blank node {blank}");
            return Err(Error::new(Code::BadValue, message)
                .help("name such entities by IRIs: blank nodes of two files have nothing in common")
                .path(path));
        }
    }
    let notes = reading.into_notes();
    if diff.added.is_empty() && diff.removed.is_empty() && notes.is_empty() {
        return Err(Error::new(Code::MissingData, "the file holds no statements").path(path));
    }
    Ok((diff, notes))
}

/// Reads one RDF file as a graph.
///
/// Errors as [`read_diff`].
pub fn read_graph(path: &Path, lenient: bool, task: &Task) -> Result<(Graph, Vec<String>)> {
    let mut reading = Reading::of_file(lenient, task);
    let graph = whole(&mut reading, path)?;
    Ok((graph, reading.into_notes()))
}

fn whole(reading: &mut Reading<'_>, path: &Path) -> Result<Graph> {
    let mut same = Vec::new();
    let side = read_side(reading, path, format_of(path)?, &mut same)?;
    note_same(reading, same.len());
    Ok(side.finish().0)
}

fn note_same(reading: &mut Reading<'_>, count: usize) {
    if count > 0 {
        reading.note(format!("{count} owl:sameAs statements were left out: IMPORT LINKS reads those"));
    }
}

/// What the mark of a line says, and the statement after it; `None` for a line that is passed over.
fn mark(line: &str) -> Result<Option<(bool, &str)>> {
    let text = line.trim();
    let header = ["--- ", "+++ ", "@@", "#", "diff ", "index "];
    if text.is_empty() || header.iter().any(|begin| text.starts_with(begin)) {
        return Ok(None);
    }
    let after = |sign: &str| text.strip_prefix(sign).map(str::trim_start);
    let spaced = |letter: &str| after(letter).filter(|rest| rest.starts_with(['<', '_']));
    let came = after("+").or_else(|| spaced("A"));
    let went = after("-").or_else(|| spaced("D"));
    match (came, went) {
        (Some(statement), _) => Ok(Some((true, statement))),
        (_, Some(statement)) => Ok(Some((false, statement))),
        _ => Err(Error::new(Code::BadFile, "the line says neither + nor -").help(
            "begin lines with + or -; or give two files: APPLY DIFF 'added.nt' removed='removed.nt' TO …",
        )),
    }
}

fn marked(reading: &mut Reading<'_>, path: &Path) -> Result<Diff> {
    let (mut added, mut removed) = (Statements::default(), Statements::default());
    let mut same = Vec::new();
    reading.each_line(path, |_, line| {
        let Some((came, statement)) = mark(line)? else { return Ok(()) };
        let into = if came { &mut added } else { &mut removed };
        for quad in RdfParser::from_format(RdfFormat::NQuads).for_slice(statement) {
            let broken = |cause: oxrdfio::RdfSyntaxError| {
                Error::new(Code::BadFile, format!("broken N-Triples: {cause}"))
                    .help("a line is a mark and one statement: + <subject> <predicate> <object> .")
            };
            into.take(quad.map_err(broken)?, &mut same);
        }
        Ok(())
    })?;
    note_same(reading, same.len());
    Ok(Diff { added: added.finish(), removed: removed.finish() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, lenient: bool) -> Result<(Diff, Vec<String>)> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("changes.nt");
        std::fs::write(&path, text).unwrap();
        read_diff(&path, None, lenient, &Task::quiet())
    }

    #[test]
    fn marked_lines_come_and_go() {
        let text = "--- old.nt\n+++ new.nt\n@@ -1 +1 @@\n# a comment\n\n\
                    + <http://x/a> <http://x/r> <http://x/b> .\n\
                    -<http://x/a> <http://x/r> <http://x/c> .\n\
                    A <http://x/b> <http://x/age> \"7\"^^<http://www.w3.org/2001/XMLSchema#int> .\n\
                    D <http://x/c> <http://www.w3.org/2000/01/rdf-schema#label> \"C\"@en .\n";
        let (diff, notes) = read(text, false).unwrap();
        assert_eq!((diff.added.triples.len(), diff.added.attribute_triples.len()), (1, 1));
        assert_eq!((diff.removed.triples.len(), diff.removed.attribute_triples.len()), (1, 1));
        assert_eq!(diff.removed.label(1), "C");
        assert_eq!(notes, Vec::<String>::new());
    }

    #[test]
    fn what_says_neither_is_refused_with_its_place() {
        let text = "+ <http://x/a> <http://x/r> <http://x/b> .\n<http://x/a> <http://x/r> <http://x/b> .\n";
        let error = read(text, false).unwrap_err();
        assert_eq!((error.code(), error.message()), (Code::BadFile, "the line says neither + nor -"));
        assert!(matches!(error.place(), Some(crate::error::Place::File { line: Some(2), .. })));
        let (diff, notes) = read(text, true).unwrap();
        assert_eq!((diff.added.triples.len(), notes.len()), (1, 1));
        assert_eq!(read("+ _:b <http://x/r> <http://x/b> .\n", false).unwrap_err().code(), Code::BadValue);
        assert_eq!(read("+ <a b> .\n", false).unwrap_err().code(), Code::BadFile);
        assert_eq!(read("# nothing\n", false).unwrap_err().code(), Code::MissingData);
    }
}
