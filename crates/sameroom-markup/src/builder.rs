//! Assembles a tree from what a parser finds, in order; tolerates whatever does not match.

use std::mem;

use sameroom_types::text::{Block, Inline, Text};

use crate::links;
use crate::runs::{Leaf, Run, Style, push_run, to_inlines};
use crate::sanitise::MAX_BLOCK_DEPTH;

/// A block that holds blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Container {
    Quote,
    List { start: Option<u64> },
    Item,
}

/// How many containers may be open: a list takes two, itself and its item.
const MAX_FRAMES: usize = 2 * MAX_BLOCK_DEPTH;

struct Frame {
    container: Container,
    blocks: Vec<Block>,
    items: Vec<Vec<Block>>,
}

impl Frame {
    fn new(container: Container) -> Self {
        Self { container, blocks: Vec::new(), items: Vec::new() }
    }

    fn push(&mut self, block: Block) {
        if matches!(self.container, Container::List { .. }) {
            self.items.push(vec![block]);
        } else {
            self.blocks.push(block);
        }
    }
}

struct OpenLink {
    url: String,
    style: Style,
    label: Vec<Run>,
    /// Whether an earlier paragraph shows a part of the label.
    continued: bool,
}

/// The tree so far.
pub(crate) struct Builder {
    root: Vec<Block>,
    frames: Vec<Frame>,
    /// Containers that were opened beyond [`MAX_FRAMES`].
    too_deep: usize,
    runs: Vec<Run>,
    open: [u32; Style::ALL.len()],
    code: u32,
    link: Option<OpenLink>,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            root: Vec::new(),
            frames: Vec::new(),
            too_deep: 0,
            runs: Vec::new(),
            open: [0; Style::ALL.len()],
            code: 0,
            link: None,
        }
    }

    pub(crate) fn open_style(&mut self, style: Style) {
        self.count(style, |count| count.saturating_add(1));
    }

    pub(crate) fn close_style(&mut self, style: Style) {
        self.count(style, |count| count.saturating_sub(1));
    }

    fn count(&mut self, style: Style, change: fn(u32) -> u32) {
        for (candidate, count) in Style::ALL.into_iter().zip(&mut self.open) {
            if style.has(candidate) {
                *count = change(*count);
            }
        }
    }

    pub(crate) fn open_code(&mut self) {
        self.code = self.code.saturating_add(1);
    }

    pub(crate) fn close_code(&mut self) {
        self.code = self.code.saturating_sub(1);
    }

    fn style(&self) -> Style {
        Style::ALL
            .into_iter()
            .zip(self.open)
            .filter(|(_, count)| *count > 0)
            .fold(Style::NONE, |all, (style, _)| all.with(style))
    }

    fn leaf(&mut self, leaf: Leaf) {
        let style = self.style();
        let runs = self.link.as_mut().map_or(&mut self.runs, |link| &mut link.label);
        push_run(runs, style, leaf);
    }

    pub(crate) fn text(&mut self, text: &str) {
        let leaf = if self.code > 0 { Leaf::Code } else { Leaf::Text };
        self.leaf(leaf(text.to_owned()));
    }

    pub(crate) fn inline_code(&mut self, code: &str) {
        self.leaf(Leaf::Code(code.to_owned()));
    }

    pub(crate) fn line_break(&mut self) {
        self.leaf(Leaf::Break);
    }

    pub(crate) fn whole(&mut self, inline: Inline) {
        self.leaf(Leaf::Whole(inline));
    }

    /// Whether a blank here would begin a line or follow another blank.
    pub(crate) fn is_after_blank(&self) -> bool {
        let runs =
            self.link.as_ref().filter(|link| !link.label.is_empty()).map_or(&self.runs, |link| &link.label);
        match runs.last() {
            None | Some(Run { leaf: Leaf::Break, .. }) => true,
            Some(Run { leaf: Leaf::Text(text) | Leaf::Code(text), .. }) => text.ends_with(' '),
            Some(_) => false,
        }
    }

    pub(crate) fn open_link(&mut self, url: String) {
        if self.link.is_none() {
            self.link = Some(OpenLink { url, style: self.style(), label: Vec::new(), continued: false });
        }
    }

    /// Ends the link; `make` turns its address and label into what stands in the text.
    pub(crate) fn close_link(&mut self, make: impl Fn(String, Vec<Inline>) -> Inline) {
        let Some(link) = self.link.take() else { return };
        self.collect_link(link, make);
    }

    fn collect_link(&mut self, link: OpenLink, make: impl Fn(String, Vec<Inline>) -> Inline) {
        let mut label = link.label;
        if link.continued && label.iter().all(Run::is_blank) {
            return;
        }
        for run in &mut label {
            run.style = run.style.without(link.style);
        }
        let inline = make(link.url, to_inlines(label));
        push_run(&mut self.runs, link.style, Leaf::Whole(inline));
    }

    /// Ends the paragraph; a link that is still open goes on in the next one.
    pub(crate) fn flush(&mut self) {
        if let Some(link) = self.link.take() {
            let shown = !link.label.iter().all(Run::is_blank);
            let continued = link.continued || shown;
            let rest = OpenLink { url: link.url.clone(), style: link.style, label: Vec::new(), continued };
            if shown {
                self.collect_link(link, |url, label| Inline::Link { url, label });
            }
            self.link = Some(rest);
        }
        if self.runs.iter().all(Run::is_blank) {
            self.runs.clear();
            return;
        }
        let runs = mem::take(&mut self.runs);
        self.push(Block::Paragraph(to_inlines(runs)));
    }

    fn push(&mut self, block: Block) {
        match self.frames.last_mut() {
            Some(frame) => frame.push(block),
            None => self.root.push(block),
        }
    }

    pub(crate) fn block(&mut self, block: Block) {
        self.flush();
        self.push(block);
    }

    pub(crate) fn open(&mut self, container: Container) {
        self.flush();
        if container == Container::Item {
            match self.frames.last().map(|frame| frame.container) {
                Some(Container::Item) => self.pop(),
                Some(Container::List { .. }) => {}
                Some(Container::Quote) | None => self.open(Container::List { start: None }),
            }
        }
        if self.frames.len() < MAX_FRAMES {
            self.frames.push(Frame::new(container));
        } else {
            self.too_deep += 1;
        }
    }

    /// Closes the innermost container of this kind with everything in it; nothing where there is none.
    pub(crate) fn close(&mut self, container: Container) {
        self.flush();
        if self.too_deep > 0 {
            self.too_deep -= 1;
            return;
        }
        let same = |frame: &Frame| mem::discriminant(&frame.container) == mem::discriminant(&container);
        let Some(at) = self.frames.iter().rposition(same) else { return };
        while self.frames.len() > at {
            self.pop();
        }
    }

    fn pop(&mut self) {
        let Some(frame) = self.frames.pop() else { return };
        match frame.container {
            Container::Quote => self.push(Block::Quote(frame.blocks)),
            Container::List { start } => self.push(Block::List { start, items: frame.items }),
            Container::Item => match self.frames.last_mut() {
                Some(list) => list.items.push(frame.blocks),
                None => self.root.extend(frame.blocks),
            },
        }
    }

    /// The tree, sanitised, with the addresses in its text as links.
    pub(crate) fn finish(mut self) -> Text {
        if let Some(link) = self.link.take() {
            self.collect_link(link, |url, label| Inline::Link { url, label });
        }
        self.flush();
        while !self.frames.is_empty() {
            self.pop();
        }
        links::finish(Text { blocks: self.root })
    }
}
