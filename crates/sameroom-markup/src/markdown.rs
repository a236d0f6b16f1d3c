//! Not yet more than plain text.

use sameroom_types::text::Text;

use crate::{Dialect, Plain};

/// CommonMark with strikethrough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Markdown {
    /// Whether `||x||` is a spoiler.
    pub spoilers: bool,
}

impl Dialect for Markdown {
    fn name(&self) -> &'static str {
        "markdown"
    }

    fn parse(&self, source: &str) -> Text {
        Plain.parse(source)
    }

    fn render(&self, text: &Text) -> String {
        Plain.render(text)
    }
}
