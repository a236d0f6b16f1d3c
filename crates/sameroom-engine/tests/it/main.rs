//! The machine seen from outside: inputs in, what rooms are told out.

mod people;
mod rig;
mod stage;
mod store;
mod tables;

mod changes;
mod codes;
mod crash;
mod ends;
mod files;
mod notices;
mod rooms;
mod threads;
