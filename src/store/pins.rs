//! Spaces that are being read: a sweep leaves them alone, though nothing names them any more.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use crate::sync::Mutex;

/// How many readers each space has.
#[derive(Clone, Default)]
pub(crate) struct Pins(Arc<Mutex<HashMap<u64, usize>>>);

/// Keeps a space as long as it lives.
pub(crate) struct Pin {
    pins: Pins,
    space: u64,
}

impl Pins {
    /// Keeps the space.
    pub fn pin(&self, space: u64) -> Pin {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(space).or_default() += 1;
        Pin { pins: self.clone(), space }
    }

    /// Whether somebody reads the space.
    pub fn holds(&self, space: u64) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&space)
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        let mut readers = self.pins.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = readers.get_mut(&self.space) {
            *count -= 1;
            if *count == 0 {
                readers.remove(&self.space);
            }
        }
    }
}
