//! Writes: each is acknowledged when it is durable.

use sameroom_connector::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::guard::{self, COOKIE};
use super::{Place, Refusal, answer_json};
use crate::ids::{self, message_seq};
use crate::keeper::{Actor, Deed, Done, Fault, Op};
use crate::stored::{Posted, Source};
use crate::view;

/// The largest JSON body in bytes: 16,000 characters of four bytes, escaped.
const MAX_BODY: usize = 256 * 1024;
/// The longest id that a page may choose for a message, in bytes.
const MAX_CLIENT_ID: usize = 64;
/// For how long a browser keeps its cookie, in seconds: a year.
const COOKIE_LIFE: u32 = 31_536_000;

#[derive(Deserialize)]
struct NameBody {
    name: String,
}

#[derive(Deserialize)]
struct PostBody {
    id: String,
    text: String,
    reply: Option<String>,
}

#[derive(Deserialize)]
struct EditBody {
    text: String,
}

async fn body<T: DeserializeOwned>(request: HttpRequest) -> Result<T, Refusal> {
    let bytes = request.body.read_all(MAX_BODY).await;
    let bytes =
        bytes.map_err(|_| Refusal::new(413, "too_large", "The request is too large or was cut off."))?;
    serde_json::from_slice(&bytes).map_err(|_| Refusal::new(400, "bad_request", "The request can't be read."))
}

/// The digest of the cookie of whoever asks.
pub(super) fn me(request: &HttpRequest) -> Result<String, Refusal> {
    guard::cookie(request).ok_or_else(|| Fault::NoName.into())
}

/// A client-chosen id, checked.
pub(super) fn client_id(id: &str) -> Result<String, Refusal> {
    let is_good =
        !id.is_empty() && id.len() <= MAX_CLIENT_ID && id.bytes().all(|byte| byte.is_ascii_graphic());
    if is_good {
        Ok(id.to_owned())
    } else {
        Err(Refusal::new(422, "bad_id", "An id has 1 to 64 visible ASCII characters."))
    }
}

fn seq(id: &str) -> Result<u64, Refusal> {
    message_seq(id).ok_or_else(|| Fault::NoMessage.into())
}

/// Sets or changes a name; a newcomer gets a cookie.
pub(super) async fn name(place: &Place, request: HttpRequest) -> Result<HttpResponse, Refusal> {
    let known = guard::cookie(&request);
    let wanted: NameBody = body(request).await?;
    let bad = Refusal::new(422, "bad_name", "A name has 1 to 50 visible characters.");
    let name = ids::person_name(&wanted.name).ok_or(bad)?;
    let (cookie, fresh) = match known {
        Some(cookie) => (cookie, None),
        None => {
            let secret = ids::secret(place.house.kit.clock.random());
            (ids::digest(&[&secret]), Some(secret))
        }
    };
    let done = place.house.act(Op::Enter { rid: place.room.rid.clone(), cookie, name }).await?;
    let Done::Entered(person) = done else { return Err(Fault::Storage.into()) };
    let answer = answer_json(200, &json!({ "id": person.id, "name": person.name, "owner": person.is_owner }));
    let Some(secret) = fresh else { return Ok(answer) };
    let secure = if place.house.kit.public_url.starts_with("https://") { "; Secure" } else { "" };
    let path = format!("/{}/{}", ids::PREFIX, place.room.token);
    let cookie =
        format!("{COOKIE}={secret}; Path={path}; Max-Age={COOKIE_LIFE}; HttpOnly; SameSite=Lax{secure}");
    Ok(answer.with_header("set-cookie", cookie))
}

/// Posts a message.
pub(super) async fn post(place: &Place, request: HttpRequest) -> Result<HttpResponse, Refusal> {
    let me = me(&request)?;
    let wanted: PostBody = body(request).await?;
    let client = client_id(&wanted.id)?;
    let posted = Posted {
        text: Some(Source { text: wanted.text, styled: true }),
        client: Some(client.clone()),
        ..Posted::default()
    };
    let reply = wanted.reply.as_deref().map(seq).transpose()?;
    act(place, me, Deed::Post { posted: Box::new(posted), reply }, Some(client)).await
}

/// Changes a message.
pub(super) async fn edit(place: &Place, request: HttpRequest, id: &str) -> Result<HttpResponse, Refusal> {
    let me = me(&request)?;
    let wanted: EditBody = body(request).await?;
    act(place, me, Deed::Edit(seq(id)?, Source { text: wanted.text, styled: true }), None).await
}

/// Removes a message; the room's owner may remove any.
pub(super) async fn delete(place: &Place, request: &HttpRequest, id: &str) -> Result<HttpResponse, Refusal> {
    act(place, me(request)?, Deed::Delete(seq(id)?, false), None).await
}

/// Puts an emoji on a message or takes it back.
pub(super) async fn react(
    place: &Place,
    request: &HttpRequest,
    id: &str,
    emoji: &str,
    on: bool,
) -> Result<HttpResponse, Refusal> {
    let (seq, emoji) = (seq(id)?, emoji.to_owned());
    let deed = if on { Deed::React(seq, emoji) } else { Deed::Unreact(seq, emoji) };
    act(place, me(request)?, deed, None).await
}

/// Does something for whoever has this cookie, and answers with the message as it is then.
pub(super) async fn act(
    place: &Place,
    cookie: String,
    deed: Deed,
    once: Option<String>,
) -> Result<HttpResponse, Refusal> {
    let rid = place.room.rid.clone();
    let done = place.house.act(Op::Act { rid, by: Actor::Cookie(cookie), deed, once }).await?;
    let Done::Message(message) = done else { return Err(Fault::Storage.into()) };
    Ok(answer_json(200, &json!({ "message": view::message(&message) })))
}
