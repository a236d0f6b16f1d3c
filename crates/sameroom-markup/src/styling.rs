//! Not yet more than plain text.

use sameroom_types::text::Text;

use crate::{Dialect, Plain};

/// The styling dialect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct XmppStyling;

impl Dialect for XmppStyling {
    fn name(&self) -> &'static str {
        "styling"
    }

    fn parse(&self, source: &str) -> Text {
        Plain.parse(source)
    }

    fn render(&self, text: &Text) -> String {
        Plain.render(text)
    }
}
