//! Finds web addresses in running text.

use sameroom_types::text::{Inline, Text};

use crate::runs::{Leaf, Run, Style, push_run, to_inlines, to_runs};
use crate::sanitise::{normalise, sanitise};
use crate::walk::map_paragraphs;

/// The schemes that a rendered link may have; anything else is shown as text.
const SCHEMES: [&str; 12] =
    ["http", "https", "mailto", "ftp", "magnet", "xmpp", "matrix", "irc", "ircs", "tel", "geo", "sip"];

/// What a parser read, harmless and canonical, with the addresses in its text as links.
pub(crate) fn finish(text: Text) -> Text {
    sanitise(find(normalise(text)))
}

/// `text` with every `http://` and `https://` address in its words as a link.
fn find(text: Text) -> Text {
    map_paragraphs(text, &mut |inlines| {
        let mut out = Vec::new();
        for run in to_runs(inlines, &mut |text| text) {
            match run {
                Run { style, leaf: Leaf::Text(text) } => push_text(&mut out, style, &text),
                Run { style, leaf } => push_run(&mut out, style, leaf),
            }
        }
        to_inlines(out)
    })
}

fn push_text(out: &mut Vec<Run>, style: Style, text: &str) {
    let mut rest = text;
    while let Some((before, address, after)) = next_address(rest) {
        push_run(out, style, Leaf::Text(before.to_owned()));
        push_run(out, style, Leaf::Whole(Inline::Link { url: address.to_owned(), label: Vec::new() }));
        rest = after;
    }
    push_run(out, style, Leaf::Text(rest.to_owned()));
}

/// What stands before the first address, the address, and what follows.
fn next_address(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    while let Some(found) = text.get(from..).and_then(|tail| tail.find("://")) {
        let colon = from + found;
        from = colon + 3;
        let head = text.get(..colon)?;
        let Some(scheme) = ["https", "http"].into_iter().find(|scheme| ends_with_word(head, scheme)) else {
            continue;
        };
        let start = colon - scheme.len();
        let tail = text.get(start..)?;
        let length = address_length(tail);
        if length > scheme.len() + 3 {
            let (address, after) = tail.split_at_checked(length)?;
            return Some((text.get(..start)?, address, after));
        }
    }
    None
}

fn ends_with_word(head: &str, word: &str) -> bool {
    head.strip_suffix(word).is_some_and(|before| !before.ends_with(|c: char| c.is_alphanumeric()))
}

/// Up to a blank or bracket, without the punctuation of the sentence around it.
fn address_length(tail: &str) -> usize {
    let is_end = |c: char| {
        c.is_whitespace()
            || is_invisible(c)
            || matches!(c, '<' | '>' | '"' | '`' | '|' | '\\' | '^' | '{' | '}')
    };
    let mut address = tail.split(is_end).next().unwrap_or_default();
    let mut open = address.matches('(').count();
    let mut close = address.matches(')').count();
    while let Some(last) = address.chars().next_back() {
        let trailing = match last {
            '.' | ',' | ';' | ':' | '!' | '?' | '\'' | '*' | '_' | '~' | ']' | '[' => true,
            ')' => close > open,
            _ => false,
        };
        if !trailing {
            break;
        }
        close -= usize::from(last == ')');
        open -= usize::from(last == '(');
        address = address.strip_suffix(last).unwrap_or_default();
    }
    address.len()
}

/// Controls and format characters, which no address holds.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Whether `url` is absolute, of a scheme that a reader's program may open, and in one piece.
pub(crate) fn is_safe(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once(':') else { return false };
    SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known))
        && !rest.is_empty()
        && !url.contains(|c: char| c.is_whitespace() || c.is_control())
}
