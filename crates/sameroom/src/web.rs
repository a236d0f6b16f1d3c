//! Placeholder until sameroom-web lands.
use sameroom_connector::Mount;
use sameroom_runtime::{FolderSpool, Handle, Shares};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub(crate) fn backend(_handle: Handle, _spool: FolderSpool, _shares: Shares) {}

pub(crate) async fn serve(_listener: TcpListener, _backend: (), _mounts: Vec<Mount>, stop: CancellationToken) {
    stop.cancelled().await;
}
