//! What holds for every dialect and any input.

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, prop_oneof};
use proptest::{prop_assert, prop_assert_eq, prop_assume, proptest};
use sameroom_markup::{
    Dialect, FUZZ_TARGETS, Irc, Markdown, MatrixHtml, Plain, XmppStyling, normalise, sanitise,
};
use sameroom_types::text::{Block, Inline, Mention, Text};

use crate::trees::{
    any_inlines, any_tree, blocks_of, calm_words, code, dialects, essence, hostile_line, hostile_text,
    is_mere_text, readable, styled, text, words,
};

/// Styles in any nesting around leaves, in any order.
fn styled_inlines(
    leaf: impl Strategy<Value = Inline> + 'static,
    styles: &'static [usize],
) -> impl Strategy<Value = Vec<Inline>> {
    let inline = leaf.prop_recursive(3, 12, 3, move |inner| {
        (proptest::sample::select(styles), vec(inner, 1..4))
            .prop_map(|(style, children)| styled(style, children))
    });
    vec(inline, 1..5)
}

/// Styles of one level with words without styles between them.
fn spaced_inlines(styles: &'static [usize]) -> impl Strategy<Value = Vec<Inline>> {
    let piece = prop_oneof![
        calm_words().prop_map(Inline::Text),
        (proptest::sample::select(styles), calm_words())
            .prop_map(|(style, words)| styled(style, vec![Inline::Text(words)])),
        calm_words().prop_map(Inline::Code),
    ];
    vec(piece, 1..5).prop_map(|pieces| {
        let mut out = Vec::new();
        for piece in pieces {
            if !out.is_empty() {
                out.push(text(" and "));
            }
            out.push(piece);
        }
        out
    })
}

fn link() -> impl Strategy<Value = Inline> {
    (
        proptest::sample::select(
            &["https://a.example/x_y?z=1", "http://b.example", "mailto:a@b.example"][..],
        ),
        calm_words(),
    )
        .prop_map(|(url, label)| Inline::Link { url: url.to_owned(), label: vec![Inline::Text(label)] })
}

fn mention() -> impl Strategy<Value = Inline> {
    prop_oneof![
        calm_words().prop_map(|name| Inline::Mention(Mention::User { id: "@ann:example.org".into(), name })),
        calm_words().prop_map(|name| Inline::Mention(Mention::Room { id: "#room:example.org".into(), name })),
    ]
}

/// Source to tree and back through every dialect; the result must be sane.
#[test]
fn fuzz_targets_hold_for_random_input() {
    proptest!(|(source in hostile_text())| {
        for target in FUZZ_TARGETS {
            (target.run)(&source);
        }
    });
}

#[test]
fn parsed_trees_are_sanitised_and_canonical() {
    proptest!(|(source in hostile_text())| {
        for dialect in dialects() {
            let tree = dialect.parse(&source);
            prop_assert_eq!(&sanitise(tree.clone()), &tree, "{}", dialect.name());
        }
    });
}

#[test]
fn normalising_twice_changes_nothing() {
    proptest!(|(tree in any_tree())| {
        let once = normalise(tree.clone());
        prop_assert_eq!(normalise(once.clone()), once);
        let once = sanitise(tree);
        prop_assert_eq!(sanitise(once.clone()), once);
    });
}

#[test]
fn rendering_keeps_what_can_be_read() {
    proptest!(|(lines in vec(hostile_line(), 1..4))| {
        let tree = sanitise(Text::plain(&lines.join("\n")));
        for dialect in dialects() {
            let again = dialect.parse(&dialect.render(&tree));
            let separators = if dialect.name() == "irc" { "/" } else { "" };
            let drop = |text: String| text.chars().filter(|c| !separators.contains(*c)).collect::<String>();
            if dialect.name() == "xmpp-styling" {
                prop_assert_eq!(essence(&dialect.render(&tree)), readable(&tree));
            } else {
                prop_assert_eq!(drop(readable(&again)), drop(readable(&tree)), "{}", dialect.name());
            }
        }
    });
}

#[test]
fn text_never_becomes_markup() {
    proptest!(|(lines in vec(hostile_line(), 1..4))| {
        let tree = Text::plain(&lines.join("\n"));
        for dialect in dialects() {
            let rendered = dialect.render(&tree);
            let again = dialect.parse(&rendered);
            prop_assert!(!dialect.is_styled(&rendered, &tree) || is_mere_text(&again), "{}: {rendered:?} {again:?}", dialect.name());
        }
    });
}

#[test]
fn nothing_addresses_everybody() {
    proptest!(|(tree in any_tree())| {
        for dialect in [&Plain as &dyn Dialect, &Markdown::default(), &MatrixHtml] {
            let rendered = dialect.render(&tree).to_ascii_lowercase();
            // Code is shown as it is, and notifies nobody.
            if rendered.contains(['`']) || rendered.contains("<code") {
                continue;
            }
            for word in ["@everyone", "<!here>", "@room ", "@room."] {
                prop_assert!(!rendered.contains(word), "{}: {rendered:?}", dialect.name());
            }
        }
    });
}

#[test]
fn irc_is_one_line_without_foreign_codes() {
    proptest!(|(tree in any_tree())| {
        for colours in [true, false] {
            let rendered = Irc { colours }.render(&tree);
            let ours = ['\u{2}', '\u{3}', '\u{f}', '\u{11}', '\u{1d}', '\u{1e}', '\u{1f}', '\t'];
            let bad = rendered.chars().find(|c| c.is_control() && !(ours.contains(c) && (colours || *c == '\t')));
            prop_assert_eq!(bad, None, "{:?}", rendered);
        }
    });
}

#[test]
fn irc_gives_back_what_it_can_hold() {
    let leaf = prop_oneof![words().prop_map(Inline::Text), words().prop_map(Inline::Code)];
    proptest!(|(inlines in styled_inlines(leaf, &[0, 1, 2, 3, 4]))| {
        let tree = normalise(Text::paragraph(inlines));
        prop_assert_eq!(Irc::default().parse(&Irc::default().render(&tree)), tree);
    });
}

#[test]
fn matrix_gives_back_what_it_can_hold() {
    let leaf = prop_oneof![6 => words().prop_map(Inline::Text), 1 => words().prop_map(Inline::Code), 1 => link(), 1 => mention()];
    proptest!(|(tree in blocks_of(styled_inlines(leaf, &[0, 1, 2, 3, 4]), code(), true))| {
        prop_assert_eq!(MatrixHtml.parse(&MatrixHtml.render(&tree)), tree);
    });
}

#[test]
fn markdown_gives_back_what_it_can_hold() {
    let line = prop_oneof![3 => spaced_inlines(&[0, 1, 2, 4]), 1 => words().prop_map(|words| vec![Inline::Text(words)]), 1 => link().prop_map(|link| vec![link])];
    let markdown = Markdown { spoilers: true };
    proptest!(|(tree in blocks_of(line, code(), true))| {
        prop_assert_eq!(markdown.parse(&markdown.render(&tree)), tree);
    });
}

#[test]
fn styling_gives_back_what_it_can_hold() {
    proptest!(|(tree in blocks_of(spaced_inlines(&[0, 1, 2]), code(), false))| {
        let rendered = XmppStyling.render(&tree);
        prop_assert!(XmppStyling.is_styled(&rendered, &tree), "{rendered}");
        prop_assert_eq!(XmppStyling.parse(&rendered), tree);
    });
}

#[test]
fn plain_gives_back_what_it_can_hold() {
    proptest!(|(lines in vec(prop_oneof![words(), Just(String::new())], 1..6))| {
        let tree = normalise(Text::plain(&lines.join("\n")));
        prop_assert_eq!(Plain.parse(&Plain.render(&tree)), tree);
    });
}

#[test]
fn markdown_styles_are_read_as_meant_or_not_at_all() {
    proptest!(|(inlines in any_inlines())| {
        let tree = sanitise(Text::paragraph(inlines));
        prop_assume!(tree.blocks.iter().all(|block| matches!(block, Block::Paragraph(_))));
        for spoilers in [true, false] {
            let markdown = Markdown { spoilers };
            let again = markdown.parse(&markdown.render(&tree));
            prop_assert!(again.blocks.iter().all(|block| matches!(block, Block::Paragraph(_))), "{:?}", again);
        }
    });
}
