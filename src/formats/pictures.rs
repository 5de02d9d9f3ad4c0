//! Which picture files are whose: by the names of files, or by an index.
//!
//! In a **folder**, a picture or a sub-folder of pictures is named by its entity: the IRI percent-encoded, its last part
//! (`New_York.jpg` for `http://…/New_York`) or the source's id; `New_York_2.jpg` and `New_York-2.jpg` are further
//! pictures of the same. An **index** is a text file of `entity ⇥ picture` or, as MMKG's ImageIndex files have it,
//! `entity imgid` with blanks between; several lines an entity. The second field is a file, a folder of files, or a
//! file without its ending, beside the index or in a folder that is given. Whether a file is a picture is not asked here:
//! that is seen when it is decoded.
//!
//! A picture belongs to one entity. One that names entities of both graphs belongs to none: the same picture on both
//! sides would say that they are the same thing. Where each graph has pictures of its own, two paths say so.

use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;

use super::fields::{iri, tabbed};
use super::lines::Lines;
use super::lookup::Lookup;
use super::matrix::PairIds;
use super::report::Skipped;
use crate::error::{Code, Error, Result};
use crate::kg::{EntityId, Graph, Side, readable};
use crate::task::Task;

/// Endings that an index may leave out.
const ENDINGS: [&str; 5] = ["jpg", "jpeg", "png", "webp", "gif"];

/// Files of the left and of the right entities.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PictureFiles {
    /// Left and right: entity and file, by entity and then by path, each once.
    pub files: [Vec<(EntityId, PathBuf)>; 2],
    /// What was found and what was not.
    pub report: PicturesReport,
}

/// What was found of pictures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PicturesReport {
    /// Left and right entities with a file.
    pub entities: [u64; 2],
    /// Left and right files.
    pub files: [u64; 2],
    /// Files, folders and lines of an index whose entity is not in the pair.
    pub strangers: Skipped,
    /// Those that name several entities, or entities of both graphs.
    pub ambiguous: Skipped,
    /// Lines of an index whose file is not there.
    pub absent: Skipped,
}

/// Finds the pictures of a pair: `paths` is one folder or index over both graphs, or the left's and the right's.
/// Files that an index names lie in `folder`, or else beside it; `allowed` is asked of each before it is looked at.
///
/// # Errors
/// Those of `allowed`;
/// [`Code::NotFound`]; [`Code::BadFile`] for a line of an index that has not two fields; [`Code::MissingData`] if no
/// picture belongs to an entity; [`Code::Conflict`] for more than two paths; [`Code::Cancelled`].
pub fn find_pictures(
    paths: &[PathBuf],
    folder: Option<&Path>,
    pair: &PairIds<'_>,
    allowed: Allowed<'_>,
    task: &Task,
) -> Result<PictureFiles> {
    let both: [&[Side]; 2] = match paths.len() {
        1 => [&Side::BOTH, &[]],
        2 => [&Side::BOTH[..1], &Side::BOTH[1..]],
        count => {
            return Err(Error::new(Code::Conflict, format!("{count} paths are given, expected one or two"))
                .help("give one folder or index of pictures, or the left graph's and the right's"));
        }
    };
    let mut found = PictureFiles::default();
    for (path, sides) in paths.iter().zip(both) {
        let sides = sides.iter().map(|&side| (side, pair.side(side), Lookup::new(pair.side(side))));
        let mut search = Search { sides: sides.collect(), found: &mut found, allowed, task };
        match path.is_dir() {
            true => search.folder(path)?,
            false => search.index(path, folder.unwrap_or(crate::fs::parent(path)))?,
        }
    }
    for (side, files) in found.files.iter_mut().enumerate() {
        files.sort_unstable();
        files.dedup();
        found.report.files[side] = files.len() as u64;
        found.report.entities[side] = files.chunk_by(|a, b| a.0 == b.0).count() as u64;
    }
    if found.report.files == [0, 0] {
        let report = &found.report;
        let said = [&report.strangers, &report.ambiguous, &report.absent].map(|skipped| &skipped.first);
        let first: Vec<&str> = said.into_iter().flatten().take(3).map(String::as_str).collect();
        return Err(Error::new(Code::MissingData, "no picture here belongs to an entity of the pair")
            .help(match first[..] {
                [] => "files are named by IRI (percent-encoded), its last part or the source's id".into(),
                _ => format!(
                    "what is here: {}; files and lines name IRIs, their last parts or ids",
                    first.join(", ")
                ),
            })
            .path(&paths[0]));
    }
    Ok(found)
}

/// Fails for files that must not be read.
pub type Allowed<'a> = &'a dyn Fn(&Path) -> Result<()>;

/// Whose something is.
enum Whose {
    Nobody,
    Several,
    One(Side, EntityId),
}

struct Search<'a, 'b> {
    sides: Vec<(Side, &'a Graph, Lookup<'a>)>,
    found: &'b mut PictureFiles,
    allowed: Allowed<'b>,
    task: &'b Task,
}

impl Search<'_, '_> {
    fn folder(&mut self, path: &Path) -> Result<()> {
        for (seen, path) in entries(path)?.into_iter().enumerate() {
            if seen % 1024 == 0 {
                self.task.check()?;
            }
            let whose = self.by_file_name(&path);
            let files = if path.is_dir() { entries(&path)? } else { vec![path.clone()] };
            self.give(whose, files, || path.file_name().unwrap_or_default().to_string_lossy().into_owned());
        }
        Ok(())
    }

    fn index(&mut self, path: &Path, folder: &Path) -> Result<()> {
        let mut lines = Lines::open(path)?;
        while lines.advance()? {
            if lines.number() % 1024 == 1 {
                self.task.check()?;
            }
            let text = lines.text()?.trim_end();
            let place = |error: Error| error.file(path, lines.number(), text);
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let [entity, picture] = fields(text).map_err(place)?;
            let entity = iri(entity, "entity").map_err(place)?;
            let whose = self.whose(&[entity]);
            let header = ["entity", "iri", "id", "name"].iter().any(|word| entity.eq_ignore_ascii_case(word));
            if lines.number() == 1 && header && matches!(whose, Whose::Nobody) {
                continue;
            }
            let path_of = folder.join(picture);
            (self.allowed)(&path_of)?;
            let files = files_of(&path_of)?;
            files.iter().try_for_each(|file| (self.allowed)(file))?;
            let said = || format!("{picture} (line {})", lines.number());
            if files.is_empty() {
                self.found.report.absent.add(1, vec![said()]);
            } else {
                self.give(whose, files, || format!("{entity} (line {})", lines.number()));
            }
        }
        Ok(())
    }

    fn give(&mut self, whose: Whose, files: Vec<PathBuf>, name: impl Fn() -> String) {
        let report = &mut self.found.report;
        match whose {
            Whose::Nobody => report.strangers.add(1, vec![name()]),
            Whose::Several => report.ambiguous.add(1, vec![name()]),
            Whose::One(side, entity) => {
                let files = files.into_iter().map(|file| (entity, file));
                self.found.files[usize::from(side == Side::Right)].extend(files);
            }
        }
    }

    /// The entity that a file or folder is named by; what names more comes first, as a name may end in `_2`.
    fn by_file_name(&self, path: &Path) -> Whose {
        let text = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
        let (name, stem) = (text(path.file_name()), text(path.file_stem()));
        let mut names = vec![stem.as_str(), name.as_str()];
        if path.is_dir() {
            names.reverse();
        }
        for name in names.clone() {
            let unnumbered = name.trim_end_matches(|c: char| c.is_ascii_digit());
            if unnumbered.len() < name.len()
                && let Some(name) = unnumbered.strip_suffix(['_', '-'])
            {
                names.push(name);
            }
        }
        self.whose(&names)
    }

    /// Who has the first of these names that anybody has: as IRI or source id, as it stands or percent-decoded; else as
    /// the last part of an IRI; else as a name, whatever its case.
    fn whose(&self, names: &[&str]) -> Whose {
        for name in names.iter().filter(|name| !name.is_empty()) {
            let decoded = percent_decode_str(name).decode_utf8_lossy();
            let plain = decoded.replace('_', " ");
            let exact = |(side, _, lookup): &(Side, &Graph, Lookup<'_>)| {
                let found = lookup.find(name).or_else(|| lookup.find(&decoded))?;
                Some((*side, found.entity))
            };
            let called: Vec<(Side, EntityId, bool)> =
                match self.sides.iter().filter_map(exact).collect::<Vec<_>>()[..] {
                    [] => self.called(plain.trim()),
                    [(side, entity)] => return Whose::One(side, entity),
                    _ => return Whose::Several,
                };
            let same = called.iter().any(|(_, _, same)| *same);
            let mut called = called.into_iter().filter(|(_, _, is)| *is == same);
            match (called.next(), called.next()) {
                (Some((side, entity, _)), None) => return Whose::One(side, entity),
                (Some(_), Some(_)) => return Whose::Several,
                (None, _) => {}
            }
        }
        Whose::Nobody
    }

    /// Entities that are called so, and whether the last part of the IRI is just that.
    fn called(&self, text: &str) -> Vec<(Side, EntityId, bool)> {
        let of_side = |(side, graph, _): &(Side, &Graph, Lookup<'_>)| {
            let alive = graph.called(text).filter(|&entity| graph.is_alive(entity));
            let same = |entity: EntityId| readable(graph.entities.get(entity as usize)) == text;
            alive.map(|entity| (*side, entity, same(entity))).collect::<Vec<_>>()
        };
        self.sides.iter().flat_map(of_side).collect()
    }
}

/// The two fields of a line of an index.
fn fields(line: &str) -> Result<[&str; 2]> {
    if line.contains('\t') {
        return tabbed(line, "`entity ⇥ picture`");
    }
    let mut fields = line.split_whitespace();
    match [fields.next(), fields.next(), fields.next()] {
        [Some(entity), Some(picture), None] => Ok([entity, picture]),
        [_, second, _] => Err(Error::new(
            Code::BadFile,
            format!(
                "expected an entity and a picture, found {}",
                if second.is_none() { "one field" } else { "more" }
            ),
        )
        .help("separate the two by a tab; then they may have blanks in them")),
    }
}

/// The files that an index means: one, those of a folder, or the one with an ending.
fn files_of(path: &Path) -> Result<Vec<PathBuf>> {
    if path.is_dir() {
        return Ok(entries(path)?.into_iter().filter(|path| path.is_file()).collect());
    }
    if path.is_file() {
        return Ok(vec![path.to_path_buf()]);
    }
    let ended = |ending: &&str| {
        let mut name = path.as_os_str().to_os_string();
        name.push(".");
        name.push(ending);
        PathBuf::from(name)
    };
    Ok(ENDINGS.iter().map(ended).find(|path| path.is_file()).into_iter().collect())
}

/// What is in a folder, by name, but for hidden files.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |cause| Error::io("cannot list the folder of pictures", cause).path(folder);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            paths.push(entry.path());
        }
    }
    paths.sort_unstable();
    Ok(paths)
}

#[cfg(test)]
mod tests;
