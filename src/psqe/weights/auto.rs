//! Weights without labels: every modality is judged by pairs that the others chose.
//!
//! # Model
//! A pair (x, y) is a match or not. In modality m it has the cosine s_m, with density p_m over all pairs
//! and p_m·e^{w_m s − log Z_m} over matches: a density ratio that is log-linear in the similarity
//! (exponential tilt; Qin 1998). If the modalities are independent given match or non-match, evidence
//! multiplies, so the posterior odds of a pair grow with Σ_m w_m s_m: the weights of the fused
//! similarity would be the slopes w_m, up to a common factor. (For two normals of equal variance the slope
//! is Fisher's discriminant, (μ₁ − μ₀)/σ².) The ratio is taken to all pairs, not row by row, because
//! seeds are ranked over all pairs: a stock picture that hundreds share lies in the background at
//! cosine 1 and so flattens the slope.
//!
//! # Without labels
//! The mutual nearest pairs of another modality o are matches with an unknown precision q_o; wrong ones
//! look, to m, like any pair. Their cosines in m come from q_o·p_m e^{w_m s}/Z_m + (1 − q_o)·p_m, and
//! w_m and all q_o are fitted by expectation–maximisation, one w_m for all witnesses. No modality judges
//! itself: noise finds mutual pairs as well, but its cosines over the others' pairs are those of the
//! background, so its slope is 0; as a witness its q is 0 and it moves nobody else.
//! - A slope counts only if the gain in log-likelihood exceeds [`LEAST_GAIN`] nats over at least
//!   [`LEAST_EXAMPLES`] examples; else the weight is 0.
//! - Copies would vouch for each other: modalities whose cosines correlate above [`DEPENDENT`] over
//!   random pairs (nearly all of them non-matches) are no witnesses of each other and share a weight.
//! - Matches and errors are not independent: where two modalities err together the steeper one is
//!   believed too much. So weights are the *roots* of the slopes, half way (in logarithms) between the
//!   model's word and equal weights; 0 stays 0.
//! - A single modality has weight 1. If no two agree (of two, when one is noise), [`AutoWeights::fallback`]
//!   is set, and a modality weighs by how far the best partner of a row stands out from its second,
//!   measured in what noise would give: one and a half times that counts as nothing. If none stands out,
//!   weights are equal.
//!
//! # Measured
//! DBP15K zh_en with simulated images (`inputs/zh_en`, the twins' version; `psqe_figures_weights` prints
//! it): share of one-to-one pairs by falling similarity that are links or twins.
//!
//! | weights | 1,000 | 3,000 | 5,000 | 8,000 |
//! |---|---|---|---|---|
//! | visual .8, name .1, relation .1 (the paper's) | 92.1 % | 91.4 % | 89.4 % | 82.1 % |
//! | equal | 100 % | 99.93 % | 98.34 % | 95.0 % |
//! | auto: .341, .317, .342 | 100 % | 99.93 % | 98.56 % | 94.9 % |
//!
//! There it takes the mutual pairs of image, name and relation for 68, 86 and 55 % right; by the links
//! they are 68, 84 and 28 %. Relation texts err together with images more often than independence has it.
//!
//! | without names | 1,000 | 2,000 | 4,000 |
//! |---|---|---|---|
//! | equal | 98.7 % | 96.65 % | 92.10 % |
//! | auto: .490, .510 | 98.8 % | 96.70 % | 91.92 % |
//!
//! A useless fifth modality (noise of 64 or 8 columns, a constant, a stock of 20 pictures, names of one
//! row in twenty) gets weight 0 and leaves 98.4–98.6 % at 5,000, without names 91.9–92.0 % at 4,000.
//!
//! Labels of this file had a part in how the method was chosen: three formulations were tried, the
//! softmax over each row's candidates (99.8 % at 3,000, without names 96.9 % at 1,000), the slopes
//! themselves (98.74 % at 5,000, without names 91.72 % at 4,000) and their roots. Constants below were set
//! once and not searched.
//!
//! # Cost
//! Rows of the left side are sampled (the sample does not depend on the run's random seed) so that one
//! pass over the other side takes at most [`BUDGET`] multiplications; a second, smaller pass checks
//! mutuality.

use std::collections::{BTreeSet, HashMap};

use super::tilt::{Background, Tilt, fit};
use crate::error::Result;
use crate::features::{Feature, Modality, Rows};
use crate::linalg::{Channel, Neighbours, Similarity, TopKOptions, pair_scores, top_k};
use crate::psqe::Evidence;
use crate::rng::Rng;
use crate::task::Task;

/// Multiplications of one pass of the sample over the other side.
const BUDGET: f64 = 2e11;
/// Rows sampled even if they exceed the budget.
const LEAST_ROWS: usize = 2_000;
/// Best partners of a sampled row that stand for the upper tail of the background.
const TAIL: usize = 20;
/// Random pairs that stand for the rest of it.
const RANDOM_PAIRS: usize = 1 << 17;
/// Examples below which a modality cannot be judged.
pub(crate) const LEAST_EXAMPLES: usize = 30;
/// Nats of log-likelihood below which a slope is taken for chance.
const LEAST_GAIN: f64 = 10.0;
/// Correlation over random pairs above which two modalities count as one.
const DEPENDENT: f64 = 0.7;
/// A partner of more rows than this is a hub.
const HUB: u32 = 10;

/// What is known of one modality without labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnosis {
    /// Its weight in the fused similarity.
    pub weight: f32,
    /// Share of the sampled rows that have the modality.
    pub presence: f32,
    /// Share of those whose nearest partner has them as its nearest.
    pub mutual: f32,
    /// How many pairs those are.
    pub pairs: usize,
    /// Mean distance of the best to the second-best cosine of a row.
    pub margin: f32,
    /// Hubness: share of the rows whose nearest partner is that of more than ten sampled rows.
    pub hubness: f32,
    /// Share of its mutual pairs that are matches, as the other modalities see it; NaN without judge.
    pub precision: f32,
    /// Pairs chosen by other modalities that it was judged by.
    pub witnesses: usize,
    /// Nats of evidence per unit of cosine, before copies share it.
    pub slope: f32,
    /// Evidence in nats that it gives, on average, for a pair that the others chose; 0 if useless.
    pub gain: f32,
    /// Of each modality it was judged by: the share of that one's mutual pairs that look chosen to it,
    /// which is how well they agree. None if it tells nothing, or the other has too few pairs.
    pub agreement: Vec<(Modality, f32)>,
    /// Modalities it is taken to be a copy of.
    pub copies: Vec<Modality>,
}

/// Weights set from agreement, with what led to them.
#[derive(Clone, Debug, PartialEq)]
pub struct AutoWeights {
    /// Of every modality of the evidence, in its order; they sum to 1.
    pub weights: Vec<(Modality, f32)>,
    /// In the same order.
    pub diagnoses: Vec<Diagnosis>,
    /// Left rows looked at.
    pub sample: usize,
    /// Whether no two modalities agreed, so that each was judged by itself.
    pub fallback: bool,
}

/// Weights of the modalities from how well they agree; see the module's text. A pure function of the
/// features.
pub fn auto(evidence: &Evidence<'_>, task: &Task) -> Result<AutoWeights> {
    let channels: Vec<Channel<'_>> = (0..evidence.len()).map(|i| known_channel(evidence, i)).collect();
    let sample = sample_rows(&channels);
    let random = random_pairs(evidence, &sample);
    task.phase("weighing modalities", Some(channels.len() as u64));
    let mut views = Vec::with_capacity(channels.len());
    for (done, channel) in channels.iter().enumerate() {
        views.push(View::new(channel, &sample, &random, task)?);
        task.advance(done as u64 + 1);
    }
    let number = views.len();
    let copies: Vec<Vec<usize>> = (0..number)
        .map(|m| {
            let copy = |&o: &usize| o != m && correlation(&views[m].random, &views[o].random) > DEPENDENT;
            (0..number).filter(copy).collect()
        })
        .collect();
    let mut tilts: Vec<(Vec<usize>, Tilt)> = Vec::with_capacity(number);
    for m in 0..number {
        let witnesses: Vec<usize> = (0..number).filter(|o| *o != m && !copies[m].contains(o)).collect();
        let mut examples = Vec::with_capacity(witnesses.len());
        for &o in &witnesses {
            let scores = pair_scores(&channels[m..=m], &views[o].mutual, Similarity::Cosine)?;
            let scores = scores.into_iter().flatten().filter(|s| s.is_finite());
            examples.push(scores.collect::<Vec<f32>>());
        }
        task.check()?;
        tilts.push((witnesses, fit(&views[m].background, &examples)));
    }
    let tells = |tilt: &Tilt| {
        tilt.examples >= LEAST_EXAMPLES && tilt.gain * tilt.examples as f64 > LEAST_GAIN && tilt.slope > 0.0
    };
    let slope = |m: usize| if tells(&tilts[m].1) { tilts[m].1.slope } else { 0.0 };
    let heard = |m: usize| 1 + copies[m].iter().filter(|&&o| slope(o) > 0.0).count();
    let shared: Vec<f64> = (0..number).map(|m| slope(m).sqrt() / heard(m) as f64).collect();
    let total: f64 = shared.iter().sum();
    let fallback = total <= 0.0;
    let alone: Vec<f64> = views.iter().map(|view| f64::from((view.prominence - 1.5).max(0.0))).collect();
    let alone_total: f64 = alone.iter().sum();
    let share = |m: usize| match () {
        () if !fallback => shared[m] / total,
        () if alone_total > 0.0 => alone[m] / alone_total,
        () => 1.0 / number as f64,
    };
    let names: Vec<&Modality> = evidence.modalities().collect();
    let diagnose = |m: usize| {
        // The judges' words on m's own mutual pairs, by how much they know.
        let (mut sum, mut mass) = (0.0, 0.0);
        for (judge, (witnesses, tilt)) in tilts.iter().enumerate() {
            if slope(judge) > 0.0
                && let Some(place) = witnesses.iter().position(|&o| o == m)
            {
                sum += tilt.gain * tilt.precision[place];
                mass += tilt.gain;
            }
        }
        let (witnesses, tilt) = &tilts[m];
        let agreement = witnesses
            .iter()
            .zip(&tilt.precision)
            .filter(|(o, _)| tells(tilt) && views[**o].mutual.len() >= LEAST_EXAMPLES);
        Diagnosis {
            weight: share(m) as f32,
            presence: views[m].presence,
            mutual: views[m].mutual_share,
            pairs: views[m].mutual.len(),
            margin: views[m].margin,
            hubness: views[m].hubness,
            precision: if mass > 0.0 { (sum / mass) as f32 } else { f32::NAN },
            witnesses: tilt.examples,
            slope: slope(m) as f32,
            gain: if tells(tilt) { tilt.gain as f32 } else { 0.0 },
            agreement: agreement.map(|(&o, &share)| (names[o].clone(), share as f32)).collect(),
            copies: copies[m].iter().map(|&o| names[o].clone()).collect(),
        }
    };
    let diagnoses: Vec<Diagnosis> = (0..number).map(diagnose).collect();
    Ok(AutoWeights {
        weights: names.iter().zip(&diagnoses).map(|(name, d)| ((*name).clone(), d.weight)).collect(),
        diagnoses,
        sample: sample.len(),
        fallback: fallback && number > 1,
    })
}

/// Modality `i` alone, in which only real rows count, whatever was filled.
fn known_channel<'e>(evidence: &'e Evidence<'_>, i: usize) -> Channel<'e> {
    let ((left, right), known) = (evidence.features(i), evidence.known(i));
    let left = Feature { present: known.0, ..left };
    Channel { weight: 1.0, left, right: Feature { present: known.1, ..right } }
}

/// Left rows to look at, ascending.
fn sample_rows(channels: &[Channel<'_>]) -> Vec<u32> {
    let width = |channel: &Channel<'_>| match channel.left.rows {
        Rows::Dense(rows) => rows.cols as f64,
        Rows::Sparse(rows) => rows.indices.len() as f64 / channel.left.present.len().max(1) as f64,
    };
    let work: f64 = channels.iter().map(width).sum::<f64>() * channels[0].right.present.len() as f64;
    let mut rows: Vec<u32> = (0..channels[0].left.present.len() as u32).collect();
    let wanted = ((BUDGET / work.max(1.0)) as usize).max(LEAST_ROWS);
    if wanted < rows.len() {
        Rng::stream(0, "rows that modalities are weighed by").shuffle(&mut rows);
        rows.truncate(wanted);
        rows.sort_unstable();
    }
    rows
}

/// Pairs drawn with repetition, the left ones from the sample.
fn random_pairs(evidence: &Evidence<'_>, sample: &[u32]) -> Vec<(u32, u32)> {
    let mut rng = Rng::stream(0, "pairs that modalities are weighed by");
    let wanted = RANDOM_PAIRS.min(sample.len().saturating_mul(evidence.right_len()));
    let draw = |_| (sample[rng.below(sample.len())], rng.below(evidence.right_len()) as u32);
    (0..wanted).map(draw).collect()
}

/// What one modality alone makes of the sample.
struct View {
    /// Mutual nearest pairs.
    mutual: Vec<(u32, u32)>,
    /// Cosines of the random pairs, NaN where a row is missing.
    random: Vec<f32>,
    background: Background,
    presence: f32,
    mutual_share: f32,
    margin: f32,
    hubness: f32,
    /// How far a row's best partner stands out from its second, in units of what noise gives.
    prominence: f32,
}

impl View {
    fn new(channel: &Channel<'_>, sample: &[u32], random: &[(u32, u32)], task: &Task) -> Result<Self> {
        let channels = std::slice::from_ref(channel);
        let rows: Vec<u32> =
            sample.iter().copied().filter(|&row| channel.left.present.get(row as usize)).collect();
        let options = TopKOptions { k: TAIL, left_rows: Some(&rows), ..TopKOptions::default() };
        let near = top_k(channels, &options, task)?.left;
        let nearest: Vec<(u32, u32)> =
            (0..rows.len()).filter_map(|at| Some((rows[at], near.best(at)?.0))).collect();
        let mut chosen: HashMap<u32, u32> = HashMap::new();
        nearest.iter().for_each(|(_, right)| *chosen.entry(*right).or_default() += 1);
        let rights: Vec<u32> = chosen.keys().copied().collect::<BTreeSet<_>>().into_iter().collect();
        let back = TopKOptions { k: 1, right_rows: Some(&rights), both: true, ..TopKOptions::default() };
        let back = top_k(channels, &back, task)?.right.unwrap_or_default();
        let best: HashMap<u32, u32> =
            rights.iter().enumerate().filter_map(|(at, &right)| Some((right, back.best(at)?.0))).collect();
        let is_mutual = |(left, right): &&(u32, u32)| best.get(right) == Some(left);
        let mutual: Vec<(u32, u32)> = nearest.iter().filter(is_mutual).copied().collect();
        let hubs = nearest.iter().filter(|(_, right)| chosen[right] > HUB).count();
        let gaps: Vec<f64> = (0..rows.len()).filter_map(|at| gap(&near, at)).collect();
        let scores = pair_scores(channels, random, Similarity::Cosine)?;
        let scores: Vec<f32> = scores.into_iter().flatten().collect();
        let share = |part: usize, whole: usize| part as f32 / whole.max(1) as f32;
        let margin = gaps.iter().sum::<f64>() / gaps.len().max(1) as f64;
        Ok(View {
            prominence: prominence(margin, &scores, channel.right.present.count()) as f32,
            background: background(&near, &rows, random, &scores, channel.right.present.count()),
            random: scores,
            presence: share(rows.len(), sample.len()),
            mutual_share: share(mutual.len(), nearest.len()),
            mutual,
            margin: margin as f32,
            hubness: share(hubs, nearest.len()),
        })
    }
}

/// A mean margin in units of what n draws from a normal distribution give: their largest stands about
/// σ/√(2 ln n) above the second (Gumbel's limit).
fn prominence(margin: f64, random: &[f32], n: usize) -> f64 {
    let known: Vec<f64> = random.iter().filter(|s| s.is_finite()).map(|&s| f64::from(s)).collect();
    let count = known.len().max(1) as f64;
    let mean = known.iter().sum::<f64>() / count;
    let deviation = (known.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / count).sqrt();
    if deviation > 1e-9 { margin * (2.0 * (n.max(2) as f64).ln()).sqrt() / deviation } else { 0.0 }
}

/// Distance of the best to the second-best cosine of a row.
fn gap(near: &Neighbours, at: usize) -> Option<f64> {
    let mut scores = near.row(at).map(|(_, score)| f64::from(score));
    Some(scores.next()? - scores.next()?)
}

/// All pairs of the sampled rows: the best of each one by one, the others by random pairs.
fn background(
    near: &Neighbours,
    rows: &[u32],
    random: &[(u32, u32)],
    scores: &[f32],
    partners: usize,
) -> Background {
    let mut background = Background::default();
    let mut listed: HashMap<u32, Vec<u32>> = HashMap::with_capacity(rows.len());
    let mut mass = 0usize;
    for (at, &row) in rows.iter().enumerate() {
        let entry = listed.entry(row).or_default();
        for (right, score) in near.row(at) {
            background.add(score, 1.0);
            entry.push(right);
            mass += 1;
        }
    }
    let rest: Vec<f32> = random
        .iter()
        .zip(scores)
        .filter(|((left, right), s)| {
            s.is_finite() && listed.get(left).is_none_or(|near| !near.contains(right))
        })
        .map(|(_, &s)| s)
        .collect();
    let unlisted = (rows.len() as f64 * partners as f64 - mass as f64).max(0.0);
    for &s in &rest {
        background.add(s, unlisted / rest.len() as f64);
    }
    background
}

/// Pearson's correlation where both are known; 0 if one does not vary.
fn correlation(a: &[f32], b: &[f32]) -> f64 {
    let both: Vec<(f64, f64)> = a
        .iter()
        .zip(b)
        .filter(|(x, y)| x.is_finite() && y.is_finite())
        .map(|(&x, &y)| (f64::from(x), f64::from(y)))
        .collect();
    let n = both.len() as f64;
    if both.len() < 3 {
        return 0.0;
    }
    let (ma, mb) = (both.iter().map(|p| p.0).sum::<f64>() / n, both.iter().map(|p| p.1).sum::<f64>() / n);
    let (mut aa, mut bb, mut ab) = (0.0, 0.0, 0.0);
    for (x, y) in both {
        aa += (x - ma).powi(2);
        bb += (y - mb).powi(2);
        ab += (x - ma) * (y - mb);
    }
    if aa * bb <= 1e-18 { 0.0 } else { ab / (aa * bb).sqrt() }
}
