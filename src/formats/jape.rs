//! The folders of JAPE and BootEA: `mapping/0_3`, `sharing/0_3`, and the raw DWY100K folder.
//!
//! `mapping` is the dbp15k layout with splits. In `sharing` both ends of a training link have one id:
//! such ids are found, the links they stand for become the training links, and the right entity gets a
//! new id past all others. A raw folder has IRIs throughout: `ent_links`, `triples_1|2`,
//! `attr_triples_1|2`. The folder given may be the innermost one or any above it; where it holds both
//! variants, `mapping` is read.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::ops::spec::Import;
use crate::task::Task;

use super::dbp15k::{self, Sides};
use super::folder::Folder;
use super::lines::Lines;
use super::openea;
use super::pair::PairSource;
use super::reading::Reading;

/// Where the files are, below the folder given.
const PLACES: [&str; 8] =
    ["", "mapping/0_3", "sharing/0_3", "mtranse/0_3", "0_3", "mapping", "sharing", "mtranse"];

/// Reads a folder of JAPE or BootEA.
pub(super) fn read(spec: &Import, task: &Task, path: &Path) -> Result<PairSource> {
    let given = Folder::open(path, "jape")?;
    let places: Vec<PathBuf> = PLACES
        .iter()
        .map(|place| if place.is_empty() { path.to_path_buf() } else { path.join(place) })
        .filter_map(|place| Folder::open(&place, "jape").ok()?.find("ent_ids_1").map(|_| place))
        .collect();
    let Some(place) = places.first() else {
        if given.find("ent_links").is_some() {
            return openea::read_raw(spec, task, path);
        }
        return Err(given.missing(&[
            "ent_ids_1",
            "mapping/0_3/ent_ids_1",
            "sharing/0_3/ent_ids_1",
            "ent_links",
        ]));
    };
    let folder = Folder::open(place, "jape")?;
    let mut reading = Reading::new(spec, task);
    if place != path {
        let below = place.strip_prefix(path).unwrap_or(place).display();
        reading.note(match places.get(1) {
            Some(_) => format!("the folder has several variants; {below} was read"),
            None => format!("the files are in {below}"),
        });
    }
    let mut sides = dbp15k::read_entities(&mut reading, &folder)?;
    let shared = sides.shared();
    let mut implied = Vec::new();
    if let Some(&(id, ..)) = shared.first() {
        if is_sharing(&folder, &sides, shared.len())? {
            implied = shared.iter().map(|&(_, left, right)| (left, right)).collect();
            let ids: HashSet<u32> = shared.iter().map(|&(id, ..)| id).collect();
            sides.move_right_ids(|id| ids.contains(&id))?;
            reading.note(format!(
                "{} ids stand for both ends of a training link; their right entities got new ids past all others",
                ids.len()
            ));
        } else if spec.remap_ids {
            let count = sides.move_right_ids(|_| true)?;
            reading.note(format!("the {count} right entities got new ids past the left's largest"));
        } else {
            return Err(dbp15k::repeated_ids(&folder, &sides, &shared, id));
        }
    }
    let links = dbp15k::read_links(&mut reading, &folder, &sides, &implied)?;
    dbp15k::read_rest(spec, reading, &folder, path, sides, links)
}

/// Whether ids on both sides mean training links: `sup_ent_ids`, if there is one, gives one id or the
/// same id twice, and at least one side has entities that are not shared.
fn is_sharing(folder: &Folder, sides: &Sides, shared: usize) -> Result<bool> {
    if let Some(path) = folder.find("sup_ent_ids") {
        let mut lines = Lines::open(&path)?;
        while lines.advance()? {
            // A line that is no text is for the reader of links to report.
            let fields: Vec<&str> = lines.text().unwrap_or("").split_whitespace().collect();
            match fields.as_slice() {
                [] | [_] => {}
                [left, right] if left == right => {}
                _ => return Ok(false),
            }
        }
        return Ok(true);
    }
    Ok(shared < sides.smaller())
}
