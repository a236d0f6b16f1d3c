//! What the fuzzers run, as plain functions that tests run over the kept corpus too.

use sameroom_types::limit::{TextLimit, TextUnit};
use sameroom_types::text::Text;

use crate::{
    Dialect, Irc, Markdown, MatrixHtml, Plain, XmppStyling, correction, first_line, is_blank, parse_xhtml_im,
    sanitise, split,
};

/// A named check over arbitrary text, which panics where a promise is broken.
#[derive(Clone, Copy, Debug)]
pub struct FuzzTarget {
    /// The name, which is also that of the target's corpus folder.
    pub name: &'static str,
    /// The check.
    pub run: fn(&str),
}

/// Every check.
pub const FUZZ_TARGETS: &[FuzzTarget] = &[
    FuzzTarget { name: "plain", run: |source| parse_and_back(&Plain, source) },
    FuzzTarget { name: "irc", run: |source| parse_and_back(&Irc::default(), source) },
    FuzzTarget { name: "styling", run: |source| parse_and_back(&XmppStyling, source) },
    FuzzTarget { name: "markdown", run: |source| parse_and_back(&Markdown { spoilers: true }, source) },
    FuzzTarget { name: "matrix_html", run: |source| parse_and_back(&MatrixHtml, source) },
    FuzzTarget { name: "xhtml_im", run: |source| check_tree(&parse_xhtml_im(source)) },
    FuzzTarget { name: "correction", run: check_correction },
];

fn parse_and_back(dialect: &dyn Dialect, source: &str) {
    let tree = dialect.parse(source);
    check_tree(&tree);
    let again = dialect.parse(&dialect.render(&tree));
    check_tree(&again);
}

/// Renders and splits a parsed tree in every dialect.
fn check_tree(tree: &Text) {
    assert_eq!(&sanitise(tree.clone()), tree, "a parsed tree is sanitised");
    assert!(first_line(tree, 10).len() <= tree_bytes(tree), "an excerpt is no longer than the text");
    let irc = TextLimit { max: 60, unit: TextUnit::Bytes, multiline: false };
    let chat = TextLimit { max: 60, unit: TextUnit::Utf16Units, multiline: true };
    let irc_dialect = Irc::default();
    let dialects: [(&dyn Dialect, TextLimit); 5] = [
        (&irc_dialect, irc),
        (&Plain, chat),
        (&XmppStyling, chat),
        (&Markdown { spoilers: true }, chat),
        (&MatrixHtml, chat),
    ];
    for (dialect, limit) in dialects {
        for part in split(&[], tree, dialect, limit) {
            assert!(limit.unit.measure(&part.text) <= 60, "a part of {} keeps the limit", dialect.name());
            assert!(limit.multiline || !part.text.contains(['\r', '\n', '\0']), "a line is one line");
        }
    }
    assert!(is_blank(tree) || !Plain.render(tree).is_empty(), "what can be seen is rendered");
}

/// A generous bound: the text itself, and the ellipsis.
fn tree_bytes(tree: &Text) -> usize {
    crate::plain_text(tree).len() + '…'.len_utf8()
}

fn check_correction(source: &str) {
    let (old, new) = source.split_at_checked(source.len() / 2).unwrap_or((source, ""));
    if let Some(line) = correction(old, new) {
        assert!(!line.contains(['\n', '\r']), "a correction is one line");
    }
    assert_eq!(correction(source, source), None, "what did not change needs no correction");
}
