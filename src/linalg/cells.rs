//! Search among rows that are in a cell together: where all pairs are too many.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::kernel::Kernel;
use super::lists::Lists;
use super::score::Scorer;
use super::tiles::Shape;
use super::topk::{depths, lists, means, rows, table};
use super::{Neighbours, TopK, TopKOptions};
use crate::error::{Error, Result};
use crate::task::Task;

/// Overlapping cells over the rows of both sides. Two rows meet if they are in a cell together.
#[derive(Clone, Debug, PartialEq)]
pub struct Cells {
    left: Members,
    right: Members,
}

/// The rows of each cell, ascending.
#[derive(Clone, Debug, PartialEq)]
struct Members {
    starts: Vec<usize>,
    rows: Vec<u32>,
}

impl Members {
    /// Every row in the first `nearest` of its cells.
    fn new(cells: usize, near: &Neighbours, nearest: usize) -> Self {
        let of = |row: usize| near.row(row).take(nearest).map(|(cell, _)| cell as usize);
        let mut starts = vec![0usize; cells + 1];
        (0..near.len()).flat_map(of).for_each(|cell| starts[cell + 1] += 1);
        (0..cells).for_each(|cell| starts[cell + 1] += starts[cell]);
        let mut next = starts.clone();
        let mut rows = vec![0u32; starts[cells]];
        for row in 0..near.len() {
            for cell in of(row) {
                rows[next[cell]] = row as u32;
                next[cell] += 1;
            }
        }
        Members { starts, rows }
    }

    fn of(&self, cell: usize) -> &[u32] {
        &self.rows[self.starts[cell]..self.starts[cell + 1]]
    }
}

/// Rows whose lists share a lock.
const STRIP: usize = 512;

/// Stands for a row that was not asked for.
const NONE: u32 = u32::MAX;

/// The rows of one side that were asked for, and their lists.
struct Asked {
    /// By row: the place of its list.
    places: Vec<u32>,
    strips: Vec<Mutex<Lists>>,
}

impl Asked {
    fn new(ids: &[u32], depth: usize) -> Self {
        let mut places = vec![NONE; ids.iter().max().map_or(0, |most| *most as usize + 1)];
        ids.iter().for_each(|id| places[*id as usize] = 0);
        let asked = places.iter_mut().filter(|place| **place != NONE);
        let count = asked.zip(0u32..).map(|(place, at)| *place = at).count();
        let strips = (0..count).step_by(STRIP).map(|start| STRIP.min(count - start));
        Asked { places, strips: strips.map(|rows| Mutex::new(Lists::new(rows, depth))).collect() }
    }

    fn place(&self, row: u32) -> Option<usize> {
        self.places.get(row as usize).filter(|place| **place != NONE).map(|place| *place as usize)
    }

    /// Those of some rows that were asked for.
    fn among(&self, rows: &[u32]) -> Vec<u32> {
        rows.iter().copied().filter(|row| self.place(*row).is_some()).collect()
    }

    /// Takes in what was found for some of them.
    fn take(&self, ids: &[u32], found: &[Lists]) {
        let mut rows = ids.iter().filter_map(|id| self.place(*id)).zip(rows(found)).peekable();
        while let Some(strip) = rows.peek().map(|(place, _)| place / STRIP) {
            let mut lists = self.strips[strip].lock().unwrap_or_else(PoisonError::into_inner);
            while let Some((place, list)) = rows.next_if(|(place, _)| place / STRIP == strip) {
                lists.offer_again(place % STRIP, list);
            }
        }
    }

    /// What was found in the end.
    fn found(self) -> Found {
        let strips = self.strips.into_iter();
        let lists = strips.map(|lists| lists.into_inner().unwrap_or_else(PoisonError::into_inner)).collect();
        Found { places: self.places, lists }
    }
}

/// Rows with their lists.
struct Found {
    places: Vec<u32>,
    lists: Vec<Lists>,
}

impl Found {
    /// The lists of these rows, in their order.
    fn rows(&self, ids: &[u32]) -> impl Iterator<Item = impl Iterator<Item = (u32, f32)>> {
        ids.iter().map(|id| {
            let place = self.places[*id as usize] as usize;
            let (scores, ids) = self.lists[place / STRIP].row(place % STRIP);
            ids.iter().copied().zip(scores.iter().copied())
        })
    }
}

impl Cells {
    /// `cells` cells over both sides: every left and right row in the first `nearest` of the cells listed for it.
    pub(crate) fn new(cells: usize, left: &Neighbours, right: &Neighbours, nearest: usize) -> Self {
        Cells { left: Members::new(cells, left, nearest), right: Members::new(cells, right, nearest) }
    }

    /// Number of cells.
    pub fn len(&self) -> usize {
        self.left.starts.len() - 1
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Pairs that a search compares; those of rows that share several cells once for each.
    pub fn pairs(&self) -> u64 {
        (0..self.len()).map(|cell| self.left.of(cell).len() as u64 * self.right.of(cell).len() as u64).sum()
    }

    /// What [`top_k`](super::top_k) gives over the pairs that meet.
    pub(super) fn search(
        &self,
        scorer: &Scorer<'_>,
        options: &TopKOptions<'_>,
        kernel: &Kernel,
        task: &Task,
    ) -> Result<TopK> {
        let depths = depths(options, (scorer.left_ids.len(), scorer.right_ids.len()));
        let (left, right) = (Asked::new(&scorer.left_ids, depths.0), Asked::new(&scorer.right_ids, depths.1));
        task.phase("comparing rows cell by cell", Some(self.len() as u64));
        let (silent, done) = (task.silent(), AtomicU64::new(0));
        // What lists hold in the end does not depend on which cell came first.
        (0..self.len()).into_par_iter().with_max_len(1).try_for_each(|cell| {
            task.check()?;
            let (lefts, rights) = (left.among(self.left.of(cell)), right.among(self.right.of(cell)));
            if !lefts.is_empty() && !rights.is_empty() {
                let part = scorer.among(lefts, rights);
                let found = lists(&part, depths, kernel, Shape::new(&part, kernel), &silent)?;
                left.take(&part.left_ids, &found.0);
                if depths.1 > 0 {
                    right.take(&part.right_ids, &found.1);
                }
            }
            task.advance(done.fetch_add(1, Ordering::Relaxed) + 1);
            Ok::<_, Error>(())
        })?;
        let (left, right) = (left.found(), right.found());
        let (lefts, rights) = (&scorer.left_ids, &scorer.right_ids);
        Ok(TopK {
            left: table(left.rows(lefts), options.k),
            right: options.both.then(|| table(right.rows(rights), options.k)),
            left_means: options.means.map(|count| means(left.rows(lefts), count)),
            right_means: options.means.map(|count| means(right.rows(rights), count)),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{Case, random_data};
    use super::super::top_k;
    use super::*;
    use crate::rng::Rng;

    /// Some cells for each of `rows` rows, none twice.
    fn listed(rng: &mut Rng, rows: usize, cells: usize, most: usize) -> Neighbours {
        let mut near = Neighbours { k: most, ..Neighbours::default() };
        for row in 0..rows {
            let mut all: Vec<u32> = (0..cells as u32).collect();
            rng.shuffle(&mut all);
            near.ids.extend(all.into_iter().take(most.min(cells)));
            near.ids.resize((row + 1) * most, u32::MAX);
        }
        near.scores = vec![0.0; near.ids.len()];
        near
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(80))]

        #[test]
        fn a_row_is_given_the_best_of_those_it_meets(seed: u64, n in 1usize..60, m in 1usize..60) {
            let mut rng = Rng::new(seed);
            let data = random_data(&mut rng, n, m);
            let channels: Vec<_> = data.iter().map(|data| data.channel()).collect();
            let case = Case::new(&mut rng, n, m);
            let plain = TopKOptions { k: 1 + rng.below(6), both: true, ..case.options(&mut rng) };
            let (count, most) = (1 + rng.below(6), 1 + rng.below(4));
            let near = [listed(&mut rng, n, count, most), listed(&mut rng, m, count, most)];
            let cells = Cells::new(count, &near[0], &near[1], most);
            let options = TopKOptions { cells: Some(&cells), ..plain };
            let task = Task::quiet();
            let found = top_k(&channels, &options, &task).unwrap();

            let meet = |i: u32, j: u32| {
                near[0].row(i as usize).any(|(cell, _)| near[1].row(j as usize).any(|(other, _)| other == cell))
            };
            let all = |rows: Option<&[u32]>, count: usize| {
                rows.map_or_else(|| (0..count as u32).collect(), <[u32]>::to_vec)
            };
            let (lefts, rights) = (all(plain.left_rows, n), all(plain.right_rows, m));
            for (at, &i) in lefts.iter().enumerate() {
                let met: Vec<u32> = rights.iter().copied().filter(|&j| meet(i, j)).collect();
                let own = [i];
                let wanted = TopKOptions { left_rows: Some(&own), right_rows: Some(&met), ..plain };
                let expected = top_k(&channels, &wanted, &task).unwrap();
                prop_assert!(found.left.row(at).eq(expected.left.row(0)));
                prop_assert_eq!(found.left_means.as_ref().map(|means| means[at]),
                    expected.left_means.map(|means| means[0]));
            }
            for (at, &j) in rights.iter().enumerate() {
                let met: Vec<u32> = lefts.iter().copied().filter(|&i| meet(i, j)).collect();
                let own = [j];
                let wanted = TopKOptions { left_rows: Some(&met), right_rows: Some(&own), ..plain };
                let expected = top_k(&channels, &wanted, &task).unwrap();
                prop_assert!(found.right.as_ref().unwrap().row(at).eq(expected.right.unwrap().row(0)));
            }
        }
    }
}
