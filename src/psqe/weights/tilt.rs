//! The evidence a similarity gives: slope of a log-linear density ratio under doubtful examples.

/// Cosines fall into bins of this many to a unit.
const BINS_PER_UNIT: f64 = 2048.0;
/// Steepest slope; cosines that tell more than e¹⁰⁰ a unit are taken to tell that.
const STEEPEST: f64 = 100.0;
/// Rounds of expectation and maximisation.
const ROUNDS: usize = 300;

/// How a modality's cosine is distributed over all pairs, as weighted bins.
#[derive(Clone, Debug, Default)]
pub(super) struct Background {
    /// Mass by bin, bin 0 at cosine −1.
    mass: Vec<f64>,
}

impl Background {
    /// Adds pairs of this cosine that stand for `mass` pairs.
    pub(super) fn add(&mut self, cosine: f32, mass: f64) {
        let bin = ((f64::from(cosine.clamp(-1.0, 1.0)) + 1.0) * BINS_PER_UNIT).round() as usize;
        if self.mass.len() <= bin {
            self.mass.resize(bin + 1, 0.0);
        }
        self.mass[bin] += mass;
    }

    /// Cosine and share of the bins that hold anything.
    fn shares(&self) -> Vec<(f64, f64)> {
        let total: f64 = self.mass.iter().sum();
        let bins = self.mass.iter().enumerate().filter(|(_, mass)| **mass > 0.0);
        bins.map(|(bin, mass)| (bin as f64 / BINS_PER_UNIT - 1.0, mass / total)).collect()
    }
}

/// What a modality's cosine says of the pairs that others chose.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tilt {
    /// Nats of evidence per unit of cosine; not negative.
    pub(super) slope: f64,
    /// Share of each witness's pairs that look chosen rather than random.
    pub(super) precision: Vec<f64>,
    /// Mean log-likelihood ratio of the examples against the background; 0 if nothing is told.
    pub(super) gain: f64,
    /// Number of examples.
    pub(super) examples: usize,
}

/// The slope w that makes `examples` (cosines of the pairs each witness chose) most likely, if a share
/// p_o of witness o's pairs is drawn from the background tilted by e^{w·s} and the rest from the
/// background itself.
pub(super) fn fit(background: &Background, examples: &[Vec<f32>]) -> Tilt {
    let bins = background.shares();
    let count: usize = examples.iter().map(Vec::len).sum();
    let mut precision = vec![0.5; examples.len()];
    if bins.is_empty() || count == 0 {
        return Tilt { slope: 0.0, precision, gain: 0.0, examples: count };
    }
    let mut slope = 5.0;
    let mut now = moments(&bins, slope);
    for _ in 0..ROUNDS {
        // Expectation: which examples look chosen. Then maximisation: shares, and the slope by Newton.
        let (mut chosen, mut sum) = (0.0, 0.0);
        for (share, cosines) in precision.iter_mut().zip(examples) {
            let mut of_witness = 0.0;
            for &s in cosines {
                let s = f64::from(s);
                let odds = *share * (slope * s - now.log_z).min(300.0).exp();
                let posterior = odds / (odds + 1.0 - *share);
                of_witness += posterior;
                sum += posterior * s;
            }
            chosen += of_witness;
            *share = (of_witness + 0.5) / (cosines.len() as f64 + 1.0);
        }
        for _ in 0..3 {
            let gradient = sum - chosen * now.mean - 1e-3 * slope;
            let curvature = chosen * now.variance + 1e-3;
            slope = (slope + (gradient / curvature).clamp(-10.0, 10.0)).clamp(0.0, STEEPEST);
            now = moments(&bins, slope);
        }
    }
    let mut gain = 0.0;
    for (share, cosines) in precision.iter().zip(examples) {
        for &s in cosines {
            gain += (1.0 - share + share * (slope * f64::from(s) - now.log_z).min(300.0).exp()).ln();
        }
    }
    Tilt { slope, precision, gain: gain / count as f64, examples: count }
}

/// Of the background tilted by e^{w·s}.
struct Moments {
    log_z: f64,
    mean: f64,
    variance: f64,
}

fn moments(bins: &[(f64, f64)], slope: f64) -> Moments {
    let top = bins.last().map_or(0.0, |bin| slope * bin.0);
    let (mut z, mut first, mut second) = (0.0, 0.0, 0.0);
    for &(s, share) in bins {
        let p = share * (slope * s - top).exp();
        z += p;
        first += p * s;
        second += p * s * s;
    }
    let mean = first / z;
    Moments { log_z: z.ln() + top, mean, variance: (second / z - mean * mean).max(0.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    /// Background N(0, 0.1); chosen pairs N(0.3, 0.1): the true slope is 0.3 / 0.01 = 30.
    fn planted(precision: f64, count: usize) -> Tilt {
        let mut rng = Rng::new(1);
        let mut background = Background::default();
        for _ in 0..400_000 {
            background.add((0.1 * rng.normal()) as f32, 1.0);
        }
        for bin in 0..2000 {
            // The tail that no sample reaches.
            let x = bin as f64 / 2000.0;
            background.add(x as f32, 40.0 * (-x * x / 0.02).exp());
        }
        let draw = |rng: &mut Rng| {
            let shift = if rng.f64() < precision { 0.3 } else { 0.0 };
            (shift + 0.1 * rng.normal()) as f32
        };
        let examples = (0..count).map(|_| draw(&mut rng)).collect();
        fit(&background, &[examples])
    }

    #[test]
    fn the_slope_of_two_normals_is_found_despite_wrong_examples() {
        for precision in [1.0, 0.6, 0.3] {
            let tilt = planted(precision, 4000);
            assert!((tilt.slope - 30.0).abs() < 4.0, "{precision}: {tilt:?}");
            assert!((tilt.precision[0] - precision).abs() < 0.06, "{precision}: {tilt:?}");
        }
    }

    #[test]
    fn random_examples_tell_nothing() {
        let tilt = planted(0.0, 4000);
        assert!(tilt.gain * 4000.0 < 8.0, "{tilt:?}");
    }

    #[test]
    fn a_constant_tells_nothing() {
        let mut background = Background::default();
        background.add(1.0, 1.0);
        let tilt = fit(&background, &[vec![1.0; 100], Vec::new()]);
        assert!(tilt.slope < 1e-6 && tilt.gain.abs() < 1e-9, "{tilt:?}");
    }
}
