//! `demo`: everything on this machine, without accounts: two browser rooms and an IRC channel, tied
//! together, with a short conversation to look at.

mod talk;
mod visitor;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use sameroom_engine::{Reply, Request};
use sameroom_runtime::Handle;
use simulator_irc::{Options, Server};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::talk::Talk;
use crate::boot;
use crate::cli::say;
use crate::config::Config;
use crate::registry::Registry;
use crate::web::RelayBackend;

/// The IRC channel of the demo.
const CHANNEL: &str = "#lobby";

/// Runs until Ctrl-C.
pub(crate) async fn run(listen: SocketAddr, irc: SocketAddr) -> anyhow::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .context("listen for SIGTERM")?;
    let folder = tempfile::tempdir().context("make a temporary folder")?;
    let server = Server::start(Options { listen: irc, ..Options::default() })
        .with_context(|| format!("listen on {irc} for IRC"))?;
    let listener =
        TcpListener::bind(listen).await.with_context(|| format!("listen on {listen} for pages"))?;
    let address = listener.local_addr()?;
    let registry = Registry::new();
    let text = configuration(address, server.addr());
    let mut config = Config::parse(&text, folder.path(), &registry.connectors)?;
    let running = boot::start(&mut config, &registry, false).await?;
    let stop = CancellationToken::new();
    let tasks = TaskTracker::new();
    let backend = Arc::new(RelayBackend {
        handle: running.relay.handle(),
        spool: running.spool.clone(),
        shares: running.shares.clone(),
        public_url: config.public_url.clone(),
    });
    let mounts = registry.connectors.iter().filter_map(|connector| connector.mount()).collect();
    let serving = stop.child_token();
    tasks.spawn(async move {
        if let Err(error) = sameroom_web::serve(listener, backend, mounts, serving).await {
            tracing::error!(error = %error, "pages ended");
        }
    });

    say("Sameroom demo: two browser rooms and an IRC channel on this machine, tied together.");
    let talk = async {
        wait_for_tubes(&running.relay.handle()).await?;
        let room = |name: &str| room_url(&registry, address, name);
        Talk::begin(&server, &room("garden/garden")?, &room("office/office")?).await?.run().await
    };
    let ended = tokio::select! {
        result = talk => { result?; false }
        _ = tokio::signal::ctrl_c() => true,
        _ = terminate.recv() => true,
    };
    if !ended {
        invite(&registry, address, server.addr());
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
    }
    say("Stopping.");
    stop.cancel();
    tasks.close();
    let boot::Running { relay, folder: data, .. } = running;
    relay.stop().await;
    tasks.wait().await;
    server.stop().await;
    drop(data);
    Ok(())
}

fn configuration(pages: SocketAddr, irc: SocketAddr) -> String {
    format!(
        r#"
[server]
listen = "{pages}"
data_dir = "data"

[accounts.garden]
platform = "web"
team = "Garden"

[accounts.office]
platform = "web"
team = "Office"

[accounts.irc]
platform = "irc"
server = "{irc}"
tls = false
nick = "sameroom"
team = "IRC"
pace = "off"

[[tubes]]
rooms = ["garden/garden", "office/office", "irc/{CHANNEL}"]
"#
    )
}

/// Waits until every tube carries.
async fn wait_for_tubes(handle: &Handle) -> anyhow::Result<()> {
    for _ in 0..200 {
        if let Reply::Tubes(tubes) = handle.request(Request::Tubes).await?
            && tubes.len() == 3
            && tubes.iter().all(|view| view.state == sameroom_types::room::TubeState::Active)
        {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("the rooms could not be connected; SAMEROOM_LOG=debug says why")
}

/// The address of a browser room.
fn room_url(registry: &Registry, pages: SocketAddr, name: &str) -> anyhow::Result<String> {
    let links = registry.web_links();
    let found = links.into_iter().find(|(room, _)| room == name);
    let (_, path) = found.with_context(|| format!("the room {name} was not made"))?;
    Ok(format!("http://{pages}{path}"))
}

fn invite(registry: &Registry, pages: SocketAddr, irc: SocketAddr) {
    say("");
    say("Now you. Open either of the browser rooms, or both in two windows:");
    for (room, path) in registry.web_links() {
        say(&format!("  {room}: http://{pages}{path}"));
    }
    say("Or join with an IRC client:");
    say(&format!(
        "  host {}, port {}, channel {CHANNEL} (irssi -c {} -p {})",
        irc.ip(),
        irc.port(),
        irc.ip(),
        irc.port()
    ));
    say("Say -sameroom help in any of them. Ctrl-C ends the demo and removes its data.");
}
