//! Serves on the address given as first argument, `127.0.0.1:6667` by default, until interrupted.

use simulator_irc::{Options, Server};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listen = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:6667".to_owned()).parse()?;
    let server = Server::start(Options { listen, ..Options::default() })?;
    tokio::signal::ctrl_c().await?;
    server.stop().await;
    Ok(())
}
