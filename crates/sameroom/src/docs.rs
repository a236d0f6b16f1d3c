//! Docs that are made from the code: the capability table. A check fails when they are out of date.

use std::path::PathBuf;

use anyhow::{Context, ensure};
use sameroom_types::capabilities::{Authorship, Capabilities, Files, Reactions, Support, Threads};
use sameroom_types::limit::TextUnit;

use crate::cli::say;
use crate::registry::Registry;

/// Writes the docs below the current folder, or checks them.
pub(crate) fn run(check: bool) -> anyhow::Result<()> {
    let path = PathBuf::from("docs/capabilities.md");
    let text = table();
    if check {
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        ensure!(found == text, "{} is out of date: run `cargo xtask docs`", path.display());
        return Ok(());
    }
    std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
    say(&format!("wrote {}", path.display()));
    Ok(())
}

type Column = fn(&Capabilities) -> String;

fn table() -> String {
    let registry = Registry::new();
    let mut connectors: Vec<_> = registry.connectors.iter().map(|connector| connector.describe()).collect();
    connectors.sort_by_key(|about| about.id);
    let rows: [(&str, Column); 15] = [
        ("Edits of our copies", |can| word(can.edit).into()),
        ("Deletions of our copies", |can| word(can.delete).into()),
        ("Removing others' messages", |can| word(can.moderate).into()),
        ("Reactions", |can| match &can.reactions {
            Reactions::None => "as a line".into(),
            Reactions::Any | Reactions::FullSet => "native".into(),
            Reactions::Allowed(set) => format!("{} emoji", set.len()),
        }),
        ("Replies", |can| word(can.replies).into()),
        ("Threads", |can| match can.threads {
            Threads::None => "none".into(),
            Threads::ReplyRoot => "by root message".into(),
            Threads::NamedTopic => "by topic".into(),
            Threads::SubRoom => "rooms in rooms".into(),
        }),
        ("Files", |can| match can.files {
            Files::Upload { max_bytes, .. } => format!("copied, up to {} MB", max_bytes / 1_000_000),
            Files::Link => "as links".into(),
        }),
        ("Author of a copy", |can| match can.author {
            Authorship::NamePicture => "name and picture".into(),
            Authorship::Name => "name".into(),
            Authorship::Puppet => "own accounts".into(),
            Authorship::Prefix => "prefix in the text".into(),
        }),
        ("Formatting", |can| word(can.formatting).into()),
        ("Longest text", |can| {
            let unit = match can.text.unit {
                TextUnit::Bytes => "bytes",
                TextUnit::Utf16Units => "UTF-16 units",
                TextUnit::Scalars => "characters",
            };
            let lines = if can.text.multiline { "" } else { ", one line each" };
            format!("{} {unit}{lines}", can.text.max)
        }),
        ("Edits heard", |can| yes(can.heard.edits)),
        ("Deletions heard", |can| yes(can.heard.deletes)),
        ("Reactions heard", |can| yes(can.heard.reactions)),
        ("Read back after downtime", |can| yes(can.history.is_some())),
        ("Unknown sends", |can| match (can.once.key, can.once.history) {
            (Some(_), _) => "repeated with the same key, never doubled".into(),
            (None, Some(_)) => "looked up in the history, never doubled".into(),
            (None, None) => "repeated and counted".into(),
        }),
    ];
    let mut out = String::from(
        "# What each platform can do\n\nMade from the code by `cargo xtask docs`; a room may offer less or, where its server has extensions, more.\n\n|  |",
    );
    for about in &connectors {
        out.push_str(&format!(" {}{} |", about.name, if about.preview { " (preview)" } else { "" }));
    }
    out.push_str("\n|---|");
    out.push_str(&"---|".repeat(connectors.len()));
    for (name, column) in rows {
        out.push_str(&format!("\n| {name} |"));
        for about in &connectors {
            out.push_str(&format!(" {} |", column(&about.capabilities)));
        }
    }
    out.push_str("\n\n# Settings of an account\n");
    for about in &connectors {
        out.push_str(&format!("\n## {} (`platform = \"{}\"`)\n\n{}\n\n", about.name, about.id, about.advice));
        for field in about.fields {
            let required = if field.required { ", required" } else { "" };
            out.push_str(&format!("- `{}`{required}: {}\n", field.key, field.help));
        }
    }
    out
}

fn word(support: Support) -> &'static str {
    match support {
        Support::Full => "native",
        Support::Fallback => "readable fallback",
        Support::Dropped => "left out",
        Support::Rejected => "refused",
    }
}

fn yes(heard: bool) -> String {
    if heard { "yes".into() } else { "no".into() }
}
