//! The whole program over real servers, seen from outside by clients that share no code with it.

mod bridgebots;
mod browser;
mod commands;
mod demo;
mod everywhere;
mod fallbacks;
mod fidelity;
mod forensics;
mod hipchat;
mod kills;
mod outages;
mod people;
mod policies;
mod program;
mod ring;
mod scale;
mod shredding;
mod strangers;
mod usage;
