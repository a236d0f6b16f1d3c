//! Developer commands: `cargo xtask <command>`.

#![expect(clippy::print_stdout, reason = "this program talks to a person at a terminal")]

mod new_connector;
mod steps;
mod tools;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Install what tests need and run all that must hold on every change.
    Test,
    /// Run the long things: 10,000 seeds, long properties, rings, kills and outages at full size.
    Soak,
    /// All of CI: format, lints, docs, tests.
    Ci,
    /// Measure speed and cost over real servers, each figure beside its control; and the log's throughput.
    Bench {
        /// Parts of the names of what to measure, such as `"IRC to XMPP"`, `fan-out`, `tubes` or `outage`.
        only: Vec<String>,
    },
    /// Run seeds of the fault simulator; a failing one is shrunk to a short story.
    Faults {
        /// How many seeds.
        #[arg(long, default_value_t = 2_000)]
        seeds: u64,
        /// Where to begin; with --seeds 1 it replays one.
        #[arg(long, default_value_t = 0)]
        seed: u64,
    },
    /// Write the folder of a new connector and the three lines of lists.
    NewConnector {
        /// The platform's word, such as `zulip`.
        name: String,
    },
    /// Write the docs that are made from the code.
    Docs {
        /// Fail if they are not up to date instead of writing them.
        #[arg(long)]
        check: bool,
    },
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Test => steps::test(),
        Command::Soak => steps::soak(),
        Command::Ci => steps::ci(),
        Command::Bench { only } => steps::bench(&only),
        Command::Faults { seeds, seed } => steps::faults(seeds, seed),
        Command::NewConnector { name } => new_connector::run(&name),
        Command::Docs { check } => steps::docs(check),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
