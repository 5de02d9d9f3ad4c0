//! The MMKG layout: FB15K, DB15K, YAGO15K.
//!
//! A graph is what `<NAME>_EntityTriples.txt` (`head relation tail .`), `<NAME>_NumericalTriples.txt`
//! (`entity attribute value`) and `<NAME>_SameAsLink.txt` (`entity <SameAs> entity .`) hold, blanks
//! between the fields. A pair is two folders, the left graph's and the right's, each with one graph;
//! or one folder that holds two graphs, itself or in its subfolders. Then the graph without links of
//! its own is the left one, as every MMKG link starts at FB15K; failing that, the first by name. Links
//! are turned so that they go from left to right.

use std::path::{Path, PathBuf};

use crate::error::{Code, Error, Result};
use crate::kg::GraphBuilder;
use crate::ops::spec::Import;
use crate::task::Task;

use super::fields::iri;
use super::folder::Folder;
use super::literals;
use super::pair::PairSource;
use super::reading::{LinkList, Reading};

const TRIPLES: &str = "_EntityTriples.txt";

/// One graph's files.
#[derive(Debug)]
struct Files {
    name: String,
    triples: PathBuf,
    numbers: Option<PathBuf>,
    links: Option<PathBuf>,
}

/// Reads one folder with two graphs, or two folders with one each.
pub(super) fn read(spec: &Import, task: &Task) -> Result<PairSource> {
    let mut reading = Reading::new(spec, task);
    let [left, right] = match spec.paths.as_slice() {
        [one] => two_graphs(&mut reading, one)?,
        [left, right] => [one_graph(left)?, one_graph(right)?],
        paths => {
            return Err(Error::new(
                Code::Conflict,
                format!("the mmkg layout is one folder or two, {} paths are given", paths.len()),
            )
            .help("give one folder with both graphs, or the left graph's folder and the right's"));
        }
    };
    let mut builders = [GraphBuilder::new(), GraphBuilder::new()];
    for (files, builder) in [&left, &right].into_iter().zip(&mut builders) {
        read_triples(&mut reading, &files.triples, builder)?;
        if let Some(path) = &files.numbers {
            read_numbers(&mut reading, path, builder)?;
        }
    }
    let mut links = LinkList::default();
    for path in [&left.links, &right.links].into_iter().flatten() {
        read_links(&mut reading, path, &builders, &mut links)?;
    }
    if left.links.is_none() && right.links.is_none() {
        reading.note_no_links("looked for *_SameAsLink.txt");
    }
    let [left, right] = builders;
    reading.finish(spec, left, right, links)
}

/// The graphs whose files lie in a folder, by name.
fn graphs_in(folder: &Folder) -> Vec<Files> {
    let names = folder.names();
    let plain = |name: &String| {
        let name = name.strip_suffix(".gz").or(name.strip_suffix(".zst")).unwrap_or(name);
        name.strip_suffix(TRIPLES).map(str::to_string)
    };
    let mut graphs: Vec<String> = names.iter().filter_map(plain).collect();
    graphs.dedup();
    let files = |name: String| {
        Some(Files {
            triples: folder.find(&format!("{name}{TRIPLES}"))?,
            numbers: folder.find(&format!("{name}_NumericalTriples.txt")),
            links: folder.find(&format!("{name}_SameAsLink.txt")),
            name,
        })
    };
    graphs.into_iter().filter_map(files).collect()
}

fn one_graph(path: &Path) -> Result<Files> {
    let folder = Folder::open(path, "mmkg")?;
    let mut graphs = graphs_in(&folder);
    match (graphs.pop(), graphs.len()) {
        (Some(files), 0) => Ok(files),
        (None, _) => Err(folder.missing(&["*_EntityTriples.txt"])),
        (Some(last), more) => Err(Error::new(
            Code::BadFile,
            format!("the folder holds {} graphs up to {}, expected one", more + 1, last.name),
        )
        .help("give one folder a side with one graph in each, or just the folder with two graphs")
        .path(path)),
    }
}

fn two_graphs(reading: &mut Reading<'_>, path: &Path) -> Result<[Files; 2]> {
    let folder = Folder::open(path, "mmkg")?;
    let mut graphs = graphs_in(&folder);
    for name in folder.names() {
        if let Ok(below) = Folder::open(&path.join(name), "mmkg") {
            graphs.extend(graphs_in(&below));
        }
    }
    graphs.sort_by(|a, b| (a.links.is_some(), &a.name).cmp(&(b.links.is_some(), &b.name)));
    let names: Vec<&str> = graphs.iter().map(|files| files.name.as_str()).collect();
    let listed = names.join(", ");
    match <[Files; 2]>::try_from(graphs) {
        Ok(pair) => {
            reading.note(format!("{} is the left graph, {} the right one", pair[0].name, pair[1].name));
            Ok(pair)
        }
        Err(graphs) if graphs.is_empty() => Err(folder.missing(&["*_EntityTriples.txt"])),
        Err(graphs) => Err(Error::new(
            Code::BadFile,
            format!("the folder holds {} graphs ({listed}), expected two", graphs.len()),
        )
        .help("give two folders, the left graph's and the right's")
        .path(path)),
    }
}

/// The fields of a line between blanks, without the full stop that may end it.
fn fields(line: &str) -> Vec<&str> {
    let mut fields: Vec<&str> = line.split_whitespace().collect();
    if fields.last() == Some(&".") {
        fields.pop();
    }
    fields
}

fn wrong(form: &str, found: usize) -> Error {
    Error::new(Code::BadFile, format!("expected 3 fields separated by blanks ({form}), found {found}"))
}

fn read_triples(reading: &mut Reading<'_>, path: &Path, builder: &mut GraphBuilder) -> Result<()> {
    reading.each_line(path, |_, line| {
        let fields = fields(line);
        let [head, relation, tail] = fields.as_slice() else {
            return Err(wrong("`head relation tail .`", fields.len()));
        };
        let (head, relation, tail) = (iri(head, "head")?, iri(relation, "relation")?, iri(tail, "tail")?);
        let (head, relation, tail) = (builder.entity(head), builder.relation(relation), builder.entity(tail));
        builder.triple(head, relation, tail);
        Ok(())
    })?;
    Ok(())
}

fn read_numbers(reading: &mut Reading<'_>, path: &Path, builder: &mut GraphBuilder) -> Result<()> {
    reading.each_line(path, |_, line| {
        let fields = fields(line);
        let [entity, attribute, value @ ..] = fields.as_slice() else {
            return Err(wrong("`entity attribute value`", fields.len()));
        };
        if value.is_empty() {
            return Err(wrong("`entity attribute value`", fields.len()));
        }
        let (entity, attribute) = (iri(entity, "entity")?, iri(attribute, "attribute")?);
        let literal = literals::from_text(&value.join(" "));
        let (entity, attribute) = (builder.entity(entity), builder.attribute(attribute));
        builder.attribute_triple(entity, attribute, Some(literal));
        Ok(())
    })?;
    Ok(())
}

fn read_links(
    reading: &mut Reading<'_>,
    path: &Path,
    [left, right]: &[GraphBuilder; 2],
    links: &mut LinkList,
) -> Result<()> {
    links.begin(path);
    reading.each_line(path, |tally, line| {
        let fields = fields(line);
        let [a, relation, b] = fields.as_slice() else {
            return Err(wrong("`entity <SameAs> entity .`", fields.len()));
        };
        if !iri(relation, "relation")?.to_ascii_lowercase().ends_with("sameas") {
            return Err(Error::new(
                Code::BadFile,
                format!("expected <SameAs> in the middle, found '{relation}'"),
            ));
        }
        let (a, b) = (iri(a, "entity")?, iri(b, "entity")?);
        let ends = match (left.find_entity(b), right.find_entity(a)) {
            (Some(l), Some(r)) => (Some(l), Some(r)),
            _ => (left.find_entity(a), right.find_entity(b)),
        };
        links.add(tally, ends, None, (a, b));
        Ok(())
    })?;
    Ok(())
}
