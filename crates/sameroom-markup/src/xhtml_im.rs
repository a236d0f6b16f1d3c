//! Not yet more than plain text.

use sameroom_types::text::Text;

use crate::{Dialect, Plain};

/// The xhtml-im dialect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct XhtmlIm;

impl Dialect for XhtmlIm {
    fn name(&self) -> &'static str {
        "xhtml-im"
    }

    fn parse(&self, source: &str) -> Text {
        Plain.parse(source)
    }

    fn render(&self, text: &Text) -> String {
        Plain.render(text)
    }
}

/// The tree of an XHTML-IM body.
#[must_use]
pub fn parse_xhtml_im(source: &str) -> Text {
    XhtmlIm.parse(source)
}
