//! Large and deep input: a quadratic step or an unbounded recursion would not end in the time of a test run.

use sameroom_markup::{Irc, is_blank, parse_xhtml_im, plain_text, split};
use sameroom_types::limit::{TextLimit, TextUnit};
use sameroom_types::text::{Block, Inline, Text};

use crate::trees::{dialects, text};

/// The length of each source in bytes: large for parsers, smaller where everything is rendered many times.
const SIZE: usize = 50_000;
const SPLIT_SIZE: usize = 10_000;

const PATTERNS: [&str; 36] = [
    "a",
    "a ",
    "\n",
    "a\n",
    "a\n\n",
    "*",
    "*a",
    "* ",
    "_a_",
    "**a",
    "`",
    "`a",
    "``a ",
    "~a ",
    "[",
    "![",
    "[a](",
    "](x)",
    "<",
    "<a ",
    "<a href=\"",
    "<b>",
    "<blockquote>",
    "<ul><li>",
    "<span data-mx-spoiler>",
    "<pre>",
    "<!--",
    "&",
    "&amp",
    "> ",
    ">",
    "- ",
    "||",
    "http://a",
    "\u{3}1,1",
    "e\u{301}",
];

#[test]
fn parsers_and_renderers_end() {
    for pattern in PATTERNS {
        let source = pattern.repeat(SIZE / pattern.len());
        for dialect in dialects() {
            let tree = dialect.parse(&source);
            let rendered = dialect.render(&tree);
            assert!(
                rendered.len() < 40 * SIZE,
                "{} makes {} bytes of {pattern:?}",
                dialect.name(),
                rendered.len()
            );
        }
        assert!(plain_text(&parse_xhtml_im(&source)).len() < 40 * SIZE);
    }
}

#[test]
fn splitting_ends() {
    for pattern in PATTERNS {
        let tree = Text::plain(&pattern.repeat(SPLIT_SIZE / pattern.len()));
        for dialect in dialects() {
            for (max, multiline) in [(400, false), (4_000, true), (65_000, true)] {
                if multiline == (dialect.name() == "irc") {
                    continue;
                }
                let limit = TextLimit { max, unit: TextUnit::Bytes, multiline };
                let parts = split(&[text("ann: ")], &tree, dialect.as_ref(), limit);
                assert!(is_blank(&tree) || !parts.is_empty());
            }
        }
    }
}

#[test]
fn deep_trees_become_shallow() {
    let mut inlines = vec![text("x")];
    let mut blocks = vec![Block::Paragraph(vec![text("y")])];
    for _ in 0..300 {
        inlines = vec![Inline::Bold(inlines)];
        blocks = vec![Block::List { start: Some(1), items: vec![blocks] }];
    }
    blocks.push(Block::Paragraph(inlines));
    let tree = Text { blocks };
    for dialect in dialects() {
        assert!(dialect.render(&tree).contains('x'));
    }
    let limit = TextLimit { max: 100, unit: TextUnit::Bytes, multiline: false };
    assert_eq!(split(&[], &tree, &Irc { colours: false }, limit).len(), 2);
}
