//! Browser rooms as people and the engine meet them: over HTTP and over the contract.

mod api;
mod browser;
mod contract;
mod crash;
mod place;
mod visitor;
