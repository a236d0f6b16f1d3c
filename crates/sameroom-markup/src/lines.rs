//! A tree as lines of running text, for dialects that know no blocks.

use sameroom_types::text::{Block, Inline, Text};

use crate::runs::{to_inlines, to_lines, to_runs};

/// One line of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// How many quotes open the line, before anything else.
    pub(crate) quotes: usize,
    /// What follows them: list marks, indents and quotes inside lists.
    pub(crate) indent: String,
    pub(crate) content: Content,
}

/// What a line shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Text(Vec<Inline>),
    /// A line of a code block.
    Code(String),
    /// The line before a code block.
    CodeStart(Option<String>),
    /// The line after a code block.
    CodeEnd,
    /// The border between two blocks.
    Blank,
}

/// The lines of `text`, which must be normalised.
pub(crate) fn lines(text: &Text) -> Vec<Line> {
    let mut writer = Writer { lines: Vec::new(), quotes: 0, indent: String::new(), mark: None };
    writer.blocks(&text.blocks);
    writer.lines
}

struct Writer {
    lines: Vec<Line>,
    quotes: usize,
    /// What every line of the current block starts with.
    indent: String,
    /// What the next line starts with instead: a list mark.
    mark: Option<String>,
}

impl Writer {
    fn push(&mut self, content: Content) {
        let indent = match self.mark.take() {
            Some(mark) => mark,
            None if content == Content::Blank => self.indent.trim_end().to_owned(),
            None => self.indent.clone(),
        };
        self.lines.push(Line { quotes: self.quotes, indent, content });
    }

    /// Recurses as deep as the tree, which is bounded by normalising.
    fn blocks(&mut self, blocks: &[Block]) {
        for (index, block) in blocks.iter().enumerate() {
            let joined =
                matches!(block, Block::List { .. }) && self.mark.is_none() && !self.indent.is_empty();
            if index > 0 && !joined {
                self.push(Content::Blank);
            }
            match block {
                Block::Paragraph(inlines) => {
                    for line in to_lines(to_runs(inlines.clone(), &mut |text| text)) {
                        self.push(Content::Text(to_inlines(line)));
                    }
                }
                Block::CodeBlock { language, code } => {
                    self.push(Content::CodeStart(language.clone()));
                    for line in code.split('\n') {
                        self.push(Content::Code(line.to_owned()));
                    }
                    self.push(Content::CodeEnd);
                }
                Block::Quote(inner) => self.quote(inner),
                Block::List { start, items } => {
                    for (number, item) in items.iter().enumerate() {
                        self.item(*start, number, item);
                    }
                }
            }
        }
    }

    fn quote(&mut self, inner: &[Block]) {
        if self.indent.is_empty() && self.mark.is_none() {
            self.quotes += 1;
            self.blocks(inner);
            self.quotes -= 1;
            return;
        }
        let outer = self.indent.len();
        self.indent.push_str("> ");
        if let Some(mark) = &mut self.mark {
            mark.push_str("> ");
        }
        self.blocks(inner);
        self.indent.truncate(outer);
    }

    fn item(&mut self, start: Option<u64>, number: usize, item: &[Block]) {
        let mark = match start {
            Some(start) => format!("{}. ", start.saturating_add(number as u64)),
            None => "- ".to_owned(),
        };
        let outer = self.indent.len();
        let before = self.mark.take().unwrap_or_else(|| self.indent.clone());
        self.indent.extend(std::iter::repeat_n(' ', mark.len()));
        self.mark = Some(before + &mark);
        self.blocks(item);
        self.mark = None;
        self.indent.truncate(outer);
    }
}
