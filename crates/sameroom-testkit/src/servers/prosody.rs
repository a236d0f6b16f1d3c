//! Prosody with rooms, an archive, uploads and stream management.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use tempfile::TempDir;

use super::process::{Process, ServerError, free_port};

/// The domain of accounts.
pub const DOMAIN: &str = "xmpp.test";

/// The domain of rooms.
pub const ROOMS: &str = "rooms.xmpp.test";

/// The upload service.
pub const UPLOAD: &str = "upload.xmpp.test";

/// What kind of server to start.
#[derive(Clone, Debug)]
pub struct ProsodyOptions {
    /// Whether clients must use TLS; without it there is none at all.
    pub tls: bool,
    /// Whether rooms have an archive.
    pub archive: bool,
    /// Whether stream management is offered.
    pub resumption: bool,
    /// Whether there is an upload service.
    pub upload: bool,
    /// How passwords are kept: `internal_plain`, or `internal_hashed` for accounts registered later.
    pub authentication: &'static str,
    /// Further lines before the hosts.
    pub global: String,
    /// Further lines for the room service.
    pub rooms: String,
    /// The domain of accounts.
    pub domain: &'static str,
    /// The domain of rooms.
    pub rooms_domain: &'static str,
}

impl Default for ProsodyOptions {
    fn default() -> Self {
        Self {
            tls: false,
            archive: true,
            resumption: true,
            upload: true,
            authentication: "internal_plain",
            global: String::new(),
            rooms: String::new(),
            domain: DOMAIN,
            rooms_domain: ROOMS,
        }
    }
}

/// A running Prosody; its folder outlives restarts.
#[derive(Debug)]
pub struct Prosody {
    folder: TempDir,
    options: ProsodyOptions,
    port: u16,
    direct_port: u16,
    process: Option<Process>,
}

impl Prosody {
    /// Starts a server and waits until it answers.
    ///
    /// # Errors
    /// When it is not installed or does not come up.
    pub async fn start(options: ProsodyOptions) -> Result<Self, ServerError> {
        let folder = tempfile::tempdir()?;
        let port = free_port()?;
        let direct_port = free_port()?;
        let http = free_port()?;
        if options.tls {
            write_certificate(&folder, options.domain)?;
        }
        let path = folder.path().display().to_string();
        std::fs::write(
            folder.path().join("prosody.cfg.lua"),
            config(&path, &options, port, direct_port, http),
        )?;
        let mut server = Self { folder, options, port, direct_port, process: None };
        server.start_again().await?;
        Ok(server)
    }

    /// Where clients connect to.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// Where clients connect to with TLS from the first byte.
    #[must_use]
    pub fn direct_addr(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.direct_port))
    }

    /// The certificate that clients should trust.
    #[must_use]
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("server.crt")
    }

    /// Makes an account with the password `pw`; works while the server runs.
    ///
    /// # Errors
    /// When its file can't be written.
    pub fn add_user(&self, name: &str) -> Result<(), ServerError> {
        let accounts = self.folder.path().join("data").join(escape(self.options.domain)).join("accounts");
        std::fs::create_dir_all(&accounts)?;
        let file = accounts.join(format!("{}.dat", escape(name)));
        std::fs::write(file, "return { [\"password\"] = \"pw\"; };\n")?;
        Ok(())
    }

    /// Kills the server; rooms that are not persistent are forgotten.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn stop(&mut self) -> Result<(), ServerError> {
        match self.process.take() {
            Some(process) => process.stop().await,
            None => Ok(()),
        }
    }

    /// Starts the server again on the same port.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start_again(&mut self) -> Result<(), ServerError> {
        let config = self.folder.path().join("prosody.cfg.lua").display().to_string();
        let log = self.folder.path().join("out.log");
        self.process = Some(Process::start("prosody", &["-F", "--config", &config], log, self.port).await?);
        Ok(())
    }

    /// What the server wrote.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("out.log")).unwrap_or_default()
    }
}

/// A name as Prosody spells it in its folders.
fn escape(name: &str) -> String {
    let mut escaped = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02x}"));
        }
    }
    escaped
}

fn write_certificate(folder: &TempDir, domain: &str) -> Result<(), ServerError> {
    let made = rcgen::generate_simple_self_signed(vec![domain.to_owned()])
        .map_err(|error| ServerError::Io(std::io::Error::other(error)))?;
    std::fs::write(folder.path().join("server.crt"), made.cert.pem())?;
    std::fs::write(folder.path().join("server.key"), made.signing_key.serialize_pem())?;
    Ok(())
}

fn config(folder: &str, options: &ProsodyOptions, port: u16, direct_port: u16, http: u16) -> String {
    let ProsodyOptions { domain, rooms_domain, authentication, global, rooms, .. } = options;
    let tls_module = if options.tls { "\"tls\"," } else { "" };
    let smacks = if options.resumption { "\"smacks\"," } else { "" };
    let tls = if options.tls {
        format!(
            "ssl = {{ key = \"{folder}/server.key\", certificate = \"{folder}/server.crt\" }}\n\
             c2s_require_encryption = true\nc2s_direct_tls_ports = {{ {direct_port} }}\n\
             modules_disabled = {{ \"s2s\" }}\n"
        )
    } else {
        "c2s_require_encryption = false\nallow_unencrypted_plain_auth = true\nmodules_disabled = { \"s2s\", \"tls\" }\n".to_owned()
    };
    let archive = if options.archive { "\"muc_mam\", \"muc_moderation\"" } else { "" };
    let upload = if options.upload {
        format!(
            "Component \"upload.{domain}\" \"http_file_share\"\n  http_file_share_size_limit = 1024*1024\n\
             \x20 http_external_url = \"http://127.0.0.1:{http}/\"\n  http_host = \"{domain}\"\n"
        )
    } else {
        String::new()
    };
    format!(
        "run_as_root = true\npidfile = \"{folder}/prosody.pid\"\ndata_path = \"{folder}/data\"\n\
         interfaces = {{ \"127.0.0.1\" }}\nc2s_ports = {{ {port} }}\ns2s_ports = {{ }}\ncomponent_ports = {{ }}\n\
         http_interfaces = {{ \"127.0.0.1\" }}\nhttp_ports = {{ {http} }}\nhttps_ports = {{ }}\nhttp_default_host = \"{domain}\"\n\
         modules_enabled = {{ \"roster\", \"saslauth\", \"disco\", \"ping\", {smacks} {tls_module} \"pep\", \"blocklist\", \"vcard4\", \"vcard_legacy\", \"posix\", \"time\", \"version\" }}\n\
         {tls}authentication = \"{authentication}\"\nstorage = \"internal\"\nlimits = {{ }}\n\
         smacks_max_queue_size = 5000\narchive_expires_after = \"never\"\nstorage_archive_item_limit = 10000000\n\
         log = {{ info = \"*console\" }}\n{global}\n\
         VirtualHost \"{domain}\"\n\
         Component \"{rooms_domain}\" \"muc\"\n  modules_enabled = {{ {archive} }}\n  muc_log_by_default = true\n\
         \x20 muc_room_locking = false\n  muc_room_default_public = true\n  muc_room_default_public_jids = false\n{rooms}\n{upload}"
    )
}
