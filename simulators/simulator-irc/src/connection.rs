//! One socket: bytes in, lines to the state, queued lines out, and the keepalive.

use crate::{
    client::{ClientId, Link, Outbox},
    lines::LineBuffer,
    message::Message,
    server::Shared,
};
use std::{
    io,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::mpsc,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// Lines that may wait for one client; their bytes are bounded by the options.
const QUEUE_LINES: usize = 16_384;
/// Time the last words may take.
const DRAIN_MAX: Duration = Duration::from_secs(1);
/// Time one write may take.
const WRITE_MAX: Duration = Duration::from_secs(30);

/// Serves one connection until either side ends it or `stop` fires.
pub(crate) async fn serve(shared: Arc<Shared>, stream: TcpStream, peer: SocketAddr, stop: CancellationToken) {
    let (queue, lines) = mpsc::channel(QUEUE_LINES);
    let waiting = Arc::new(AtomicUsize::new(0));
    let cut = CancellationToken::new();
    let id = {
        let mut state = shared.lock();
        let waiting_max = state.options.send_queue_max_bytes;
        let outbox = Outbox { queue, waiting: Arc::clone(&waiting), waiting_max, cut: cut.clone() };
        state.add_client(Link::Socket(outbox), peer.ip().to_string())
    };
    // Small lines that must go at once; failing to say so only costs time.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let (reader, writer) = stream.into_split();
    let mut writing = pin!(write(writer, lines, &waiting));
    // Every branch may be dropped half-way: nothing read matters once one of them has ended.
    // In this order, so that nothing is written to a connection that was to be cut.
    let (reason, drain) = tokio::select! {
        biased;
        () = cut.cancelled() => ("Connection reset by peer".to_owned(), false),
        () = stop.cancelled() => ("Server is stopping".to_owned(), true),
        reason = read(&shared, id, reader) => (reason, true),
        ended = &mut writing => match ended {
            Ok(()) => ("Connection closed".to_owned(), false),
            Err(error) => (format!("Write error: {}", error.kind()), false),
        },
    };
    {
        let mut state = shared.lock();
        state.quit(id, &reason);
        state.bury();
    }
    // Lets the last words out; a peer that is gone cannot be told, and need not be.
    if drain && !matches!(timeout(DRAIN_MAX, writing).await, Ok(Ok(()))) {
        tracing::debug!("last lines of a connection were not taken");
    }
}

/// Reads until the socket ends; gives the reason. Never returns once the client has quit: then the writer ends it all.
async fn read(shared: &Shared, id: ClientId, mut reader: OwnedReadHalf) -> String {
    let (ping_every, registration_timeout) = {
        let state = shared.lock();
        (state.options.ping_every, state.options.registration_timeout)
    };
    let mut buffer = LineBuffer::default();
    let mut bytes = vec![0_u8; 8_192];
    let (mut registered, mut pinged) = (false, false);
    let deadline = tokio::time::Instant::now() + registration_timeout;
    loop {
        let patience = if registered { ping_every } else { deadline - tokio::time::Instant::now() };
        match timeout(patience, reader.read(&mut bytes)).await {
            Ok(Ok(0)) => return "Connection closed".to_owned(),
            Ok(Ok(count)) => {
                pinged = false;
                let here = {
                    let mut state = shared.lock();
                    buffer.push(bytes.get(..count).unwrap_or_default(), |line| state.handle(id, line));
                    registered = state.client(id).is_some_and(|client| client.registered);
                    state.client(id).is_some()
                };
                if !here {
                    return std::future::pending().await;
                }
            }
            Ok(Err(error)) => return format!("Read error: {}", error.kind()),
            Err(_) if !registered => return "Registration timed out".to_owned(),
            Err(_) if pinged => return format!("Ping timeout: {} seconds", ping_every.as_secs()),
            Err(_) => {
                pinged = true;
                let mut state = shared.lock();
                let ping = Message::from_client("PING").text(&state.options.name);
                state.send(id, &ping);
                state.bury();
            }
        }
    }
}

/// Writes queued lines until the queue is closed and empty.
async fn write(
    mut writer: OwnedWriteHalf,
    mut lines: mpsc::Receiver<Vec<u8>>,
    waiting: &AtomicUsize,
) -> io::Result<()> {
    while let Some(line) = lines.recv().await {
        timeout(WRITE_MAX, writer.write_all(&line)).await.map_err(|_| io::ErrorKind::TimedOut)??;
        waiting.fetch_sub(line.len(), Ordering::AcqRel);
    }
    writer.shutdown().await
}
