//! Running text as a flat list of styled runs, and its canonical tree.
//!
//! Two trees that look the same have the same runs, so going through runs is what makes trees
//! comparable. It also bounds their depth: at most one level for each style and one for a link.

use std::mem;

use sameroom_types::text::{Emoji, Inline, Mention};

/// A set of styles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Style(u8);

impl Style {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const SPOILER: Self = Self(1);
    pub(crate) const BOLD: Self = Self(2);
    pub(crate) const ITALIC: Self = Self(4);
    pub(crate) const UNDERLINE: Self = Self(8);
    pub(crate) const STRIKE: Self = Self(16);
    /// Every style, those that go outside where two span the same text first.
    pub(crate) const ALL: [Self; 5] =
        [Self::SPOILER, Self::BOLD, Self::ITALIC, Self::UNDERLINE, Self::STRIKE];

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    pub(crate) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(crate) fn shared(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The inline that gives `children` this one style.
    pub(crate) fn wrap(self, children: Vec<Inline>) -> Inline {
        match self {
            Self::SPOILER => Inline::Spoiler(children),
            Self::ITALIC => Inline::Italic(children),
            Self::UNDERLINE => Inline::Underline(children),
            Self::STRIKE => Inline::Strike(children),
            _ => Inline::Bold(children),
        }
    }
}

/// A piece of running text without any style of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Leaf {
    Text(String),
    Code(String),
    #[default]
    Break,
    /// A link, mention, emoji or raw piece: goes together or not at all.
    Whole(Inline),
}

/// A leaf with the styles that it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) style: Style,
    pub(crate) leaf: Leaf,
}

impl Run {
    /// Whether there is nothing to see.
    pub(crate) fn is_blank(&self) -> bool {
        match &self.leaf {
            Leaf::Text(text) => text.chars().all(char::is_whitespace),
            Leaf::Code(_) | Leaf::Whole(_) => false,
            Leaf::Break => true,
        }
    }
}

/// Appends a run, joined with the last one where both look the same.
pub(crate) fn push_run(runs: &mut Vec<Run>, style: Style, leaf: Leaf) {
    match (&leaf, runs.last_mut()) {
        (Leaf::Text(text) | Leaf::Code(text), _) if text.is_empty() => return,
        (Leaf::Text(more), Some(Run { style: last, leaf: Leaf::Text(text) }))
        | (Leaf::Code(more), Some(Run { style: last, leaf: Leaf::Code(text) }))
            if *last == style =>
        {
            text.push_str(more);
            return;
        }
        _ => {}
    }
    runs.push(Run { style, leaf });
}

/// The runs of `inlines`, each string passed through `clean`. Line breaks inside strings become breaks.
pub(crate) fn to_runs(inlines: Vec<Inline>, clean: &mut dyn FnMut(String) -> String) -> Vec<Run> {
    flatten(inlines, false, clean)
}

/// Walks without recursion, so that no depth of the tree can exhaust the stack.
fn flatten(inlines: Vec<Inline>, in_link: bool, clean: &mut dyn FnMut(String) -> String) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut stack = vec![(inlines.into_iter(), Style::NONE)];
    while let Some((iter, style)) = stack.last_mut() {
        let style = *style;
        let Some(inline) = iter.next() else {
            stack.pop();
            continue;
        };
        let (children, added) = match inline {
            Inline::Text(text) => {
                push_lines(&mut runs, style, &clean(text), Leaf::Text);
                continue;
            }
            Inline::Code(code) => {
                push_lines(&mut runs, style, &clean(code), Leaf::Code);
                continue;
            }
            Inline::Break => {
                let leaf = if in_link { Leaf::Text(" ".to_owned()) } else { Leaf::Break };
                push_run(&mut runs, style, leaf);
                continue;
            }
            Inline::Mention(mention) if in_link => {
                let mut name = String::new();
                crate::guard::push_mention(&mut name, &clean_mention(mention, clean));
                push_run(&mut runs, style, Leaf::Text(name));
                continue;
            }
            Inline::Mention(mention) => {
                push_run(&mut runs, style, Leaf::Whole(Inline::Mention(clean_mention(mention, clean))));
                continue;
            }
            Inline::Emoji(emoji) => {
                push_run(&mut runs, style, Leaf::Whole(Inline::Emoji(clean_emoji(emoji, clean))));
                continue;
            }
            Inline::Raw { dialect, source, fallback } => {
                let fallback = one_line(&clean(fallback));
                push_run(&mut runs, style, Leaf::Whole(Inline::Raw { dialect, source, fallback }));
                continue;
            }
            Inline::Link { label, .. } if in_link => (label, Style::NONE),
            Inline::Link { url, label } => {
                push_link(&mut runs, style, &clean(url), label, clean);
                continue;
            }
            Inline::Bold(children) => (children, Style::BOLD),
            Inline::Italic(children) => (children, Style::ITALIC),
            Inline::Strike(children) => (children, Style::STRIKE),
            Inline::Underline(children) => (children, Style::UNDERLINE),
            Inline::Spoiler(children) => (children, Style::SPOILER),
        };
        stack.push((children.into_iter(), style.with(added)));
    }
    runs
}

fn push_lines(runs: &mut Vec<Run>, style: Style, text: &str, leaf: fn(String) -> Leaf) {
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            push_run(runs, style, Leaf::Break);
        }
        push_run(runs, style, leaf(line.to_owned()));
    }
}

fn push_link(
    runs: &mut Vec<Run>,
    style: Style,
    url: &str,
    label: Vec<Inline>,
    clean: &mut dyn FnMut(String) -> String,
) {
    let url: String = url.trim().chars().filter(|c| !c.is_control()).collect();
    let mut inner = flatten(label, true, clean);
    if url.is_empty() {
        for run in inner {
            push_run(runs, run.style.with(style), run.leaf);
        }
        return;
    }
    for run in &mut inner {
        run.style = run.style.without(style);
    }
    trim(&mut inner);
    let same =
        matches!(inner.as_slice(), [Run { style: Style::NONE, leaf: Leaf::Text(text) }] if *text == url);
    let label = if same { Vec::new() } else { to_inlines(inner) };
    push_run(runs, style, Leaf::Whole(Inline::Link { url, label }));
}

/// Removes blanks at both ends.
pub(crate) fn trim(runs: &mut Vec<Run>) {
    trim_end(runs);
    let blank = runs.iter().take_while(|run| run.is_blank()).count();
    runs.drain(..blank);
    if let Some(Run { leaf: Leaf::Text(text), .. }) = runs.first_mut() {
        *text = text.trim_start().to_owned();
    }
}

/// Removes blanks at the end.
pub(crate) fn trim_end(runs: &mut Vec<Run>) {
    while runs.last().is_some_and(Run::is_blank) {
        runs.pop();
    }
    if let Some(Run { leaf: Leaf::Text(text), .. }) = runs.last_mut() {
        text.truncate(text.trim_end().len());
    }
}

fn clean_mention(mention: Mention, clean: &mut dyn FnMut(String) -> String) -> Mention {
    match mention {
        Mention::User { id, name } => Mention::User { id, name: one_line(&clean(name)) },
        Mention::Room { id, name } => Mention::Room { id, name: one_line(&clean(name)) },
        Mention::Mass { name } => Mention::Mass { name: one_line(&clean(name)) },
    }
}

fn clean_emoji(emoji: Emoji, clean: &mut dyn FnMut(String) -> String) -> Emoji {
    match emoji {
        Emoji::Unicode(sequence) => Emoji::Unicode(one_line(&clean(sequence))),
        Emoji::Custom { name, url } => Emoji::Custom { name: one_line(&clean(name)), url },
    }
}

fn one_line(text: &str) -> String {
    text.replace('\n', " ")
}

/// `runs` in which no style begins or ends with a blank: dialects with marks cannot express that.
pub(crate) fn bare_edges(runs: Vec<Run>) -> Vec<Run> {
    let mut pieces: Vec<Run> = Vec::with_capacity(runs.len());
    for run in runs {
        let Leaf::Text(text) = &run.leaf else {
            pieces.push(run);
            continue;
        };
        let body = text.trim();
        let start = if body.is_empty() { text.len() } else { text.len() - text.trim_start().len() };
        let (blank, rest) = text.split_at_checked(start).unwrap_or((text, ""));
        let (body, tail) = rest.split_at_checked(body.len()).unwrap_or((rest, ""));
        for piece in [blank, body, tail].into_iter().filter(|piece| !piece.is_empty()) {
            pieces.push(Run { style: run.style, leaf: Leaf::Text(piece.to_owned()) });
        }
    }
    // From the left, a blank keeps what the text before it has; from the right, what the text after it has.
    let mut before = Style::NONE;
    for piece in &mut pieces {
        if piece.is_blank() {
            piece.style = piece.style.shared(before);
        }
        before = piece.style;
    }
    let mut after = Style::NONE;
    for piece in pieces.iter_mut().rev() {
        if piece.is_blank() {
            piece.style = piece.style.shared(after);
        }
        after = piece.style;
    }
    let mut out = Vec::with_capacity(pieces.len());
    for piece in pieces {
        push_run(&mut out, piece.style, piece.leaf);
    }
    out
}

/// The lines of `runs`, without their breaks; lines with nothing to see are empty.
pub(crate) fn to_lines(runs: Vec<Run>) -> Vec<Vec<Run>> {
    let mut lines = vec![Vec::new()];
    for run in runs {
        if run.leaf == Leaf::Break {
            lines.push(Vec::new());
        } else if let Some(line) = lines.last_mut() {
            line.push(run);
        }
    }
    for line in &mut lines {
        trim_end(line);
    }
    lines
}

/// The paragraphs of `runs`: an empty line starts another one.
pub(crate) fn to_paragraphs(runs: Vec<Run>) -> Vec<Vec<Run>> {
    let mut paragraphs = Vec::new();
    let mut current: Vec<Run> = Vec::new();
    for line in to_lines(runs) {
        if line.is_empty() {
            if !current.is_empty() {
                paragraphs.push(mem::take(&mut current));
            }
            continue;
        }
        if let (Some(last), Some(first)) = (current.last(), line.first()) {
            let style = last.style.shared(first.style);
            current.push(Run { style, leaf: Leaf::Break });
        }
        current.extend(line);
    }
    if !current.is_empty() {
        paragraphs.push(current);
    }
    paragraphs
}

/// The canonical tree of `runs`: at each place the style that lasts longest goes outside.
pub(crate) fn to_inlines(mut runs: Vec<Run>) -> Vec<Inline> {
    nest(&mut runs, Style::NONE)
}

/// Recurses once for each style at most.
fn nest(runs: &mut [Run], used: Style) -> Vec<Inline> {
    let mut out = Vec::new();
    let mut rest = runs;
    while let Some(first) = rest.first_mut() {
        let style = first.style.without(used);
        if style.is_empty() {
            out.push(match mem::take(&mut first.leaf) {
                Leaf::Text(text) => Inline::Text(text),
                Leaf::Code(code) => Inline::Code(code),
                Leaf::Break => Inline::Break,
                Leaf::Whole(inline) => inline,
            });
            rest = rest.split_at_mut(1).1;
            continue;
        }
        let mut best = (0, Style::BOLD);
        for candidate in Style::ALL {
            if style.has(candidate) {
                let length = rest.iter().take_while(|run| run.style.has(candidate)).count();
                if length > best.0 {
                    best = (length, candidate);
                }
            }
        }
        let (inner, after) = rest.split_at_mut(best.0);
        out.push(best.1.wrap(nest(inner, used.with(best.1))));
        rest = after;
    }
    out
}
