//! Bodies that are sent piece by piece.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_trait::async_trait;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::sync::mpsc;

/// Where the pieces of a body come from.
#[async_trait]
pub trait Source: Send + 'static {
    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// When it can't be read; the request then fails.
    async fn piece(&mut self) -> std::io::Result<Option<Bytes>>;
}

/// A body of known size.
pub struct Body {
    pub(crate) size_bytes: u64,
    pub(crate) source: Box<dyn Source>,
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Body").field("size_bytes", &self.size_bytes).finish_non_exhaustive()
    }
}

impl Body {
    /// A body of exactly so many bytes.
    #[must_use]
    pub fn new(size_bytes: u64, source: impl Source) -> Self {
        Self { size_bytes, source: Box::new(source) }
    }
}

/// The end of a channel as a body; an empty one is one of no bytes.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pieces: Option<mpsc::Receiver<std::io::Result<Bytes>>>,
    left_bytes: u64,
}

impl Outgoing {
    pub(crate) const fn empty() -> Self {
        Self { pieces: None, left_bytes: 0 }
    }

    /// A body that is already whole.
    pub(crate) fn whole(body: Bytes) -> Self {
        if body.is_empty() {
            return Self::empty();
        }
        let size_bytes = body.len() as u64;
        // One piece, one place: the channel never fills.
        let (pieces, outgoing) = mpsc::channel(1);
        drop(pieces.try_send(Ok(body)));
        Self::new(outgoing, size_bytes)
    }

    pub(crate) const fn new(pieces: mpsc::Receiver<std::io::Result<Bytes>>, size_bytes: u64) -> Self {
        Self { pieces: Some(pieces), left_bytes: size_bytes }
    }
}

impl hyper::body::Body for Outgoing {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let Some(pieces) = &mut self.pieces else { return Poll::Ready(None) };
        match ready!(pieces.poll_recv(context)) {
            None if self.left_bytes > 0 => {
                Poll::Ready(Some(Err(std::io::Error::other("the body is shorter than was said"))))
            }
            None => Poll::Ready(None),
            Some(Err(error)) => Poll::Ready(Some(Err(error))),
            Some(Ok(piece)) => match self.left_bytes.checked_sub(piece.len() as u64) {
                None => Poll::Ready(Some(Err(std::io::Error::other("the body is longer than was said")))),
                Some(left) => {
                    self.left_bytes = left;
                    Poll::Ready(Some(Ok(Frame::data(piece))))
                }
            },
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left_bytes)
    }

    fn is_end_stream(&self) -> bool {
        self.left_bytes == 0 && self.pieces.is_none()
    }
}
