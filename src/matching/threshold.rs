//! How many links are wrong, told without labels, and where to cut.

/// Where links were cut so that as many are right as was asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cut {
    /// Links that stay: the first so many.
    pub kept: usize,
    /// Least score that stays; +∞ if none does.
    pub threshold: f32,
    /// Estimated precision of those that stay; NaN if none does.
    pub precision: f64,
}

/// For every number of links, best first, the estimated share of wrong ones among them.
///
/// `found` are the scores of the links and `decoys` those of the links that the same rule makes of the pairs
/// that are left, both falling. Decoys join entities that each had another partner, so nearly all of them
/// are wrong, and as many wrong links are expected at the same score (a target–decoy estimate; Elias and
/// Gygi 2007). Shares never fall along the list.
pub(crate) fn wrong_shares(found: &[f32], decoys: &[f32]) -> Vec<f64> {
    let mut above = 0;
    let share = |(number, score): (usize, &f32)| {
        above += decoys[above..].iter().take_while(|decoy| *decoy >= score).count();
        above as f64 / (number + 1) as f64
    };
    let mut wrong: Vec<f64> = found.iter().enumerate().map(share).collect();
    for number in (1..wrong.len()).rev() {
        wrong[number - 1] = wrong[number - 1].min(wrong[number]);
    }
    wrong
}

/// Keeps as many links, best first, as have that precision by [`wrong_shares`].
pub(crate) fn cut(found: &[f32], decoys: &[f32], precision: f64) -> Cut {
    let wrong = wrong_shares(found, decoys);
    let good = wrong.partition_point(|&share| share <= 1.0 - precision);
    // Links of one score stay or go together.
    let kept = match found.get(good) {
        Some(next) => found[..good].iter().rposition(|score| score > next).map_or(0, |last| last + 1),
        None => good,
    };
    match kept {
        0 => Cut { kept, threshold: f32::INFINITY, precision: f64::NAN },
        _ => Cut { kept, threshold: found[kept - 1], precision: 1.0 - wrong[kept - 1] },
    }
}
