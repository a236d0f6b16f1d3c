//! XHTML-IM (XEP-0071), which older XMPP programs still send. Never rendered: the extension is obsolete.

use sameroom_types::text::Text;

use crate::html::{Flavour, parse};

/// The tree of the serialised content of an XHTML-IM `body` element.
///
/// Only structure and the four text styles are kept; colours, fonts and pictures are not, except that a
/// picture with a web address becomes a link.
#[must_use]
pub fn parse_xhtml_im(source: &str) -> Text {
    parse(source, Flavour::XhtmlIm)
}
