//! The small part of XML that XMPP needs: a bounded parser into [`Element`]s and a writer.
//!
//! RFC 6120 section 11: no comments, processing instructions, DTDs or own entities.

mod element;
mod parse;
mod write;

pub(crate) use element::Element;
pub(crate) use parse::{Parsed, StreamParser, XmlError};
pub(crate) use write::{Xml, clean};

#[cfg(test)]
pub(crate) use parse::parse_one;
