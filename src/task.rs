//! What every long-running call is handed: a way to be cancelled and a way to tell how far it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::error::{Code, Error, Result};
use crate::limits::{Gauge, Limits};

/// A shared flag that asks running work to stop at its next safe point.
#[derive(Clone, Debug, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// A token that has not been cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks all work that holds this token to stop.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Makes the token usable for the next statement.
    pub fn reset(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    /// Whether somebody asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// One step of progress, as an [`Observer`] sees it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A phase began; `total` is its number of units when that is known.
    Phase {
        /// What is being done, in the present participle: "reading triples_1".
        name: String,
        /// Number of units of work, if known beforehand.
        total: Option<u64>,
    },
    /// `done` units of the current phase are behind us.
    Advance {
        /// Units done so far in this phase.
        done: u64,
    },
    /// Something the user should know and that is no error.
    Note(String),
}

/// Receives progress; called from worker threads, so it must be quick.
pub trait Observer: Send + Sync {
    /// Takes one event.
    fn event(&self, event: &Event);
}

/// The control handle of one statement or library call.
#[derive(Clone, Default)]
pub struct Task {
    cancel: CancelToken,
    observer: Option<Arc<dyn Observer>>,
    limits: Limits,
    gauge: Gauge,
}

impl Task {
    /// A task that reports to nobody and is never cancelled.
    pub fn quiet() -> Self {
        Self::default()
    }

    /// A task with the given token and observer.
    pub fn new(cancel: CancelToken, observer: Option<Arc<dyn Observer>>) -> Self {
        Task { cancel, observer, ..Task::default() }
    }

    /// The same task within limits.
    pub(crate) fn limited(&self, limits: Limits) -> Self {
        Task { limits, gauge: Gauge::default(), ..self.clone() }
    }

    /// Fails with [`Code::Cancelled`] once somebody asked to stop, with [`Code::Limit`] once the time is up or
    /// more memory is held than allowed. Call it at every safe point.
    pub fn check(&self) -> Result<()> {
        if self.cancel.is_cancelled() {
            return Err(Error::new(Code::Cancelled, "cancelled; the store is as it was"));
        }
        self.limits.check_time()?;
        self.limits.check_memory(&self.gauge)
    }

    /// Fails with [`Code::Limit`] if so many bytes more are more than allowed. Call it before `what` takes them
    /// at once.
    pub(crate) fn afford(&self, bytes: u64, what: &str) -> Result<()> {
        self.limits.afford(bytes, what)
    }

    /// Whether somebody asked to stop, for loops that cannot return an error.
    pub fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled() || self.limits.until.is_some_and(|until| Instant::now() >= until)
    }

    /// The same task, its phases told with a word before them: what they are a part of.
    pub fn within(&self, whole: impl Into<String>) -> Self {
        let whole = whole.into();
        let within = |observer: Arc<dyn Observer>| Arc::new(Within { whole, observer }) as Arc<dyn Observer>;
        Task { observer: self.observer.clone().map(within), ..self.clone() }
    }

    /// The same task, of which nothing is told: a part too small to speak of.
    pub fn silent(&self) -> Self {
        Task { observer: None, ..self.clone() }
    }

    /// Begins a phase of `total` units.
    pub fn phase(&self, name: impl Into<String>, total: Option<u64>) {
        if let Some(observer) = &self.observer {
            observer.event(&Event::Phase { name: name.into(), total });
        }
    }

    /// Tells that `done` units of the phase are done.
    pub fn advance(&self, done: u64) {
        if let Some(observer) = &self.observer {
            observer.event(&Event::Advance { done });
        }
    }

    /// Tells the user something that is no error.
    pub fn note(&self, text: impl Into<String>) {
        if let Some(observer) = &self.observer {
            observer.event(&Event::Note(text.into()));
        }
    }
}

/// Tells phases as parts of a whole.
struct Within {
    whole: String,
    observer: Arc<dyn Observer>,
}

impl Observer for Within {
    fn event(&self, event: &Event) {
        match event {
            Event::Phase { name, total } => {
                let name = format!("{}: {name}", self.whole);
                self.observer.event(&Event::Phase { name, total: *total });
            }
            other => self.observer.event(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_names_its_whole_and_is_cancelled_with_it() {
        #[derive(Default)]
        struct Heard(std::sync::Mutex<Vec<Event>>);
        impl Observer for Heard {
            fn event(&self, event: &Event) {
                self.0.lock().unwrap().push(event.clone());
            }
        }
        let (token, heard) = (CancelToken::new(), Arc::new(Heard::default()));
        let task = Task::new(token.clone(), Some(heard.clone())).within("p eva 1 of 2");
        task.phase("training", Some(3));
        task.advance(1);
        let name = "p eva 1 of 2: training".to_string();
        assert_eq!(
            *heard.0.lock().unwrap(),
            [Event::Phase { name, total: Some(3) }, Event::Advance { done: 1 }]
        );
        token.cancel();
        assert!(task.check().is_err());
    }

    #[test]
    fn a_cancelled_task_says_so() {
        let token = CancelToken::new();
        let task = Task::new(token.clone(), None);
        assert!(task.check().is_ok());
        token.cancel();
        assert_eq!(task.check().unwrap_err().code(), Code::Cancelled);
        token.reset();
        assert!(task.check().is_ok());
    }
}
