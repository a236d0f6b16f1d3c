//! Text without any markup.

use sameroom_types::text::{Inline, Text};
use unicode_segmentation::UnicodeSegmentation;

use crate::guard::{guard_mass, push_mention, unguard};
use crate::lines::{Content, lines};
use crate::sanitise::{bounded, normalise};
use crate::{Dialect, links};

/// Plain text: nothing is a mark, an empty line starts a paragraph.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plain;

impl Dialect for Plain {
    fn name(&self) -> &'static str {
        "plain"
    }

    fn parse(&self, source: &str) -> Text {
        let source = bounded(source).replace("\r\n", "\n").replace('\r', "\n");
        links::finish(Text::plain(&unguard(&source)))
    }

    fn render(&self, text: &Text) -> String {
        guard_mass(&plain_text(text)).into_owned()
    }
}

/// What is readable of `text` without any mark: addresses follow link texts, quotes and lists keep their signs.
///
/// Mentions of everybody are broken up; words of the text are not: [`Plain`] does that as well.
#[must_use]
pub fn plain_text(text: &Text) -> String {
    let mut out = String::new();
    let mut first = true;
    for line in lines(&normalise(text.clone())) {
        if matches!(line.content, Content::CodeStart(_) | Content::CodeEnd) {
            continue;
        }
        if !first {
            out.push('\n');
        }
        first = false;
        let sign = if line.content == Content::Blank { ">" } else { "> " };
        for quote in 0..line.quotes {
            out.push_str(if quote + 1 == line.quotes { sign } else { "> " });
        }
        out.push_str(&line.indent);
        match &line.content {
            Content::Text(inlines) => push_plain(&mut out, inlines),
            Content::Code(code) => out.push_str(code),
            Content::CodeStart(_) | Content::CodeEnd | Content::Blank => {}
        }
    }
    out
}

/// Appends running text without its styles.
pub(crate) fn push_plain(out: &mut String, inlines: &[Inline]) {
    for inline in inlines {
        match inline {
            Inline::Text(text) | Inline::Code(text) => out.push_str(text),
            Inline::Bold(children)
            | Inline::Italic(children)
            | Inline::Strike(children)
            | Inline::Underline(children) => push_plain(out, children),
            Inline::Spoiler(children) => {
                out.push_str("[spoiler: ");
                push_plain(out, children);
                out.push(']');
            }
            Inline::Link { url, label } if label.is_empty() => out.push_str(url),
            Inline::Link { url, label } => {
                push_plain(out, label);
                out.push_str(" (");
                out.push_str(url);
                out.push(')');
            }
            Inline::Mention(mention) => push_mention(out, mention),
            Inline::Emoji(emoji) => out.push_str(&emoji.fallback()),
            Inline::Break => out.push('\n'),
            Inline::Raw { fallback, .. } => out.push_str(fallback),
        }
    }
}

/// Whether a reader would see nothing at all.
#[must_use]
pub fn is_blank(text: &Text) -> bool {
    plain_text(text).chars().all(|c| {
        c.is_whitespace() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    })
}

/// The first line that shows something, at most `max_graphemes` graphemes with a final `…` where it was cut.
#[must_use]
pub fn first_line(text: &Text, max_graphemes: usize) -> String {
    let plain = plain_text(text);
    let line = plain.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    match line.grapheme_indices(true).nth(max_graphemes) {
        None => line.to_owned(),
        Some(_) if max_graphemes == 0 => String::new(),
        Some(_) => {
            let kept: String = line.graphemes(true).take(max_graphemes - 1).collect();
            format!("{}…", kept.trim_end())
        }
    }
}
