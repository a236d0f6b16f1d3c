//! Foreign words made fit for a room.

use sameroom_markup::{first_line, map_mentions, no_ping, prepend};
use sameroom_types::text::{Block, Inline, Mention, Text};

use super::Target;
use super::author::sameroom_name;
use crate::engine::Engine;

impl Engine {
    /// Foreign text made fit for a room: mentions by name, words replaced.
    pub(super) fn adapt(&self, target: &Target, text: Text) -> Text {
        let text = map_mentions(text, &mut |mention| match mention {
            Mention::User { name, .. } => Inline::Text(format!("@{name}")),
            Mention::Room { name, .. } => Inline::Text(format!("#{}", name.trim_start_matches('#'))),
            mass @ Mention::Mass { .. } => Inline::Mention(mass),
        });
        if target.policy.replace.is_empty() { text } else { replace_words(text, &target.policy.replace) }
    }
}

pub(super) fn with_quote(target: &Target, text: Text, who: Option<&str>, excerpt: &str) -> Text {
    let start = first_line(&Text::plain(excerpt), 60);
    let who = who.map(sameroom_name);
    if target.can.text.multiline {
        let mut line = Vec::new();
        if let Some(who) = who {
            line.push(Inline::Bold(vec![Inline::Text(who)]));
            line.push(Inline::Text(": ".into()));
        }
        line.push(Inline::Text(if start.is_empty() { "…".into() } else { start }));
        let mut blocks = vec![Block::Quote(vec![Block::Paragraph(line)])];
        blocks.extend(text.blocks);
        return Text { blocks };
    }
    let who = who.map(|who| no_ping(&who));
    let lead = match (who, start.is_empty()) {
        (Some(who), false) => format!("(re {who}: “{start}”) "),
        (Some(who), true) => format!("(re {who}) "),
        (None, false) => format!("(re “{start}”) "),
        (None, true) => return text,
    };
    prepend(&[Inline::Text(lead)], text)
}

pub(super) fn replace_words(text: Text, pairs: &[(regex::Regex, String)]) -> Text {
    fn inlines(list: Vec<Inline>, pairs: &[(regex::Regex, String)]) -> Vec<Inline> {
        list.into_iter()
            .map(|inline| match inline {
                Inline::Text(words) => {
                    let mut words = words;
                    for (pattern, by) in pairs {
                        words = pattern.replace_all(&words, by.as_str()).replace(['\n', '\r'], " ");
                    }
                    Inline::Text(words)
                }
                Inline::Bold(list) => Inline::Bold(inlines(list, pairs)),
                Inline::Italic(list) => Inline::Italic(inlines(list, pairs)),
                Inline::Strike(list) => Inline::Strike(inlines(list, pairs)),
                Inline::Underline(list) => Inline::Underline(inlines(list, pairs)),
                Inline::Spoiler(list) => Inline::Spoiler(inlines(list, pairs)),
                other => other,
            })
            .collect()
    }
    fn blocks(list: Vec<Block>, pairs: &[(regex::Regex, String)]) -> Vec<Block> {
        list.into_iter()
            .map(|block| match block {
                Block::Paragraph(list) => Block::Paragraph(inlines(list, pairs)),
                Block::Quote(list) => Block::Quote(blocks(list, pairs)),
                Block::List { start, items } => {
                    Block::List { start, items: items.into_iter().map(|item| blocks(item, pairs)).collect() }
                }
                code @ Block::CodeBlock { .. } => code,
            })
            .collect()
    }
    Text { blocks: blocks(text.blocks, pairs) }
}
