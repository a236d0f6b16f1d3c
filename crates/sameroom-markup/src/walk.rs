//! Changes to a tree that keep its shape.

use sameroom_types::text::{Block, Inline, Mention, Text};

use crate::sanitise::normalise;

/// `text` with `prefix` before its first words, in a paragraph of its own where it starts with another block.
#[must_use]
pub fn prepend(prefix: &[Inline], mut text: Text) -> Text {
    if prefix.is_empty() {
        return text;
    }
    if let Some(Block::Paragraph(first)) = text.blocks.first_mut() {
        first.splice(0..0, prefix.iter().cloned());
    } else {
        text.blocks.insert(0, Block::Paragraph(prefix.to_vec()));
    }
    text
}

/// `text` with each mention replaced by what `change` makes of it.
#[must_use]
pub fn map_mentions(text: Text, change: &mut dyn FnMut(Mention) -> Inline) -> Text {
    map_paragraphs(normalise(text), &mut |inlines| map_inlines(inlines, change))
}

/// Recurses at most once for each style and a link, since the tree is normalised.
fn map_inlines(inlines: Vec<Inline>, change: &mut dyn FnMut(Mention) -> Inline) -> Vec<Inline> {
    inlines
        .into_iter()
        .map(|inline| match inline {
            Inline::Mention(mention) => change(mention),
            Inline::Bold(children) => Inline::Bold(map_inlines(children, change)),
            Inline::Italic(children) => Inline::Italic(map_inlines(children, change)),
            Inline::Strike(children) => Inline::Strike(map_inlines(children, change)),
            Inline::Underline(children) => Inline::Underline(map_inlines(children, change)),
            Inline::Spoiler(children) => Inline::Spoiler(map_inlines(children, change)),
            Inline::Link { url, label } => Inline::Link { url, label: map_inlines(label, change) },
            other @ (Inline::Text(_)
            | Inline::Code(_)
            | Inline::Emoji(_)
            | Inline::Break
            | Inline::Raw { .. }) => other,
        })
        .collect()
}

/// `text`, which must be normalised, with the running text of each paragraph changed.
pub(crate) fn map_paragraphs(text: Text, change: &mut dyn FnMut(Vec<Inline>) -> Vec<Inline>) -> Text {
    Text { blocks: map_blocks(text.blocks, change) }
}

fn map_blocks(blocks: Vec<Block>, change: &mut dyn FnMut(Vec<Inline>) -> Vec<Inline>) -> Vec<Block> {
    blocks
        .into_iter()
        .map(|block| match block {
            Block::Paragraph(inlines) => Block::Paragraph(change(inlines)),
            Block::Quote(inner) => Block::Quote(map_blocks(inner, change)),
            Block::List { start, items } => {
                Block::List { start, items: items.into_iter().map(|item| map_blocks(item, change)).collect() }
            }
            code @ Block::CodeBlock { .. } => code,
        })
        .collect()
}
