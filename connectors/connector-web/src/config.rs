//! The settings of an account.

use sameroom_connector::{Settings, SettingsError};
use serde_json::Value;

/// Days after which messages go, unless set.
pub(crate) const DEFAULT_RETENTION_DAYS: u32 = 30;
/// The largest file, unless set.
pub(crate) const DEFAULT_MAX_UPLOAD_BYTES: u64 = 25_000_000;

/// More would not be a small file any more, and the storage is not made for it.
const MOST_UPLOAD_BYTES: u64 = 1_000_000_000;

/// Checked settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Config {
    /// Days for which messages and files are kept.
    pub(crate) retention_days: u32,
    /// The largest file in bytes.
    pub(crate) max_upload_bytes: u64,
    /// Names that own a room, as [`crate::ids::fold_name`] folds them.
    pub(crate) owners: Vec<String>,
}

impl Config {
    /// Checks the settings.
    ///
    /// # Errors
    /// For an unknown key, or a value of another kind than described.
    pub(crate) fn parse(settings: &Settings) -> Result<Self, SettingsError> {
        let mut config = Self {
            retention_days: DEFAULT_RETENTION_DAYS,
            max_upload_bytes: DEFAULT_MAX_UPLOAD_BYTES,
            owners: Vec::new(),
        };
        for (key, value) in settings {
            match key.as_str() {
                // The account's own keys, which the program reads.
                "platform" | "bridgebot" | "outside" => {}
                "retention_days" => {
                    let days = number(key, value, 3_650)?;
                    config.retention_days = u32::try_from(days).unwrap_or(DEFAULT_RETENTION_DAYS);
                }
                "max_upload_bytes" => config.max_upload_bytes = number(key, value, MOST_UPLOAD_BYTES)?,
                "owners" => config.owners = names(key, value)?,
                _ => return Err(SettingsError::new(key, "is no setting of a browser room")),
            }
        }
        Ok(config)
    }
}

fn number(key: &str, value: &Value, most: u64) -> Result<u64, SettingsError> {
    value
        .as_u64()
        .filter(|number| (1..=most).contains(number))
        .ok_or_else(|| SettingsError::new(key, format!("must be a whole number from 1 to {most}")))
}

fn names(key: &str, value: &Value) -> Result<Vec<String>, SettingsError> {
    let wrong = || SettingsError::new(key, "must be a list of names");
    let list = value.as_array().ok_or_else(wrong)?;
    list.iter().map(|name| name.as_str().map(crate::ids::fold_name).ok_or_else(wrong)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(source: &str) -> Result<Config, String> {
        let settings: Settings = serde_json::from_str(source).expect("JSON");
        Config::parse(&settings).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_is_required() {
        let config = parse("{}").expect("defaults");
        assert_eq!((config.retention_days, config.max_upload_bytes), (30, 25_000_000));
    }

    #[test]
    fn wrong_settings_are_named() {
        assert!(parse(r#"{"retention_days": 0}"#).expect_err("zero").starts_with("retention_days: "));
        assert!(parse(r#"{"max_upload_bytes": "big"}"#).expect_err("text").starts_with("max_upload_bytes: "));
        assert!(parse(r#"{"owners": "ana"}"#).expect_err("no list").starts_with("owners: "));
        assert!(parse(r#"{"colour": 1}"#).expect_err("unknown").starts_with("colour: "));
        assert_eq!(parse(r#"{"owners": [" Ana  B "]}"#).expect("list").owners, ["ana b"]);
    }
}
