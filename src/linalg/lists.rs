//! The best few of many, for many rows at once.

/// For each of some rows the `size` best `(score, id)` seen, best first, equal scores by rising id.
///
/// What is kept does not depend on the order of arrival.
pub(crate) struct Lists {
    size: usize,
    scores: Vec<f32>,
    ids: Vec<u32>,
    counts: Vec<u32>,
    /// The score a newcomer must at least have.
    bounds: Vec<f32>,
}

impl Lists {
    pub fn new(rows: usize, size: usize) -> Self {
        Lists {
            size,
            scores: vec![f32::NEG_INFINITY; rows * size],
            ids: vec![u32::MAX; rows * size],
            counts: vec![0; rows],
            // Above −∞, which marks what is no candidate.
            bounds: vec![if size == 0 { f32::INFINITY } else { f32::MIN }; rows],
        }
    }

    /// The same lists, taking in only what scores at least the floor of its row.
    pub fn above(mut self, floors: &[f32]) -> Self {
        self.bounds.iter_mut().zip(floors).for_each(|(bound, floor)| *bound = bound.max(*floor));
        self
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// Offers row `row` the candidates `ids` with their scores.
    pub fn offer_row(&mut self, row: usize, scores: &[f32], ids: &[u32]) {
        for (scores, ids) in scores.chunks(16).zip(ids.chunks(16)) {
            let bound = self.bounds[row];
            if scores.iter().fold(false, |any, score| any | (*score >= bound)) {
                scores.iter().zip(ids).for_each(|(&score, &id)| self.offer(row, score, id));
            }
        }
    }

    /// Offers every row of `start..start + scores.len()` the candidate `id`.
    pub fn offer_column(&mut self, start: usize, scores: &[f32], id: u32) {
        let mut at = start;
        for scores in scores.chunks(16) {
            let bounds = &self.bounds[at..at + scores.len()];
            if scores.iter().zip(bounds).fold(false, |any, (score, bound)| any | (score >= bound)) {
                scores.iter().enumerate().for_each(|(c, &score)| self.offer(at + c, score, id));
            }
            at += scores.len();
        }
    }

    /// Offers row `row` candidates that it may have been offered before, best first.
    pub fn offer_again(&mut self, row: usize, list: impl Iterator<Item = (u32, f32)>) {
        for (id, score) in list {
            if score < self.bounds[row] {
                return;
            }
            if !self.row(row).1.contains(&id) {
                self.insert(row, score, id);
            }
        }
    }

    #[inline]
    fn offer(&mut self, row: usize, score: f32, id: u32) {
        if score >= self.bounds[row] {
            self.insert(row, score, id);
        }
    }

    fn insert(&mut self, row: usize, score: f32, id: u32) {
        let base = row * self.size;
        let (scores, ids) = (&mut self.scores[base..base + self.size], &mut self.ids[base..base + self.size]);
        let count = self.counts[row] as usize;
        let held = scores[..count].iter().zip(&ids[..count]);
        let behind = |(other, &other_id): (&f32, &u32)| score > *other || (score == *other && id < other_id);
        let place = held.rev().take_while(|&entry| behind(entry)).count();
        let place = count - place;
        if place == self.size {
            return;
        }
        let last = count.min(self.size - 1);
        scores.copy_within(place..last, place + 1);
        ids.copy_within(place..last, place + 1);
        scores[place] = score;
        ids[place] = id;
        if count < self.size {
            self.counts[row] += 1;
        }
        if self.counts[row] as usize == self.size {
            self.bounds[row] = scores[self.size - 1];
        }
    }

    /// Scores and ids of row `row`, best first.
    pub fn row(&self, row: usize) -> (&[f32], &[u32]) {
        let range = row * self.size..row * self.size + self.counts[row] as usize;
        (&self.scores[range.clone()], &self.ids[range])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_scores_keep_the_lowest_ids_whatever_the_order() {
        for order in [[3u32, 1, 4, 0, 2], [0, 1, 2, 3, 4], [4, 3, 2, 1, 0]] {
            let mut lists = Lists::new(1, 3);
            order.iter().for_each(|&id| lists.offer_row(0, &[if id == 4 { 2.0 } else { 1.0 }], &[id]));
            assert_eq!(lists.row(0), (&[2.0, 1.0, 1.0][..], &[4, 0, 1][..]));
        }
    }

    #[test]
    fn what_is_no_candidate_is_never_kept() {
        let mut lists = Lists::new(2, 3);
        lists.offer_column(0, &[f32::NEG_INFINITY, f32::NAN], 7);
        assert!(lists.row(0).0.is_empty() && lists.row(1).0.is_empty());
    }
}
