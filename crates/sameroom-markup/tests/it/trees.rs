//! Random texts and trees for the properties, and the shapes that tests compare.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::select;
use sameroom_markup::{Dialect, Irc, Markdown, MatrixHtml, Plain, XmppStyling, normalise, plain_text};
use sameroom_types::text::{Block, Emoji, Inline, Mention, Text};

/// Every dialect that renders, in every variant.
pub(crate) fn dialects() -> Vec<Box<dyn Dialect>> {
    vec![
        Box::new(Plain),
        Box::new(Irc { colours: true }),
        Box::new(Irc { colours: false }),
        Box::new(XmppStyling),
        Box::new(Markdown { spoilers: false }),
        Box::new(Markdown { spoilers: true }),
        Box::new(MatrixHtml),
    ]
}

/// Pieces of text that mean something in some dialect.
const HOSTILE: [&str; 72] = [
    "a",
    "b",
    "foo",
    "Ann",
    "1",
    "23",
    " ",
    "  ",
    "\t",
    "*",
    "**",
    "_",
    "__",
    "~",
    "~~",
    "`",
    "``",
    "```",
    "|",
    "||",
    "[",
    "]",
    "](",
    ")",
    "(",
    "<",
    ">",
    "</",
    "<b>",
    "</b>",
    "<br>",
    "<mx-reply>",
    "<pre>",
    "<!--",
    "-->",
    "&amp;",
    "&#42;",
    "&",
    ";",
    "\\",
    "\\\\",
    "#",
    "# ",
    "-",
    "- ",
    "+ ",
    "1. ",
    "1) ",
    "=",
    "---",
    ":",
    ":-",
    "!",
    "![",
    "@",
    "@everyone",
    "@room",
    "<!here>",
    "/me ",
    "http://",
    "https://a.b/c_d",
    "\u{2}",
    "\u{3}4,4",
    "\u{f}",
    "\u{1}",
    "é",
    "e\u{301}",
    "👩\u{200d}👩\u{200d}👧",
    "中",
    "。",
    "\u{202e}",
    "\u{200b}",
];

/// One line of text, as hostile as it gets.
pub(crate) fn hostile_line() -> impl Strategy<Value = String> {
    vec(select(&HOSTILE[..]), 1..8).prop_map(|pieces| pieces.concat())
}

/// Several lines of it.
pub(crate) fn hostile_text() -> impl Strategy<Value = String> {
    prop_oneof![
        vec(prop_oneof![4 => hostile_line(), 1 => Just(String::new()), 1 => Just("> ".to_owned())], 1..8)
            .prop_map(|lines| lines.join("\n")),
        any::<String>(),
    ]
}

/// Text without blanks at its ends, in which signs do occur.
pub(crate) fn words() -> impl Strategy<Value = String> {
    let word = select(
        &[
            "a", "bc", "x*y", "*", "_", "a_b", "~", "`", "[z]", "<i>", "&lt;", "1.", "#", "é", "中", "👍",
            "\\", "ok.", "@bob", "@all", "!",
        ][..],
    );
    vec(word, 1..4).prop_map(|words| words.join(" "))
}

/// Words that no dialect could mistake for anything.
pub(crate) fn calm_words() -> impl Strategy<Value = String> {
    vec(select(&["a", "bc", "def", "é", "中文", "👍", "x1", "ok"][..]), 1..4)
        .prop_map(|words| words.join(" "))
}

pub(crate) fn text(source: &str) -> Inline {
    Inline::Text(source.to_owned())
}

/// Anything that can stand in a line, in any order.
pub(crate) fn any_inlines() -> impl Strategy<Value = Vec<Inline>> {
    let leaf = prop_oneof![
        6 => hostile_line().prop_map(Inline::Text),
        1 => hostile_line().prop_map(Inline::Code),
        1 => Just(Inline::Break),
        1 => (select(&["https://a.b/c", "javascript:x", "https://a.b/(x)_y|z", "mailto:a@b.c", "nonsense"][..]), option::of(hostile_line()))
            .prop_map(|(url, label)| Inline::Link { url: url.to_owned(), label: label.into_iter().map(Inline::Text).collect() }),
        1 => any_mention().prop_map(Inline::Mention),
        1 => hostile_line().prop_map(|name| Inline::Emoji(Emoji::Custom { name, url: None })),
        1 => hostile_line().prop_map(|fallback| Inline::Raw { dialect: "html".into(), source: "<script>".into(), fallback }),
    ];
    let inline = leaf.prop_recursive(3, 16, 4, |inner| {
        (0..5_usize, vec(inner, 1..4)).prop_map(|(style, children)| styled(style, children))
    });
    vec(inline, 1..6)
}

fn any_mention() -> impl Strategy<Value = Mention> {
    prop_oneof![
        hostile_line().prop_map(|name| Mention::User { id: String::new(), name }),
        hostile_line().prop_map(|name| Mention::Room { id: String::new(), name }),
        hostile_line().prop_map(|name| Mention::Mass { name }),
    ]
}

/// One of the five styles.
pub(crate) fn styled(style: usize, children: Vec<Inline>) -> Inline {
    match style {
        0 => Inline::Bold(children),
        1 => Inline::Italic(children),
        2 => Inline::Strike(children),
        3 => Inline::Underline(children),
        _ => Inline::Spoiler(children),
    }
}

/// Any tree at all.
pub(crate) fn any_tree() -> impl Strategy<Value = Text> {
    vec(any_block(any_inlines()), 0..5).prop_map(|blocks| Text { blocks })
}

fn any_block(inlines: impl Strategy<Value = Vec<Inline>> + 'static) -> impl Strategy<Value = Block> {
    let leaf = prop_oneof![
        4 => inlines.prop_map(Block::Paragraph),
        1 => (option::of(Just("rust".to_owned())), hostile_text()).prop_map(|(language, code)| Block::CodeBlock { language, code }),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 1..3).prop_map(Block::Quote),
            (option::of(0..20_u64), vec(vec(inner, 1..3), 1..4))
                .prop_map(|(start, items)| Block::List { start, items }),
        ]
    })
}

/// Blocks in any shape around lines of the given kind.
pub(crate) fn blocks_of(
    line: impl Strategy<Value = Vec<Inline>> + 'static,
    code: impl Strategy<Value = String> + 'static,
    lists: bool,
) -> impl Strategy<Value = Text> {
    let paragraph = vec(line, 1..3).prop_map(|lines| {
        let mut inlines = Vec::new();
        for line in lines {
            if !inlines.is_empty() {
                inlines.push(Inline::Break);
            }
            inlines.extend(line);
        }
        Block::Paragraph(inlines)
    });
    let leaf = prop_oneof![
        4 => paragraph,
        1 => (option::of(Just("rust".to_owned())), code).prop_map(|(language, code)| Block::CodeBlock { language, code }),
    ];
    let block = leaf.prop_recursive(3, 12, 3, move |inner| {
        let quote = vec(inner.clone(), 1..3).prop_map(Block::Quote);
        if lists {
            let list = (option::of(0..20_u64), vec(vec(inner, 1..3), 1..4))
                .prop_map(|(start, items)| Block::List { start, items });
            prop_oneof![quote, list].boxed()
        } else {
            quote.boxed()
        }
    });
    vec(block, 1..4).prop_map(|blocks| normalise(Text { blocks }))
}

/// Code without anything that a fence could end at, and without blank lines.
pub(crate) fn code() -> impl Strategy<Value = String> {
    vec(select(&["fn main() {", "  *x* _y_", "<b>&amp;", "}", "> q", "- l", "`t`"][..]), 1..4)
        .prop_map(|lines| lines.join("\n"))
}

/// What is left of a text without blanks and invisible characters: what must survive any rendering.
pub(crate) fn essence(plain: &str) -> String {
    plain
        .chars()
        .filter(|c| {
            !c.is_whitespace() && !matches!(c, '\u{200b}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}')
        })
        .collect()
}

/// Whether a tree is nothing but text, of however many paragraphs.
pub(crate) fn is_mere_text(text: &Text) -> bool {
    text.blocks.iter().all(|block| match block {
        Block::Paragraph(inlines) => inlines.iter().all(|inline| match inline {
            Inline::Text(_) | Inline::Break => true,
            // Addresses in text become links everywhere.
            Inline::Link { url, label } => label.is_empty() && url.starts_with("http"),
            _ => false,
        }),
        _ => false,
    })
}

/// What is readable of `text`, reduced to its essence.
pub(crate) fn readable(text: &Text) -> String {
    essence(&plain_text(text))
}
