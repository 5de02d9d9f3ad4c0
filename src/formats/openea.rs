//! Folders with IRIs throughout: the OpenEA layout, and the raw DWY100K folder.
//!
//! `rel_triples_1|2` hold `head ⇥ relation ⇥ tail`, `attr_triples_1|2` `entity ⇥ attribute ⇥ literal`,
//! `ent_links` `left IRI ⇥ right IRI`. Entities are numbered as the triples, then the attribute triples
//! bring them up. The splits of one fold come from `<folds>/<n>/{train,valid,test}_links`.

use std::path::Path;

use crate::error::{Code, Error, Result};
use crate::kg::{GraphBuilder, Split};
use crate::ops::spec::Import;
use crate::task::Task;

use super::fields::{iri, tabbed};
use super::folder::Folder;
use super::literals::{self, Names};
use super::pair::PairSource;
use super::reading::{LinkList, Reading};

/// Reads a folder in the OpenEA layout. Without a fold in the request the first one gives the splits.
pub(super) fn read(spec: &Import, task: &Task, path: &Path) -> Result<PairSource> {
    let folder = Folder::open(path, "openea")?;
    read_folder(spec, task, &folder, "rel_triples")
}

/// Reads a raw DWY100K folder, whose relation triples are in `triples_1|2`.
pub(super) fn read_raw(spec: &Import, task: &Task, path: &Path) -> Result<PairSource> {
    let folder = Folder::open(path, "jape")?;
    read_folder(spec, task, &folder, "triples")
}

fn read_folder(spec: &Import, task: &Task, folder: &Folder, relations: &str) -> Result<PairSource> {
    let needed = [format!("{relations}_1"), format!("{relations}_2")];
    let absent: Vec<&str> =
        needed.iter().map(String::as_str).filter(|name| folder.find(name).is_none()).collect();
    if !absent.is_empty() {
        return Err(folder.missing(&[&absent.join(", ")]));
    }
    let mut reading = Reading::new(spec, task);
    let mut sides = [GraphBuilder::new(), GraphBuilder::new()];
    for (side, number) in sides.iter_mut().zip(["1", "2"]) {
        read_relations(&mut reading, &folder.need(&format!("{relations}_{number}"))?, side)?;
        if let Some(path) = folder.find(&format!("attr_triples_{number}")) {
            read_attributes(&mut reading, &path, side)?;
        }
    }
    let [left, right] = sides;
    let links = read_links(spec, &mut reading, folder, &left, &right)?;
    reading.finish(spec, left, right, links)
}

fn read_relations(reading: &mut Reading<'_>, path: &Path, side: &mut GraphBuilder) -> Result<()> {
    reading.each_line(path, |_, line| {
        let [head, relation, tail] = tabbed(line, "`head ⇥ relation ⇥ tail`")?;
        let (head, relation, tail) = (iri(head, "head")?, iri(relation, "relation")?, iri(tail, "tail")?);
        let (head, relation, tail) = (side.entity(head), side.relation(relation), side.entity(tail));
        side.triple(head, relation, tail);
        Ok(())
    })?;
    Ok(())
}

fn read_attributes(reading: &mut Reading<'_>, path: &Path, side: &mut GraphBuilder) -> Result<()> {
    let mut names = Names::default();
    reading.each_line(path, |_, line| {
        let parts: Vec<&str> = line.split('\t').collect();
        let [entity, attribute, literal @ ..] = parts.as_slice() else {
            return Err(too_few(parts.len()));
        };
        if literal.is_empty() {
            return Err(too_few(parts.len()));
        }
        let (entity, attribute) = (iri(entity, "entity")?, iri(attribute, "attribute")?);
        let literal = literals::from_fields(literal);
        let entity = side.entity(entity);
        names.offer(entity, attribute, &literal);
        let attribute = side.attribute(attribute);
        side.attribute_triple(entity, attribute, Some(literal));
        Ok(())
    })?;
    names.settle(side);
    Ok(())
}

fn too_few(found: usize) -> Error {
    let form = "`entity ⇥ attribute ⇥ literal`";
    Error::new(Code::BadFile, format!("expected at least 3 fields separated by tabs ({form}), found {found}"))
}

fn read_links(
    spec: &Import,
    reading: &mut Reading<'_>,
    folder: &Folder,
    left: &GraphBuilder,
    right: &GraphBuilder,
) -> Result<LinkList> {
    let mut links = LinkList::default();
    let all = folder.find("ent_links");
    if let Some(path) = &all {
        links.begin(path);
        reading.each_line(path, |tally, line| {
            let (l, r) = iri_pair(line)?;
            links.add(tally, (left.find_entity(l), right.find_entity(r)), None, (l, r));
            Ok(())
        })?;
    }
    let Some(fold) = find_fold(spec, reading, folder)? else {
        if all.is_none() {
            reading.note_no_links("looked for ent_links and a folder of folds");
        }
        return Ok(links);
    };
    let mut added = 0;
    for split in [Split::Train, Split::Valid, Split::Test] {
        let path = fold.need(&format!("{}_links", split.as_str()))?;
        links.begin(&path);
        reading.each_line(&path, |tally, line| {
            let (l, r) = iri_pair(line)?;
            match (left.find_entity(l), right.find_entity(r)) {
                (Some(l), Some(r)) if all.is_some() => added += usize::from(!links.assign(l, r, split)),
                // Counted with ent_links already.
                _ if all.is_some() => {}
                ends => links.add(tally, ends, Some(split), (l, r)),
            }
            Ok(())
        })?;
    }
    if added > 0 {
        reading.note(format!("{added} links of the fold are not in ent_links and were added"));
    }
    Ok(links)
}

fn iri_pair(line: &str) -> Result<(&str, &str)> {
    let [left, right] = tabbed(line, "`left IRI ⇥ right IRI`")?;
    Ok((iri(left, "left IRI")?, iri(right, "right IRI")?))
}

/// The folder of the fold asked for, or of the first one where none is asked for.
fn find_fold(spec: &Import, reading: &mut Reading<'_>, folder: &Folder) -> Result<Option<Folder>> {
    let mut sets: Vec<String> = folder.names().into_iter().filter(|name| name.ends_with("fold")).collect();
    // `721_5fold` is the usual one; folders of other shares may stand beside it.
    sets.sort_by_key(|name| name != "721_5fold");
    let Some(set) = sets.first() else {
        return match spec.fold {
            None => Ok(None),
            Some(fold) => Err(Error::new(
                Code::NotFound,
                format!("there is no fold {fold}: the folder has no 721_5fold"),
            )
            .help("leave out `fold`, or give the folder that holds 721_5fold")
            .path(folder.path())),
        };
    };
    let path = folder.path().join(set);
    let folds = Folder::open(&path, "openea")?.names();
    let wanted = spec.fold.unwrap_or(1).to_string();
    if !folds.contains(&wanted) {
        return Err(Error::new(Code::NotFound, format!("there is no fold {wanted}"))
            .help(format!("the folds are {}", folds.join(", ")))
            .path(&path));
    }
    if spec.fold.is_none() {
        reading.note(format!("the splits are those of {set}/1, as no fold was asked for"));
    }
    Folder::open(&path.join(&wanted), "openea").map(Some)
}
