//! Where a reader of XEP-0393 sees marks.

use crate::sanitise::MAX_BLOCK_DEPTH;

/// A styled stretch of a line: the byte positions of its two marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) mark: char,
    pub(super) open: usize,
    pub(super) close: usize,
}

const MARKS: [char; 4] = ['*', '_', '~', '`'];

/// A line of just three backticks ends preformatted text.
pub(super) fn is_fence_end(line: &str) -> bool {
    line.trim_end() == "```"
}

/// What a line of a quote quotes: the sign and one blank after it are gone.
pub(super) fn quoted(line: &str) -> Option<&str> {
    let rest = line.strip_prefix('>')?;
    Some(rest.strip_prefix(' ').unwrap_or(rest))
}

/// The spans of a line in the order of their opening marks (XEP-0393, section 6.2).
///
/// A mark opens at the start, after a blank or after another opening mark, and never before a blank; the
/// next equal mark that follows no blank closes it. Inside backticks there are none.
pub(super) fn spans(line: &str) -> Vec<Span> {
    let mut out = Vec::new();
    scan(line, 0, line.len(), &mut out);
    out
}

/// Recurses into spans: none lies in one of its own kind, so four times at most.
fn scan(line: &str, from: usize, to: usize, out: &mut Vec<Span>) {
    let Some(range) = line.get(..to) else { return };
    let mut at = from;
    // Whether no more closing mark of a kind follows: looking again would cost quadratic time.
    let mut exhausted = [false; MARKS.len()];
    let mut opens = true;
    while let Some(c) = range.get(at..).and_then(|tail| tail.chars().next()) {
        let next = at + c.len_utf8();
        let kind = MARKS.iter().position(|mark| *mark == c).filter(|_| opens);
        let Some(kind) = kind else {
            opens = c.is_whitespace();
            at = next;
            continue;
        };
        // Neither a blank nor the same mark may follow: the span would start with a blank or be empty.
        let cannot = range.get(next..).is_none_or(|tail| {
            tail.is_empty() || tail.starts_with(|after: char| after == c || after.is_whitespace())
        });
        let close = match exhausted.get_mut(kind) {
            Some(exhausted) if !*exhausted && !cannot => {
                let close = closing(range, next, c);
                *exhausted = close.is_none();
                close
            }
            _ => None,
        };
        let Some(close) = close else {
            opens = false;
            at = next;
            continue;
        };
        out.push(Span { mark: c, open: at, close });
        if c != '`' {
            scan(line, next, close, out);
        }
        at = close + 1;
        opens = false;
    }
}

/// The first mark that follows no blank.
fn closing(range: &str, from: usize, mark: char) -> Option<usize> {
    let mut before = ' ';
    for (offset, c) in range.get(from..)?.char_indices() {
        if c == mark && !before.is_whitespace() {
            return Some(from + offset);
        }
        before = c;
    }
    None
}

/// The byte positions of all marks in `text`, ascending: spans, quote signs, fences.
pub(super) fn marks(text: &str) -> Vec<usize> {
    let mut out = Vec::new();
    // How many quotes lie around an open preformatted block.
    let mut fence: Option<usize> = None;
    let mut start = 0;
    for line in text.split('\n') {
        let mut depth = 0;
        let mut rest = line;
        while fence != Some(depth) && depth < MAX_BLOCK_DEPTH {
            let Some(inner) = quoted(rest) else { break };
            out.push(start + line.len() - rest.len());
            rest = inner;
            depth += 1;
        }
        // The end of a quote ends what was open in it.
        if fence.is_some_and(|around| depth < around) {
            fence = None;
        }
        let at = start + line.len() - rest.len();
        if fence.is_some() {
            if is_fence_end(rest) {
                out.push(at);
                fence = None;
            }
        } else if rest.starts_with("```") {
            out.push(at);
            fence = Some(depth);
        } else {
            let mut found: Vec<usize> =
                spans(rest).into_iter().flat_map(|span| [at + span.open, at + span.close]).collect();
            found.sort_unstable();
            out.append(&mut found);
        }
        start += line.len() + 1;
    }
    out
}
