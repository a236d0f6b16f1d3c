//! The HTTP surface: connectors' routes, shared files, pages behind links, health and metrics.
//!
//! It decides nothing: what it shows comes from a [`Backend`], what connectors answer from their mounts.
//! Every answer carries a strict content policy; nothing is loaded from other hosts.

mod adapt;
mod backend;
mod decode;
mod pages;
mod routes;
mod server;

pub use backend::{Backend, LinkPage, LinkRow, LinkView, PortalView, RowState};
pub use server::serve;
