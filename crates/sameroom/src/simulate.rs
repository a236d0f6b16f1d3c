//! `simulate`: stand-ins for platforms on this machine.

use std::net::SocketAddr;

use anyhow::{Context, bail};

use crate::cli::say;

/// Runs a simulator until Ctrl-C.
pub(crate) async fn run(platform: &str, port: u16) -> anyhow::Result<()> {
    match platform {
        "irc" => {
            let address = SocketAddr::from(([127, 0, 0, 1], port));
            let options = simulator_irc::Options { listen: address, ..simulator_irc::Options::default() };
            let server = simulator_irc::Server::start(options).with_context(|| {
                format!("listen on {address}; is the port taken? --port 0 takes a free one")
            })?;
            say(&format!("An IRC server listens on {}. Ctrl-C ends it.", server.addr()));
            tokio::signal::ctrl_c().await.context("wait for Ctrl-C")?;
            server.stop().await;
            Ok(())
        }
        other => bail!("there is no simulator for {other:?}; known: irc"),
    }
}
