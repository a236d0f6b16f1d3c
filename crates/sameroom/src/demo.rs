//! Placeholder.
pub(crate) async fn run(_listen: std::net::SocketAddr, _irc: std::net::SocketAddr) -> anyhow::Result<()> { Ok(()) }
