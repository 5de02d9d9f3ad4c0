//! Locks, by one name, so that a model checker can put its own in their place (`tests/model`).

pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, RwLock};
