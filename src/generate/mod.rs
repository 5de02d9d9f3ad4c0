//! Planted benchmark pairs.
