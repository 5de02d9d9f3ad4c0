//! Operations: from a request to stored artifacts, with keys, lineage and a journal.

pub mod spec;
