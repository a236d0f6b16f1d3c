//! The connector against real servers, seen by an independent client.

mod contract;
mod fuzzing;
mod peer;
mod proxy;
mod rooms;
mod stage;
