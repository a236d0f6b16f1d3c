//! A relay on a data folder, between in-memory platforms.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use sameroom_connector::Kit;
use sameroom_connector::contract::{MemoryVault, SystemClock};
use sameroom_log::{DataFolder, LogOptions, SegmentLog};
use sameroom_runtime::{FolderSpool, Relay, SessionSpec, Shares, Start};
use sameroom_seal::{KeySource, OsEntropy};
use sameroom_store::Store as _;
use sameroom_store_sqlite::SqliteStore;
use sameroom_types::ids::{MessageId, NativeIds, RoomId, Seq};
use sameroom_types::policy::{AccountSpec, Configuration, Outside, TubeSpec};
use sameroom_types::room::Direction;
use sameroom_types::rows::{CopyRow, Row};

use crate::memory::{MemoryConnector, World};

/// From where messages come, and where they go.
pub(crate) const SOURCE: &str = "source";
pub(crate) const TARGET: &str = "target";

/// A folder that nobody else may read, as a relay wants it.
pub(crate) fn private() -> anyhow::Result<tempfile::TempDir> {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir()?;
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700))?;
    Ok(folder)
}

/// A relay and what it runs on; the folder's lock is held as long.
pub(crate) struct Running {
    pub(crate) relay: Relay,
    _folder: DataFolder,
}

impl Running {
    /// Ends it, and then gives the folder back.
    pub(crate) async fn stop(self) {
        self.relay.stop().await;
    }
}

/// `networks` rooms of the source, each tied to three of the target.
pub(crate) fn configuration(networks: usize) -> Configuration {
    let account = |id: &str| AccountSpec {
        id: id.into(),
        platform: "memory".into(),
        platform_name: "Memory".into(),
        team: id.into(),
        bridgebot: false,
        outside: Outside::Allow,
    };
    let spec = |account: &str, room: String| sameroom_types::ids::RoomSpec {
        account: account.into(),
        room: room.into(),
    };
    let tubes = (0..networks).flat_map(|network| {
        (0..3).map(move |copy| TubeSpec {
            a: spec(SOURCE, format!("r{network}")),
            b: spec(TARGET, format!("r{network}-{copy}")),
            direction: Direction::AToB,
            line: 1,
        })
    });
    Configuration {
        accounts: vec![account(SOURCE), account(TARGET)],
        tubes: tubes.collect(),
        ours: vec!["memory".into()],
        // The default of the program.
        excerpts: Duration::from_secs(24 * 3600),
        ..Configuration::default()
    }
}

/// Starts a relay in a folder.
pub(crate) fn start(path: &Path, config: Configuration, world: &Arc<World>) -> anyhow::Result<Running> {
    let folder = DataFolder::open(path, &mut OsEntropy)?;
    let master = KeySource::File(path.join("master.key")).load(&mut OsEntropy)?;
    let options = LogOptions::new(folder.installation());
    let (log, _) =
        SegmentLog::open(folder.subfolder("log")?, master.derive("log"), options, Box::new(OsEntropy))?;
    let store = SqliteStore::open(path.join("store.sqlite"))?;
    let files = path.join("files");
    std::fs::create_dir_all(&files)?;
    let spool = FolderSpool::open(files, master.derive("spool")).context("spool")?;
    let clock = Arc::new(SystemClock::default());
    let vault = Arc::new(MemoryVault::default());
    let connector = Arc::new(MemoryConnector::new(Arc::clone(world)));
    let session = |account: &str| SessionSpec {
        account: account.into(),
        connector: connector.clone(),
        settings: sameroom_connector::Settings::new(),
    };
    let relay = Relay::start(Start {
        installation: "benchben".into(),
        digest_key: *master.derive("digest").expose(),
        log: Box::new(log),
        store: Box::new(store),
        kit: Kit {
            clock: clock.clone(),
            spool: Arc::new(spool.clone()),
            vault: vault.clone(),
            public_url: "http://127.0.0.1:8420".into(),
            allow_private_addresses: true,
        },
        spool,
        shares: Shares::new(vault, clock, Duration::from_secs(3600)),
        connectors: vec![connector.clone()],
        config,
        sessions: vec![session(SOURCE), session(TARGET)],
        dry_run: false,
    })?;
    Ok(Running { relay, _folder: folder })
}

/// Fills the map with copies of messages that never were: one batch, as of the log's first record, so that
/// nothing of what follows is taken for known.
pub(crate) fn preload(path: &Path, copies: u64) -> anyhow::Result<()> {
    let mut store = SqliteStore::open(path.join("store.sqlite"))?;
    // Ids far above all that the run will make.
    let first = 1 << 40;
    let copy = |number: u64| {
        Row::Copy(CopyRow {
            message: MessageId(first + number / 3),
            room: RoomId(number % 3_000),
            space: RoomId(number % 3_000),
            part: 0,
            account: TARGET.into(),
            ids: Some(NativeIds::one(format!("old-{number}"))),
            is_file: false,
            deleted: false,
        })
    };
    store.apply(&[(Seq(1), (0..copies).map(copy).collect())])?;
    Ok(())
}
