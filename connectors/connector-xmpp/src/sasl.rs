//! Logging in: SCRAM (RFC 5802, RFC 7677, channel binding after RFC 5929 and RFC 9266) and PLAIN (RFC 4616).
//!
//! Pure: bytes in, bytes out. Does not know about streams.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;

/// The most rounds of hashing that a server may ask of us.
const MAX_ROUNDS: u32 = 1_000_000;

/// The hash of a SCRAM mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hash {
    /// SCRAM-SHA-1.
    Sha1,
    /// SCRAM-SHA-256.
    Sha256,
}

/// A mechanism to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mechanism {
    /// Salted challenge and response; `plus` ties it to the TLS connection.
    Scram {
        /// The hash.
        hash: Hash,
        /// Whether the TLS connection is bound in.
        plus: bool,
    },
    /// The password itself; only under TLS.
    Plain,
}

impl Mechanism {
    /// The registered name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Scram { hash: Hash::Sha1, plus: false } => "SCRAM-SHA-1",
            Self::Scram { hash: Hash::Sha1, plus: true } => "SCRAM-SHA-1-PLUS",
            Self::Scram { hash: Hash::Sha256, plus: false } => "SCRAM-SHA-256",
            Self::Scram { hash: Hash::Sha256, plus: true } => "SCRAM-SHA-256-PLUS",
            Self::Plain => "PLAIN",
        }
    }
}

/// What ties a login to its TLS connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Binding {
    /// The registered type, such as `tls-exporter`.
    pub(crate) kind: &'static str,
    /// The bytes that both ends know.
    pub(crate) bytes: Vec<u8>,
}

/// Why logging in failed on our side.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SaslError {
    /// Nothing that the server offers may be used.
    #[error("the server offers no way to log in that is safe here (it offers {0})")]
    NoMechanism(String),
    /// The server's messages make no sense.
    #[error("the server's login messages can't be understood: {0}")]
    BadChallenge(&'static str),
    /// The server doesn't know the password either.
    #[error("the server could not prove that it knows the password")]
    NotTheServer,
}

/// The strongest mechanism of those offered.
///
/// # Errors
/// When there is none that is safe.
pub(crate) fn choose(offered: &[String], encrypted: bool, bound: bool) -> Result<Mechanism, SaslError> {
    let order = [
        Mechanism::Scram { hash: Hash::Sha256, plus: true },
        Mechanism::Scram { hash: Hash::Sha1, plus: true },
        Mechanism::Scram { hash: Hash::Sha256, plus: false },
        Mechanism::Scram { hash: Hash::Sha1, plus: false },
        Mechanism::Plain,
    ];
    order
        .into_iter()
        .filter(|mechanism| match mechanism {
            Mechanism::Scram { plus, .. } => bound || !plus,
            Mechanism::Plain => encrypted,
        })
        .find(|mechanism| offered.iter().any(|name| name == mechanism.name()))
        .ok_or_else(|| {
            SaslError::NoMechanism(if offered.is_empty() { "nothing".into() } else { offered.join(", ") })
        })
}

/// The one message of PLAIN.
pub(crate) fn plain(user: &str, password: &str) -> String {
    STANDARD.encode(format!("\0{user}\0{password}"))
}

/// One SCRAM exchange.
pub(crate) struct Scram {
    hash: Hash,
    password: String,
    gs2: String,
    binding: Vec<u8>,
    first_bare: String,
    nonce: String,
    server_signature: Vec<u8>,
}

impl Scram {
    /// Starts with a fresh nonce. `offered_plus` says whether the server offered any channel binding at all.
    pub(crate) fn new(
        hash: Hash,
        user: &str,
        password: &str,
        nonce: &str,
        binding: Option<&Binding>,
        could_bind: bool,
    ) -> Self {
        let gs2 = match binding {
            Some(binding) => format!("p={},,", binding.kind),
            // "We could, but you did not offer it": lets the server find out who removed its offer.
            None if could_bind => "y,,".into(),
            None => "n,,".into(),
        };
        let name = user.replace('=', "=3D").replace(',', "=2C");
        Self {
            hash,
            password: password.into(),
            gs2,
            binding: binding.map(|binding| binding.bytes.clone()).unwrap_or_default(),
            first_bare: format!("n={name},r={nonce}"),
            nonce: nonce.into(),
            server_signature: Vec::new(),
        }
    }

    /// The first message, encoded.
    pub(crate) fn first(&self) -> String {
        STANDARD.encode(format!("{}{}", self.gs2, self.first_bare))
    }

    /// The answer to the server's challenge, both encoded.
    ///
    /// # Errors
    /// When the challenge is not one.
    pub(crate) fn answer(&mut self, challenge: &str) -> Result<String, SaslError> {
        let bad = SaslError::BadChallenge;
        let challenge = decode_text(challenge)?;
        let (mut nonce, mut salt, mut rounds) = (None, None, None);
        for field in challenge.split(',') {
            match field.split_once('=') {
                Some(("r", value)) => nonce = Some(value),
                Some(("s", value)) => salt = STANDARD.decode(value).ok(),
                Some(("i", value)) => rounds = value.parse::<u32>().ok(),
                Some(("m", _)) => return Err(bad("an unknown extension is required")),
                _ => {}
            }
        }
        let nonce = nonce.filter(|nonce| nonce.len() > self.nonce.len() && nonce.starts_with(&self.nonce));
        let nonce = nonce.ok_or(bad("the nonce is not ours"))?;
        let salt = salt.ok_or(bad("no salt"))?;
        let rounds =
            rounds.filter(|rounds| (1..=MAX_ROUNDS).contains(rounds)).ok_or(bad("unusable rounds"))?;

        let mut bound = self.gs2.clone().into_bytes();
        bound.extend_from_slice(&self.binding);
        let without_proof = format!("c={},r={nonce}", STANDARD.encode(bound));
        let signed = format!("{},{challenge},{without_proof}", self.first_bare);

        let salted = self.salted(&salt, rounds);
        let client_key = self.mac(&salted, b"Client Key");
        let stored_key = match self.hash {
            Hash::Sha1 => Sha1::digest(&client_key).to_vec(),
            Hash::Sha256 => Sha256::digest(&client_key).to_vec(),
        };
        let signature = self.mac(&stored_key, signed.as_bytes());
        let proof: Vec<u8> = client_key.iter().zip(&signature).map(|(key, sign)| key ^ sign).collect();
        let server_key = self.mac(&salted, b"Server Key");
        self.server_signature = self.mac(&server_key, signed.as_bytes());
        Ok(STANDARD.encode(format!("{without_proof},p={}", STANDARD.encode(proof))))
    }

    /// Checks that the server knows the password too.
    ///
    /// # Errors
    /// When it does not.
    pub(crate) fn verify(&self, success: &str) -> Result<(), SaslError> {
        let success = decode_text(success)?;
        let signature = success.split(',').find_map(|field| field.strip_prefix("v="));
        let signature = signature.and_then(|value| STANDARD.decode(value).ok()).unwrap_or_default();
        if !self.server_signature.is_empty() && bool::from(signature.ct_eq(&self.server_signature)) {
            Ok(())
        } else {
            Err(SaslError::NotTheServer)
        }
    }

    fn salted(&self, salt: &[u8], rounds: u32) -> Vec<u8> {
        match self.hash {
            Hash::Sha1 => {
                pbkdf2::pbkdf2_hmac_array::<Sha1, 20>(self.password.as_bytes(), salt, rounds).to_vec()
            }
            Hash::Sha256 => {
                pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(self.password.as_bytes(), salt, rounds).to_vec()
            }
        }
    }

    fn mac(&self, key: &[u8], message: &[u8]) -> Vec<u8> {
        // An HMAC key may have any length, so making one can't fail.
        match self.hash {
            Hash::Sha1 => Hmac::<Sha1>::new_from_slice(key)
                .map(|mac| mac.chain_update(message).finalize().into_bytes().to_vec())
                .unwrap_or_default(),
            Hash::Sha256 => Hmac::<Sha256>::new_from_slice(key)
                .map(|mac| mac.chain_update(message).finalize().into_bytes().to_vec())
                .unwrap_or_default(),
        }
    }
}

fn decode_text(encoded: &str) -> Result<String, SaslError> {
    let bytes = STANDARD.decode(encoded.trim()).map_err(|_| SaslError::BadChallenge("not base64"))?;
    String::from_utf8(bytes).map_err(|_| SaslError::BadChallenge("not text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(text: &str) -> String {
        STANDARD.encode(text)
    }

    #[test]
    fn sha_1_follows_the_example_of_rfc_5802() {
        let mut scram = Scram::new(Hash::Sha1, "user", "pencil", "fyko+d2lbbFgONRv9qkxdawL", None, false);
        assert_eq!(scram.first(), encode("n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL"));
        let answer = scram
            .answer(&encode("r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096"))
            .expect("a challenge");
        assert_eq!(
            answer,
            encode("c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=")
        );
        scram.verify(&encode("v=rmF9pqV8S7suAoZWja4dJRkFsKQ=")).expect("the server's proof");
        assert!(matches!(scram.verify(&encode("v=AAAA")), Err(SaslError::NotTheServer)));
    }

    #[test]
    fn sha_256_follows_the_example_of_rfc_7677() {
        let mut scram = Scram::new(Hash::Sha256, "user", "pencil", "rOprNGfwEbeRWgbNEkqO", None, false);
        let challenge =
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        let answer = scram.answer(&encode(challenge)).expect("a challenge");
        assert_eq!(
            answer,
            encode(
                "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
            )
        );
        scram.verify(&encode("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")).expect("the server's proof");
    }

    #[test]
    fn a_server_that_does_not_play_along_is_refused() {
        for challenge in [
            "r=other,s=QSXCR+Q6sek8bf92,i=1",
            "r=abcd,i=1",
            "r=abcd,s=QQ==,i=0",
            "r=abcd,s=QQ==,i=99999999",
            "m=x,r=abcd,s=QQ==,i=1",
            "",
        ] {
            let mut scram = Scram::new(Hash::Sha1, "u", "p", "abc", None, false);
            assert!(scram.answer(&encode(challenge)).is_err(), "{challenge}");
            assert!(scram.verify(&encode("v=")).is_err());
        }
    }

    #[test]
    fn the_strongest_safe_mechanism_is_chosen() {
        let check = |offered: &str, encrypted, bound, expected: Option<&str>| {
            let offered: Vec<String> = offered.split(' ').map(str::to_owned).collect();
            assert_eq!(choose(&offered, encrypted, bound).ok().map(Mechanism::name), expected);
        };
        check("PLAIN SCRAM-SHA-1 SCRAM-SHA-256 SCRAM-SHA-1-PLUS", true, true, Some("SCRAM-SHA-1-PLUS"));
        check("PLAIN SCRAM-SHA-1 SCRAM-SHA-256 SCRAM-SHA-1-PLUS", true, false, Some("SCRAM-SHA-256"));
        check("PLAIN SCRAM-SHA-1", false, false, Some("SCRAM-SHA-1"));
        check("PLAIN", true, false, Some("PLAIN"));
        check("PLAIN", false, false, None);
        check("EXTERNAL DIGEST-MD5", true, true, None);
    }

    #[test]
    fn names_can_not_add_fields() {
        let scram = Scram::new(Hash::Sha1, "a,r=x=", "p", "n", None, true);
        assert_eq!(scram.first(), encode("y,,n=a=2Cr=3Dx=3D,r=n"));
    }
}
