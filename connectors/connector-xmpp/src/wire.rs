//! Namespaces and the stanzas that take no thought.

use crate::xml::{Element, Xml};

pub(crate) const CLIENT: &str = "jabber:client";
pub(crate) const STREAMS: &str = "http://etherx.jabber.org/streams";
pub(crate) const STREAM_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-streams";
pub(crate) const STANZA_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";
pub(crate) const TLS: &str = "urn:ietf:params:xml:ns:xmpp-tls";
pub(crate) const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
pub(crate) const SASL_CB: &str = "urn:xmpp:sasl-cb:0";
pub(crate) const BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";
pub(crate) const SESSION: &str = "urn:ietf:params:xml:ns:xmpp-session";
pub(crate) const SM: &str = "urn:xmpp:sm:3";
pub(crate) const PING: &str = "urn:xmpp:ping";
pub(crate) const DISCO_INFO: &str = "http://jabber.org/protocol/disco#info";
pub(crate) const DISCO_ITEMS: &str = "http://jabber.org/protocol/disco#items";
pub(crate) const MUC: &str = "http://jabber.org/protocol/muc";
pub(crate) const MUC_USER: &str = "http://jabber.org/protocol/muc#user";
pub(crate) const MUC_OWNER: &str = "http://jabber.org/protocol/muc#owner";
pub(crate) const DATA: &str = "jabber:x:data";
pub(crate) const RSM: &str = "http://jabber.org/protocol/rsm";
pub(crate) const MAM: &str = "urn:xmpp:mam:2";
pub(crate) const FORWARD: &str = "urn:xmpp:forward:0";
pub(crate) const DELAY: &str = "urn:xmpp:delay";
pub(crate) const SID: &str = "urn:xmpp:sid:0";
pub(crate) const OCCUPANT: &str = "urn:xmpp:occupant-id:0";
pub(crate) const CORRECT: &str = "urn:xmpp:message-correct:0";
pub(crate) const RETRACT: &str = "urn:xmpp:message-retract:1";
pub(crate) const RETRACT_0: &str = "urn:xmpp:message-retract:0";
pub(crate) const MODERATE: &str = "urn:xmpp:message-moderate:1";
pub(crate) const MODERATE_0: &str = "urn:xmpp:message-moderate:0";
pub(crate) const FASTEN: &str = "urn:xmpp:fasten:0";
pub(crate) const REACTIONS: &str = "urn:xmpp:reactions:0";
pub(crate) const REPLY: &str = "urn:xmpp:reply:0";
pub(crate) const FALLBACK: &str = "urn:xmpp:fallback:0";
pub(crate) const HINTS: &str = "urn:xmpp:hints";
pub(crate) const STYLING: &str = "urn:xmpp:styling:0";
pub(crate) const XHTML_IM: &str = "http://jabber.org/protocol/xhtml-im";
pub(crate) const XHTML: &str = "http://www.w3.org/1999/xhtml";
pub(crate) const OOB: &str = "jabber:x:oob";
pub(crate) const UPLOAD: &str = "urn:xmpp:http:upload:0";
pub(crate) const VCARD: &str = "vcard-temp";
pub(crate) const VCARD_UPDATE: &str = "vcard-temp:x:update";
pub(crate) const CHATSTATES: &str = "http://jabber.org/protocol/chatstates";
pub(crate) const CONFERENCE: &str = "jabber:x:conference";
pub(crate) const EME: &str = "urn:xmpp:eme:0";
pub(crate) const OMEMO_OLD: &str = "eu.siacs.conversations.axolotl";
pub(crate) const OMEMO: &str = "urn:xmpp:omemo:2";
pub(crate) const VERSION: &str = "jabber:iq:version";

/// An iq being opened; the payload and `</iq>` follow.
pub(crate) fn iq(kind: &str, to: Option<&str>, id: &str) -> Xml {
    let mut xml = Xml::new();
    xml.start("iq").attr("type", kind).attr("id", id);
    if let Some(to) = to {
        xml.attr("to", to);
    }
    xml
}

/// An iq of type get with one empty payload.
pub(crate) fn ask(to: Option<&str>, id: &str, name: &str, ns: &str) -> String {
    let mut xml = iq("get", to, id);
    xml.empty_ns(name, ns).end("iq");
    xml.finish()
}

/// The empty answer to an iq.
pub(crate) fn result(to: Option<&str>, id: &str) -> String {
    let mut xml = iq("result", to, id);
    xml.end("iq");
    xml.finish()
}

/// Says that we do not know what was asked.
pub(crate) fn not_implemented(to: Option<&str>, id: &str) -> String {
    let mut xml = iq("error", to, id);
    xml.start("error").attr("type", "cancel").empty_ns("service-unavailable", STANZA_ERRORS);
    xml.end("error").end("iq");
    xml.finish()
}

/// A field of a data form that is being submitted.
pub(crate) fn form_field(xml: &mut Xml, name: &str, hidden: bool, value: &str) {
    xml.start("field").attr("var", name);
    if hidden {
        xml.attr("type", "hidden");
    }
    xml.leaf("value", value).end("field");
}

/// The error inside a stanza of type error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StanzaError {
    /// `cancel`, `modify`, `auth`, `wait` or `continue`.
    pub(crate) kind: String,
    /// The condition, such as `item-not-found`.
    pub(crate) condition: String,
    /// What the server says about it.
    pub(crate) text: Option<String>,
    /// Seconds or a time until a new try, where an upload service names one.
    pub(crate) retry: Option<String>,
    /// The application's own condition, such as `file-too-large`.
    pub(crate) own: Option<String>,
}

impl StanzaError {
    /// Reads the error of a stanza.
    pub(crate) fn of(stanza: &Element) -> Self {
        let error = stanza.children().find(|child| child.name() == "error");
        let mut read = Self {
            kind: "cancel".into(),
            condition: "undefined-condition".into(),
            text: None,
            retry: None,
            own: None,
        };
        let Some(error) = error else { return read };
        if let Some(kind) = error.attr("type") {
            read.kind = kind.to_owned();
        }
        for child in error.children() {
            match (child.ns(), child.name()) {
                (STANZA_ERRORS, "text") => read.text = Some(child.text()),
                (STANZA_ERRORS, condition) => read.condition = condition.to_owned(),
                (UPLOAD, "retry") => read.retry = child.attr("stamp").map(str::to_owned),
                (_, own) => read.own = Some(own.to_owned()),
            }
        }
        read
    }

    /// Condition and text for people.
    pub(crate) fn say(&self) -> String {
        match &self.text {
            Some(text) if !text.is_empty() => format!("{} ({})", self.condition, text),
            _ => self.condition.clone(),
        }
    }
}
