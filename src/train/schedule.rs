//! How the learning rate changes over the steps.

use std::f64::consts::PI;

/// The course after the warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub enum Shape {
    /// Stays where it is.
    #[default]
    Constant,
    /// Falls along half a cosine from 1 at the end of the warm-up to `floor` at step `total`.
    Cosine {
        /// Step at which the floor is reached.
        total: u64,
        /// Share of the learning rate that is left then.
        floor: f64,
    },
}

/// A schedule: a linear rise over `warm_up` steps, then its shape.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Schedule {
    /// The course after the warm-up.
    pub shape: Shape,
    /// Steps of the linear rise; 0 for none.
    pub warm_up: u64,
}

impl Schedule {
    /// The step of the schedule after `done` of `all` steps: a course that ends does so with the training,
    /// even where pairs that join make more steps of an epoch than it was made for.
    pub fn step(&self, done: u64, all: u64) -> u64 {
        match self.shape {
            Shape::Constant => done,
            Shape::Cosine { total, .. } => {
                (u128::from(done) * u128::from(total) / u128::from(all.max(1))) as u64
            }
        }
    }

    /// The factor of the learning rate at a step, counted from 0.
    pub fn factor(&self, step: u64) -> f64 {
        if step < self.warm_up {
            return (step + 1) as f64 / self.warm_up as f64;
        }
        match self.shape {
            Shape::Constant => 1.0,
            Shape::Cosine { total, floor } => {
                let length = total.saturating_sub(self.warm_up).max(1);
                let done = ((step - self.warm_up) as f64 / length as f64).min(1.0);
                floor + (1.0 - floor) * 0.5 * (1.0 + (PI * done).cos())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rises_then_falls() {
        let schedule = Schedule { shape: Shape::Cosine { total: 110, floor: 0.1 }, warm_up: 10 };
        assert_eq!((schedule.factor(0), schedule.factor(9), schedule.factor(10)), (0.1, 1.0, 1.0));
        assert!((schedule.factor(60) - 0.55).abs() < 1e-12);
        assert!((schedule.factor(110) - 0.1).abs() < 1e-12 && schedule.factor(1000) == schedule.factor(110));
        assert_eq!(Schedule::default().factor(5), 1.0);
    }

    #[test]
    fn it_ends_with_the_training() {
        let schedule = Schedule { shape: Shape::Cosine { total: 30, floor: 0.0 }, warm_up: 0 };
        assert_eq!(
            (0..=30).map(|done| schedule.step(done, 30)).collect::<Vec<_>>(),
            (0..=30).collect::<Vec<_>>()
        );
        // Five steps an epoch where one was expected.
        assert_eq!((schedule.step(75, 150), schedule.step(149, 150)), (15, 29));
        assert!(schedule.factor(schedule.step(149, 150)) > 0.0);
        assert_eq!(Schedule::default().step(7, 3), 7);
    }
}
