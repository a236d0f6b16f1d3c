//! The whole program over real servers, seen from outside by clients that share no code with it.

mod commands;
mod kills;
mod outages;
mod program;
mod ring;
mod scale;
mod shredding;
mod usage;
