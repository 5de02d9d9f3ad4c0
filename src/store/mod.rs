//! The store: records and objects in one directory, committed atomically, checked on reading.
