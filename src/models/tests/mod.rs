//! The references' fusion, and the trainer's promises.

mod figures;
mod fusion;
mod pcmea;
mod toy;
mod trainer;
