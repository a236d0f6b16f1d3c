//! Plain text, sanitising, corrections and names.

use sameroom_markup::{
    Dialect, Plain, correction, first_line, is_blank, map_mentions, no_ping, normalise, plain_text, prepend,
    sanitise,
};
use sameroom_types::text::{Block, Inline, Mention, Text};

fn text(source: &str) -> Inline {
    Inline::Text(source.to_owned())
}

#[test]
fn corrections_are_short_or_none() {
    let check = |old, new, expected: Option<&str>| assert_eq!(correction(old, new).as_deref(), expected);
    check("see teh cat", "see the cat", Some("teh → the"));
    check("yes", "no", Some("yes → no"));
    check("a cat", "a  cat\n", None);
    check("same", "same", None);
    check("", "new", None);
    check("old", "", None);
    check("I saw cat", "I saw a cat", Some("saw → saw a"));
    check("cat sat", "the cat sat", Some("cat → the cat"));
    check("the very big cat", "the big cat", Some("the very → the"));
    check("a a", "a a a", Some("a → a a"));
    check("b a", "b a b a", Some("a → a b a"));
    check("one two three four five six seven", "a b c d e f g", None);
    check("short", &"x".repeat(100), None);
}

#[test]
fn names_are_broken_after_the_first_grapheme() {
    assert_eq!(no_ping("ann"), "a\u{200b}nn");
    assert_eq!(no_ping("e\u{301}va"), "e\u{301}\u{200b}va");
    assert_eq!(no_ping(""), "");
}

#[test]
fn sanitising_removes_what_could_harm() {
    let check = |source: &str, expected: &str| {
        assert_eq!(plain_text(&sanitise(Text::paragraph(vec![text(source)]))), expected, "{source:?}");
    };
    check("a\0b\u{1b}[0m\u{85}c", "ab[0mc");
    check("a\r\nb\rc\td", "a\nb\nc\td");
    check("x\u{202e}y", "x\u{202e}y\u{202c}");
    check("x\u{202c}\u{2069}y", "xy");
    check("x\u{2066}y\u{2069}z", "x\u{2066}y\u{2069}z");
    check("a\u{fffe}\u{ffff}b", "ab");
    check("a\u{2028}b", "a\nb");
}

#[test]
fn depth_is_bounded() {
    let mut blocks = vec![Block::Paragraph(vec![text("deep")])];
    for _ in 0..2_000 {
        blocks = vec![Block::Quote(blocks)];
    }
    let plain = plain_text(&normalise(Text { blocks }));
    assert_eq!(plain, format!("{}deep", "> ".repeat(16)));
}

#[test]
fn normal_form_joins_and_reorders() {
    let left = Text::paragraph(vec![
        text("a"),
        text("b"),
        Inline::Bold(vec![Inline::Italic(vec![text("c")]), Inline::Bold(vec![])]),
        Inline::Italic(vec![text("d")]),
        Inline::Break,
        Inline::Break,
        text("e  "),
    ]);
    let right = Text {
        blocks: vec![
            Block::Paragraph(vec![
                text("ab"),
                Inline::Italic(vec![Inline::Bold(vec![text("c")]), text("d")]),
            ]),
            Block::Paragraph(vec![text("e")]),
        ],
    };
    assert_eq!(normalise(left), right);
}

#[test]
fn first_lines_are_cut_at_graphemes() {
    let text = Text::plain("\n\nhello there\nmore");
    assert_eq!(first_line(&text, 80), "hello there");
    assert_eq!(first_line(&text, 7), "hello…");
    assert_eq!(first_line(&text, 0), "");
    assert_eq!(first_line(&Text::default(), 5), "");
}

#[test]
fn blankness_ignores_invisible_characters() {
    assert!(is_blank(&Text::plain(" \u{200b}\n\t\u{2060}")));
    assert!(!is_blank(&Text::plain("x")));
}

#[test]
fn mentions_are_replaced_inside_styles() {
    let mention = Mention::User { id: "1".into(), name: "ann".into() };
    let source = Text::paragraph(vec![Inline::Bold(vec![Inline::Mention(mention)])]);
    let mapped = map_mentions(source, &mut |mention| match mention {
        Mention::User { name, .. } => Inline::Text(name),
        other => Inline::Mention(other),
    });
    assert_eq!(mapped, Text::paragraph(vec![Inline::Bold(vec![text("ann")])]));
}

#[test]
fn prefixes_join_the_first_paragraph_only() {
    let prefix = [text("ann: ")];
    assert_eq!(plain_text(&prepend(&prefix, Text::plain("hi"))), "ann: hi");
    let code = Text { blocks: vec![Block::CodeBlock { language: None, code: "x".into() }] };
    assert_eq!(plain_text(&prepend(&prefix, code)), "ann:\n\nx");
}

#[test]
fn plain_text_shows_structure() {
    let tree = Text {
        blocks: vec![
            Block::Quote(vec![
                Block::Paragraph(vec![text("q"), Inline::Break, text("r")]),
                Block::Paragraph(vec![text("s")]),
            ]),
            Block::List {
                start: Some(9),
                items: vec![
                    vec![
                        Block::Paragraph(vec![text("a")]),
                        Block::List { start: None, items: vec![vec![Block::Paragraph(vec![text("b")])]] },
                    ],
                    vec![Block::Quote(vec![Block::Paragraph(vec![text("c")])])],
                ],
            },
            Block::CodeBlock { language: Some("rust".into()), code: "x\n\ny".into() },
        ],
    };
    insta::assert_snapshot!(plain_text(&tree), @r"
    > q
    > r
    >
    > s

    9. a
       - b
    10. > c

    x

    y
    ");
}

#[test]
fn mass_mentions_never_act() {
    assert_eq!(
        Plain.render(&Text::plain("hey @Everyone and <!here>, @alle, a@room.org")),
        "hey @\u{200b}Everyone and <\u{200b}!here>, @alle, a@room.org"
    );
    let mass = Text::paragraph(vec![Inline::Mention(Mention::Mass { name: "here".into() })]);
    assert_eq!(plain_text(&mass), "@\u{200b}here");
    let twice = Text::paragraph(vec![Inline::Mention(Mention::Mass { name: "@everyone".into() })]);
    assert_eq!(plain_text(&twice), "@\u{200b}@\u{200b}everyone");
}
