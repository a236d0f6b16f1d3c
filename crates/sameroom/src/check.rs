//! `check`: logs in with every account and enters every room, without relaying, and says what works.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use sameroom_connector::{Command, Kit, Report, SessionLink};
use sameroom_runtime::{FolderSpool, SystemClock};
use sameroom_seal::{MasterKey, OsEntropy};
use sameroom_store_sqlite::SqliteVault;
use sameroom_types::capabilities::{Authorship, Capabilities, Files, Reactions, Support};
use sameroom_types::ids::AccountId;
use sameroom_types::room::Health;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cli::{Common, say};
use crate::config::Config;
use crate::registry::Registry;
use crate::tables;

/// Runs the check.
pub(crate) async fn run(common: &Common, wait_secs: u64) -> anyhow::Result<()> {
    let registry = Registry::new();
    let config = Config::load(&common.config, &registry.connectors)?;
    let folder = tempfile::tempdir().context("make a temporary folder")?;
    let master = MasterKey::random(&mut OsEntropy);
    let kit = Kit {
        clock: Arc::new(SystemClock),
        spool: Arc::new(FolderSpool::open(folder.path().to_owned(), master.derive("spool"))?),
        vault: Arc::new(SqliteVault::open(folder.path().join("vault.sqlite"), master.derive("vault"))?),
        public_url: config.public_url.as_str().into(),
        allow_private_addresses: true,
    };
    let stop = CancellationToken::new();
    let tasks = TaskTracker::new();
    let (reports_tx, mut reports) = mpsc::channel(1_024);
    let mut health: BTreeMap<AccountId, (String, Option<String>)> = BTreeMap::new();
    let mut rooms: BTreeMap<(AccountId, String), Option<Result<Capabilities, String>>> = BTreeMap::new();
    let mut ends = Vec::new();
    for spec in &config.sessions {
        let account = spec.account.clone();
        let wanted: Vec<Box<str>> = config
            .engine
            .tubes
            .iter()
            .flat_map(|tube| [&tube.a, &tube.b])
            .filter(|room| room.account == account)
            .map(|room| room.room.clone())
            .collect();
        for room in &wanted {
            rooms.insert((account.clone(), room.to_string()), None);
        }
        match spec.connector.session(&account, &spec.settings, &kit) {
            Ok(session) => {
                let (link, end) = SessionLink::new(
                    account.clone(),
                    "check000".into(),
                    Vec::new(),
                    reports_tx.clone(),
                    stop.child_token(),
                    4_096,
                );
                for room in wanted {
                    drop(end.commands.send(Command::Join { room }).await);
                }
                ends.push(end);
                health.insert(account, ("no answer".into(), None));
                tasks.spawn(session.run(link));
            }
            Err(error) => {
                health.insert(account, ("wrong settings".into(), Some(error.to_string())));
            }
        }
    }
    drop(reports_tx);
    let deadline = tokio::time::Instant::now() + Duration::from_secs(wait_secs);
    loop {
        let open = rooms.iter().any(|((account, _), state)| {
            state.is_none() && health.get(account).is_some_and(|(state, _)| state != "wrong settings")
        }) || health.values().any(|(state, _)| state == "no answer");
        if !open {
            break;
        }
        let Ok(Some((account, report))) = tokio::time::timeout_at(deadline, reports.recv()).await else {
            break;
        };
        match report {
            Report::Health(Health::Connected) | Report::Connected { .. } => {
                health.insert(account, ("connected".into(), None));
            }
            Report::Health(Health::Retrying { why, .. }) => {
                health.insert(account.clone(), ("not connected".into(), Some(why.clone())));
                give_up(&mut rooms, &account, &why);
            }
            Report::Health(Health::NeedsRelink { why } | Health::Stopped { why }) => {
                health.insert(account.clone(), ("refused".into(), Some(why.clone())));
                give_up(&mut rooms, &account, &why);
            }
            Report::Room(room) => {
                if let Some(asked) = room.asked {
                    rooms.insert((account, asked.into()), Some(Ok(room.capabilities)));
                }
            }
            Report::RoomFailed(failure) => {
                rooms.insert((account, failure.asked.into()), Some(Err(failure.why)));
            }
            _ => {}
        }
    }
    stop.cancel();
    tasks.close();
    drop(tokio::time::timeout(Duration::from_secs(3), tasks.wait()).await);
    drop(ends);
    report(common, &health, &rooms)
}

fn give_up(
    rooms: &mut BTreeMap<(AccountId, String), Option<Result<Capabilities, String>>>,
    account: &AccountId,
    why: &str,
) {
    for ((of, _), state) in rooms.iter_mut() {
        if of == account && state.is_none() {
            *state = Some(Err(why.to_owned()));
        }
    }
}

fn report(
    common: &Common,
    health: &BTreeMap<AccountId, (String, Option<String>)>,
    rooms: &BTreeMap<(AccountId, String), Option<Result<Capabilities, String>>>,
) -> anyhow::Result<()> {
    let accounts: Vec<Value> = health
        .iter()
        .map(|(account, (state, why))| json!({ "account": account, "state": state, "why": why }))
        .collect();
    let rows: Vec<Value> = rooms
        .iter()
        .map(|((account, room), state)| {
            let name = format!("{account}/{room}");
            match state {
                Some(Ok(can)) => json!({
                    "room": name, "reads": "yes", "writes": "yes", "names": names(can),
                    "edits": word(can.edit), "reactions": if can.reactions == Reactions::None { "as lines" } else { "yes" },
                    "files": files(can), "history": if can.history.is_some() { "yes" } else { "no" }, "why": Value::Null,
                }),
                other => {
                    let why = match other {
                        Some(Err(why)) => why.as_str(),
                        _ => "no answer in time",
                    };
                    json!({
                        "room": name, "reads": "no", "writes": "no", "names": "-", "edits": "-",
                        "reactions": "-", "files": "-", "history": "-", "why": why,
                    })
                }
            }
        })
        .collect();
    let bad = rows.iter().any(|row| row["reads"] == "no")
        || accounts.iter().any(|account| account["state"] != "connected");
    if common.json {
        say(&serde_json::to_string_pretty(&json!({ "accounts": accounts, "rooms": rows }))?);
    } else {
        tables::table(&accounts).iter().for_each(|line| say(line));
        say("");
        tables::table(&rows).iter().for_each(|line| say(line));
    }
    anyhow::ensure!(!bad, "not everything can be used; see the column WHY");
    Ok(())
}

fn names(can: &Capabilities) -> &'static str {
    match can.author {
        Authorship::NamePicture => "name and picture",
        Authorship::Name => "name",
        Authorship::Puppet => "own accounts",
        Authorship::Prefix => "prefix",
    }
}

fn word(support: Support) -> &'static str {
    match support {
        Support::Full => "yes",
        Support::Fallback => "as lines",
        Support::Dropped | Support::Rejected => "no",
    }
}

fn files(can: &Capabilities) -> &'static str {
    match can.files {
        Files::Upload { .. } => "copied",
        Files::Link => "links",
    }
}
