//! From the tree to HTML: every character of the text is escaped, every tag comes from here.

use sameroom_types::text::{Block, Emoji, Inline, Mention, Text};

use super::entities::push_escaped;
use super::pill::url_of;
use crate::guard::guard_mass_piece;
use crate::links::is_safe;
use crate::sanitise::sanitise;

pub(super) fn render(text: &Text) -> String {
    let mut out = String::new();
    push_blocks(&mut out, &sanitise(text.clone()).blocks);
    out
}

/// Recurses as deep as the tree, which is bounded. A lone paragraph needs no tag of its own.
fn push_blocks(out: &mut String, blocks: &[Block]) {
    let lone = blocks.len() == 1;
    for block in blocks {
        match block {
            Block::Paragraph(inlines) if lone => push_inlines(out, inlines),
            Block::Paragraph(inlines) => {
                out.push_str("<p>");
                push_inlines(out, inlines);
                out.push_str("</p>");
            }
            Block::CodeBlock { language, code } => {
                out.push_str("<pre><code");
                if let Some(language) = language {
                    out.push_str(" class=\"language-");
                    push_escaped(out, language);
                    out.push('"');
                }
                out.push('>');
                push_escaped(out, code);
                out.push_str("</code></pre>");
            }
            Block::Quote(inner) => {
                out.push_str("<blockquote>");
                push_blocks(out, inner);
                out.push_str("</blockquote>");
            }
            Block::List { start, items } => {
                let name = if start.is_some() { "ol" } else { "ul" };
                match start {
                    Some(start) if *start != 1 => out.push_str(&format!("<ol start=\"{start}\">")),
                    _ => out.push_str(&format!("<{name}>")),
                }
                for item in items {
                    out.push_str("<li>");
                    push_blocks(out, item);
                    out.push_str("</li>");
                }
                out.push_str(&format!("</{name}>"));
            }
        }
    }
}

fn push_inlines(out: &mut String, inlines: &[Inline]) {
    for inline in inlines {
        let (children, open, close) = match inline {
            Inline::Bold(children) => (children, "<strong>", "</strong>"),
            Inline::Italic(children) => (children, "<em>", "</em>"),
            Inline::Strike(children) => (children, "<del>", "</del>"),
            Inline::Underline(children) => (children, "<u>", "</u>"),
            Inline::Spoiler(children) => (children, "<span data-mx-spoiler>", "</span>"),
            Inline::Text(text) => {
                push_text(out, text);
                continue;
            }
            Inline::Code(code) => {
                out.push_str("<code>");
                push_escaped(out, code);
                out.push_str("</code>");
                continue;
            }
            Inline::Link { url, label } => {
                push_link(out, url, label);
                continue;
            }
            Inline::Mention(mention) => {
                push_pill(out, mention);
                continue;
            }
            Inline::Emoji(Emoji::Custom { name, url: Some(url) }) if url.starts_with("mxc://") => {
                push_picture(out, name, url);
                continue;
            }
            Inline::Emoji(emoji) => {
                push_text(out, &emoji.fallback());
                continue;
            }
            Inline::Break => {
                out.push_str("<br>");
                continue;
            }
            Inline::Raw { fallback, .. } => {
                push_text(out, fallback);
                continue;
            }
        };
        out.push_str(open);
        push_inlines(out, children);
        out.push_str(close);
    }
}

fn push_text(out: &mut String, text: &str) {
    push_escaped(out, &guard_mass_piece(text));
}

fn push_link(out: &mut String, url: &str, label: &[Inline]) {
    let safe = is_safe(url);
    if safe {
        push_anchor(out, url);
    }
    if label.is_empty() {
        push_escaped(out, url);
    } else {
        push_inlines(out, label);
    }
    if safe {
        out.push_str("</a>");
    } else if !label.is_empty() {
        out.push_str(" (");
        push_text(out, url);
        out.push(')');
    }
}

fn push_anchor(out: &mut String, url: &str) {
    out.push_str("<a href=\"");
    push_escaped(out, url);
    out.push_str("\">");
}

fn push_pill(out: &mut String, mention: &Mention) {
    let (url, sign, name) = match mention {
        Mention::User { id, name } => (url_of(id, &['@']), '@', name),
        Mention::Room { id, name } => (url_of(id, &['#', '!']), '#', name),
        Mention::Mass { name } => {
            let mut text = String::new();
            crate::guard::push_mass(&mut text, name);
            push_escaped(out, &text);
            return;
        }
    };
    if let Some(url) = url {
        push_anchor(out, &url);
        push_text(out, name);
        out.push_str("</a>");
    } else {
        push_text(out, &format!("{sign}{name}"));
    }
}

fn push_picture(out: &mut String, name: &str, url: &str) {
    out.push_str("<img data-mx-emoticon height=\"32\" src=\"");
    push_escaped(out, url);
    for attribute in ["\" alt=\":", ":\" title=\":"] {
        out.push_str(attribute);
        push_escaped(out, name);
    }
    out.push_str(":\">");
}
