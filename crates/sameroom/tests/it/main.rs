//! The whole program over real servers, seen from outside by clients that share no code with it.

mod commands;
mod crashes;
mod demo;
mod forensics;
mod program;
mod ring;
mod shredding;
mod usage;
