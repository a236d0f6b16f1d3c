//! The subset of HTML in which Matrix formats messages (client-server API, section `m.room.message`, "formatted body").
//!
//! The tokenizer takes anything: what is no tag is text, unknown tags vanish and leave their content.

mod entities;
mod parse;
mod pill;
mod render;
mod tokens;

use sameroom_types::text::Text;

pub(crate) use self::parse::{Flavour, parse};

use crate::Dialect;

/// `formatted_body` of format `org.matrix.custom.html`.
///
/// A mention of a person or room needs its Matrix id, or it is shown as text. Who is notified is decided by
/// `m.mentions` beside the body, not here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MatrixHtml;

impl Dialect for MatrixHtml {
    fn name(&self) -> &'static str {
        "matrix-html"
    }

    fn parse(&self, source: &str) -> Text {
        parse(source, Flavour::Matrix)
    }

    fn render(&self, text: &Text) -> String {
        render::render(text)
    }
}
