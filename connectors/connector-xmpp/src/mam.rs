//! Archives of rooms (XEP-0313): asking for a page, reading what comes. Pure.

use sameroom_types::time::Timestamp;

use crate::ids::parse_stamp;
use crate::wire;
use crate::xml::Element;

/// How many messages are asked for at once; servers cap it themselves.
const PAGE: u64 = 100;

/// Which page of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    /// What follows this id.
    After(String),
    /// From this time on, after this id if a page was read already.
    Since(Timestamp, Option<String>),
    /// The very last message.
    Newest,
}

/// The query for a page.
pub(crate) fn query(room: &str, id: &str, page: &Page) -> String {
    let mut xml = wire::iq("set", Some(room), id);
    xml.start_ns("query", wire::MAM).attr("queryid", id);
    xml.start_ns("x", wire::DATA).attr("type", "submit");
    wire::form_field(&mut xml, "FORM_TYPE", true, wire::MAM);
    if let Page::Since(start, _) = page {
        wire::form_field(&mut xml, "start", false, &start.to_string());
    }
    xml.end("x").start_ns("set", wire::RSM);
    match page {
        Page::Newest => {
            xml.leaf("max", "1").start("before").end("before");
        }
        Page::After(after) | Page::Since(_, Some(after)) => {
            xml.leaf("max", &PAGE.to_string()).leaf("after", after);
        }
        Page::Since(_, None) => {
            xml.leaf("max", &PAGE.to_string());
        }
    }
    xml.end("set").end("query").end("iq");
    xml.finish()
}

/// One message of an archive.
#[derive(Debug)]
pub(crate) struct Archived<'a> {
    /// The query that it answers.
    pub(crate) query: &'a str,
    /// Its id in the archive.
    pub(crate) id: &'a str,
    /// When it was said.
    pub(crate) at: Option<Timestamp>,
    /// The message itself.
    pub(crate) message: &'a Element,
}

/// Reads a message that carries one from an archive.
pub(crate) fn archived(message: &Element) -> Option<Archived<'_>> {
    let result = message.child("result", wire::MAM)?;
    let forwarded = result.child("forwarded", wire::FORWARD)?;
    Some(Archived {
        query: result.attr("queryid").unwrap_or_default(),
        id: result.attr("id").filter(|id| !id.is_empty())?,
        at: forwarded.child("delay", wire::DELAY).and_then(|delay| delay.attr("stamp")).and_then(parse_stamp),
        message: forwarded.children().find(|child| child.name() == "message")?,
    })
}

/// How a page ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// Nothing follows.
    pub(crate) complete: bool,
    /// The id of the page's last message.
    pub(crate) last: Option<String>,
}

/// Reads the answer to a query.
pub(crate) fn end(answer: &Element) -> End {
    let fin = answer.child("fin", wire::MAM);
    let last = fin.and_then(|fin| fin.child("set", wire::RSM)).and_then(|set| set.own_text("last"));
    let last = last.filter(|last| !last.is_empty());
    let complete =
        fin.is_none_or(|fin| fin.attr("complete").is_some_and(|value| value == "true" || value == "1"));
    End { complete: complete || last.is_none(), last }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::xml::parse_one;

    #[test]
    fn a_page_names_its_start_or_its_cursor_but_never_both_ends() {
        assert_snapshot!(query("dev@x", "q1", &Page::After("A1".into())), @"<iq type='set' id='q1' to='dev@x'><query xmlns='urn:xmpp:mam:2' queryid='q1'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>urn:xmpp:mam:2</value></field></x><set xmlns='http://jabber.org/protocol/rsm'><max>100</max><after>A1</after></set></query></iq>");
        assert!(
            query("dev@x", "q1", &Page::Since(Timestamp(0), None))
                .contains("<value>1970-01-01T00:00:00.000Z</value>")
        );
        assert!(query("dev@x", "q1", &Page::Newest).contains("<max>1</max><before/>"));
    }

    #[test]
    fn pages_end_with_their_last_id() {
        let end = |inner: &str| super::end(&parse_one(&format!("<iq type='result'>{inner}</iq>")));
        let more = "<fin xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'><last>A9</last></set></fin>";
        assert_eq!(end(more), End { complete: false, last: Some("A9".into()) });
        assert!(end("<fin xmlns='urn:xmpp:mam:2' complete='true'/>").complete);
        // A page that is neither complete nor names an end would be asked for for ever.
        assert!(end("<fin xmlns='urn:xmpp:mam:2'/>").complete);
        assert!(end("").complete);
    }

    #[test]
    fn archived_messages_are_unwrapped() {
        let xml = "<message><result xmlns='urn:xmpp:mam:2' queryid='q' id='A1'><forwarded xmlns='urn:xmpp:forward:0'>\
            <delay xmlns='urn:xmpp:delay' stamp='1970-01-01T00:00:01Z'/><message xmlns='jabber:client' from='dev@x/ann'/></forwarded></result></message>";
        let stanza = parse_one(xml);
        let found = archived(&stanza).expect("a result");
        assert_eq!((found.query, found.id, found.at), ("q", "A1", Some(Timestamp(1000))));
        assert_eq!(found.message.attr("from"), Some("dev@x/ann"));
    }
}
