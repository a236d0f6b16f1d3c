//! Logging in while connecting: <https://ircv3.net/specs/extensions/sasl-3.1>, RFC 4616, RFC 5802, RFC 7677.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::config::{Mechanism, Sasl};

/// How much of a payload one `AUTHENTICATE` carries, in letters of base64.
const CHUNK: usize = 400;

/// The most letters of base64 taken from a server in one message.
const ANSWER_MAX: usize = 16 * 1024;

/// The most rounds that a server can make us compute.
const ROUNDS_MAX: u32 = 600_000;

/// One login under way.
#[derive(Debug)]
pub(crate) struct Exchange {
    mechanism: Mechanism,
    username: String,
    password: String,
    nonce: String,
    received: String,
    step: u8,
    server_signature: Option<Vec<u8>>,
}

/// The server did not follow the mechanism, or does not know the password either.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Broken(&'static str);

impl Mechanism {
    /// The name used in `AUTHENTICATE`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::External => "EXTERNAL",
            Self::ScramSha256 => "SCRAM-SHA-256",
        }
    }
}

impl Exchange {
    /// Starts a login; `random` makes its nonce.
    pub(crate) fn new(sasl: &Sasl, random: u128) -> Self {
        Self {
            mechanism: sasl.mechanism,
            username: sasl.username.clone(),
            password: sasl.password.clone(),
            nonce: format!("{random:032x}"),
            received: String::new(),
            step: 0,
            server_signature: None,
        }
    }

    /// Takes what one `AUTHENTICATE` carried and gives the parameters of those to answer with; none while more is to come.
    pub(crate) fn answer(&mut self, chunk: &str) -> Result<Vec<String>, Broken> {
        if chunk != "+" {
            if self.received.len() + chunk.len() > ANSWER_MAX {
                return Err(Broken("the server's answer is too long"));
            }
            self.received.push_str(chunk);
            if chunk.len() == CHUNK {
                return Ok(Vec::new());
            }
        }
        let received = STANDARD
            .decode(std::mem::take(&mut self.received))
            .map_err(|_| Broken("the server's answer is not base64"))?;
        let payload = self.payload(&received)?;
        self.step = self.step.saturating_add(1);
        Ok(chunks(&payload))
    }

    fn payload(&mut self, received: &[u8]) -> Result<Vec<u8>, Broken> {
        match (self.mechanism, self.step) {
            (Mechanism::Plain, 0) => Ok(format!("{0}\0{0}\0{1}", self.username, self.password).into_bytes()),
            (Mechanism::External, 0) => Ok(self.username.clone().into_bytes()),
            (Mechanism::ScramSha256, 0) => Ok(format!("n,,{}", self.first_bare()).into_bytes()),
            (Mechanism::ScramSha256, 1) => self.proof(received),
            (Mechanism::ScramSha256, 2) => {
                let text = std::str::from_utf8(received).unwrap_or_default();
                let signature =
                    text.strip_prefix("v=").and_then(|rest| STANDARD.decode(rest.split(',').next()?).ok());
                if signature.is_some() && signature == self.server_signature {
                    Ok(Vec::new())
                } else {
                    Err(Broken("the server does not know the password"))
                }
            }
            _ => Err(Broken("the server asks for more than the mechanism has")),
        }
    }

    fn first_bare(&self) -> String {
        let name = self.username.replace('=', "=3D").replace(',', "=2C");
        format!("n={name},r={}", self.nonce)
    }

    fn proof(&mut self, received: &[u8]) -> Result<Vec<u8>, Broken> {
        const WRONG: Broken = Broken("the server's challenge is not SCRAM");
        let first = std::str::from_utf8(received).map_err(|_| WRONG)?;
        let field = |key: &str| first.split(',').find_map(|part| part.strip_prefix(key)).ok_or(WRONG);
        let nonce = field("r=")?;
        let salt = STANDARD.decode(field("s=")?).map_err(|_| WRONG)?;
        let rounds: u32 = field("i=")?.parse().map_err(|_| WRONG)?;
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() {
            return Err(Broken("the server's nonce does not continue ours"));
        }
        if !(4_096..=ROUNDS_MAX).contains(&rounds) {
            return Err(Broken("the server asks for too few or too many rounds"));
        }
        let salted: [u8; 32] =
            pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(self.password.as_bytes(), &salt, rounds);
        let client_key = sign(&salted, b"Client Key");
        let stored = Sha256::digest(&client_key);
        let last = format!("c=biws,r={nonce}");
        let signed = format!("{},{first},{last}", self.first_bare());
        let signature = sign(&stored, signed.as_bytes());
        self.server_signature = Some(sign(&sign(&salted, b"Server Key"), signed.as_bytes()));
        let proof: Vec<u8> =
            client_key.iter().zip(&signature).map(|(key, signature)| key ^ signature).collect();
        Ok(format!("{last},p={}", STANDARD.encode(proof)).into_bytes())
    }
}

fn sign(key: &[u8], message: &[u8]) -> Vec<u8> {
    // HMAC takes keys of any length, so there is nothing to fail.
    Hmac::<Sha256>::new_from_slice(key).map_or_else(
        |_| Vec::new(),
        |mut mac| {
            mac.update(message);
            mac.finalize().into_bytes().to_vec()
        },
    )
}

fn chunks(payload: &[u8]) -> Vec<String> {
    let text = STANDARD.encode(payload);
    let mut out: Vec<String> =
        text.as_bytes().chunks(CHUNK).map(|chunk| String::from_utf8_lossy(chunk).into_owned()).collect();
    if out.last().is_none_or(|last| last.len() == CHUNK) {
        out.push("+".to_owned());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(mechanism: Mechanism, username: &str, password: &str) -> Exchange {
        Exchange::new(&Sasl { mechanism, username: username.into(), password: password.into() }, 0xabc)
    }

    #[test]
    fn plain_and_external() {
        let mut plain = exchange(Mechanism::Plain, "samebot", "hunter2");
        assert_eq!(plain.answer("+"), Ok(vec![STANDARD.encode("samebot\0samebot\0hunter2")]));
        assert_eq!(exchange(Mechanism::External, "", "").answer("+"), Ok(vec!["+".to_owned()]));
    }

    #[test]
    fn a_full_last_chunk_is_followed_by_an_empty_one() {
        assert_eq!(chunks(&[0; 300]).iter().map(String::len).collect::<Vec<_>>(), [400, 1]);
        assert_eq!(chunks(&[0; 301]).iter().map(String::len).collect::<Vec<_>>(), [400, 4]);
    }

    /// The example of RFC 7677, section 3.
    #[test]
    fn scram_as_in_the_rfc() {
        let mut scram = exchange(Mechanism::ScramSha256, "user", "pencil");
        scram.nonce = "rOprNGfwEbeRWgbNEkqO".into();
        assert_eq!(scram.answer("+"), Ok(vec![STANDARD.encode("n,,n=user,r=rOprNGfwEbeRWgbNEkqO")]));
        let challenge =
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        let proof = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
        assert_eq!(scram.answer(&STANDARD.encode(challenge)), Ok(vec![STANDARD.encode(proof)]));
        let last = STANDARD.encode("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
        assert_eq!(scram.answer(&last), Ok(vec!["+".to_owned()]));
    }

    #[test]
    fn a_server_that_cheats_is_found_out() {
        let mut scram = exchange(Mechanism::ScramSha256, "user", "pencil");
        scram.answer("+").expect("first");
        assert!(scram.answer(&STANDARD.encode("r=other,s=W22Z,i=4096")).is_err());
        assert!(exchange(Mechanism::Plain, "a", "b").answer("%%%").is_err());
    }
}
