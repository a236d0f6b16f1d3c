//! Files: what a link is called, pictures of people, and slots of the upload service (XEP-0363). Pure.

use crate::wire;
use crate::xml::Element;

/// The server's service for files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Service {
    /// Its address.
    pub(crate) jid: String,
    /// The largest file it takes, in bytes.
    pub(crate) max_bytes: Option<u64>,
    /// The host of its links, once one was seen.
    pub(crate) host: Option<String>,
}

/// Where to put one file.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Slot {
    /// Where to send the bytes.
    pub(crate) put: String,
    /// What to send with them.
    pub(crate) headers: Vec<(String, String)>,
    /// Where everybody finds the file.
    pub(crate) link: String,
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slot").finish_non_exhaustive()
    }
}

impl Slot {
    /// Reads the service's answer.
    pub(crate) fn of(answer: &Element) -> Option<Self> {
        let slot = answer.child("slot", wire::UPLOAD)?;
        let put = slot.own_child("put")?;
        let headers = put
            .children()
            .filter(|child| child.name() == "header")
            .filter_map(|header| {
                let name = header.attr("name")?.trim().to_ascii_lowercase();
                // Only these may be set by the service (XEP-0363 section 5), and no line may be added.
                let allowed = matches!(name.as_str(), "authorization" | "cookie" | "expires");
                let value: String = header.text().chars().filter(|c| !c.is_control()).collect();
                allowed.then_some((name, value))
            })
            .collect();
        let put = put.attr("url")?.to_owned();
        let link = slot.own_child("get")?.attr("url")?.to_owned();
        Some(Self { put, headers, link })
    }
}

/// The size limit in a service's answer to disco#info.
pub(crate) fn max_bytes(query: &Element) -> Option<u64> {
    query
        .children()
        .filter(|child| child.is("x", wire::DATA))
        .flat_map(Element::children)
        .find(|field| field.attr("var") == Some("max-file-size"))
        .and_then(|field| field.own_text("value"))
        .and_then(|value| value.trim().parse().ok())
}

/// The request for a slot.
pub(crate) fn request(to: &str, id: &str, name: &str, size_bytes: u64, media_type: &str) -> String {
    let mut xml = wire::iq("get", Some(to), id);
    xml.start_ns("request", wire::UPLOAD)
        .attr("filename", name)
        .attr_number("size", size_bytes)
        .attr("content-type", media_type)
        .end("request")
        .end("iq");
    xml.finish()
}

/// How the picture of somebody in a room is found again.
pub(crate) fn avatar_source(hash: &str, occupant: &str) -> String {
    format!("vcard:{hash}:{occupant}")
}

/// Whose picture it is, and its hash.
pub(crate) fn avatar_of(source: &str) -> Option<(&str, &str)> {
    source.strip_prefix("vcard:")?.split_once(':')
}

/// Whether a body is nothing but a link to the upload service.
pub(crate) fn is_link_alone(body: &str, upload_host: Option<&str>) -> bool {
    upload_host.is_some_and(|host| host_of(body) == Some(host))
        && !body.contains(char::is_whitespace)
        && body.matches('/').count() > 3
}

/// The host and port of a link.
pub(crate) fn host_of(link: &str) -> Option<&str> {
    let rest = link.strip_prefix("https://").or_else(|| link.strip_prefix("http://"))?;
    let host = rest.split(['/', '?', '#']).next()?;
    (!host.is_empty() && !host.contains('@')).then_some(host)
}

/// The name of the file that a link points to.
pub(crate) fn file_name(link: &str) -> String {
    let path = link.split(['?', '#']).next().unwrap_or(link);
    let path = path.split_once("://").map_or(path, |(_, rest)| rest);
    let last = path.split_once('/').map_or("", |(_, path)| path).rsplit('/').next().unwrap_or_default();
    let name: String = percent_decode(last)
        .chars()
        .filter(|c| !c.is_control() && !matches!(c, '/' | '\\'))
        .take(120)
        .collect();
    let name = name.trim().trim_start_matches('.').to_owned();
    if name.is_empty() { "file".into() } else { name }
}

fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit =
            |byte: Option<u8>| char::from(byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let mut ahead = rest.clone();
        match (digit(ahead.next()), digit(ahead.next())) {
            (Some(high), Some(low)) => {
                bytes.push(high << 4 | low);
                rest = ahead;
            }
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The media type that a link's ending stands for.
pub(crate) fn media_type(link: &str) -> Option<&'static str> {
    let name = file_name(link).to_lowercase();
    let (_, ending) = name.rsplit_once('.')?;
    Some(match ending {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "svg" => "image/svg+xml",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "ogg" | "oga" | "opus" => "audio/ogg",
        "mp3" => "audio/mpeg",
        "m4a" => "audio/mp4",
        "pdf" => "application/pdf",
        "txt" => "text/plain",
        "zip" => "application/zip",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::xml::parse_one;

    #[test]
    fn a_slot_sets_only_the_headers_that_it_may() {
        let xml = "<iq><slot xmlns='urn:xmpp:http:upload:0'><put url='https://up.x/1'>\
            <header name='Authorization'>Basic a&#10;X-Evil: 1</header><header name='Host'>evil</header></put>\
            <get url='https://up.x/1/a.png'/></slot></iq>";
        let slot = Slot::of(&parse_one(xml)).expect("a slot");
        assert_eq!(slot.headers, [("authorization".to_owned(), "Basic aX-Evil: 1".to_owned())]);
        assert_eq!((slot.put.as_str(), slot.link.as_str()), ("https://up.x/1", "https://up.x/1/a.png"));
    }

    #[test]
    fn names_come_from_links_without_folders() {
        let check = |link: &str, expected: &str| assert_eq!(file_name(link), expected, "{link}");
        check("https://up.x/s/a%20b.png?x=1#y", "a b.png");
        check("https://up.x/s/..%2f..%2fetc%2fpasswd", "etcpasswd");
        check("https://up.x/", "file");
        check("https://up.x", "file");
        check("https://up.x/%zz%4", "%zz%4");
        check("https://up.x/%e2%98%ba.txt", "☺.txt");
    }

    #[test]
    fn only_links_to_the_service_are_files() {
        let check =
            |body: &str, expected| assert_eq!(is_link_alone(body, Some("up.x:5280")), expected, "{body}");
        check("http://up.x:5280/s/a.png", true);
        check("http://up.x:5280/", false);
        check("http://up.x/s/a.png", false);
        check("http://up.x:5280@evil/s/a.png", false);
        check("see http://up.x:5280/s/a.png", false);
        check("http://up.x:5280/s/a.png now", false);
    }

    proptest! {
        #[test]
        fn no_link_makes_it_panic(link in any::<String>()) {
            let name = file_name(&link);
            prop_assert!(!name.is_empty() && !name.contains('/'));
            is_link_alone(&link, Some("x"));
            media_type(&link);
        }
    }
}
