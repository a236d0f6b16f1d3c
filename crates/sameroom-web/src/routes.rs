//! Which path is answered by what.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use bytes::Bytes;
use sameroom_connector::{Mount, SpoolError, SpoolReader};

use crate::backend::{Backend, LinkPage};
use crate::{adapt, decode, pages};

/// What all routes share.
#[derive(Clone)]
pub(crate) struct Shared {
    backend: Arc<dyn Backend>,
    mounts: Arc<[Mount]>,
}

pub(crate) fn router(backend: Arc<dyn Backend>, mounts: Vec<Mount>) -> Router {
    Router::new()
        .route("/healthz", get(async || plain(StatusCode::OK, "ok\n")))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/files/{token}/{name}", get(file))
        .route("/map/{token}", get(async |state, path| link(LinkPage::Map, state, path).await))
        .route("/manage/{token}", get(async |state, path| link(LinkPage::Manage, state, path).await))
        .route("/portal/{token}", get(portal))
        .route("/assets/page.css", get(async || typed("text/css; charset=utf-8", pages::STYLE)))
        .fallback(mounted)
        .layer(from_fn(harden))
        .with_state(Shared { backend, mounts: mounts.into() })
}

/// An answer of one line of text.
pub(crate) fn plain(status: StatusCode, text: &'static str) -> Response {
    (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

fn typed(media_type: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, media_type)], text).into_response()
}

fn page(status: StatusCode, html: String) -> Response {
    (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response()
}

/// Headers that every answer has unless it says otherwise itself.
async fn harden(request: Request, next: Next) -> Response {
    const HEADERS: [(HeaderName, &str); 7] = [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; \
             frame-ancestors 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

async fn ready(State(shared): State<Shared>) -> Response {
    match shared.backend.ready().await {
        Ok(()) => plain(StatusCode::OK, "ready\n"),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

async fn metrics(State(shared): State<Shared>) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, shared.backend.metrics().await).into_response()
}

async fn link(wanted: LinkPage, State(shared): State<Shared>, Path(token): Path<String>) -> Response {
    match shared.backend.link(&token).await {
        Some(view) if view.page == wanted => page(StatusCode::OK, pages::link(&view)),
        _ => page(StatusCode::NOT_FOUND, pages::gone()),
    }
}

async fn portal(State(shared): State<Shared>, Path(token): Path<String>) -> Response {
    match shared.backend.portal(&token).await {
        Some(view) => page(StatusCode::OK, pages::portal(&view)),
        None => page(StatusCode::NOT_FOUND, pages::gone()),
    }
}

/// A shared file: saved, never opened as a page of this site.
async fn file(State(shared): State<Shared>, Path((token, _)): Path<(String, String)>) -> Response {
    let Some((name, reader)) = shared.backend.file(&token).await else {
        return page(StatusCode::NOT_FOUND, pages::gone());
    };
    let size_bytes = reader.size_bytes();
    let stream = futures_util::stream::try_unfold(reader, next_piece);
    let mut response = Response::new(Body::from_stream(stream));
    let disposition = format!("attachment; filename*=UTF-8''{}", pages::encoded(&name));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_LENGTH, size_bytes.into());
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; sandbox; frame-ancestors 'none'"),
    );
    if let Ok(disposition) = HeaderValue::try_from(disposition) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    response
}

async fn next_piece(
    mut reader: Box<dyn SpoolReader>,
) -> Result<Option<(Bytes, Box<dyn SpoolReader>)>, SpoolError> {
    Ok(reader.read().await?.map(|piece| (piece, reader)))
}

/// Everything else belongs to connectors.
async fn mounted(State(shared): State<Shared>, request: Request) -> Response {
    let Some(path) = decode::segments(request.uri().path()) else {
        return plain(StatusCode::BAD_REQUEST, "The address can't be read.\n");
    };
    let prefix = path.first().map(String::as_str).unwrap_or_default();
    match shared.mounts.iter().find(|mount| mount.prefix == prefix) {
        Some(mount) => adapt::answer(mount, path, request).await,
        None if request.method() == Method::GET => page(StatusCode::NOT_FOUND, pages::gone()),
        None => plain(StatusCode::NOT_FOUND, "There is nothing here.\n"),
    }
}
