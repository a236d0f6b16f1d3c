//! From tags and text to the tree.

use sameroom_types::text::{Block, Emoji, Inline, Text};

use super::entities::decode;
use super::pill::link_or_mention;
use super::tokens::{Tag, Token, Tokens};
use crate::builder::{Builder, Container};
use crate::guard::unguard;
use crate::links::is_safe;
use crate::runs::Style;
use crate::sanitise::bounded;
use crate::table;

/// Which platform's habits apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavour {
    Matrix,
    XhtmlIm,
}

/// How many open `span` elements are remembered.
const MAX_SPANS: usize = 256;

pub(crate) fn parse(source: &str, flavour: Flavour) -> Text {
    let mut parser = Parser {
        builder: Builder::new(),
        flavour,
        spans: Vec::new(),
        skipping: None,
        preformatted: None,
        table: None,
    };
    for token in Tokens::new(bounded(source)) {
        parser.token(&token);
    }
    parser.end_preformatted();
    parser.end_table();
    parser.builder.finish()
}

struct Parser {
    builder: Builder,
    flavour: Flavour,
    /// The styles of the open `span` elements.
    spans: Vec<Style>,
    /// The element whose content is left out, and how many of its name are open.
    skipping: Option<(String, usize)>,
    /// The language and code of an open `pre`.
    preformatted: Option<(Option<String>, String)>,
    /// The rows of an open `table`.
    table: Option<Vec<Vec<String>>>,
}

impl Parser {
    fn token(&mut self, token: &Token<'_>) {
        if let Some((name, depth)) = &mut self.skipping {
            match token {
                Token::Open(tag) if tag.name == *name => *depth += 1,
                Token::Close(closed) if closed == name => *depth -= 1,
                _ => {}
            }
            if *depth == 0 {
                self.skipping = None;
            }
            return;
        }
        match token {
            Token::Text(text) => self.text(&unguard(&decode(text))),
            Token::Open(tag) => self.open(tag),
            Token::Close(name) => self.close(name),
        }
    }

    fn text(&mut self, text: &str) {
        if let Some((_, code)) = &mut self.preformatted {
            code.push_str(text);
            return;
        }
        if let Some(rows) = &mut self.table {
            if let Some(cell) = rows.last_mut().and_then(|row| row.last_mut()) {
                push_collapsed(cell, text);
            }
            return;
        }
        let mut out = String::with_capacity(text.len());
        if self.builder.is_after_blank() {
            push_collapsed(&mut out, text.trim_start_matches(is_html_blank));
        } else {
            push_collapsed(&mut out, text);
        }
        self.builder.text(&out);
    }

    fn open(&mut self, tag: &Tag<'_>) {
        let name = tag.name.as_str();
        if self.preformatted.is_some() {
            self.open_in_preformatted(tag);
            return;
        }
        if let Some(rows) = &mut self.table {
            match name {
                "tr" => rows.push(Vec::new()),
                "td" | "th" => match rows.last_mut() {
                    Some(row) => row.push(String::new()),
                    None => rows.push(vec![String::new()]),
                },
                "br" => self.text(" "),
                _ => {}
            }
            return;
        }
        if let Some(style) = style_of(name) {
            if is_heading(name) {
                self.builder.flush();
            }
            self.builder.open_style(style);
            return;
        }
        match name {
            "mx-reply" | "script" | "style" | "head" | "title" | "template" => {
                self.skipping = Some((tag.name.clone(), 1));
            }
            "code" | "tt" | "kbd" | "samp" => self.builder.open_code(),
            "span" => self.open_span(tag),
            "a" => {
                if let Some(url) = tag.attribute("href").filter(|url| is_safe(url)) {
                    self.builder.open_link(url);
                }
            }
            "br" => self.builder.line_break(),
            "hr" => {
                self.builder.flush();
                self.builder.text("———");
                self.builder.flush();
            }
            "img" => self.image(tag),
            "blockquote" => self.builder.open(Container::Quote),
            "ul" => self.builder.open(Container::List { start: None }),
            "ol" => {
                let start = tag.attribute("start").and_then(|start| start.trim().parse().ok());
                self.builder.open(Container::List { start: Some(start.unwrap_or(1)) });
            }
            "li" => self.builder.open(Container::Item),
            "pre" => {
                self.builder.flush();
                self.preformatted = Some((None, String::new()));
            }
            "table" => {
                self.builder.flush();
                self.table = Some(Vec::new());
            }
            _ if is_block(name) => self.builder.flush(),
            _ => {}
        }
    }

    fn close(&mut self, name: &str) {
        if self.preformatted.is_some() {
            if name == "pre" {
                self.end_preformatted();
            }
            return;
        }
        if self.table.is_some() {
            if name == "table" {
                self.end_table();
            }
            return;
        }
        if let Some(style) = style_of(name) {
            if is_heading(name) {
                self.builder.flush();
            }
            self.builder.close_style(style);
            return;
        }
        match name {
            "code" | "tt" | "kbd" | "samp" => self.builder.close_code(),
            "span" => {
                if let Some(style) = self.spans.pop() {
                    self.builder.close_style(style);
                }
            }
            "a" if self.flavour == Flavour::Matrix => self.builder.close_link(link_or_mention),
            "a" => self.builder.close_link(|url, label| Inline::Link { url, label }),
            "blockquote" => self.builder.close(Container::Quote),
            "ul" | "ol" => self.builder.close(Container::List { start: None }),
            "li" => self.builder.close(Container::Item),
            _ if is_block(name) => self.builder.flush(),
            _ => {}
        }
    }

    fn open_in_preformatted(&mut self, tag: &Tag<'_>) {
        let Some((language, code)) = &mut self.preformatted else { return };
        match tag.name.as_str() {
            "br" => code.push('\n'),
            "code" if language.is_none() => {
                let classes = tag.attribute("class").unwrap_or_default();
                *language = classes
                    .split_whitespace()
                    .find_map(|class| class.strip_prefix("language-"))
                    .map(str::to_owned);
            }
            _ => {}
        }
    }

    fn end_preformatted(&mut self) {
        if let Some((language, code)) = self.preformatted.take() {
            self.builder.block(Block::CodeBlock { language, code });
        }
    }

    fn end_table(&mut self) {
        if let Some(block) = self.table.take().and_then(|rows| table::code_block(&rows)) {
            self.builder.block(block);
        }
    }

    fn open_span(&mut self, tag: &Tag<'_>) {
        if self.spans.len() >= MAX_SPANS {
            return;
        }
        let style = match self.flavour {
            Flavour::Matrix => match tag.attribute("data-mx-spoiler") {
                Some(reason) => {
                    if !reason.trim().is_empty() {
                        self.text(&format!("({}) ", reason.trim()));
                    }
                    Style::SPOILER
                }
                None => Style::NONE,
            },
            Flavour::XhtmlIm => css_style(&tag.attribute("style").unwrap_or_default()),
        };
        self.builder.open_style(style);
        self.spans.push(style);
    }

    fn image(&mut self, tag: &Tag<'_>) {
        let alt = tag.attribute("alt").or_else(|| tag.attribute("title")).unwrap_or_default();
        let source = tag.attribute("src");
        if self.flavour == Flavour::Matrix && tag.attribute("data-mx-emoticon").is_some() {
            let name = alt.trim_matches(':').to_owned();
            if !name.is_empty() {
                let url = source.filter(|url| url.starts_with("mxc://"));
                self.builder.whole(Inline::Emoji(Emoji::Custom { name, url }));
            }
            return;
        }
        match source.filter(|url| self.flavour == Flavour::XhtmlIm && is_safe(url)) {
            Some(url) => self.builder.whole(Inline::Link { url, label: vec![Inline::Text(alt)] }),
            None => self.text(&alt),
        }
    }
}

fn is_html_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}')
}

/// Appends `text` with each run of blanks as one space, also across what is there already.
fn push_collapsed(out: &mut String, text: &str) {
    for c in text.chars() {
        if !is_html_blank(c) {
            out.push(c);
        } else if !out.ends_with(' ') {
            out.push(' ');
        }
    }
}

fn style_of(name: &str) -> Option<Style> {
    Some(match name {
        "b" | "strong" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => Style::BOLD,
        "i" | "em" | "cite" => Style::ITALIC,
        "u" | "ins" => Style::UNDERLINE,
        "s" | "del" | "strike" => Style::STRIKE,
        _ => return None,
    })
}

fn is_heading(name: &str) -> bool {
    name.len() == 2 && name.starts_with('h')
}

fn is_block(name: &str) -> bool {
    matches!(
        name,
        "p" | "div"
            | "details"
            | "summary"
            | "section"
            | "article"
            | "header"
            | "footer"
            | "center"
            | "address"
            | "body"
            | "dl"
            | "dt"
            | "dd"
    )
}

fn css_style(css: &str) -> Style {
    let mut style = Style::NONE;
    for rule in css.split(';') {
        let (property, value) = rule.split_once(':').unwrap_or((rule, ""));
        let (property, value) = (property.trim().to_ascii_lowercase(), value.trim().to_ascii_lowercase());
        let added = match (property.as_str(), value.as_str()) {
            ("font-weight", "bold" | "bolder" | "600" | "700" | "800" | "900") => Style::BOLD,
            ("font-style", "italic" | "oblique") => Style::ITALIC,
            ("text-decoration", "underline") => Style::UNDERLINE,
            ("text-decoration", "line-through") => Style::STRIKE,
            _ => Style::NONE,
        };
        style = style.with(added);
    }
    style
}
