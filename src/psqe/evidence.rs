//! What speaks for a pair: its modalities with their rows, and the rule for rows that are missing.

use std::sync::Arc;

use crate::error::{Code, Error, Result};
use crate::features::{Feature, Matrix, Modality, OwnedFeature, Presence};
use crate::kg::{EntityId, Verdicts};
use crate::linalg::{
    Channel, Keeper, Mask, PairScores, Parted, Similarity, TopK, TopKOptions, kept_top_k, pair_scores, top_k,
};
use crate::ops::spec::Missing;
use crate::rng::Rng;
use crate::task::Task;

/// Widest sparse modality that [`Missing::Random`] will make dense.
const WIDEST_RANDOM: usize = 8192;

/// A borrowed feature, or one whose missing rows were filled.
#[derive(Clone, Debug)]
enum Held<'a> {
    Given(Feature<'a>),
    Filled(OwnedFeature),
}

impl Held<'_> {
    fn view(&self) -> Feature<'_> {
        match self {
            Held::Given(feature) => *feature,
            Held::Filled(owned) => owned.view(),
        }
    }
}

#[derive(Clone, Debug)]
struct Modal<'a> {
    modality: Modality,
    left: Held<'a>,
    right: Held<'a>,
    /// The rows that are real, whatever was filled.
    known: (&'a Presence, &'a Presence),
}

/// The modalities of a pair: for each a feature of the left and one of the right side.
///
/// All left features have one length, all right features have one; the two sides of a modality are
/// equally wide. Order is the caller's and is the order of every per-modality result.
#[derive(Clone, Debug)]
pub struct Evidence<'a> {
    modals: Vec<Modal<'a>>,
    missing: Missing,
    mask: Mask,
    accepted: Vec<(EntityId, EntityId)>,
    keeper: Option<&'a dyn Keeper>,
    parted: Option<Arc<Parted>>,
}

impl<'a> Evidence<'a> {
    /// Gathers the modalities and settles what a missing row means:
    /// - [`Missing::Neutral`]: it adds nothing to the score of a pair;
    /// - [`Missing::Renormalise`]: the weights of a pair are renormalised over what both rows have;
    /// - [`Missing::Random`]: it is drawn per column from N(mean, std) of the known rows of both sides
    ///   (as the reference systems do), from the stream of `seed` for this modality. Costs a copy of
    ///   the sides that miss rows.
    ///
    /// Fails without modalities, on a modality named twice, on sides that differ in length or width.
    pub fn new(
        modalities: Vec<(Modality, Feature<'a>, Feature<'a>)>,
        missing: Missing,
        seed: u64,
    ) -> Result<Self> {
        let Some((_, left, right)) = modalities.first() else {
            return Err(Error::new(Code::MissingData, "the pair has no modality to compare entities by")
                .help("make one, such as: EMBED name USING ngrams INTO <pair>"));
        };
        let (n, m) = (left.present.len(), right.present.len());
        if n == 0 || m == 0 {
            let side = if n == 0 { "left" } else { "right" };
            return Err(Error::new(Code::MissingData, format!("the {side} side has no entities")));
        }
        let mut modals: Vec<Modal<'a>> = Vec::with_capacity(modalities.len());
        for (modality, left, right) in modalities {
            if modals.iter().any(|modal| modal.modality == modality) {
                return Err(Error::new(Code::Conflict, format!("modality {modality} is named twice")));
            }
            for (feature, rows, side) in [(&left, n, "left"), (&right, m, "right")] {
                if feature.present.len() != rows || feature.rows.len() != rows {
                    return Err(Error::new(
                        Code::BadValue,
                        format!(
                            "{modality} has {} rows on the {side} side, where others have {rows}",
                            feature.rows.len()
                        ),
                    )
                    .help("rebuild the features of this modality"));
                }
            }
            if left.rows.cols() != right.rows.cols() {
                return Err(Error::new(
                    Code::BadValue,
                    format!(
                        "{modality} is {} wide on the left and {} wide on the right",
                        left.rows.cols(),
                        right.rows.cols()
                    ),
                )
                .help("make the features of both sides in one run, so that their columns mean the same"));
            }
            let known = (left.present, right.present);
            let (left, right) = match missing {
                Missing::Random => filled(&modality, left, right, seed)?,
                Missing::Neutral | Missing::Renormalise => (Held::Given(left), Held::Given(right)),
            };
            modals.push(Modal { modality, left, right, known });
        }
        Ok(Evidence {
            modals,
            missing,
            mask: Mask::default(),
            accepted: Vec::new(),
            keeper: None,
            parted: None,
        })
    }

    /// The same under what people have said of the pair: accepted pairs have each other only, rejected ones
    /// are no candidates. Every product over [`Evidence::options`] heeds it.
    pub fn judged(mut self, verdicts: &Verdicts) -> Self {
        self.mask = Mask::new(verdicts.accepted(), verdicts.rejected());
        self.accepted = verdicts.accepted().to_vec();
        self
    }

    /// The same with a keeper of lists, so that what was searched once need not be searched again.
    pub fn kept_by(mut self, keeper: Option<&'a dyn Keeper>) -> Self {
        self.keeper = keeper;
        self
    }

    /// The same, of which only entities in a cell together are compared: every search over
    /// [`Evidence::options`] keeps to it.
    pub fn within(mut self, parted: Arc<Parted>) -> Self {
        self.parted = Some(parted);
        self
    }

    /// What [`top_k`] gives over [`Evidence::channels`], from lists that were kept where there are any.
    pub fn top_k(&self, factors: &[f32], options: &TopKOptions<'_>, task: &Task) -> Result<TopK> {
        let channels = self.channels(factors);
        let mut hasher = blake3::Hasher::new();
        for (modality, factor) in self.modalities().zip(factors).filter(|(_, factor)| **factor > 0.0) {
            hasher.update(modality.as_str().as_bytes()).update(&[0]).update(&factor.to_bits().to_le_bytes());
        }
        hasher.update(&[u8::from(options.renormalise), u8::from(options.similarity == Similarity::Dot)]);
        let key = hasher.finalize();
        match (&self.parted, self.keeper) {
            (Some(parted), _) => parted.top_k(key.as_bytes(), &channels, options, task),
            (None, Some(keeper)) => kept_top_k(keeper, key.as_bytes(), &channels, options, task),
            (None, None) => top_k(&channels, options, task),
        }
    }

    /// Pairs that a person has accepted.
    pub fn accepted(&self) -> &[(EntityId, EntityId)] {
        &self.accepted
    }

    /// What people have said, as it bears on candidates.
    pub fn mask(&self) -> &Mask {
        &self.mask
    }

    /// Names of the modalities, in order.
    pub fn modalities(&self) -> impl ExactSizeIterator<Item = &Modality> + '_ {
        self.modals.iter().map(|modal| &modal.modality)
    }

    /// Number of modalities.
    pub fn len(&self) -> usize {
        self.modals.len()
    }

    /// Never: there is at least one.
    pub fn is_empty(&self) -> bool {
        self.modals.is_empty()
    }

    /// Entities of the left side.
    pub fn left_len(&self) -> usize {
        self.modals[0].known.0.len()
    }

    /// Entities of the right side.
    pub fn right_len(&self) -> usize {
        self.modals[0].known.1.len()
    }

    /// Left and right feature of modality number `i`, missing rows filled if the rule is to fill them.
    pub(crate) fn features(&self, i: usize) -> (Feature<'_>, Feature<'_>) {
        (self.modals[i].left.view(), self.modals[i].right.view())
    }

    /// Which rows of modality number `i` are real.
    pub(crate) fn known(&self, i: usize) -> (&Presence, &Presence) {
        self.modals[i].known
    }

    /// Number of the modality in order.
    pub fn position(&self, modality: &Modality) -> Result<usize> {
        self.modals.iter().position(|modal| modal.modality == *modality).ok_or_else(|| {
            let names: Vec<&str> = self.modalities().map(Modality::as_str).collect();
            Error::new(Code::UnknownName, format!("the pair has no modality {modality}"))
                .help(format!("it has: {}", names.join(", ")))
        })
    }

    /// Channels in order, weighted as `factors` says (one a modality); those of weight 0 left out.
    pub fn channels(&self, factors: &[f32]) -> Vec<Channel<'_>> {
        let weighted = self.modals.iter().zip(factors).filter(|&(_, &weight)| weight > 0.0);
        weighted
            .map(|(modal, &weight)| Channel { weight, left: modal.left.view(), right: modal.right.view() })
            .collect()
    }

    /// Options of a product over [`Evidence::channels`]: cosines, the rule for missing rows,
    /// verdicts and cells.
    pub fn options(&self) -> TopKOptions<'_> {
        TopKOptions {
            mask: Some(&self.mask),
            cells: self.parted.as_ref().map(|parted| &parted.partition.cells),
            similarity: Similarity::Cosine,
            renormalise: self.missing == Missing::Renormalise,
            ..TopKOptions::default()
        }
    }

    /// Cosine of every pair in every modality, modality by modality; NaN where a row is missing. `pairs` are
    /// ascending. Kept for the next stage, which asks for many of the same pairs.
    pub fn cosines(&self, pairs: &[(u32, u32)]) -> Result<Vec<Vec<f32>>> {
        /// More pairs are not kept.
        const MOST: usize = 1 << 22;
        if pairs.is_empty() {
            return Ok(vec![Vec::new(); self.len()]);
        }
        let channels = self.channels(&vec![1.0; self.len()]);
        let Some(keeper) = self.keeper else { return pair_scores(&channels, pairs, Similarity::Cosine) };
        let mut hasher = blake3::Hasher::new();
        self.modalities().for_each(|modality| _ = hasher.update(modality.as_str().as_bytes()).update(&[0]));
        let key = *hasher.finalize().as_bytes();
        let known = keeper.recall_scores(&key).unwrap_or_default();
        let missing = known.missing(pairs);
        if missing.is_empty() {
            return Ok(known.of(pairs));
        }
        let found = PairScores::new(&channels, missing, Similarity::Cosine)?;
        let all = Arc::new(known.and(&found));
        if all.len() <= MOST {
            keeper.keep_scores(&key, all.clone());
        }
        Ok(all.of(pairs))
    }

    /// Cosine of every pair in every modality, `pairs × modalities`; NaN where a row is not real.
    pub fn modal_scores(&self, pairs: &[(u32, u32)]) -> Result<Vec<Vec<f32>>> {
        let by_channel = pair_scores(&self.channels(&vec![1.0; self.len()]), pairs, Similarity::Cosine)?;
        let of_pair = |(p, &(i, j)): (usize, &(u32, u32))| {
            let of_modal = |(scores, modal): (&Vec<f32>, &Modal<'_>)| {
                let real = modal.known.0.get(i as usize) && modal.known.1.get(j as usize);
                if real { scores[p] } else { f32::NAN }
            };
            by_channel.iter().zip(&self.modals).map(of_modal).collect()
        };
        Ok(pairs.iter().enumerate().map(of_pair).collect())
    }
}

/// Both sides with rows from N(mean, std) of the known rows where they were missing.
fn filled<'a>(
    modality: &Modality,
    left: Feature<'a>,
    right: Feature<'a>,
    seed: u64,
) -> Result<(Held<'a>, Held<'a>)> {
    let missing = |feature: &Feature<'_>| feature.present.count() < feature.present.len();
    if !missing(&left) && !missing(&right) {
        return Ok((Held::Given(left), Held::Given(right)));
    }
    let cols = left.rows.cols();
    if cols > WIDEST_RANDOM {
        return Err(Error::new(
            Code::Unsupported,
            format!("{modality} is {cols} columns wide, too wide to fill missing rows with random numbers"),
        )
        .help("use missing=neutral, which lets a missing row count as no evidence"));
    }
    let known = left.present.count() + right.present.count();
    let (mut sum, mut squares) = (vec![0f64; cols], vec![0f64; cols]);
    for feature in [&left, &right] {
        for i in feature.present.iter() {
            feature.rows.each(i, |column, x| sum[column] += f64::from(x));
        }
    }
    let mean: Vec<f64> = sum.iter().map(|s| s / known.max(1) as f64).collect();
    for feature in [&left, &right] {
        for i in feature.present.iter() {
            // What is zero in a sparse row deviates too: its share is added below.
            feature.rows.each(i, |c, x| {
                squares[c] += (f64::from(x) - mean[c]).powi(2) - mean[c].powi(2);
            });
        }
    }
    let std: Vec<f64> =
        squares.iter().zip(&mean).map(|(s, m)| (s / known.max(1) as f64 + m * m).max(0.0).sqrt()).collect();
    let mut rng = Rng::stream(seed, &format!("missing rows of {modality}"));
    let mut fill = |feature: Feature<'a>| {
        if !missing(&feature) {
            return Held::Given(feature);
        }
        let rows = feature.present.len();
        let mut data = vec![0f32; rows * cols];
        for (i, row) in data.chunks_exact_mut(cols.max(1)).enumerate().take(rows) {
            if feature.present.get(i) {
                feature.rows.each(i, |column, x| row[column] = x);
            } else {
                for (x, (m, s)) in row.iter_mut().zip(mean.iter().zip(&std)) {
                    *x = (m + s * rng.normal()) as f32;
                }
            }
        }
        let present = Presence::filled(rows, true);
        Held::Filled(OwnedFeature { rows: Matrix::Dense { data, cols }, present })
    };
    let left = fill(left);
    Ok((left, fill(right)))
}
