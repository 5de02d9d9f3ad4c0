//! From candidate scores to links.
