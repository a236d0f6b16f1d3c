//! The relay's decisions as a state machine: `step(now, input) -> effects`.
//!
//! No I/O, async, clock, chance or task in it, and no platform's name. Its lasting state is a fold
//! over log records: [`Engine::replay`] and every live step go through the same `apply`. What is
//! volatile (which sessions are connected, what is in flight, timers) starts empty and is learnt again.

mod accounts;
mod apply;
mod bounce;
mod commands;
mod compose;
mod digest;
mod engine;
pub mod figures;
mod files;
mod ingest;
mod input;
mod lane;
mod losses;
mod messages;
mod network;
mod notices;
mod operator;
mod policy;
mod pump;
pub mod record;
mod refer;
mod snapshot;
mod threads;
mod traces;
mod tubes;
mod watermarks;

pub use engine::{Engine, Setup};
pub use input::{
    AccountView, DeliveryView, Dialects, Effect, Input, PortalTarget, Reply, Request, RoomView, TubeView,
};
