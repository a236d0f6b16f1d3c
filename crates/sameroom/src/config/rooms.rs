//! `[defaults]` and `[rooms."account/room"]`.

use std::time::Duration;

use anyhow::{Context, bail};
use regex::Regex;
use sameroom_types::policy::{
    CommandPolicy, DeletePolicy, EditPolicy, FilePolicy, Moderation, Relay, RoomPolicy,
};
use toml_edit::{Item, TableLike};

use super::lines::Lines;

/// The keys of a room.
pub(crate) const KEYS: [&str; 15] = [
    "format",
    "label",
    "edits",
    "deletes",
    "moderation",
    "files",
    "bots",
    "joins",
    "notices",
    "relay",
    "commands",
    "owners",
    "ignore",
    "replace",
    "late",
];

/// Reads a room's policy; what it does not say comes from `base`.
pub(crate) fn read_policy(
    lines: &Lines<'_>,
    item: &Item,
    place: &str,
    base: &RoomPolicy,
) -> anyhow::Result<RoomPolicy> {
    let table = lines.table(item, place)?;
    lines.check_keys(table, &KEYS, place)?;
    let mut policy = base.clone();
    if let Some(format) = lines.string(table, "format", place)? {
        policy.format = (format != "default").then_some(format);
    }
    if let Some(label) = lines.string(table, "label", place)? {
        policy.label = Some(label);
    }
    let word = |key: &str| lines.string(table, key, place);
    if let Some(edits) = word("edits")? {
        policy.edits = choose(
            lines,
            table,
            "edits",
            &edits,
            &[("apply", EditPolicy::Apply), ("append", EditPolicy::Append), ("ignore", EditPolicy::Ignore)],
        )?;
    }
    if let Some(deletes) = word("deletes")? {
        policy.deletes = choose(
            lines,
            table,
            "deletes",
            &deletes,
            &[("apply", DeletePolicy::Apply), ("mark", DeletePolicy::Mark), ("ignore", DeletePolicy::Ignore)],
        )?;
    }
    if let Some(moderation) = word("moderation")? {
        policy.moderation = choose(
            lines,
            table,
            "moderation",
            &moderation,
            &[("room", Moderation::Room), ("network", Moderation::Network)],
        )?;
    }
    if let Some(files) = word("files")? {
        policy.files = choose(
            lines,
            table,
            "files",
            &files,
            &[("copy", FilePolicy::Copy), ("link", FilePolicy::Link), ("no", FilePolicy::No)],
        )?;
    }
    if let Some(relay) = word("relay")? {
        policy.relay = choose(
            lines,
            table,
            "relay",
            &relay,
            &[("both", Relay::Both), ("in", Relay::In), ("out", Relay::Out)],
        )?;
    }
    if let Some(commands) = word("commands")? {
        policy.commands = choose(
            lines,
            table,
            "commands",
            &commands,
            &[
                ("moderators", CommandPolicy::Moderators),
                ("everyone", CommandPolicy::Everyone),
                ("nobody", CommandPolicy::Nobody),
            ],
        )?;
    }
    for (key, value) in
        [("bots", &mut policy.bots), ("joins", &mut policy.joins), ("notices", &mut policy.notices)]
    {
        if let Some(said) = lines.bool(table, key, place)? {
            *value = said;
        }
    }
    if table.get("owners").is_some() {
        policy.owners = lines.strings(table, "owners", place)?;
    }
    if let Some(item) = table.get("ignore") {
        let ignore = lines.table(item, "ignore")?;
        lines.check_keys(ignore, &["names", "text"], "ignore")?;
        policy.ignore.names = expressions(lines, ignore, "names")?;
        policy.ignore.text = expressions(lines, ignore, "text")?;
    }
    if let Some(item) = table.get("replace") {
        policy.replace = replacements(lines, table, item)?;
    }
    if let Some(item) = table.get("late") {
        let late = lines.table(item, "late")?;
        lines.check_keys(late, &["max_age", "max_count"], "late")?;
        if let Some(age) = lines.string(late, "max_age", "late")? {
            policy.late.max_age = duration(&age).with_context(|| {
                format!("line {}: max_age = {age:?} is no duration such as 24h, 30m, 7d", lines.line_of(item))
            })?;
        }
        if let Some(count) = late.get("max_count") {
            policy.late.max_count = count
                .as_integer()
                .and_then(|count| u64::try_from(count).ok())
                .with_context(|| format!("line {}: max_count must be a whole number", lines.line_of(item)))?;
        }
    }
    Ok(policy)
}

fn choose<T: Copy>(
    lines: &Lines<'_>,
    table: &dyn TableLike,
    key: &str,
    word: &str,
    words: &[(&str, T)],
) -> anyhow::Result<T> {
    match words.iter().find(|(known, _)| *known == word) {
        Some((_, value)) => Ok(*value),
        None => {
            let known: Vec<&str> = words.iter().map(|(known, _)| *known).collect();
            bail!("line {}: {key} = {word:?} is none of {}", lines.line_of_key(table, key), known.join(", "))
        }
    }
}

fn expressions(lines: &Lines<'_>, table: &dyn TableLike, key: &str) -> anyhow::Result<Vec<String>> {
    let list = lines.strings(table, key, "ignore")?;
    for source in &list {
        Regex::new(source).with_context(|| format!("line {}: {source:?}", lines.line_of_key(table, key)))?;
    }
    Ok(list)
}

fn replacements(
    lines: &Lines<'_>,
    table: &dyn TableLike,
    item: &Item,
) -> anyhow::Result<Vec<(String, String)>> {
    let line = lines.line_of_key(table, "replace");
    let wrong = || format!("line {line}: replace must be a list of pairs, such as [[\"colour\", \"color\"]]");
    let mut pairs = Vec::new();
    for pair in item.as_array().with_context(wrong)? {
        let pair = pair.as_array().with_context(wrong)?;
        let (Some(from), Some(to), 2) =
            (pair.get(0).and_then(|v| v.as_str()), pair.get(1).and_then(|v| v.as_str()), pair.len())
        else {
            bail!(wrong());
        };
        Regex::new(from).with_context(|| format!("line {line}: {from:?}"))?;
        pairs.push((from.to_owned(), to.to_owned()));
    }
    Ok(pairs)
}

/// `90s`, `30m`, `24h`, `7d`.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let unit = text.chars().last()?;
    let number: u64 = text.strip_suffix(unit)?.trim().parse().ok()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    Some(Duration::from_secs(number.checked_mul(seconds)?))
}
