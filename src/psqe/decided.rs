//! What people have said, in a seed set: accepted pairs are seeds, rejected ones are none.

use crate::error::Result;
use crate::linalg::scores_of;
use crate::psqe::{Evidence, Seed, SeedSet, Stage};

impl SeedSet {
    /// Leaves out what verdicts bar, rejected pairs and other partners of entities whose own is accepted, and
    /// takes the accepted pairs in, first and by rising left entity. Their score is
    /// that under the `factors` of the modalities; NaN where the two have no modality in common.
    pub fn decide(&mut self, evidence: &Evidence<'_>, factors: &[f32]) -> Result<()> {
        let mask = evidence.mask();
        self.seeds.retain(|seed| !mask.bars(seed.left, seed.right));
        let accepted = evidence.accepted();
        if accepted.is_empty() {
            return Ok(());
        }
        let is_other = |seed: &Seed| accepted.binary_search(&(seed.left, seed.right)).is_err();
        self.seeds.retain(is_other);
        self.dropped.retain(|dropped| is_other(&dropped.seed));
        let scores = scores_of(&evidence.channels(factors), &evidence.options(), accepted)?;
        let scored = accepted.iter().zip(scores).map(|(&(left, right), score)| {
            (left, right, if score.is_finite() { score } else { f32::NAN }, Stage::Accepted)
        });
        let decided = SeedSet::admitted(evidence, scored.collect())?;
        self.seeds.splice(0..0, decided.seeds);
        Ok(())
    }
}
