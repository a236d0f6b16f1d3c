//! The control codes that IRC programs use for formatting (folk standard of mIRC, see modern.ircdocs.horse/formatting).
//!
//! Codes are toggles that end with the line, so both ways go through runs. Text never holds a control
//! character, so it can neither format nor end a line.

use sameroom_types::text::{Inline, Mention, Text};

use crate::guard::{GUARD, no_ping, push_mass, unguard};
use crate::lines::{Content, lines};
use crate::plain::push_plain;
use crate::runs::{Leaf, Run, Style, push_run, to_inlines, to_runs};
use crate::sanitise::{bounded, sanitise};
use crate::{Dialect, links};

const BOLD: char = '\u{02}';
const COLOUR: char = '\u{03}';
const HEX_COLOUR: char = '\u{04}';
const RESET: char = '\u{0f}';
const MONOSPACE: char = '\u{11}';
const ITALIC: char = '\u{1d}';
const STRIKE: char = '\u{1e}';
const UNDERLINE: char = '\u{1f}';

/// Black on black: both colours with two digits, so that no digit of the text can join them.
const SPOILER: &str = "\u{03}01,01";

/// What stands between lines where a text of several must be one.
const LINE_SEPARATOR: &str = " / ";

/// IRC formatting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Irc {
    /// Whether to send codes; without them, as for a channel with mode `+c`, styles become `*signs*`.
    pub colours: bool,
}

impl Default for Irc {
    fn default() -> Self {
        Self { colours: true }
    }
}

impl Dialect for Irc {
    fn name(&self) -> &'static str {
        "irc"
    }

    /// Each line of `source` is a line of one paragraph. Zero-width spaces go: bridges put them into names.
    fn parse(&self, source: &str) -> Text {
        let source = unguard(bounded(source)).replace("\r\n", "\n").replace([GUARD, '\u{2060}'], "");
        let mut runs = Vec::new();
        for (index, line) in source.split(['\n', '\r']).enumerate() {
            if index > 0 {
                push_run(&mut runs, Style::NONE, Leaf::Break);
            }
            parse_line(&mut runs, line);
        }
        links::finish(Text::paragraph(to_inlines(runs)))
    }

    /// One line, always: lines are joined by ` / ` (send each as a message of its own with [`crate::split`]).
    fn render(&self, text: &Text) -> String {
        let mut out = String::new();
        for line in lines(&sanitise(text.clone())) {
            let inlines = match line.content {
                Content::Text(inlines) => inlines,
                Content::Code(code) if !code.trim().is_empty() => vec![Inline::Code(code)],
                Content::Code(_) | Content::CodeStart(_) | Content::CodeEnd | Content::Blank => continue,
            };
            if !out.is_empty() {
                out.push_str(LINE_SEPARATOR);
            }
            for _ in 0..line.quotes {
                out.push_str("> ");
            }
            out.push_str(&line.indent);
            if self.colours {
                push_codes(&mut out, to_runs(inlines, &mut |text| text));
            } else {
                push_signs(&mut out, &inlines);
            }
        }
        out
    }
}

/// What the codes of a line have switched on so far.
#[derive(Clone, Copy, Default)]
struct State {
    style: Style,
    monospace: bool,
}

fn parse_line(runs: &mut Vec<Run>, line: &str) {
    let mut state = State::default();
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        let end = rest.find(|c: char| c.is_control() && c != '\t').unwrap_or(rest.len());
        if end > 0 {
            let (text, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
            let leaf = if state.monospace { Leaf::Code } else { Leaf::Text };
            push_run(runs, state.style, leaf(text.to_owned()));
            rest = after;
            continue;
        }
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
        let toggled = match c {
            BOLD => Style::BOLD,
            ITALIC => Style::ITALIC,
            UNDERLINE => Style::UNDERLINE,
            STRIKE => Style::STRIKE,
            MONOSPACE => {
                state.monospace = !state.monospace;
                continue;
            }
            RESET => {
                state = State::default();
                continue;
            }
            COLOUR | HEX_COLOUR => {
                let (front, back, after) = if c == COLOUR {
                    colours(rest, 1, 2, |c| c.is_ascii_digit())
                } else {
                    colours(rest, 6, 6, |c| c.is_ascii_hexdigit())
                };
                rest = after;
                state.style = match back {
                    Some(back) if is_same_colour(front, back) => state.style.with(Style::SPOILER),
                    Some(_) => state.style.without(Style::SPOILER),
                    None if front.is_empty() => state.style.without(Style::SPOILER),
                    // A text colour alone keeps the background, whose value is not known here.
                    None => state.style.without(Style::SPOILER),
                };
                continue;
            }
            _ => continue,
        };
        state.style =
            if state.style.has(toggled) { state.style.without(toggled) } else { state.style.with(toggled) };
    }
}

/// The text colour, the background if there is one, and what follows.
fn colours(rest: &str, min: usize, max: usize, is_digit: fn(char) -> bool) -> (&str, Option<&str>, &str) {
    let number = |text: &str| {
        let count = text.chars().take(max).take_while(|c| is_digit(*c)).count();
        if count < min { 0 } else { count }
    };
    let (front, after) = rest.split_at_checked(number(rest)).unwrap_or(("", rest));
    if !front.is_empty()
        && let Some(tail) = after.strip_prefix(',')
    {
        let (back, tail) = tail.split_at_checked(number(tail)).unwrap_or(("", tail));
        if !back.is_empty() {
            return (front, Some(back), tail);
        }
    }
    (front, None, after)
}

/// Colour 99 is the default of the reader's program, which is never the same in front and back.
fn is_same_colour(front: &str, back: &str) -> bool {
    if front.len() == 6 || back.len() == 6 {
        return front.eq_ignore_ascii_case(back);
    }
    let number = |text: &str| text.parse::<u8>().unwrap_or(99);
    number(front) == number(back) && number(front) != 99
}

fn push_codes(out: &mut String, runs: Vec<Run>) {
    let mut state = State::default();
    for run in runs {
        let wanted = State { style: run.style, monospace: matches!(run.leaf, Leaf::Code(_)) };
        switch(out, state, wanted);
        state = wanted;
        push_leaf(out, run.leaf);
    }
    switch(out, state, State::default());
}

/// The fewest codes that lead from one state to another; a spoiler only ever ends with a reset.
fn switch(out: &mut String, from: State, to: State) {
    let mut from = from;
    let is_plain = to.style.is_empty() && !to.monospace;
    let was_plain = from.style.is_empty() && !from.monospace;
    if (is_plain && !was_plain) || (from.style.has(Style::SPOILER) && !to.style.has(Style::SPOILER)) {
        out.push(RESET);
        from = State::default();
    }
    for (style, code) in
        [(Style::BOLD, BOLD), (Style::ITALIC, ITALIC), (Style::UNDERLINE, UNDERLINE), (Style::STRIKE, STRIKE)]
    {
        if from.style.has(style) != to.style.has(style) {
            out.push(code);
        }
    }
    if from.monospace != to.monospace {
        out.push(MONOSPACE);
    }
    if to.style.has(Style::SPOILER) && !from.style.has(Style::SPOILER) {
        out.push_str(SPOILER);
    }
}

fn push_leaf(out: &mut String, leaf: Leaf) {
    match leaf {
        Leaf::Text(text) | Leaf::Code(text) => out.push_str(&text),
        Leaf::Break => out.push_str(LINE_SEPARATOR),
        Leaf::Whole(Inline::Mention(mention)) => push_nick(out, &mention),
        Leaf::Whole(inline) => push_plain(out, &[inline]),
    }
}

/// On IRC a name notifies by itself, so that of a person who is not there is broken up.
fn push_nick(out: &mut String, mention: &Mention) {
    match mention {
        Mention::User { id, name } if id.is_empty() => {
            out.push('@');
            out.push_str(&no_ping(name));
        }
        Mention::User { name, .. } => out.push_str(name),
        Mention::Room { name, .. } => {
            out.push('#');
            out.push_str(name.trim_start_matches('#'));
        }
        Mention::Mass { name } => push_mass(out, name),
    }
}

fn push_signs(out: &mut String, inlines: &[Inline]) {
    for inline in inlines {
        let (children, open, close) = match inline {
            Inline::Bold(children) => (children, "*", "*"),
            Inline::Italic(children) | Inline::Underline(children) => (children, "_", "_"),
            Inline::Strike(children) => (children, "~", "~"),
            Inline::Spoiler(children) => (children, "[spoiler: ", "]"),
            Inline::Code(code) => {
                out.push('`');
                out.push_str(code);
                out.push('`');
                continue;
            }
            Inline::Mention(mention) => {
                push_nick(out, mention);
                continue;
            }
            Inline::Break => {
                out.push_str(LINE_SEPARATOR);
                continue;
            }
            Inline::Text(_) | Inline::Link { .. } | Inline::Emoji(_) | Inline::Raw { .. } => {
                push_plain(out, std::slice::from_ref(inline));
                continue;
            }
        };
        out.push_str(open);
        push_signs(out, children);
        out.push_str(close);
    }
}
