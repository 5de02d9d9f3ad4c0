//! Folders with integer ids: the dbp15k layout, and the jape/bootea layouts that build on it.
//!
//! `ent_ids_1|2` list `id ⇥ IRI`, and their order is the order of the entities; `triples_1|2` hold
//! `head ⇥ relation ⇥ tail`. Links come from `ill_ent_ids`, or from `sup_ent_ids` (train),
//! `val_ent_ids` (valid) and `ref_ent_ids` (test); where both are there, the latter give the splits.
//! `rel_ids` or `rel_ids_1|2` name the relations, `training_attrs_1|2` the attributes of entities, and
//! a JSON of translated names, in the folder or beside it, names the left entities.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::error::{Code, Error, Result};
use crate::kg::{EntityId, GraphBuilder, Side, Split};
use crate::ops::spec::Import;
use crate::task::Task;

use super::fields::{integer, iri, tabbed};
use super::folder::Folder;
use super::pair::PairSource;
use super::reading::{LinkList, Reading};
use super::report::LintKind;
use super::translated;

/// The files that give links their split, by the usual names.
const SPLITS: [(&str, Split); 3] =
    [("sup_ent_ids", Split::Train), ("val_ent_ids", Split::Valid), ("ref_ent_ids", Split::Test)];

/// Reads a folder in the dbp15k layout. A folder that uses an id on both sides is refused, unless
/// `remap_ids` gives the right side new ids past the left's largest.
pub(super) fn read(spec: &Import, task: &Task, path: &Path) -> Result<PairSource> {
    let folder = Folder::open(path, "dbp15k")?;
    let mut reading = Reading::new(spec, task);
    let mut sides = read_entities(&mut reading, &folder)?;
    let shared = sides.shared();
    if let Some(&(id, ..)) = shared.first() {
        if !spec.remap_ids {
            return Err(repeated_ids(&folder, &sides, &shared, id));
        }
        let count = sides.move_right_ids(|_| true)?;
        reading.note(format!(
            "{} ids stood for entities of both sides; the {count} right entities got new ids past the left's largest",
            shared.len()
        ));
    }
    let links = read_links(&mut reading, &folder, &sides, &[])?;
    read_rest(spec, reading, &folder, path, sides, links)
}

/// The error for a folder that uses ids twice.
pub(super) fn repeated_ids(
    folder: &Folder,
    sides: &Sides,
    shared: &[(u32, EntityId, EntityId)],
    id: u32,
) -> Error {
    let (_, left, right) = shared[0];
    let count = match shared.len() {
        1 => "1 id stands".to_string(),
        more => format!("{more} ids stand"),
    };
    Error::new(
        Code::BadFile,
        format!(
            "{count} for entities of both sides, such as {id} for '{}' and '{}'",
            sides.left.builder.iri(left),
            sides.right.builder.iri(right),
        ),
    )
    .help(
        "import with `remap_ids=true` to give the right side ids of its own; if both ends of a training \
         link share one id, import it as `jape`, with such links only in sup_ent_ids",
    )
    .path(&folder.find("ent_ids_2").unwrap_or_else(|| folder.path().join("ent_ids_2")))
}

/// One side while it is read.
#[derive(Default)]
pub(super) struct IdSide {
    builder: GraphBuilder,
    /// From the id in the files to the entity.
    ids: HashMap<u32, EntityId>,
    /// Ids to keep with the graph, by entity.
    kept: Vec<u32>,
}

/// Both sides while they are read.
pub(super) struct Sides {
    pub left: IdSide,
    pub right: IdSide,
}

impl Sides {
    /// Ids that stand for an entity on either side, in the order of the right side.
    pub fn shared(&self) -> Vec<(u32, EntityId, EntityId)> {
        let ids = self.right.kept.iter().enumerate();
        ids.filter_map(|(right, id)| Some((*id, *self.left.ids.get(id)?, right as EntityId))).collect()
    }

    /// Number of entities of the smaller side.
    pub fn smaller(&self) -> usize {
        self.left.kept.len().min(self.right.kept.len())
    }

    /// The entity behind an id on a side.
    pub fn find(&self, side: Side, id: u32) -> Option<EntityId> {
        match side {
            Side::Left => self.left.ids.get(&id).copied(),
            Side::Right => self.right.ids.get(&id).copied(),
        }
    }

    /// Gives the right entities whose id passes `choose` new kept ids, past all ids in use and in file
    /// order; says how many. The files keep their meaning.
    pub fn move_right_ids(&mut self, choose: impl Fn(u32) -> bool) -> Result<usize> {
        let mut next = self.left.kept.iter().copied().max().map_or(0, |id| u64::from(id) + 1);
        if let Some(stays) = self.right.kept.iter().copied().filter(|&id| !choose(id)).max() {
            next = next.max(u64::from(stays) + 1);
        }
        let mut count = 0;
        for id in self.right.kept.iter_mut().filter(|id| choose(**id)) {
            *id = u32::try_from(next).map_err(|_| {
                Error::new(Code::BadValue, "no ids are left past the largest id of the left side")
                    .help("renumber the entities of the folder from 0")
            })?;
            next += 1;
            count += 1;
        }
        Ok(count)
    }
}

/// Reads `ent_ids_1` and `ent_ids_2`.
pub(super) fn read_entities(reading: &mut Reading<'_>, folder: &Folder) -> Result<Sides> {
    let absent: Vec<&str> = ["ent_ids_1", "ent_ids_2", "triples_1", "triples_2"]
        .into_iter()
        .filter(|name| folder.find(name).is_none())
        .collect();
    if !absent.is_empty() {
        return Err(folder.missing(&[&absent.join(", ")]));
    }
    let left = read_side(reading, &folder.need("ent_ids_1")?, Side::Left)?;
    let right = read_side(reading, &folder.need("ent_ids_2")?, Side::Right)?;
    Ok(Sides { left, right })
}

fn read_side(reading: &mut Reading<'_>, path: &Path, at: Side) -> Result<IdSide> {
    let mut side = IdSide::default();
    reading.each_line(path, |tally, line| {
        let [id, name] = tabbed(line, "`id ⇥ IRI`")?;
        let id = integer(id, "entity id")?;
        let name = iri(name, "IRI")?;
        if let Some(&known) = side.ids.get(&id) {
            let known = side.builder.iri(known);
            if known != name {
                return Err(Error::new(Code::BadFile, format!("the id {id} already stands for '{known}'"))
                    .help("give each entity an id of its own"));
            }
            tally.add(LintKind::RepeatedId, Some(at), || line.to_string());
            return Ok(());
        }
        if let Some(known) = side.builder.find_entity(name) {
            tally.add(LintKind::RepeatedIri, Some(at), || line.to_string());
            side.ids.insert(id, known);
            return Ok(());
        }
        side.ids.insert(id, side.builder.entity(name));
        side.kept.push(id);
        Ok(())
    })?;
    Ok(side)
}

/// Reads the link files. `implied` are training links known already (from shared ids).
pub(super) fn read_links(
    reading: &mut Reading<'_>,
    folder: &Folder,
    sides: &Sides,
    implied: &[(EntityId, EntityId)],
) -> Result<LinkList> {
    let mut links = LinkList::default();
    let all = folder.find("ill_ent_ids");
    if let Some(path) = &all {
        links.begin(path);
        reading.each_line(path, |tally, line| {
            let (written, (left, right)) = id_pair(line)?;
            let ends = (sides.find(Side::Left, left), sides.find(Side::Right, right));
            links.add(tally, ends, None, written);
            Ok(())
        })?;
    }
    for &(left, right) in implied {
        links.assign(left, right, Split::Train);
    }
    let parts: Vec<(PathBuf, Split)> =
        SPLITS.iter().filter_map(|(name, split)| Some((folder.find(name)?, *split))).collect();
    // A lone `ref_ent_ids` lists all links: nothing is held out for training.
    let lone = all.is_none() && implied.is_empty() && parts.len() == 1;
    let mut added = 0;
    for (path, split) in &parts {
        if *split == Split::Train && !implied.is_empty() {
            continue;
        }
        links.begin(path);
        reading.each_line(path, |tally, line| {
            let (written, (left, right)) = id_pair(line)?;
            let ends = (sides.find(Side::Left, left), sides.find(Side::Right, right));
            match ends {
                (Some(left), Some(right)) if all.is_some() => {
                    added += usize::from(!links.assign(left, right, *split));
                }
                // Counted with ill_ent_ids already.
                _ if all.is_some() => {}
                _ => links.add(tally, ends, (!lone).then_some(*split), written),
            }
            Ok(())
        })?;
    }
    if added > 0 {
        reading.note(format!("{added} links of the split files are not in ill_ent_ids and were added"));
    }
    if all.is_none() && parts.is_empty() && implied.is_empty() {
        reading.note_no_links("looked for ill_ent_ids, sup_ent_ids, val_ent_ids and ref_ent_ids");
    }
    if lone && links.len() > 0 {
        reading.note("one file holds all reference links, so they have no splits");
    }
    Ok(links)
}

/// Two ids as written and as numbers.
type IdPair<'a> = ((&'a str, &'a str), (u32, u32));

/// The two ids of a link line.
fn id_pair(line: &str) -> Result<IdPair<'_>> {
    let [left, right] = tabbed(line, "`left id ⇥ right id`")?;
    Ok(((left, right), (integer(left, "left id")?, integer(right, "right id")?)))
}

/// Reads triples, relation names, attributes and translated names, and closes the import.
pub(super) fn read_rest(
    spec: &Import,
    mut reading: Reading<'_>,
    folder: &Folder,
    given: &Path,
    mut sides: Sides,
    links: LinkList,
) -> Result<PairSource> {
    let common = folder.find("rel_ids").map(|path| relation_names(&mut reading, &path)).transpose()?;
    for (number, at) in [("1", Side::Left), ("2", Side::Right)] {
        let own = folder
            .find(&format!("rel_ids_{number}"))
            .map(|path| relation_names(&mut reading, &path))
            .transpose()?;
        let names = own.as_ref().or(common.as_ref());
        let side = if at == Side::Left { &mut sides.left } else { &mut sides.right };
        read_triples(&mut reading, &folder.need(&format!("triples_{number}"))?, at, side, names)?;
        if let Some(path) = beside(folder, given, &format!("training_attrs_{number}")) {
            read_attributes(&mut reading, &path, at, side)?;
        }
    }
    if let Some(path) = names_file(folder, given) {
        read_names(&mut reading, &path, &mut sides)?;
    }
    let [left, right] = [sides.left, sides.right].map(|mut side| {
        side.builder.source_ids(side.kept);
        side.builder
    });
    reading.finish(spec, left, right, links)
}

fn relation_names(reading: &mut Reading<'_>, path: &Path) -> Result<HashMap<u32, String>> {
    let mut names: HashMap<u32, String> = HashMap::new();
    reading.each_line(path, |_, line| {
        let [id, name] = tabbed(line, "`id ⇥ IRI`")?;
        let id = integer(id, "relation id")?;
        let name = iri(name, "IRI")?;
        match names.get(&id) {
            Some(known) if known != name => {
                Err(Error::new(Code::BadFile, format!("the relation id {id} already stands for '{known}'"))
                    .help("give each relation an id of its own"))
            }
            _ => {
                names.insert(id, name.to_string());
                Ok(())
            }
        }
    })?;
    Ok(names)
}

fn read_triples(
    reading: &mut Reading<'_>,
    path: &Path,
    at: Side,
    side: &mut IdSide,
    names: Option<&HashMap<u32, String>>,
) -> Result<()> {
    let entities = if at == Side::Left { "ent_ids_1" } else { "ent_ids_2" };
    let mut relations: HashMap<u32, u32> = HashMap::new();
    reading.each_line(path, |tally, line| {
        let [head, relation, tail] = tabbed(line, "`head ⇥ relation ⇥ tail`")?;
        let end = |text, what| {
            let id = integer(text, what)?;
            side.ids.get(&id).copied().ok_or_else(|| {
                Error::new(Code::BadFile, format!("the {what} {id} is not an entity of {entities}"))
                    .help("check that the files belong to one another")
            })
        };
        let (head, tail) = (end(head, "head")?, end(tail, "tail")?);
        let number = integer(relation, "relation id")?;
        let relation = match relations.get(&number) {
            Some(&relation) => relation,
            None => {
                let relation = match names.and_then(|names| names.get(&number)) {
                    Some(name) => side.builder.relation(name),
                    None => {
                        tally.add(LintKind::UnnamedRelation, Some(at), || number.to_string());
                        side.builder.relation(&number.to_string())
                    }
                };
                relations.insert(number, relation);
                relation
            }
        };
        side.builder.triple(head, relation, tail);
        Ok(())
    })?;
    Ok(())
}

fn read_attributes(reading: &mut Reading<'_>, path: &Path, at: Side, side: &mut IdSide) -> Result<()> {
    reading.each_line(path, |tally, line| {
        let mut fields = line.split('\t').filter(|field| !field.trim().is_empty());
        let entity = iri(fields.next().unwrap_or(""), "entity")?;
        let Some(entity) = side.builder.find_entity(entity) else {
            tally.add(LintKind::UnknownAttributeEntity, Some(at), || entity.to_string());
            return Ok(());
        };
        for field in fields {
            let attribute = side.builder.attribute(iri(field, "attribute")?);
            side.builder.attribute_triple(entity, attribute, None);
        }
        Ok(())
    })?;
    Ok(())
}

fn read_names(reading: &mut Reading<'_>, path: &Path, sides: &mut Sides) -> Result<()> {
    reading.phase(path)?;
    let (mut right, mut unknown) = (0u64, 0u64);
    let Sides { left, right: other } = sides;
    translated::read(path, reading.task, |id, name| match left.ids.get(&id) {
        Some(_) if name.trim().is_empty() => {}
        Some(&entity) => left.builder.name(entity, name),
        None if other.ids.contains_key(&id) => right += 1,
        None => unknown += 1,
    })?;
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    if right > 0 {
        reading.note(format!("{file} also has names for {right} right entities; they keep their own"));
    }
    if unknown > 0 {
        reading.note(format!("{file} names {unknown} ids that neither side has"));
    }
    Ok(())
}

/// A file in the folder, in one of the folders above it up to the given one, or in the given one.
fn beside(folder: &Folder, given: &Path, name: &str) -> Option<PathBuf> {
    let above = folder.path().ancestors().take_while(|path| path.starts_with(given));
    above.filter_map(|path| Folder::open(path, "dbp15k").ok()).find_map(|folder| folder.find(name))
}

/// The JSON of translated names: `dbp_<pair>.json` in the folder, in its `translated_ent_name`, or in
/// a `translated_ent_name` beside it.
fn names_file(folder: &Folder, given: &Path) -> Option<PathBuf> {
    // The pair is named after the folder that was given; `.` and `..` have a name only once resolved.
    let whole = given.canonicalize().ok()?;
    let file = format!("dbp_{}.json", whole.file_name()?.to_string_lossy());
    let inside = [folder.path(), given].into_iter().flat_map(|path| [path.to_path_buf(), path.join(NAMES)]);
    inside.chain([names_beside(given)]).find_map(|path| Folder::open(&path, "dbp15k").ok()?.find(&file))
}

/// The folder of translated names beside a folder that was given.
pub(crate) fn names_beside(given: &Path) -> PathBuf {
    given.join("..").join(NAMES)
}

/// The folder of translated names, as the reference systems ship it.
const NAMES: &str = "translated_ent_name";
