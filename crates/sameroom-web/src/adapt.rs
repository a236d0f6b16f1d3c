//! Between axum's requests and the connectors' own form of HTTP, streaming both ways.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use futures_util::StreamExt as _;
use http_body_util::BodyExt as _;
use sameroom_connector::{HttpBody, HttpRequest, HttpResponse, Mount, ResponseBody};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::decode;
use crate::routes::plain;

/// How many pieces of a body wait between the network and a connector.
const PIECES: usize = 4;
/// The largest body that is passed on; connectors have lower limits of their own.
const MAX_BODY_BYTES: u64 = 1_100_000_000;
/// How long the next piece of a body may take.
const PIECE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a connector may take to answer once the body has come.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// Lets a connector answer.
pub(crate) async fn answer(mount: &Mount, mut path: Vec<String>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    path.remove(0);
    let headers = head.headers.iter().filter_map(|(name, value)| {
        // Values that are no text concern no connector.
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    });
    let (pieces, body_side) = mpsc::channel(PIECES);
    let request = HttpRequest {
        method: head.method.as_str().to_owned(),
        path,
        query: head.uri.query().map(decode::pairs).unwrap_or_default(),
        headers: headers.collect(),
        body: HttpBody::new(body_side),
    };
    let handled = mount.handler.handle(request);
    let fed = async {
        feed(body, pieces).await;
        tokio::time::sleep(ANSWER_TIMEOUT).await;
    };
    tokio::select! {
        biased;
        response = handled => into_axum(response),
        // Feeding ends by itself within its own limits, so this is the limit of the whole.
        () = fed => plain(StatusCode::GATEWAY_TIMEOUT, "This took too long. Try again."),
    }
}

/// Passes a body on, piece by piece, as fast as the connector takes it.
async fn feed(mut body: Body, pieces: mpsc::Sender<Result<Bytes, String>>) {
    let mut left = MAX_BODY_BYTES;
    loop {
        let frame = match tokio::time::timeout(PIECE_TIMEOUT, body.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(None) => return,
            Ok(Some(Err(_))) => return end(&pieces, "the client broke off").await,
            Err(_) => return end(&pieces, "the client is too slow").await,
        };
        let Ok(piece) = frame.into_data() else { continue };
        left = match left.checked_sub(piece.len() as u64) {
            Some(left) => left,
            None => return end(&pieces, "the body is too large").await,
        };
        if pieces.send(Ok(piece)).await.is_err() {
            // Whoever answers wants no more of it.
            return;
        }
    }
}

async fn end(pieces: &mpsc::Sender<Result<Bytes, String>>, why: &str) {
    // If nobody waits for it any more, nobody needs to know.
    drop(pieces.send(Err(why.to_owned())).await);
}

fn into_axum(answer: HttpResponse) -> Response {
    let body = match answer.body {
        ResponseBody::Whole(bytes) => Body::from(bytes),
        ResponseBody::Pieces(pieces) => {
            Body::from_stream(ReceiverStream::new(pieces).map(Ok::<_, std::convert::Infallible>))
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}
