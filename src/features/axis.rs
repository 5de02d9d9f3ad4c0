//! Places on an axis as sparse rows: an axis is seen through grids, and what is near on it agrees in the
//! coarse ones.

use std::collections::BTreeSet;

use super::{OwnedFeature, sparse};
use crate::error::{Code, Error, Result};
use crate::kg::Graph;
use crate::task::Task;

/// What the two grid points around a place hold, which is the share `t` in `[0, 1]` of the way from the
/// first to the second: `cos(πt/2)` and `sin(πt/2)`. Squares add up to 1, so that a place agrees with
/// itself wholly, and the agreement with another falls as that moves away.
pub(super) fn seen(t: f64) -> [f64; 2] {
    let angle = t * std::f64::consts::FRAC_PI_2;
    [angle.cos(), angle.sin()]
}

/// A row made of blocks, each as long as the others.
#[derive(Debug)]
pub(super) struct Row<C> {
    columns: Vec<(C, f64)>,
    /// Where the open block begins.
    open: usize,
    blocks: u32,
}

impl<C> Default for Row<C> {
    fn default() -> Self {
        Row { columns: Vec::new(), open: 0, blocks: 0 }
    }
}

impl<C: Ord + Copy> Row<C> {
    /// Adds to a column of the open block.
    pub fn add(&mut self, column: C, value: f64) {
        self.columns.push((column, value));
    }

    /// Ends a block: equal columns are added up, and it is made unit length. Nothing where it is empty.
    pub fn close(&mut self) {
        let start = self.open;
        if start == self.columns.len() {
            return;
        }
        self.columns[start..].sort_by_key(|&(column, _)| column);
        let mut kept = start;
        for i in start + 1..self.columns.len() {
            if self.columns[i].0 == self.columns[kept].0 {
                self.columns[kept].1 += self.columns[i].1;
            } else {
                kept += 1;
                self.columns[kept] = self.columns[i];
            }
        }
        self.columns.truncate(kept + 1);
        let norm = self.columns[start..].iter().map(|(_, x)| x * x).sum::<f64>().sqrt();
        self.columns[start..].iter_mut().for_each(|(_, x)| *x /= norm);
        self.open = self.columns.len();
        self.blocks += 1;
    }

    /// The row of its closed blocks, unit length, without what rounding left.
    pub fn unit(self) -> Vec<(C, f32)> {
        let scale = 1.0 / f64::from(self.blocks.max(1)).sqrt();
        let scaled = self.columns.iter().map(|&(column, x)| (column, (x * scale) as f32));
        scaled.filter(|&(_, x)| x > 1e-7).collect()
    }
}

/// What was found of each entity of a graph, from findings sorted by entity; nothing where nothing was.
pub(super) fn by_entity<'a, T>(
    graph: &Graph,
    found: &'a [T],
    entity: impl Fn(&T) -> u32 + Copy + 'a,
) -> impl Iterator<Item = &'a [T]> {
    let mut groups = found.chunk_by(move |a, b| entity(a) == entity(b)).peekable();
    (0..graph.len() as u32)
        .map(move |own| groups.next_if(|group| entity(&group[0]) == own).unwrap_or_default())
}

/// Sparse features of rows whose columns are numbered over those in use, in their order: what reads
/// sparse rows pays for their width.
///
/// Fails with [`Code::Limit`] if there are more than 2³² − 1.
pub(super) fn numbered<C: Ord + Copy>(
    rows: [Vec<Vec<(C, f32)>>; 2],
    task: &Task,
) -> Result<(OwnedFeature, OwnedFeature)> {
    let stored: usize = rows.iter().flatten().map(Vec::len).sum();
    // The columns once more, in a tree; then their numbers and values as they are kept.
    task.afford((stored * (3 * size_of::<C>() + 8)) as u64, "numbering columns")?;
    let used: BTreeSet<C> = rows.iter().flatten().flatten().map(|&(column, _)| column).collect();
    let used: Vec<C> = used.into_iter().collect();
    if u32::try_from(used.len()).is_err() {
        return Err(Error::new(Code::Limit, format!("{} columns are too many", used.len())));
    }
    let side = |rows: Vec<Vec<(C, f32)>>| {
        let number = |column: C| used.partition_point(|known| *known < column) as u32;
        let rows = rows.into_iter().map(|row| row.into_iter().map(|(c, x)| (number(c), x)).collect());
        sparse::from_rows(rows, used.len())
    };
    task.check()?;
    let [left, right] = rows;
    Ok((side(left), side(right)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_count_alike_however_much_is_in_them() {
        let mut row = Row::default();
        row.add(3, 2.0);
        row.close();
        row.close();
        row.add(1, 1.0);
        row.add(1, 2.0);
        row.add(0, 4.0);
        row.close();
        let half = 0.5f32.sqrt();
        let made = row.unit();
        assert_eq!(made.iter().map(|(column, _)| *column).collect::<Vec<_>>(), [3, 0, 1]);
        let expected = [half, 0.8 * half, 0.6 * half];
        assert!(made.iter().zip(expected).all(|((_, x), y)| (x - y).abs() < 1e-6), "{made:?}");
    }

    #[test]
    fn columns_are_numbered_over_those_in_use() {
        let rows = [vec![vec![(1u64 << 40, 1.0)], vec![]], vec![vec![(7, 0.6), (1 << 40, 0.8)]]];
        let (left, right) = numbered(rows, &Task::quiet()).unwrap();
        assert_eq!(sparse::tests::row(&left, 0), (&[1][..], &[1.0][..]));
        assert_eq!(sparse::tests::row(&right, 0), (&[0, 1][..], &[0.6, 0.8][..]));
        assert!(!left.present.get(1));
    }
}
