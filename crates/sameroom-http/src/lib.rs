//! Outbound HTTP with time-outs, body caps and address rules.
//!
//! For what users hand us: files to fetch, slots to upload to. Whatever they name, connections go to public
//! addresses only unless that is allowed, at every redirect anew. Addresses never show in errors or in
//! `Debug`, since they often are secrets. Each request has a connection of its own, closed with it.

mod address;
mod body;
mod call;
mod client;
mod connect;
mod error;

#[cfg(test)]
mod tests;

pub use address::is_public;
pub use body::{Body, Source};
pub use call::{Answer, Call};
pub use client::{Client, Download, Rules};
pub use error::HttpError;
pub use hyper::Method;
