//! PSQE: pseudo-seeds from modalities, without labels.
