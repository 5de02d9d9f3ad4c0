//! What was used last, kept for the next time.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use super::engine::locked;

/// Values by key, newest first, no more than so many. Clones share them.
pub(crate) struct Recent<K, V> {
    most: usize,
    known: Arc<Mutex<VecDeque<(K, V)>>>,
}

impl<K, V> Clone for Recent<K, V> {
    fn clone(&self) -> Self {
        Recent { most: self.most, known: self.known.clone() }
    }
}

impl<K: PartialEq, V: Clone> Recent<K, V> {
    /// Room for `most` values.
    pub fn new(most: usize) -> Self {
        Recent { most, known: Arc::default() }
    }

    /// The value of a key, if it is kept.
    pub fn get(&self, key: &K) -> Option<V> {
        locked(&self.known).iter().find(|(known, _)| known == key).map(|(_, value)| value.clone())
    }

    /// Keeps a value, in place of the one kept longest.
    pub fn put(&self, key: K, value: V) {
        let mut known = locked(&self.known);
        known.retain(|(other, _)| *other != key);
        known.push_front((key, value));
        known.truncate(self.most);
    }
}
