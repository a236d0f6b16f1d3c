//! HTTP that a connector answers on Sameroom's own address: webhooks, and the browser room's pages.
//!
//! Independent of any HTTP library; `sameroom-web` adapts it.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::mpsc;

/// Where a connector answers.
#[derive(Clone)]
pub struct Mount {
    /// The first segment of the path, such as `room` for `/room/...`.
    pub prefix: &'static str,
    /// Who answers.
    pub handler: Arc<dyn HttpHandler>,
}

impl std::fmt::Debug for Mount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mount").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// Answers requests below a mount.
#[async_trait]
pub trait HttpHandler: Send + Sync {
    /// Answers one request; dropped when the client goes away.
    async fn handle(&self, request: HttpRequest) -> HttpResponse;
}

/// A request, its path relative to the mount and percent-decoded by segment.
#[derive(Debug)]
pub struct HttpRequest {
    /// The method in capitals.
    pub method: String,
    /// The segments after the prefix.
    pub path: Vec<String>,
    /// The decoded query pairs in order.
    pub query: Vec<(String, String)>,
    /// Header names in lower case with their values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: HttpBody,
}

impl HttpRequest {
    /// The first value of a header, by lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The first value of a query key.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A body that arrives in pieces.
#[derive(Debug)]
pub struct HttpBody(mpsc::Receiver<Result<Bytes, String>>);

impl HttpBody {
    /// A body fed through a bounded channel.
    #[must_use]
    pub const fn new(pieces: mpsc::Receiver<Result<Bytes, String>>) -> Self {
        Self(pieces)
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// When the client broke off.
    pub async fn piece(&mut self) -> Option<Result<Bytes, String>> {
        self.0.recv().await
    }

    /// The whole body, if it is not larger than `max_bytes`.
    ///
    /// # Errors
    /// When it is larger or the client broke off; the text says which.
    pub async fn read_all(mut self, max_bytes: usize) -> Result<Vec<u8>, String> {
        let mut whole = Vec::new();
        while let Some(piece) = self.piece().await {
            let piece = piece?;
            if whole.len() + piece.len() > max_bytes {
                return Err(format!("body larger than {max_bytes} bytes"));
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole)
    }
}

/// An answer.
#[derive(Debug)]
pub struct HttpResponse {
    /// The status code.
    pub status: u16,
    /// Headers by name.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: ResponseBody,
}

/// The body of an answer.
#[derive(Debug)]
pub enum ResponseBody {
    /// All at once.
    Whole(Bytes),
    /// In pieces until the sender is dropped; used for live events and files.
    Pieces(mpsc::Receiver<Bytes>),
}

impl HttpResponse {
    /// An answer of a media type.
    #[must_use]
    pub fn new(status: u16, media_type: &str, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: vec![("content-type".into(), media_type.into())],
            body: ResponseBody::Whole(body.into()),
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}
