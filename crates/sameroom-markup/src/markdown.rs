//! CommonMark 0.31 with strikethrough and tables, as chat platforms use it: a single line end breaks the line.

mod escape;
mod inlines;
mod parse;
mod render;

use sameroom_types::text::Text;

use crate::Dialect;

/// CommonMark with strikethrough; tables come in as code blocks, headings as bold lines.
///
/// A mention with an id is rendered as `@name`; any other `@name` is broken up, so that it notifies nobody.
/// Raw HTML is text both ways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Markdown {
    /// Whether the platform hides `||x||`.
    pub spoilers: bool,
}

impl Dialect for Markdown {
    fn name(&self) -> &'static str {
        "markdown"
    }

    fn parse(&self, source: &str) -> Text {
        parse::parse(source, self.spoilers)
    }

    fn render(&self, text: &Text) -> String {
        render::render(text, self.spoilers)
    }
}
