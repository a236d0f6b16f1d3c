//! Connecting, carrying bytes and reports, reconnecting. Decides nothing about the protocol: that is [`Client`].

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Buf, BytesMut};
use rustls::pki_types::ServerName;
use sameroom_connector::{Absence, Backoff, Clock, Command, Kit, LinkClosed, Report, Session, SessionLink};
use sameroom_types::action::Answer;
use sameroom_types::room::Health;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use crate::client::{Client, Effect, End, not_now};
use crate::config::Config;
use crate::decode::decode;
use crate::ids::MessageIds;
use crate::memory::{Memory, Wanted};
use crate::refusal::Closing;
use crate::tls;
use crate::wire::{LINE_MAX_BYTES, LineBuilder, TAGS_MAX_BYTES};

/// How long a connection may take to come about.
const CONNECT_PATIENCE: Duration = Duration::from_secs(20);

/// The first pause after a server took our connection and ended it before we could work; the longest one.
const RETRY: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(30 * 60));

/// The pause after a connection that had worked breaks.
const QUICK_RETRY: Duration = Duration::from_secs(1);

/// How long a goodbye may take.
const QUIT_PATIENCE: Duration = Duration::from_millis(400);

/// How often the client looks after what time alone brings about.
const TICK: Duration = Duration::from_secs(1);

/// What one read takes at most.
const READ_BYTES: usize = 64 * 1024;

/// Commands taken at a time before the socket has its turn again.
const COMMANDS_AT_ONCE: usize = 512;

type Reader = Pin<Box<dyn AsyncRead + Send>>;
type Writer = Pin<Box<dyn AsyncWrite + Send>>;

/// One IRC account.
pub(crate) struct IrcSession {
    config: Arc<Config>,
    clock: Arc<dyn Clock>,
}

impl IrcSession {
    /// An account that does not run yet.
    pub(crate) fn new(config: Config, kit: &Kit) -> Self {
        Self { config: Arc::new(config), clock: Arc::clone(&kit.clock) }
    }
}

/// How long to wait before the next try.
struct Pauses {
    /// After a connection that came to nothing.
    ended: Backoff,
    /// After none came about.
    away: Absence,
}

/// Why a loop came to its end.
enum Stop {
    /// We were told to end.
    Asked,
    /// The runtime is gone.
    Closed,
}

impl From<LinkClosed> for Stop {
    fn from(_: LinkClosed) -> Self {
        Self::Closed
    }
}

#[async_trait]
impl Session for IrcSession {
    async fn run(self: Box<Self>, mut link: SessionLink) {
        let ids = MessageIds::new(&*self.clock);
        let mut memory = Some(Memory::new(&link.resume, ids));
        let mut pauses = Pauses { ended: Backoff::new(RETRY.0, RETRY.1), away: Absence::default() };
        while let Some(kept) = memory.take() {
            match self.once(kept, &mut link, &mut pauses).await {
                Ok(next) => memory = Some(next),
                Err(Stop::Asked | Stop::Closed) => return,
            }
        }
    }
}

impl IrcSession {
    /// One connection from its first byte to the end of the pause after it.
    async fn once(
        &self,
        mut memory: Memory,
        link: &mut SessionLink,
        pauses: &mut Pauses,
    ) -> Result<Memory, Stop> {
        link.report(Report::Health(Health::Connecting)).await?;
        let opened = match self.attend(self.open(), &mut memory, link).await? {
            Ok(opened) => opened,
            Err(why) => {
                let pause = pauses.away.next_delay(self.clock.random());
                self.pause(&mut memory, link, pause, &why).await?;
                return Ok(memory);
            }
        };
        pauses.away.end();
        let (mut reader, mut writer) = opened;
        let mut client =
            Client::new(Arc::clone(&self.config), Arc::clone(&self.clock), memory, Instant::now());
        let stop = link.stop.clone();
        // Whatever was under way when this is dropped is answered below, or unknown because the session ends.
        let end = tokio::select! {
            () = stop.cancelled() => Err(Stop::Asked),
            end = serve(&mut client, &mut reader, &mut writer, link) => end,
        };
        let end = match end {
            Ok(end) => end,
            Err(stop) => {
                goodbye(&mut client, &mut writer).await;
                return Err(stop);
            }
        };
        // Dropping an open socket could lose our last lines, so it is closed in order, but not waited for long.
        goodbye(&mut client, &mut writer).await;
        let had_worked = client.is_online();
        let (why, closing) = match end {
            End::Lost { why, closing } => (client.last_words.take().unwrap_or(why), closing),
            End::Relink { why } => {
                let (_, effects) = client.into_memory(&why);
                link.report(Report::Health(Health::NeedsRelink { why })).await?;
                apply(effects, link).await?;
                return Err(Stop::Closed);
            }
        };
        let pause = if had_worked && closing == Closing::Usual {
            pauses.ended.reset();
            QUICK_RETRY / 2 + QUICK_RETRY.mul_f64(fraction(self.clock.random()))
        } else {
            pauses.ended.next_delay(self.clock.random())
        };
        let pause = pause.max(closing.least_wait());
        let (mut memory, effects) = client.into_memory(&why);
        link.report(Report::Health(Health::Retrying { after: pause, why: why.clone() })).await?;
        apply(effects, link).await?;
        self.wait(&mut memory, link, pause).await?;
        Ok(memory)
    }

    async fn pause(
        &self,
        memory: &mut Memory,
        link: &mut SessionLink,
        pause: Duration,
        why: &str,
    ) -> Result<(), Stop> {
        link.report(Report::Health(Health::Retrying { after: pause, why: why.to_owned() })).await?;
        self.wait(memory, link, pause).await
    }

    async fn wait(&self, memory: &mut Memory, link: &mut SessionLink, pause: Duration) -> Result<(), Stop> {
        self.attend(sleep_until(Instant::now() + pause), memory, link).await
    }

    /// Waits for something while there is no connection, answering commands meanwhile.
    async fn attend<T>(
        &self,
        wait: impl Future<Output = T>,
        memory: &mut Memory,
        link: &mut SessionLink,
    ) -> Result<T, Stop> {
        tokio::pin!(wait);
        loop {
            tokio::select! {
                () = link.stop.cancelled() => return Err(Stop::Asked),
                done = &mut wait => return Ok(done),
                command = link.commands.recv() => {
                    let Some(command) = command else { return Err(Stop::Closed) };
                    if let Some(report) = refuse(command, memory) {
                        tokio::select! {
                            () = link.stop.cancelled() => return Err(Stop::Asked),
                            sent = link.report(report) => sent?,
                        }
                    }
                }
            }
        }
    }

    async fn open(&self) -> Result<(Reader, Writer), String> {
        let deadline = Instant::now() + CONNECT_PATIENCE;
        let config = &self.config;
        let connect = TcpStream::connect((config.host.as_str(), config.port));
        let stream = timeout_at(deadline, connect)
            .await
            .map_err(|_| "no connection within 20 s".to_owned())?
            .map_err(|error| format!("no connection: {error}"))?;
        stream.set_nodelay(true).map_err(|error| format!("no connection: {error}"))?;
        let Some(settings) = &config.tls else {
            let (reader, writer) = stream.into_split();
            return Ok((Box::pin(reader), Box::pin(writer)));
        };
        let client = tls::client(settings).map_err(|error| format!("TLS: {error}"))?;
        let name = ServerName::try_from(config.host.clone()).map_err(|error| format!("TLS: {error}"))?;
        let handshake = tokio_rustls::TlsConnector::from(Arc::new(client)).connect(name, stream);
        let stream = timeout_at(deadline, handshake)
            .await
            .map_err(|_| "no TLS within 20 s".to_owned())?
            .map_err(|error| format!("TLS: {error}"))?;
        let (reader, writer) = tokio::io::split(stream);
        Ok((Box::pin(reader), Box::pin(writer)))
    }
}

/// A number from 0 to 1.
fn fraction(random: u128) -> f64 {
    f64::from(u16::try_from(random & 0xffff).unwrap_or(0)) / 65_536.0
}

/// The answer to a command while there is no connection.
fn refuse(command: Command, memory: &mut Memory) -> Option<Report> {
    match command {
        Command::Send(request) => Some(Report::Outcome {
            delivery: request.delivery,
            part: request.part,
            outcome: not_now("not connected"),
        }),
        Command::Join { room } => {
            let name = room.trim().to_owned();
            let wanted = memory.wanted.entry(memory.casemapping.fold(&name)).or_insert_with(|| Wanted {
                name,
                asked: Vec::new(),
                retry_at: None,
            });
            if !wanted.asked.contains(&room) {
                wanted.asked.push(room);
            }
            None
        }
        Command::Leave { room } => {
            memory.wanted.remove(room.as_str());
            memory.read.remove(room.as_str());
            None
        }
        Command::Ask { delivery, part, .. } => Some(Report::Answer { delivery, part, answer: Answer::Later }),
        Command::Fetch { spool, .. } => Some(Report::Fetched {
            spool,
            result: Err(sameroom_connector::FetchError::Gone("IRC has no files".to_owned())),
        }),
        Command::Ping { id, .. } => Some(Report::Pong { id, result: Err("not connected".to_owned()) }),
        Command::Whisper { .. } => None,
        Command::ListRooms => Some(Report::Rooms(Vec::new())),
    }
}

/// Carries bytes and commands until the connection ends.
async fn serve(
    client: &mut Client,
    reader: &mut Reader,
    writer: &mut Writer,
    link: &mut SessionLink,
) -> Result<End, Stop> {
    let mut lines = Lines::default();
    let mut unflushed = false;
    let mut tick_at = Instant::now() + TICK;
    loop {
        let now = Instant::now();
        if now >= tick_at {
            tick_at = now + TICK;
            client.tick(now);
        }
        client.release(now);
        carry(client, link).await?;
        if let Some(end) = client.end.take() {
            return Ok(end);
        }
        unflushed |= !client.out.is_empty();
        let wake_at = client.next_line_at().map_or(tick_at, |at| at.min(tick_at));
        let out = &mut client.out;
        // Each branch may be dropped half-way: reads and partial writes leave their buffers consistent.
        tokio::select! {
            biased;
            read = reader.read_buf(&mut lines.buffer) => {
                let now = Instant::now();
                match read {
                    Ok(0) => return Ok(lost("the server closed the connection".to_owned())),
                    Ok(_) => {}
                    Err(error) => return Ok(lost(format!("the connection broke: {error}"))),
                }
                client.heard(now);
                if let Err(why) = lines.feed(client, now) {
                    return Ok(lost(why));
                }
            }
            wrote = flush(writer, out), if unflushed => {
                unflushed = false;
                if let Err(error) = wrote {
                    return Ok(lost(format!("the connection broke: {error}")));
                }
            }
            command = link.commands.recv() => {
                let now = Instant::now();
                let Some(command) = command else { return Err(Stop::Closed) };
                client.command(command, now);
                for _ in 1..COMMANDS_AT_ONCE {
                    let Ok(command) = link.commands.try_recv() else { break };
                    client.command(command, now);
                }
            }
            () = sleep_until(wake_at) => {}
        }
    }
}

fn lost(why: String) -> End {
    End::Lost { why, closing: Closing::Usual }
}

async fn flush(writer: &mut Writer, out: &mut BytesMut) -> std::io::Result<()> {
    writer.write_all_buf(out).await?;
    writer.flush().await
}

/// Hands over what the client has to report.
async fn carry(client: &mut Client, link: &mut SessionLink) -> Result<(), LinkClosed> {
    if client.effects.is_empty() {
        return Ok(());
    }
    let effects = std::mem::take(&mut client.effects);
    apply(effects, link).await
}

async fn apply(effects: Vec<Effect>, link: &mut SessionLink) -> Result<(), LinkClosed> {
    for effect in effects {
        match effect {
            Effect::Event(inbound) => {
                link.accept(inbound).await?;
            }
            Effect::Report(report) => link.report(report).await?,
        }
    }
    Ok(())
}

async fn goodbye(client: &mut Client, writer: &mut Writer) {
    let mut out = client.out.clone();
    out.extend_from_slice(&LineBuilder::new().command("QUIT").text("bye").finish());
    let leave = async {
        flush(writer, &mut out).await?;
        writer.shutdown().await
    };
    match timeout(QUIT_PATIENCE, leave).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "no goodbye"),
        Err(_) => tracing::debug!("no goodbye in time"),
    }
}

/// Bytes that are not yet whole lines.
struct Lines {
    buffer: BytesMut,
    /// How far the buffer was searched for an end.
    searched: usize,
}

impl Default for Lines {
    fn default() -> Self {
        Self { buffer: BytesMut::with_capacity(READ_BYTES), searched: 0 }
    }
}

impl Lines {
    /// Gives each whole line to the client.
    fn feed(&mut self, client: &mut Client, now: Instant) -> Result<(), String> {
        let fallback = client.config.fallback;
        let mut start = 0;
        loop {
            let from = self.searched.max(start);
            let rest = self.buffer.get(from..).unwrap_or_default();
            let Some(length) = rest.iter().position(|byte| *byte == b'\n') else { break };
            let end = from + length;
            let line = self.buffer.get(start..end).unwrap_or_default();
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if !line.is_empty() {
                client.line(&decode(line, fallback), now);
            }
            start = end + 1;
            self.searched = start;
        }
        self.buffer.advance(start);
        self.searched = self.buffer.len();
        if self.buffer.len() > TAGS_MAX_BYTES + client.server.line_len.max(LINE_MAX_BYTES) {
            return Err("the server sent a line longer than IRC allows".to_owned());
        }
        self.buffer.reserve(READ_BYTES);
        Ok(())
    }
}
