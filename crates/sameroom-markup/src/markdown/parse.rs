//! From CommonMark to the tree.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, LinkType, Options, Parser, Tag, TagEnd};
use sameroom_types::text::{Block, Inline, Text};

use crate::builder::{Builder, Container};
use crate::guard::unguard;
use crate::links::is_safe;
use crate::runs::Style;
use crate::sanitise::bounded;
use crate::table;

const SPOILER: &str = "||";

pub(super) fn parse(source: &str, spoilers: bool) -> Text {
    let source = unguard(bounded(source));
    let options = Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TABLES;
    let events: Vec<_> = Parser::new_ext(&source, options).into_offset_iter().collect();
    let markers = if spoilers { count_markers(&source, &events) } else { Vec::new() };
    let mut reader = Reader {
        source: &source,
        builder: Builder::new(),
        links: Vec::new(),
        code: None,
        table: None,
        markers: markers.into_iter(),
        left: 0,
        hidden: false,
    };
    reader.next_segment();
    for (event, range) in events {
        reader.event(event, &range);
    }
    reader.builder.finish()
}

/// How many spoiler marks each stretch of running text holds that have a partner.
fn count_markers(source: &str, events: &[(Event<'_>, Range<usize>)]) -> Vec<usize> {
    let mut counts = vec![0];
    for (event, range) in events {
        if is_border(event) {
            counts.push(0);
        } else if let (Event::Text(text), Some(count)) = (event, counts.last_mut()) {
            *count += spoiler_text(source, text, range).1.matches(SPOILER).count();
        }
    }
    counts.iter().map(|count| count - count % 2).collect()
}

/// Splits off the first character where a backslash stands before it: it marks nothing.
fn spoiler_text<'t>(source: &str, text: &'t str, range: &Range<usize>) -> (&'t str, &'t str) {
    let is_escaped = source.get(..range.start).is_some_and(|before| before.ends_with('\\'));
    let first = if is_escaped { text.chars().next().map_or(0, char::len_utf8) } else { 0 };
    text.split_at_checked(first).unwrap_or(("", text))
}

/// Whether running text ends here.
fn is_border(event: &Event<'_>) -> bool {
    match event {
        Event::Start(tag) => !matches!(
            tag,
            Tag::Emphasis | Tag::Strong | Tag::Strikethrough | Tag::Link { .. } | Tag::Image { .. }
        ),
        Event::End(tag) => !matches!(
            tag,
            TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough | TagEnd::Link | TagEnd::Image
        ),
        Event::Rule => true,
        _ => false,
    }
}

struct Reader<'s> {
    source: &'s str,
    builder: Builder,
    /// For each open link or picture, the address to show after it where it is no link of ours.
    links: Vec<Open>,
    /// The language and code of an open code block.
    code: Option<(Option<String>, String)>,
    /// The rows of an open table.
    table: Option<Vec<Vec<String>>>,
    /// The spoiler marks of the stretches of text to come.
    markers: std::vec::IntoIter<usize>,
    /// The spoiler marks still to come in this stretch.
    left: usize,
    hidden: bool,
}

enum Open {
    Link,
    /// In another link.
    Nothing,
    Unsafe(String),
}

impl Reader<'_> {
    fn next_segment(&mut self) {
        self.left = self.markers.next().unwrap_or_default();
    }

    fn event(&mut self, event: Event<'_>, range: &Range<usize>) {
        if is_border(&event) {
            self.next_segment();
        }
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) if self.code.is_some() || self.table.is_some() => self.push_verbatim(&text),
            Event::Text(text) => self.text(&text, range),
            Event::Code(code) if self.table.is_some() => self.push_verbatim(&code),
            Event::Code(code) => self.builder.inline_code(&code),
            Event::Html(html) | Event::InlineHtml(html) if self.table.is_some() => self.push_verbatim(&html),
            Event::Html(html) | Event::InlineHtml(html) => self.builder.text(&html),
            Event::SoftBreak | Event::HardBreak => self.builder.line_break(),
            Event::Rule => {
                self.builder.flush();
                self.builder.text("———");
                self.builder.flush();
            }
            Event::InlineMath(text) | Event::DisplayMath(text) | Event::FootnoteReference(text) => {
                self.builder.text(&text)
            }
            Event::TaskListMarker(done) => self.builder.text(if done { "[x] " } else { "[ ] " }),
        }
    }

    fn push_verbatim(&mut self, text: &str) {
        if let Some((_, code)) = &mut self.code {
            code.push_str(text);
        } else if let Some(cell) = self.table.as_mut().and_then(|rows| rows.last_mut()?.last_mut()) {
            cell.push_str(text);
        }
    }

    fn text(&mut self, text: &str, range: &Range<usize>) {
        if self.left == 0 {
            self.builder.text(text);
            return;
        }
        let (escaped, rest) = spoiler_text(self.source, text, range);
        self.builder.text(escaped);
        let mut rest = rest;
        while self.left > 0
            && let Some((before, after)) = rest.split_once(SPOILER)
        {
            self.builder.text(before);
            self.left -= 1;
            self.hidden = !self.hidden;
            if self.hidden {
                self.builder.open_style(Style::SPOILER);
            } else {
                self.builder.close_style(Style::SPOILER);
            }
            rest = after;
        }
        self.builder.text(rest);
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Heading { .. } => {
                self.builder.flush();
                self.builder.open_style(Style::BOLD);
            }
            Tag::BlockQuote(_) => self.builder.open(Container::Quote),
            Tag::CodeBlock(kind) => {
                self.builder.flush();
                let language = match kind {
                    CodeBlockKind::Fenced(info) => info.split_whitespace().next().map(str::to_owned),
                    CodeBlockKind::Indented => None,
                };
                self.code = Some((language, String::new()));
            }
            Tag::List(start) => self.builder.open(Container::List { start }),
            Tag::Item => self.builder.open(Container::Item),
            Tag::Table(_) => {
                self.builder.flush();
                self.table = Some(Vec::new());
            }
            Tag::TableHead | Tag::TableRow => {
                if let Some(rows) = &mut self.table {
                    rows.push(Vec::new());
                }
            }
            Tag::TableCell => {
                if let Some(row) = self.table.as_mut().and_then(|rows| rows.last_mut()) {
                    row.push(String::new());
                }
            }
            Tag::Emphasis => self.builder.open_style(Style::ITALIC),
            Tag::Strong => self.builder.open_style(Style::BOLD),
            Tag::Strikethrough => self.builder.open_style(Style::STRIKE),
            Tag::Link { link_type, dest_url, .. } => {
                let mail = if link_type == LinkType::Email { "mailto:" } else { "" };
                self.open_link(format!("{mail}{dest_url}"));
            }
            Tag::Image { dest_url, .. } => self.open_link(dest_url.into_string()),
            _ => self.builder.flush(),
        }
    }

    fn open_link(&mut self, url: String) {
        if self.links.iter().any(|open| matches!(open, Open::Link)) || self.table.is_some() {
            self.links.push(Open::Nothing);
        } else if is_safe(&url) {
            self.builder.open_link(url);
            self.links.push(Open::Link);
        } else {
            self.links.push(Open::Unsafe(url));
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(_) => {
                self.builder.flush();
                self.builder.close_style(Style::BOLD);
            }
            TagEnd::BlockQuote(_) => self.builder.close(Container::Quote),
            TagEnd::CodeBlock => {
                if let Some((language, code)) = self.code.take() {
                    self.builder.block(Block::CodeBlock { language, code });
                }
            }
            TagEnd::List(_) => self.builder.close(Container::List { start: None }),
            TagEnd::Item => self.builder.close(Container::Item),
            TagEnd::Table => {
                if let Some(block) = self.table.take().and_then(|rows| table::code_block(&rows)) {
                    self.builder.block(block);
                }
            }
            TagEnd::TableHead | TagEnd::TableRow | TagEnd::TableCell => {}
            TagEnd::Emphasis => self.builder.close_style(Style::ITALIC),
            TagEnd::Strong => self.builder.close_style(Style::BOLD),
            TagEnd::Strikethrough => self.builder.close_style(Style::STRIKE),
            TagEnd::Link | TagEnd::Image => match self.links.pop() {
                Some(Open::Link) => self.builder.close_link(|url, label| Inline::Link { url, label }),
                Some(Open::Unsafe(url)) if !url.is_empty() => self.builder.text(&format!(" ({url})")),
                _ => {}
            },
            _ => self.builder.flush(),
        }
    }
}
