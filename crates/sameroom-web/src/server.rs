//! Accepts connections, a bounded number at a time, and ends them all when told to stop.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use sameroom_connector::Mount;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::backend::Backend;
use crate::routes::router;

/// How many connections may be open; more wait in the system's queue.
const CONNECTIONS: usize = 4_096;
/// How long a client may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// The most bytes that the head of a request may have.
const HEAD_BYTES: usize = 64 * 1024;
/// How long answers under way may go on after the stop; live streams never end by themselves.
const GRACE: Duration = Duration::from_secs(1);
/// How long to wait when the system has no more file handles.
const RETRY_ACCEPT: Duration = Duration::from_millis(100);

/// Serves pages, files and connectors' routes until `stop` fires; returns within about a second of that.
///
/// # Errors
/// When the listener breaks for good.
pub async fn serve(
    listener: TcpListener,
    backend: Arc<dyn Backend>,
    mounts: Vec<Mount>,
    stop: CancellationToken,
) -> io::Result<()> {
    let router = router(backend, mounts);
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let place = tokio::select! {
            () = stop.cancelled() => break,
            // Never closed, so there is always a place in the end.
            place = places.clone().acquire_owned() => place,
            Some(_) = connections.join_next() => continue,
        };
        let stream = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) if is_passing(&error) => {
                    tracing::warn!(error = %error, "a connection could not be accepted");
                    tokio::time::sleep(RETRY_ACCEPT).await;
                    continue;
                }
                Err(error) => return Err(error),
            },
            Some(_) = connections.join_next() => continue,
        };
        let (service, stop) = (TowerToHyperService::new(router.clone()), stop.clone());
        connections.spawn(async move {
            connection(stream, service, stop).await;
            drop(place);
        });
    }
    let ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, ended).await.is_err() {
        connections.shutdown().await;
    }
    Ok(())
}

async fn connection(stream: TcpStream, service: TowerToHyperService<axum::Router>, stop: CancellationToken) {
    // Live events are small and must not wait for more.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(error = %error, "a connection collects small packets");
    }
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(HEAD_BYTES);
    let served = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(served);
    let result = tokio::select! {
        result = served.as_mut() => result,
        () = stop.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = result {
        tracing::trace!(error = %error, "a connection ended early");
    }
}

/// Errors of one connection or of a moment, after which the listener still works.
fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    // EMFILE and ENFILE have no kind of their own.
    matches!(
        error.kind(),
        Kind::ConnectionAborted | Kind::ConnectionReset | Kind::Interrupted | Kind::WouldBlock
    ) || matches!(error.raw_os_error(), Some(23 | 24))
}
