//! Lists of best partners that outlive the rows they were made of.
//!
//! A [`Kept`] has for every row of both sides its best partners, more than are asked for, and a mark of the
//! row's content. When some rows have changed it is [renewed](Kept::renewed): changed rows are compared
//! with all, all with changed rows, and the rest of each list stands as it was. It then [serves](Kept::top_k)
//! what [`top_k`] would give, bit for bit: under biases, masks and subsets too, as far as its lists reach;
//! rows for which they do not reach are compared anew.
//!
//! Why that is exact: a list knows its *tail*, the last place it had room for. Whatever is not listed comes
//! after the tail, in score or, at equal scores, in id. A place is certain if it comes before all that
//! could follow the tail.

use std::cmp::Ordering;
use std::sync::Arc;

use rayon::prelude::*;

use super::marks::row_marks;
use super::score::Scorer;
use super::served::Served;
use super::tiles::Products;
use super::topk::{Floors, means, table, top_k_above};
use super::{Biases, Channel, Neighbours, PairScores, TopK, TopKOptions, check_channels, top_k};
use crate::error::Result;
use crate::task::Task;

/// Places of a list.
const DEPTH: usize = 48;

/// Places that every list can serve.
pub(super) const SERVED: usize = 16;

/// Where more than one row in so many has changed, all are compared.
const MOST_CHANGED: usize = 4;

/// A partner and its score; or the tail of a list.
pub(super) type Place = (u32, f32);

/// The tail of a list that left nothing out.
pub(super) const NOTHING: Place = (u32::MAX, f32::NEG_INFINITY);

/// By falling score, then rising id.
pub(super) fn order(a: &Place, b: &Place) -> Ordering {
    b.1.partial_cmp(&a.1).unwrap_or(Ordering::Equal).then(a.0.cmp(&b.0))
}

/// Lists of one side.
#[derive(Clone, Debug, PartialEq, Default)]
pub(crate) struct KeptSide {
    /// Partners, the best under the biases first, with their scores under none.
    pub lists: Vec<Vec<Place>>,
    /// What is not listed comes after this, under the biases.
    pub tails: Vec<Place>,
    /// Of the content of each row.
    pub marks: Vec<u64>,
}

/// Lists of both sides; see the module.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Kept {
    left: KeptSide,
    right: KeptSide,
    /// The biases that lists are ordered by and tails are under: of left and of right rows; empty where there are
    /// none.
    biases: [Vec<f32>; 2],
}

/// Scores of rows that have changed with all others, under no biases: lists under biases are renewed by them. At
/// most 128 MiB a side.
#[derive(Debug)]
pub struct Compared {
    lefts: Vec<u32>,
    rights: Vec<u32>,
    by_left: Option<Products>,
    by_right: Option<Products>,
}

/// Where lists are kept from one search to the next.
pub trait Keeper: Sync + std::fmt::Debug {
    /// The lists of that key as they were last kept, if they still are, and whether they are known to be of
    /// the rows as they are now.
    fn recall(&self, key: &[u8; 32]) -> Option<(Arc<Kept>, bool)>;

    /// Keeps lists in place of those of that key; they are of the rows as they are now.
    fn keep(&self, key: &[u8; 32], kept: Arc<Kept>) -> Result<()>;

    /// Remembers that the lists of that key are of the rows as they are now.
    fn confirm(&self, key: &[u8; 32], kept: Arc<Kept>);

    /// Sets aside what was compared for the lists of that key, for the next search to take.
    fn lend(&self, key: &[u8; 32], compared: Compared);

    /// Takes what was set aside under that key, if it is of the rows as they are now.
    fn lent(&self, key: &[u8; 32]) -> Option<Compared>;

    /// What [`Keeper::keep_scores`] was last given under that key, if it is of the rows as they are now.
    fn recall_scores(&self, key: &[u8; 32]) -> Option<Arc<PairScores>>;

    /// Keeps scores of pairs for the next stage.
    fn keep_scores(&self, key: &[u8; 32], scores: Arc<PairScores>);
}

/// What [`top_k`] gives, bit for bit, with the help of lists that were kept under a key; lists that are new
/// or renewed are kept. The key must tell the names, weights and order of the channels.
pub fn kept_top_k(
    keeper: &dyn Keeper,
    key: &[u8; 32],
    channels: &[Channel<'_>],
    options: &TopKOptions<'_>,
    task: &Task,
) -> Result<TopK> {
    // Lists under biases reach further under biases that have moved a little than plain ones would.
    let biased = options.left_bias.is_some() || options.right_bias.is_some();
    // Taken even if it is of no use, so that it does not stay in memory.
    let mut compared = if biased { keeper.lent(key) } else { None };
    let need = options.k.max(options.means.unwrap_or(0));
    if need == 0 || need > SERVED || options.cells.is_some() {
        return top_k(channels, options, task);
    }
    // Plain lists of the same rows, known to be of today, tell their marks.
    let plain = if biased { keeper.recall(key).filter(|(_, known)| *known) } else { None };
    let marks = || match &plain {
        Some((kept, _)) => Ok([kept.left.marks.clone(), kept.right.marks.clone()]),
        None => marks(channels),
    };
    let plain_key = *key;
    let key = if biased { *blake3::hash(&[key, &b"biased"[..]].concat()).as_bytes() } else { *key };
    let (kept, known) = match keeper.recall(&key) {
        Some((kept, true)) => (kept, true),
        Some((kept, false)) => match kept.renewed_by(channels, options, marks()?, &mut compared, task)? {
            Some(renewed) => (Arc::new(renewed), false),
            None => {
                keeper.confirm(&key, kept.clone());
                (kept, true)
            }
        },
        None => (Arc::new(Kept::all(channels, options, marks()?, task)?), false),
    };
    if let Some(compared) = compared.filter(|_| !biased) {
        keeper.lend(&plain_key, compared);
    }
    if let Some(found) = kept.top_k(channels, options, task)? {
        if !known {
            keeper.keep(&key, kept)?;
        }
        return Ok(found);
    }
    // The biases have moved too far, or a mask or a subset leaves too little of the lists.
    if biased {
        let kept = Arc::new(Kept::all(channels, options, marks()?, task)?);
        if let Some(found) = kept.top_k(channels, options, task)? {
            keeper.keep(&key, kept)?;
            return Ok(found);
        }
    } else if !known {
        keeper.keep(&key, kept)?;
    }
    top_k(channels, options, task)
}

impl Kept {
    /// Lists that were kept elsewhere, with the biases of left and of right rows that they are under.
    pub(crate) fn of(left: KeptSide, right: KeptSide, biases: [Vec<f32>; 2]) -> Self {
        Kept { left, right, biases }
    }

    /// The biases of left and of right rows; empty where there are none.
    pub(crate) fn biases(&self) -> &[Vec<f32>; 2] {
        &self.biases
    }

    /// Lists of the left rows.
    pub(crate) fn left(&self) -> &KeptSide {
        &self.left
    }

    /// Lists of the right rows.
    pub(crate) fn right(&self) -> &KeptSide {
        &self.right
    }

    /// Lists over all rows of the channels, under the biases of `options`, of which the similarity and the
    /// renormalisation count as well; those must be the same wherever the lists are served.
    pub fn new(channels: &[Channel<'_>], options: &TopKOptions<'_>, task: &Task) -> Result<Self> {
        let marks = marks(channels)?;
        Self::all(channels, options, marks, task)
    }

    fn all(
        channels: &[Channel<'_>],
        options: &TopKOptions<'_>,
        [left_marks, right_marks]: [Vec<u64>; 2],
        task: &Task,
    ) -> Result<Self> {
        let biases = [options.left_bias, options.right_bias].map(|bias| bias.unwrap_or_default().to_vec());
        let found = top_k(channels, &whole(options, &biases, None, None), task)?;
        let right = found.right.unwrap_or_default();
        let plain = Plain::new(channels, options, &biases)?;
        let side = |found: &Neighbours, marks: Vec<u64>, is_left: bool| {
            let rows = (0..marks.len()).into_par_iter();
            let listed = rows.map(|row| plain.listed(found, row, row as u32, is_left));
            let (lists, tails) = listed.unzip();
            KeptSide { lists, tails, marks }
        };
        let (left, right) = (side(&found.left, left_marks, true), side(&right, right_marks, false));
        drop(plain);
        Ok(Kept { left, right, biases })
    }

    /// The lists for the channels as they are now; nothing where nothing has changed.
    pub fn renewed(
        &self,
        channels: &[Channel<'_>],
        options: &TopKOptions<'_>,
        task: &Task,
    ) -> Result<Option<Self>> {
        self.renewed_by(channels, options, marks(channels)?, &mut None, task)
    }

    /// [`Kept::renewed`] by marks that are known, and by what was compared of the same rows; or telling what was.
    fn renewed_by(
        &self,
        channels: &[Channel<'_>],
        options: &TopKOptions<'_>,
        marks: [Vec<u64>; 2],
        compared: &mut Option<Compared>,
        task: &Task,
    ) -> Result<Option<Self>> {
        let changed = |old: &[u64], new: &[u64]| -> Vec<u32> {
            (0..new.len() as u32).filter(|&i| old.get(i as usize) != Some(&new[i as usize])).collect()
        };
        let lefts = changed(&self.left.marks, &marks[0]);
        let rights = changed(&self.right.marks, &marks[1]);
        let shrunk = self.left.marks.len() > marks[0].len() || self.right.marks.len() > marks[1].len();
        let many =
            lefts.len() > marks[0].len() / MOST_CHANGED || rights.len() > marks[1].len() / MOST_CHANGED;
        if shrunk || many {
            return Ok(Some(Self::all(channels, options, marks, task)?));
        }
        if lefts.is_empty() && rights.is_empty() {
            return Ok(None);
        }
        // Rows that are compared anew may as well be so under the biases they have now.
        let mut biases = self.biases.clone();
        let now = [(options.left_bias, &lefts), (options.right_bias, &rights)];
        for ((bias, marks), (now, changed)) in biases.iter_mut().zip(&marks).zip(now) {
            if bias.is_empty() {
                continue;
            }
            bias.resize(marks.len(), 0.0);
            for &row in changed {
                bias[row as usize] = now.and_then(|now| now.get(row as usize)).copied().unwrap_or_default();
            }
        }
        // A search for means is followed by one under them.
        let record = self.biases.iter().all(Vec::is_empty) && options.means.is_some();
        let known = compared.take().filter(|known| known.lefts == lefts && known.rights == rights);
        let (mut left_products, mut right_products) =
            known.map_or((None, None), |known| (known.by_left, known.by_right));
        let none = || TopK { right: Some(Neighbours::default()), ..TopK::default() };
        let by_left = match lefts.is_empty() {
            true => none(),
            false => {
                let floors = self.right.floors(marks[1].len(), &rights);
                let floors = Floors { right: &floors, ..Floors::default() };
                let wanted = whole(options, &biases, Some(&lefts), None);
                top_k_above(channels, &wanted, floors, (&mut left_products, record), task)?
            }
        };
        let by_right = match rights.is_empty() {
            true => none(),
            false => {
                let floors = self.left.floors(marks[0].len(), &lefts);
                let floors = Floors { left: &floors, ..Floors::default() };
                let wanted = whole(options, &biases, None, Some(&rights));
                top_k_above(channels, &wanted, floors, (&mut right_products, record), task)?
            }
        };
        let [left_marks, right_marks] = marks;
        let plain = Plain::new(channels, options, &biases)?;
        let (mut left, left_short) =
            self.left.merged(left_marks, (&lefts, &by_left.left), (&rights, &by_right.left), &plain, true);
        let (own, fresh) = (by_right.right.unwrap_or_default(), by_left.right.unwrap_or_default());
        let (mut right, right_short) =
            self.right.merged(right_marks, (&rights, &own), (&lefts, &fresh), &plain, false);
        if !left_short.is_empty() {
            let found = top_k(
                channels,
                &TopKOptions { both: false, ..whole(options, &biases, Some(&left_short), None) },
                task,
            )?;
            left.replace(&left_short, &found.left, &plain, true);
        }
        if !right_short.is_empty() {
            let found = top_k(channels, &whole(options, &biases, None, Some(&right_short)), task)?;
            right.replace(&right_short, &found.right.unwrap_or_default(), &plain, false);
        }
        drop(plain);
        if record {
            *compared = Some(Compared { lefts, rights, by_left: left_products, by_right: right_products });
        }
        Ok(Some(Kept { left, right, biases }))
    }

    /// What [`top_k`] gives, bit for bit, if it can be had from the lists with less work: `None` if more than
    /// 16 places are asked for, or for most rows the lists do not reach.
    pub fn top_k(
        &self,
        channels: &[Channel<'_>],
        options: &TopKOptions<'_>,
        task: &Task,
    ) -> Result<Option<TopK>> {
        let need = options.k.max(options.means.unwrap_or(0));
        if need == 0 || need > SERVED {
            return Ok(None);
        }
        task.phase("looking up neighbours", None);
        let scorer = Scorer::new(channels, options)?;
        let served = |is_left: bool| Served::new(self, &scorer, options, need, is_left).lists(channels, task);
        let Some(lefts) = served(true)? else { return Ok(None) };
        let rights = match options.both || options.means.is_some() {
            true => {
                let Some(rights) = served(false)? else { return Ok(None) };
                Some(rights)
            }
            false => None,
        };
        fn rows(lists: &[Vec<Place>]) -> impl Iterator<Item = impl Iterator<Item = Place>> {
            lists.iter().map(|list| list.iter().copied())
        }
        Ok(Some(TopK {
            left: table(rows(&lefts), options.k),
            right: rights.as_ref().filter(|_| options.both).map(|rights| table(rows(rights), options.k)),
            left_means: options.means.map(|count| means(rows(&lefts), count)),
            right_means: options.means.and_then(|count| Some(means(rows(rights.as_ref()?), count))),
        }))
    }
}

/// Options of a pass that finds whole lists.
fn whole<'a>(
    options: &TopKOptions<'_>,
    biases: &'a [Vec<f32>; 2],
    lefts: Option<&'a [u32]>,
    rights: Option<&'a [u32]>,
) -> TopKOptions<'a> {
    let [left_bias, right_bias] = biases.each_ref().map(|bias| (!bias.is_empty()).then_some(bias.as_slice()));
    TopKOptions {
        k: DEPTH,
        similarity: options.similarity,
        renormalise: options.renormalise,
        left_rows: lefts,
        right_rows: rights,
        left_bias,
        right_bias,
        both: true,
        ..TopKOptions::default()
    }
}

/// A row's list, and its tail.
fn listed(found: &Neighbours, row: usize) -> (Vec<Place>, Place) {
    if row >= found.len() {
        return (Vec::new(), NOTHING);
    }
    let list: Vec<Place> = found.row(row).collect();
    let tail = if list.len() == found.k { list[list.len() - 1] } else { NOTHING };
    (list, tail)
}

impl KeptSide {
    /// What a changed row of the other side must score to come into each of so many lists: what comes after a
    /// tail is not listed. Lists of rows that have `changed` themselves are made anew.
    fn floors(&self, rows: usize, changed: &[u32]) -> Vec<f32> {
        let mut floors: Vec<f32> = self.tails.iter().map(|tail| tail.1).collect();
        floors.resize(rows, f32::INFINITY);
        changed.iter().for_each(|&row| floors[row as usize] = f32::INFINITY);
        floors
    }

    /// The lists after `changed` rows got lists of their `own`, and all rows their best among those that have
    /// changed on the other side; and the rows whose lists are too short then.
    fn merged(
        &self,
        marks: Vec<u64>,
        (changed, own): (&[u32], &Neighbours),
        (others, fresh): (&[u32], &Neighbours),
        plain: &Plain<'_>,
        is_left: bool,
    ) -> (Self, Vec<u32>) {
        let merge = |row: usize| -> (Vec<Place>, Place, bool) {
            if let Ok(at) = changed.binary_search(&(row as u32)) {
                let (list, tail) = plain.listed(own, at, row as u32, is_left);
                return (list, tail, false);
            }
            let (new, new_tail) = listed(fresh, row);
            let stands = self.lists[row].iter().filter(|place| others.binary_search(&place.0).is_err());
            let stands =
                stands.map(|&(id, score)| ((id, plain.biased(score, row as u32, id, is_left)), Some(score)));
            let mut list: Vec<(Place, Option<f32>)> =
                stands.chain(new.into_iter().map(|place| (place, None))).collect();
            list.sort_unstable_by(|a, b| order(&a.0, &b.0));
            let mut tail = self.tails[row];
            if order(&new_tail, &tail).is_lt() {
                tail = new_tail;
            }
            list.retain(|(place, _)| tail == NOTHING || order(place, &tail).is_le());
            if list.len() > DEPTH {
                list.truncate(DEPTH);
                tail = list[DEPTH - 1].0;
            }
            let short = tail != NOTHING && list.len() < SERVED;
            (plain.of(row as u32, is_left, list), tail, short)
        };
        let all: Vec<(Vec<Place>, Place, bool)> = (0..marks.len()).into_par_iter().map(merge).collect();
        let short = (0u32..).zip(&all).filter(|(_, (.., short))| *short).map(|(row, _)| row).collect();
        let (lists, tails) = all.into_iter().map(|(list, tail, _)| (list, tail)).unzip();
        (KeptSide { lists, tails, marks }, short)
    }

    fn replace(&mut self, rows: &[u32], found: &Neighbours, plain: &Plain<'_>, is_left: bool) {
        for (at, &row) in rows.iter().enumerate() {
            (self.lists[row as usize], self.tails[row as usize]) = plain.listed(found, at, row, is_left);
        }
    }
}

/// Scores under no biases of what a search under biases found.
struct Plain<'a> {
    /// Nothing where there are no biases.
    scorer: Option<Scorer<'a>>,
    biases: &'a [Vec<f32>; 2],
}

impl<'a> Plain<'a> {
    fn new(channels: &[Channel<'a>], options: &TopKOptions<'_>, biases: &'a [Vec<f32>; 2]) -> Result<Self> {
        let (similarity, renormalise) = (options.similarity, options.renormalise);
        let options = TopKOptions { similarity, renormalise, ..TopKOptions::default() };
        let biased = biases.iter().any(|bias| !bias.is_empty());
        Ok(Plain { scorer: biased.then(|| Scorer::new(channels, &options)).transpose()?, biases })
    }

    /// The score of a pair under the biases.
    fn biased(&self, score: f32, row: u32, id: u32, is_left: bool) -> f32 {
        let [left, right] = self.biases.each_ref().map(|bias| (!bias.is_empty()).then_some(&bias[..]));
        let (i, j) = if is_left { (row, id) } else { (id, row) };
        Biases { left, right }.score(score, i, j)
    }

    /// The list of a row, found at a place of its own, with scores under no biases; and its tail.
    fn listed(&self, found: &Neighbours, at: usize, row: u32, is_left: bool) -> (Vec<Place>, Place) {
        let (list, tail) = listed(found, at);
        (self.of(row, is_left, list.into_iter().map(|place| (place, None)).collect()), tail)
    }

    /// Places with their scores under no biases, of which some are known.
    fn of(&self, row: u32, is_left: bool, list: Vec<(Place, Option<f32>)>) -> Vec<Place> {
        let Some(scorer) = &self.scorer else { return list.into_iter().map(|(place, _)| place).collect() };
        let unknown: Vec<u32> =
            list.iter().filter(|(_, score)| score.is_none()).map(|(place, _)| place.0).collect();
        let mut scores = scorer.scores(row, is_left, &unknown).into_iter();
        let mut score = |known: Option<f32>| known.or_else(|| scores.next()).unwrap_or(f32::NEG_INFINITY);
        list.into_iter().map(|((id, _), known)| (id, score(known))).collect()
    }
}

/// Marks of the rows of both sides, over all channels.
fn marks(channels: &[Channel<'_>]) -> Result<[Vec<u64>; 2]> {
    check_channels(channels)?;
    Ok([row_marks(channels, |channel| channel.left), row_marks(channels, |channel| channel.right)])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{Case, random_data};
    use super::*;
    use crate::rng::Rng;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(120))]

        #[test]
        fn renewed_lists_serve_what_a_search_gives(seed: u64, n in 1usize..90, m in 1usize..90) {
            let mut rng = Rng::new(seed);
            let before = random_data(&mut rng, n, m);
            let more = rng.below(4);
            let after = before.iter().map(|data| data.edited(&mut rng, more)).collect::<Vec<_>>();
            let case = Case::new(&mut rng, n + more, m + more);
            let options = TopKOptions { k: 1 + rng.below(SERVED), ..case.options(&mut rng) };
            // Now and then a bias bars a row.
            let mut barring = options.right_bias.map_or_else(|| vec![0.0; m + more], <[f32]>::to_vec);
            let row = rng.below(m + more);
            barring[row] = f32::NEG_INFINITY;
            let bars = rng.below(4) == 0;
            let right_bias = if bars { Some(&barring[..]) } else { options.right_bias };
            let options = TopKOptions { right_bias, ..options };
            let task = Task::quiet();
            let channels: Vec<_> = before.iter().map(|data| data.channel()).collect();
            // Biases then are not those of now.
            let bias = |rng: &mut Rng, rows: usize| -> Vec<f32> {
                (0..rows).map(|_| rng.below(3) as f32 * 0.25).collect()
            };
            let (left_bias, right_bias) = (bias(&mut rng, n), bias(&mut rng, m));
            let biased = rng.below(2) == 0;
            let then = TopKOptions {
                left_bias: biased.then_some(&left_bias[..]),
                right_bias: biased.then_some(&right_bias[..]),
                ..options
            };
            let kept = Kept::new(&channels, &then, &task).unwrap();
            let channels: Vec<_> = after.iter().map(|data| data.channel()).collect();
            let renewed = kept.renewed(&channels, &options, &task).unwrap();
            let renewed = renewed.unwrap_or(kept);
            if let Some(served) = renewed.top_k(&channels, &options, &task).unwrap() {
                prop_assert_eq!(served, top_k(&channels, &options, &task).unwrap());
            }
            // The next time nothing has changed.
            prop_assert_eq!(renewed.renewed(&channels, &options, &task).unwrap(), None);
        }
    }
}
