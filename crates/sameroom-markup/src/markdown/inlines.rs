//! Running text as CommonMark, with a record of the tree that it is meant to be.

use sameroom_types::text::{Inline, Mention};

use super::escape::{Zeal, escaped_url, push_escaped};
use crate::guard::{push_mention, unguard};
use crate::links::is_safe;
use crate::plain::push_plain;

/// How much to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// Everything.
    Styled,
    /// Links and code, but no style.
    Unstyled,
    /// Text alone, each sign escaped.
    Literal,
}

/// Writes one paragraph.
#[derive(Clone, Copy)]
pub(super) struct Writer {
    pub(super) level: Level,
    pub(super) spoilers: bool,
}

/// Markup and what it means.
#[derive(Default)]
pub(super) struct Written {
    pub(super) markup: String,
    pub(super) meaning: Vec<Inline>,
}

impl Written {
    fn last(&self) -> Option<char> {
        self.markup.chars().next_back()
    }
}

impl Writer {
    /// Recurses once for each style and a link; `before` and `after` are the characters around.
    pub(super) fn sequence(self, inlines: &[Inline], before: char, after: char) -> Written {
        let mut out = Written::default();
        for (index, inline) in inlines.iter().enumerate() {
            let before = out.last().unwrap_or(before);
            let next = inlines.get(index + 1).map_or(after, first_char);
            self.inline(&mut out, inline, before, next);
        }
        out
    }

    fn inline(self, out: &mut Written, inline: &Inline, before: char, after: char) {
        match inline {
            Inline::Text(text) => self.text(out, text, before),
            Inline::Code(code) if self.level != Level::Literal => {
                push_code(&mut out.markup, code);
                out.meaning.push(inline.clone());
            }
            Inline::Code(code) => self.text(out, code, before),
            Inline::Bold(children) => self.styled(out, children, ["**", "**"], Inline::Bold, before, after),
            Inline::Italic(children) | Inline::Underline(children) => {
                self.styled(out, children, ["_", "*"], Inline::Italic, before, after);
            }
            Inline::Strike(children) => {
                self.styled(out, children, ["~~", "~~"], Inline::Strike, before, after)
            }
            Inline::Spoiler(children) if self.spoilers && self.level == Level::Styled => {
                let inner = self.sequence(children, '|', '|');
                out.markup.push_str("||");
                out.markup.push_str(&inner.markup);
                out.markup.push_str("||");
                out.meaning.push(Inline::Spoiler(inner.meaning));
            }
            Inline::Spoiler(children) => {
                self.text(out, "[spoiler: ", before);
                self.append(out, children, ' ', ']');
                self.text(out, "]", ' ');
            }
            Inline::Link { url, label } => self.link(out, url, label, before),
            Inline::Mention(Mention::User { id, name }) if !id.is_empty() => self.name(out, name, before),
            Inline::Mention(mention) => {
                let mut name = String::new();
                push_mention(&mut name, mention);
                self.text(out, &name, before);
            }
            Inline::Emoji(emoji) => self.text(out, &emoji.fallback(), before),
            Inline::Break => {
                out.markup.push('\n');
                out.meaning.push(Inline::Break);
            }
            Inline::Raw { fallback, .. } => self.text(out, fallback, before),
        }
    }

    fn text(self, out: &mut Written, text: &str, before: char) {
        // Blanks at the start of a line mean something else to CommonMark, or nothing.
        let text = if before == '\n' { text.trim_start() } else { text };
        let zeal = if self.level == Level::Literal { Zeal::All } else { Zeal::Needed };
        push_escaped(&mut out.markup, text, before == '\n', self.spoilers, zeal);
        out.meaning.push(Inline::Text(unguard(text).into_owned()));
    }

    /// A mention on purpose: the name must reach the platform as it is, so only real signs are escaped.
    fn name(self, out: &mut Written, name: &str, before: char) {
        out.markup.push('@');
        out.meaning.push(Inline::Text("@".to_owned()));
        let is_plain = name.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_'));
        let edges = [name.chars().next(), name.chars().next_back()];
        if is_plain && !edges.contains(&Some('_')) && !crate::guard::is_mass_word(name) {
            out.markup.push_str(name);
            out.meaning.push(Inline::Text(name.to_owned()));
        } else {
            if crate::guard::is_mass_word(name) {
                out.markup.push(crate::guard::GUARD);
            }
            self.text(out, name, if before == '\n' { ' ' } else { before });
        }
    }

    fn append(self, out: &mut Written, children: &[Inline], before: char, after: char) {
        let before = out.last().unwrap_or(before);
        let inner = self.sequence(children, before, after);
        out.markup.push_str(&inner.markup);
        out.meaning.extend(inner.meaning);
    }

    /// Puts marks around `children` where they can open and close; the first pair needs no letter beside it.
    fn styled(
        self,
        out: &mut Written,
        children: &[Inline],
        marks: [&str; 2],
        wrap: fn(Vec<Inline>) -> Inline,
        before: char,
        after: char,
    ) {
        if self.level != Level::Styled {
            self.append(out, children, before, after);
            return;
        }
        let inner = self.sequence(children, '*', '*');
        let first = inner.markup.chars().next().unwrap_or(' ');
        let last = inner.last().unwrap_or(' ');
        let opens = !first.is_whitespace() && (!is_sign(first) || !before.is_alphanumeric());
        let closes = !last.is_whitespace() && (!is_sign(last) || !after.is_alphanumeric());
        if !opens || !closes {
            self.append(out, children, before, after);
            return;
        }
        let is_free = !before.is_alphanumeric() && !after.is_alphanumeric();
        let mark = if is_free { marks[0] } else { marks[1] };
        out.markup.push_str(mark);
        out.markup.push_str(&inner.markup);
        out.markup.push_str(mark);
        out.meaning.push(wrap(inner.meaning));
    }

    fn link(self, out: &mut Written, url: &str, label: &[Inline], before: char) {
        if !is_safe(url) || self.level == Level::Literal {
            let mut text = String::new();
            push_plain(&mut text, &[Inline::Link { url: url.to_owned(), label: label.to_vec() }]);
            self.text(out, &text, before);
            return;
        }
        let url = escaped_url(url);
        if label.is_empty() {
            out.markup.push('<');
            out.markup.push_str(&url);
            out.markup.push('>');
            out.meaning.push(Inline::Link { url, label: Vec::new() });
            return;
        }
        let inner = self.sequence(label, '[', ']');
        out.markup.push('[');
        out.markup.push_str(&inner.markup);
        out.markup.push_str("](");
        out.markup.push_str(&url);
        out.markup.push(')');
        out.meaning.push(Inline::Link { url, label: inner.meaning });
    }
}

/// Anything that is neither part of a word nor a blank counts as punctuation.
fn is_sign(c: char) -> bool {
    !c.is_alphanumeric() && !c.is_whitespace()
}

/// Roughly what the markup of `inline` starts with.
fn first_char(inline: &Inline) -> char {
    match inline {
        Inline::Text(text) => text.chars().next().unwrap_or(' '),
        Inline::Break => '\n',
        Inline::Emoji(emoji) => emoji.fallback().chars().next().unwrap_or(' '),
        Inline::Raw { fallback, .. } => fallback.chars().next().unwrap_or(' '),
        _ => '*',
    }
}

/// Code between more backticks than it holds in a row.
fn push_code(out: &mut String, code: &str) {
    let fence = "`".repeat(longest_run(code) + 1);
    // CommonMark removes one blank from both ends where both have one.
    let spaced = code.starts_with('`')
        || code.ends_with('`')
        || (code.starts_with(' ') && code.ends_with(' ') && !code.trim().is_empty());
    let pad = if spaced { " " } else { "" };
    out.push_str(&fence);
    out.push_str(pad);
    out.push_str(code);
    out.push_str(pad);
    out.push_str(&fence);
}

/// How many backticks follow each other at most.
pub(super) fn longest_run(code: &str) -> usize {
    let mut longest = 0;
    let mut run = 0;
    for c in code.chars() {
        run = if c == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}
