//! Ctrl-C: the first asks the running statement to stop, the third leaves at once.
//!
//! At the prompt the line editor takes the key itself. A script that waits for standard input is left
//! by the first one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use seedbed::CancelToken;

use super::halt;

/// What the signal handler and the shell share.
#[derive(Clone, Default)]
pub struct Interrupt {
    token: CancelToken,
    busy: Arc<AtomicBool>,
    presses: Arc<AtomicU32>,
}

impl Interrupt {
    /// Takes over Ctrl-C for this process. Where that is not possible it keeps its usual meaning.
    pub fn install(interactive: bool) -> Self {
        let interrupt = Interrupt::default();
        let seen = interrupt.clone();
        // Fails only if a handler is there already; then Ctrl-C ends the process, which is safe too.
        let _ = ctrlc::set_handler(move || seen.pressed(interactive));
        interrupt
    }

    /// The token that running work watches.
    pub fn token(&self) -> &CancelToken {
        &self.token
    }

    /// Marks that a statement runs, until the guard is dropped.
    pub fn running(&self) -> Running<'_> {
        self.token.reset();
        self.presses.store(0, Ordering::SeqCst);
        self.busy.store(true, Ordering::SeqCst);
        Running(self)
    }

    fn pressed(&self, interactive: bool) {
        if !self.busy.load(Ordering::SeqCst) {
            if interactive {
                return;
            }
            std::process::exit(halt::CANCELLED.into());
        }
        self.token.cancel();
        match self.presses.fetch_add(1, Ordering::SeqCst) {
            0 => {}
            1 if interactive => eprintln!("\nstopping at the next safe point; Ctrl-C again leaves at once"),
            1 => {}
            _ => std::process::exit(halt::CANCELLED.into()),
        }
    }
}

/// While this lives, Ctrl-C stops the statement and not the shell.
pub struct Running<'a>(&'a Interrupt);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.busy.store(false, Ordering::SeqCst);
    }
}
