//! The relay as a process, and what the system says of it.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use sameroom_testkit::servers::free_port;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

/// How long starting may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A relay with a folder of its own.
pub(crate) struct Relay {
    folder: TempDir,
    addr: SocketAddr,
    child: Option<Child>,
}

/// What the relay has used so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// Processor time of all threads.
    pub(crate) cpu: Duration,
    /// Bytes written to files and sockets.
    pub(crate) written_bytes: f64,
    /// Flushes of the log.
    pub(crate) flushes: f64,
    pub(crate) at: Instant,
}

impl Relay {
    /// Starts a relay; `rest` is the configuration without `[server]`.
    pub(crate) fn start(rest: &str) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let addr = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        // On a real disk: temporary folders may be in memory.
        let data = folder.path().join("data");
        let text =
            format!("[server]\nlisten = \"{addr}\"\ndata_dir = {:?}\n{rest}", data.display().to_string());
        std::fs::write(folder.path().join("sameroom.toml"), text)?;
        let mut relay = Self { folder, addr, child: None };
        relay.start_again()?;
        Ok(relay)
    }

    pub(crate) fn start_again(&mut self) -> anyhow::Result<()> {
        let log = std::fs::File::options().create(true).append(true).open(self.folder.path().join("log"))?;
        let child = Command::new(env!("CARGO_BIN_EXE_sameroom"))
            .args(["serve", "--config", "sameroom.toml"])
            .current_dir(self.folder.path())
            .env("SAMEROOM_LOG", "warn")
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .context("start the relay")?;
        self.child = Some(child);
        Ok(())
    }

    /// `kill -9`.
    pub(crate) async fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill().await?;
        }
        Ok(())
    }

    /// What it wrote about itself.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Waits until so many tubes carry.
    pub(crate) async fn ready(&self, tubes: usize) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let output = Command::new(env!("CARGO_BIN_EXE_sameroom"))
                .args(["tubes", "list", "--json"])
                .current_dir(self.folder.path())
                .output()
                .await?;
            let text = String::from_utf8_lossy(&output.stdout);
            if text.matches("\"state\": \"active\"").count() == tubes {
                return Ok(());
            }
            if Instant::now() >= deadline {
                bail!("not ready: {text}\n{}", self.log());
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    fn pid(&self) -> anyhow::Result<u32> {
        self.child.as_ref().and_then(Child::id).context("the relay does not run")
    }

    /// What it has used so far.
    pub(crate) async fn usage(&self) -> anyhow::Result<Usage> {
        let pid = self.pid()?;
        let mut nanos = 0;
        for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
            // A thread that has just ended no longer counts; those that matter live as long as the relay.
            let text = std::fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
            nanos += text.split(' ').next().and_then(|first| first.parse::<u64>().ok()).unwrap_or(0);
        }
        let io = std::fs::read_to_string(format!("/proc/{pid}/io"))?;
        let written = io.lines().find_map(|line| line.strip_prefix("wchar: "));
        let metrics = self.metrics().await.unwrap_or_default();
        let flushes = metrics.lines().find_map(|line| line.strip_prefix("sameroom_log_flushes_total "));
        Ok(Usage {
            cpu: Duration::from_nanos(nanos),
            written_bytes: written.context("io")?.parse()?,
            flushes: flushes.map_or(Ok(0.0), str::parse)?,
            at: Instant::now(),
        })
    }

    async fn metrics(&self) -> anyhow::Result<String> {
        let mut stream = TcpStream::connect(self.addr).await?;
        let request = "GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        Ok(text)
    }

    /// Memory in MiB: what it holds now (`VmRSS`), or the most it ever held (`VmHWM`).
    pub(crate) fn memory(&self, which: &str) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()?))?;
        let line = status.lines().find_map(|line| line.strip_prefix(which)).context("memory")?;
        let kib: f64 = line.trim_matches([':', ' ', '\t']).trim_end_matches(" kB").trim().parse()?;
        Ok(kib / 1024.0)
    }
}
