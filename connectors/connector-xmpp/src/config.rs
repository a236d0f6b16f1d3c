//! The settings of an account.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use sameroom_connector::{Settings, SettingsError};
use sameroom_types::ids::RealmId;
use serde::Deserialize;

use crate::ids::Jid;

/// How the connection is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TlsMode {
    /// Starts in the clear and insists on TLS before anything else.
    #[default]
    StartTls,
    /// TLS from the first byte (XEP-0368).
    Direct,
    /// No TLS; only where asked for.
    Off,
}

/// A server that differs from today's XMPP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Preset {
    HipChat,
}

/// What stands in the configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    jid: String,
    password: String,
    muc: Option<String>,
    nick: Option<String>,
    server: Option<String>,
    #[serde(default)]
    tls: TlsMode,
    ca_file: Option<PathBuf>,
    tls_fingerprint: Option<String>,
    preset: Option<Preset>,
    resource: Option<String>,
    #[serde(default)]
    room_passwords: BTreeMap<String, String>,
    max_stanza_bytes: Option<usize>,
    self_ping_secs: Option<u64>,
}

/// The settings, checked.
#[derive(Clone)]
pub(crate) struct Config {
    /// The account's bare address.
    pub(crate) jid: Jid,
    /// Its password.
    pub(crate) password: String,
    /// The server's service for rooms; found by asking where it is not given.
    pub(crate) muc: Option<String>,
    /// The name in rooms; `None` takes the one in the account's vCard (HipChat).
    pub(crate) nick: Option<String>,
    /// Where to connect.
    pub(crate) host: String,
    /// The port there.
    pub(crate) port: u16,
    /// How the connection is protected.
    pub(crate) tls: TlsMode,
    /// Certificates to trust beside the system's.
    pub(crate) ca_file: Option<PathBuf>,
    /// The only certificate to trust, by the SHA-256 of its bytes.
    pub(crate) fingerprint: Option<[u8; 32]>,
    /// Whether the server is a HipChat server.
    pub(crate) hipchat: bool,
    /// What the connection is called; random where it is not given.
    pub(crate) resource: Option<String>,
    /// Passwords of rooms by bare address.
    pub(crate) room_passwords: BTreeMap<String, String>,
    /// The largest stanza taken.
    pub(crate) max_stanza_bytes: usize,
    /// After how much silence a room is asked whether we are still in it.
    pub(crate) self_ping: Duration,
    /// The world that room addresses are unique in.
    pub(crate) realm: RealmId,
    /// Whether the server was given by a private address, so that its own links may be private too.
    pub(crate) is_private: bool,
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config").field("port", &self.port).field("tls", &self.tls).finish_non_exhaustive()
    }
}

impl Config {
    /// Checks the settings.
    ///
    /// # Errors
    /// Names the key that can't be used.
    pub(crate) fn parse(settings: &Settings) -> Result<Self, SettingsError> {
        let written: Written = serde_json::from_value(serde_json::Value::Object(settings.clone()))
            .map_err(|error| SettingsError::new(guess_key(&error.to_string()), error.to_string()))?;
        let jid = Jid::parse(&written.jid)
            .filter(|jid| jid.local.is_some())
            .ok_or_else(|| SettingsError::new("jid", "must be an address such as bridge@example.org"))?;
        let resource = written.resource.or_else(|| jid.resource.clone());
        let hipchat = written.preset == Some(Preset::HipChat);
        let default_port = if written.tls == TlsMode::Direct { 5223 } else { 5222 };
        let (host, port) = match &written.server {
            Some(server) => split_host(server, default_port).ok_or_else(|| {
                SettingsError::new("server", "must be host:port, such as xmpp.example.org:5222")
            })?,
            None => (jid.domain.clone(), default_port),
        };
        let muc = match written.muc {
            Some(muc) => Some(
                Jid::parse(&muc)
                    .filter(|muc| muc.local.is_none() && muc.resource.is_none())
                    .ok_or_else(|| {
                        SettingsError::new("muc", "must be a domain such as conference.example.org")
                    })?
                    .domain,
            ),
            None if hipchat => Some(hipchat_rooms(&jid.domain)),
            None => None,
        };
        let nick = written.nick.map(|nick| nick.trim().to_owned());
        if nick
            .as_ref()
            .is_some_and(|nick| nick.is_empty() || nick.len() > 1023 || nick.contains(char::is_control))
        {
            return Err(SettingsError::new("nick", "must be a name that a room can show"));
        }
        let nick = nick.or_else(|| if hipchat { None } else { jid.local.clone() });
        let fingerprint = match &written.tls_fingerprint {
            Some(text) => Some(parse_fingerprint(text).ok_or_else(|| {
                SettingsError::new(
                    "tls_fingerprint",
                    "must be the SHA-256 of the certificate, 64 hexadecimal digits",
                )
            })?),
            None => None,
        };
        if written.password.is_empty() {
            return Err(SettingsError::new("password", "must not be empty"));
        }
        let is_private = written.server.is_some() && is_private_host(&host);
        let realm =
            if is_private { RealmId::new(format!("xmpp@{host}:{port}")) } else { RealmId::new("xmpp") };
        let mut room_passwords = BTreeMap::new();
        for (room, password) in written.room_passwords {
            let address = crate::ids::room_address(&room, muc.as_deref(), None)
                .ok_or_else(|| SettingsError::new("room_passwords", format!("{room} is not a room")))?;
            room_passwords.insert(address.bare(), password);
        }
        let max_stanza_bytes = written.max_stanza_bytes.unwrap_or(1 << 20);
        if !(10_000..=16 << 20).contains(&max_stanza_bytes) {
            return Err(SettingsError::new("max_stanza_bytes", "must be between 10000 and 16777216"));
        }
        let self_ping = written.self_ping_secs.unwrap_or(15 * 60);
        if self_ping == 0 {
            return Err(SettingsError::new("self_ping_secs", "must be at least 1"));
        }
        Ok(Self {
            jid: Jid { resource: None, ..jid },
            password: written.password,
            muc,
            nick,
            host,
            port,
            tls: written.tls,
            ca_file: written.ca_file,
            fingerprint,
            hipchat,
            resource,
            room_passwords,
            max_stanza_bytes,
            self_ping: Duration::from_secs(self_ping),
            realm,
            is_private,
        })
    }

    /// What every room of this HipChat group starts with.
    pub(crate) fn room_prefix(&self) -> Option<String> {
        let local = self.jid.local.as_deref().filter(|_| self.hipchat)?;
        local.split_once('_').map(|(group, _)| format!("{group}_"))
    }
}

/// The rooms of `chat.hipchat.com` are on `conf.hipchat.com`, those of `btf.hipchat.com` on `conf.btf.hipchat.com`.
fn hipchat_rooms(domain: &str) -> String {
    format!("conf.{}", domain.strip_prefix("chat.").unwrap_or(domain))
}

fn split_host(server: &str, default_port: u16) -> Option<(String, u16)> {
    if let Some(rest) = server.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        let port = if rest.is_empty() { default_port } else { rest.strip_prefix(':')?.parse().ok()? };
        return Some((host.to_owned(), port));
    }
    let (host, port) = match server.split_once(':') {
        Some((host, port)) => (host, port.parse().ok()?),
        None => (server, default_port),
    };
    (!host.is_empty() && port != 0 && !host.contains('/')).then(|| (host.to_lowercase(), port))
}

fn is_private_host(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(ip) => !sameroom_http::is_public(ip),
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

fn parse_fingerprint(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|c| *c != ':')
        .map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok()))
        .collect::<Option<_>>()?;
    let bytes: Vec<u8> =
        digits.chunks_exact(2).filter_map(|pair| Some((pair.first()? << 4) | pair.get(1)?)).collect();
    (digits.len() == 64).then_some(())?;
    bytes.try_into().ok()
}

/// The key that an error of serde names in back-quotes.
fn guess_key(message: &str) -> String {
    message.split('`').nth(1).unwrap_or("account").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: serde_json::Value) -> Result<Config, SettingsError> {
        Config::parse(json.as_object().expect("an object"))
    }

    fn base(more: serde_json::Value) -> Result<Config, SettingsError> {
        let mut all = serde_json::json!({"jid": "Bridge@Example.org", "password": "pw"});
        if let (Some(all), Some(more)) = (all.as_object_mut(), more.as_object()) {
            all.extend(more.clone());
        }
        parse(all)
    }

    #[test]
    fn little_is_enough() {
        let config = base(serde_json::json!({})).expect("settings");
        assert_eq!(
            (config.jid.full().as_str(), config.host.as_str(), config.port),
            ("bridge@example.org", "example.org", 5222)
        );
        assert_eq!((config.nick.as_deref(), config.realm.as_str()), (Some("bridge"), "xmpp"));
        assert_eq!(config.tls, TlsMode::StartTls);
    }

    #[test]
    fn test_servers_are_worlds_of_their_own() {
        let realm =
            |server: &str| base(serde_json::json!({"server": server})).expect("settings").realm.to_string();
        assert_eq!(realm("127.0.0.1:35222"), "xmpp@127.0.0.1:35222");
        assert_eq!(realm("[::1]:35222"), "xmpp@::1:35222");
        assert_eq!(realm("localhost"), "xmpp@localhost:5222");
        assert_eq!(realm("xmpp.example.org:5223"), "xmpp");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let key = |more: serde_json::Value| base(more).expect_err("wrong").key;
        assert_eq!(key(serde_json::json!({"jid": "example.org"})), "jid");
        assert_eq!(key(serde_json::json!({"server": "a:b"})), "server");
        assert_eq!(key(serde_json::json!({"muc": "a@b"})), "muc");
        assert_eq!(key(serde_json::json!({"nick": " "})), "nick");
        assert_eq!(key(serde_json::json!({"password": ""})), "password");
        assert_eq!(key(serde_json::json!({"tls_fingerprint": "ab"})), "tls_fingerprint");
        assert_eq!(key(serde_json::json!({"colour": "red"})), "colour");
        assert_eq!(key(serde_json::json!({"max_stanza_bytes": 1})), "max_stanza_bytes");
        assert_eq!(parse(serde_json::json!({"jid": "a@b"})).expect_err("wrong").key, "password");
    }

    #[test]
    fn a_fingerprint_may_have_colons() {
        let text = "AB:".repeat(31) + "cd";
        let config = base(serde_json::json!({"tls_fingerprint": text})).expect("settings");
        assert_eq!(config.fingerprint.map(|print| (print[0], print[31])), Some((0xab, 0xcd)));
    }

    #[test]
    fn hipchat_has_its_own_defaults() {
        let config =
            parse(serde_json::json!({"jid": "7_42@chat.hipchat.com", "password": "x", "preset": "hipchat"}))
                .expect("settings");
        assert_eq!(config.muc.as_deref(), Some("conf.hipchat.com"));
        assert_eq!(config.room_prefix().as_deref(), Some("7_"));
        assert_eq!(config.nick, None);
        let own =
            parse(serde_json::json!({"jid": "1_2@btf.hipchat.com", "password": "x", "preset": "hipchat"}))
                .expect("settings");
        assert_eq!(own.muc.as_deref(), Some("conf.btf.hipchat.com"));
    }

    #[test]
    fn secrets_are_not_shown() {
        let config = base(serde_json::json!({"password": "hunter2"})).expect("settings");
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
