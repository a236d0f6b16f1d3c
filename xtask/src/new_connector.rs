//! `new-connector`: the folder of a new platform, and its three lines of lists.

use std::fs;

use anyhow::{Context, ensure};

use crate::tools::root;

/// Writes the folder and the lines.
pub(crate) fn run(name: &str) -> anyhow::Result<()> {
    let good =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    ensure!(good, "a platform's word has lower-case letters and digits only");
    let folder = root().join(format!("connectors/connector-{name}"));
    ensure!(!folder.exists(), "{} exists already", folder.display());
    let mut capital = name.to_owned();
    if let Some(first) = capital.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    for (path, text) in [("Cargo.toml", MANIFEST), ("src/lib.rs", LIB), ("README.md", README)] {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(|| format!("make {}", parent.display()))?;
        }
        let text = text.replace("@name@", name).replace("@Name@", &capital);
        fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
    }
    let line = format!("connector-{name} = {{ path = \"connectors/connector-{name}\" }}\n");
    insert("Cargo.toml", "connector-irc = ", &line)?;
    let line = format!("connector-{name} = {{ workspace = true, optional = true }}\n");
    insert("crates/sameroom/Cargo.toml", "connector-irc = ", &line)?;
    let line = format!("{name} = [\"dep:connector-{name}\"]\n");
    insert("crates/sameroom/Cargo.toml", "irc = [", &line)?;
    let line = format!(
        "            #[cfg(feature = \"{name}\")]\n            Arc::new(connector_{name}::{capital}Connector),\n"
    );
    insert("crates/sameroom/src/registry.rs", "            #[cfg(feature = \"irc\")]", &line)?;
    println!("{} is there; add \"{name}\" to the default features when it works", folder.display());
    Ok(())
}

/// Puts a line before the first that starts with `before`.
fn insert(file: &str, before: &str, line: &str) -> anyhow::Result<()> {
    let path = root().join(file);
    let text = fs::read_to_string(&path).with_context(|| format!("read {file}"))?;
    let mut out = String::new();
    let mut done = false;
    for old in text.split_inclusive('\n') {
        if !done && old.starts_with(before) {
            out.push_str(line);
            done = true;
        }
        out.push_str(old);
    }
    ensure!(done, "{file} has no line that starts with {before:?}");
    fs::write(&path, out).with_context(|| format!("write {file}"))
}

const MANIFEST: &str = r#"[package]
name = "connector-@name@"
description = "@Name@."
version.workspace = true
edition.workspace = true
rust-version.workspace = true
license.workspace = true
publish.workspace = true

[lints]
workspace = true

[dependencies]
async-trait.workspace = true
sameroom-connector.workspace = true
sameroom-markup.workspace = true
sameroom-types.workspace = true
"#;

const LIB: &str = r#"//! @Name@, as a platform of the contract.
//!
//! Begins as a session that only waits to be stopped: log in, report `Connected`, answer `Join`, then
//! events and sends. The contract suite says what is missing.

use std::sync::Arc;

use async_trait::async_trait;
use sameroom_connector::{Connector, Kit, Session, SessionLink, Settings, SettingsError};
use sameroom_markup::{Dialect, Plain};
use sameroom_types::capabilities::{Capabilities, Support};
use sameroom_types::ids::AccountId;
use sameroom_types::platform::PlatformDescription;

/// The platform as data.
const ABOUT: PlatformDescription = PlatformDescription {
    id: "@name@",
    name: "@Name@",
    icon: "",
    advice: "Use an account of its own.",
    fields: &[],
    linking: &[],
    capabilities: Capabilities::TEXT_ONLY,
    preview: true,
};

/// @Name@.
#[derive(Clone, Copy, Debug, Default)]
pub struct @Name@Connector;

struct @Name@Session;

impl Connector for @Name@Connector {
    fn describe(&self) -> &PlatformDescription {
        &ABOUT
    }

    fn dialect(&self, _formatting: Support) -> Arc<dyn Dialect> {
        Arc::new(Plain)
    }

    fn session(
        &self,
        _account: &AccountId,
        _settings: &Settings,
        _kit: &Kit,
    ) -> Result<Box<dyn Session>, SettingsError> {
        Ok(Box::new(@Name@Session))
    }
}

#[async_trait]
impl Session for @Name@Session {
    async fn run(self: Box<Self>, link: SessionLink) {
        link.stop.cancelled().await;
    }
}
"#;

const README: &str = "# @Name@\n\nHow to get an account and its token, what is supported, limits with their sources, quirks.\n\n\
| fact of the platform | test |\n|---|---|\n| | not done |\n";
