//! A partition with what was last searched in it, which serves the stages that come after.

use std::sync::{Arc, Mutex, PoisonError};

use super::topk::{means, table};
use super::{Channel, Mask, Neighbours, Partition, TopK, TopKOptions, top_k};
use crate::error::Result;
use crate::task::Task;

/// Places of the lists that are kept: more than stages ask for.
const DEPTH: usize = 16;

/// A partition of some rows, and the lists found in it last.
#[derive(Debug)]
pub struct Parted {
    /// The cells.
    pub partition: Partition,
    last: Mutex<Option<Searched>>,
}

/// The lists of all rows, without biases, under a key and a mask.
#[derive(Clone, Debug)]
struct Searched {
    key: [u8; 32],
    mask: Mask,
    found: Arc<TopK>,
}

impl Parted {
    /// Nothing is searched yet.
    pub fn new(partition: Partition) -> Self {
        Parted { partition, last: Mutex::default() }
    }

    /// What [`top_k`] gives within the cells. The key must tell names, weights and order of the channels, the
    /// similarity and the rule for missing rows.
    pub fn top_k(
        &self,
        key: &[u8; 32],
        channels: &[Channel<'_>],
        options: &TopKOptions<'_>,
        task: &Task,
    ) -> Result<TopK> {
        let options = TopKOptions { cells: Some(&self.partition.cells), ..*options };
        let need = options.k.max(options.means.unwrap_or(0));
        let all = options.left_rows.is_none() && options.right_rows.is_none();
        let plain = options.left_bias.is_none() && options.right_bias.is_none();
        if !(all && plain && need <= DEPTH) {
            return top_k(channels, &options, task);
        }
        let mask = options.mask.cloned().unwrap_or_default();
        let known = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let known = known.filter(|known| known.key == *key && known.mask == mask);
        let found = match known {
            Some(known) => known.found,
            None => {
                let whole = TopKOptions { k: DEPTH, means: None, both: true, ..options };
                let found = Arc::new(top_k(channels, &whole, task)?);
                let searched = Searched { key: *key, mask, found: found.clone() };
                *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(searched);
                found
            }
        };
        Ok(found.shortened(&options))
    }
}

impl TopK {
    /// What a search for no more places gives: as many of each list, and the means of as many.
    fn shortened(&self, options: &TopKOptions<'_>) -> TopK {
        fn rows(found: &Neighbours) -> impl Iterator<Item = impl Iterator<Item = (u32, f32)>> {
            (0..found.len()).map(|row| found.row(row))
        }
        let right = self.right.as_ref();
        TopK {
            left: table(rows(&self.left), options.k),
            right: right.filter(|_| options.both).map(|right| table(rows(right), options.k)),
            left_means: options.means.map(|count| means(rows(&self.left), count)),
            right_means: options.means.and_then(|count| Some(means(rows(right?), count))),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{Case, random_data};
    use super::super::{PartitionOptions, partition};
    use super::*;
    use crate::rng::Rng;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn what_was_searched_before_serves_as_a_search_would(seed: u64, n in 1usize..60, m in 1usize..60) {
            let mut rng = Rng::new(seed);
            let data = random_data(&mut rng, n, m);
            let channels: Vec<_> = data.iter().map(|data| data.channel()).collect();
            let task = Task::quiet();
            let base = TopKOptions::default();
            let options = PartitionOptions { recall: 0.5, cells: Some(4), seed: 1 };
            let parted = Parted::new(partition(&channels, &base, &options, &task).unwrap());
            for _ in 0..4 {
                let case = Case::new(&mut rng, n, m);
                let wanted = TopKOptions {
                    similarity: base.similarity,
                    renormalise: base.renormalise,
                    ..case.options(&mut rng)
                };
                let expected = TopKOptions { cells: Some(&parted.partition.cells), ..wanted };
                let expected = top_k(&channels, &expected, &task).unwrap();
                prop_assert_eq!(parted.top_k(&[7; 32], &channels, &wanted, &task).unwrap(), expected);
            }
        }
    }
}
