//! Keyed digests and the names derived from them.

use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use sha2::Sha256;

use crate::engine::Engine;
use crate::record;

impl Engine {
    /// A short name for something, that only its own ids decide.
    pub(crate) fn token<T: Serialize>(&self, value: &T) -> u64 {
        let digest = self.digest(value);
        let mut token = [0; 8];
        token.copy_from_slice(&digest[..8]);
        u64::from_be_bytes(token)
    }

    /// A keyed digest of what somebody wrote.
    pub(crate) fn digest<T: Serialize>(&self, value: &T) -> [u8; 16] {
        self.digest_bytes(&record::encode(value))
    }

    pub(crate) fn digest_bytes(&self, bytes: &[u8]) -> [u8; 16] {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.setup.digest_key).expect("HMAC takes keys of any length");
        mac.update(bytes);
        let full = mac.finalize().into_bytes();
        let mut digest = [0; 16];
        digest.copy_from_slice(&full[..16]);
        digest
    }
}
