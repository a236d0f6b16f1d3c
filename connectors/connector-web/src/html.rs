//! From the text tree to HTML for the page: every character is escaped and every tag comes from here.

use sameroom_types::text::{Block, Emoji, Inline, Mention, Text};

/// Trees are bounded, but this does not depend on it.
const MAX_DEPTH: usize = 64;

/// The HTML of a text, to be set inside a block element.
pub(crate) fn render(text: &Text) -> String {
    let mut out = String::new();
    push_blocks(&mut out, &text.blocks, MAX_DEPTH);
    out
}

/// Appends characters so that they are only characters, in text and in quoted attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\0' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

fn push_blocks(out: &mut String, blocks: &[Block], depth: usize) {
    let Some(depth) = depth.checked_sub(1) else { return };
    for block in blocks {
        match block {
            Block::Paragraph(inlines) => element(out, "p", |out| push_inlines(out, inlines, depth)),
            Block::CodeBlock { code, .. } => {
                out.push_str("<pre><code>");
                out.push_str(&escape(code));
                out.push_str("</code></pre>");
            }
            Block::Quote(inner) => element(out, "blockquote", |out| push_blocks(out, inner, depth)),
            Block::List { start, items } => {
                let name = if start.is_some() { "ol" } else { "ul" };
                match start {
                    Some(start) if *start != 1 => out.push_str(&format!("<ol start=\"{start}\">")),
                    _ => out.push_str(&format!("<{name}>")),
                }
                for item in items {
                    element(out, "li", |out| push_blocks(out, item, depth));
                }
                out.push_str(&format!("</{name}>"));
            }
        }
    }
}

fn element(out: &mut String, name: &str, inside: impl FnOnce(&mut String)) {
    out.push_str(&format!("<{name}>"));
    inside(out);
    out.push_str(&format!("</{name}>"));
}

fn push_inlines(out: &mut String, inlines: &[Inline], depth: usize) {
    let Some(depth) = depth.checked_sub(1) else { return };
    for inline in inlines {
        match inline {
            Inline::Text(text) => out.push_str(&escape(text)),
            Inline::Bold(inner) => element(out, "strong", |out| push_inlines(out, inner, depth)),
            Inline::Italic(inner) => element(out, "em", |out| push_inlines(out, inner, depth)),
            Inline::Strike(inner) => element(out, "del", |out| push_inlines(out, inner, depth)),
            Inline::Underline(inner) => element(out, "u", |out| push_inlines(out, inner, depth)),
            Inline::Code(code) => element(out, "code", |out| out.push_str(&escape(code))),
            Inline::Spoiler(inner) => {
                out.push_str("<span class=\"spoiler\" tabindex=\"0\" title=\"Spoiler\">");
                push_inlines(out, inner, depth);
                out.push_str("</span>");
            }
            Inline::Link { url, label } => push_link(out, url, label, depth),
            Inline::Mention(mention) => {
                let (sign, name) = match mention {
                    Mention::User { name, .. } | Mention::Mass { name } => ('@', name),
                    Mention::Room { name, .. } => ('#', name),
                };
                out.push_str(&format!("<span class=\"mention\">{sign}{}</span>", escape(name)));
            }
            Inline::Emoji(Emoji::Unicode(sequence)) => out.push_str(&escape(sequence)),
            Inline::Emoji(emoji) => out.push_str(&escape(&emoji.fallback())),
            Inline::Break => out.push_str("<br>"),
            Inline::Raw { fallback, .. } => out.push_str(&escape(fallback)),
        }
    }
}

fn push_link(out: &mut String, url: &str, label: &[Inline], depth: usize) {
    let is_safe = is_safe(url);
    if is_safe {
        out.push_str("<a rel=\"noopener noreferrer nofollow\" target=\"_blank\" href=\"");
        out.push_str(&escape(url));
        out.push_str("\">");
    }
    if label.is_empty() {
        out.push_str(&escape(url));
    } else {
        push_inlines(out, label, depth);
    }
    if is_safe {
        out.push_str("</a>");
    } else if !label.is_empty() {
        out.push_str(&format!(" ({})", escape(url)));
    }
}

/// Addresses that a click may open: nothing that could run in the page.
fn is_safe(url: &str) -> bool {
    let Some((scheme, _)) = url.split_once(':') else { return false };
    let is_known = ["http", "https", "mailto", "xmpp", "irc", "ircs", "matrix", "tel"]
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known));
    is_known && !url.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sameroom_markup::Dialect as _;

    use super::*;
    use crate::DIALECT;

    fn check(source: &str, expected: &str) {
        assert_eq!(render(&DIALECT.parse(source)), expected, "{source}");
    }

    #[test]
    fn marks_become_tags() {
        check("**a** *b* ~~c~~ `d`", "<p><strong>a</strong> <em>b</em> <del>c</del> <code>d</code></p>");
        check("one\ntwo", "<p>one<br>two</p>");
        check("> said\n\nyes", "<blockquote><p>said</p></blockquote><p>yes</p>");
        check("3. x\n4. y", "<ol start=\"3\"><li><p>x</p></li><li><p>y</p></li></ol>");
        check("```\n<b>\n```", "<pre><code>&lt;b&gt;</code></pre>");
    }

    #[test]
    fn nothing_of_the_text_becomes_a_tag() {
        check("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>");
        let safe = render(&DIALECT.parse("[x](javascript:alert(1)) [y](https://a.example/\"onclick=)"));
        assert!(!safe.contains("javascript:") || !safe.contains("href=\"javascript"), "{safe}");
        assert!(!safe.contains("\"onclick"), "{safe}");
    }

    #[test]
    fn only_known_schemes_can_be_opened() {
        for url in
            ["javascript:alert(1)", "data:text/html,x", "vbscript:x", "java\nscript:x", "/x", "file:///etc"]
        {
            let link = Inline::Link { url: url.to_owned(), label: Vec::new() };
            assert!(!render(&Text::paragraph(vec![link])).contains("href"), "{url}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_typed_stays_inside_our_tags(source in "[ -~\n<>&\"'`*_|\\[\\]()!#-]{0,200}") {
            let html = render(&DIALECT.parse(&source));
            let mut rest = html.as_str();
            while let Some((_, tag)) = rest.split_once('<') {
                let Some((tag, after)) = tag.split_once('>') else { panic!("open tag in {html:?}") };
                let name: String = tag.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
                let known = ["p", "strong", "em", "del", "u", "code", "pre", "blockquote", "ul", "ol", "li", "br", "a", "span"];
                prop_assert!(known.contains(&name.as_str()), "{tag} in {html}");
                rest = after;
            }
        }
    }
}
