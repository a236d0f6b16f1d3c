//! ejabberd with rooms, an archive, uploads and stream management; needs root, from which it steps down.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Command;

use super::process::{Process, ServerError, free_port};

/// The domain of accounts.
pub const DOMAIN: &str = "xmpp.test";

/// The domain of rooms.
pub const ROOMS: &str = "rooms.xmpp.test";

/// How long the server may take to end.
const ENDING: Duration = Duration::from_secs(20);

/// A running ejabberd.
#[derive(Debug)]
pub struct Ejabberd {
    folder: TempDir,
    port: u16,
    http: u16,
    dist: u16,
    process: Option<Process>,
}

impl Ejabberd {
    /// Starts a server and waits until it answers.
    ///
    /// # Errors
    /// When it is not installed or does not come up.
    pub async fn start() -> Result<Self, ServerError> {
        let folder = tempfile::tempdir()?;
        let (port, http, dist) = (free_port()?, free_port()?, free_port()?);
        let path = folder.path().display().to_string();
        std::fs::write(folder.path().join("ejabberd.yml"), config(&path, port, http))?;
        let control = format!("ERL_DIST_PORT={dist}\nINET_DIST_INTERFACE=127.0.0.1\n");
        std::fs::write(folder.path().join("ejabberdctl.cfg"), control)?;
        for name in ["spool", "logs", "upload"] {
            std::fs::create_dir(folder.path().join(name))?;
        }
        std::fs::write(folder.path().join("spool").join("inetrc"), "")?;
        give_to_ejabberd(folder.path()).await?;
        let mut server = Self { folder, port, http, dist, process: None };
        server.start_again().await?;
        Ok(server)
    }

    /// Where clients connect to.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// Starts the server, after a stop as well.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start_again(&mut self) -> Result<(), ServerError> {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        let (home, yml, control, spool, logs) =
            (path(""), path("ejabberd.yml"), path("ejabberdctl.cfg"), path("spool"), path("logs"));
        let node = format!("sr{}@localhost", self.dist);
        let home = format!("HOME={home}");
        let args = [
            home.as_str(),
            "ejabberdctl",
            "-n",
            &node,
            "-s",
            &spool,
            "-l",
            &logs,
            "-f",
            &yml,
            "-d",
            &spool,
            "-c",
            &control,
            "foreground",
        ];
        let log = PathBuf::from(path("out.log"));
        self.process = Some(Process::start("env", &args, log, self.port).await?);
        Ok(())
    }

    /// Makes an account with the password `pw`.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn add_user(&self, name: &str) -> Result<(), ServerError> {
        let body = format!("{{\"user\":\"{name}\",\"host\":\"{DOMAIN}\",\"password\":\"pw\"}}");
        let answer = self.call("register", &body).await?;
        // 409: it is there already.
        if answer.starts_with("HTTP/1.1 200") || answer.starts_with("HTTP/1.1 409") {
            return Ok(());
        }
        Err(ServerError::Io(std::io::Error::other(answer)))
    }

    async fn call(&self, command: &str, body: &str) -> Result<String, ServerError> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.http)).await?;
        let request = format!(
            "POST /api/{command} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    }

    /// Ends the server as its operator would.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn stop(&mut self) -> Result<(), ServerError> {
        let Some(process) = self.process.take() else { return Ok(()) };
        // The launcher's end would leave the virtual machine running.
        drop(self.call("stop", "{}").await);
        match tokio::time::timeout(ENDING, process.finish()).await {
            Ok(ended) => ended,
            Err(_) => Err(ServerError::Silent("ejabberd".to_owned())),
        }
    }
}

impl Drop for Ejabberd {
    fn drop(&mut self) {
        if self.process.take().is_none() {
            return;
        }
        // The launcher is killed with its handle, the virtual machine below it only by its own number,
        // which is found by the folder that no other program has among its arguments.
        let folder = self.folder.path().display().to_string();
        let Ok(entries) = std::fs::read_dir("/proc") else { return };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let Some(pid) = name.to_str().filter(|name| name.bytes().all(|b| b.is_ascii_digit())) else {
                continue;
            };
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line);
            if line.contains("beam.smp") && line.contains(&folder) {
                drop(std::process::Command::new("kill").args(["-9", pid]).status());
            }
        }
    }
}

async fn give_to_ejabberd(folder: &Path) -> Result<(), ServerError> {
    let status = Command::new("chown").arg("-R").arg("ejabberd").arg(folder).status().await;
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(ServerError::Start {
            program: "ejabberd".to_owned(),
            error: std::io::Error::other("its folder can't be given to the user ejabberd: it needs root"),
        }),
        Err(error) => Err(ServerError::Start { program: "ejabberd".to_owned(), error }),
    }
}

fn config(folder: &str, port: u16, http: u16) -> String {
    format!(
        r#"hosts: ["{DOMAIN}"]
loglevel: warning
auth_password_format: scram
auth_use_cache: false
disable_sasl_mechanisms: ["digest-md5", "X-OAUTH2"]
listen:
  -
    port: {port}
    ip: "127.0.0.1"
    module: ejabberd_c2s
    starttls: false
    max_stanza_size: 262144
  -
    port: {http}
    ip: "127.0.0.1"
    module: ejabberd_http
    request_handlers:
      /api: mod_http_api
      /upload: mod_http_upload
acl:
  local: {{user_regexp: ""}}
access_rules:
  local: {{allow: local}}
api_permissions:
  tests: {{who: all, what: "*"}}
modules:
  mod_disco: {{}}
  mod_caps: {{}}
  mod_ping: {{}}
  mod_roster: {{}}
  mod_vcard: {{}}
  mod_vcard_xupdate: {{}}
  mod_pubsub: {{plugins: ["flat", "pep"]}}
  mod_stream_mgmt: {{resend_on_timeout: if_offline}}
  mod_mam: {{default: always, db_type: mnesia}}
  mod_http_upload:
    host: "upload.{DOMAIN}"
    put_url: "http://127.0.0.1:{http}/upload"
    docroot: "{folder}/upload"
    max_size: 1048576
  mod_muc:
    host: "{ROOMS}"
    default_room_options: {{mam: true, public: true, allow_change_subj: true}}
"#
    )
}
