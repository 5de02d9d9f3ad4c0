//! Parameters of an earlier training as the beginning of another, whose graphs may have grown since.

use super::adamw::{AdamState, Moments};
use super::params::Parameter;

/// Rows of both sides, before and now: rows that came later stand at the end of their side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grown {
    /// Left and right rows then.
    pub before: (usize, usize),
    /// Left and right rows now.
    pub now: (usize, usize),
}

impl Grown {
    /// `fresh` numbers of `width` a row over both sides with those of `old` in the places of their rows;
    /// `None` if the counts do not fit.
    fn laid(&self, old: &[f32], fresh: &[f32]) -> Option<Vec<f32>> {
        let (before, now) = (self.before.0 + self.before.1, self.now.0 + self.now.1);
        let grown = self.before.0 <= self.now.0 && self.before.1 <= self.now.1;
        if before == 0 || !grown || !old.len().is_multiple_of(before) {
            return None;
        }
        let width = old.len() / before;
        if fresh.len() != now * width {
            return None;
        }
        let mut laid = fresh.to_vec();
        let (left, right) = (self.before.0 * width, self.now.0 * width);
        laid[..left].copy_from_slice(&old[..left]);
        laid[right..right + old.len() - left].copy_from_slice(&old[left..]);
        Some(laid)
    }
}

/// The numbers of `fresh` from `old` where a parameter of the name has as many, or has rows that came later;
/// others stay as they are. Moments come along; those of new rows are zero.
pub fn warmed(
    fresh: Vec<Parameter>,
    old: &[Parameter],
    optimiser: &AdamState,
    grown: Grown,
) -> (Vec<Parameter>, AdamState) {
    let mut state = AdamState { step: optimiser.step, moments: Vec::new() };
    let begin = |parameter: Parameter| {
        let Some(known) = old.iter().find(|known| known.name == parameter.name) else { return parameter };
        let fit = |values: &[f32], fresh: &[f32]| match known.shape == parameter.shape {
            true => Some(values.to_vec()),
            false if known.shape.get(1..) == parameter.shape.get(1..) => grown.laid(values, fresh),
            false => None,
        };
        let Some(values) = fit(&known.values, &parameter.values) else { return parameter };
        if let Some(moments) = optimiser.moments.iter().find(|moments| moments.name == parameter.name) {
            let zeros = vec![0.0; values.len()];
            if let (Some(first), Some(second)) = (fit(&moments.first, &zeros), fit(&moments.second, &zeros)) {
                state.moments.push(Moments { name: parameter.name.clone(), first, second });
            }
        }
        Parameter { values, ..parameter }
    };
    let parameters = fresh.into_iter().map(begin).collect();
    (parameters, state)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(name: &str, shape: &[usize], from: f32) -> Parameter {
        let count: usize = shape.iter().product();
        let values = (0..count).map(|i| from + i as f32).collect();
        Parameter { name: name.into(), shape: shape.to_vec(), values }
    }

    #[test]
    fn rows_that_came_later_begin_anew() {
        let old =
            [parameter("rows", &[3, 2], 0.0), parameter("map", &[2, 2], 10.0), parameter("gone", &[1], 0.0)];
        let moments = Moments { name: "rows".into(), first: vec![1.0; 6], second: vec![2.0; 6] };
        let optimiser = AdamState { step: 9, moments: vec![moments] };
        let fresh = vec![
            parameter("rows", &[5, 2], 100.0),
            parameter("map", &[2, 2], 100.0),
            parameter("other", &[3, 2], 100.0),
        ];
        // One left row was two, two right rows are three.
        let grown = Grown { before: (1, 2), now: (2, 3) };
        let (warm, state) = warmed(fresh.clone(), &old, &optimiser, grown);
        assert_eq!(warm[0].values, [0.0, 1.0, 102.0, 103.0, 2.0, 3.0, 4.0, 5.0, 108.0, 109.0]);
        assert_eq!(warm[1].values, old[1].values);
        assert_eq!(warm[2], fresh[2]);
        assert_eq!(state.step, 9);
        assert_eq!(state.moments[0].first, [1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0]);
        // Counts that do not fit leave all as it is.
        let (cold, state) =
            warmed(fresh.clone(), &old[..1], &optimiser, Grown { before: (4, 4), now: (5, 5) });
        assert_eq!((cold, state.moments.len()), (fresh, 0));
    }
}
