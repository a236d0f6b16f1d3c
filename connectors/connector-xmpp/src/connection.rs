//! A session's life: connecting, the loop over one stream, and connecting again.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sameroom_connector::{Absence, Backoff, Kit, Report, Session, SessionLink};
use sameroom_types::room::Health;
use tokio::io::{AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::client::{Client, End};
use crate::config::Config;
use crate::stream::{self, Stream, StreamError};
use crate::xml::Parsed;

/// Delays between tries after a server that is there sent us away.
const FIRST: Duration = Duration::from_secs(1);
const MOST: Duration = Duration::from_secs(300);

/// After how long a connection counts as steady.
const STEADY: Duration = Duration::from_secs(20);

/// How much is read at a time.
const READ_BYTES: usize = 64 * 1024;

/// Above this many bytes waiting to go, no more is taken on.
const MOST_WAITING: usize = 1 << 20;

/// How many commands are taken before what they made is written.
const BATCH: usize = 256;

/// How often the clock is looked at.
const TICK: Duration = Duration::from_millis(200);

/// How long closing may take.
const CLOSING: Duration = Duration::from_millis(300);

/// An account that can run.
pub(crate) struct XmppSession {
    pub(crate) config: Arc<Config>,
    pub(crate) kit: Kit,
}

#[async_trait]
impl Session for XmppSession {
    async fn run(self: Box<Self>, link: SessionLink) {
        let mut client = Client::new(Arc::clone(&self.config), self.kit, link);
        // Boxed: the future is large and lives as long as the session.
        Box::pin(live(&mut client)).await;
        client.jobs.shutdown().await;
    }
}

/// Connects again and again until told to stop or refused for good.
async fn live(client: &mut Client) {
    let mut pauses = Pauses { refused: Backoff::new(FIRST, MOST), away: Absence::default() };
    loop {
        let ended = one_connection(client, &mut pauses).await;
        let error = match ended {
            End::Stopped => return,
            End::Lost(error) => error,
        };
        let next = after(&error, &mut pauses, client.kit.clock.random());
        let Next::Retry(delay) = next else {
            tracing::error!(error = %error, "the account can't log in");
            let why = error.to_string();
            // Nothing more can be done if the runtime has stopped as well.
            if client.report(Report::Health(Health::NeedsRelink { why })).await.is_ok()
                && let Err(End::Lost(error)) = client.on_lost().await
            {
                tracing::debug!(%error, "the session ended twice");
            }
            return;
        };
        tracing::warn!(error = %error, retry_after_ms = delay.as_millis(), "connection lost");
        let health = Health::Retrying { after: delay, why: error.to_string() };
        if client.report(Report::Health(health)).await.is_err() || client.on_lost().await.is_err() {
            return;
        }
        if let Err(End::Stopped) = wait(client, delay).await {
            return;
        }
    }
}

/// What to do after an error.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Retry(Duration),
    GiveUp,
}

/// How long to wait before the next try.
struct Pauses {
    /// After the server sent us away.
    refused: Backoff,
    /// After it did not answer, or the connection broke.
    away: Absence,
}

fn after(error: &StreamError, pauses: &mut Pauses, random: u128) -> Next {
    match error {
        StreamError::Refused { condition, .. } => match condition.as_str() {
            "not-authorized"
            | "account-disabled"
            | "credentials-expired"
            | "invalid-authzid"
            | "invalid-mechanism"
            | "mechanism-too-weak"
            | "malformed-request"
            | "incorrect-encoding" => Next::GiveUp,
            _ => Next::Retry(pauses.refused.next_delay(random)),
        },
        StreamError::Sasl(_) => Next::GiveUp,
        // Somebody else uses our resource: fighting over it helps nobody.
        StreamError::Closed { condition, .. }
            if matches!(condition.as_str(), "conflict" | "policy-violation" | "not-authorized") =>
        {
            Next::Retry(MOST)
        }
        StreamError::Network(_) | StreamError::TimedOut => Next::Retry(pauses.away.next_delay(random)),
        StreamError::Closed { condition, .. } if condition == "system-shutdown" => {
            Next::Retry(pauses.away.next_delay(random))
        }
        _ => Next::Retry(pauses.refused.next_delay(random)),
    }
}

/// Waits, answering commands meanwhile.
async fn wait(client: &mut Client, delay: Duration) -> Result<(), End> {
    let until = tokio::time::Instant::now() + delay;
    loop {
        tokio::select! {
            () = client.link.stop.cancelled() => return Err(End::Stopped),
            () = tokio::time::sleep_until(until) => return Ok(()),
            command = client.link.commands.recv() => match command {
                Some(command) => client.on_command(command).await?,
                None => return Err(End::Stopped),
            },
            Some(report) = client.job_reports.recv() => client.on_job(report).await?,
        }
    }
}

async fn one_connection(client: &mut Client, pauses: &mut Pauses) -> End {
    match connect(client).await {
        Ok(stream) => {
            tracing::info!(
                mechanism = stream.mechanism,
                binding = stream.binding.unwrap_or("none"),
                "logged in"
            );
            let since = tokio::time::Instant::now();
            let end = serve(client, stream).await;
            // A server that takes us in and throws us out at once is not hammered.
            if since.elapsed() > STEADY {
                pauses.refused.reset();
            }
            pauses.away.end();
            end
        }
        Err(end) => end,
    }
}

async fn connect(client: &mut Client) -> Result<Stream, End> {
    client.report(Report::Health(Health::Connecting)).await?;
    let resource = client
        .config
        .resource
        .clone()
        .unwrap_or_else(|| format!("sameroom-{}-{}", client.link.installation, client.link.account));
    let nonce = format!("{:032x}", client.kit.clock.random());
    let connecting =
        stream::connect(Arc::clone(&client.config), resource, nonce, client.counters.resumption());
    let mut connecting = Box::pin(connecting);
    loop {
        tokio::select! {
            () = client.link.stop.cancelled() => return Err(End::Stopped),
            connected = &mut connecting => return Ok(connected?),
            command = client.link.commands.recv() => match command {
                Some(command) => client.on_command(command).await?,
                None => return Err(End::Stopped),
            },
            Some(report) = client.job_reports.recv() => client.on_job(report).await?,
        }
    }
}

/// Runs over one stream until it ends.
async fn serve(client: &mut Client, mut stream: Stream) -> End {
    if let Err(end) = client.on_stream(stream.resumed, stream.has_sm).await {
        return end;
    }
    let mut parser = std::mem::replace(&mut stream.parser, crate::xml::StreamParser::new(0));
    let (mut reader, mut writer) = tokio::io::split(stream.io);
    let mut buffer = vec![0_u8; READ_BYTES];
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut unflushed = false;
    let end = 'stream: loop {
        loop {
            match parser.next() {
                Ok(None) => break,
                Ok(Some(Parsed::Stanza(stanza))) => {
                    if let Err(end) = client.on_stanza(&stanza).await {
                        break 'stream end;
                    }
                }
                Ok(Some(Parsed::Open)) => {}
                Ok(Some(Parsed::Close)) => {
                    break 'stream End::Lost(StreamError::Network("the server closed the stream".into()));
                }
                Err(error) => break 'stream End::Lost(error.into()),
            }
        }
        let waiting = client.out.bytes.len();
        let stop = client.link.stop.clone();
        // Every branch may be dropped half-way: bytes are counted only once they were read or written.
        let step: Result<(), End> = tokio::select! {
            () = stop.cancelled() => Err(End::Stopped),
            read = reader.read(&mut buffer) => match read {
                Ok(0) => Err(StreamError::Network("the server closed the connection".into()).into()),
                Ok(count) => {
                    client.heard = tokio::time::Instant::now();
                    parser.feed(buffer.get(..count).unwrap_or_default());
                    Ok(())
                }
                Err(error) => Err(StreamError::Network(format!("the connection broke: {error}")).into()),
            },
            written = push_out(&mut writer, client.out.bytes.as_slices().0), if waiting > 0 || unflushed => match written {
                Ok(count) => {
                    client.out.advance(count);
                    client.wrote = tokio::time::Instant::now();
                    unflushed = count > 0;
                    Ok(())
                }
                Err(error) => Err(StreamError::Network(format!("can't send: {error}")).into()),
            },
            command = client.link.commands.recv(), if waiting < MOST_WAITING => match command {
                Some(command) => take_commands(client, command).await,
                None => Err(End::Stopped),
            },
            Some(report) = client.job_reports.recv() => client.on_job(report).await,
            Some(ended) = client.jobs.join_next() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a file task failed");
                }
                Ok(())
            }
            _ = tick.tick() => client.on_tick().await,
        };
        if let Err(end) = step {
            break end;
        }
    };
    if let End::Stopped = end {
        // A polite end lets the server forget the session at once; it is not worth waiting for.
        let goodbye = async {
            writer.write_all(b"<presence type='unavailable'/></stream:stream>").await?;
            writer.flush().await?;
            writer.shutdown().await
        };
        if !matches!(tokio::time::timeout(CLOSING, goodbye).await, Ok(Ok(()))) {
            tracing::debug!("the stream was not closed politely");
        }
    }
    end
}

/// Writes some of `bytes`, or flushes where there are none; says how many went.
async fn push_out(writer: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> std::io::Result<usize> {
    if bytes.is_empty() {
        writer.flush().await?;
        return Ok(0);
    }
    writer.write(bytes).await
}

/// Takes what is asked, as much as is there, so that it goes out in one write.
async fn take_commands(client: &mut Client, first: sameroom_connector::Command) -> Result<(), End> {
    client.on_command(first).await?;
    for _ in 0..BATCH {
        let Ok(command) = client.link.commands.try_recv() else { break };
        client.on_command(command).await?;
    }
    client.after_batch();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_lead_to_a_short_wait_a_long_one_or_none() {
        let refused = |condition: &str| StreamError::Refused { condition: condition.into(), text: None };
        let closed = |condition: &str| StreamError::Closed { condition: condition.into(), text: None };
        let next = |error: StreamError| {
            let mut pauses = Pauses { refused: Backoff::new(FIRST, MOST), away: Absence::default() };
            after(&error, &mut pauses, 7)
        };
        let is_short = |next: Next| matches!(next, Next::Retry(delay) if delay <= FIRST);
        assert_eq!(next(refused("not-authorized")), Next::GiveUp);
        assert!(is_short(next(refused("temporary-auth-failure"))));
        assert_eq!(next(closed("conflict")), Next::Retry(MOST));
        assert!(is_short(next(closed("system-shutdown"))));
        assert!(is_short(next(StreamError::TimedOut)));
    }
}
