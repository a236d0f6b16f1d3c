//! What a message says: fallbacks cut out, styling or XHTML read, `/me` told apart. Pure.

use sameroom_markup::{Dialect as _, Plain, XmppStyling, parse_xhtml_im, plain_text};
use sameroom_types::event::ContentKind;
use sameroom_types::text::Text;

use crate::wire;
use crate::xml::Element;

/// What stands in a message, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Body {
    /// The text.
    pub(crate) text: Text,
    /// Whether the author is its subject.
    pub(crate) kind: ContentKind,
    /// The body as it was sent, without fallbacks.
    pub(crate) source: String,
}

/// Reads the body of a message; `None` where there is none or nothing but fallback.
pub(crate) fn read_body(message: &Element, styled: bool) -> Option<Body> {
    let whole = message.own_text("body")?;
    let cut = without_fallbacks(&whole, message);
    if cut.trim().is_empty() {
        return None;
    }
    if let Some(action) = cut.strip_prefix("/me ") {
        // XEP-0245; an action of several lines stays one.
        let text = parse(action, message, styled, false);
        return Some(Body { text, kind: ContentKind::Action, source: cut });
    }
    let text = parse(&cut, message, styled, whole == cut);
    Some(Body { text, kind: ContentKind::Text, source: cut })
}

fn parse(source: &str, message: &Element, styled: bool, whole: bool) -> Text {
    if whole
        && let Some(html) =
            message.child("html", wire::XHTML_IM).and_then(|html| html.child("body", wire::XHTML))
    {
        let text = parse_xhtml_im(&html.to_xml());
        // The body is what everybody saw: where the two disagree, it is right.
        if squeezed(&plain_text(&text)) == squeezed(source) {
            return text;
        }
    }
    if !styled || message.child("unstyled", wire::STYLING).is_some() {
        Plain.parse(source)
    } else {
        XmppStyling.parse(source)
    }
}

fn squeezed(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// What fallbacks we cut: those for features that we understand.
const HANDLED: [&str; 4] = [wire::REPLY, wire::RETRACT, wire::RETRACT_0, wire::REACTIONS];

/// `body` without its fallback ranges (XEP-0428), which count Unicode code points (XEP-0426).
fn without_fallbacks(body: &str, message: &Element) -> String {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    let fallbacks = message.children().filter(|child| {
        child.is("fallback", wire::FALLBACK) && child.attr("for").is_some_and(|what| HANDLED.contains(&what))
    });
    for fallback in fallbacks {
        let mut named = false;
        for part in fallback.children().filter(|child| child.ns() == wire::FALLBACK) {
            named = true;
            if part.name() != "body" {
                continue;
            }
            let number = |key: &str| part.attr(key).and_then(|value| value.parse::<usize>().ok());
            ranges.push((number("start").unwrap_or(0), number("end").unwrap_or(usize::MAX)));
        }
        if !named {
            ranges.push((0, usize::MAX));
        }
    }
    if ranges.is_empty() {
        return body.to_owned();
    }
    body.chars()
        .enumerate()
        .filter(|(index, _)| !ranges.iter().any(|(start, end)| (*start..*end).contains(index)))
        .map(|(_, c)| c)
        .collect()
}

/// Whether the body is only there to say that the message is encrypted.
pub(crate) fn is_encrypted(message: &Element) -> bool {
    message.children().any(|child| {
        (child.name() == "encrypted"
            && (child.ns() == wire::OMEMO || child.ns() == wire::OMEMO_OLD || child.ns() == wire::EME))
            || child.is("encryption", wire::EME)
            || child.is("openpgp", "urn:xmpp:openpgp:0")
            || child.is("x", "jabber:x:encrypted")
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::xml::parse_one;

    fn source(message: &str) -> Option<String> {
        read_body(&parse_one(message), true).map(|body| body.source)
    }

    #[test]
    fn a_replys_quotation_is_cut_by_code_points() {
        let message = "<message><body>&gt; änn 👍\nagreed</body>\
            <reply xmlns='urn:xmpp:reply:0' id='1'/>\
            <fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='8'/></fallback></message>";
        assert_eq!(source(message).as_deref(), Some("agreed"));
    }

    #[test]
    fn several_ranges_are_cut_and_strange_ones_do_no_harm() {
        let cut = |ranges: &str| {
            source(&format!(
                "<message><body>0123456789</body><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'>{ranges}</fallback></message>"
            ))
        };
        assert_eq!(cut("<body start='0' end='2'/><body start='8' end='10'/>").as_deref(), Some("234567"));
        assert_eq!(cut("<body start='1' end='5'/><body start='3' end='7'/>").as_deref(), Some("0789"));
        assert_eq!(cut("<body start='7' end='3'/>").as_deref(), Some("0123456789"));
        assert_eq!(cut("<body start='5' end='99999999999999999999999'/>").as_deref(), Some("01234"));
        assert_eq!(cut("<body start='-3' end='2'/>").as_deref(), Some("23456789"));
        assert_eq!(cut("<body/>"), None);
        assert_eq!(cut(""), None);
        assert_eq!(cut("<subject/>").as_deref(), Some("0123456789"));
    }

    #[test]
    fn fallbacks_of_unknown_features_stay() {
        let message =
            "<message><body>my poll</body><fallback xmlns='urn:xmpp:fallback:0' for='urn:x:poll'/></message>";
        assert_eq!(source(message).as_deref(), Some("my poll"));
    }

    #[test]
    fn an_action_loses_its_sign() {
        let body = read_body(&parse_one("<message><body>/me waves</body></message>"), true).expect("a body");
        assert_eq!((body.kind, plain_text(&body.text).as_str()), (ContentKind::Action, "waves"));
        let body = read_body(&parse_one("<message><body>/meh</body></message>"), true).expect("a body");
        assert_eq!((body.kind, plain_text(&body.text).as_str()), (ContentKind::Text, "/meh"));
    }

    #[test]
    fn encrypted_messages_are_known_by_what_they_carry() {
        let check = |inner: &str| {
            is_encrypted(&parse_one(&format!("<message><body>I sent you ...</body>{inner}</message>")))
        };
        assert!(check("<encrypted xmlns='eu.siacs.conversations.axolotl'/>"));
        assert!(check("<encrypted xmlns='urn:xmpp:omemo:2'/>"));
        assert!(check("<encryption xmlns='urn:xmpp:eme:0' namespace='x'/>"));
        assert!(!check("<x xmlns='jabber:x:oob'/>"));
    }

    #[test]
    fn a_message_without_words_has_no_body() {
        for message in ["<message/>", "<message><body/></message>", "<message><body>  </body></message>"] {
            assert_eq!(source(message), None, "{message}");
        }
    }

    proptest! {
        #[test]
        fn ranges_never_make_it_panic(body in any::<String>(), start in any::<u64>(), end in any::<u64>()) {
            let mut xml = crate::xml::Xml::new();
            xml.start("message").leaf("body", &body).start_ns("fallback", wire::FALLBACK).attr("for", wire::REPLY);
            xml.start("body").attr_number("start", start).attr_number("end", end).end("body");
            xml.end("fallback").end("message");
            read_body(&parse_one(&xml.finish()), true);
        }
    }
}
