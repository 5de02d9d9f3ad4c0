//! File formats that users bring and take away.
