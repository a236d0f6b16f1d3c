//! Accounts added by command: kept sealed in the vault beside those of the file.

use std::sync::Arc;

use anyhow::{Context, bail};
use sameroom_connector::Vault;
use sameroom_types::policy::Outside;
use serde_json::{Map, Value};

use crate::config::Config;
use crate::registry::Registry;

/// The name space in the vault.
const SPACE: &str = "accounts";

/// Adds the stored accounts to a configuration; one that the file declares goes before.
pub(crate) async fn add_stored(
    config: &mut Config,
    registry: &Registry,
    vault: &Arc<dyn Vault>,
) -> anyhow::Result<()> {
    for (name, value) in
        vault.scan(SPACE, "", "\u{10ffff}", 10_000, false).await.context("stored accounts")?
    {
        if config.engine.accounts.iter().any(|account| account.id.as_str() == name) {
            continue;
        }
        let mut settings: Map<String, Value> =
            serde_json::from_slice(&value).with_context(|| format!("stored account {name}"))?;
        let platform = take_text(&mut settings, "platform").unwrap_or_default();
        let Some(connector) = registry.connectors.iter().find(|known| known.describe().id == platform) else {
            tracing::error!(account = name, platform, "stored account of an unknown platform");
            continue;
        };
        let team = take_text(&mut settings, "team").unwrap_or_else(|| name.clone());
        let bridgebot = settings.remove("bridgebot").and_then(|flag| flag.as_bool()).unwrap_or(false);
        let outside = match take_text(&mut settings, "outside").as_deref() {
            Some("allow") => Outside::Allow,
            Some("deny") => Outside::Deny,
            _ => Outside::Approve,
        };
        config.add_account(&name, connector, settings, team, bridgebot, outside);
        config.stored.push(name);
    }
    Ok(())
}

/// Takes the stored accounts out of a configuration again.
pub(crate) fn drop_stored(config: &mut Config) {
    for name in std::mem::take(&mut config.stored) {
        config.engine.accounts.retain(|account| account.id.as_str() != name);
        config.sessions.retain(|session| session.account.as_str() != name);
    }
}

/// Checks and stores an account.
pub(crate) async fn save(
    registry: &Registry,
    vault: &Arc<dyn Vault>,
    name: &str,
    mut settings: Map<String, Value>,
) -> anyhow::Result<()> {
    if name.is_empty() || name.contains('/') {
        bail!("an account's name has no slash");
    }
    let platform = settings.get("platform").and_then(Value::as_str).unwrap_or_default().to_owned();
    let known: Vec<&str> = registry.connectors.iter().map(|connector| connector.describe().id).collect();
    let Some(connector) = registry.connectors.iter().find(|known| known.describe().id == platform) else {
        bail!("say platform=...; known: {}", known.join(", "));
    };
    let variables: Vec<String> = settings.keys().filter(|key| key.ends_with("_env")).cloned().collect();
    for key in variables {
        let variable = settings.remove(&key).and_then(|value| value.as_str().map(str::to_owned));
        let variable = variable.unwrap_or_default();
        let secret = std::env::var(&variable)
            .with_context(|| format!("{variable} is not set where the relay runs"))?;
        settings.insert(key.trim_end_matches("_env").to_owned(), secret.into());
    }
    let about = connector.describe();
    for key in settings.keys() {
        let own = ["platform", "team", "bridgebot", "outside"].contains(&key.as_str());
        if !own && !about.fields.iter().any(|field| field.key == key) {
            let fields: Vec<&str> = about.fields.iter().map(|field| field.key).collect();
            bail!("{platform} has no setting {key}; it has {}", fields.join(", "));
        }
    }
    for field in about.fields.iter().filter(|field| field.required) {
        if !settings.contains_key(field.key) {
            bail!("{platform} needs {} ({})", field.key, field.help);
        }
    }
    let value = serde_json::to_vec(&settings)?;
    vault.write(SPACE, vec![(name.to_owned(), Some(value))]).await.context("store the account")
}

/// Removes a stored account; says whether there was one.
pub(crate) async fn remove(vault: &Arc<dyn Vault>, name: &str) -> anyhow::Result<bool> {
    let known = vault.read(SPACE, name).await?.is_some();
    if known {
        vault.write(SPACE, vec![(name.to_owned(), None)]).await?;
    }
    Ok(known)
}

fn take_text(settings: &mut Map<String, Value>, key: &str) -> Option<String> {
    settings.remove(key).and_then(|value| value.as_str().map(str::to_owned))
}
