//! Sameroom: the program.
//!
//! Reads arguments and the configuration, wires connectors, log, store and runtime together, and
//! answers the command line. Exit status: 0 fine, 1 failed, 2 wrong use.

mod boot;
mod check;
mod cli;
mod config;
mod control;
mod demo;
mod docs;
mod logging;
mod metrics;
mod registry;
mod serve;
mod simulate;
mod tables;
mod web;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
