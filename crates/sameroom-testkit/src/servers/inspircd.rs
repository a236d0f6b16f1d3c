//! InspIRCd with IRCv3 modules, and Atheme's services beside it for accounts.

use std::net::{Ipv4Addr, SocketAddr};

use tempfile::TempDir;

use super::process::{Process, ServerError, free_port};

/// A running InspIRCd.
#[derive(Debug)]
pub struct Inspircd {
    folder: TempDir,
    port: u16,
    services_port: Option<u16>,
    process: Option<Process>,
    services: Option<Process>,
}

/// What kind of server to start.
#[derive(Clone, Debug, Default)]
pub struct InspircdOptions {
    /// Whether Atheme runs beside it: NickServ, and SASL PLAIN once the two are linked.
    pub services: bool,
    /// How many channels a client may be in; 0 stands for 1,000.
    pub max_channels: u32,
    /// Further lines of configuration, such as `<module name="chanhistory">`.
    pub extra: String,
}

const MODULES: &[&str] = &[
    "cap",
    "sasl",
    "services_account",
    "ircv3",
    "ircv3_accounttag",
    "ircv3_batch",
    "ircv3_capnotify",
    "ircv3_chghost",
    "ircv3_ctctags",
    "ircv3_echomessage",
    "ircv3_invitenotify",
    "ircv3_labeledresponse",
    "ircv3_msgid",
    "ircv3_servertime",
    "namesx",
    "uhnames",
    "hidechans",
    "botmode",
    "blockcolor",
    "globops",
    "spanningtree",
];

impl Inspircd {
    /// Starts a server and waits until it answers; services may take a moment longer to link.
    ///
    /// # Errors
    /// When it is not installed or does not come up.
    pub async fn start(options: &InspircdOptions) -> Result<Self, ServerError> {
        let folder = tempfile::tempdir()?;
        let port = free_port()?;
        let services_port = if options.services { Some(free_port()?) } else { None };
        let path = folder.path().display().to_string();
        std::fs::write(folder.path().join("inspircd.conf"), config(&path, port, services_port, options))?;
        if let Some(link) = services_port {
            std::fs::write(folder.path().join("atheme.conf"), services_config(link))?;
        }
        let mut server = Self { folder, port, services_port, process: None, services: None };
        server.start_again().await?;
        Ok(server)
    }

    /// Where clients connect to.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// Kills server and services; everybody's connection breaks.
    ///
    /// # Errors
    /// When they do not end.
    pub async fn stop(&mut self) -> Result<(), ServerError> {
        for process in [self.services.take(), self.process.take()].into_iter().flatten() {
            process.stop().await?;
        }
        Ok(())
    }

    /// Starts everything again on the same ports; accounts are remembered if services had the time to write them.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start_again(&mut self) -> Result<(), ServerError> {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        let file = |name: &str| self.folder.path().join(name);
        let config = path("inspircd.conf");
        let args = ["--config", &config, "--nofork", "--runasroot"];
        self.process = Some(Process::start("inspircd", &args, file("inspircd.log"), self.port).await?);
        if self.services_port.is_some() {
            let (config, log, data, pid) =
                (path("atheme.conf"), path("atheme.log"), path(""), path("atheme.pid"));
            let args = ["-n", "-b", "-c", &config, "-l", &log, "-D", &data, "-p", &pid];
            // -b creates the database and ends; the second run serves.
            if !file("services.db").exists() {
                Process::spawn("atheme-services", &args, file("atheme-first.out"))?.finish().await?;
            }
            let args = ["-n", "-c", &config, "-l", &log, "-D", &data, "-p", &pid];
            self.services = Some(Process::spawn("atheme-services", &args, file("atheme.out"))?);
        }
        Ok(())
    }
}

fn config(folder: &str, port: u16, services: Option<u16>, options: &InspircdOptions) -> String {
    let InspircdOptions { extra, max_channels, .. } = options;
    let channels = if *max_channels == 0 { 1_000 } else { *max_channels };
    let modules: String = MODULES.iter().map(|name| format!("<module name=\"{name}\">\n")).collect();
    let link = services.map_or(String::new(), |link| {
        format!(
            "<bind address=\"127.0.0.1\" port=\"{link}\" type=\"servers\">\n\
             <link name=\"services.test\" ipaddr=\"127.0.0.1\" port=\"{link}\" allowmask=\"127.0.0.1/32\" sendpass=\"linkpass\" recvpass=\"linkpass\">\n\
             <uline server=\"services.test\" silent=\"yes\">\n"
        )
    });
    format!(
        "<server name=\"irc.test\" description=\"t\" network=\"T\" id=\"1AB\">\n\
         <bind address=\"127.0.0.1\" port=\"{port}\" type=\"clients\">\n{link}\
         <connect allow=\"*\" timeout=\"60\" pingfreq=\"120\" hardsendq=\"8M\" softsendq=\"8M\" recvq=\"1M\" threshold=\"100000\" commandrate=\"100000000\" fakelag=\"no\" localmax=\"1000\" globalmax=\"1000\" useident=\"no\" maxchans=\"{channels}\" resolvehostnames=\"no\">\n\
         <options defaultmodes=\"not\">\n\
         <performance softlimit=\"1000\" somaxconn=\"128\">\n\
         <path configdir=\"{folder}\" datadir=\"{folder}\" logdir=\"{folder}\" runtimedir=\"{folder}\" moduledir=\"/usr/lib/inspircd/modules\">\n\
         <limits maxnick=\"30\" maxchan=\"64\" maxmodes=\"20\" maxident=\"10\" maxhost=\"64\" maxtopic=\"307\">\n\
         <dns server=\"127.0.0.1\" timeout=\"1\">\n<pid file=\"{folder}/inspircd.pid\">\n{modules}<sasl target=\"services.test\" requiressl=\"no\">\n{extra}\n"
    )
}

fn services_config(link: u16) -> String {
    format!(
        r#"loadmodule "modules/protocol/inspircd"; loadmodule "modules/backend/opensex"; loadmodule "modules/crypto/pbkdf2v2";
loadmodule "modules/nickserv/main"; loadmodule "modules/nickserv/register"; loadmodule "modules/nickserv/identify";
loadmodule "modules/saslserv/main"; loadmodule "modules/saslserv/plain";
serverinfo {{ name = "services.test"; desc = "s"; numeric = "00A"; recontime = 1; netname = "T"; hidehostsuffix = "u.test";
  adminname = "x"; adminemail = "x@x.test"; registeremail = "n@x.test"; mta = "/bin/true"; loglevel = {{ error; info; }};
  maxlogins = 5; maxusers = 0; mdlimit = 30; emaillimit = 10; emailtime = 300; auth = none; casemapping = rfc1459; }};
uplink "irc.test" {{ host = "127.0.0.1"; port = {link}; send_password = "linkpass"; receive_password = "linkpass"; }};
nickserv {{ nick = "NickServ"; user = "NickServ"; host = "services.test"; real = "n"; }};
saslserv {{ nick = "SaslServ"; user = "SaslServ"; host = "services.test"; real = "s"; }};
general {{ commit_interval = 5; default_clone_limit = 0; uflags = {{ hidemail; }}; cflags = {{ }}; }};
"#
    )
}
