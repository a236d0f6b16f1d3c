//! The engine's promises, one behaviour a test, between rooms in memory.

mod people;
mod rig;
mod store;
mod tables;

mod changes;
mod ends;
