//! How good seeds and alignments are.
