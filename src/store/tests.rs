//! Tests of the store as a whole: the commit order, faults at every call, power cuts, damage.

mod faults;
mod migration;
mod model;
mod power;
mod seal;
mod whole;
