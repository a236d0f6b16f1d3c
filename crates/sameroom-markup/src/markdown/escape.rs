//! Which characters of a text need a backslash, depending on what stands around them.

use crate::guard::guard_names;

/// How thoroughly to escape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zeal {
    /// What could be a mark where it stands.
    Needed,
    /// All punctuation.
    All,
}

/// The longest name of a character reference, with its signs.
const MAX_REFERENCE: usize = 33;

/// Appends a piece of text, which holds no line end.
pub(super) fn push_escaped(out: &mut String, text: &str, line_start: bool, spoilers: bool, zeal: Zeal) {
    let text = guard_names(text);
    let text = text.as_ref();
    let mut before = None;
    let mut chars = text.chars();
    let mut line_start = line_start;
    // Whether only digits stand between the start of the line and here.
    let mut number = false;
    while let Some(c) = chars.next() {
        let rest = chars.as_str();
        let next = rest.chars().next();
        let needed = match zeal {
            Zeal::All => c.is_ascii_punctuation() && c != '@',
            Zeal::Needed => match c {
                '`' | '*' | '[' | ']' | '~' => true,
                '\\' => next.is_none_or(|next| next.is_ascii_punctuation()),
                '_' => !(is_word(before) && is_word(next)),
                '<' => next.is_none_or(|next| !next.is_whitespace()),
                '|' => line_start || spoilers,
                '!' => next.is_none_or(|next| next == '['),
                '&' => is_reference(rest),
                '#' | '+' | '-' | '=' | '>' => line_start,
                ':' => line_start && next.is_none_or(|next| next == '-'),
                '.' | ')' => number && next.is_none_or(char::is_whitespace),
                _ => false,
            },
        };
        if needed {
            out.push('\\');
        }
        out.push(c);
        number = c.is_ascii_digit() && (line_start || number);
        line_start = false;
        before = Some(c);
    }
}

fn is_word(c: Option<char>) -> bool {
    c.is_some_and(char::is_alphanumeric)
}

fn is_reference(rest: &str) -> bool {
    rest.starts_with(|c: char| c == '#' || c.is_ascii_alphabetic())
        && rest.bytes().take(MAX_REFERENCE).any(|byte| byte == b';')
}

/// An address in which no character can end the link or be a mark.
pub(super) fn escaped_url(url: &str) -> String {
    let mut out = String::with_capacity(url.len());
    let mut after_and = false;
    for c in url.chars() {
        match c {
            '(' | ')' | '<' | '>' | '"' | '\\' | '`' | '|' => out.push_str(&format!("%{:02X}", u32::from(c))),
            ';' if after_and => out.push_str("%3B"),
            _ => out.push(c),
        }
        after_and = (after_and && (c == '#' || c.is_ascii_alphanumeric())) || c == '&';
    }
    out
}
