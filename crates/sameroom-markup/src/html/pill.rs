//! Mentions as links: `https://matrix.to/#/…` and `matrix:` addresses (Matrix specification, appendix "URIs").

use sameroom_types::text::{Inline, Mention};

use crate::plain::push_plain;

const MATRIX_TO: &str = "https://matrix.to/#/";

/// The longest id (Matrix specification: 255 bytes).
const MAX_ID_BYTES: usize = 255;

/// A mention where `url` leads to a person or room, else a link.
pub(super) fn link_or_mention(url: String, label: Vec<Inline>) -> Inline {
    let Some(id) = id_of(&url) else { return Inline::Link { url, label } };
    let mut name = String::new();
    push_plain(&mut name, &label);
    let name = match name.trim() {
        "" => id.clone(),
        name => name.to_owned(),
    };
    if id.starts_with('@') {
        Inline::Mention(Mention::User { name: stripped(name, '@'), id })
    } else {
        Inline::Mention(Mention::Room { name: stripped(name, '#'), id })
    }
}

fn stripped(name: String, sign: char) -> String {
    match name.strip_prefix(sign) {
        Some(rest) if !rest.is_empty() => rest.to_owned(),
        _ => name,
    }
}

/// The address of a mention with this id, when it is an id of Matrix.
pub(super) fn url_of(id: &str, signs: &[char]) -> Option<String> {
    let is_id = id.len() > 1 && id.len() <= MAX_ID_BYTES && id.starts_with(signs);
    is_id.then(|| {
        let mut url = MATRIX_TO.to_owned();
        for byte in id.bytes() {
            if byte.is_ascii_alphanumeric() || b"@:.-_~".contains(&byte) {
                url.push(char::from(byte));
            } else {
                url.push_str(&format!("%{byte:02X}"));
            }
        }
        url
    })
}

fn id_of(url: &str) -> Option<String> {
    let path = url.split('?').next()?;
    let id = if let Some(path) = path.strip_prefix(MATRIX_TO) {
        decode(path)?
    } else {
        let (kind, rest) = path.strip_prefix("matrix:")?.split_once('/')?;
        let sign = match kind {
            "u" => '@',
            "r" => '#',
            "roomid" => '!',
            _ => return None,
        };
        format!("{sign}{}", decode(rest)?)
    };
    // Anything after a slash leads to one message.
    (id.len() > 1 && id.len() <= MAX_ID_BYTES && id.starts_with(['@', '#', '!']) && !id.contains('/'))
        .then_some(id)
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}
