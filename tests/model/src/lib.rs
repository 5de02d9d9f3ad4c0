//! The files below are those of the library, with the model checker's locks in place of the system's: each
//! test runs once for every order in which its threads may take turns.
//!
//! `RUSTFLAGS="--cfg loom" cargo test --release --manifest-path tests/model/Cargo.toml`

#![cfg(loom)]

mod sync {
    pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard};
}

#[allow(dead_code)]
#[path = "../../../src/store/pins.rs"]
mod pins;
#[allow(dead_code)]
#[path = "../../../src/ops/upkeep.rs"]
mod upkeep;

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use loom::sync::Arc;
    use loom::sync::atomic::AtomicBool;
    use loom::thread;

    use crate::pins::Pins;
    use crate::upkeep::Upkeep;

    /// Every order in which threads may take turns, with at most so many turns taken away from one that could
    /// go on: the first test has millions of orders without a bound.
    fn model(test: impl Fn() + Sync + Send + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(3);
        builder.check(test);
    }

    fn on() -> Result<(), Infallible> {
        Ok(())
    }

    /// Counts, outside of the model, who is inside.
    #[derive(Default)]
    struct Inside {
        makers: AtomicUsize,
        alone: AtomicUsize,
    }

    impl Inside {
        fn make(&self) {
            self.makers.fetch_add(1, Ordering::SeqCst);
            thread::yield_now();
            assert_eq!(self.alone.load(Ordering::SeqCst), 0, "upkeep beside a maker");
            self.makers.fetch_sub(1, Ordering::SeqCst);
        }

        fn keep_up(&self) {
            assert_eq!(self.alone.fetch_add(1, Ordering::SeqCst), 0, "two upkeeps");
            thread::yield_now();
            assert_eq!(self.makers.load(Ordering::SeqCst), 0, "a maker beside upkeep");
            self.alone.fetch_sub(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn upkeep_is_alone_and_everybody_comes_to_an_end() {
        model(|| {
            let (upkeep, inside) = (Arc::new(Upkeep::default()), Arc::new(Inside::default()));
            let maker = {
                let (upkeep, inside) = (upkeep.clone(), inside.clone());
                thread::spawn(move || {
                    let Ok(_making) = upkeep.making(on);
                    inside.make();
                })
            };
            let keeper = {
                let (upkeep, inside) = (upkeep.clone(), inside.clone());
                thread::spawn(move || {
                    let Ok(_alone) = upkeep.alone(on);
                    inside.keep_up();
                })
            };
            if let Some(_making) = upkeep.try_making() {
                inside.make();
            }
            if let Some(_alone) = upkeep.try_alone() {
                inside.keep_up();
            }
            maker.join().unwrap();
            keeper.join().unwrap();
            assert!(upkeep.try_alone().is_some());
        });
    }

    #[test]
    fn upkeep_that_gives_up_lets_makers_in() {
        model(|| {
            let (upkeep, stopped) = (Arc::new(Upkeep::default()), Arc::new(AtomicBool::new(false)));
            let first = upkeep.try_making();
            let keeper = {
                let (upkeep, stopped) = (upkeep.clone(), stopped.clone());
                thread::spawn(move || {
                    let asked = || match stopped.swap(true, loom::sync::atomic::Ordering::SeqCst) {
                        true => Err(()),
                        false => Ok(()),
                    };
                    upkeep.alone(asked).is_ok()
                })
            };
            let maker = {
                let upkeep = upkeep.clone();
                thread::spawn(move || {
                    let Ok(_making) = upkeep.making(on);
                })
            };
            drop(first);
            keeper.join().unwrap();
            maker.join().unwrap();
            assert!(upkeep.try_making().is_some());
        });
    }

    #[test]
    fn a_space_is_pinned_as_long_as_anybody_reads_it() {
        model(|| {
            let pins = Pins::default();
            let mine = pins.pin(7);
            let other = {
                let pins = pins.clone();
                thread::spawn(move || {
                    let pin = pins.pin(7);
                    assert!(pins.holds(7));
                    drop(pin);
                })
            };
            assert!(pins.holds(7));
            other.join().unwrap();
            assert!(pins.holds(7));
            drop(mine);
            assert!(!pins.holds(7));
        });
    }
}
