//! Message Styling of XMPP (XEP-0393, version 1.1.1).
//!
//! The marks stay visible and nothing can be escaped. A message whose text would be taken for marks that
//! nobody meant must carry `<unstyled/>`: [`Dialect::is_styled`] says so.

mod scan;
mod write;

use sameroom_types::text::{Block, Text};

use self::scan::{Span, spans};
use crate::Dialect;
use crate::builder::{Builder, Container};
use crate::guard::unguard;
use crate::runs::Style;
use crate::sanitise::{MAX_BLOCK_DEPTH, bounded};

/// XEP-0393.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct XmppStyling;

impl Dialect for XmppStyling {
    fn name(&self) -> &'static str {
        "xmpp-styling"
    }

    fn parse(&self, source: &str) -> Text {
        let source = unguard(bounded(source)).replace("\r\n", "\n");
        let lines: Vec<&str> = source.split('\n').collect();
        let mut builder = Builder::new();
        parse_blocks(&mut builder, &lines, 0);
        builder.finish()
    }

    fn render(&self, text: &Text) -> String {
        write::write(text).text
    }

    fn is_styled(&self, rendered: &str, text: &Text) -> bool {
        let written = write::write(text);
        written.text == rendered && !written.has_stray_fence && scan::marks(rendered) == written.marks
    }
}

/// Recurses once for each level of quotes.
fn parse_blocks(builder: &mut Builder, lines: &[&str], depth: usize) {
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        if let Some(tag) = line.strip_prefix("```") {
            let code: Vec<&str> =
                lines.iter().skip(at + 1).take_while(|line| !scan::is_fence_end(line)).copied().collect();
            at += code.len() + 2;
            let language =
                Some(tag.trim()).filter(|tag| !tag.is_empty() && !tag.contains(' ')).map(str::to_owned);
            builder.block(Block::CodeBlock { language, code: code.join("\n") });
        } else if line.starts_with('>') && depth < MAX_BLOCK_DEPTH {
            let inner: Vec<&str> = lines.iter().skip(at).map_while(|line| scan::quoted(line)).collect();
            at += inner.len();
            builder.open(Container::Quote);
            parse_blocks(builder, &inner, depth + 1);
            builder.close(Container::Quote);
        } else {
            parse_line(builder, line);
            at += 1;
            let starts_block =
                |next: &str| next.starts_with("```") || (next.starts_with('>') && depth < MAX_BLOCK_DEPTH);
            let goes_on = lines.get(at).is_some_and(|next| !next.trim().is_empty() && !starts_block(next));
            if goes_on && !line.trim().is_empty() {
                builder.line_break();
            } else {
                builder.flush();
            }
        }
    }
    builder.flush();
}

fn parse_line(builder: &mut Builder, line: &str) {
    let mut at = 0;
    push_spans(builder, line, &spans(line), &mut at, line.len());
}

/// Appends `line` from `at` up to `end`; recurses as deep as spans lie in each other, four times at most.
fn push_spans(builder: &mut Builder, line: &str, spans: &[Span], at: &mut usize, end: usize) {
    let mut rest = spans;
    while let Some((span, after)) = rest.split_first() {
        let inner = after.iter().take_while(|next| next.close < span.close).count();
        let (inside, after) = after.split_at_checked(inner).unwrap_or((after, &[]));
        rest = after;
        builder.text(line.get(*at..span.open).unwrap_or_default());
        *at = span.open + 1;
        match span.mark {
            '`' => {
                builder.inline_code(line.get(*at..span.close).unwrap_or_default());
            }
            mark => {
                let style = style_of(mark);
                builder.open_style(style);
                push_spans(builder, line, inside, at, span.close);
                builder.close_style(style);
            }
        }
        *at = span.close + 1;
    }
    builder.text(line.get(*at..end).unwrap_or_default());
    *at = end;
}

fn style_of(mark: char) -> Style {
    match mark {
        '_' => Style::ITALIC,
        '~' => Style::STRIKE,
        _ => Style::BOLD,
    }
}
