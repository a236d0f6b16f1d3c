//! From a configuration to a running relay: data folder, keys, log, store, vault, spool.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use sameroom_connector::{Kit, Vault};
use sameroom_log::{DataFolder, LogOptions, SegmentLog};
use sameroom_runtime::{FolderSpool, Relay, Shares, Start, SystemClock};
use sameroom_seal::{KeySource, OsEntropy};
use sameroom_store::{Store, StoreError};
use sameroom_store_sqlite::{SqliteStore, SqliteVault};

use crate::config::Config;
use crate::control::accounts;
use crate::registry::Registry;

/// How long a link to a file is good.
const SHARE_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);

/// A running relay and what belongs to it.
pub(crate) struct Running {
    pub(crate) relay: Relay,
    pub(crate) spool: FolderSpool,
    pub(crate) shares: Shares,
    pub(crate) vault: Arc<dyn Vault>,
    /// Taken for as long as the relay runs.
    pub(crate) folder: DataFolder,
}

/// Starts a relay.
pub(crate) async fn start(
    config: &mut Config,
    registry: &Registry,
    dry_run: bool,
) -> anyhow::Result<Running> {
    let path = &config.data_dir;
    make_private(path)?;
    let folder = DataFolder::open(path, &mut OsEntropy)
        .with_context(|| format!("open the data folder {}", path.display()))?;
    let source = config.master_key.clone().unwrap_or_else(|| KeySource::File(path.join("master.key")));
    let master = source.load(&mut OsEntropy).context("master key")?;
    let (log, recovery) = SegmentLog::open(
        folder.subfolder("log")?,
        master.derive("log"),
        LogOptions::new(folder.installation()),
        Box::new(OsEntropy),
    )
    .with_context(|| format!("open the log in {}", path.join("log").display()))?;
    if let Some(cut) = &recovery.cut {
        tracing::warn!(cut = ?cut, "the end of the log was torn; nothing that was accepted is lost");
    }
    let store = open_store(&path.join("store.sqlite"))?;
    let vault: Arc<dyn Vault> = Arc::new(
        SqliteVault::open(path.join("vault.sqlite"), master.derive("vault"))
            .with_context(|| format!("open {}", path.join("vault.sqlite").display()))?,
    );
    let files = path.join("files");
    make_private(&files)?;
    let spool = FolderSpool::open(files, master.derive("spool"))?;
    let clock = Arc::new(SystemClock);
    let shares = Shares::new(Arc::clone(&vault), clock.clone(), SHARE_LIFE);
    accounts::add_stored(config, registry, &vault).await?;
    let kit = Kit {
        clock,
        spool: Arc::new(spool.clone()),
        vault: Arc::clone(&vault),
        public_url: config.public_url.as_str().into(),
        allow_private_addresses: true,
    };
    let installation: String = folder.installation().to_string().chars().take(8).collect();
    let relay = Relay::start(Start {
        installation: installation.into(),
        digest_key: *master.derive("digest").expose(),
        log: Box::new(log),
        store,
        kit,
        spool: spool.clone(),
        shares: shares.clone(),
        connectors: registry.connectors.clone(),
        config: config.engine.clone(),
        sessions: config.sessions.clone(),
        dry_run,
    })
    .context("start the relay")?;
    Ok(Running { relay, spool, shares, vault, folder })
}

/// Opens the store; one that is damaged is set aside, since the log makes it again.
fn open_store(path: &Path) -> anyhow::Result<Box<dyn Store>> {
    match SqliteStore::open(path) {
        Ok(store) => Ok(Box::new(store)),
        Err(StoreError::Damaged { why, .. }) => {
            let aside = path.with_extension("damaged");
            std::fs::rename(path, &aside).with_context(|| format!("set {} aside", path.display()))?;
            for end in ["sqlite-wal", "sqlite-shm"] {
                let side = path.with_extension(end);
                if side.exists() {
                    std::fs::remove_file(&side).with_context(|| format!("remove {}", side.display()))?;
                }
            }
            tracing::error!(
                why,
                kept_as = %aside.display(),
                "the store was damaged and is made again from the log; older messages can no longer be edited"
            );
            Ok(Box::new(SqliteStore::open(path)?))
        }
        Err(error) => Err(error).with_context(|| format!("open {}", path.display())),
    }
}

/// Makes a folder for its owner alone, or narrows one of ours.
fn make_private(path: &Path) -> anyhow::Result<()> {
    if path.exists() && !path.is_dir() {
        bail!("{} is not a folder", path.display());
    }
    std::fs::create_dir_all(path).with_context(|| format!("make the folder {}", path.display()))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))
            .with_context(|| format!("make {} private", path.display()))?;
    }
    Ok(())
}
