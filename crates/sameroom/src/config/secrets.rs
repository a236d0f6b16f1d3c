//! An account's settings as its connector gets them: values converted, secrets fetched from where they are.

use std::path::Path;

use anyhow::{Context, bail};
use sameroom_connector::Settings;
use serde_json::Value;
use toml_edit::TableLike;

use super::lines::Lines;

/// The settings of a table without the keys that the program reads itself.
pub(crate) fn settings(
    table: &dyn TableLike,
    own: &[&str],
    folder: &Path,
    place: &str,
    lines: &Lines<'_>,
) -> anyhow::Result<Settings> {
    let mut settings = Settings::new();
    for (key, item) in table.iter().filter(|(key, _)| !own.contains(key)) {
        let line = lines.line_of_key(table, key);
        if let Some(base) = key.strip_suffix("_env") {
            let name = item.as_str().with_context(|| format!("line {line}: {key} must name a variable"))?;
            let secret = std::env::var(name).with_context(|| {
                format!("line {line}: {place} takes {base} from {name}, which is not set")
            })?;
            insert(&mut settings, base, secret.into(), line)?;
        } else if let Some(base) = key.strip_suffix("_file").filter(|base| is_secret(base)) {
            let path = item.as_str().with_context(|| format!("line {line}: {key} must name a file"))?;
            let path = folder.join(path);
            let secret = std::fs::read_to_string(&path)
                .with_context(|| format!("line {line}: {place} takes {base} from {}", path.display()))?;
            insert(&mut settings, base, secret.trim_end_matches(['\r', '\n']).into(), line)?;
        } else if let Some(inner) = item.as_table_like() {
            insert(
                &mut settings,
                key,
                Value::Object(self::settings(inner, &[], folder, place, lines)?),
                line,
            )?;
        } else {
            let value = item
                .as_value()
                .and_then(json)
                .with_context(|| format!("line {line}: {key} can't have such a value"))?;
            insert(&mut settings, key, value, line)?;
        }
    }
    Ok(settings)
}

/// Whether `<base>_file` means "read the secret from this file" rather than a file of its own kind (`ca_file`).
fn is_secret(base: &str) -> bool {
    ["password", "token", "secret", "key"].iter().any(|word| base.ends_with(word)) && base != "client_key"
}

fn insert(settings: &mut Settings, key: &str, value: Value, line: u32) -> anyhow::Result<()> {
    if settings.insert(key.to_owned(), value).is_some() {
        bail!("line {line}: {key} is given twice");
    }
    Ok(())
}

fn json(value: &toml_edit::Value) -> Option<Value> {
    Some(match value {
        toml_edit::Value::String(text) => text.value().clone().into(),
        toml_edit::Value::Integer(number) => (*number.value()).into(),
        toml_edit::Value::Float(number) => (*number.value()).into(),
        toml_edit::Value::Boolean(flag) => (*flag.value()).into(),
        toml_edit::Value::Datetime(_) => return None,
        toml_edit::Value::Array(array) => Value::Array(array.iter().map(json).collect::<Option<_>>()?),
        toml_edit::Value::InlineTable(table) => Value::Object(
            table.iter().map(|(key, value)| Some((key.to_owned(), json(value)?))).collect::<Option<_>>()?,
        ),
    })
}
