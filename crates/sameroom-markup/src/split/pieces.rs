//! A tree as pieces that must not be cut.

use std::borrow::Cow;

use sameroom_types::text::{Block, Inline, Text};
use unicode_segmentation::UnicodeSegmentation;

use crate::runs::Style;

/// How good it is to cut before a piece, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cut {
    Block,
    Line,
    Word,
    Grapheme,
}

/// A block or style around pieces.
#[derive(Debug)]
pub(super) struct Node<'a> {
    pub(super) kind: NodeKind<'a>,
    pub(super) parent: Option<usize>,
    /// Whether an earlier part holds some of it.
    pub(super) started: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum NodeKind<'a> {
    Quote,
    List { start: Option<u64> },
    Item { index: usize },
    Paragraph,
    CodeBlock { language: &'a Option<String> },
    Styled(Style),
    Code,
}

#[derive(Clone, Debug)]
pub(super) struct Piece<'a> {
    pub(super) node: usize,
    pub(super) shape: Shape<'a>,
    pub(super) cut: Cut,
}

#[derive(Clone, Debug)]
pub(super) enum Shape<'a> {
    /// A word or blanks, as text or code depending on the node.
    Text(Cow<'a, str>),
    /// A link, mention, emoji or raw piece.
    Whole(&'a Inline),
    Break,
}

/// The nodes and pieces of `text`, which must be normalised.
pub(super) fn flatten(text: &Text) -> (Vec<Node<'_>>, Vec<Piece<'_>>) {
    let mut flattener = Flattener { nodes: Vec::new(), pieces: Vec::new(), next: Cut::Block };
    flattener.blocks(&text.blocks, None);
    (flattener.nodes, flattener.pieces)
}

struct Flattener<'a> {
    nodes: Vec<Node<'a>>,
    pieces: Vec<Piece<'a>>,
    /// The border before the next piece.
    next: Cut,
}

impl<'a> Flattener<'a> {
    fn node(&mut self, kind: NodeKind<'a>, parent: Option<usize>) -> usize {
        self.nodes.push(Node { kind, parent, started: false });
        self.nodes.len() - 1
    }

    fn push(&mut self, node: usize, shape: Shape<'a>) {
        self.pieces.push(Piece { node, shape, cut: self.next });
        self.next = Cut::Grapheme;
    }

    fn blocks(&mut self, blocks: &'a [Block], parent: Option<usize>) {
        for block in blocks {
            self.next = Cut::Block;
            match block {
                Block::Paragraph(inlines) => {
                    let node = self.node(NodeKind::Paragraph, parent);
                    self.inlines(inlines, node);
                }
                Block::CodeBlock { language, code } => {
                    let node = self.node(NodeKind::CodeBlock { language }, parent);
                    for (index, line) in code.split('\n').enumerate() {
                        if index > 0 {
                            self.push(node, Shape::Break);
                            self.next = Cut::Line;
                        }
                        self.words(line, node);
                    }
                }
                Block::Quote(inner) => {
                    let node = self.node(NodeKind::Quote, parent);
                    self.blocks(inner, Some(node));
                }
                Block::List { start, items } => {
                    let list = self.node(NodeKind::List { start: *start }, parent);
                    for (index, item) in items.iter().enumerate() {
                        let node = self.node(NodeKind::Item { index }, Some(list));
                        self.blocks(item, Some(node));
                    }
                }
            }
        }
    }

    fn inlines(&mut self, inlines: &'a [Inline], node: usize) {
        for inline in inlines {
            let (style, children) = match inline {
                Inline::Text(text) => {
                    self.words(text, node);
                    continue;
                }
                Inline::Code(code) => {
                    let inner = self.node(NodeKind::Code, Some(node));
                    self.words(code, inner);
                    continue;
                }
                Inline::Break => {
                    self.push(node, Shape::Break);
                    self.next = Cut::Line;
                    continue;
                }
                Inline::Link { .. } | Inline::Mention(_) | Inline::Emoji(_) | Inline::Raw { .. } => {
                    self.push(node, Shape::Whole(inline));
                    continue;
                }
                Inline::Bold(children) => (Style::BOLD, children),
                Inline::Italic(children) => (Style::ITALIC, children),
                Inline::Strike(children) => (Style::STRIKE, children),
                Inline::Underline(children) => (Style::UNDERLINE, children),
                Inline::Spoiler(children) => (Style::SPOILER, children),
            };
            let inner = self.node(NodeKind::Styled(style), Some(node));
            self.inlines(children, inner);
        }
    }

    /// Words and the blanks between them; a cut is best before a word.
    fn words(&mut self, text: &'a str, node: usize) {
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let blank = first.is_whitespace();
            // Graphemes, since a blank may carry a combining mark.
            let end = rest
                .grapheme_indices(true)
                .find(|(_, grapheme)| {
                    grapheme.chars().all(char::is_whitespace) != (blank && starts_blank(rest))
                })
                .map_or(rest.len(), |(at, _)| at);
            let end = if end == 0 { rest.graphemes(true).next().map_or(rest.len(), str::len) } else { end };
            let (piece, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
            self.push(node, Shape::Text(Cow::Borrowed(piece)));
            if blank && self.pieces.last().is_some_and(|piece| piece.cut > Cut::Line) {
                self.next = Cut::Word;
            }
            rest = after;
        }
    }
}

fn starts_blank(rest: &str) -> bool {
    rest.graphemes(true).next().is_some_and(|grapheme| grapheme.chars().all(char::is_whitespace))
}
