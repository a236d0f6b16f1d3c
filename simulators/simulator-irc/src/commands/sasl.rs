//! `AUTHENTICATE`. Implements <https://ircv3.net/specs/extensions/sasl-3.1>.

use super::scram::Scram;
use crate::{
    capability::Capability,
    client::ClientId,
    message::Message,
    options::{Account, Mechanism},
    state::State,
};
use base64::{Engine, engine::general_purpose::STANDARD};

/// Bytes of base64 on one line; a full line means that more follows.
const CHUNK: usize = 400;
/// Longest payload accepted, in bytes of base64.
const PAYLOAD_MAX: usize = 8_192;

/// A login under way.
#[derive(Debug)]
pub(crate) struct Exchange {
    mechanism: Mechanism,
    /// Base64 received so far of the message at hand.
    payload: Vec<u8>,
    scram: Option<Scram>,
}

/// What to do after a message of the client.
pub(super) enum Step {
    /// Send this and wait.
    Continue(Vec<u8>),
    /// Logged in as this account.
    Done(String),
    Fail,
}

impl State {
    pub(super) fn authenticate(&mut self, id: ClientId, message: &Message) {
        let Some(word) = message.params.first().filter(|word| !word.is_empty()).cloned() else {
            return self.too_few(id, "AUTHENTICATE");
        };
        if !self.has(id, Capability::Sasl) {
            return self.sasl_failed(id);
        }
        let Some(exchange) = self.client_mut(id).and_then(|client| client.exchange.take()) else {
            return self.sasl_start(id, &String::from_utf8_lossy(&word));
        };
        if word == b"*" {
            return self.reply(id, "906", &[], "SASL authentication aborted");
        }
        self.sasl_data(id, exchange, &word);
    }

    fn sasl_start(&mut self, id: ClientId, word: &str) {
        let wanted = word.to_ascii_uppercase();
        if wanted == "*" {
            return self.reply(id, "906", &[], "SASL authentication aborted");
        }
        let Some(mechanism) = self.options.mechanisms.iter().copied().find(|known| known.name() == wanted)
        else {
            let known: Vec<&str> = self.options.mechanisms.iter().map(|mechanism| mechanism.name()).collect();
            self.reply(id, "908", &[&known.join(",")], "are available SASL mechanisms");
            return self.sasl_failed(id);
        };
        if let Some(client) = self.client_mut(id) {
            client.exchange = Some(Exchange { mechanism, payload: Vec::new(), scram: None });
        }
        self.sasl_send(id, b"");
    }

    fn sasl_data(&mut self, id: ClientId, mut exchange: Exchange, word: &[u8]) {
        if word.len() > CHUNK || exchange.payload.len() + word.len() > PAYLOAD_MAX {
            return self.reply(id, "905", &[], "SASL message too long");
        }
        if word != b"+" {
            exchange.payload.extend_from_slice(word);
        }
        if word.len() == CHUNK {
            if let Some(client) = self.client_mut(id) {
                client.exchange = Some(exchange);
            }
            return;
        }
        let Ok(payload) = STANDARD.decode(std::mem::take(&mut exchange.payload)) else {
            return self.sasl_failed(id);
        };
        let step = match exchange.mechanism {
            Mechanism::Plain => plain(&payload, &self.options.accounts, |a, b| self.fold(a) == self.fold(b)),
            Mechanism::External => self.options.external_account.clone().map_or(Step::Fail, Step::Done),
            Mechanism::ScramSha256 => match exchange.scram.take() {
                None => Scram::start(&payload, |name| self.account(name).cloned()).map_or(
                    Step::Fail,
                    |(scram, answer)| {
                        exchange.scram = Some(scram);
                        Step::Continue(answer)
                    },
                ),
                Some(mut scram) => {
                    let step = scram.next(&payload);
                    exchange.scram = Some(scram);
                    step
                }
            },
        };
        match step {
            Step::Continue(answer) => {
                if let Some(client) = self.client_mut(id) {
                    client.exchange = Some(exchange);
                }
                self.sasl_send(id, &answer);
            }
            Step::Done(account) => {
                self.log_in(id, &account);
                self.reply(id, "903", &[], "SASL authentication successful");
            }
            Step::Fail => self.sasl_failed(id),
        }
    }

    fn sasl_failed(&mut self, id: ClientId) {
        self.reply(id, "904", &[], "SASL authentication failed");
    }

    fn sasl_send(&mut self, id: ClientId, payload: &[u8]) {
        let encoded = STANDARD.encode(payload);
        let mut chunks: Vec<&[u8]> = encoded.as_bytes().chunks(CHUNK).collect();
        if chunks.last().is_none_or(|last| last.len() == CHUNK) {
            chunks.push(b"+");
        }
        for chunk in chunks {
            let line = Message::from_client("AUTHENTICATE").arg(chunk);
            self.send(id, &line);
        }
    }
}

/// RFC 4616: authorization id, authentication id and password, separated by NUL.
fn plain(payload: &[u8], accounts: &[Account], same: impl Fn(&str, &str) -> bool) -> Step {
    let parts: Vec<&[u8]> = payload.split(|byte| *byte == 0).collect();
    let [authorize, name, password] = parts.as_slice() else { return Step::Fail };
    let (authorize, name) = (String::from_utf8_lossy(authorize), String::from_utf8_lossy(name));
    if !authorize.is_empty() && !same(&authorize, &name) {
        return Step::Fail;
    }
    accounts
        .iter()
        .find(|account| same(&account.name, &name) && account.password.as_bytes() == *password)
        .map_or(Step::Fail, |account| Step::Done(account.name.clone()))
}
