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

use super::score::Scorer;
use super::topk::{means, table};
use super::{Channel, Neighbours, TopK, TopKOptions, check_channels, top_k};
use crate::error::Result;
use crate::features::Feature;
use crate::task::Task;

/// Places of a list.
const DEPTH: usize = 48;

/// Places that every list can serve.
const SERVED: usize = 16;

/// Where more than one row in so many has changed, all are compared.
const MOST_CHANGED: usize = 4;

/// Rows whose biases have risen most, one in so many, are compared with all: the others' are then no surprise.
const LIGHT: usize = 256;

/// More than sums of a score and two biases are rounded by, for each unit of the score.
const ROUNDING: f64 = 1e-4;

/// A partner and its score; or the tail of a list.
type Place = (u32, f32);

/// The tail of a list that left nothing out.
const NOTHING: Place = (u32::MAX, f32::NEG_INFINITY);

/// By falling score, then rising id.
fn order(a: &Place, b: &Place) -> Ordering {
    b.1.partial_cmp(&a.1).unwrap_or(Ordering::Equal).then(a.0.cmp(&b.0))
}

/// Lists of one side.
#[derive(Clone, Debug, PartialEq, Default)]
pub(crate) struct KeptSide {
    /// Partners and scores, best first.
    pub lists: Vec<Vec<Place>>,
    /// What is not listed comes after this.
    pub tails: Vec<Place>,
    /// Of the content of each row.
    pub marks: Vec<u64>,
}

/// Lists of both sides; see the module.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Kept {
    left: KeptSide,
    right: KeptSide,
    /// The biases that scores and tails are under: of left and of right rows; empty where there are none.
    biases: [Vec<f32>; 2],
}

/// Scores of pairs, modality by modality.
pub type PairScores = Vec<Vec<f32>>;

/// Where lists are kept from one search to the next.
pub trait Keeper: Sync + std::fmt::Debug {
    /// The lists of that key as they were last kept, if they still are, and whether they are known to be of
    /// the rows as they are now.
    fn recall(&self, key: &[u8; 32]) -> Option<(Arc<Kept>, bool)>;

    /// Keeps lists in place of those of that key; they are of the rows as they are now.
    fn keep(&self, key: &[u8; 32], kept: Arc<Kept>) -> Result<()>;

    /// Remembers that the lists of that key are of the rows as they are now.
    fn confirm(&self, key: &[u8; 32], kept: Arc<Kept>);

    /// What [`Keeper::keep_scores`] was given under that key, if it is of the rows as they are now.
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
    let need = options.k.max(options.means.unwrap_or(0));
    if need == 0 || need > SERVED || options.cells.is_some() {
        return top_k(channels, options, task);
    }
    // Lists under biases reach further under biases that have moved a little than plain ones would.
    let biased = options.left_bias.is_some() || options.right_bias.is_some();
    // Plain lists of the same rows, known to be of today, tell their marks.
    let plain = if biased { keeper.recall(key).filter(|(_, known)| *known) } else { None };
    let marks = || match &plain {
        Some((kept, _)) => Ok([kept.left.marks.clone(), kept.right.marks.clone()]),
        None => marks(channels),
    };
    let key = if biased { *blake3::hash(&[key, &b"biased"[..]].concat()).as_bytes() } else { *key };
    let (kept, known) = match keeper.recall(&key) {
        Some((kept, true)) => (kept, true),
        Some((kept, false)) => match kept.renewed_by(channels, options, marks()?, task)? {
            Some(renewed) => (Arc::new(renewed), false),
            None => {
                keeper.confirm(&key, kept.clone());
                (kept, true)
            }
        },
        None => (Arc::new(Kept::all(channels, options, marks()?, task)?), false),
    };
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
        let side = |found: &Neighbours, marks: Vec<u64>| {
            let (lists, tails) = (0..marks.len()).map(|row| listed(found, row)).unzip();
            KeptSide { lists, tails, marks }
        };
        Ok(Kept { left: side(&found.left, left_marks), right: side(&right, right_marks), biases })
    }

    /// The lists for the channels as they are now; nothing where nothing has changed.
    pub fn renewed(
        &self,
        channels: &[Channel<'_>],
        options: &TopKOptions<'_>,
        task: &Task,
    ) -> Result<Option<Self>> {
        self.renewed_by(channels, options, marks(channels)?, task)
    }

    /// [`Kept::renewed`] by marks that are known.
    fn renewed_by(
        &self,
        channels: &[Channel<'_>],
        options: &TopKOptions<'_>,
        marks: [Vec<u64>; 2],
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
        let none = || TopK { right: Some(Neighbours::default()), ..TopK::default() };
        let by_left = match lefts.is_empty() {
            true => none(),
            false => top_k(channels, &whole(options, &biases, Some(&lefts), None), task)?,
        };
        let by_right = match rights.is_empty() {
            true => none(),
            false => top_k(channels, &whole(options, &biases, None, Some(&rights)), task)?,
        };
        let [left_marks, right_marks] = marks;
        let (mut left, left_short) =
            self.left.merged(left_marks, &lefts, &by_left.left, &rights, &by_right.left);
        let empty = Neighbours::default();
        let (mut right, right_short) = self.right.merged(
            right_marks,
            &rights,
            by_right.right.as_ref().unwrap_or(&empty),
            &lefts,
            by_left.right.as_ref().unwrap_or(&empty),
        );
        if !left_short.is_empty() {
            let found = top_k(
                channels,
                &TopKOptions { both: false, ..whole(options, &biases, Some(&left_short), None) },
                task,
            )?;
            left.replace(&left_short, &found.left);
        }
        if !right_short.is_empty() {
            let found = top_k(channels, &whole(options, &biases, None, Some(&right_short)), task)?;
            right.replace(&right_short, &found.right.unwrap_or_default());
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
        let (n, m) = (self.left.lists.len(), self.right.lists.len());
        let left = Served { kept: self, scorer: &scorer, options, need, is_left: true };
        let Some(lefts) = left.lists(channels, (n, m), task)? else { return Ok(None) };
        let rights = match options.both || options.means.is_some() {
            true => {
                let right = Served { is_left: false, ..left };
                let Some(rights) = right.lists(channels, (m, n), task)? else { return Ok(None) };
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
    /// The lists after `changed` rows got `own` lists, and all rows their best among the `others` that have
    /// changed on the other side, `fresh`; and the rows whose lists are too short then.
    fn merged(
        &self,
        marks: Vec<u64>,
        changed: &[u32],
        own: &Neighbours,
        others: &[u32],
        fresh: &Neighbours,
    ) -> (Self, Vec<u32>) {
        let merge = |row: usize| -> (Vec<Place>, Place, bool) {
            if let Ok(at) = changed.binary_search(&(row as u32)) {
                let (list, tail) = listed(own, at);
                return (list, tail, false);
            }
            let (new, new_tail) = listed(fresh, row);
            let stands = self.lists[row].iter().filter(|place| others.binary_search(&place.0).is_err());
            let mut list: Vec<Place> = stands.copied().chain(new).collect();
            list.sort_unstable_by(order);
            let mut tail = self.tails[row];
            if order(&new_tail, &tail).is_lt() {
                tail = new_tail;
            }
            list.retain(|place| tail == NOTHING || order(place, &tail).is_le());
            if list.len() > DEPTH {
                list.truncate(DEPTH);
                tail = list[DEPTH - 1];
            }
            let short = tail != NOTHING && list.len() < SERVED;
            (list, tail, short)
        };
        let all: Vec<(Vec<Place>, Place, bool)> = (0..marks.len()).into_par_iter().map(merge).collect();
        let short = (0u32..).zip(&all).filter(|(_, (.., short))| *short).map(|(row, _)| row).collect();
        let (lists, tails) = all.into_iter().map(|(list, tail, _)| (list, tail)).unzip();
        (KeptSide { lists, tails, marks }, short)
    }

    fn replace(&mut self, rows: &[u32], found: &Neighbours) {
        for (at, &row) in rows.iter().enumerate() {
            (self.lists[row as usize], self.tails[row as usize]) = listed(found, at);
        }
    }
}

/// What is asked for of one side.
#[derive(Clone, Copy)]
struct Served<'a, 'c> {
    kept: &'a Kept,
    scorer: &'a Scorer<'c>,
    options: &'a TopKOptions<'c>,
    /// Places of each list.
    need: usize,
    /// Whether the rows are left ones.
    is_left: bool,
}

impl Served<'_, '_> {
    /// The lists of the rows asked for, in their order; `None` if most would have to be found anew.
    fn lists(
        &self,
        channels: &[Channel<'_>],
        (own_len, other_len): (usize, usize),
        task: &Task,
    ) -> Result<Option<Vec<Vec<Place>>>> {
        let options = self.options;
        let (own_rows, other_rows, own_bias, other_bias) = match self.is_left {
            true => (options.left_rows, options.right_rows, options.left_bias, options.right_bias),
            false => (options.right_rows, options.left_rows, options.right_bias, options.left_bias),
        };
        let (own, other) = match self.is_left {
            true => (&self.kept.left, &self.kept.right),
            false => (&self.kept.right, &self.kept.left),
        };
        let rows: Vec<u32> = own_rows.map_or_else(|| (0..own_len as u32).collect(), <[u32]>::to_vec);
        let among = other_rows.map(|rows| {
            let mut among = vec![false; other_len];
            rows.iter().for_each(|&row| among[row as usize] = true);
            among
        });
        let asked = |id: u32| among.as_ref().is_none_or(|among| among[id as usize]);
        // How far the biases have moved since; rows whose have risen most are compared with all.
        let [base_own, base_other] = match self.is_left {
            true => [&self.kept.biases[0], &self.kept.biases[1]],
            false => [&self.kept.biases[1], &self.kept.biases[0]],
        };
        let bias = |bias: Option<&[f32]>, id: u32| bias.map_or(0.0, |bias| bias[id as usize]);
        let base = |bias: &[f32], id: u32| bias.get(id as usize).copied().unwrap_or(0.0);
        let risen = |id: u32| f64::from(bias(other_bias, id)) - f64::from(base(base_other, id));
        let moved = other_bias.is_some() || !base_other.is_empty();
        if base_own.iter().chain(base_other).any(|bias| !bias.is_finite()) {
            return Ok(None);
        }
        // Sums are rounded by their parts.
        let large =
            |bias: &[f32]| bias.iter().filter(|x| x.is_finite()).fold(0f32, |most, x| most.max(x.abs()));
        let parts = [base_own, base_other].map(|bias| large(bias)).into_iter().sum::<f32>()
            + [own_bias, other_bias].map(|bias| large(bias.unwrap_or_default())).into_iter().sum::<f32>();
        let mut light: Vec<u32> = Vec::new();
        let mut most = 0.0f64;
        if moved {
            let mut by_rise: Vec<u32> = (0..other_len as u32)
                .filter(|&id| asked(id) && !other.lists[id as usize].is_empty())
                .collect();
            by_rise.sort_by(|a, b| risen(*b).total_cmp(&risen(*a)).then(a.cmp(b)));
            most = by_rise.first().map_or(0.0, |&id| risen(id));
            if most > 0.0 {
                let rest = by_rise.split_off(by_rise.len() / LIGHT);
                most = rest.first().map_or(0.0, |&id| risen(id));
                light = by_rise;
                light.sort_unstable();
            }
        }
        // A search of some rows of this side among some of the other.
        let search = |own: Option<&[u32]>, others: Option<&[u32]>| -> Result<Neighbours> {
            let wanted = TopKOptions { k: self.need, means: None, both: !self.is_left, ..*options };
            Ok(match self.is_left {
                true => {
                    top_k(channels, &TopKOptions { left_rows: own, right_rows: others, ..wanted }, task)?.left
                }
                false => {
                    let wanted = TopKOptions { left_rows: others, right_rows: own, ..wanted };
                    top_k(channels, &wanted, task)?.right.unwrap_or_default()
                }
            })
        };
        let near_light = (!light.is_empty()).then(|| search(own_rows, Some(&light))).transpose()?;
        let bars = |row: u32, id: u32| {
            let (left, right) = if self.is_left { (row, id) } else { (id, row) };
            options.mask.is_some_and(|mask| mask.bars(left, right))
        };
        let serve = |(at, &row): (usize, &u32)| -> Option<Vec<Place>> {
            if let Some(only) = options.mask.and_then(|mask| mask.only(row, self.is_left)) {
                let (left, right) = if self.is_left { (row, only) } else { (only, row) };
                let score = self.scorer.score(left, right);
                let counts = asked(only) && score > f32::NEG_INFINITY;
                return Some(if counts { vec![(only, score)] } else { Vec::new() });
            }
            let (list, tail) = (&own.lists[row as usize], own.tails[row as usize]);
            let own_rise = f64::from(bias(own_bias, row)) - f64::from(base(base_own, row));
            let stays = bias(own_bias, row).to_bits() == base(base_own, row).to_bits();
            let stands = list.iter().copied().filter(|place| {
                asked(place.0) && !bars(row, place.0) && light.binary_search(&place.0).is_err()
            });
            let (mut places, moved_places): (Vec<Place>, Vec<Place>) = stands.partition(|&(id, _)| {
                stays && bias(other_bias, id).to_bits() == base(base_other, id).to_bits()
            });
            let ids: Vec<u32> = moved_places.iter().map(|place| place.0).collect();
            let scores = self.scorer.scores(row, self.is_left, &ids);
            places.extend(ids.into_iter().zip(scores));
            places.extend(near_light.iter().flat_map(|near| near.row(at)));
            places.sort_unstable_by(order);
            if tail != NOTHING {
                // What is not listed has at most the tail's score, and what biases have risen by.
                let certain = match moved || own_rise != 0.0 {
                    false => places.iter().take_while(|place| order(place, &tail).is_le()).count(),
                    true => {
                        let bound = f64::from(tail.1)
                            + most.max(0.0)
                            + own_rise
                            + ROUNDING * (1.0 + f64::from(tail.1.abs() + parts));
                        places.iter().take_while(|place| f64::from(place.1) > bound).count()
                    }
                };
                if certain < self.need {
                    return None;
                }
            }
            places.truncate(self.need);
            Some(places)
        };
        let mut lists: Vec<Option<Vec<Place>>> = rows.par_iter().enumerate().map(serve).collect();
        let again: Vec<usize> = (0..lists.len()).filter(|&at| lists[at].is_none()).collect();
        if 2 * again.len() > rows.len() {
            return Ok(None);
        }
        if !again.is_empty() {
            let ids: Vec<u32> = again.iter().map(|&at| rows[at]).collect();
            let found = search(Some(&ids), other_rows)?;
            for (place, at) in again.into_iter().enumerate() {
                lists[at] = Some(found.row(place).collect());
            }
        }
        Ok(Some(lists.into_iter().map(Option::unwrap_or_default).collect()))
    }
}

/// Marks of the rows of both sides, over all channels.
fn marks(channels: &[Channel<'_>]) -> Result<[Vec<u64>; 2]> {
    let (left, right) = check_channels(channels)?;
    let side = |rows: usize, feature: for<'a> fn(&Channel<'a>) -> Feature<'a>| -> Vec<u64> {
        let mark = |row: usize| {
            let mut hasher = blake3::Hasher::new();
            for channel in channels {
                let feature = feature(channel);
                hasher.update(&[u8::from(feature.present.get(row))]);
                if feature.present.get(row) {
                    feature.rows.bytes(row, |bytes| _ = hasher.update(bytes));
                }
            }
            let hash = hasher.finalize();
            hash.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
        };
        (0..rows).into_par_iter().map(mark).collect()
    };
    Ok([side(left, |channel| channel.left), side(right, |channel| channel.right)])
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
