//! Cuts a text into parts that a platform takes, each with the author's prefix.
//!
//! The text is flattened into pieces that must not be cut (words, mentions, links, line breaks), each of
//! which knows the blocks and styles around it. A part is the longest run of pieces whose rendering fits,
//! cut back to the best border in it. Building a tree of just these pieces closes and re-opens
//! everything around them.

mod pieces;
mod rebuild;

use sameroom_types::limit::TextLimit;
use sameroom_types::text::{Block, Inline, Text};
use unicode_segmentation::UnicodeSegmentation;

use self::pieces::{Cut, Node, NodeKind, Piece, Shape, flatten};
use self::rebuild::rebuild;
use crate::Dialect;
use crate::lines::{Content, lines};
use crate::plain::push_plain;
use crate::runs::{Leaf, push_run, to_inlines, to_runs};
use crate::sanitise::{normalise, sanitise};
use crate::walk::prepend;

/// One message of a text that may need several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The markup to send, never longer than the limit.
    pub text: String,
    /// Whether a reader may interpret its marks: see [`Dialect::is_styled`].
    pub styled: bool,
}

/// Renders `text` as messages of at most `limit`, each of which starts with `prefix`.
///
/// Cuts at a border of paragraphs, else of lines, else of words, and inside a word only where it alone
/// exceeds the limit; never inside a grapheme, mention or link, unless that alone exceeds it. Blocks
/// and styles that are cut are closed and opened again. A prefix takes half the limit at most and is cut
/// where it is longer. Without [`TextLimit::multiline`] each line is a part of its own and empty lines are
/// dropped. A text with nothing to show has no parts.
#[must_use]
pub fn split(prefix: &[Inline], text: &Text, dialect: &dyn Dialect, limit: TextLimit) -> Vec<Part> {
    let text = sanitise(text.clone());
    let text = if limit.multiline { text } else { one_line_blocks(&text) };
    let (nodes, mut stack) = flatten(&text);
    stack.reverse();
    let mut splitter = Splitter {
        nodes,
        stack,
        prefix: Vec::new(),
        dialect,
        limit,
        max: usize::try_from(limit.max).unwrap_or(usize::MAX),
        flat: false,
        parts: Vec::new(),
    };
    splitter.prefix = splitter.fitting_prefix(prefix);
    while splitter.step() {}
    splitter.parts
}

/// Each line of `text` as a paragraph; quotes and lists become signs, code becomes monospaced text.
fn one_line_blocks(text: &Text) -> Text {
    let mut blocks = Vec::new();
    for line in lines(text) {
        let mut inlines = vec![Inline::Text("> ".repeat(line.quotes) + &line.indent)];
        match line.content {
            Content::Text(content) => inlines.extend(content),
            Content::Code(code) if !code.trim().is_empty() => inlines.push(Inline::Code(code)),
            Content::Code(_) | Content::CodeStart(_) | Content::CodeEnd | Content::Blank => continue,
        }
        blocks.push(Block::Paragraph(inlines));
    }
    normalise(Text { blocks })
}

struct Splitter<'a> {
    nodes: Vec<Node<'a>>,
    /// What is left to send, the next piece last.
    stack: Vec<Piece<'a>>,
    prefix: Vec<Inline>,
    dialect: &'a dyn Dialect,
    limit: TextLimit,
    max: usize,
    /// Whether blocks and styles are given up because the limit is too small for them.
    flat: bool,
    parts: Vec<Part>,
}

impl<'a> Splitter<'a> {
    /// Emits one part or makes the next piece smaller; false when nothing is left.
    fn step(&mut self) -> bool {
        self.skip_blanks();
        if self.stack.is_empty() {
            return false;
        }
        let most = self.most();
        let fitting = self.fitting(most);
        if fitting == 0 {
            self.shrink();
            return true;
        }
        let mut count = if fitting == self.stack.len() || self.is_forced(fitting) {
            fitting
        } else {
            self.best_cut(fitting)
        };
        while count > 1 && !self.fits(count) {
            count -= 1;
        }
        self.emit(count);
        true
    }

    fn piece(&self, index: usize) -> Option<&Piece<'a>> {
        self.stack.iter().rev().nth(index)
    }

    /// Breaks and blanks never start a part, except for the indent of a line.
    fn skip_blanks(&mut self) {
        while let Some(piece) = self.stack.last() {
            let blank = match &piece.shape {
                Shape::Break => true,
                Shape::Text(text) => piece.cut > Cut::Line && text.chars().all(char::is_whitespace),
                Shape::Whole(_) => false,
            };
            if !blank {
                break;
            }
            self.stack.pop();
        }
    }

    fn is_forced(&self, index: usize) -> bool {
        !self.limit.multiline && self.piece(index).is_some_and(|piece| piece.cut <= Cut::Line)
    }

    /// How many pieces a part can hold at most: up to a forced border, and while the bare text fits.
    fn most(&self) -> usize {
        let mut length = 0;
        for (index, piece) in self.stack.iter().rev().enumerate() {
            if index > 0 && !self.limit.multiline && piece.cut <= Cut::Line {
                return index;
            }
            // No dialect shows a border of blocks or lines in less than one unit.
            length += usize::from(index > 0 && piece.cut == Cut::Block);
            length += match &piece.shape {
                Shape::Text(text) => self.limit.unit.measure(text),
                Shape::Whole(_) | Shape::Break => 1,
            };
            // One piece more than fits for sure costs little and allows for blanks that rendering trims.
            if length > self.max.saturating_add(1) {
                return index.max(1);
            }
        }
        self.stack.len()
    }

    /// A count up to `most` that was seen to fit, and nearly the largest: within 1/32 of it.
    ///
    /// Since a rendering costs its length, the search guesses from the lengths that it has seen.
    fn fitting(&self, most: usize) -> usize {
        let (mut low, mut low_length) = (0, 0);
        let (mut high, mut high_length) = (most, self.length(most));
        if high_length <= self.max {
            return most;
        }
        let mut guesses = 0;
        while high - low > 1 + low / 32 {
            // Halving bounds the number of steps where the lengths mislead.
            let middle = if guesses % 3 == 2 {
                low + (high - low) / 2
            } else {
                (high - low).saturating_mul(self.max - low_length) / (high_length - low_length).max(1) + low
            }
            .clamp(low + 1, high - 1);
            guesses += 1;
            let length = self.length(middle);
            if length <= self.max {
                (low, low_length) = (middle, length);
            } else {
                (high, high_length) = (middle, length);
            }
        }
        low
    }

    fn length(&self, count: usize) -> usize {
        self.limit.unit.measure(&self.dialect.render(&prepend(&self.prefix, self.tree(count))))
    }

    fn fits(&self, count: usize) -> bool {
        self.length(count) <= self.max
    }

    fn tree(&self, count: usize) -> Text {
        rebuild(&self.nodes, self.stack.iter().rev().take(count), self.flat)
    }

    /// Where to cut when `fitting` pieces fit: a good border unless that leaves a part half empty.
    fn best_cut(&self, fitting: usize) -> usize {
        let mut best = (Cut::Grapheme, fitting);
        for (index, piece) in self.stack.iter().rev().enumerate().take(fitting + 1).skip(1) {
            let enough = piece.cut == Cut::Word || index * 2 >= fitting;
            if enough && piece.cut < Cut::Grapheme && piece.cut <= best.0 {
                best = (piece.cut, index);
            }
        }
        best.1
    }

    fn emit(&mut self, count: usize) {
        let body = self.tree(count);
        if !normalise(body.clone()).is_empty() {
            let text = prepend(&self.prefix, body);
            let rendered = self.dialect.render(&text);
            let styled = self.dialect.is_styled(&rendered, &text);
            self.parts.push(Part { text: rendered, styled });
        }
        let rest = self.stack.len() - count;
        let mut last = None;
        for piece in self.stack.drain(rest..) {
            if last == Some(piece.node) {
                continue;
            }
            last = Some(piece.node);
            let mut at = last;
            while let Some(node) = at.and_then(|at| self.nodes.get_mut(at)) {
                node.started = true;
                at = node.parent;
            }
        }
    }

    /// Makes the next piece fit: cuts it, gives up the blocks around it, gives up the prefix, drops it.
    fn shrink(&mut self) {
        let Some(piece) = self.stack.pop() else { return };
        let text = match &piece.shape {
            Shape::Whole(inline) => {
                let mut text = String::new();
                push_plain(&mut text, std::slice::from_ref(*inline));
                text
            }
            Shape::Text(text) => text.to_string(),
            Shape::Break => return,
        };
        let graphemes: Vec<&str> = text.graphemes(true).collect();
        if graphemes.len() > 1 || matches!(piece.shape, Shape::Whole(_)) {
            self.push_back(&piece, graphemes.iter().map(ToString::to_string));
        } else if !self.flat {
            self.flat = true;
            self.stack.push(piece);
        } else if text.chars().count() > 1 {
            self.push_back(&piece, text.chars().map(String::from));
        } else if !self.prefix.is_empty() {
            self.prefix.clear();
            self.stack.push(piece);
        }
    }

    fn push_back(&mut self, piece: &Piece<'a>, texts: impl DoubleEndedIterator<Item = String>) {
        let first = self.stack.len();
        for text in texts.rev() {
            self.stack.push(Piece { node: piece.node, shape: Shape::Text(text.into()), cut: Cut::Grapheme });
        }
        if self.stack.len() > first
            && let Some(next) = self.stack.last_mut()
        {
            next.cut = piece.cut;
        }
    }

    /// `prefix` on one line, cut to half the limit.
    fn fitting_prefix(&self, prefix: &[Inline]) -> Vec<Inline> {
        let mut pieces = Vec::new();
        for run in to_runs(prefix.to_vec(), &mut |text| sanitised_line(&text)) {
            match run.leaf {
                Leaf::Text(text) => {
                    pieces.extend(text.graphemes(true).map(|g| (run.style, Leaf::Text(g.to_owned()))));
                }
                Leaf::Break => pieces.push((run.style, Leaf::Text(" ".to_owned()))),
                leaf => pieces.push((run.style, leaf)),
            }
        }
        let build = |count: usize| {
            let mut runs = Vec::new();
            for (style, leaf) in pieces.iter().take(count) {
                push_run(&mut runs, *style, leaf.clone());
            }
            if count < pieces.len() && count > 0 {
                push_run(&mut runs, crate::runs::Style::NONE, Leaf::Text("… ".to_owned()));
            }
            to_inlines(runs)
        };
        let fits = |count: usize| {
            let rendered = self.dialect.render(&Text::paragraph(build(count)));
            self.limit.unit.measure(&rendered) <= self.max / 2
        };
        if fits(pieces.len()) {
            return build(pieces.len());
        }
        let (mut low, mut high) = (0, pieces.len());
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if fits(middle) {
                low = middle;
            } else {
                high = middle;
            }
        }
        build(low)
    }
}

fn sanitised_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c })
        .collect()
}

/// Whether a node is one that a continued part must not open again.
fn is_continued_item(node: &Node<'_>) -> bool {
    node.started && matches!(node.kind, NodeKind::Item { .. })
}
