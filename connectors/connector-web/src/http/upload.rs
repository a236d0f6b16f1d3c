//! A file with its message: streamed into the vault, posted when it is whole.

use sameroom_connector::{HttpRequest, HttpResponse};

use super::api::{act, client_id, me};
use super::{Place, Refusal};
use crate::files::{KeepError, Keeping};
use crate::ids::message_seq;
use crate::keeper::{Deed, Fault};
use crate::stored::{Posted, Source};

pub(super) async fn upload(place: &Place, mut request: HttpRequest) -> Result<HttpResponse, Refusal> {
    // A stranger's file is not even begun.
    if super::read::person(place, &request).await?.is_none() {
        return Err(Fault::NoName.into());
    }
    let cookie = me(&request)?;
    let client = client_id(request.query("id").unwrap_or_default())?;
    let reply = match request.query("reply") {
        Some(id) => Some(message_seq(id).ok_or_else(|| Refusal::from(Fault::NoMessage))?),
        None => None,
    };
    let text = request.query("text").unwrap_or_default().to_owned();
    let name = request.query("name").unwrap_or_default().to_owned();
    let max_bytes = place.house.config().max_upload_bytes;
    let declared = request.header("content-length").and_then(|length| length.parse::<u64>().ok());
    if declared.is_some_and(|declared| declared > max_bytes) {
        return Err(TOO_LARGE);
    }
    let media_type = request.header("content-type").map(|kind| kind.chars().take(100).collect());
    let mut keeping = Keeping::start(&place.house, &name, media_type, max_bytes).await.map_err(refusal)?;
    while let Some(piece) = request.body.piece().await {
        let piece = piece.map_err(|_| CUT_OFF)?;
        keeping.write(&piece).await.map_err(refusal)?;
    }
    let file = keeping.finish().await.map_err(refusal)?;
    let posted = Posted {
        text: Some(Source { text, styled: true }),
        file: Some(file),
        client: Some(client.clone()),
        ..Posted::default()
    };
    act(place, cookie, Deed::Post { posted: Box::new(posted), reply }, Some(client)).await
}

const TOO_LARGE: Refusal = Refusal::new(413, "too_large", "The file is larger than this room takes.");
const CUT_OFF: Refusal = Refusal::new(400, "cut_off", "The upload was cut off.");

fn refusal(error: KeepError) -> Refusal {
    match error {
        KeepError::TooLarge => TOO_LARGE,
        KeepError::Source(_) | KeepError::Gone => CUT_OFF,
        KeepError::Vault(error) => Fault::from(error).into(),
    }
}
