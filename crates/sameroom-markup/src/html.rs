//! Not yet more than plain text.

use sameroom_types::text::Text;

use crate::{Dialect, Plain};

/// The html dialect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MatrixHtml;

impl Dialect for MatrixHtml {
    fn name(&self) -> &'static str {
        "html"
    }

    fn parse(&self, source: &str) -> Text {
        Plain.parse(source)
    }

    fn render(&self, text: &Text) -> String {
        Plain.render(text)
    }
}
