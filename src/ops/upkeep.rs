//! Who may work beside whom.
//!
//! Makers write blocks and objects that only a later commit names; they work beside each other. Upkeep
//! removes what nothing names (COMPACT), or what others build on (DROP), or wants the store to stand still
//! (CHECK, BACKUP); it works alone. Readers ask neither: they read one version of the catalogue, and what it
//! names is spared. Upkeep that waits goes before makers that come later, or it would wait for ever.

use std::sync::PoisonError;
use std::time::Duration;

use crate::sync::{Condvar, Mutex, MutexGuard};

/// How often who waits looks up whether to go on waiting.
const LOOKED_UP: Duration = Duration::from_millis(20);

/// The rule, for all sessions of a store.
#[derive(Default)]
pub(crate) struct Upkeep {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    makers: usize,
    /// Upkeep that waits.
    waiting: usize,
    alone: bool,
}

/// The right to make, until dropped.
pub(crate) struct Making<'a>(&'a Upkeep);

/// The right to be alone, until dropped.
pub(crate) struct Alone<'a>(&'a Upkeep);

impl Upkeep {
    /// Waits until no upkeep is under way or asked for, as long as `go_on` lets it. Not to be asked for
    /// twice by one statement.
    pub fn making<E>(&self, go_on: impl Fn() -> Result<(), E>) -> Result<Making<'_>, E> {
        let mut state = self.state();
        while state.alone || state.waiting > 0 {
            go_on()?;
            state = self.wait(state);
        }
        state.makers += 1;
        Ok(Making(self))
    }

    /// The right to make, if there is no waiting for it.
    pub fn try_making(&self) -> Option<Making<'_>> {
        let mut state = self.state();
        (!state.alone && state.waiting == 0).then(|| {
            state.makers += 1;
            Making(self)
        })
    }

    /// Waits until nobody makes and no other upkeep is under way, as long as `go_on` lets it.
    pub fn alone<E>(&self, go_on: impl Fn() -> Result<(), E>) -> Result<Alone<'_>, E> {
        let mut state = self.state();
        state.waiting += 1;
        while state.alone || state.makers > 0 {
            if let Err(stop) = go_on() {
                state.waiting -= 1;
                self.changed.notify_all();
                return Err(stop);
            }
            state = self.wait(state);
        }
        state.waiting -= 1;
        state.alone = true;
        Ok(Alone(self))
    }

    /// The right to be alone, if there is no waiting for it.
    pub fn try_alone(&self) -> Option<Alone<'_>> {
        let mut state = self.state();
        (!state.alone && state.makers == 0).then(|| {
            state.alone = true;
            Alone(self)
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait_timeout(state, LOOKED_UP).unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Drop for Making<'_> {
    fn drop(&mut self) {
        self.0.state().makers -= 1;
        self.0.changed.notify_all();
    }
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        self.0.state().alone = false;
        self.0.changed.notify_all();
    }
}
