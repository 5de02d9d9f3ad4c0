//! What may be on a disk after the power went, for every moment of a recorded history.
//!
//! A disk keeps what was synced. Of the rest it keeps what it likes: any of the later states of a name, any
//! of the later states of a file, a file only up to somewhere or with zeros for bytes that were not yet there.
//! Each name and each file choose for themselves, which is every order that writes may reach a disk in, and
//! some that they may not. What is written over a file that was synced comes whole or not at all: so is the seal
//! written, which is shorter than a sector, and the file of the key-value store, whose log takes care of torn
//! writes by itself; these are the assumptions we build on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rkyv::util::AlignedVec;

use super::{Bytes, Disk, MemoryFs, Node};
use crate::rng::Rng;

/// One step of a history.
#[derive(Clone)]
enum Step {
    Name { path: PathBuf, node: Option<u64> },
    Bytes { node: u64, bytes: Bytes, tears: bool },
    Sync { node: u64 },
    SyncDirectory { path: PathBuf },
}

/// The history of a disk, from its making.
#[derive(Clone, Default)]
pub(crate) struct Log(Vec<Step>);

impl Log {
    pub(super) fn name(&mut self, path: &Path, node: Option<u64>) {
        self.0.push(Step::Name { path: path.to_path_buf(), node });
    }

    pub(super) fn sync_directory(&mut self, path: &Path) {
        self.0.push(Step::SyncDirectory { path: path.to_path_buf() });
    }
}

impl Disk {
    pub(super) fn log_bytes(&mut self, path: &Path, bytes: &Bytes) {
        if let Some(&node) = self.names.get(path) {
            let synced = |step: &Step| matches!(step, Step::Sync { node: known } if *known == node);
            let tears = !self.log.0.iter().any(synced);
            self.log.0.push(Step::Bytes { node, bytes: bytes.clone(), tears });
        }
    }

    pub(super) fn log_sync(&mut self, path: &Path) {
        if let Some(&node) = self.names.get(path) {
            self.log.0.push(Step::Sync { node });
        }
    }
}

/// What of the steps that were not synced is on the disk.
pub(crate) enum Kept<'a> {
    /// Nothing.
    None,
    /// All of it.
    All,
    /// What comes out.
    Drawn(&'a mut Rng),
}

impl Kept<'_> {
    /// One of the last states from `first` of `count` on.
    fn choose(&mut self, first: usize, count: usize) -> usize {
        match self {
            Kept::None => first,
            Kept::All => count - 1,
            Kept::Drawn(rng) => first + rng.below(count - first),
        }
    }

    /// The bytes of a write that was not synced.
    fn torn(&mut self, bytes: &Bytes) -> Bytes {
        let Kept::Drawn(rng) = self else { return bytes.clone() };
        let length = match rng.below(3) {
            0 => return bytes.clone(),
            _ => rng.below(bytes.len() + 1),
        };
        let mut torn = AlignedVec::new();
        torn.extend_from_slice(&bytes[..length]);
        if rng.below(2) == 0 {
            torn.resize(bytes.len(), 0);
        }
        Arc::new(torn)
    }
}

/// The states that a name or a file was in, and the one that a sync made sure of.
struct States<T> {
    sure: usize,
    states: Vec<T>,
}

impl MemoryFs {
    /// How many steps there were.
    pub(crate) fn steps(&self) -> usize {
        self.disk().log.0.len()
    }

    /// The disk as it may be when the power went after so many steps.
    pub(crate) fn after_power_cut(&self, steps: usize, mut kept: Kept) -> MemoryFs {
        let was = self.disk();
        let mut names: BTreeMap<PathBuf, States<Option<u64>>> = BTreeMap::new();
        let mut files: BTreeMap<u64, States<(Bytes, bool)>> = BTreeMap::new();
        for step in &was.log.0[..steps] {
            match step {
                Step::Name { path, node } => {
                    let none = || States { sure: 0, states: vec![None] };
                    names.entry(path.clone()).or_insert_with(none).states.push(*node);
                }
                Step::Bytes { node, bytes, tears } => {
                    let empty = || States { sure: 0, states: vec![(Bytes::default(), false)] };
                    files.entry(*node).or_insert_with(empty).states.push((bytes.clone(), *tears));
                }
                Step::Sync { node } => {
                    if let Some(file) = files.get_mut(node) {
                        file.sure = file.states.len() - 1;
                    }
                }
                Step::SyncDirectory { path } => {
                    let inside = names.iter_mut().filter(|(name, _)| name.parent() == Some(path));
                    inside.for_each(|(_, name)| name.sure = name.states.len() - 1);
                }
            }
        }
        let mut disk = Disk { next: was.next, ..Disk::default() };
        for (path, name) in names {
            if let Some(node) = name.states[kept.choose(name.sure, name.states.len())] {
                disk.names.insert(path, node);
            }
        }
        // A name is reachable only through directories that are.
        let known = disk.names.clone();
        disk.names.retain(|path, _| {
            path.ancestors().skip(1).all(|above| above.parent().is_none() || known.contains_key(above))
        });
        for (&id, node) in &was.nodes {
            let bytes = match files.get(&id) {
                None => Bytes::default(),
                Some(file) => {
                    let chosen = kept.choose(file.sure, file.states.len());
                    let (bytes, tears) = &file.states[chosen];
                    if *tears && chosen > file.sure { kept.torn(bytes) } else { bytes.clone() }
                }
            };
            disk.nodes.insert(id, Node { directory: node.directory, current: bytes.clone(), synced: bytes });
        }
        disk.durable_names = disk.names.clone();
        MemoryFs(Arc::new(Mutex::new(disk)))
    }
}
