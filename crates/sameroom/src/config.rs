//! The configuration file: read, checked with line numbers, secrets resolved.

mod lines;
mod rooms;
mod secrets;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use sameroom_connector::{Connector, Settings};
use sameroom_runtime::SessionSpec;
use sameroom_types::ids::{AccountId, RoomSpec};
use sameroom_types::policy::{AccountSpec, Configuration, Outside, RoomPolicy, TubeSpec};
use sameroom_types::room::Direction;
use toml_edit::{Document, Item};

use lines::Lines;

/// Keys of `[server]`, each with what it means.
pub(crate) const SERVER_KEYS: [&str; 9] = [
    "listen",
    "public_url",
    "data_dir",
    "database",
    "nats",
    "master_key_file",
    "master_key_env",
    "master_key_command",
    "excerpt_hours",
];

/// Keys of every account, besides its platform's own.
const ACCOUNT_KEYS: [&str; 5] = ["platform", "bridgebot", "outside", "team", "enabled"];

/// The file's tables.
const TABLES: [&str; 9] =
    ["server", "accounts", "tubes", "defaults", "rooms", "auth", "mail", "proxy", "operators"];

/// Everything that a run needs to know.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// Where pages, API and health are served.
    pub(crate) listen: String,
    /// Where people reach them.
    pub(crate) public_url: String,
    /// Log, store, keys, files.
    pub(crate) data_dir: PathBuf,
    /// Where the master key comes from; `None` keeps it in the data folder.
    pub(crate) master_key: Option<sameroom_seal::KeySource>,
    /// What the engine is told.
    pub(crate) engine: Configuration,
    /// The accounts to run.
    pub(crate) sessions: Vec<SessionSpec>,
    /// Those of them that were added by command.
    pub(crate) stored: Vec<String>,
}

impl Config {
    /// Reads a file.
    pub(crate) fn load(path: &Path, connectors: &[Arc<dyn Connector>]) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("read the configuration {}", path.display()))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        Self::parse(&text, folder, connectors).with_context(|| format!("in {}", path.display()))
    }

    /// Reads a text; relative paths are taken from `folder`.
    pub(crate) fn parse(
        text: &str,
        folder: &Path,
        connectors: &[Arc<dyn Connector>],
    ) -> anyhow::Result<Self> {
        let document: Document<&str> = Document::parse(text).map_err(|error| {
            // The parser's own message names line and column.
            anyhow::anyhow!("{}", error.to_string().trim_end())
        })?;
        let lines = Lines::new(text);
        let known: Vec<&str> = TABLES.iter().copied().chain(["realms"]).collect();
        lines.check_keys(document.as_table(), &known, "the file")?;
        let root = document.as_table();

        let mut config = Self {
            listen: "127.0.0.1:8420".into(),
            public_url: String::new(),
            data_dir: folder.join("sameroom-data"),
            master_key: None,
            engine: Configuration { excerpts: Duration::from_secs(24 * 3600), ..Configuration::default() },
            sessions: Vec::new(),
            stored: Vec::new(),
        };
        if let Some(server) = root.get("server") {
            config.read_server(server, &lines, folder)?;
        }
        if config.public_url.is_empty() {
            config.public_url = format!("http://{}", config.listen);
        }
        config.public_url.truncate(config.public_url.trim_end_matches('/').len());
        if !is_loopback_url(&config.public_url) {
            config.engine.public_url = Some(config.public_url.clone());
        }
        if let Some(accounts) = root.get("accounts") {
            let accounts = lines.table(accounts, "[accounts]")?;
            for (name, item) in accounts.iter() {
                config.read_account(name, item, &lines, folder, connectors)?;
            }
        }
        if let Some(defaults) = root.get("defaults") {
            config.engine.defaults =
                rooms::read_policy(&lines, defaults, "[defaults]", &RoomPolicy::default())?;
        }
        if let Some(table) = root.get("rooms") {
            let table = lines.table(table, "[rooms]")?;
            for (name, item) in table.iter() {
                let place = format!("[rooms.\"{name}\"]");
                let spec = config.room(name, &lines, item)?;
                let policy = rooms::read_policy(&lines, item, &place, &config.engine.defaults)?;
                config.engine.rooms.insert(spec, policy);
            }
        }
        if let Some(tubes) = root.get("tubes") {
            config.read_tubes(tubes, &lines)?;
        }
        if let Some(realms) = root.get("realms") {
            let realms = lines.table(realms, "[realms]")?;
            lines.check_keys(realms, &["ours"], "[realms]")?;
            for realm in lines.strings(realms, "ours", "[realms]")? {
                config.engine.ours.push(realm.into());
            }
        }
        Ok(config)
    }

    fn read_server(&mut self, item: &Item, lines: &Lines<'_>, folder: &Path) -> anyhow::Result<()> {
        let server = lines.table(item, "[server]")?;
        lines.check_keys(server, &SERVER_KEYS, "[server]")?;
        let text = |key: &str| lines.string(server, key, "[server]");
        if let Some(listen) = text("listen")? {
            if listen.parse::<std::net::SocketAddr>().is_err() {
                bail!(
                    "line {}: listen = {listen:?} is no address and port, such as 127.0.0.1:8420",
                    lines.line_of_key(server, "listen")
                );
            }
            self.listen = listen;
        }
        if let Some(url) = text("public_url")? {
            if !url.starts_with("http://") && !url.starts_with("https://") {
                bail!(
                    "line {}: public_url must start with http:// or https://",
                    lines.line_of_key(server, "public_url")
                );
            }
            self.public_url = url;
        }
        if let Some(path) = text("data_dir")? {
            self.data_dir = folder.join(path);
        }
        for later in ["database", "nats"] {
            if server.get(later).is_some() {
                bail!(
                    "line {}: {later} is for many machines, which this version does not support yet; leave it out",
                    lines.line_of_key(server, later)
                );
            }
        }
        if let Some(path) = text("master_key_file")? {
            self.master_key = Some(sameroom_seal::KeySource::File(folder.join(path)));
        }
        if let Some(name) = text("master_key_env")? {
            self.master_key = Some(sameroom_seal::KeySource::Env(name));
        }
        if server.get("master_key_command").is_some() {
            let argv = lines.strings(server, "master_key_command", "[server]")?;
            self.master_key =
                Some(sameroom_seal::KeySource::Command(argv.into_iter().map(Into::into).collect()));
        }
        if let Some(hours) = server.get("excerpt_hours") {
            let hours =
                hours.as_integer().and_then(|hours| u64::try_from(hours).ok()).with_context(|| {
                    format!(
                        "line {}: excerpt_hours must be a whole number, 0 for never",
                        lines.line_of_key(server, "excerpt_hours")
                    )
                })?;
            self.engine.excerpts = Duration::from_secs(hours * 3600);
        }
        Ok(())
    }

    fn read_account(
        &mut self,
        name: &str,
        item: &Item,
        lines: &Lines<'_>,
        folder: &Path,
        connectors: &[Arc<dyn Connector>],
    ) -> anyhow::Result<()> {
        let place = format!("[accounts.{name}]");
        if name.is_empty() || name.contains('/') {
            bail!("line {}: an account's name has no slash: {name:?}", lines.line_of(item));
        }
        let table = lines.table(item, &place)?;
        let platform = lines
            .string(table, "platform", &place)?
            .with_context(|| format!("line {}: {place} needs platform = \"...\"", lines.line_of(item)))?;
        let known: Vec<&str> = connectors.iter().map(|connector| connector.describe().id).collect();
        let Some(connector) = connectors.iter().find(|connector| connector.describe().id == platform) else {
            bail!(
                "line {}: there is no platform {platform:?}{}; known: {}",
                lines.line_of_key(table, "platform"),
                lines::nearest(&platform, &known),
                known.join(", ")
            );
        };
        let about = connector.describe();
        let mut keys: Vec<String> = ACCOUNT_KEYS.iter().map(|key| (*key).to_owned()).collect();
        for field in about.fields {
            keys.push(field.key.to_owned());
            if matches!(
                field.kind,
                sameroom_types::platform::FieldKind::Secret | sameroom_types::platform::FieldKind::Table
            ) {
                keys.push(format!("{}_env", field.key));
                keys.push(format!("{}_file", field.key));
            }
        }
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        lines.check_keys(table, &keys, &place)?;
        if lines.bool(table, "enabled", &place)? == Some(false) {
            return Ok(());
        }
        let outside = match lines.string(table, "outside", &place)?.as_deref() {
            None | Some("approve") => Outside::Approve,
            Some("allow") => Outside::Allow,
            Some("deny") => Outside::Deny,
            Some(other) => bail!(
                "line {}: outside = {other:?} is none of allow, approve, deny",
                lines.line_of_key(table, "outside")
            ),
        };
        let bridgebot = lines.bool(table, "bridgebot", &place)?.unwrap_or(false);
        let team = lines.string(table, "team", &place)?.unwrap_or_else(|| name.to_owned());
        let settings = secrets::settings(table, &ACCOUNT_KEYS, folder, &place, lines)?;
        for field in about.fields {
            if field.required && !settings.contains_key(field.key) {
                bail!("line {}: {place} needs {} ({})", lines.line_of(item), field.key, field.help);
            }
        }
        self.add_account(name, connector, settings, team, bridgebot, outside);
        Ok(())
    }

    /// Adds an account, from the file or from what was added by command.
    pub(crate) fn add_account(
        &mut self,
        name: &str,
        connector: &Arc<dyn Connector>,
        settings: Settings,
        team: String,
        bridgebot: bool,
        outside: Outside,
    ) {
        let about = connector.describe();
        self.engine.accounts.push(AccountSpec {
            id: name.into(),
            platform: about.id.into(),
            platform_name: about.name.to_owned(),
            team,
            bridgebot,
            outside,
        });
        self.sessions.push(SessionSpec {
            account: AccountId::from(name),
            connector: Arc::clone(connector),
            settings,
        });
    }

    fn read_tubes(&mut self, item: &Item, lines: &Lines<'_>) -> anyhow::Result<()> {
        let Some(tubes) = item.as_array_of_tables() else {
            bail!("line {}: tubes are written as [[tubes]]", lines.line_of(item));
        };
        for table in tubes.iter() {
            let place = "[[tubes]]";
            lines.check_keys(table, &["a", "b", "rooms", "direction"], place)?;
            let line = lines.line_of_table(table);
            let direction = match lines.string(table, "direction", place)?.as_deref() {
                None | Some("both") => Direction::Both,
                Some("a-to-b") => Direction::AToB,
                Some("b-to-a") => Direction::BToA,
                Some(other) => bail!(
                    "line {}: direction = {other:?} is none of both, a-to-b, b-to-a",
                    lines.line_of_key(table, "direction")
                ),
            };
            let ends = match (table.get("a"), table.get("b"), table.get("rooms")) {
                (Some(_), Some(_), None) => vec![
                    lines.string(table, "a", place)?.unwrap_or_default(),
                    lines.string(table, "b", place)?.unwrap_or_default(),
                ],
                (None, None, Some(_)) => lines.strings(table, "rooms", place)?,
                _ => bail!("line {line}: a tube has either a and b, or rooms = [...]"),
            };
            if ends.len() < 2 {
                bail!("line {line}: rooms = [...] needs two rooms or more");
            }
            if table.get("rooms").is_some() && direction != Direction::Both {
                bail!("line {line}: a group of rooms has no direction; use a and b for one-way tubes");
            }
            let specs =
                ends.iter().map(|end| self.room_on_line(end, line)).collect::<anyhow::Result<Vec<_>>>()?;
            for (index, a) in specs.iter().enumerate() {
                for b in specs.iter().skip(index + 1) {
                    if a == b {
                        bail!("line {line}: {a} is connected to itself");
                    }
                    let tube = TubeSpec { a: a.clone(), b: b.clone(), direction, line };
                    let same = |known: &TubeSpec| known.a == tube.a && known.b == tube.b;
                    if !self.engine.tubes.iter().any(same) {
                        self.engine.tubes.push(tube);
                    }
                }
            }
        }
        Ok(())
    }

    fn room(&self, text: &str, lines: &Lines<'_>, item: &Item) -> anyhow::Result<RoomSpec> {
        self.room_on_line(text, lines.line_of(item))
    }

    fn room_on_line(&self, text: &str, line: u32) -> anyhow::Result<RoomSpec> {
        let Some(spec) = RoomSpec::parse(text) else {
            bail!("line {line}: {text:?} is not account/room, such as libera/#lobby");
        };
        if !self.engine.accounts.iter().any(|account| account.id == spec.account) {
            let known: Vec<&str> = self.engine.accounts.iter().map(|account| account.id.as_str()).collect();
            bail!(
                "line {line}: there is no account {:?}{}",
                spec.account.as_str(),
                lines::nearest(spec.account.as_str(), &known)
            );
        }
        Ok(spec)
    }

    /// What changes when `next` takes the place of this configuration, in lines for people.
    pub(crate) fn differences(&self, next: &Self) -> Vec<String> {
        let mut out = Vec::new();
        let accounts = |config: &Self| -> BTreeMap<String, (Settings, AccountSpec)> {
            config
                .sessions
                .iter()
                .zip(&config.engine.accounts)
                .map(|(session, spec)| (spec.id.to_string(), (session.settings.clone(), spec.clone())))
                .collect()
        };
        let (old, new) = (accounts(self), accounts(next));
        for name in new.keys().filter(|name| !old.contains_key(*name)) {
            out.push(format!("+ account {name}"));
        }
        for (name, settings) in &old {
            match new.get(name) {
                None => out.push(format!("- account {name}")),
                Some(other) if other != settings => out.push(format!("~ account {name}")),
                Some(_) => {}
            }
        }
        let tube = |tube: &TubeSpec| format!("{} - {} ({:?})", tube.a, tube.b, tube.direction);
        let has = |list: &[TubeSpec], wanted: &TubeSpec| {
            list.iter().any(|known| {
                known.a == wanted.a && known.b == wanted.b && known.direction == wanted.direction
            })
        };
        let (old, new) = (&self.engine.tubes, &next.engine.tubes);
        out.extend(new.iter().filter(|spec| !has(old, spec)).map(|spec| format!("+ tube {}", tube(spec))));
        out.extend(old.iter().filter(|spec| !has(new, spec)).map(|spec| format!("- tube {}", tube(spec))));
        if self.engine.defaults != next.engine.defaults {
            out.push("~ defaults".into());
        }
        for (room, policy) in &next.engine.rooms {
            if self.engine.rooms.get(room) != Some(policy) {
                out.push(format!("~ room {room}"));
            }
        }
        for room in self.engine.rooms.keys().filter(|room| !next.engine.rooms.contains_key(*room)) {
            out.push(format!("- room {room}"));
        }
        if self.listen != next.listen || self.data_dir != next.data_dir {
            out.push("! listen and data_dir change only with a restart".into());
        }
        out
    }
}

/// Whether nobody but this machine can open an address.
fn is_loopback_url(url: &str) -> bool {
    let host = url.split("://").nth(1).unwrap_or(url);
    let host = host.split('/').next().unwrap_or(host);
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => host.split(':').next().unwrap_or(host),
    };
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback() || ip.is_unspecified())
}

#[cfg(test)]
mod tests;
