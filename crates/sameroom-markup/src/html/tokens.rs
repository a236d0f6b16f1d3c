//! Cuts HTML into tags and text, in one pass, whatever the input.

use super::entities::decode;

/// One piece of the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// Text with its references still in it.
    Text(&'a str),
    Open(Tag<'a>),
    Close(String),
}

/// An opening tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tag<'a> {
    /// In lower case.
    pub(super) name: String,
    attributes: &'a str,
}

/// Reads a source from its start to its end.
pub(super) struct Tokens<'a> {
    rest: &'a str,
    /// Quotes that occur no more, so that searching for them again cannot cost quadratic time.
    no_double: bool,
    no_single: bool,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(source: &'a str) -> Self {
        Self { rest: source, no_double: false, no_single: false }
    }

    /// The length of the tag at the start of the rest, with both brackets. A `>` in a quoted value does not end it.
    fn tag_length(&mut self) -> Option<usize> {
        let first = self.rest.find('>')?;
        let mut at = 0;
        loop {
            let tail = self.rest.get(at..)?;
            let found = tail.find(['>', '"', '\''])?;
            let quote = tail.get(found..)?.chars().next()?;
            if quote == '>' {
                return Some(at + found + 1);
            }
            let is_value = tail.get(..found)?.trim_end().ends_with('=');
            let exhausted = if quote == '"' { &mut self.no_double } else { &mut self.no_single };
            at += found + 1;
            if !is_value {
                continue;
            }
            if *exhausted {
                return Some(first + 1);
            }
            let Some(end) = self.rest.get(at..)?.find(quote) else {
                *exhausted = true;
                return Some(first + 1);
            };
            at += end + 1;
        }
    }

    fn markup(&mut self) -> Option<(usize, Option<Token<'a>>)> {
        let inner = self.rest.get(1..)?;
        if inner.starts_with("!--") {
            let length = self.rest.find("-->").map_or(self.rest.len(), |end| end + 3);
            return Some((length, None));
        }
        if inner.starts_with(['!', '?']) {
            return Some((self.rest.find('>')? + 1, None));
        }
        let (closes, name) = match inner.strip_prefix('/') {
            Some(name) => (true, name),
            None => (false, inner),
        };
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return None;
        }
        let length = self.tag_length()?;
        let content = self.rest.get(1 + usize::from(closes)..length - 1)?;
        let end = content.find(|c: char| c.is_whitespace() || c == '/').unwrap_or(content.len());
        let (name, attributes) = content.split_at_checked(end)?;
        let name = name.to_ascii_lowercase();
        let token = if closes { Token::Close(name) } else { Token::Open(Tag { name, attributes }) };
        Some((length, Some(token)))
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let mut text = 0;
        loop {
            if self.rest.is_empty() {
                return None;
            }
            if text == 0 && self.rest.starts_with('<') {
                if let Some((length, token)) = self.markup() {
                    self.rest = self.rest.get(length..).unwrap_or_default();
                    match token {
                        Some(token) => return Some(token),
                        None => continue,
                    }
                }
                // No end of a tag follows anywhere, or this is a mere sign.
                text = if self.rest.contains('>') { 1 } else { self.rest.len() };
            }
            let end =
                self.rest.get(text..).and_then(|tail| tail.find('<')).map_or(self.rest.len(), |at| text + at);
            let (piece, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
            self.rest = rest;
            return Some(Token::Text(piece));
        }
    }
}

impl Tag<'_> {
    /// The value of an attribute, its references resolved; empty where it has none.
    pub(super) fn attribute(&self, wanted: &str) -> Option<String> {
        let mut rest = self.attributes;
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
            if rest.is_empty() {
                return None;
            }
            let end = rest.find(|c: char| c.is_whitespace() || c == '=' || c == '/').unwrap_or(rest.len());
            let (name, after) = rest.split_at_checked(end.max(1)).unwrap_or((rest, ""));
            let (value, after) = match after.trim_start().strip_prefix('=') {
                None => ("", after),
                Some(value) => split_value(value.trim_start()),
            };
            if name.eq_ignore_ascii_case(wanted) {
                return Some(decode(value).into_owned());
            }
            rest = after;
        }
    }
}

fn split_value(value: &str) -> (&str, &str) {
    for quote in ['"', '\''] {
        if let Some(quoted) = value.strip_prefix(quote) {
            return quoted.split_once(quote).unwrap_or((quoted, ""));
        }
    }
    let end = value.find(char::is_whitespace).unwrap_or(value.len());
    value.split_at_checked(end).unwrap_or((value, ""))
}
