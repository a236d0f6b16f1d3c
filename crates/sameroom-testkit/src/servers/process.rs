//! Starting a program and waiting until it answers.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Stdio;
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

/// A port that was free a moment ago.
///
/// # Errors
/// Those of binding it.
pub fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
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
