//! The machine seen from outside: inputs in, what rooms are told out.

mod codes;
mod stage;
