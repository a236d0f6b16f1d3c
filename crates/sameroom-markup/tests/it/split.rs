//! Cutting texts into parts.

use sameroom_markup::{Dialect, Irc, Plain, split};
use sameroom_types::limit::{TextLimit, TextUnit};
use sameroom_types::text::{Block, Inline, Text};

fn limit(max: u32) -> TextLimit {
    TextLimit { max, unit: TextUnit::Bytes, multiline: true }
}

fn parts(prefix: &str, text: &Text, dialect: &dyn Dialect, limit: TextLimit) -> Vec<String> {
    let prefix = [Inline::Text(prefix.to_owned())];
    split(&prefix, text, dialect, limit).into_iter().map(|part| part.text).collect()
}

#[test]
fn a_short_text_is_one_part() {
    assert_eq!(parts("ann: ", &Text::plain("hi"), &Plain, limit(100)), ["ann: hi"]);
    assert_eq!(parts("ann: ", &Text::default(), &Plain, limit(100)), Vec::<String>::new());
}

#[test]
fn words_stay_whole_and_parts_carry_the_prefix() {
    assert_eq!(
        parts("a: ", &Text::plain("one two three four"), &Plain, limit(11)),
        ["a: one two", "a: three", "a: four"]
    );
}

#[test]
fn better_borders_win() {
    assert_eq!(
        parts("", &Text::plain("one two\nthree\n\nfour five"), &Plain, limit(20)),
        ["one two\nthree", "four five"]
    );
    assert_eq!(parts("", &Text::plain("one two\nthree four"), &Plain, limit(14)), ["one two", "three four"]);
}

#[test]
fn a_long_word_is_cut_between_graphemes() {
    assert_eq!(parts("", &Text::plain("ee\u{301}e\u{301}e"), &Plain, limit(5)), ["ee\u{301}", "e\u{301}e"]);
}

#[test]
fn each_irc_line_is_a_part() {
    let text = Text {
        blocks: vec![
            Block::Paragraph(vec![Inline::Bold(vec![
                Inline::Text("one".into()),
                Inline::Break,
                Inline::Text("two".into()),
            ])]),
            Block::CodeBlock { language: Some("rust".into()), code: "a\n\n  b".into() },
            Block::Quote(vec![Block::Paragraph(vec![Inline::Text("q".into())])]),
        ],
    };
    let limit = TextLimit { max: 40, unit: TextUnit::Bytes, multiline: false };
    assert_eq!(
        parts("<a> ", &text, &Irc::default(), limit),
        ["<a> \u{2}one\u{f}", "<a> \u{2}two\u{f}", "<a> \u{11}a\u{f}", "<a> \u{11}  b\u{f}", "<a> > q"]
    );
}

#[test]
fn a_long_prefix_is_cut() {
    let parts = parts(&"p".repeat(50), &Text::plain("hello world"), &Plain, limit(20));
    assert!(parts.iter().all(|part| part.len() <= 20 && part.starts_with("ppp")), "{parts:?}");
}

#[test]
fn a_list_goes_on_with_its_numbers() {
    let item = |text: &str| vec![Block::Paragraph(vec![Inline::Text(text.into())])];
    let text = Text {
        blocks: vec![Block::List {
            start: Some(1),
            items: vec![item("one two three"), item("four"), item("five")],
        }],
    };
    assert_eq!(parts("", &text, &Plain, limit(11)), ["1. one two", "three", "2. four", "3. five"]);
}

#[test]
fn a_megabyte_is_cut_in_time() {
    let text = Text::plain(&"word ".repeat(200_000));
    let parts = parts("ann: ", &text, &Plain, limit(400));
    assert!(parts.len() < 2_700 && parts.iter().all(|part| part.len() <= 400));
    let text = Text::plain(&"w".repeat(1_000_000));
    assert!(self::parts("ann: ", &text, &Plain, limit(400)).iter().all(|part| part.len() <= 400));
}
