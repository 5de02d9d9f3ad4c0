//! What needs the whole of the library and what is inside of it.

mod faults;
