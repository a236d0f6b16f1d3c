//! What holds for every cut text.

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::select;
use proptest::{prop_assert, prop_assert_eq, proptest};
use sameroom_markup::{Irc, Markdown, MatrixHtml, Part, Plain, XmppStyling, normalise, plain_text, split};
use sameroom_types::limit::{TextLimit, TextUnit};
use sameroom_types::text::{Block, Inline, Mention, Text};
use unicode_segmentation::UnicodeSegmentation;

use crate::trees::{any_inlines, any_tree, blocks_of, calm_words, code, dialects, essence, text};

fn any_limit(least: u32) -> impl Strategy<Value = TextLimit> {
    (least..200, select(&[TextUnit::Bytes, TextUnit::Utf16Units, TextUnit::Scalars][..]), any::<bool>())
        .prop_map(|(max, unit, multiline)| TextLimit { max, unit, multiline })
}

fn joined(parts: &[Part]) -> String {
    parts.iter().map(|part| part.text.as_str()).collect::<Vec<_>>().join("\n")
}

#[test]
fn no_part_exceeds_the_limit() {
    proptest!(|(tree in any_tree(), prefix in any_inlines(), limit in any_limit(0))| {
        for dialect in dialects() {
            for part in split(&prefix, &tree, dialect.as_ref(), limit) {
                prop_assert!(limit.unit.measure(&part.text) <= limit.max as usize, "{}: {:?}", dialect.name(), part);
                prop_assert!(limit.multiline || !part.text.contains(['\n', '\r', '\0']), "{}: {:?}", dialect.name(), part);
            }
        }
    });
}

#[test]
fn the_same_input_gives_the_same_parts() {
    proptest!(|(tree in any_tree(), limit in any_limit(20))| {
        let parts = split(&[], &tree, &XmppStyling, limit);
        prop_assert_eq!(split(&[], &tree, &XmppStyling, limit), parts);
    });
}

#[test]
fn plain_parts_hold_the_whole_text() {
    let line = prop_oneof![
        calm_words().prop_map(|words| vec![Inline::Text(words)]),
        Just(vec![text("a_very_long_word_that_must_be_cut_somewhere")])
    ];
    proptest!(|(tree in blocks_of(line, code(), true), max in 8_u32..60)| {
        let limit = TextLimit { max, unit: TextUnit::Scalars, multiline: true };
        let signs = |text: &str| essence(text).replace(['>', '-', '.'], "").chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
        prop_assert_eq!(signs(&joined(&split(&[], &tree, &Plain, limit))), signs(&plain_text(&tree)));
    });
}

#[test]
fn irc_lines_hold_the_whole_text() {
    let line = calm_words().prop_map(|words| vec![Inline::Bold(vec![Inline::Text(words)])]);
    proptest!(|(lines in vec(line, 1..5), max in 10_u32..40)| {
        let tree = normalise(Text { blocks: lines.into_iter().map(Block::Paragraph).collect() });
        let limit = TextLimit { max, unit: TextUnit::Bytes, multiline: false };
        let parts = split(&[], &tree, &Irc::default(), limit);
        let closed = parts.iter().all(|part| part.text.starts_with('\u{2}') && part.text.ends_with('\u{f}'));
        prop_assert!(closed, "{parts:?}");
        prop_assert_eq!(essence(&joined(&parts).replace(['\u{2}', '\u{f}'], "")), essence(&plain_text(&tree)));
    });
}

#[test]
fn graphemes_stay_whole() {
    let grapheme = select(&["a", "e\u{301}", "👩\u{200d}👩\u{200d}👧", "🇩🇪", "中", " "][..]);
    proptest!(|(graphemes in vec(grapheme, 1..60), max in 18_u32..40)| {
        let source = graphemes.concat();
        let limit = TextLimit { max, unit: TextUnit::Bytes, multiline: true };
        let whole: Vec<&str> = source.graphemes(true).filter(|grapheme| !grapheme.trim().is_empty()).collect();
        let parts = split(&[], &Text::plain(&source), &Plain, limit);
        let cut: Vec<&str> = parts.iter().flat_map(|part| part.text.graphemes(true)).filter(|grapheme| !grapheme.trim().is_empty()).collect();
        prop_assert_eq!(cut, whole);
    });
}

#[test]
fn mentions_and_links_stay_whole() {
    let piece = prop_oneof![
        2 => calm_words().prop_map(|words| text(&format!(" {words} "))),
        1 => Just(Inline::Mention(Mention::User { id: "@ann:x".into(), name: "Ann of the North".into() })),
        1 => Just(Inline::Link { url: "https://a.example/page".into(), label: Vec::new() }),
    ];
    proptest!(|(inlines in vec(piece, 1..12), max in 40_u32..90)| {
        let tree = Text::paragraph(inlines);
        let limit = TextLimit { max, unit: TextUnit::Utf16Units, multiline: true };
        for dialect in dialects() {
            if dialect.name() == "matrix-html" {
                continue;
            }
            let parts = split(&[text("bob: ")], &tree, dialect.as_ref(), limit);
            let count = |what: &str| joined(&parts).matches(what).count();
            let whole = dialect.render(&tree);
            prop_assert_eq!(count("Ann of the North"), whole.matches("Ann of the North").count());
            prop_assert_eq!(count("https://a.example/page"), whole.matches("https://a.example/page").count());
            prop_assert!(parts.iter().all(|part| part.text.starts_with("bob: ")), "{parts:?}");
        }
    });
}

#[test]
fn fences_are_closed_and_opened_again() {
    proptest!(|(lines in vec("[a-z `]{1,30}", 1..12), max in 50_u32..120)| {
        let tree = Text { blocks: vec![Block::CodeBlock { language: Some("rust".into()), code: lines.join("\n") }] };
        let limit = TextLimit { max, unit: TextUnit::Bytes, multiline: true };
        for part in split(&[], &tree, &Markdown::default(), limit) {
            let last = part.text.lines().last().unwrap_or_default();
            prop_assert!(part.text.starts_with("```") && part.text.lines().next().unwrap().ends_with("rust") && last.starts_with("```"), "{:?}", part.text);
        }
        for part in split(&[], &tree, &MatrixHtml, limit) {
            prop_assert!(part.text.starts_with("<pre><code class=\"language-rust\">") && part.text.ends_with("</code></pre>"));
        }
    });
}
