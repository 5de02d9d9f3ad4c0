//! How long a statement may take, and how much memory the process may hold while it runs.
//!
//! Memory is what the process holds by itself, mapped files apart. It is looked at where work can stop, and
//! before anything large is taken at once; what is taken between two such points is small.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::error::{Code, Error, Result};
use crate::resident;

/// Memory is looked at no more often than that: it costs some 20 microseconds.
const LOOKED_AT: Duration = Duration::from_millis(5);

/// The limits of one statement.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limits {
    /// When its time is up.
    pub until: Option<Instant>,
    /// Bytes that the process may hold.
    pub memory: Option<u64>,
}

/// When memory was looked at last, in microseconds of the gauge's life. Clones share it.
#[derive(Clone)]
pub(crate) struct Gauge {
    since: Instant,
    looked: Arc<AtomicU64>,
    /// What was held when it was too much; from then on it is. Work that cannot say why it stopped is asked
    /// again.
    over: Arc<AtomicU64>,
}

impl Default for Gauge {
    fn default() -> Self {
        Gauge { since: Instant::now(), looked: Arc::default(), over: Arc::default() }
    }
}

impl Gauge {
    /// Whether it is time to look again; one of several threads that ask at once is told so.
    fn is_due(&self) -> bool {
        let now = self.since.elapsed().as_micros() as u64;
        let last = self.looked.load(Ordering::Relaxed);
        let due = now >= last + LOOKED_AT.as_micros() as u64 || last == 0;
        due && self.looked.compare_exchange(last, now.max(1), Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

impl Limits {
    /// Fails with [`Code::Limit`] once the time is up.
    pub fn check_time(&self) -> Result<()> {
        if self.until.is_none_or(|until| Instant::now() < until) {
            return Ok(());
        }
        Err(Error::new(
            Code::Limit,
            "the statement's time is up; what it had finished by then is there, the rest as it was",
        )
        .help("SET timeout='…' gives it more; what a training has done is kept, and issued again it goes on"))
    }

    /// Fails with [`Code::Limit`] when more memory is held than allowed.
    pub fn check_memory(&self, gauge: &Gauge) -> Result<()> {
        let Some(most) = self.memory else { return Ok(()) };
        if gauge.over.load(Ordering::Relaxed) == 0 && gauge.is_due() {
            let held = resident::held().filter(|held| *held > most);
            held.into_iter().for_each(|held| gauge.over.store(held, Ordering::Relaxed));
        }
        match gauge.over.load(Ordering::Relaxed) {
            0 => Ok(()),
            held => Err(too_much(most, held, "the process holds")),
        }
    }

    /// Fails with [`Code::Limit`] if `bytes` more are more than allowed.
    pub fn afford(&self, bytes: u64, what: &str) -> Result<()> {
        let Some(most) = self.memory else { return Ok(()) };
        match resident::held().map(|held| held.saturating_add(bytes)) {
            Some(held) if held > most => {
                Err(too_much(most, held, &format!("{what} would make the process hold")))
            }
            _ => Ok(()),
        }
    }
}

fn too_much(most: u64, held: u64, what: &str) -> Error {
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    let message = format!(
        "{what} {} MiB, more than the {} MiB allowed; what the statement had finished by then is there, the rest as it was",
        mib(held),
        mib(most)
    );
    Error::new(Code::Limit, message)
        .help("SET memory='…' allows more; fewer threads, a smaller batch or fewer modalities need less")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_runs_out() {
        let soon = Limits { until: Some(Instant::now()), memory: None };
        let later = Limits { until: Some(Instant::now() + Duration::from_secs(3600)), memory: None };
        assert_eq!(soon.check_time().unwrap_err().code(), Code::Limit);
        later.check_time().unwrap();
        Limits::default().check_time().unwrap();
    }

    #[test]
    fn memory_that_is_held_or_would_be_is_seen() {
        if resident::held().is_none() {
            return;
        }
        let gauge = Gauge::default();
        let little = Limits { until: None, memory: Some(1 << 10) };
        assert_eq!(little.check_memory(&gauge).unwrap_err().code(), Code::Limit);
        // And stays so, for who asks again at once.
        assert_eq!(little.check_memory(&gauge).unwrap_err().code(), Code::Limit);
        let much = Limits { until: None, memory: Some(1 << 50) };
        much.check_memory(&Gauge::default()).unwrap();
        much.afford(1 << 30, "a matrix").unwrap();
        let error = much.afford(1 << 51, "a matrix").unwrap_err();
        assert!(error.message().starts_with("a matrix would make the process hold"), "{error}");
    }
}
