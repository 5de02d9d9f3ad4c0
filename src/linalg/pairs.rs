//! Scores of single pairs, channel by channel.

use std::borrow::Cow;

use rayon::prelude::*;

use crate::error::Result;
use crate::features::{Feature, Rows, sum_of_products};
use crate::linalg::score::Scorer;
use crate::linalg::sorted::{merged, missing, picked};
use crate::linalg::{Channel, Similarity, TopKOptions, check_channels, check_ids};

/// For every channel the similarity of every pair `(left, right)`, in f64 rounded once to `f32`; NaN
/// where a row is missing (or, under [`Similarity::Cosine`], has norm zero).
///
/// Weights are not applied. Fails on rows that do not exist and on ill-formed channels.
pub fn pair_scores(
    channels: &[Channel<'_>],
    pairs: &[(u32, u32)],
    similarity: Similarity,
) -> Result<Vec<Vec<f32>>> {
    let (left, right) = check_channels(channels)?;
    let (ls, rs): (Vec<u32>, Vec<u32>) = pairs.iter().copied().unzip();
    check_ids(&ls, left, "left")?;
    check_ids(&rs, right, "right")?;
    let of_channel = |channel: &Channel<'_>| -> Vec<f32> {
        let (left, right) = (&channel.left, &channel.right);
        let there = |i: usize, j: usize| left.present.get(i) && right.present.get(j);
        let dots = pairs.par_iter().map(|&(i, j)| {
            let (i, j) = (i as usize, j as usize);
            if there(i, j) { dot(&left.rows, i, &right.rows, j) } else { f64::NAN }
        });
        match similarity {
            Similarity::Dot => dots.map(|dot| dot as f32).collect(),
            Similarity::Cosine => {
                let (a, b) = (Squares::new(left, pairs.len()), Squares::new(right, pairs.len()));
                let cosine = |(dot, &(i, j)): (f64, &(u32, u32))| {
                    if dot.is_nan() {
                        return f32::NAN;
                    }
                    let (a, b) = (a.of(i as usize), b.of(j as usize));
                    if a > 0.0 && b > 0.0 { (dot / (a * b).sqrt()) as f32 } else { f32::NAN }
                };
                dots.zip(pairs.par_iter()).map(cosine).collect()
            }
        }
    };
    Ok(channels.iter().map(of_channel).collect())
}

/// Similarities of pairs, channel by channel, that grow as more pairs are asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PairScores {
    /// Ascending.
    pairs: Vec<(u32, u32)>,
    scores: Vec<Vec<f32>>,
}

impl PairScores {
    /// What [`pair_scores`] gives for these pairs.
    pub(crate) fn new(
        channels: &[Channel<'_>],
        pairs: Vec<(u32, u32)>,
        similarity: Similarity,
    ) -> Result<PairScores> {
        let scores = pair_scores(channels, &pairs, similarity)?;
        Ok(PairScores { pairs, scores })
    }

    /// Those of some pairs, ascending, that are not among these.
    pub(crate) fn missing(&self, pairs: &[(u32, u32)]) -> Vec<(u32, u32)> {
        missing(&self.pairs, pairs)
    }

    /// These and others, of other pairs.
    pub(crate) fn and(&self, more: &PairScores) -> PairScores {
        let order = merged(&self.pairs, &more.pairs);
        let none = Vec::new();
        let own = |channel: usize| self.scores.get(channel).unwrap_or(&none);
        let scores = more.scores.iter().enumerate();
        PairScores {
            pairs: picked(&order, &self.pairs, &more.pairs),
            scores: scores.map(|(channel, more)| picked(&order, own(channel), more)).collect(),
        }
    }

    /// The scores of some of these pairs, ascending, channel by channel.
    pub(crate) fn of(&self, pairs: &[(u32, u32)]) -> Vec<Vec<f32>> {
        let mut places = Vec::with_capacity(pairs.len());
        let mut at = 0;
        for pair in pairs {
            while self.pairs[at] < *pair {
                at += 1;
            }
            places.push(at);
        }
        self.scores.iter().map(|scores| places.iter().map(|&place| scores[place]).collect()).collect()
    }

    /// Number of pairs.
    pub(crate) fn len(&self) -> usize {
        self.pairs.len()
    }
}

/// Squared norms of rows: of all at once where they are kept or asked for often.
struct Squares<'a> {
    rows: Rows<'a>,
    known: Option<Cow<'a, [f64]>>,
}

impl<'a> Squares<'a> {
    fn new(feature: &Feature<'a>, asked: usize) -> Self {
        let often = feature.norms.is_some() || asked >= feature.rows.len();
        Squares { rows: feature.rows, known: often.then(|| feature.squares()) }
    }

    fn of(&self, i: usize) -> f64 {
        self.known.as_ref().map_or_else(|| self.rows.square(i), |known| known[i])
    }
}

/// The score of every pair `(left, right)` under `options`: the bits that [`top_k`](crate::linalg::top_k)
/// gives it, −∞ for a pair without a common channel. Of `options` its row subsets do not count.
pub(crate) fn scores_of(
    channels: &[Channel<'_>],
    options: &TopKOptions<'_>,
    pairs: &[(u32, u32)],
) -> Result<Vec<f32>> {
    let scorer = Scorer::new(channels, &TopKOptions { left_rows: None, right_rows: None, ..*options })?;
    let (ls, rs): (Vec<u32>, Vec<u32>) = pairs.iter().copied().unzip();
    check_ids(&ls, scorer.left_ids.len(), "left")?;
    check_ids(&rs, scorer.right_ids.len(), "right")?;
    Ok(pairs.par_iter().map(|&(i, j)| scorer.score(i, j)).collect())
}

/// Dot product of row `i` of `a` with row `j` of `b`, of the same width.
pub(crate) fn dot(a: &Rows<'_>, i: usize, b: &Rows<'_>, j: usize) -> f64 {
    match (a, b) {
        (Rows::Dense(a), Rows::Dense(b)) => {
            let (x, y) = (&a.data[i * a.cols..(i + 1) * a.cols], &b.data[j * b.cols..(j + 1) * b.cols]);
            sum_of_products(x, y)
        }
        (Rows::Sparse(a), Rows::Dense(b)) => {
            let y = &b.data[j * b.cols..(j + 1) * b.cols];
            let range = a.indptr[i] as usize..a.indptr[i + 1] as usize;
            let entries = a.indices[range.clone()].iter().zip(&a.values[range]);
            entries.map(|(&column, x)| f64::from(*x) * f64::from(y[column as usize])).sum()
        }
        (Rows::Dense(_), Rows::Sparse(_)) => dot(b, j, a, i),
        (Rows::Sparse(a), Rows::Sparse(b)) => {
            let (mut p, p_end) = (a.indptr[i] as usize, a.indptr[i + 1] as usize);
            let (mut q, q_end) = (b.indptr[j] as usize, b.indptr[j + 1] as usize);
            let mut sum = 0.0;
            while p < p_end && q < q_end {
                match a.indices[p].cmp(&b.indices[q]) {
                    std::cmp::Ordering::Less => p += 1,
                    std::cmp::Ordering::Greater => q += 1,
                    std::cmp::Ordering::Equal => {
                        sum += f64::from(a.values[p]) * f64::from(b.values[q]);
                        p += 1;
                        q += 1;
                    }
                }
            }
            sum
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::random_data;
    use super::*;
    use crate::rng::Rng;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn what_is_known_is_joined_by_what_is_missing(seed: u64, n in 1usize..12, m in 1usize..12) {
            let mut rng = Rng::new(seed);
            let data = random_data(&mut rng, n, m);
            let channels: Vec<_> = data.iter().map(|data| data.channel()).collect();
            let mut known = PairScores::default();
            for _ in 0..3 {
                let mut pairs: Vec<(u32, u32)> =
                    (0..rng.below(30)).map(|_| (rng.below(n) as u32, rng.below(m) as u32)).collect();
                pairs.sort_unstable();
                pairs.dedup();
                let missing = known.missing(&pairs);
                let more = PairScores::new(&channels, missing.clone(), Similarity::Cosine).unwrap();
                prop_assert_eq!(known.len() + missing.len(), known.and(&more).len());
                known = known.and(&more);
                let bits = |scores: Vec<Vec<f32>>| -> Vec<Vec<u32>> {
                    scores.into_iter().map(|scores| scores.into_iter().map(f32::to_bits).collect()).collect()
                };
                let expected = pair_scores(&channels, &pairs, Similarity::Cosine).unwrap();
                prop_assert_eq!(bits(known.of(&pairs)), bits(expected));
            }
        }
    }
}
