//! The server's side of SCRAM-SHA-256. Implements RFC 5802 and RFC 7677, without channel binding.

use super::sasl::Step;
use crate::options::Account;
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// The least that RFC 7677 allows.
const ROUNDS: u32 = 4_096;

/// An exchange after the client's first message.
#[derive(Debug)]
pub(super) struct Scram {
    account: Account,
    salted: [u8; 32],
    nonce: String,
    /// What both sides sign, without the client's last part.
    signed: String,
    /// The proof was right; only the closing empty message is missing.
    proven: bool,
}

impl Scram {
    /// Reads the client's first message; gives the answer to it.
    pub(super) fn start(payload: &[u8], find: impl Fn(&str) -> Option<Account>) -> Option<(Self, Vec<u8>)> {
        let text = std::str::from_utf8(payload).ok()?;
        // Header "n,[a=authzid],": no channel binding.
        let mut parts = text.splitn(3, ',');
        let (binding, _authorize, bare) = (parts.next()?, parts.next()?, parts.next()?);
        if !matches!(binding, "n" | "y") {
            return None;
        }
        let name = attribute(bare, "n=")?.replace("=2C", ",").replace("=3D", "=");
        let client_nonce = attribute(bare, "r=")?;
        let account = find(&name)?;
        let mut random = [0_u8; 24];
        getrandom::fill(&mut random).ok()?;
        let nonce = format!("{client_nonce}{}", STANDARD.encode(random));
        // A salt made of the name is good enough where passwords are in the test's source.
        let salt = Sha256::digest(account.name.as_bytes());
        let salted: [u8; 32] =
            pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(account.password.as_bytes(), &salt, ROUNDS);
        let answer = format!("r={nonce},s={},i={ROUNDS}", STANDARD.encode(salt));
        let signed = format!("{bare},{answer}");
        Some((Self { account, salted, nonce, signed, proven: false }, answer.into_bytes()))
    }

    /// Reads the client's proof, then its empty last message.
    pub(super) fn next(&mut self, payload: &[u8]) -> Step {
        if self.proven {
            return if payload.is_empty() { Step::Done(self.account.name.clone()) } else { Step::Fail };
        }
        match self.verify(payload) {
            Some(answer) => {
                self.proven = true;
                Step::Continue(answer)
            }
            None => Step::Fail,
        }
    }

    fn verify(&self, payload: &[u8]) -> Option<Vec<u8>> {
        let text = std::str::from_utf8(payload).ok()?;
        let (without_proof, proof) = text.rsplit_once(",p=")?;
        if attribute(without_proof, "r=")? != self.nonce || attribute(without_proof, "c=").is_none() {
            return None;
        }
        let proof = STANDARD.decode(proof).ok()?;
        let signed = format!("{},{without_proof}", self.signed);
        let client_key = sign(&self.salted, b"Client Key")?;
        let signature = sign(&Sha256::digest(client_key), signed.as_bytes())?;
        let wanted: Vec<u8> = client_key.iter().zip(signature).map(|(key, mask)| key ^ mask).collect();
        if proof != wanted {
            return None;
        }
        let server_key = sign(&self.salted, b"Server Key")?;
        Some(format!("v={}", STANDARD.encode(sign(&server_key, signed.as_bytes())?)).into_bytes())
    }
}

fn attribute<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.split(',').find_map(|part| part.strip_prefix(name))
}

fn sign(key: &[u8], text: &[u8]) -> Option<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(text);
    Some(mac.finalize().into_bytes().into())
}
