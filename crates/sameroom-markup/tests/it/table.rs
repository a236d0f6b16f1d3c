//! Shows a source as a tree and in every other dialect, for snapshots.

use sameroom_markup::Dialect;
use sameroom_types::text::{Block, Emoji, Inline, Mention, Text};

use crate::trees::dialects;

/// The tree of `source` in short, and what each other dialect makes of it.
pub(crate) fn table(dialect: &dyn Dialect, source: &str) -> String {
    table_of(&dialect.parse(source), dialect.name())
}

/// `text` in short, and what each dialect but `without` makes of it.
pub(crate) fn table_of(text: &Text, without: &str) -> String {
    let mut out = short(text);
    for dialect in dialects() {
        if dialect.name() == without {
            continue;
        }
        let rendered = dialect.render(text);
        let unstyled = if dialect.is_styled(&rendered, text) { "" } else { " (unstyled)" };
        let name = match format!("{dialect:?}").as_str() {
            "Irc { colours: false }" => "irc, no codes".to_owned(),
            "Markdown { spoilers: true }" => "markdown, spoilers".to_owned(),
            _ => dialect.name().to_owned(),
        };
        out.push_str(&format!("\n{name}{unstyled}: {rendered:?}"));
    }
    out
}

fn short(text: &Text) -> String {
    format!("tree: {}", text.blocks.iter().map(block).collect::<Vec<_>>().join(" "))
}

fn block(value: &Block) -> String {
    let join = |blocks: &[Block]| blocks.iter().map(block).collect::<Vec<_>>().join(" ");
    match value {
        Block::Paragraph(inlines) => format!("p({})", all(inlines)),
        Block::CodeBlock { language, code } => {
            format!("pre({} {code:?})", language.as_deref().unwrap_or("-"))
        }
        Block::Quote(inner) => format!("quote({})", join(inner)),
        Block::List { start, items } => {
            let items: Vec<_> = items.iter().map(|item| format!("[{}]", join(item))).collect();
            format!("list({} {})", start.map_or("-".to_owned(), |start| start.to_string()), items.join(" "))
        }
    }
}

fn all(inlines: &[Inline]) -> String {
    inlines.iter().map(inline).collect::<Vec<_>>().join(" ")
}

fn inline(value: &Inline) -> String {
    match value {
        Inline::Text(text) => format!("{text:?}"),
        Inline::Bold(children) => format!("bold({})", all(children)),
        Inline::Italic(children) => format!("italic({})", all(children)),
        Inline::Strike(children) => format!("strike({})", all(children)),
        Inline::Underline(children) => format!("underline({})", all(children)),
        Inline::Spoiler(children) => format!("spoiler({})", all(children)),
        Inline::Code(code) => format!("code({code:?})"),
        Inline::Link { url, label } => format!("link({url} {})", all(label)),
        Inline::Mention(Mention::User { id, name }) => format!("user({id} {name})"),
        Inline::Mention(Mention::Room { id, name }) => format!("room({id} {name})"),
        Inline::Mention(Mention::Mass { name }) => format!("mass({name})"),
        Inline::Emoji(Emoji::Unicode(sequence)) => format!("emoji({sequence})"),
        Inline::Emoji(Emoji::Custom { name, url }) => {
            format!("emoji({name} {})", url.as_deref().unwrap_or("-"))
        }
        Inline::Break => "br".to_owned(),
        Inline::Raw { fallback, .. } => format!("raw({fallback:?})"),
    }
}
