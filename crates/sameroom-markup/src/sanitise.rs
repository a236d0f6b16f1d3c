//! Makes a tree harmless and canonical: no control characters, bounded depth and size.

use std::mem;

use sameroom_types::text::{Block, Inline, Text};

use crate::runs::{to_inlines, to_paragraphs, to_runs};

/// How many quotes and lists may lie in each other; what lies deeper moves up.
pub const MAX_BLOCK_DEPTH: usize = 16;

/// The most text that one tree holds, in bytes of UTF-8; the rest is cut off.
pub const MAX_TEXT_BYTES: usize = 256 * 1024;

/// The most bidirectional controls that may be open at once (Unicode UAX #9 allows 125).
const MAX_BIDI_DEPTH: usize = 32;

/// The canonical form of `text`: trees that look the same become equal.
///
/// Adjacent pieces of the same style are joined, empty ones dropped, blank lines start a paragraph,
/// blanks at line ends go, and quotes and lists lie at most [`MAX_BLOCK_DEPTH`] deep.
#[must_use]
pub fn normalise(text: Text) -> Text {
    Text { blocks: blocks(text.blocks, 0, &mut |string| string) }
}

/// [`normalise`], and harmless: without control characters (tabs stay), noncharacters and unbalanced
/// bidirectional controls, with `\n` as the only line end, at most [`MAX_TEXT_BYTES`] long.
#[must_use]
pub fn sanitise(text: Text) -> Text {
    let mut budget = MAX_TEXT_BYTES;
    Text { blocks: blocks(text.blocks, 0, &mut |string| clean(string, &mut budget)) }
}

/// `source`, cut to [`MAX_TEXT_BYTES`], so that parsers have a bound.
pub(crate) fn bounded(source: &str) -> &str {
    cut(source, MAX_TEXT_BYTES)
}

fn cut(text: &str, max: usize) -> &str {
    let end = (0..=max.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

fn blocks(input: Vec<Block>, depth: usize, clean: &mut dyn FnMut(String) -> String) -> Vec<Block> {
    let input = if depth >= MAX_BLOCK_DEPTH { leaves(input) } else { input };
    let mut out = Vec::new();
    for block in input {
        match block {
            Block::Paragraph(inlines) => out.extend(paragraphs(inlines, clean)),
            Block::CodeBlock { language, code } => {
                let mut code = clean(code);
                code.truncate(code.trim_end_matches('\n').len());
                if !code.trim().is_empty() {
                    out.push(Block::CodeBlock { language: language.and_then(|name| token(&name)), code });
                }
            }
            Block::Quote(inner) => {
                let inner = blocks(inner, depth + 1, clean);
                if !inner.is_empty() {
                    out.push(Block::Quote(inner));
                }
            }
            Block::List { start, items } => {
                let items: Vec<_> = items
                    .into_iter()
                    .map(|item| blocks(item, depth + 1, clean))
                    .filter(|item| !item.is_empty())
                    .collect();
                if !items.is_empty() {
                    out.push(Block::List { start, items });
                }
            }
        }
    }
    out
}

fn paragraphs(inlines: Vec<Inline>, clean: &mut dyn FnMut(String) -> String) -> impl Iterator<Item = Block> {
    let runs = to_runs(inlines, clean);
    to_paragraphs(runs).into_iter().map(|runs| Block::Paragraph(to_inlines(runs)))
}

/// A language as one lower-case word, which every dialect can write.
fn token(name: &str) -> Option<String> {
    let word: String = name
        .chars()
        .take(32)
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '#' | '-' | '_' | '.'))
        .map(|c| c.to_ascii_lowercase())
        .collect();
    (!word.is_empty()).then_some(word)
}

/// The paragraphs and code blocks of a part of the tree that lies too deep. Walks without recursion.
fn leaves(input: Vec<Block>) -> Vec<Block> {
    let mut out = Vec::new();
    let mut stack = vec![input.into_iter()];
    while let Some(iter) = stack.last_mut() {
        match iter.next() {
            None => {
                stack.pop();
            }
            Some(Block::Quote(inner)) => stack.push(inner.into_iter()),
            Some(Block::List { items, .. }) => {
                stack.push(items.into_iter().flatten().collect::<Vec<_>>().into_iter());
            }
            Some(leaf) => out.push(leaf),
        }
    }
    out
}

fn clean(text: String, budget: &mut usize) -> String {
    let mut text = text;
    if text.len() > *budget {
        text = cut(&text, *budget).to_owned();
    }
    *budget -= text.len();
    if !text.chars().any(is_suspicious) {
        return text;
    }
    let text = text.replace("\r\n", "\n");
    let mut out = String::with_capacity(text.len());
    let mut open: Vec<char> = Vec::new();
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\u{2028}' | '\u{2029}' => {
                close_bidi(&mut out, &mut open);
                out.push('\n');
            }
            // Embeddings and overrides, closed by U+202C.
            '\u{202a}' | '\u{202b}' | '\u{202d}' | '\u{202e}' if open.len() < MAX_BIDI_DEPTH => {
                open.push('\u{202c}');
                out.push(c);
            }
            // Isolates, closed by U+2069.
            '\u{2066}'..='\u{2068}' if open.len() < MAX_BIDI_DEPTH => {
                open.push('\u{2069}');
                out.push(c);
            }
            '\u{202c}' | '\u{2069}' => {
                if open.pop_if(|expected| *expected == c).is_some() {
                    out.push(c);
                }
            }
            _ if is_suspicious(c) => {}
            _ => out.push(c),
        }
    }
    close_bidi(&mut out, &mut open);
    out
}

fn close_bidi(out: &mut String, open: &mut Vec<char>) {
    out.extend(mem::take(open).into_iter().rev());
}

/// Controls other than newline and tab, line separators, bidirectional controls and noncharacters.
fn is_suspicious(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fdd0}'..='\u{fdef}' => true,
        _ => c.is_control() || u32::from(c) & 0xfffe == 0xfffe,
    }
}
