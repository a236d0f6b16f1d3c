//! Small requests that are answered whole: what APIs are made of.

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Response};
use tokio::task::JoinSet;

use crate::body::Outgoing;
use crate::client::{Client, describe, parse, request};
use crate::error::HttpError;

/// One request.
#[derive(Clone, Debug)]
pub struct Call {
    /// The method, such as `POST`.
    pub method: Method,
    /// The headers beside those that every request has.
    pub headers: HeaderMap,
    /// The body; no bytes for none.
    pub body: Bytes,
    /// The largest answer that is taken, in bytes.
    pub max_bytes: u64,
}

/// An answer, whatever its status.
#[derive(Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Bodies and headers hold what people say, and secrets.
        f.debug_struct("Answer").field("status", &self.status).finish_non_exhaustive()
    }
}

impl Call {
    /// A request without a body, whose answer may have a megabyte.
    #[must_use]
    pub fn new(method: Method) -> Self {
        Self { method, headers: HeaderMap::new(), body: Bytes::new(), max_bytes: 1 << 20 }
    }

    /// The same with a header; what can't be one is left out.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
            self.headers.insert(name, value);
        }
        self
    }

    /// The same with a body of this media type.
    #[must_use]
    pub fn body(self, media_type: &str, body: impl Into<Bytes>) -> Self {
        let call = self.header(header::CONTENT_TYPE.as_str(), media_type);
        Self { body: body.into(), ..call }
    }
}

impl Answer {
    /// A header's text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Whether the status is a success.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl Client {
    /// Asks and reads the whole answer. Redirects are answers like others; they are not followed.
    ///
    /// # Errors
    /// See [`HttpError`]; answers that are no success are none here: the caller looks at the status.
    pub async fn call(&self, url: &str, call: Call) -> Result<Answer, HttpError> {
        let url = parse(url)?;
        let Call { method, headers, body, max_bytes } = call;
        let mut asking = request(method, &url).header(header::CONTENT_LENGTH, body.len());
        if let Some(all) = asking.headers_mut() {
            all.extend(headers);
        }
        let asking =
            asking.body(Outgoing::whole(body)).map_err(|_| HttpError::BadUrl("it can't be asked for"))?;
        let (response, _connection) = self.send(&url, asking, JoinSet::new()).await?;
        let (head, mut body) = Response::into_parts(response);
        let mut whole = Vec::new();
        loop {
            let frame = tokio::time::timeout(self.rules.idle_timeout, body.frame())
                .await
                .map_err(|_| HttpError::TimedOut)?;
            let Some(frame) = frame else { break };
            let frame = frame.map_err(|error| HttpError::Broken(describe(&error)))?;
            let Ok(piece) = frame.into_data() else { continue };
            if whole.len() as u64 + piece.len() as u64 > max_bytes {
                return Err(HttpError::TooLarge { max_bytes });
            }
            whole.extend_from_slice(&piece);
        }
        Ok(Answer { status: head.status.as_u16(), headers: head.headers, body: whole.into() })
    }
}
