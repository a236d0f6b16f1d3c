//! Requests.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::sync::{OnceCell, mpsc};
use tokio::task::JoinSet;
use url::Url;

use crate::body::{Body, Outgoing};
use crate::connect::connect;
use crate::error::HttpError;

/// How many addresses one fetch may be led through.
const MOST_REDIRECTS: u32 = 5;

/// How many pieces of a body are read ahead of the network.
const PIECES_AHEAD: usize = 4;

/// What requests may do and how long they may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Whether this machine and private networks may be asked.
    pub allow_private: bool,
    /// How long each of looking up, connecting and TLS may take.
    pub connect_timeout: Duration,
    /// How long the other side may be silent.
    pub idle_timeout: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            allow_private: false,
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(30),
        }
    }
}

/// Makes requests; cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) rules: Rules,
    tls: Arc<OnceCell<Arc<ClientConfig>>>,
}

/// An answer whose body is read piece by piece. Dropping it closes the connection.
pub struct Download {
    /// The media type, as the server says.
    pub media_type: Option<String>,
    /// The size in bytes, where the server says so.
    pub size_bytes: Option<u64>,
    body: Incoming,
    max_bytes: u64,
    read_bytes: u64,
    idle_timeout: Duration,
    /// Drives the connection; ends with this.
    _connection: JoinSet<()>,
}

impl std::fmt::Debug for Download {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Download").field("size_bytes", &self.size_bytes).finish_non_exhaustive()
    }
}

impl Client {
    /// A client under rules.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self { rules, tls: Arc::new(OnceCell::new()) }
    }

    /// The same client, for addresses that the operator vouches for.
    #[must_use]
    pub fn allowing_private(&self) -> Self {
        Self { rules: Rules { allow_private: true, ..self.rules }, tls: Arc::clone(&self.tls) }
    }

    /// Fetches what stands at an address, following redirects, taking `max_bytes` at most.
    ///
    /// # Errors
    /// See [`HttpError`]; answers that are no success are errors too.
    pub async fn get(&self, url: &str, max_bytes: u64) -> Result<Download, HttpError> {
        let mut url = parse(url)?;
        for _ in 0..=MOST_REDIRECTS {
            let request = request(Method::GET, &url).body(Outgoing::empty());
            let request = request.map_err(|_| HttpError::BadUrl("it can't be asked for"))?;
            let (response, connection) = self.send(&url, request, JoinSet::new()).await?;
            if let Some(next) = redirect(&url, &response)? {
                url = next;
                continue;
            }
            check_status(&response)?;
            let text = |name: HeaderName| response.headers().get(name).and_then(|value| value.to_str().ok());
            let size_bytes = text(header::CONTENT_LENGTH).and_then(|size| size.parse().ok());
            if size_bytes.is_some_and(|size| size > max_bytes) {
                return Err(HttpError::TooLarge { max_bytes });
            }
            return Ok(Download {
                media_type: text(header::CONTENT_TYPE).map(str::to_owned),
                size_bytes,
                body: response.into_body(),
                max_bytes,
                read_bytes: 0,
                idle_timeout: self.rules.idle_timeout,
                _connection: connection,
            });
        }
        Err(HttpError::Redirects)
    }

    /// Puts a body at an address; a redirect is an error.
    ///
    /// # Errors
    /// See [`HttpError`]; answers that are no success are errors too.
    pub async fn put(
        &self,
        url: &str,
        media_type: &str,
        headers: &[(String, String)],
        body: Body,
    ) -> Result<(), HttpError> {
        let url = parse(url)?;
        let mut request = request(Method::PUT, &url).header(header::CONTENT_LENGTH, body.size_bytes);
        if let Ok(value) = HeaderValue::from_str(media_type) {
            request = request.header(header::CONTENT_TYPE, value);
        }
        for (name, value) in headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name.as_str()), HeaderValue::from_str(value))
            {
                request = request.header(name, value);
            }
        }
        let (pieces, outgoing) = mpsc::channel(PIECES_AHEAD);
        let request = request
            .body(Outgoing::new(outgoing, body.size_bytes))
            .map_err(|_| HttpError::BadUrl("it can't be asked for"))?;
        let mut tasks = JoinSet::new();
        let mut source = body.source;
        tasks.spawn(async move {
            loop {
                let piece = match source.piece().await {
                    Ok(Some(piece)) => Ok(piece),
                    Ok(None) => return,
                    Err(error) => Err(error),
                };
                let is_last = piece.is_err();
                if pieces.send(piece).await.is_err() || is_last {
                    return;
                }
            }
        });
        let (response, _connection) = self.send(&url, request, tasks).await?;
        check_status(&response)
    }

    pub(crate) async fn send(
        &self,
        url: &Url,
        request: Request<Outgoing>,
        mut tasks: JoinSet<()>,
    ) -> Result<(Response<Incoming>, JoinSet<()>), HttpError> {
        let size_bytes = hyper::body::Body::size_hint(request.body()).exact().unwrap_or(0);
        let io = connect(url, self.rules.allow_private, self.rules.connect_timeout, &self.tls).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(io))
            .await
            .map_err(|error| HttpError::Broken(describe(&error)))?;
        tasks.spawn(async move {
            // The error also reaches whoever waits for the answer.
            drop(connection.await);
        });
        // A body takes its time: as much as it would at 10 kB a second.
        let patience = self.rules.idle_timeout + Duration::from_secs(size_bytes / 10_000);
        match tokio::time::timeout(patience, sender.send_request(request)).await {
            Ok(Ok(response)) => Ok((response, tasks)),
            Ok(Err(error)) if error.is_user() => Err(HttpError::Source(describe(&error))),
            Ok(Err(error)) => Err(HttpError::Broken(describe(&error))),
            Err(_) => Err(HttpError::TimedOut),
        }
    }
}

impl Download {
    /// The next piece of the body; `None` at the end.
    ///
    /// # Errors
    /// When the connection breaks, is silent for too long, or the body is larger than allowed.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, HttpError> {
        loop {
            let frame = tokio::time::timeout(self.idle_timeout, self.body.frame())
                .await
                .map_err(|_| HttpError::TimedOut)?;
            let frame = match frame {
                None => return Ok(None),
                Some(Err(error)) => return Err(HttpError::Broken(describe(&error))),
                Some(Ok(frame)) => frame,
            };
            let Ok(piece) = frame.into_data() else { continue };
            self.read_bytes += piece.len() as u64;
            if self.read_bytes > self.max_bytes {
                return Err(HttpError::TooLarge { max_bytes: self.max_bytes });
            }
            return Ok(Some(piece));
        }
    }
}

pub(crate) fn parse(url: &str) -> Result<Url, HttpError> {
    let url = Url::parse(url).map_err(|_| HttpError::BadUrl("it can't be read"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(HttpError::BadUrl("only http and https can be asked"));
    }
    Ok(url)
}

pub(crate) fn request(method: Method, url: &Url) -> hyper::http::request::Builder {
    let path = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let host = match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (host, _) => host.unwrap_or_default().to_owned(),
    };
    Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, host)
        .header(header::USER_AGENT, concat!("Sameroom/", env!("CARGO_PKG_VERSION")))
        .header(header::CONNECTION, "close")
}

fn redirect(from: &Url, response: &Response<Incoming>) -> Result<Option<Url>, HttpError> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let location = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
    let Some(location) = location else { return Ok(None) };
    let next = from.join(location).map_err(|_| HttpError::BadUrl("it leads to what can't be read"))?;
    let is_downgrade = from.scheme() == "https" && next.scheme() != "https";
    if is_downgrade || !matches!(next.scheme(), "http" | "https") {
        return Err(HttpError::BadUrl("it leads to something unsafe"));
    }
    Ok(Some(next))
}

fn check_status(response: &Response<Incoming>) -> Result<(), HttpError> {
    if response.status().is_success() {
        return Ok(());
    }
    let after = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    let retry_after = after.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
    Err(HttpError::Status { status: response.status().as_u16(), retry_after })
}

/// What broke, without addresses.
pub(crate) fn describe(error: &hyper::Error) -> String {
    error.to_string()
}
