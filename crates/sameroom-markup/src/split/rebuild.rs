//! The tree of some of a text's pieces, with just the blocks and styles around them.

use sameroom_types::text::{Block, Inline, Text};

use super::is_continued_item;
use super::pieces::{Node, NodeKind, Piece, Shape};

/// A block or style that is still open.
#[derive(Default)]
struct Frame {
    node: Option<usize>,
    blocks: Vec<Block>,
    items: Vec<Vec<Block>>,
    /// The number of the first item within its list.
    first_item: Option<usize>,
    inlines: Vec<Inline>,
    code: String,
}

/// The tree of `pieces`, in their order. With `flat`, running text alone.
///
/// An item of a list that an earlier part began goes on without its mark; the items after it keep their numbers.
pub(super) fn rebuild<'a: 'p, 'p>(
    nodes: &[Node<'_>],
    pieces: impl Iterator<Item = &'p Piece<'a>>,
    flat: bool,
) -> Text {
    let mut builder = Builder { nodes, frames: vec![Frame::default()], flat };
    let mut last = None;
    for piece in pieces {
        if last != Some(piece.node) {
            builder.enter(piece.node);
            last = Some(piece.node);
        }
        builder.push(&piece.shape);
    }
    while builder.frames.len() > 1 {
        builder.close();
    }
    let Some(mut root) = builder.frames.pop() else { return Text::default() };
    if !root.inlines.is_empty() {
        root.blocks.push(Block::Paragraph(root.inlines));
    }
    Text { blocks: root.blocks }
}

struct Builder<'n, 'a> {
    nodes: &'n [Node<'a>],
    frames: Vec<Frame>,
    flat: bool,
}

impl Builder<'_, '_> {
    /// Closes what does not hold `node` and opens what does.
    fn enter(&mut self, node: usize) {
        if self.flat {
            return;
        }
        let path = self.path(node);
        let same = self
            .frames
            .iter()
            .skip(1)
            .zip(&path)
            .take_while(|(frame, node)| frame.node == Some(**node))
            .count();
        while self.frames.len() > same + 1 {
            self.close();
        }
        for node in path.into_iter().skip(same) {
            if let (Some(NodeKind::Item { index }), Some(list)) =
                (self.nodes.get(node).map(|node| node.kind), self.frames.last_mut())
            {
                list.first_item.get_or_insert(index);
            }
            self.frames.push(Frame { node: Some(node), ..Frame::default() });
        }
    }

    /// The nodes around a piece, the outermost first, without lists whose item goes on.
    fn path(&self, node: usize) -> Vec<usize> {
        let mut path = Vec::new();
        let mut at = Some(node);
        while let Some((index, node)) = at.and_then(|index| Some((index, self.nodes.get(index)?))) {
            at = node.parent;
            if is_continued_item(node) {
                at = node.parent.and_then(|list| self.nodes.get(list)).and_then(|list| list.parent);
            } else {
                path.push(index);
            }
        }
        path.reverse();
        path
    }

    fn kind(&self, frame: &Frame) -> Option<NodeKind<'_>> {
        frame.node.and_then(|node| self.nodes.get(node)).map(|node| node.kind)
    }

    fn push(&mut self, shape: &Shape<'_>) {
        let is_code = self.frames.last().and_then(|frame| self.kind(frame));
        let is_code = matches!(is_code, Some(NodeKind::Code | NodeKind::CodeBlock { .. }));
        let Some(frame) = self.frames.last_mut() else { return };
        match shape {
            Shape::Text(text) if is_code => frame.code.push_str(text),
            Shape::Break if is_code => frame.code.push('\n'),
            Shape::Text(text) => match frame.inlines.last_mut() {
                Some(Inline::Text(last)) => last.push_str(text),
                _ => frame.inlines.push(Inline::Text(text.to_string())),
            },
            Shape::Whole(inline) => frame.inlines.push((*inline).clone()),
            Shape::Break => frame.inlines.push(Inline::Break),
        }
    }

    fn close(&mut self) {
        let Some(frame) = self.frames.pop() else { return };
        let kind = self.kind(&frame);
        let (blocks, inlines, items) = match kind {
            Some(NodeKind::Quote) => (vec![Block::Quote(frame.blocks)], vec![], vec![]),
            Some(NodeKind::List { start }) => {
                let skipped = frame.first_item.unwrap_or_default() as u64;
                let start = start.map(|start| start.saturating_add(skipped));
                (vec![Block::List { start, items: frame.items }], vec![], vec![])
            }
            Some(NodeKind::Item { .. }) => (vec![], vec![], vec![frame.blocks]),
            Some(NodeKind::Paragraph) => (vec![Block::Paragraph(frame.inlines)], vec![], vec![]),
            Some(NodeKind::CodeBlock { language }) => {
                (vec![Block::CodeBlock { language: language.clone(), code: frame.code }], vec![], vec![])
            }
            Some(NodeKind::Styled(style)) => (vec![], vec![style.wrap(frame.inlines)], vec![]),
            Some(NodeKind::Code) => (vec![], vec![Inline::Code(frame.code)], vec![]),
            None => return,
        };
        if let Some(parent) = self.frames.last_mut() {
            parent.blocks.extend(blocks);
            parent.inlines.extend(inlines);
            parent.items.extend(items);
        }
    }
}
