//! From nothing to a stream that is logged in: TCP, TLS, SASL, then a resumed or a new session.
//!
//! RFC 6120 sections 4 to 7, XEP-0198. Knows nothing of rooms and keeps no state between tries.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::config::{Config, TlsMode};
use crate::sasl::{self, Mechanism, SaslError, Scram};
use crate::tls::{Bindings, TlsError, client_config};
use crate::wire;
use crate::xml::{Element, Parsed, StreamParser, Xml, XmlError};

/// How long getting a stream may take in all.
const SET_UP: Duration = Duration::from_secs(30);

/// The largest stanza taken before the login.
const EARLY_STANZA_BYTES: usize = 64 * 1024;

/// Bytes both ways.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Why there is no stream, or no longer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StreamError {
    /// The network.
    #[error("{0}")]
    Network(String),
    /// The server did not answer in time.
    #[error("the server did not answer in time")]
    TimedOut,
    /// TLS can't be prepared.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The server has no TLS and the settings ask for it.
    #[error("the server offers no TLS; tls = \"off\" would go without, for a server on this machine")]
    NoTls,
    /// The server sent what can't be read.
    #[error(transparent)]
    Xml(#[from] XmlError),
    /// The server closed the stream with a condition.
    #[error("the server closed the stream: {condition}{}", text.as_deref().map(|text| format!(" ({text})")).unwrap_or_default())]
    Closed {
        /// The condition, such as `conflict`.
        condition: String,
        /// What the server says about it.
        text: Option<String>,
    },
    /// The server refuses the account.
    #[error("the server refuses the login: {condition}{}", text.as_deref().map(|text| format!(" ({text})")).unwrap_or_default())]
    Refused {
        /// The condition, such as `not-authorized`.
        condition: String,
        /// What the server says about it.
        text: Option<String>,
    },
    /// The login failed on our side.
    #[error(transparent)]
    Sasl(#[from] SaslError),
    /// The server does something else than it should.
    #[error("the server did not do what was expected: {0}")]
    Odd(String),
}

/// A session that may be taken up again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resumption {
    /// The server's name for it.
    pub(crate) id: String,
    /// How many stanzas of it we have handled.
    pub(crate) handled: u32,
}

/// What became of an attempt to resume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resumed {
    /// It goes on; the server has handled this many of our stanzas.
    Yes(u32),
    /// It is gone; the server may still say how many of our stanzas it had handled.
    No(Option<u32>),
}

/// A stream that is logged in.
pub(crate) struct Stream {
    /// The connection.
    pub(crate) io: Box<dyn Io>,
    /// Its parser, with what came already.
    pub(crate) parser: StreamParser,
    /// What became of the old session; `None` where there was none.
    pub(crate) resumed: Option<Resumed>,
    /// Whether the server knows stream management.
    pub(crate) has_sm: bool,
    /// How the login went, for the log.
    pub(crate) mechanism: &'static str,
    /// The channel binding used.
    pub(crate) binding: Option<&'static str>,
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").field("mechanism", &self.mechanism).finish_non_exhaustive()
    }
}

/// Connects and logs in.
///
/// # Errors
/// See [`StreamError`]. Safe to drop at any await.
pub(crate) async fn connect(
    config: Arc<Config>,
    resource: String,
    nonce: String,
    resumption: Option<Resumption>,
) -> Result<Stream, StreamError> {
    match tokio::time::timeout(SET_UP, set_up(&config, &resource, &nonce, resumption)).await {
        Ok(result) => result,
        Err(_) => Err(StreamError::TimedOut),
    }
}

async fn set_up(
    config: &Arc<Config>,
    resource: &str,
    nonce: &str,
    resumption: Option<Resumption>,
) -> Result<Stream, StreamError> {
    let tcp = TcpStream::connect((config.host.as_str(), config.port))
        .await
        .map_err(|error| StreamError::Network(format!("can't connect: {error}")))?;
    if let Err(error) = tcp.set_nodelay(true) {
        tracing::debug!(%error, "small writes may be delayed");
    }
    let mut bindings = Bindings::default();
    let mut wire: Wire<Box<dyn Io>> = match config.tls {
        TlsMode::Off => Wire::new(Box::new(tcp)),
        TlsMode::Direct => {
            let (io, bound) = encrypt(config, tcp, true).await?;
            bindings = bound;
            Wire::new(io)
        }
        TlsMode::StartTls => {
            let tcp = start_tls(config, tcp).await?;
            let (io, bound) = encrypt(config, tcp, false).await?;
            bindings = bound;
            Wire::new(io)
        }
    };
    let encrypted = config.tls != TlsMode::Off;
    let features = wire.open(&config.jid.domain).await?;
    let (mechanism, binding) = log_in(&mut wire, config, nonce, &features, encrypted, &bindings).await?;
    wire.parser = StreamParser::new(config.max_stanza_bytes);
    let features = wire.open(&config.jid.domain).await?;
    let has_sm = features.child("sm", wire::SM).is_some();

    let mut resumed = None;
    if let Some(resumption) = resumption.filter(|_| has_sm) {
        let outcome = resume(&mut wire, &resumption).await?;
        resumed = Some(outcome);
        if let Resumed::Yes(_) = outcome {
            let Wire { io, parser } = wire;
            return Ok(Stream { io, parser, resumed, has_sm, mechanism, binding });
        }
    }
    bind(&mut wire, resource, &features).await?;
    let Wire { io, parser } = wire;
    Ok(Stream { io, parser, resumed, has_sm, mechanism, binding })
}

async fn start_tls(config: &Config, tcp: TcpStream) -> Result<TcpStream, StreamError> {
    let mut wire = Wire::new(tcp);
    let features = wire.open(&config.jid.domain).await?;
    if features.child("starttls", wire::TLS).is_none() {
        return Err(StreamError::NoTls);
    }
    wire.send(&format!("<starttls xmlns='{}'/>", wire::TLS)).await?;
    let answer = wire.next().await?;
    if !answer.is("proceed", wire::TLS) {
        return Err(StreamError::NoTls);
    }
    // Whatever came in the clear after the answer was not sent by the encrypted other end: it is dropped.
    Ok(wire.io)
}

async fn encrypt(
    config: &Arc<Config>,
    tcp: TcpStream,
    direct: bool,
) -> Result<(Box<dyn Io>, Bindings), StreamError> {
    let for_thread = Arc::clone(config);
    let tls = tokio::task::spawn_blocking(move || client_config(&for_thread, direct))
        .await
        .map_err(|error| StreamError::Network(error.to_string()))??;
    // The certificate must be that of the address's domain, whatever host we connected to (RFC 6120 section 13.7.2).
    let name = ServerName::try_from(config.jid.domain.clone())
        .map_err(|_| StreamError::Odd("the address's domain can't be in a certificate".into()))?;
    let stream = tokio_rustls::TlsConnector::from(tls)
        .connect(name, tcp)
        .await
        .map_err(|error| StreamError::Network(format!("TLS failed: {error}")))?;
    let bindings = Bindings::of(stream.get_ref().1);
    Ok((Box::new(stream), bindings))
}

async fn log_in<I: Io>(
    wire: &mut Wire<I>,
    config: &Config,
    nonce: &str,
    features: &Element,
    encrypted: bool,
    bindings: &Bindings,
) -> Result<(&'static str, Option<&'static str>), StreamError> {
    let offered: Vec<String> = features
        .child("mechanisms", wire::SASL)
        .map(|list| list.children().filter(|item| item.name() == "mechanism").map(Element::text).collect())
        .unwrap_or_default();
    let kinds: Vec<String> = features
        .child("sasl-channel-binding", wire::SASL_CB)
        .map(|list| list.children().filter_map(|kind| kind.attr("type").map(str::to_owned)).collect())
        .unwrap_or_default();
    let binding = bindings.choose(&kinds);
    let mechanism = sasl::choose(&offered, encrypted, binding.is_some())?;
    let user = config.jid.local.as_deref().unwrap_or_default();
    let (hash, plus) = match mechanism {
        Mechanism::Plain => {
            wire.send(&auth(mechanism.name(), &sasl::plain(user, &config.password))).await?;
            sasl_outcome(wire.next().await?)?;
            return Ok((mechanism.name(), None));
        }
        Mechanism::Scram { hash, plus } => (hash, plus),
    };
    let binding = binding.filter(|_| plus);
    let offers_plus = offered.iter().any(|name| name.ends_with("-PLUS"));
    let could_bind = bindings.any() && !offers_plus;
    let mut scram = Scram::new(hash, user, &config.password, nonce, binding.as_ref(), could_bind);
    wire.send(&auth(mechanism.name(), &scram.first())).await?;
    let challenge = wire.next().await?;
    if !challenge.is("challenge", wire::SASL) {
        sasl_outcome(challenge)?;
        return Err(SaslError::BadChallenge("there was none").into());
    }
    let text = challenge.text();
    // Thousands of hash rounds would hold up everything else on this thread.
    let (scram, answer) = tokio::task::spawn_blocking(move || {
        let answer = scram.answer(&text);
        (scram, answer)
    })
    .await
    .map_err(|error| StreamError::Network(error.to_string()))?;
    let mut xml = Xml::new();
    xml.start_ns("response", wire::SASL).text(&answer?);
    xml.end("response");
    wire.send(&xml.finish()).await?;
    let mut success = wire.next().await?;
    if success.is("challenge", wire::SASL) {
        // Some servers send their proof in a challenge of its own.
        scram.verify(&success.text())?;
        wire.send(&format!("<response xmlns='{}'/>", wire::SASL)).await?;
        success = wire.next().await?;
        sasl_outcome(success)?;
    } else {
        let success = sasl_outcome(success)?;
        scram.verify(&success.text())?;
    }
    Ok((mechanism.name(), binding.map(|binding| binding.kind)))
}

fn auth(mechanism: &str, first: &str) -> String {
    let mut xml = Xml::new();
    xml.start_ns("auth", wire::SASL).attr("mechanism", mechanism).text(first);
    xml.end("auth");
    xml.finish()
}

fn sasl_outcome(answer: Element) -> Result<Element, StreamError> {
    if answer.is("success", wire::SASL) {
        return Ok(answer);
    }
    if answer.is("failure", wire::SASL) {
        let condition = answer.children().find(|child| child.name() != "text");
        return Err(StreamError::Refused {
            condition: condition.map_or("not-authorized", Element::name).to_owned(),
            text: answer.own_text("text"),
        });
    }
    Err(StreamError::Odd(format!("<{}> while logging in", answer.name())))
}

async fn resume<I: Io>(wire: &mut Wire<I>, resumption: &Resumption) -> Result<Resumed, StreamError> {
    let mut xml = Xml::new();
    xml.start_ns("resume", wire::SM)
        .attr_number("h", u64::from(resumption.handled))
        .attr("previd", &resumption.id)
        .end("resume");
    wire.send(&xml.finish()).await?;
    let answer = wire.next().await?;
    let handled = answer.attr("h").and_then(|h| h.parse().ok());
    if answer.is("resumed", wire::SM) {
        return Ok(Resumed::Yes(handled.ok_or_else(|| StreamError::Odd("resumed without a count".into()))?));
    }
    if answer.is("failed", wire::SM) {
        return Ok(Resumed::No(handled));
    }
    Err(StreamError::Odd(format!("<{}> while resuming", answer.name())))
}

async fn bind<I: Io>(wire: &mut Wire<I>, resource: &str, features: &Element) -> Result<(), StreamError> {
    let mut xml = wire::iq("set", None, "bind");
    xml.start_ns("bind", wire::BIND).leaf("resource", resource).end("bind").end("iq");
    wire.send(&xml.finish()).await?;
    let answer = wire.answer("bind").await?;
    if answer.child("bind", wire::BIND).and_then(|bound| bound.own_text("jid")).is_none() {
        return Err(StreamError::Odd("no address was bound".into()));
    }
    // RFC 3921 servers want this too (HipChat); newer ones mark it optional or leave it out.
    if features.child("session", wire::SESSION).is_some_and(|session| session.own_child("optional").is_none())
    {
        let mut xml = wire::iq("set", None, "session");
        xml.empty_ns("session", wire::SESSION).end("iq");
        wire.send(&xml.finish()).await?;
        wire.answer("session").await?;
    }
    Ok(())
}

/// A connection with its parser, used one message at a time.
struct Wire<I> {
    io: I,
    parser: StreamParser,
}

impl<I: Io> Wire<I> {
    fn new(io: I) -> Self {
        Self { io, parser: StreamParser::new(EARLY_STANZA_BYTES) }
    }

    /// Opens a stream, or opens it anew, and reads what the server offers.
    async fn open(&mut self, domain: &str) -> Result<Element, StreamError> {
        let mut xml = Xml::new();
        xml.start("stream:stream")
            .attr("to", domain)
            .attr("version", "1.0")
            .attr("xml:lang", "en")
            .attr("xmlns", wire::CLIENT)
            .attr("xmlns:stream", wire::STREAMS)
            .text("");
        self.send(&format!("<?xml version='1.0'?>{}", xml.finish())).await?;
        let features = self.next().await?;
        if features.is("features", wire::STREAMS) {
            Ok(features)
        } else {
            Err(StreamError::Odd(format!("<{}> instead of features", features.name())))
        }
    }

    async fn send(&mut self, xml: &str) -> Result<(), StreamError> {
        let lost = |error: std::io::Error| StreamError::Network(format!("can't send: {error}"));
        self.io.write_all(xml.as_bytes()).await.map_err(lost)?;
        self.io.flush().await.map_err(lost)
    }

    async fn next(&mut self) -> Result<Element, StreamError> {
        let mut buffer = [0_u8; 4096];
        loop {
            match self.parser.next()? {
                Some(Parsed::Stanza(stanza)) if stanza.is("error", wire::STREAMS) => {
                    return Err(stream_error(&stanza));
                }
                Some(Parsed::Stanza(stanza)) => return Ok(stanza),
                Some(Parsed::Open) => {}
                Some(Parsed::Close) => {
                    return Err(StreamError::Network("the server closed the stream".into()));
                }
                None => {
                    let count =
                        self.io.read(&mut buffer).await.map_err(|error| {
                            StreamError::Network(format!("the connection broke: {error}"))
                        })?;
                    if count == 0 {
                        return Err(StreamError::Network("the server closed the connection".into()));
                    }
                    self.parser.feed(buffer.get(..count).unwrap_or_default());
                }
            }
        }
    }

    /// The answer to an iq of ours; what else comes before it is of no use yet.
    async fn answer(&mut self, id: &str) -> Result<Element, StreamError> {
        loop {
            let stanza = self.next().await?;
            if stanza.name() != "iq" || stanza.attr("id") != Some(id) {
                continue;
            }
            return match stanza.attr("type") {
                Some("result") => Ok(stanza),
                _ => Err(StreamError::Closed { condition: wire::StanzaError::of(&stanza).say(), text: None }),
            };
        }
    }
}

/// The error with which a server ends a stream.
pub(crate) fn stream_error(stanza: &Element) -> StreamError {
    let condition =
        stanza.children().find(|child| child.ns() == wire::STREAM_ERRORS && child.name() != "text");
    StreamError::Closed {
        condition: condition.map_or("undefined-condition", Element::name).to_owned(),
        text: stanza.child("text", wire::STREAM_ERRORS).map(Element::text),
    }
}
