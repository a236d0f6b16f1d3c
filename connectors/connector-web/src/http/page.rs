//! The page's shell and its assets, which are part of the program.

use sameroom_connector::{HttpRequest, HttpResponse};

use super::{Place, Refusal};
use crate::html::escape;
use crate::ids::digest;

const SHELL: &str = include_str!("../assets/room.html");
const ASSETS: &[(&str, &str, &str)] = &[
    ("app.js", "text/javascript; charset=utf-8", include_str!("../assets/app.js")),
    ("app.css", "text/css; charset=utf-8", include_str!("../assets/app.css")),
    ("icon.svg", "image/svg+xml", include_str!("../assets/icon.svg")),
];

/// The page of a room; its script fetches the rest.
pub(super) fn shell(place: &Place) -> HttpResponse {
    let body = SHELL.replace("{{room}}", &escape(&place.room.name));
    HttpResponse::new(200, "text/html; charset=utf-8", body)
}

pub(super) fn asset(path: &[&str], request: &HttpRequest) -> Result<HttpResponse, Refusal> {
    let [name] = path else { return Err(Refusal::NOT_FOUND) };
    let (_, media_type, body) = ASSETS.iter().find(|(known, ..)| known == name).ok_or(Refusal::NOT_FOUND)?;
    let tag = format!("\"{}\"", digest(&[body]));
    let answer = if request.header("if-none-match") == Some(tag.as_str()) {
        HttpResponse::new(304, media_type, "")
    } else {
        HttpResponse::new(200, media_type, *body)
    };
    // Asked again each time, so that page and script of one version stay together.
    Ok(answer.with_header("cache-control", "no-cache").with_header("etag", tag))
}
