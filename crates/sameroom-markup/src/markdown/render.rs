//! From the tree to CommonMark.
//!
//! The rules for emphasis depend on the characters around a mark in ways that some trees cannot meet, so each
//! paragraph is parsed again: what is not read as it was meant is written without its styles.

use sameroom_types::text::{Block, Inline, Text};

use super::inlines::{Level, Writer, longest_run};
use super::parse::parse;
use crate::links;
use crate::runs::{bare_edges, to_inlines, to_runs};
use crate::sanitise::sanitise;

/// The largest number that a list may start with in CommonMark.
const MAX_NUMBER: u64 = 999_999_999;

pub(super) fn render(text: &Text, spoilers: bool) -> String {
    blocks(&sanitise(text.clone()).blocks, false, spoilers)
}

/// Recurses as deep as the tree, which is bounded.
fn blocks(blocks: &[Block], in_item: bool, spoilers: bool) -> String {
    let mut out = String::new();
    let mut previous: Option<&Block> = None;
    // Lists that follow each other take turns with their marks, or they would be one.
    let mut other_mark = false;
    for block in blocks {
        let rendered = match block {
            Block::Paragraph(inlines) => paragraph(inlines, spoilers),
            Block::CodeBlock { language, code } => {
                let fence = "`".repeat(longest_run(code).max(2) + 1);
                format!("{fence}{}\n{code}\n{fence}", language.as_deref().unwrap_or_default())
            }
            Block::Quote(inner) => prefixed(&self::blocks(inner, false, spoilers), "> ", "> "),
            Block::List { start, items } => {
                let follows = matches!(previous, Some(Block::List { start: before, .. }) if before.is_some() == start.is_some());
                other_mark = follows && !other_mark;
                list(*start, items, other_mark, spoilers)
            }
        };
        if rendered.is_empty() {
            continue;
        }
        if !out.is_empty() {
            // Only a list of bullets or one that starts with 1 may follow a paragraph directly.
            let joined = in_item
                && matches!(previous, Some(Block::Paragraph(_)))
                && matches!(block, Block::List { start: None | Some(1), .. });
            out.push_str(if joined { "\n" } else { "\n\n" });
        }
        out.push_str(&rendered);
        previous = Some(block);
    }
    out
}

fn list(start: Option<u64>, items: &[Vec<Block>], other_mark: bool, spoilers: bool) -> String {
    let mut lines = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let mark = match (start, other_mark) {
            (None, false) => "- ".to_owned(),
            (None, true) => "* ".to_owned(),
            (Some(start), _) => {
                let number = start.saturating_add(index as u64).min(MAX_NUMBER);
                format!("{number}{} ", if other_mark { ')' } else { '.' })
            }
        };
        lines.push(prefixed(&blocks(item, true, spoilers), &mark, &" ".repeat(mark.len())));
    }
    lines.join("\n")
}

fn prefixed(text: &str, first: &str, rest: &str) -> String {
    let mut out = String::with_capacity(text.len() + first.len());
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            out.push('\n');
        }
        let prefix = if index == 0 { first } else { rest };
        out.push_str(if line.is_empty() { prefix.trim_end() } else { prefix });
        out.push_str(line);
    }
    out
}

fn paragraph(inlines: &[Inline], spoilers: bool) -> String {
    let inlines = to_inlines(bare_edges(to_runs(inlines.to_vec(), &mut |text| text)));
    let mut markup = String::new();
    for level in [Level::Styled, Level::Unstyled, Level::Literal] {
        let written = Writer { level, spoilers }.sequence(&inlines, '\n', '\n');
        let is_meant = parse(&written.markup, spoilers) == links::finish(Text::paragraph(written.meaning));
        markup = written.markup;
        if is_meant {
            break;
        }
    }
    markup
}
