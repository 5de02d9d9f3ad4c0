//! One piece of damage to one file.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use crate::files::files;

use seedbed::Rng;

use super::store::copy;

/// The kinds of file in a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Format,
    Current,
    Lock,
    Seal,
    Log,
    Configuration,
    Snapshot,
    Object,
}

pub const KINDS: [Kind; 8] = [
    Kind::Format,
    Kind::Current,
    Kind::Lock,
    Kind::Seal,
    Kind::Log,
    Kind::Configuration,
    Kind::Snapshot,
    Kind::Object,
];

impl Kind {
    /// The kind of a file, by its path within the store.
    pub fn of(path: &Path) -> Kind {
        let name = path.file_name().unwrap().to_str().unwrap();
        match (path.components().next().unwrap().as_os_str().to_str().unwrap(), name) {
            ("FORMAT", _) => Kind::Format,
            ("CURRENT", _) => Kind::Current,
            ("LOCK", _) => Kind::Lock,
            ("SEAL", _) => Kind::Seal,
            ("objects", _) => Kind::Object,
            (_, "db") => Kind::Log,
            (_, "conf") => Kind::Configuration,
            (_, snapshot) if snapshot.starts_with("snap.") => Kind::Snapshot,
            _ => panic!("{} is of no known kind", path.display()),
        }
    }
}

/// The kinds of damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Harm {
    OneBit,
    SomeBits,
    CutShort,
    PageOfZeros,
    JunkAtTheEnd,
    Swapped,
    OlderSelf,
    Replaced,
    Removed,
    Emptied,
}

pub const HARMS: [Harm; 10] = [
    Harm::OneBit,
    Harm::SomeBits,
    Harm::CutShort,
    Harm::PageOfZeros,
    Harm::JunkAtTheEnd,
    Harm::Swapped,
    Harm::OlderSelf,
    Harm::Replaced,
    Harm::Removed,
    Harm::Emptied,
];

/// What was done to which file, for a person.
pub struct Done {
    pub kind: Kind,
    pub harm: Harm,
    pub what: String,
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of {:?}: {}", self.harm, self.kind, self.what)
    }
}

/// Damages a file of the store in `dir`; `older` are copies of the store from before, with the same files
/// as they were then. What would change nothing is drawn again.
pub fn damage(dir: &Path, older: &[PathBuf], rng: &mut Rng) -> Done {
    let files = files(dir);
    loop {
        let (kind, harm) = (KINDS[rng.below(KINDS.len())], HARMS[rng.below(HARMS.len())]);
        let of_kind: Vec<&PathBuf> = files.iter().filter(|path| Kind::of(path) == kind).collect();
        let file = of_kind[rng.below(of_kind.len())];
        let other = &files[rng.below(files.len())];
        if (kind, harm) == (Kind::Log, Harm::OlderSelf) && rng.below(2) == 0 {
            // A log that fits its snapshot, but not the rest of the store.
            let (now, then) = (dir.join(file), older[older.len() - 1].join(file));
            let (now, then) = (now.parent().unwrap(), then.parent().unwrap());
            fs::remove_dir_all(now).unwrap();
            copy(then, now);
            return Done { kind, harm, what: "with all of the catalogue".to_string() };
        }
        let was = fs::read(dir.join(file)).unwrap();
        let changed = change(dir, older, rng, harm, file, &was, other);
        let Some((bytes, what)) = changed.filter(|(bytes, _)| bytes.as_ref() != Some(&was)) else { continue };
        if harm == Harm::Swapped {
            fs::write(dir.join(other), &was).unwrap();
        }
        match bytes {
            Some(bytes) => fs::write(dir.join(file), bytes).unwrap(),
            None => fs::remove_file(dir.join(file)).unwrap(),
        }
        return Done { kind, harm, what: format!("{} {what}", file.display()) };
    }
}

/// What the file's bytes become, `None` if it goes, and how that came about.
fn change(
    dir: &Path,
    older: &[PathBuf],
    rng: &mut Rng,
    harm: Harm,
    file: &Path,
    was: &[u8],
    other: &Path,
) -> Option<(Option<Vec<u8>>, String)> {
    let mut bytes = was.to_vec();
    let what = match harm {
        Harm::OneBit | Harm::SomeBits if was.is_empty() => return None,
        Harm::OneBit => format!("at {}", flip(&mut bytes, rng)),
        Harm::SomeBits => {
            let places: Vec<String> =
                (0..2 + rng.below(14)).map(|_| flip(&mut bytes, rng).to_string()).collect();
            format!("at {}", places.join(", "))
        }
        Harm::CutShort if was.is_empty() => return None,
        Harm::CutShort => {
            bytes.truncate(rng.below(was.len()));
            format!("from {} to {}", was.len(), bytes.len())
        }
        Harm::PageOfZeros => {
            let page = rng.below(was.len().div_ceil(4096).max(1)) * 4096;
            bytes.iter_mut().skip(page).take(4096).for_each(|byte| *byte = 0);
            format!("at {page}")
        }
        Harm::JunkAtTheEnd => {
            let junk: Vec<u8> = (0..1 + rng.below(5000)).map(|_| rng.below(256) as u8).collect();
            bytes.extend(&junk);
            format!("of {} bytes", junk.len())
        }
        Harm::OlderSelf => {
            let then = &older[rng.below(older.len())];
            bytes = fs::read(then.join(file)).ok()?;
            format!("as in {}", then.file_name().unwrap().display())
        }
        Harm::Swapped | Harm::Replaced => {
            bytes = fs::read(dir.join(other)).unwrap();
            format!("with {}", other.display())
        }
        Harm::Removed => return Some((None, String::new())),
        Harm::Emptied => {
            bytes.clear();
            String::new()
        }
    };
    Some((Some(bytes), what))
}

/// Flips a bit, by preference where something is written; says in which byte.
fn flip(bytes: &mut [u8], rng: &mut Rng) -> usize {
    let mut at = rng.below(bytes.len());
    for _ in 0..20 {
        if bytes[at] != 0 {
            break;
        }
        at = rng.below(bytes.len());
    }
    bytes[at] ^= 1 << rng.below(8);
    at
}
