//! Progress on standard error: the phase, how far it is, its rate and when it will end.
//!
//! Nothing is drawn until a statement has run for a moment, so that quick ones do not flicker, and
//! nothing is left on the screen once it ends.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle, TermLike};
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
            let bar = ProgressBar::with_draw_target(
                None,
                ProgressDrawTarget::term_like_with_hz(Box::new(Narrow), 8),
            );
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
            "{spinner:.cyan} {msg} {wide_bar:.cyan/dim} {percent:>3}%{count}{rate:.dim} {eta:.dim} left"
        }
        (true, false) => "{spinner} {msg} {wide_bar} {percent:>3}%{count}{rate} {eta} left",
        (false, true) => "{spinner:.cyan} {msg}{count}{rate:.dim} {elapsed:.dim}",
        (false, false) => "{spinner} {msg}{count}{rate} {elapsed}",
    };
    ProgressStyle::with_template(template)
        .unwrap_or_else(
            |_| if bounded { ProgressStyle::default_bar() } else { ProgressStyle::default_spinner() },
        )
        .with_key("count", |state: &ProgressState, out: &mut dyn fmt::Write| {
            // A phase that counts nothing shows no count.
            let _ = match (state.pos(), state.len()) {
                (0, None) => Ok(()),
                (done, None) => write!(out, " {}", HumanCount(done)),
                (done, Some(total)) => write!(out, " {}/{}", HumanCount(done), HumanCount(total)),
            };
        })
        .with_key("rate", |state: &ProgressState, out: &mut dyn fmt::Write| {
            let rate = state.per_sec();
            let _ = match state.pos() {
                0 => Ok(()),
                _ if rate < 10.0 => write!(out, " {rate:.1}/s"),
                _ => write!(out, " {}/s", HumanCount(rate as u64)),
            };
        })
        .progress_chars("━╸─")
        .tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ ")
}

/// Standard error as a terminal a little narrower than it is: the `^C` that a terminal echoes behind a
/// full line would wrap, and what is drawn could no longer be taken off.
#[derive(Debug)]
struct Narrow;

/// Columns left free.
const FREE: u16 = 4;

impl Narrow {
    fn escape(&self, count: usize, command: char) -> io::Result<()> {
        if count == 0 {
            return Ok(());
        }
        write!(io::stderr(), "\x1b[{count}{command}")
    }
}

impl TermLike for Narrow {
    fn width(&self) -> u16 {
        terminal_size::terminal_size_of(io::stderr()).map_or(80, |(width, _)| width.0).saturating_sub(FREE)
    }

    fn move_cursor_up(&self, rows: usize) -> io::Result<()> {
        self.escape(rows, 'A')
    }

    fn move_cursor_down(&self, rows: usize) -> io::Result<()> {
        self.escape(rows, 'B')
    }

    fn move_cursor_right(&self, columns: usize) -> io::Result<()> {
        self.escape(columns, 'C')
    }

    fn move_cursor_left(&self, columns: usize) -> io::Result<()> {
        self.escape(columns, 'D')
    }

    fn write_line(&self, line: &str) -> io::Result<()> {
        writeln!(io::stderr(), "{line}")
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        write!(io::stderr(), "{text}")
    }

    fn clear_line(&self) -> io::Result<()> {
        write!(io::stderr(), "\r\x1b[2K")
    }

    fn flush(&self) -> io::Result<()> {
        io::stderr().flush()
    }
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
