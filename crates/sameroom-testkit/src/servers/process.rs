//! Starting a program and waiting until it answers.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Stdio;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

/// How long a server may take to answer or to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often to look whether a port answers; there is no event to wait for.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Why a server does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The program is not installed or can't be started.
    #[error("{program} can't be started (is it installed?): {error}")]
    Start {
        /// The program.
        program: String,
        /// What the system says.
        error: io::Error,
    },
    /// It ended by itself.
    #[error("{program} ended at once: {status}; its log: {log}")]
    Ended {
        /// The program.
        program: String,
        /// How it ended.
        status: String,
        /// The end of what it wrote.
        log: String,
    },
    /// It does not answer.
    #[error("{0} does not answer in time")]
    Silent(String),
    /// Its folder or files.
    #[error("files of the server: {0}")]
    Io(#[from] io::Error),
}

/// Ports that systems don't give to outgoing connections (Linux begins at 32768), so that none is taken
/// between being found free and being bound.
const PORTS: std::ops::Range<u16> = 12_000..32_000;

/// A port that was free a moment ago, and that this process was not given before.
///
/// # Errors
/// When none of many is free.
pub fn free_port() -> io::Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let count = PORTS.end - PORTS.start;
    // Test processes that run at one time begin at different places.
    let first = std::process::id().wrapping_mul(7_919) % u32::from(count);
    let mut last = None;
    for _ in 0..1_000 {
        let step = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let offset = u16::try_from((first + step) % u32::from(count)).unwrap_or(0);
        match TcpListener::bind((Ipv4Addr::LOCALHOST, PORTS.start + offset)) {
            Ok(_) => return Ok(PORTS.start + offset),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| io::ErrorKind::AddrInUse.into()))
}

/// A running program; killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    program: String,
    child: Child,
    log: std::path::PathBuf,
}

impl Process {
    /// Starts a program whose output goes to a file, and waits until the port answers.
    pub(crate) async fn start(
        program: &str,
        args: &[&str],
        log: std::path::PathBuf,
        port: u16,
    ) -> Result<Self, ServerError> {
        let mut process = Self::spawn(program, args, log)?;
        process.wait_for_port(port).await?;
        Ok(process)
    }

    /// Starts a program whose output goes to a file.
    pub(crate) fn spawn(program: &str, args: &[&str], log: std::path::PathBuf) -> Result<Self, ServerError> {
        let output = std::fs::File::create(&log)?;
        let child = Command::new(program)
            .args(args)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| ServerError::Start { program: program.to_owned(), error })?;
        Ok(Self { program: program.to_owned(), child, log })
    }

    async fn wait_for_port(&mut self, port: u16) -> Result<(), ServerError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait()? {
                let log = std::fs::read_to_string(&self.log).unwrap_or_default();
                return Err(ServerError::Ended {
                    program: self.program.clone(),
                    status: status.to_string(),
                    log,
                });
            }
            if TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await.is_ok() {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(ServerError::Silent(self.program.clone()));
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Kills the program and waits until it is gone.
    pub(crate) async fn stop(mut self) -> Result<(), ServerError> {
        self.child.start_kill()?;
        timeout(PATIENCE, self.child.wait())
            .await
            .map_err(|_| ServerError::Silent(self.program.clone()))??;
        Ok(())
    }
}

impl Process {
    /// Waits until the program ends by itself.
    pub(crate) async fn finish(mut self) -> Result<(), ServerError> {
        timeout(PATIENCE, self.child.wait())
            .await
            .map_err(|_| ServerError::Silent(self.program.clone()))??;
        Ok(())
    }
}
