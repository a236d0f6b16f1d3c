//! Bytes to stanzas.
//!
//! The stream's root element is reported apart; each of its children is built whole and then handed out.

use rxml::error::EndOrError;
use rxml::{Event, Options, Parse, Parser, WithOptions};

use super::element::{Element, Node};

/// The deepest nesting taken: real stanzas stay under ten.
const MAX_DEPTH: usize = 64;

/// The largest single name or attribute value in bytes.
const MAX_TOKEN_BYTES: usize = 32 * 1024;

/// What a stream consists of.
#[derive(Debug)]
pub(crate) enum Parsed {
    /// The stream began.
    Open,
    /// A child of the stream.
    Stanza(Element),
    /// The stream's end tag.
    Close,
}

/// Why a stream can't be read on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum XmlError {
    /// It is not well-formed or holds what XMPP forbids.
    #[error("the server sent XML that can't be read: {0}")]
    Malformed(String),
    /// A stanza is larger than we take.
    #[error("the server sent a stanza larger than {0} bytes")]
    TooLarge(usize),
    /// Elements are nested beyond all use.
    #[error("the server sent a stanza nested more than {MAX_DEPTH} deep")]
    TooDeep,
}

/// A parser that is fed pieces of a stream.
pub(crate) struct StreamParser {
    parser: Parser,
    /// Bytes not yet parsed start at `at`.
    buffer: Vec<u8>,
    at: usize,
    /// Open elements below the root.
    open: Vec<Element>,
    in_stream: bool,
    stanza_bytes: usize,
    max_stanza_bytes: usize,
}

impl std::fmt::Debug for StreamParser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StreamParser").field("depth", &self.open.len()).finish_non_exhaustive()
    }
}

impl StreamParser {
    /// A parser for a new stream.
    pub(crate) fn new(max_stanza_bytes: usize) -> Self {
        let mut options = Options::default();
        options.max_token_length = MAX_TOKEN_BYTES;
        Self {
            parser: Parser::with_options(options),
            buffer: Vec::new(),
            at: 0,
            open: Vec::new(),
            in_stream: false,
            stanza_bytes: 0,
            max_stanza_bytes,
        }
    }

    /// Takes bytes as they came.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        if self.at > 0 {
            self.buffer.drain(..self.at);
            self.at = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole thing, if one is there.
    ///
    /// # Errors
    /// When the stream can't be read on.
    pub(crate) fn next(&mut self) -> Result<Option<Parsed>, XmlError> {
        loop {
            let mut rest = self.buffer.get(self.at..).unwrap_or_default();
            let before = rest.len();
            let result = self.parser.parse(&mut rest, false);
            let consumed = before - rest.len();
            self.at += consumed;
            self.count(consumed)?;
            match result {
                Ok(Some(event)) => {
                    if let Some(parsed) = self.take(event)? {
                        return Ok(Some(parsed));
                    }
                }
                Ok(None) | Err(EndOrError::NeedMoreData) => return Ok(None),
                Err(EndOrError::Error(error)) => return Err(XmlError::Malformed(error.to_string())),
            }
        }
    }

    fn count(&mut self, bytes: usize) -> Result<(), XmlError> {
        self.stanza_bytes += bytes;
        if self.stanza_bytes > self.max_stanza_bytes {
            return Err(XmlError::TooLarge(self.max_stanza_bytes));
        }
        Ok(())
    }

    fn take(&mut self, event: Event) -> Result<Option<Parsed>, XmlError> {
        match event {
            Event::XmlDeclaration(..) => Ok(None),
            Event::StartElement(_, (ns, name), attrs) => {
                let attrs = attrs
                    .into_iter()
                    .map(|((ns, name), value)| {
                        let key =
                            if ns.is_none() { name.to_string() } else { format!("{}^{name}", ns.as_str()) };
                        (key.into_boxed_str(), value)
                    })
                    .collect();
                let element = Element { name, ns, attrs, nodes: Vec::new() };
                if !self.in_stream {
                    self.in_stream = true;
                    self.stanza_bytes = 0;
                    return Ok(Some(Parsed::Open));
                }
                if self.open.len() >= MAX_DEPTH {
                    return Err(XmlError::TooDeep);
                }
                self.open.push(element);
                Ok(None)
            }
            Event::EndElement(_) => {
                let Some(done) = self.open.pop() else { return Ok(Some(Parsed::Close)) };
                if let Some(parent) = self.open.last_mut() {
                    parent.nodes.push(Node::Element(done));
                    return Ok(None);
                }
                self.stanza_bytes = 0;
                Ok(Some(Parsed::Stanza(done)))
            }
            Event::Text(_, text) => {
                if let Some(parent) = self.open.last_mut() {
                    parent.nodes.push(Node::Text(text));
                } else {
                    // Whitespace between stanzas keeps the connection alive.
                    self.stanza_bytes = 0;
                }
                Ok(None)
            }
        }
    }
}

/// The one stanza in `xml`, its namespace being that of clients unless it says otherwise.
#[cfg(test)]
pub(crate) fn parse_one(xml: &str) -> Element {
    let mut parser = StreamParser::new(1 << 20);
    parser.feed(b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>");
    parser.feed(xml.as_bytes());
    loop {
        match parser.next().expect("well-formed").expect("a whole stanza") {
            Parsed::Stanza(element) => return element,
            Parsed::Open => {}
            Parsed::Close => panic!("no stanza"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stream(xml: &str) -> StreamParser {
        let mut parser = StreamParser::new(1000);
        parser.feed(b"<?xml version='1.0'?><s:stream xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams' id='x1'>");
        parser.feed(xml.as_bytes());
        assert!(matches!(parser.next(), Ok(Some(Parsed::Open))));
        parser
    }

    #[test]
    fn a_stanza_that_comes_byte_by_byte_is_handed_out_once_whole() {
        let mut parser = stream("");
        let bytes = "<message from='a'><body>h&lt;ä&#x263A;</body><x xmlns='y'/></message>".as_bytes();
        let (last, most) = bytes.split_last().expect("not empty");
        for byte in most {
            parser.feed(&[*byte]);
            assert!(matches!(parser.next(), Ok(None)));
        }
        parser.feed(&[*last]);
        let Ok(Some(Parsed::Stanza(message))) = parser.next() else { panic!("no stanza") };
        assert_eq!(message.own_text("body").as_deref(), Some("h<ä☺"));
        assert!(message.child("x", "y").is_some());
    }

    #[test]
    fn a_stanza_reads_back_as_it_was_written() {
        let element = parse_one("<message id='1'><a xmlns='b' c='&quot;d&apos;'>x<e/>&amp;</a></message>");
        let again = parse_one(&element.to_xml());
        assert_eq!(element.to_xml(), again.to_xml());
    }

    #[test]
    fn what_xmpp_forbids_ends_the_stream() {
        for bad in
            ["<!DOCTYPE a>", "<a>&lol;</a>", "<?php x?>", "<a></b>", "<x:a/>", "<!-- c -->", "<a>\u{1}</a>"]
        {
            let mut parser = stream(bad);
            assert!(matches!(parser.next(), Err(XmlError::Malformed(_))), "{bad}");
        }
    }

    #[test]
    fn large_and_deep_stanzas_end_the_stream() {
        let mut large = stream(&format!("<a>{}</a>", "x".repeat(2000)));
        assert!(matches!(large.next(), Err(XmlError::TooLarge(1000))));
        let mut deep = stream(&"<a>".repeat(100));
        assert!(matches!(deep.next(), Err(XmlError::TooDeep)));
    }

    #[test]
    fn small_stanzas_never_add_up_to_a_large_one() {
        let mut parser = stream(&"<a>x</a>\n".repeat(500));
        let mut count = 0;
        while let Some(Parsed::Stanza(_)) = parser.next().expect("small ones") {
            count += 1;
        }
        assert_eq!(count, 500);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..20)) {
            let mut parser = stream("");
            for piece in pieces {
                parser.feed(&piece);
                while let Ok(Some(_)) = parser.next() {}
            }
        }
    }
}
