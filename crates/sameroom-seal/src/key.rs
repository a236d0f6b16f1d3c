//! Keys and what they do: seal and open, derive another key by purpose, make a keyed digest.
//!
//! Sealing is XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) with a random 24-byte nonce; deriving and digests are
//! HMAC-SHA256 (RFC 2104).

use std::fmt;

use chacha20poly1305::{AeadInOut, KeyInit as _, Tag, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::Entropy;

/// Bytes that sealing adds: the nonce before the text, the tag behind it.
pub const OVERHEAD_BYTES: usize = NONCE_BYTES + TAG_BYTES;

const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;

/// Why something sealed did not open: another key, other associated data, or changed bytes. They can't be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("sealed with another key, or damaged")]
pub struct OpenError;

/// A key of 32 bytes for one purpose. Never printed, wiped from memory when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Key([u8; Key::BYTES]);

impl Key {
    /// The length of a key.
    pub const BYTES: usize = 32;

    /// Takes a key's bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// The key's bytes, for wrapping them with another key.
    #[must_use]
    pub const fn expose(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// Makes a random key.
    pub fn random(entropy: &mut dyn Entropy) -> Self {
        let mut key = Self([0; Self::BYTES]);
        entropy.fill(&mut key.0);
        key
    }

    /// The key for a narrower purpose. The same purpose gives the same key; nothing leads back from it.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> Self {
        Self(self.mac(&[b"sameroom key 1\0", purpose.as_bytes()]))
    }

    /// A keyed digest: tells whether two texts are the same without telling, to those who lack the key, what they are.
    #[must_use]
    pub fn digest(&self, bytes: &[u8]) -> [u8; 16] {
        let full = self.mac(&[b"sameroom digest 1\0", bytes]);
        let mut short = [0; 16];
        short.copy_from_slice(&full[..16]);
        short
    }

    /// Seals a text. `aad` is not stored but must be the same when opening: it ties the text to its place.
    pub fn seal(&self, entropy: &mut dyn Entropy, aad: &[u8], text: &[u8]) -> Vec<u8> {
        let mut sealed = Vec::with_capacity(text.len() + OVERHEAD_BYTES);
        self.seal_into(entropy, aad, text, &mut sealed);
        sealed
    }

    /// As [`Key::seal`], at the end of a buffer.
    ///
    /// # Panics
    /// For texts of more than 256 GiB, which the cipher can't take.
    pub fn seal_into(&self, entropy: &mut dyn Entropy, aad: &[u8], text: &[u8], out: &mut Vec<u8>) {
        let mut nonce = [0; NONCE_BYTES];
        entropy.fill(&mut nonce);
        out.extend_from_slice(&nonce);
        let start = out.len();
        out.extend_from_slice(text);
        let tag = self
            .cipher()
            .encrypt_inout_detached(&XNonce::from(nonce), aad, (&mut out[start..]).into())
            .expect("the text is shorter than the cipher's limit");
        out.extend_from_slice(&tag);
    }

    /// Opens what [`Key::seal`] made. Takes any bytes.
    ///
    /// # Errors
    /// When it was not sealed with this key and this `aad`, or was changed since.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
        let (nonce, rest) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(OpenError)?;
        let (text, tag) = rest.split_last_chunk::<TAG_BYTES>().ok_or(OpenError)?;
        let mut text = text.to_vec();
        self.cipher()
            .decrypt_inout_detached(&XNonce::from(*nonce), aad, text.as_mut_slice().into(), &Tag::from(*tag))
            .map_err(|_| OpenError)?;
        Ok(text)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&self.0.into())
    }

    fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The one key of an installation. It only derives others; losing it loses all that is sealed.
#[derive(Clone)]
pub struct MasterKey(Key);

impl MasterKey {
    /// Takes the key's bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Key::BYTES]) -> Self {
        Self(Key::from_bytes(bytes))
    }

    /// Makes a random one.
    pub fn random(entropy: &mut dyn Entropy) -> Self {
        Self(Key::random(entropy))
    }

    /// The key for a purpose: `"credentials"`, `"digest"`, `"log"` ...
    #[must_use]
    pub fn derive(&self, purpose: &str) -> Key {
        self.0.derive(purpose)
    }

    /// The key's bytes, for writing a new key down.
    pub(crate) const fn expose(&self) -> &[u8; Key::BYTES] {
        self.0.expose()
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert_eq, proptest};

    use super::*;
    use crate::SeededEntropy;

    fn key(seed: u64) -> Key {
        Key::random(&mut SeededEntropy::new(seed))
    }

    #[test]
    fn purposes_give_different_keys_and_digests() {
        let master = MasterKey::from_bytes([7; 32]);
        assert_eq!(master.derive("digest").digest(b"x"), master.derive("digest").digest(b"x"));
        assert_ne!(master.derive("digest").digest(b"x"), master.derive("other").digest(b"x"));
        assert_ne!(master.derive("digest").digest(b"x"), master.derive("digest").digest(b"y"));
    }

    #[test]
    fn does_not_print() {
        assert_eq!(format!("{:?} {:?}", MasterKey::from_bytes([1; 32]), key(1)), "*** ***");
    }

    #[test]
    fn the_same_text_is_sealed_differently_each_time() {
        let mut entropy = SeededEntropy::new(3);
        assert_ne!(key(1).seal(&mut entropy, b"", b"hi"), key(1).seal(&mut entropy, b"", b"hi"));
    }

    #[test]
    fn opens_only_with_its_key_its_place_and_all_its_bytes() {
        let sealed = key(1).seal(&mut SeededEntropy::new(3), b"place", b"hi");
        assert_eq!(key(1).open(b"place", &sealed), Ok(b"hi".to_vec()));
        assert_eq!(key(2).open(b"place", &sealed), Err(OpenError));
        assert_eq!(key(1).open(b"elsewhere", &sealed), Err(OpenError));
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(key(1).open(b"place", &changed), Err(OpenError), "byte {at}");
            assert_eq!(key(1).open(b"place", &sealed[..at]), Err(OpenError), "cut at {at}");
        }
    }

    /// Vector of draft-irtf-cfrg-xchacha-03, appendix A.3.1.
    #[test]
    fn agrees_with_the_published_vector() {
        let key = Key::from_bytes(std::array::from_fn(|i| 0x80 + u8::try_from(i).unwrap()));
        let mut sealed: Vec<u8> = (0x40..0x58).collect();
        sealed.extend(hex(concat!(
            "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb",
            "731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452",
            "2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9",
            "21f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780a",
            "cf49"
        )));
        let text = key.open(&hex("50515253c0c1c2c3c4c5c6c7"), &sealed);
        assert!(text.unwrap_or_default().starts_with(b"Ladies and Gentlemen of the class of '99"));
    }

    fn hex(text: &str) -> Vec<u8> {
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok()).unwrap();
        text.as_bytes().chunks(2).map(|pair| digit(pair[0]) * 16 + digit(pair[1])).collect()
    }

    proptest! {
        #[test]
        fn opening_any_bytes_never_panics(bytes: Vec<u8>, aad: Vec<u8>) {
            prop_assert_eq!(key(9).open(&aad, &bytes), Err(OpenError));
        }

        #[test]
        fn what_was_sealed_opens(seed in any::<u64>(), aad: Vec<u8>, text: Vec<u8>) {
            let mut entropy = SeededEntropy::new(seed);
            let key = Key::random(&mut entropy);
            let sealed = key.seal(&mut entropy, &aad, &text);
            prop_assert_eq!(sealed.len(), text.len() + OVERHEAD_BYTES);
            prop_assert_eq!(key.open(&aad, &sealed), Ok(text));
        }
    }
}
