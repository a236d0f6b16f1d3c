//! ngIRCd: a server that offers next to nothing of IRCv3.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use tempfile::TempDir;

use super::process::{Process, ServerError, free_port};

/// A running ngIRCd.
#[derive(Debug)]
pub struct Ngircd {
    folder: TempDir,
    port: u16,
    process: Option<Process>,
}

/// What kind of server to start.
#[derive(Clone, Debug, Default)]
pub struct NgircdOptions {
    /// Whether to keep its default flood protection, as a public network would.
    pub penalties: bool,
    /// What `PASS` must carry.
    pub password: Option<String>,
}

impl Ngircd {
    /// Starts a server and waits until it answers.
    ///
    /// # Errors
    /// When it is not installed or does not come up.
    pub async fn start(options: &NgircdOptions) -> Result<Self, ServerError> {
        let folder = tempfile::tempdir()?;
        let port = free_port()?;
        std::fs::write(folder.path().join("ngircd.conf"), config(port, options))?;
        let mut server = Self { folder, port, process: None };
        server.start_again().await?;
        Ok(server)
    }

    /// Where clients connect to.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// Kills the server; everybody's connection breaks.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn stop(&mut self) -> Result<(), ServerError> {
        match self.process.take() {
            Some(process) => process.stop().await,
            None => Ok(()),
        }
    }

    /// Starts it again on the same port, with nothing remembered.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start_again(&mut self) -> Result<(), ServerError> {
        let path = |name: &str| self.folder.path().join(name);
        let config = path("ngircd.conf");
        let args = ["-n", "-f", text(&config)];
        self.process = Some(Process::start("ngircd", &args, path("log"), self.port).await?);
        Ok(())
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap_or_default()
}

fn config(port: u16, options: &NgircdOptions) -> String {
    let penalty = if options.penalties { "" } else { "MaxPenaltyTime = 0\n" };
    let password =
        options.password.as_ref().map_or(String::new(), |password| format!("Password = {password}\n"));
    format!(
        "[Global]\nName = irc.test.example\nInfo = test\nListen = 127.0.0.1\nPorts = {port}\n\
         ServerUID = 65534\nServerGID = 65534\n{password}\
         [Limits]\nMaxConnectionsIP = 0\nMaxJoins = 0\nMaxNickLength = 30\n{penalty}\
         [Options]\nDNS = no\nIdent = no\nPAM = no\n"
    )
}
