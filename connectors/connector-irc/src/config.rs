//! The keys of an account, read one by one so that an error names its key.

use std::collections::BTreeMap;

use sameroom_connector::{Settings, SettingsError};
use serde_json::Value;

use crate::decode::Fallback;

/// An account as configured.
#[derive(Clone)]
pub(crate) struct Config {
    /// Host name or address.
    pub(crate) host: String,
    /// TCP port.
    pub(crate) port: u16,
    /// How to protect the connection; `None` for plain TCP.
    pub(crate) tls: Option<Tls>,
    /// The wanted nick.
    pub(crate) nick: String,
    /// The user name sent on connecting.
    pub(crate) username: String,
    /// The real name, with the operator's contact.
    pub(crate) realname: String,
    /// What `PASS` carries.
    pub(crate) server_password: Option<String>,
    /// How to log in while connecting.
    pub(crate) sasl: Option<Sasl>,
    /// The password for `IDENTIFY`, where there is no SASL.
    pub(crate) nickserv_password: Option<String>,
    /// Keys of rooms by name as configured.
    pub(crate) channel_keys: BTreeMap<String, String>,
    /// Our own flood protection; `None` for none.
    pub(crate) pace: Option<Pace>,
    /// The name under which this network's rooms are known, instead of the server's word.
    pub(crate) network: Option<String>,
    /// What lines that are not UTF-8 are read as.
    pub(crate) fallback: Fallback,
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

/// How the server proves who it is, and we who we are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tls {
    /// A PEM file with the only authorities to trust, instead of the system's.
    pub(crate) ca_file: Option<String>,
    /// SHA-256 of the only certificate to accept, whoever signed it.
    pub(crate) fingerprint: Option<[u8; 32]>,
    /// PEM files with our own certificate chain and key.
    pub(crate) client_certificate: Option<(String, String)>,
}

/// A login by SASL.
#[derive(Clone)]
pub(crate) struct Sasl {
    /// Which mechanism.
    pub(crate) mechanism: Mechanism,
    /// The account name; empty for `EXTERNAL` without one.
    pub(crate) username: String,
    /// Its password; empty for `EXTERNAL`.
    pub(crate) password: String,
}

/// The mechanisms known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mechanism {
    /// RFC 4616.
    Plain,
    /// RFC 4422, appendix A: by client certificate.
    External,
    /// RFC 7677.
    ScramSha256,
}

/// A token bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pace {
    /// How many lines may go at once.
    pub(crate) burst: f64,
    /// How many lines a second after that.
    pub(crate) per_second: f64,
}

impl Config {
    /// Reads an account's settings.
    pub(crate) fn read(settings: &Settings) -> Result<Self, SettingsError> {
        let mut keys = Keys(settings.clone());
        let is_tls = keys.flag("tls")?.unwrap_or(true);
        let server = keys.required("server", "the server's host:port, such as irc.example.net:6697")?;
        let (host, port) = address(&server, if is_tls { 6697 } else { 6667 })?;
        let nick = keys.required("nick", "the nick to use")?;
        if !is_nick(&nick) {
            return Err(SettingsError::new(
                "nick",
                "not a nick: letters, digits and []\\`_^{|}- only, no digit first",
            ));
        }
        let contact = keys.text("operator_contact")?;
        let realname =
            keys.text("realname")?.unwrap_or_else(|| format!("{} bridge", sameroom_types::PRODUCT));
        let realname = contact.map_or(realname.clone(), |who| format!("{realname}, run by {who}"));
        let username = keys.text("username")?.unwrap_or_else(|| "sameroom".to_owned());
        let server_password = keys.text("server_password")?;
        let sasl = keys.sasl()?;
        let nickserv_password = keys.text("nickserv_password")?;
        let channel_keys = keys.texts("channel_keys")?;
        let pace = keys.pace()?;
        let network = keys.text("network")?;
        let fallback = match keys.text("encoding")?.as_deref().map(str::to_ascii_lowercase).as_deref() {
            None | Some("cp1252" | "windows-1252") => Fallback::Cp1252,
            Some("latin1" | "iso-8859-1") => Fallback::Latin1,
            Some("utf-8" | "utf8") => Fallback::Utf8,
            Some(_) => return Err(SettingsError::new("encoding", "must be cp1252, latin1 or utf-8")),
        };
        let tls_keys = keys.tls()?;
        if !is_tls && (tls_keys.fingerprint.is_some() || tls_keys.ca_file.is_some()) {
            return Err(SettingsError::new(
                "tls",
                "is false, so ca_file and tls_fingerprint have no meaning",
            ));
        }
        keys.none_left()?;
        Ok(Self {
            host,
            port,
            tls: is_tls.then_some(tls_keys),
            nick,
            username,
            realname,
            server_password,
            sasl,
            nickserv_password,
            channel_keys,
            pace,
            network,
            fallback,
        })
    }
}

/// Whether a server could take this as a nick.
pub(crate) fn is_nick(name: &str) -> bool {
    let is_special = |c: char| "[]\\`_^{|}".contains(c) || !c.is_ascii();
    name.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || is_special(c))
        && name.chars().all(|c| c.is_ascii_alphanumeric() || is_special(c) || c == '-')
}

fn address(server: &str, default_port: u16) -> Result<(String, u16), SettingsError> {
    let wrong = || SettingsError::new("server", "must be host:port, such as irc.example.net:6697");
    if let Some(rest) = server.strip_prefix('[') {
        let (host, port) = rest.split_once(']').ok_or_else(wrong)?;
        let port = match port.strip_prefix(':') {
            Some(port) => port.parse().map_err(|_| wrong())?,
            None if port.is_empty() => default_port,
            None => return Err(wrong()),
        };
        return Ok((host.to_owned(), port));
    }
    let (host, port) = match server.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().map_err(|_| wrong())?),
        None => (server, default_port),
    };
    if host.is_empty() || host.contains([':', '/', ' ']) {
        return Err(wrong());
    }
    Ok((host.to_owned(), port))
}

fn fingerprint(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|c| !matches!(c, ':' | ' '))
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()?;
    let bytes: Vec<u8> =
        digits.chunks(2).map(|pair| pair.iter().fold(0, |sum, digit| sum * 16 + digit)).collect();
    if digits.len() == 64 { bytes.try_into().ok() } else { None }
}

/// Settings that have not been read yet.
struct Keys(Settings);

impl Keys {
    fn text(&mut self, key: &str) -> Result<Option<String>, SettingsError> {
        match self.0.remove(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.contains(['\r', '\n', '\0']) => {
                Err(SettingsError::new(key, "must be one line"))
            }
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(SettingsError::new(key, "must be text in quotes")),
        }
    }

    fn required(&mut self, key: &str, what: &str) -> Result<String, SettingsError> {
        let text = self.text(key)?.filter(|text| !text.is_empty());
        text.ok_or_else(|| SettingsError::new(key, format!("is missing: {what}")))
    }

    fn flag(&mut self, key: &str) -> Result<Option<bool>, SettingsError> {
        match self.0.remove(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(_) => Err(SettingsError::new(key, "must be true or false")),
        }
    }

    fn table(&mut self, key: &str) -> Result<Option<Self>, SettingsError> {
        match self.0.remove(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(table)) => Ok(Some(Self(table))),
            Some(_) => Err(SettingsError::new(key, "must be a table")),
        }
    }

    fn texts(&mut self, key: &str) -> Result<BTreeMap<String, String>, SettingsError> {
        let table = self.table(key)?.map(|keys| keys.0).unwrap_or_default();
        table
            .into_iter()
            .map(|(name, value)| match value {
                Value::String(text) => Ok((name, text)),
                _ => Err(SettingsError::new(format!("{key}.{name}"), "must be text in quotes")),
            })
            .collect()
    }

    fn number(&mut self, key: &str) -> Result<Option<f64>, SettingsError> {
        match self.0.remove(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => value
                .as_f64()
                .filter(|number| *number > 0.0 && number.is_finite())
                .map(Some)
                .ok_or_else(|| SettingsError::new(key, "must be a number above 0")),
        }
    }

    fn none_left(&self) -> Result<(), SettingsError> {
        let unknown = |key: &String| Err(SettingsError::new(key, "no such key for an IRC account"));
        self.0.keys().next().map_or(Ok(()), unknown)
    }

    fn sasl(&mut self) -> Result<Option<Sasl>, SettingsError> {
        let Some(mut keys) = self.table("sasl")? else { return Ok(None) };
        let in_sasl = |error: SettingsError| SettingsError::new(format!("sasl.{}", error.key), error.problem);
        let mechanism =
            match keys.text("mechanism").map_err(in_sasl)?.map(|name| name.to_ascii_uppercase()).as_deref() {
                None | Some("PLAIN") => Mechanism::Plain,
                Some("EXTERNAL") => Mechanism::External,
                Some("SCRAM-SHA-256") => Mechanism::ScramSha256,
                Some(_) => {
                    return Err(SettingsError::new(
                        "sasl.mechanism",
                        "must be PLAIN, SCRAM-SHA-256 or EXTERNAL",
                    ));
                }
            };
        let (username, password) = if mechanism == Mechanism::External {
            (
                keys.text("username").map_err(in_sasl)?.unwrap_or_default(),
                keys.text("password").map_err(in_sasl)?.unwrap_or_default(),
            )
        } else {
            let username = keys.required("username", "the services account").map_err(in_sasl)?;
            (username, keys.required("password", "the account's password").map_err(in_sasl)?)
        };
        keys.none_left().map_err(in_sasl)?;
        Ok(Some(Sasl { mechanism, username, password }))
    }

    fn pace(&mut self) -> Result<Option<Pace>, SettingsError> {
        let default = Pace { burst: 5.0, per_second: 1.0 };
        match self.0.get("pace") {
            None | Some(Value::Null) => return Ok(Some(default)),
            Some(Value::String(word)) if word == "off" => {
                self.0.remove("pace");
                return Ok(None);
            }
            Some(Value::Object(_)) => {}
            Some(_) => {
                return Err(SettingsError::new("pace", "must be \"off\" or { burst = 5, per_second = 1.0 }"));
            }
        }
        let Some(mut keys) = self.table("pace")? else { return Ok(Some(default)) };
        let in_pace = |error: SettingsError| SettingsError::new(format!("pace.{}", error.key), error.problem);
        let burst = keys.number("burst").map_err(in_pace)?.unwrap_or(default.burst).max(1.0);
        let per_second = keys.number("per_second").map_err(in_pace)?.unwrap_or(default.per_second);
        keys.none_left().map_err(in_pace)?;
        Ok(Some(Pace { burst, per_second }))
    }

    fn tls(&mut self) -> Result<Tls, SettingsError> {
        let ca_file = self.text("ca_file")?;
        let fingerprint = match self.text("tls_fingerprint")? {
            None => None,
            Some(text) => Some(fingerprint(&text).ok_or_else(|| {
                SettingsError::new("tls_fingerprint", "must be a SHA-256 of 64 hex digits")
            })?),
        };
        let client_certificate = match (self.text("client_cert_file")?, self.text("client_key_file")?) {
            (None, None) => None,
            (Some(cert), Some(key)) => Some((cert, key)),
            (Some(_), None) => {
                return Err(SettingsError::new("client_key_file", "is missing beside client_cert_file"));
            }
            (None, Some(_)) => {
                return Err(SettingsError::new("client_cert_file", "is missing beside client_key_file"));
            }
        };
        Ok(Tls { ca_file, fingerprint, client_certificate })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: Value) -> Result<Config, SettingsError> {
        Config::read(value.as_object().expect("a table"))
    }

    #[test]
    fn the_least_is_server_and_nick() {
        let config = read(json!({"server": "irc.example.net", "nick": "same"})).expect("enough");
        assert_eq!((config.host.as_str(), config.port), ("irc.example.net", 6697));
        assert_eq!(config.pace, Some(Pace { burst: 5.0, per_second: 1.0 }));
        let config = read(json!({"server": "[::1]:7000", "nick": "same", "tls": false, "pace": "off"}))
            .expect("enough");
        assert_eq!((config.host.as_str(), config.port, config.pace), ("::1", 7000, None));
    }

    #[test]
    fn an_error_names_its_key() {
        let check = |value, key: &str| assert_eq!(read(value).expect_err("wrong").key, key);
        check(json!({"nick": "a"}), "server");
        check(json!({"server": "a:b", "nick": "a"}), "server");
        check(json!({"server": "a"}), "nick");
        check(json!({"server": "a", "nick": "1a"}), "nick");
        check(json!({"server": "a", "nick": "a", "tsl": true}), "tsl");
        check(json!({"server": "a", "nick": "a", "tls": "yes"}), "tls");
        check(json!({"server": "a", "nick": "a", "sasl": {"mechanism": "X"}}), "sasl.mechanism");
        check(json!({"server": "a", "nick": "a", "sasl": {"username": "x"}}), "sasl.password");
        check(json!({"server": "a", "nick": "a", "pace": {"burst": 0}}), "pace.burst");
        check(json!({"server": "a", "nick": "a", "pace": "slow"}), "pace");
        check(json!({"server": "a", "nick": "a", "tls_fingerprint": "12"}), "tls_fingerprint");
        check(json!({"server": "a", "nick": "a", "channel_keys": {"#a": 1}}), "channel_keys.#a");
        check(json!({"server": "a", "nick": "a", "realname": "a\r\nQUIT"}), "realname");
    }

    #[test]
    fn fingerprints_with_and_without_colons() {
        let plain = "ab".repeat(32);
        let colons = vec!["AB"; 32].join(":");
        assert_eq!(fingerprint(&plain), Some([0xab; 32]));
        assert_eq!(fingerprint(&colons), Some([0xab; 32]));
        assert_eq!(fingerprint("xy"), None);
    }
}
