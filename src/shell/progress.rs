//! Progress on standard error: the phase, how far it is, its rate and when it will end.
//!
//! Nothing is drawn until a statement has run for a moment, so that quick ones do not flicker, and
//! nothing is left on the screen once it ends.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use seedbed::{Event, Observer};

use super::render::text;

/// How long a statement runs before its progress is shown.
const PATIENCE: Duration = Duration::from_millis(300);

/// Watches one statement: draws its progress where that is wanted, and keeps its notes.
pub struct Progress {
    draws: bool,
    color: bool,
    begun: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    name: String,
    total: Option<u64>,
    done: u64,
    /// Whether there is a phase to show.
    begun: bool,
    ended: bool,
    notes: Vec<String>,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Progress of a statement that begins now.
    pub fn begin(draws: bool, color: bool) -> Arc<Self> {
        let progress = Arc::new(Progress { draws, color, begun: Instant::now(), state: Mutex::default() });
        if draws {
            // A phase that tells nothing more is shown all the same once it takes long.
            let later = Arc::downgrade(&progress);
            std::thread::spawn(move || {
                std::thread::sleep(PATIENCE);
                if let Some(progress) = later.upgrade() {
                    progress.draw(&mut progress.lock());
                }
            });
        }
        progress
    }

    /// Takes what is drawn off the screen.
    pub fn finish(&self) {
        let mut state = self.lock();
        state.ended = true;
        if let Some(bar) = state.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// What the statement said while it ran.
    pub fn notes(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().notes)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings the bar up to date, making it once the statement is slow enough to want one.
    fn draw(&self, state: &mut State) {
        let due = state.begun && !state.ended && self.begun.elapsed() >= PATIENCE;
        if self.draws && due && state.bar.is_none() {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(8));
            self.show(&bar, state);
            bar.enable_steady_tick(Duration::from_millis(125));
            state.bar = Some(bar);
        }
        if let Some(bar) = &state.bar {
            bar.set_position(state.done);
        }
    }

    /// Sets a bar to a phase. Rates and the time left count from the phase's own beginning.
    fn show(&self, bar: &ProgressBar, state: &State) {
        match state.total {
            Some(total) => bar.set_length(total),
            None => bar.unset_length(),
        }
        bar.set_style(style(state.total.is_some(), self.color));
        bar.set_message(text::truncate(&text::printable(&state.name), 40).into_owned());
        bar.set_position(state.done);
        bar.reset_eta();
        bar.reset_elapsed();
    }
}

impl Observer for Progress {
    fn event(&self, event: &Event) {
        let mut state = self.lock();
        match event {
            Event::Phase { name, total } => {
                state.name.clone_from(name);
                state.total = total.filter(|&total| total > 0);
                state.done = 0;
                state.begun = true;
                if let Some(bar) = &state.bar {
                    self.show(bar, &state);
                }
            }
            Event::Advance { done } => state.done = *done,
            Event::Note(note) => state.notes.push(note.clone()),
            _ => {}
        }
        self.draw(&mut state);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

fn style(bounded: bool, color: bool) -> ProgressStyle {
    let template = match (bounded, color) {
        (true, true) => {
            "{spinner:.cyan} {msg} {wide_bar:.cyan/dim} {percent:>3}% {human_pos}/{human_len} {per_sec:.dim} {eta:.dim} left"
        }
        (true, false) => {
            "{spinner} {msg} {wide_bar} {percent:>3}% {human_pos}/{human_len} {per_sec} {eta} left"
        }
        (false, true) => "{spinner:.cyan} {msg} {human_pos:.dim} {per_sec:.dim} {elapsed:.dim}",
        (false, false) => "{spinner} {msg} {human_pos} {per_sec} {elapsed}",
    };
    ProgressStyle::with_template(template)
        .unwrap_or_else(
            |_| if bounded { ProgressStyle::default_bar() } else { ProgressStyle::default_spinner() },
        )
        .progress_chars("━╸─")
        .tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quick_statements_draw_nothing() {
        let progress = Progress::begin(true, false);
        progress.event(&Event::Phase { name: "reading".into(), total: Some(10) });
        progress.event(&Event::Advance { done: 5 });
        let state = progress.lock();
        assert!(state.bar.is_none());
        assert_eq!((state.done, state.total), (5, Some(10)));
    }
}
