//! Shared data and goldens for the tests of seeding, matching and judging.

use std::path::{Path, PathBuf};

use crate::features::{Matrix, Modality, OwnedFeature, Presence};
use crate::kg::{Link, Triple};
use crate::ops::spec::Missing;
use crate::psqe::Evidence;
use crate::shared::data_dir;

/// A modality of both sides that the tests own.
#[derive(Clone)]
pub(crate) struct Owned {
    pub(crate) modality: Modality,
    pub(crate) left: OwnedFeature,
    pub(crate) right: OwnedFeature,
}

impl Owned {
    /// Dense rows; all present.
    pub(crate) fn dense(name: &str, left: Vec<f32>, right: Vec<f32>, cols: usize) -> Owned {
        let side = |data: Vec<f32>| OwnedFeature {
            present: Presence::filled(data.len() / cols, true),
            rows: Matrix::Dense { data, cols },
        };
        Owned { modality: Modality::new(name).unwrap(), left: side(left), right: side(right) }
    }

    /// Rows of both sides in one matrix, the left ones first.
    pub(crate) fn stacked(name: &str, mut rows: Vec<f32>, left: usize, cols: usize) -> Owned {
        let right = rows.split_off(left * cols);
        Owned::dense(name, rows, right, cols)
    }

    /// Keeps only the rows that are `present`.
    pub(crate) fn keep(mut self, present: (Presence, Presence)) -> Owned {
        for (side, present) in [(&mut self.left, present.0), (&mut self.right, present.1)] {
            if let Matrix::Dense { data, cols } = &mut side.rows {
                for (i, row) in data.chunks_exact_mut(*cols).enumerate() {
                    if !present.get(i) {
                        row.fill(0.0);
                    }
                }
            }
            side.present = present;
        }
        self
    }
}

pub(crate) fn evidence(modalities: &[Owned], missing: Missing) -> Evidence<'_> {
    let parts = modalities.iter().map(|m| (m.modality.clone(), m.left.view(), m.right.view()));
    Evidence::new(parts.collect(), missing, 42).unwrap()
}

/// `inputs/zh_en`: rows of the left and right side by their place in `left_ids` and `right_ids`.
pub(crate) struct Inputs {
    dir: PathBuf,
    pub(crate) left: Vec<u32>,
    pub(crate) right: Vec<u32>,
    place: Vec<u32>,
}

fn ints(path: &Path) -> Vec<i64> {
    let file = npyz::NpyFile::new(std::fs::File::open(path).unwrap()).unwrap();
    file.into_vec::<i32>().unwrap().into_iter().map(i64::from).collect()
}

impl Inputs {
    pub(crate) fn open() -> Option<Inputs> {
        let dir = data_dir()?.join("inputs/zh_en");
        let ids = |name: &str| -> Vec<u32> { ints(&dir.join(name)).iter().map(|&id| id as u32).collect() };
        let (left, right) = (ids("left_ids.npy"), ids("right_ids.npy"));
        let mut place = vec![0; left.len() + right.len()];
        for side in [&left, &right] {
            (0u32..).zip(side).for_each(|(row, &id)| place[id as usize] = row);
        }
        Some(Inputs { dir, left, right, place })
    }

    /// A modality; without `present` all rows are real.
    pub(crate) fn modality(&self, name: &str, file: &str, present: Option<&str>) -> Owned {
        let file = npyz::NpyFile::new(std::fs::File::open(self.dir.join(file)).unwrap()).unwrap();
        let cols = file.shape()[1] as usize;
        let all: Vec<f32> = file.into_vec::<half::f16>().unwrap().iter().map(|x| x.to_f32()).collect();
        let rows = |ids: &[u32]| -> Vec<f32> {
            let row = |&id: &u32| all[id as usize * cols..(id as usize + 1) * cols].iter().copied();
            ids.iter().flat_map(row).collect()
        };
        let owned = Owned::dense(name, rows(&self.left), rows(&self.right), cols);
        let Some(present) = present else { return owned };
        let file = npyz::NpyFile::new(std::fs::File::open(self.dir.join(present)).unwrap()).unwrap();
        let flags: Vec<bool> = file.into_vec::<bool>().unwrap();
        let side = |ids: &[u32]| ids.iter().map(|&id| flags[id as usize]).collect::<Presence>();
        owned.keep((side(&self.left), side(&self.right)))
    }

    pub(crate) fn links(&self, file: &str) -> Vec<Link> {
        let ends = ints(&self.dir.join(file));
        let of = |id: i64| self.place[id as usize];
        ends.as_chunks::<2>()
            .0
            .iter()
            .map(|&[l, r]| Link { left: of(l), right: of(r), split: None })
            .collect()
    }

    pub(crate) fn triples(&self) -> (Vec<Triple>, Vec<Triple>) {
        let all = ints(&self.dir.join("triples.npy"));
        let left: std::collections::HashSet<u32> = self.left.iter().copied().collect();
        let of = |id: i64| self.place[id as usize];
        let triples = all.as_chunks::<3>().0.iter();
        let (a, b): (Vec<&[i64; 3]>, Vec<_>) = triples.partition(|t| left.contains(&(t[0] as u32)));
        let make = |t: &[i64; 3]| Triple { head: of(t[0]), relation: t[1] as u32, tail: of(t[2]) };
        (a.into_iter().map(make).collect(), b.into_iter().map(make).collect())
    }
}
