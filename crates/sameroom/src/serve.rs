//! `serve`: the relay, its pages and its local API, until it is told to stop.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::boot;
use crate::cli::Common;
use crate::config::Config;
use crate::control::Control;
use crate::registry::Registry;
use crate::web::RelayBackend;

/// How long everything may take to end; what is half-sent then is known as such at the next start.
const PATIENCE: Duration = Duration::from_millis(4_500);

/// Runs until SIGTERM, SIGINT or a failure of the disk.
pub(crate) async fn run(common: &Common, dry_run: bool) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    let mut reload = signal(SignalKind::hangup()).context("listen for SIGHUP")?;
    let registry = Registry::new();
    let mut config = Config::load(&common.config, &registry.connectors)?;
    let listener = TcpListener::bind(&config.listen)
        .await
        .with_context(|| format!("listen on {}; set another address as listen in [server]", config.listen))?;
    let running = boot::start(&mut config, &registry, dry_run).await?;
    let boot::Running { relay, spool, shares, vault, .. } = &running;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        listen = %listener.local_addr()?,
        accounts = config.sessions.len(),
        tubes = config.engine.tubes.len(),
        "running"
    );

    let stop = CancellationToken::new();
    let tasks = TaskTracker::new();
    let mounts = registry.connectors.iter().filter_map(|connector| connector.mount()).collect();
    let backend = Arc::new(RelayBackend {
        handle: relay.handle(),
        spool: spool.clone(),
        shares: shares.clone(),
        public_url: config.public_url.clone(),
    });
    let serving = stop.child_token();
    let handle = relay.handle();
    tasks.spawn(async move {
        // Whoever connects before waits a moment, rather than being told that a room does not exist.
        handle.started().await;
        if let Err(error) = sameroom_web::serve(listener, backend, mounts, serving).await {
            tracing::error!(error = %error, "pages ended");
        }
    });
    let data_dir = config.data_dir.clone();
    let control = Arc::new(Control {
        handle: relay.handle(),
        registry,
        vault: Arc::clone(vault),
        file: Some(common.config.clone()),
        config: tokio::sync::Mutex::new(config),
    });
    let answers = Arc::clone(&control);
    let answering = stop.child_token();
    tasks.spawn(async move {
        if let Err(error) = answers.listen(&data_dir, answering).await {
            tracing::error!(error = format!("{error:#}"), "the command line can't ask this relay");
        }
    });

    let boot::Running { mut relay, folder, .. } = running;
    let mut failed = false;
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            () = relay.ended() => {
                failed = true;
                break;
            }
            _ = reload.recv() => match control.apply(false).await {
                Ok(answer) => {
                    for change in answer["changes"].as_array().into_iter().flatten() {
                        tracing::info!(change = change.as_str(), "configuration");
                    }
                }
                Err(error) => tracing::error!(error = format!("{error:#}"), "configuration stays as it was"),
            },
        }
    }
    tracing::info!("stopping");
    stop.cancel();
    tasks.close();
    let ending = async {
        if !failed {
            relay.stop().await;
        }
        tasks.wait().await;
    };
    if tokio::time::timeout(PATIENCE, ending).await.is_err() {
        tracing::warn!("not everything ended in time");
    }
    drop(folder);
    anyhow::ensure!(!failed, "the relay ended after a failure; see the log");
    Ok(())
}
