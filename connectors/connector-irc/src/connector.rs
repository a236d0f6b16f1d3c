//! IRC as the registry of platforms sees it.

use std::sync::Arc;

use sameroom_connector::{Connector, Kit, Session, Settings, SettingsError};
use sameroom_markup::{Dialect, Irc};
use sameroom_types::capabilities::Support;
use sameroom_types::ids::AccountId;
use sameroom_types::platform::{Field, FieldKind, LinkStep, PlatformDescription};

use crate::capabilities;
use crate::config::Config;
use crate::connection::IrcSession;

/// The platform `irc`.
#[derive(Clone, Copy, Debug, Default)]
pub struct IrcConnector;

impl Connector for IrcConnector {
    fn describe(&self) -> &PlatformDescription {
        &DESCRIPTION
    }

    fn dialect(&self, formatting: Support) -> Arc<dyn Dialect> {
        Arc::new(Irc { colours: formatting.is_full() })
    }

    fn session(
        &self,
        _: &AccountId,
        settings: &Settings,
        kit: &Kit,
    ) -> Result<Box<dyn Session>, SettingsError> {
        Ok(Box::new(IrcSession::new(Config::read(settings)?, kit)))
    }
}

const fn field(key: &'static str, label: &'static str, help: &'static str, kind: FieldKind) -> Field {
    Field { key, label, help, kind, required: false }
}

const fn required(key: &'static str, label: &'static str, help: &'static str) -> Field {
    Field { key, label, help, kind: FieldKind::Text, required: true }
}

static DESCRIPTION: PlatformDescription = PlatformDescription {
    id: "irc",
    name: "IRC",
    icon: "<svg viewBox=\"0 0 24 24\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"2\"><path d=\"M9 3 6 21M17 3l-3 18M3 9h18M2 16h18\"/></svg>",
    advice: "A nick of its own, registered with the network's services; ask the operators of a room before you bridge it.",
    fields: &[
        required("server", "Server", "Host and port, such as irc.libera.chat:6697."),
        field("tls", "TLS", "Whether the connection is encrypted; on by default.", FieldKind::Bool),
        required("nick", "Nick", "The nick to use; another one is taken while it is in use."),
        field(
            "realname",
            "Real name",
            "Shown by WHOIS; says by default that this is a bridge.",
            FieldKind::Text,
        ),
        field(
            "username",
            "User name",
            "The user part of the mask; \"sameroom\" by default.",
            FieldKind::Text,
        ),
        field(
            "operator_contact",
            "Operator's contact",
            "Added to the real name, so that people know whom to ask.",
            FieldKind::Text,
        ),
        field(
            "server_password",
            "Server password",
            "Only where the server wants one to connect.",
            FieldKind::Secret,
        ),
        field(
            "sasl",
            "SASL login",
            "{ mechanism = \"PLAIN\" | \"SCRAM-SHA-256\" | \"EXTERNAL\", username, password }: logs in before the bot is seen. No connection is made without it once set.",
            FieldKind::Table,
        ),
        field(
            "nickserv_password",
            "NickServ password",
            "For networks without SASL: sent to NickServ as IDENTIFY.",
            FieldKind::Secret,
        ),
        field(
            "channel_keys",
            "Keys of rooms",
            "{ \"#room\" = \"key\" } for rooms with mode +k.",
            FieldKind::Table,
        ),
        field(
            "pace",
            "Pace",
            "{ burst = 5, per_second = 1.0 } is the default; \"off\" on a server of your own.",
            FieldKind::Table,
        ),
        field(
            "ca_file",
            "Authorities",
            "A PEM file with the only certificate authorities to trust.",
            FieldKind::Text,
        ),
        field(
            "tls_fingerprint",
            "Pinned certificate",
            "SHA-256 of the only server certificate to accept, in hex.",
            FieldKind::Text,
        ),
        field(
            "client_cert_file",
            "Client certificate",
            "A PEM file with our own certificate, for SASL EXTERNAL.",
            FieldKind::Text,
        ),
        field("client_key_file", "Client key", "A PEM file with the certificate's key.", FieldKind::Text),
        field(
            "network",
            "Network",
            "The network's name where two accounts use different servers of one network; by default the server's own word and its address.",
            FieldKind::Text,
        ),
        field(
            "encoding",
            "Old encoding",
            "What lines that are not UTF-8 are read as: cp1252 (default), latin1 or utf-8.",
            FieldKind::Text,
        ),
    ],
    linking: &[
        LinkStep::Enter {
            fields: &["server", "tls", "nick"],
            say: "Say where to connect and under which nick.",
        },
        LinkStep::Enter {
            fields: &["sasl", "nickserv_password"],
            say: "If the nick is registered, give its login.",
        },
        LinkStep::Wait { say: "Waiting until the server lets us in." },
    ],
    capabilities: capabilities::PLAIN,
    preview: false,
};
