//! From the tree to XEP-0393, with a record of every mark that is meant.

use sameroom_types::text::{Inline, Text};

use crate::lines::{Content, lines};
use crate::plain::push_plain;
use crate::runs::{bare_edges, to_inlines, to_runs};
use crate::sanitise::sanitise;

/// A rendered text.
#[derive(Default)]
pub(super) struct Written {
    pub(super) text: String,
    /// The byte positions of the marks that are meant, ascending.
    pub(super) marks: Vec<usize>,
    /// Whether a line of code could be taken for the end of its block.
    pub(super) has_stray_fence: bool,
}

pub(super) fn write(text: &Text) -> Written {
    let mut out = Written::default();
    let mut first = true;
    for line in lines(&sanitise(text.clone())) {
        if !first {
            out.text.push('\n');
        }
        first = false;
        for _ in 0..line.quotes {
            out.marks.push(out.text.len());
            out.text.push_str("> ");
        }
        match &line.content {
            Content::Text(inlines) => {
                out.text.push_str(&line.indent);
                let runs = bare_edges(to_runs(inlines.clone(), &mut |text| text));
                let piece = piece(&to_inlines(runs), line.indent.is_empty() || line.indent.ends_with(' '));
                let start = out.text.len();
                out.marks.extend(piece.marks.iter().map(|mark| start + mark));
                out.text.push_str(&piece.text);
            }
            Content::Code(code) => {
                out.has_stray_fence |= code.starts_with("```");
                out.text.push_str(code);
            }
            Content::CodeStart(language) => {
                if line.indent.trim_end().ends_with(['-', '.', '>']) {
                    // The mark of a list item or a quote in one keeps its own line: a fence must start one.
                    out.text.push_str(line.indent.trim_end());
                    out.text.push('\n');
                    for _ in 0..line.quotes {
                        out.marks.push(out.text.len());
                        out.text.push_str("> ");
                    }
                }
                out.marks.push(out.text.len());
                out.text.push_str("```");
                out.text.push_str(language.as_deref().unwrap_or_default());
            }
            Content::CodeEnd => {
                out.marks.push(out.text.len());
                out.text.push_str("```");
            }
            Content::Blank => {
                let length = out.text.trim_end_matches(' ').len();
                out.text.truncate(length);
            }
        }
    }
    // "/me" at the start would make an action of it (XEP-0245).
    if out.text.starts_with("/me ") {
        out.text.insert(0, crate::guard::GUARD);
        for mark in &mut out.marks {
            *mark += crate::guard::GUARD.len_utf8();
        }
    }
    out.marks.sort_unstable();
    out
}

/// Running text with the positions of its marks.
#[derive(Default)]
struct Piece {
    text: String,
    marks: Vec<usize>,
}

impl Piece {
    fn append(&mut self, other: &Self) {
        let start = self.text.len();
        self.marks.extend(other.marks.iter().map(|mark| start + mark));
        self.text.push_str(&other.text);
    }
}

/// `border` says whether a mark may open before the first character.
///
/// Recurses once for each style; a style whose marks would mean nothing where it stands goes without them.
fn piece(inlines: &[Inline], border: bool) -> Piece {
    let mut out = Piece::default();
    for inline in inlines {
        let border = if out.text.is_empty() { border } else { out.text.ends_with(char::is_whitespace) };
        let (mark, children) = match inline {
            Inline::Bold(children) => ('*', children),
            Inline::Italic(children) | Inline::Underline(children) => ('_', children),
            Inline::Strike(children) => ('~', children),
            Inline::Code(code) => {
                let inner = Piece { text: code.clone(), marks: Vec::new() };
                if border && can_be_marked(&inner.text, '`') {
                    push_marked(&mut out, '`', &inner);
                } else {
                    out.append(&inner);
                }
                continue;
            }
            Inline::Spoiler(children) => {
                out.text.push_str("[spoiler: ");
                out.append(&piece(children, true));
                out.text.push(']');
                continue;
            }
            _ => {
                push_plain(&mut out.text, std::slice::from_ref(inline));
                continue;
            }
        };
        let inner = piece(children, true);
        if border && can_be_marked(&inner.text, mark) {
            push_marked(&mut out, mark, &inner);
        } else {
            out.append(&piece(children, border));
        }
    }
    out
}

fn push_marked(out: &mut Piece, mark: char, inner: &Piece) {
    out.marks.push(out.text.len());
    out.text.push(mark);
    out.append(inner);
    out.marks.push(out.text.len());
    out.text.push(mark);
}

/// Marks hold something without blanks at its ends and without a mark that would end the span early.
fn can_be_marked(inner: &str, mark: char) -> bool {
    !inner.is_empty() && inner.trim().len() == inner.len() && !inner.contains(mark)
}
