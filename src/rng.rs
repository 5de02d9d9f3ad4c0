//! Seeded random numbers whose whole state can be stored: xoshiro256++ seeded by SplitMix64.
//!
//! Ours, and not a crate's, because the stream is part of what a store promises: the same seed must
//! give the same bytes in ten years, and a checkpoint carries the state.

/// A random number generator; `Clone` forks the very same stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rng {
    state: [u64; 4],
}

impl Rng {
    /// The stream of `seed`.
    pub fn new(seed: u64) -> Self {
        let mut x = seed;
        let state = std::array::from_fn(|_| splitmix(&mut x));
        Rng { state }
    }

    /// The stream of `seed` for one purpose, so that two uses of a seed do not share numbers.
    pub fn stream(seed: u64, purpose: &str) -> Self {
        let tag = blake3::hash(purpose.as_bytes());
        let word = u64::from_le_bytes(tag.as_bytes()[..8].try_into().unwrap_or_default());
        Rng::new(seed ^ word)
    }

    /// The state, for a checkpoint.
    pub fn state(&self) -> [u64; 4] {
        self.state
    }

    /// Goes on from a stored state.
    pub fn from_state(state: [u64; 4]) -> Self {
        Rng { state }
    }

    /// 64 uniform bits.
    pub fn next_u64(&mut self) -> u64 {
        let s = &mut self.state;
        let out = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        out
    }

    /// Uniform in `[0, 1)` with 53 bits.
    pub fn f64(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Uniform in `[0, 1)` with 24 bits.
    pub fn f32(&mut self) -> f32 {
        (self.next_u64() >> 40) as f32 * (1.0 / (1u32 << 24) as f32)
    }

    /// Uniform in `0..n` (Lemire's multiply-shift; the bias is below 2⁻³² for `n` < 2³²).
    ///
    /// `n` must be positive.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next_u64()) * n as u128) >> 64) as usize
    }

    /// Standard normal, by Box–Muller (one of the two values is dropped to keep the state plain).
    pub fn normal(&mut self) -> f64 {
        let u = 1.0 - self.f64();
        let v = self.f64();
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    }

    /// Fisher–Yates.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}

fn splitmix(x: &mut u64) -> u64 {
    *x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *x;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_the_published_one() {
        // xoshiro256++ from the state 1, 2, 3, 4, as its authors' C code prints it.
        let mut rng = Rng::from_state([1, 2, 3, 4]);
        assert_eq!([rng.next_u64(), rng.next_u64()], [41943041, 58720359]);
    }

    #[test]
    fn normals_have_mean_zero_and_variance_one() {
        let mut rng = Rng::new(7);
        let draws: Vec<f64> = (0..40_000).map(|_| rng.normal()).collect();
        let mean = draws.iter().sum::<f64>() / 40_000.0;
        let var = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 40_000.0;
        assert!(mean.abs() < 0.02 && (var - 1.0).abs() < 0.03, "{mean} {var}");
    }

    #[test]
    fn a_stored_state_goes_on() {
        let mut a = Rng::stream(42, "kmeans");
        a.next_u64();
        let mut b = Rng::from_state(a.state());
        assert_eq!(a.next_u64(), b.next_u64());
    }
}
