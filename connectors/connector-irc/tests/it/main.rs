//! The contract suite and scenarios against the simulator and real servers.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod fuzzing;
mod hostile;
mod real;
mod real_stage;
mod scenarios;
mod simulator;
mod simulator_stage;
mod tls;
